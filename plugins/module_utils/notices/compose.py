# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a notice says, from the record of the run or, before there is one, from the run's facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from ..report.humanise import clean, moment, shorten
from ..report.text import headline, render_text, title
from .channel import Notice

ATTENTION_TOLD = 20
_TOLD = ("check", "subject", "host", "status", "message", "value", "unit", "threshold")
_FACTS = ("id", "system", "cadence", "work_class", "check_mode", "operator", "ticket", "started", "ended", "seconds")

Row = Mapping[str, Any]


def compose(event: str, *, record: Optional[Row], run: Row, note: str = "", report: str = "") -> Notice:
    """The notice of an event.

    event: start, finish or failure. record: of the run, where there is one. run: what is known of the run
    else, with the keys of the record's ``run``. note: a sentence to begin with.
    report: path or address of the report that a reader of the notice can open.
    """
    facts = {**run, **(record["run"] if record else {})}
    outcome = record["verdict"]["outcome"] if record else ("failed" if event == "failure" else "")
    text = _body(event, record=record, facts=facts, report=report)
    data: dict[str, Any] = {"run": {key: facts[key] for key in _FACTS if facts.get(key) not in (None, "")}}
    if record:
        data["sentence"] = record["verdict"]["sentence"]
        data["summary"] = record["summary"]
        data["attention"] = [
            {key: row[key] for key in _TOLD if key in row} for row in record["attention"][:ATTENTION_TOLD]
        ]
    if report:
        data["report"] = report
    return Notice(
        identity=re.sub("[^A-Za-z0-9._-]", "-", f"{facts.get('id') or 'run'}.{event}"),
        event=event,
        outcome=outcome,
        subject=shorten(_subject(event, record=record, facts=facts), 150),
        body="\n\n".join(part for part in (clean(note), text) if part) + "\n",
        data=data,
    )


def _subject(event: str, *, record: Optional[Row], facts: Row) -> str:
    name = _name(record, facts)
    plan = " (check mode)" if facts.get("check_mode") else ""
    if event == "start":
        return f"{name}: maintenance begins{plan}"
    if record:
        return headline(record) + plan
    return f"{name}: {'Failed' if event == 'failure' else 'maintenance has ended'}{plan}"


def _name(record: Optional[Row], facts: Row) -> str:
    if record:
        return title(record)
    parts = [str(facts[key]) for key in ("system", "cadence") if facts.get(key)]
    return clean(", ".join(parts) or facts.get("id") or "Maintenance run")


def _body(event: str, *, record: Optional[Row], facts: Row, report: str) -> str:
    if record:
        return render_text(record, report_path=report)
    first = {
        "start": "The maintenance run begins now.",
        "finish": "The maintenance run has ended.",
        "failure": "The maintenance run failed, and its record could not be written; see the controller.",
    }[event]
    lines = [first, ""]
    for key, label in (
        ("system", "System"),
        ("cadence", "Cadence"),
        ("work_class", "Class of work"),
        ("started", "Started"),
        ("operator", "Operator"),
        ("ticket", "Ticket"),
        ("controller", "Controller"),
        ("id", "Run"),
    ):
        if facts.get(key):
            value = moment(str(facts[key])) if key == "started" else clean(facts[key])
            lines.append(f"{label + ':':<15}{value}")
    if facts.get("check_mode"):
        lines += ["", "Check mode: nothing will be changed."]
    if report:
        lines += ["", f"Report: {clean(report)}"]
    return "\n".join(lines)
