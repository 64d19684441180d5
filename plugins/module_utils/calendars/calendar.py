# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module maintenance_calendar does: reads policy and records, says how things stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Optional
from zoneinfo import ZoneInfo

from ..clock import to_text
from ..errors import MaintenanceError
from ..glue import Outcome
from ..windows.times import parse_local, parse_zone, to_utc, when
from .judge import judge, row
from .slots import TICK, read_length
from .states import Known, Standing, stand
from .table import lines_of, render
from .tasks import TASK_SPEC, Task, find_task, read_tasks

# With less, nothing of the table could be read.
NARROWEST = 60
EVIDENCE_KEYS = ("procedure", "state", "moment", "run_id")
SIGN_OFF_KEYS = ("task", "occurrence", "by", "at", "evidence", "outcome")

ARGUMENTS: dict[str, Any] = {
    "tasks": {"type": "list", "elements": "dict", "required": True, "options": TASK_SPEC},
    "time_zone": {"type": "str", "required": True},
    "since": {"type": "str", "default": ""},
    "evidence": {"type": "list", "elements": "dict"},
    "sign_offs": {"type": "list", "elements": "dict"},
    "procedures": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "str", "default": ""},
    "until": {"type": "str", "default": ""},
    "sign_off": {
        "type": "dict",
        "options": {"task": {"type": "str", "required": True}, "occurrence": {"type": "str", "default": ""}},
    },
    "width": {"type": "int", "default": 112},
    "now": {"type": "str"},
}


def show(options: Mapping[str, Any], *, now: datetime) -> Outcome:
    """How every task stands, as findings, rows and table; and the occurrence that is to be signed off.

    Raises MaintenanceError where policy or records cannot be understood, or there is nothing to sign off.
    """
    zone = parse_zone(options["time_zone"], what="The option time_zone")
    if options["width"] < NARROWEST:
        raise MaintenanceError(f"The option width is {options['width']}: give the table {NARROWEST} columns or more.")
    tasks = read_tasks(options["tasks"], time_zone=options["time_zone"])
    known = Known(
        evidence=_rows(options["evidence"], keys=EVIDENCE_KEYS, option="evidence"),
        sign_offs=_rows(options["sign_offs"], keys=SIGN_OFF_KEYS, option="sign_offs"),
        procedures=frozenset(options["procedures"]),
        since=_since(options["since"], zone=zone),
    )
    standings = stand(tasks, known, now=now)
    chosen = _owned(standings, owner=options["owner"])
    until = _until(options["until"], zone=zone, now=now)
    details: dict[str, Any] = {
        "moment": to_text(now),
        "tasks": [row(standing) for standing in chosen],
        "table": render(lines_of(chosen, until=until, zone=zone), zone=zone, width=options["width"]),
    }
    if options["sign_off"]:
        details["sign_off"] = _to_sign(
            options["sign_off"], tasks=tasks, standings=standings, now=now, since=known.since
        )
    return Outcome(findings=judge(chosen, now=now), details=details)


def _rows(
    rows: Optional[Sequence[Mapping[str, Any]]], *, keys: Sequence[str], option: str
) -> Optional[Sequence[Mapping[str, Any]]]:
    for entry in rows or ():
        lacking = [key for key in keys if not isinstance(entry.get(key), str)]
        if lacking:
            raise MaintenanceError(f"An entry of the option {option} lacks {' and '.join(lacking)}: give {keys}.")
    return rows


def _since(text: str, *, zone: ZoneInfo) -> datetime:
    if not text:
        return datetime(1970, 1, 1, tzinfo=timezone.utc)
    local, _is_date = parse_local(text, what="The option since")
    return to_utc(local, zone)


def _until(text: str, *, zone: ZoneInfo, now: datetime) -> Optional[datetime]:
    if not text:
        return None
    if text.upper().startswith("P"):
        return now + read_length(text, what="The option until")
    local, is_date = parse_local(text, what="The option until, where it is no duration such as P14D,")
    # A date takes in the whole of its day.
    until = to_utc(local + timedelta(days=1), zone) - TICK if is_date else to_utc(local, zone)
    if until < now:
        raise MaintenanceError(f"The option until, {text}, has passed: give a time that is to come, or P14D.")
    return until


def _owned(standings: Sequence[Standing], *, owner: str) -> list[Standing]:
    if not owner:
        return list(standings)
    chosen = [standing for standing in standings if standing.task.owner.casefold() == owner.casefold()]
    if not chosen:
        owners = ", ".join(sorted({standing.task.owner for standing in standings})) or "nobody"
        raise MaintenanceError(f"Nothing in the calendar belongs to {owner!r}: its owners are {owners}.")
    return chosen


def _to_sign(
    wish: Mapping[str, Any], *, tasks: Sequence[Task], standings: Sequence[Standing], now: datetime, since: datetime
) -> dict[str, Any]:
    task = find_task(tasks, wish["task"])
    standing = next(standing for standing in standings if standing.task.name == task.name)
    occurrence = (
        _named(task, wish["occurrence"], now=now) if wish["occurrence"] else _open(standing, now=now, since=since)
    )
    return {"task": task.name, "title": task.title, "owner": task.owner, "occurrence": to_text(occurrence)}


def _open(standing: Standing, *, now: datetime, since: datetime) -> datetime:
    """The occurrence that is open; where none is, the one that may be done early, or else the latest."""
    if standing.missed_from is not None and standing.occurrence is not None:
        return standing.occurrence
    early = standing.task.occurrence_for(now)
    # A slot that policy does not ask for is meant only by who names it.
    if early is None or early < since:
        begins = when(standing.following, standing.task.slots.zone) if standing.following else "never"
        raise MaintenanceError(
            f"Nothing of the task {standing.task.name} is due yet (it begins {begins}): there is nothing to sign off."
        )
    return early


def _named(task: Task, text: str, *, now: datetime) -> datetime:
    """The occurrence that a person named by its day or its local time."""
    local, is_date = parse_local(text, what="The occurrence")
    begin = to_utc(local, task.slots.zone)
    end = to_utc(local + timedelta(days=1), task.slots.zone) - TICK if is_date else begin
    found = task.slots.between(begin, end)
    if len(found) != 1:
        wrong = "several times" if found else "at no time"
        last, following = task.slots.latest(begin), task.slots.following(begin)
        near = " and ".join(f"{slot.astimezone(task.slots.zone):%Y-%m-%dT%H:%M}" for slot in (last, following) if slot)
        raise MaintenanceError(f"The task {task.name} is due {wrong} on {text}: its slots nearby are {near}.")
    if found[0] - task.early > now:
        raise MaintenanceError(
            f"The task {task.name} of {text} lies ahead: it can be signed off from "
            f"{when(found[0] - task.early, task.slots.zone)}, when it may be done."
        )
    return found[0]
