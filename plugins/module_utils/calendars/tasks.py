# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task of the calendar, as policy says it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional

from ..errors import MaintenanceError
from .slots import Slots, read_length, read_slots

AUTOMATED = "automated"
MANUAL = "manual"
EXTERNAL = "external"
WORK = (AUTOMATED, MANUAL, EXTERNAL)
ENTRIES = ("main", "check")
# A timer may fire, or a person begin, a little before the slot; where slots are close together, that would blur them.
EARLY = timedelta(hours=1)
EARLY_FROM = timedelta(hours=20)

_WANTED = {"owner": "who answers for it", "cadence": "how often it is done, such as weekly"}

TASK_SPEC: dict[str, Any] = {
    "task": {"type": "str", "required": True},
    "title": {"type": "str", "default": ""},
    "cadence": {"type": "str", "required": True},
    "rule": {"type": "str", "required": True},
    "start": {"type": "str", "required": True},
    "time_zone": {"type": "str", "default": ""},
    "duration": {"type": "str", "default": ""},
    "owner": {"type": "str", "required": True},
    "work": {"type": "str", "choices": list(WORK), "required": True},
    "procedure": {"type": "str", "default": ""},
    "entry": {"type": "str", "choices": list(ENTRIES), "default": "check"},
    "evidence": {"type": "str", "default": ""},
    "grace": {"type": "str", "default": ""},
    "early": {"type": "str", "default": ""},
    "critical_after": {"type": "str", "default": ""},
    "checklist": {"type": "list", "elements": "str", "default": []},
    "controls": {"type": "list", "elements": "str", "default": []},
    "source": {"type": "str", "default": ""},
}


@dataclass(frozen=True)
class Task:
    """What has to be done, when, by whom, and what proves it.

    grace: how long an occurrence is due before it is overdue; None for until the next one.
    early: how long before its start an occurrence may be done.
    critical_after: how long it may be overdue; None for its own interval.
    """

    name: str
    title: str
    cadence: str
    slots: Slots
    duration: timedelta
    owner: str
    work: str
    procedure: str
    entry: str
    evidence: str
    grace: Optional[timedelta]
    early: timedelta
    critical_after: Optional[timedelta]
    checklist: tuple[str, ...]
    controls: tuple[str, ...]
    source: str

    def deadline(self, occurrence: datetime) -> Optional[datetime]:
        """When this occurrence is overdue; None where the last of all may wait for ever."""
        return self.slots.following(occurrence) if self.grace is None else occurrence + self.grace

    def occurrence_for(self, moment: datetime) -> Optional[datetime]:
        """The occurrence that work at this moment counts for: the last one that could have begun."""
        return self.slots.latest(moment + self.early)


def read_tasks(entries: Sequence[Mapping[str, Any]], *, time_zone: str) -> list[Task]:
    """Every task of the policy, checked.

    time_zone: of tasks that name none. Raises MaintenanceError that names the task and what is wrong with it.
    """
    seen: set[str] = set()
    tasks = []
    for entry in entries:
        name = entry["task"]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise MaintenanceError(
                f"The calendar's task {name!r} needs a name made of letters, digits, dots, hyphens and underscores."
            )
        if name in seen:
            raise MaintenanceError(f"The calendar has two tasks named {name}: give one of them another name.")
        seen.add(name)
        for key in ("owner", "cadence"):
            if not entry[key].strip():
                raise MaintenanceError(f"The calendar's task {name} has an empty {key}: say {_WANTED[key]}.")
        tasks.append(_task(entry, time_zone=time_zone))
    return tasks


def _task(entry: Mapping[str, Any], *, time_zone: str) -> Task:
    what = f"The calendar's task {entry['task']}"
    procedure = entry.get("procedure") or ""
    if entry["work"] == AUTOMATED and not procedure:
        raise MaintenanceError(f"{what} is automated: it needs the procedure that does it (procedure).")
    zone = entry.get("time_zone") or time_zone
    slots = read_slots(rule=entry["rule"], start=entry["start"], time_zone=zone, what=what)
    early = _optional(entry, "early", what=what)
    return Task(
        name=entry["task"],
        title=entry.get("title") or entry["task"],
        cadence=entry["cadence"],
        slots=slots,
        duration=_optional(entry, "duration", what=what) or timedelta(0),
        owner=entry["owner"],
        work=entry["work"],
        procedure=procedure,
        entry=entry.get("entry") or "check",
        evidence=entry.get("evidence") or "",
        grace=_optional(entry, "grace", what=what),
        early=_usual_early(slots) if early is None else early,
        critical_after=_optional(entry, "critical_after", what=what),
        checklist=tuple(entry.get("checklist") or ()),
        controls=tuple(entry.get("controls") or ()),
        source=entry.get("source") or "",
    )


def _optional(entry: Mapping[str, Any], option: str, *, what: str) -> Optional[timedelta]:
    return read_length(entry[option], what=f"{what}: its {option}") if entry.get(option) else None


def _usual_early(slots: Slots) -> timedelta:
    return EARLY if slots.closest() >= EARLY_FROM else timedelta(0)


def find_task(tasks: Iterable[Task], name: str) -> Task:
    """The task of that name. Raises MaintenanceError, with the names that look like it, where there is none."""
    by_name = {task.name: task for task in tasks}
    if name in by_name:
        return by_name[name]
    alike = difflib.get_close_matches(name, by_name, n=3)
    hint = f"did you mean {' or '.join(alike)}?" if alike else "print the calendar to see the names."
    raise MaintenanceError(f"The calendar has no task {name!r}: {hint}")
