# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calendar as a table of plain text, in the order of time."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional
from zoneinfo import ZoneInfo

from ..windows.times import span
from .states import DONE, DUE, OVERDUE, UPCOMING, Proof, Standing
from .tasks import EARLY_FROM

HEAD = ("STATE", "DUE", "TASK", "OWNER", "CADENCE", "TAKES", "WORK")
# No column is wider; what does not fit goes on below.
WIDEST = (9, 20, 34, 16, 13, 9, 9)
GAP = "  "
# Names and owners give way down to here. Where that does not do, what stands behind the name goes on below.
LEAST = {"TASK": 24, "OWNER": 12, "CADENCE": 9}
FIRST = HEAD.index("TASK") + 1
INDENT = " " * (WIDEST[0] + len(GAP))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NEVER = "not any more"


@dataclass(frozen=True)
class Line:
    """A line of the calendar: a task at one of its slots."""

    due: Optional[datetime]
    state: str
    standing: Standing
    note: str


def lines_of(standings: Sequence[Standing], *, until: Optional[datetime], zone: ZoneInfo) -> list[Line]:
    """Each task once, at the slot that is open or the next one; up to ``until``, every slot.

    Tasks that recur several times a day stay one line.
    """
    lines = [line for standing in standings for line in _of(standing, until=until, zone=zone)]
    last = datetime.max.replace(tzinfo=zone)
    return sorted(lines, key=lambda line: (line.due or last, line.standing.task.name))


def _of(standing: Standing, *, until: Optional[datetime], zone: ZoneInfo) -> Iterator[Line]:
    due = standing.due
    if until is None or due is None or due <= until:
        yield Line(due=due, state=standing.state, standing=standing, note=_note(standing, zone=zone))
    begin = standing.following
    if until is None or begin is None or begin > until or standing.task.slots.closest() < EARLY_FROM:
        return
    for slot in standing.task.slots.between(begin, until):
        if slot != due:
            yield Line(due=slot, state=UPCOMING, standing=standing, note="")


def _note(standing: Standing, *, zone: ZoneInfo) -> str:
    task, proof = standing.task, standing.proof
    wanted = f"Evidence: {task.evidence.rstrip('.')}." if task.evidence else ""
    if standing.state == DONE and proof:
        return f"Done {_proof(proof, zone=zone)}. {wanted}".strip()
    failed = f"Failed {_proof(standing.failed, zone=zone)}." if standing.failed else ""
    last = f"Last done {_proof(proof, zone=zone)}." if proof else ""
    missing = f"There is no procedure {task.procedure}." if standing.state == "uncovered" else ""
    # Whoever is to do it, or to sign that it was done, reads here what belongs to it.
    listed = "; ".join(item.rstrip(".") for item in task.checklist) if standing.state in (DUE, OVERDUE) else ""
    checklist = f"Checklist: {listed}." if listed else ""
    return " ".join(part for part in (failed, missing, last, checklist, wanted) if part)


def _proof(proof: Proof, *, zone: ZoneInfo) -> str:
    who = f"by the run {proof.by}" if proof.kind == "run" else f"by {proof.by}, {proof.text}"
    return f"{_moment(proof.at, zone)} {who}".rstrip(". ")


def render(lines: Sequence[Line], *, zone: ZoneInfo, width: int) -> list[str]:
    """The table, no line longer than ``width``."""
    if not lines:
        return ["The calendar has no task here."]
    cells = [_cells(line, zone=zone) for line in lines]
    widths = _widths([HEAD, *cells], width=width)
    columns = len(HEAD) if _needed(widths) <= width else FIRST
    widths = _widths([HEAD[:columns], *(row[:columns] for row in cells)], width=width)
    table = list(_row(HEAD[:columns], widths))
    for line, row in zip(lines, cells):
        table.extend(_row(row[:columns], widths))
        below = ", ".join(filter(None, row[columns:]))
        note = " ".join(filter(None, (below and f"{below}.", line.note)))
        table.extend(
            textwrap.wrap(note, width=width, initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False)
        )
    return [*table, "", f"Times are those of {zone}."]


def _needed(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _widths(rows: Sequence[Sequence[str]], *, width: int) -> list[int]:
    """As wide as what is in them, less where the line has no room for all; names and owners give way."""
    widths = [min(most, max(map(len, column))) for most, column in zip(WIDEST, zip(*rows))]
    for name, least in LEAST.items():
        column = HEAD.index(name)
        if column < len(widths):
            too_much = max(0, _needed(widths) - width)
            widths[column] = max(min(widths[column], least), widths[column] - too_much)
    return widths


def _cells(line: Line, *, zone: ZoneInfo) -> tuple[str, ...]:
    task = line.standing.task
    return (
        line.state,
        _moment(line.due, zone),
        task.name,
        task.owner,
        task.cadence.replace("_", " ").replace("minutes", "min"),
        span(task.duration) if task.duration > timedelta(0) else "",
        task.work,
    )


def _moment(moment: Optional[datetime], zone: ZoneInfo) -> str:
    if moment is None:
        return NEVER
    local = moment.astimezone(zone)
    # Not strftime's names: those follow the locale.
    return f"{_DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M}"


def _row(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    parts = [textwrap.wrap(cell, width=width) or [""] for cell, width in zip(cells, widths)]
    for number in range(max(len(part) for part in parts)):
        row = [part[number] if number < len(part) else "" for part in parts]
        yield GAP.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
