# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calendar as iCalendar (RFC 5545). Made of policy alone, so that the same policy makes the same file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Optional
from zoneinfo import ZoneInfo

from ..errors import MaintenanceError
from ..files import text_of, write_atomic
from ..findings import Action
from ..glue import Outcome
from ..libraries import optional, require
from ..windows.policy import Window, parse_windows
from ..windows.recurrence import Recurrence
from ..windows.rules import WEEKDAYS
from ..windows.times import span
from .tasks import EARLY_FROM, TASK_SPEC, Task, read_tasks
from .zones import timezone_component

_icalendar: Any = optional("icalendar")

# Clock changes are written down for so many years; programs that know the zone by name need none.
YEARS = 20

ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "system": {"type": "str", "required": True},
    "tasks": {"type": "list", "elements": "dict", "required": True, "options": TASK_SPEC},
    "windows": {"type": "list", "elements": "dict", "default": []},
    "time_zone": {"type": "str", "required": True},
    "owner": {"type": "str", "default": ""},
    "sub_daily": {"type": "bool", "default": False},
    "mode": {"type": "str", "default": "0644"},
}


@dataclass(frozen=True)
class Entry:
    """What an event says of itself."""

    uid: str
    summary: str
    description: str
    recurrence: Recurrence
    duration: timedelta
    categories: tuple[str, ...]
    busy: bool


def export(options: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """Writes the file, where it does not say the same already.

    Raises MaintenanceError where policy cannot be understood or the file cannot be written.
    """
    require(_icalendar, "icalendar", package="python3-icalendar")
    if not options["system"]:
        raise MaintenanceError(
            "The option system is empty: give the platform's name, which is part of every event's UID."
        )
    tasks = read_tasks(options["tasks"], time_zone=options["time_zone"])
    chosen = [task for task in tasks if _wanted(task, options)]
    windows = parse_windows(options["windows"], time_zone=options["time_zone"])
    entries = [_of_task(task, system=options["system"]) for task in chosen]
    entries.extend(_of_window(window, system=options["system"]) for window in windows)
    content = render(entries, name=f"{options['system']} maintenance")
    return _write(options["path"], content, mode=_mode(options["mode"]), events=len(entries), check_mode=check_mode)


def _mode(text: str) -> int:
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise MaintenanceError(f"The option mode must be the permissions as digits such as '0644', not {text!r}.")
    return int(text, 8)


def _wanted(task: Task, options: Mapping[str, Any]) -> bool:
    if options["owner"] and task.owner.casefold() != options["owner"].casefold():
        return False
    return bool(options["sub_daily"]) or task.slots.closest() >= EARLY_FROM


def _of_task(task: Task, *, system: str) -> Entry:
    lines = [
        f"Task: {task.name}",
        f"Owner: {task.owner}",
        f"Work: {task.work}" + (f", procedure {task.procedure} ({task.entry})" if task.procedure else ""),
        f"Evidence: {task.evidence}" if task.evidence else "",
        f"Overdue: {span(task.grace)} after its start" if task.grace else "Overdue: at the next time",
        f"Source: {task.source}" if task.source else "",
        *(f"- {step}" for step in task.checklist),
    ]
    return Entry(
        uid=f"task-{task.name}@{system}.careops",
        summary=task.title,
        description="\n".join(line for line in lines if line),
        recurrence=task.slots.recurrence,
        duration=task.duration,
        categories=(task.cadence, task.work, task.owner),
        busy=task.work == "manual",
    )


def _of_window(window: Window, *, system: str) -> Entry:
    cadences = f"For: {', '.join(window.cadences)}" if window.cadences else "For: every cadence"
    return Entry(
        uid=f"window-{window.name.replace(' ', '-')}@{system}.careops",
        summary=f"Maintenance window {window.name} ({window.impact.replace('_', ' ')})",
        description="\n".join((f"Impact: {window.impact.replace('_', ' ')}", cadences)),
        recurrence=window.recurrence,
        duration=window.duration,
        categories=("maintenance window",),
        busy=False,
    )


def render(entries: Sequence[Entry], *, name: str) -> bytes:
    """The file. Whatever is the same comes out the same, byte for byte."""
    calendar = _icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//careops//maintenance calendar//EN")
    calendar.add("x-wr-calname", name)
    firsts = [(entry, first) for entry in entries if (first := entry.recurrence.first()) is not None]
    zones: dict[str, ZoneInfo] = {str(entry.recurrence.zone): entry.recurrence.zone for entry, _first in firsts}
    begin = min((first.year for _entry, first in firsts), default=0) - 1
    for zone in sorted(zones):
        if zone != "UTC":
            calendar.add_component(_zone(zones[zone], begin=begin))
    for entry, first in firsts:
        calendar.add_component(_event(entry, first=first))
    content: bytes = calendar.to_ical()
    return content


def _zone(zone: ZoneInfo, *, begin: int) -> Any:
    return timezone_component(_icalendar, zone, first=begin, last=begin + YEARS)


def _event(entry: Entry, *, first: datetime) -> Any:
    event = _icalendar.Event()
    event.add("uid", entry.uid)
    # When the text was made; a clock here would make every export another file.
    event.add("dtstamp", first.astimezone(timezone.utc))
    # The first occurrence: a DTSTART that the rule does not give means nothing certain (section 3.8.5.3).
    event.add("dtstart", first.astimezone(entry.recurrence.zone))
    if entry.duration:
        event.add("duration", entry.duration)
    rule = _rule(entry.recurrence)
    if rule is not None:
        event.add("rrule", rule)
    event.add("summary", entry.summary)
    event.add("description", entry.description)
    event.add("categories", list(entry.categories))
    event.add("transp", "OPAQUE" if entry.busy else "TRANSPARENT")
    return event


def _rule(recurrence: Recurrence) -> Optional[Any]:
    """The rule with everything said aloud that policy may leave to its start."""
    parts = recurrence.parts
    if parts is None:
        return None
    rule: dict[str, Any] = {"FREQ": parts.frequency}
    if parts.interval > 1:
        rule["INTERVAL"] = parts.interval
    if parts.count:
        rule["COUNT"] = parts.count
    if parts.until:
        rule["UNTIL"] = parts.until
    rule.update({name: list(values) for name, values in parts.numbers.items()})
    if parts.days:
        rule["BYDAY"] = [f"{number or ''}{WEEKDAYS[day]}" for day, number in parts.days]
    if parts.week_start:
        rule["WKST"] = WEEKDAYS[parts.week_start]
    return _icalendar.vRecur(rule)


def _write(path: str, content: bytes, *, mode: int, events: int, check_mode: bool) -> Outcome:
    before = text_of(path)
    # Lines end with CR LF there, and a reader in text mode hides that.
    text = content.decode().replace("\r\n", "\n")
    changed = before != text
    outcome = "done" if not check_mode else "planned"
    if changed and not check_mode:
        try:
            write_atomic(path, content, mode=mode)
        except OSError as error:
            raise MaintenanceError(
                f"The calendar cannot be written to {path} ({error.strerror}): give a path in a folder that exists."
            ) from None
    action = Action(
        action="export",
        target=path,
        changed=changed,
        outcome=outcome if changed else "skipped",
        reason="" if changed else "The file says the same already.",
        after={"events": events},
    )
    return Outcome(
        actions=[action],
        details={"path": path, "events": events},
        diff={"before": before, "after": text, "before_header": path, "after_header": path},
    )
