# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a notice says by itself, where no template says it in other words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..report.humanise import clean, moment

Row = Mapping[str, Any]

FIRST = {
    "start": "The maintenance run begins now.",
    "finish": "The maintenance run has ended.",
    "failure": "The maintenance run failed, and its record could not be written; see the controller.",
    "emergency": "Emergency maintenance is under way.",
    "approval": "Maintenance outside its window was approved.",
    "advance": "Maintenance is planned.",
    "reminder": "Maintenance is near.",
    "cancel": "Maintenance that was announced will not take place.",
    "escalation": "Nobody has answered in time, and it is your turn now.",
}
_TITLES = {
    "start": "maintenance begins",
    "finish": "maintenance has ended",
    "failure": "Failed",
    "emergency": "EMERGENCY maintenance",
    "approval": "maintenance outside its window was approved",
    "advance": "maintenance",
    "reminder": "reminder, maintenance",
    "cancel": "CANCELLED, maintenance",
    "escalation": "please answer",
}
# What the public reads on a status page: no hosts, no findings, no people.
PUBLIC = {
    "advance": "Maintenance of {system} is planned{when}.{impact}",
    "reminder": "Maintenance of {system} begins soon{when}.{impact}",
    "start": "Maintenance of {system} has begun{until}.{impact}",
    "finish": "Maintenance of {system} has ended.",
    "failure": "Maintenance of {system} is not finished as planned. We are working on it.",
    "emergency": "Urgent maintenance of {system} is under way.",
    "cancel": "The maintenance of {system} that was planned{when} will not take place.",
}
# The window's beginning belongs into their subjects.
_DATED = ("advance", "reminder", "cancel")


def subject_of(event: str, context: Row) -> str:
    """The subject of a notice for which there is no record."""
    said = _TITLES[event]
    window = context["window"]
    if event in _DATED:
        parts = (f"{said} {window['short']}", window["duration"], window["impact_words"])
        said = ", ".join(part for part in parts if part)
        if context["note"]:
            # Some channels carry the subject alone, and people have read another one before.
            said = f"CHANGED, {said}"
    elif event == "escalation":
        escalation = context["escalation"]
        said = "please answer" if escalation["first"] else f"NOBODY ANSWERED, level {escalation['level']}"
        said += f" within {escalation['within']}: {escalation['about']}"
    return f"{context['name']}: {said}{' (check mode)' if context['run']['check_mode'] else ''}"


def body_of(event: str, context: Row) -> str:
    """The text of a notice for which there is no record."""
    first = "Somebody has to answer this, and it is your turn." if context["escalation"]["first"] else FIRST[event]
    lines = [first, ""]
    lines += [f"{label + ':':<15}{value}" for label, value in _facts(event, context) if value]
    if context["run"]["check_mode"]:
        lines += ["", "Check mode: nothing will be changed."]
    lines += contact_lines(context)
    if context["acknowledge"]:
        lines += ["", "Say that you are on it:", f"  {context['acknowledge']}"]
    if context["report"]:
        lines += ["", f"Report: {context['report']}"]
    return "\n".join(lines)


def public_of(event: str, context: Row) -> tuple[str, str]:
    """Title and text for a status page."""
    system, window = context["run"]["system"] or "our services", context["window"]
    span = f" from {window['begins']} to {window['ends']}" if window["begins"] and window["ends"] else ""
    text = PUBLIC[event].format(
        system=system,
        when=span,
        until=f", until {window['ends']} at the latest" if window["ends"] else "",
        impact=f" Impact: {window['impact_words']}." if window["impact_words"] else "",
    )
    return f"{'Urgent maintenance' if event == 'emergency' else 'Maintenance'} of {system}", text


def contact_lines(context: Row) -> list[str]:
    """Whom to ask."""
    # At the beginning and the end of a run nobody has to be asked.
    people = context["contacts"] if context["event"] not in ("start", "finish") else []
    return ["", "Contacts:", *(f"  {person['line']}" for person in people)] if people else []


def _facts(event: str, context: Row) -> Iterator[tuple[str, str]]:
    run, window, approval, escalation = (context[key] for key in ("run", "window", "approval", "escalation"))
    yield "About", escalation["about"]
    yield "Level", f"{escalation['level']}, {escalation['role']}".rstrip(", ") if escalation["level"] else ""
    yield "Answer within", escalation["within"]
    yield "Since", moment(escalation["since"]) if escalation["since"] else ""
    yield "System", run["system"]
    yield "Window", window["name"]
    yield "Begins", window["begins"]
    yield "Ends", window["ends"] if event not in _DATED else ""
    yield "Duration", f"at most {window['duration']}" if window["duration"] and event in _DATED else ""
    yield "Impact", window["impact_words"]
    yield "Cadence", run["cadence"]
    yield "Class of work", run["work_class"]
    yield "Approved by", approval["by"]
    yield "Reason", approval["reason"]
    yield "Started", moment(run["started"]) if run["started"] else ""
    yield "Operator", run["operator"]
    yield "Ticket", run["ticket"]
    yield "Controller", run["controller"]
    yield "Run", run["id"]


def texts(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The row with every one of these names, clean, and empty where it has none."""
    given = row if isinstance(row, Mapping) else {}
    rest = {key: value for key, value in given.items() if key not in names}
    return {**rest, **{name: clean(given[name]) if given.get(name) not in (None, "", False) else "" for name in names}}
