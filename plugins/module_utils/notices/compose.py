# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a notice says, from the record of the run or, before there is one, from the run's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ..report.humanise import clean, shorten
from ..report.text import headline, render_text
from ..report.text import title as title_of
from .channel import Notice
from .facts import identifier, maintenance_of, people, window_facts
from .templates import Templates
from .wording import PUBLIC, body_of, contact_lines, public_of, subject_of, texts

ATTENTION_TOLD = 20
LONGEST_SUBJECT = 150
_TOLD = ("check", "subject", "host", "status", "message", "value", "unit", "threshold")
_FACTS = ("id", "system", "cadence", "work_class", "check_mode", "operator", "ticket", "started", "ended", "seconds")
_RUN = (*_FACTS, "controller")
_APPROVAL = ("by", "kind", "reason", "given_at")
_ESCALATION = ("level", "role", "about", "since", "notice", "within", "first")
# Events whose outcome is failed, whether or not there is a record.
_FAILED = ("failure",)

Row = Mapping[str, Any]


def compose(
    event: str,
    *,
    record: Optional[Row],
    run: Row,
    note: str = "",
    report: str = "",
    contacts: Sequence[Row] = (),
    escalation: Optional[Row] = None,
    acknowledge: str = "",
    identity: str = "",
    to: Optional[Mapping[str, Sequence[str]]] = None,
    templates: Optional[Templates] = None,
) -> Notice:
    """The notice of an event.

    event: one of arguments.EVENTS. record: of the run, where there is one. run: what is known of the run
    else, with the keys of the record's ``run``. note: a sentence to begin with.
    report: path or address of the report that a reader of the notice can open.
    contacts: people to ask. escalation: level, role, about, since. identity: by default that of run and event.
    acknowledge: the command by which a reader says that he is on it. to: whom it goes to, by kind of address.
    templates: the words of the house; where one is broken the notice says so in its ``faults`` and has ours.
    """
    facts = {**run, **(record["run"] if record else {})}
    outcome = record["verdict"]["outcome"] if record else ("failed" if event in _FAILED else "")
    identity = identity or identifier(f"{facts.get('id') or 'run'}.{event}")
    context: dict[str, Any] = {
        "event": event,
        "identity": identity,
        "outcome": outcome,
        "name": _name(record, facts),
        "run": texts(facts, _RUN),
        "window": window_facts(facts.get("window")),
        "approval": texts(facts.get("approval"), _APPROVAL),
        "escalation": texts(escalation, _ESCALATION),
        "contacts": people(contacts),
        "acknowledge": clean(acknowledge).replace("{identity}", identity),
        "note": clean(note),
        "report": clean(report),
        "record": record or {},
    }
    context["subject"] = _subject(event, record=record, context=context)
    context["text"] = _body(event, record=record, context=context)
    words = templates or Templates(())
    subject, body, faults = words.render(event, context, ours=(context["subject"], context["text"]))
    data = _data(record=record, facts=facts, context=context)
    if event in PUBLIC:
        title, text, more = words.render(f"{event}.public", context, ours=public_of(event, context))
        data["public"] = {"title": clean(title), "text": text}
        faults += [fault for fault in more if fault not in faults]
    return Notice(
        identity=identity,
        event=event,
        outcome=outcome,
        subject=shorten(clean(subject), LONGEST_SUBJECT),
        body="\n\n".join(part for part in (context["note"], body.strip("\n")) if part) + "\n",
        data=data,
        to={kind: list(addresses) for kind, addresses in (to or {}).items()},
        faults=faults,
    )


def _data(*, record: Optional[Row], facts: Row, context: Row) -> dict[str, Any]:
    """The same for machines."""
    data: dict[str, Any] = {
        "run": {key: facts[key] for key in _FACTS if facts.get(key) not in (None, "")},
        "maintenance": maintenance_of(facts),
    }
    if record:
        data["sentence"] = record["verdict"]["sentence"]
        data["summary"] = record["summary"]
        data["attention"] = [
            {key: row[key] for key in _TOLD if key in row} for row in record["attention"][:ATTENTION_TOLD]
        ]
    for key in ("window", "approval"):
        if isinstance(facts.get(key), Mapping) and facts[key]:
            # What proves an approval stays in the record.
            told = {name: value for name, value in facts[key].items() if name != "signed" and value not in (None, "")}
            data[key] = told
    if context["escalation"]["notice"]:
        data["escalation"] = {key: context["escalation"][key] for key in _ESCALATION}
    if context["report"]:
        data["report"] = context["report"]
    return data


def _subject(event: str, *, record: Optional[Row], context: Row) -> str:
    if record and event in ("finish", "failure"):
        return headline(record) + (" (check mode)" if context["run"]["check_mode"] else "")
    return subject_of(event, context)


def _name(record: Optional[Row], facts: Row) -> str:
    if record:
        return title_of(record)
    parts = [str(facts[key]) for key in ("system", "cadence") if facts.get(key)]
    return clean(", ".join(parts) or facts.get("id") or "Maintenance run")


def _body(event: str, *, record: Optional[Row], context: Row) -> str:
    if not record or event not in ("finish", "failure"):
        return body_of(event, context)
    lines = [render_text(record, report_path=context["report"]), *contact_lines(context)]
    if context["acknowledge"]:
        lines += ["", "Say that you are on it:", f"  {context['acknowledge']}"]
    return "\n".join(lines)
