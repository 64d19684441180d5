# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows and blackouts as the inventory writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..errors import MaintenanceError
from .recurrence import Recurrence, parse_recurrence
from .times import parse_duration, parse_local, parse_zone, to_utc

# From harmless to grave: what users may notice of the work.
IMPACTS = ("minimal", "possible_downtime", "planned_downtime")
BLOCKABLE = ("routine", "maintenance")
# Backups and expiring certificates do not wait for a freeze to end, unless policy says so.
_BLOCKED = ("maintenance",)

_WINDOW = ("name", "rule", "start", "time_zone", "duration", "impact", "cadences", "announce")
_BLACKOUT = ("name", "start", "end", "time_zone", "reason", "classes")
# With rules, an opening that is longer is a slip; without one it is how a window is always open.
LONGEST_RECURRING = timedelta(days=366)


@dataclass(frozen=True)
class Window:
    """When maintenance may happen. duration is elapsed time; cadences: those it is for, none means any."""

    name: str
    recurrence: Recurrence
    duration: timedelta
    impact: str
    cadences: tuple[str, ...] = ()
    announce: tuple[timedelta, ...] = ()

    def suits(self, *, cadence: str = "", impact: str = "") -> bool:
        """Whether it is for that cadence and permits that impact; an empty one asks for nothing."""
        if cadence and self.cadences and cadence not in self.cadences:
            return False
        return not impact or IMPACTS.index(self.impact) >= IMPACTS.index(impact)


@dataclass(frozen=True)
class Blackout:
    """When nothing of these classes may happen: from start, until just before end; UTC."""

    name: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    reason: str = ""
    classes: tuple[str, ...] = _BLOCKED


def parse_windows(rows: Any, *, time_zone: str = "UTC") -> list[Window]:
    """The windows of ``policy_windows``. time_zone: of those that name none. Raises MaintenanceError."""
    windows = [_window(row, time_zone=time_zone) for row in require_rows(rows, kind="window", known=_WINDOW)]
    _require_own_names([window.name for window in windows], kind="windows")
    return windows


def parse_blackouts(rows: Any, *, time_zone: str = "UTC") -> list[Blackout]:
    """The blackouts of ``policy_blackouts``. time_zone: of those that name none. Raises MaintenanceError."""
    blackouts = [_blackout(row, time_zone=time_zone) for row in require_rows(rows, kind="blackout", known=_BLACKOUT)]
    _require_own_names([blackout.name for blackout in blackouts], kind="blackouts")
    return blackouts


def require_impact(impact: Any, *, what: str) -> str:
    """The impact, where it is one. Raises MaintenanceError."""
    if impact not in IMPACTS:
        raise MaintenanceError(f"{what} must be one of {', '.join(IMPACTS)}, not {impact!r}.")
    return str(impact)


def _window(row: Mapping[str, Any], *, time_zone: str) -> Window:
    name = str(row["name"]).strip()
    of = f"of window {name!r}"
    zone = parse_zone(row.get("time_zone") or time_zone, what=f"The time_zone {of}")
    start, _bare = parse_local(_needed(row, "start", of=of), what=f"The start {of}")
    duration = parse_duration(_needed(row, "duration", of=of), what=f"The duration {of}")
    recurrence = parse_recurrence(row.get("rule"), start=start, zone=zone, what=f"The rule {of}")
    if recurrence.parts and recurrence.parts.frequency == "MINUTELY":
        raise MaintenanceError(
            f"The rule {of} recurs by the minute: a window needs time to work in, so write FREQ=HOURLY or FREQ=DAILY "
            "with BYHOUR and BYMINUTE."
        )
    if recurrence.parts and duration > LONGEST_RECURRING:
        raise MaintenanceError(
            f"The duration {of} is longer than a year: a window that recurs ends before; "
            "one that is open for good has no rule."
        )
    return Window(
        name=name,
        recurrence=recurrence,
        duration=duration,
        impact=require_impact(row.get("impact") or IMPACTS[0], what=f"The impact {of}"),
        cadences=texts(row.get("cadences"), what=f"The cadences {of}"),
        announce=tuple(
            parse_duration(lead, what=f"An announce {of}")
            for lead in texts(row.get("announce"), what=f"The announce {of}")
        ),
    )


def _blackout(row: Mapping[str, Any], *, time_zone: str) -> Blackout:
    name = str(row["name"]).strip()
    of = f"of blackout {name!r}"
    zone = parse_zone(row.get("time_zone") or time_zone, what=f"The time_zone {of}")
    start, _bare = parse_local(_needed(row, "start", of=of), what=f"The start {of}")
    end, bare = parse_local(_needed(row, "end", of=of), what=f"The end {of}")
    # An end that is a date is the last day of the blackout.
    first, last = to_utc(start, zone), to_utc(end + timedelta(days=1) if bare else end, zone)
    if last <= first:
        raise MaintenanceError(f"The end {of} is not after its start: {row['end']} and {row['start']}.")
    classes = texts(row.get("classes"), what=f"The classes {of}") or _BLOCKED
    for wrong in [one for one in classes if one not in BLOCKABLE]:
        raise MaintenanceError(f"The classes {of} take {' and '.join(BLOCKABLE)}, not {wrong!r}.")
    return Blackout(
        name=name, start=first, end=last, zone=zone, reason=str(row.get("reason") or "").strip(), classes=classes
    )


def require_rows(rows: Any, *, kind: str, known: Sequence[str]) -> list[Mapping[str, Any]]:
    """The mappings, each with a name and nothing in it that nobody reads."""
    if rows is None:
        return []
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Sequence):
        raise MaintenanceError(f"The {kind}s must be a list of mappings, each with a name, not {rows!r}.")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping) or not isinstance(row.get("name"), str) or not row["name"].strip():
            raise MaintenanceError(f"The {kind} number {number} must be a mapping with a name, not {row!r}.")
        for key in row:
            if key not in known:
                raise MaintenanceError(
                    f"The {kind} {row['name'].strip()!r} has the field {key}, which nobody reads: "
                    f"it takes {', '.join(known)}."
                )
    return list(rows)


def _needed(row: Mapping[str, Any], field: str, *, of: str) -> Any:
    value = row.get(field)
    if value is None or value == "":
        raise MaintenanceError(f"The {field} {of} is missing.")
    return value


def texts(value: Any, *, what: str) -> tuple[str, ...]:
    """A list of texts; one text alone counts as a list of one."""
    items = [value] if isinstance(value, str) else value
    if items is None:
        return ()
    if not isinstance(items, Sequence) or not all(isinstance(item, str) and item.strip() for item in items):
        raise MaintenanceError(f"{what} must be a list of texts, not {value!r}.")
    return tuple(item.strip() for item in items)


def _require_own_names(names: Sequence[str], *, kind: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise MaintenanceError(f"Two {kind} have the name {name!r}: give each its own, messages call them by it.")
