# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slots of a task: when it begins, asked from any moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional
from zoneinfo import ZoneInfo

from ..errors import MaintenanceError
from ..windows.recurrence import Recurrence, parse_recurrence
from ..windows.times import parse_duration, parse_local, parse_zone, to_utc

TICK = timedelta(microseconds=1)
# How far to look at first; each further look goes four times as far.
_LOOK = {
    "MINUTELY": timedelta(hours=4),
    "HOURLY": timedelta(days=2),
    "DAILY": timedelta(days=8),
    "WEEKLY": timedelta(days=30),
    "MONTHLY": timedelta(days=130),
    "YEARLY": timedelta(days=800),
}
_FURTHEST = timedelta(days=40 * 366)
_NEIGHBOURS = timedelta(days=2)


@dataclass(frozen=True)
class Slots:
    """A rule, its start and its zone. text: the rule as policy says it."""

    recurrence: Recurrence
    text: str

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the rule is read."""
        return self.recurrence.zone

    @property
    def start(self) -> datetime:
        """Where the rule begins, in local time."""
        return self.recurrence.start

    def between(self, first: datetime, last: datetime) -> list[datetime]:
        """Slots from first to last, both included."""
        return self.recurrence.moments(first, last)

    def latest(self, moment: datetime) -> Optional[datetime]:
        """The last slot that is not after the moment; None where none was yet."""
        begin = to_utc(self.start, self.zone)
        until = self._until()
        # A slot on the second of UNTIL counts.
        moment = moment if until is None else min(moment, until)
        look = self._look()
        while True:
            found = self.between(moment - look, moment)
            if found:
                return found[-1]
            if moment - look < begin:
                return None
            look *= 4

    def following(self, moment: datetime) -> Optional[datetime]:
        """The first slot after the moment; None where none comes any more."""
        after = max(moment, to_utc(self.start, self.zone) - TICK)
        until = self._until()
        if until is not None and after >= until:
            return None
        look = self._look()
        while True:
            found = self.between(after + TICK, after + look)
            if found or look > _FURTHEST or (until is not None and after + look >= until):
                return found[0] if found else None
            look *= 4

    def _until(self) -> Optional[datetime]:
        return self.recurrence.parts.until if self.recurrence.parts else None

    def _look(self) -> timedelta:
        parts = self.recurrence.parts
        return _LOOK["YEARLY"] if parts is None else min(_LOOK[parts.frequency] * parts.interval, _FURTHEST)

    def closest(self) -> timedelta:
        """The shortest time between two slots, where that is less than two days; else two days."""
        first = self.recurrence.first()
        near = self.between(first, first + _NEIGHBOURS) if first else []
        return min((later - earlier for earlier, later in zip(near, near[1:])), default=_NEIGHBOURS)


def read_slots(*, rule: str, start: str, time_zone: str, what: str) -> Slots:
    """The slots of a rule of RFC 5545 with its start in local time.

    what: whose they are, ``The calendar's task x``. Raises MaintenanceError.
    """
    if not rule.strip():
        raise MaintenanceError(f"{what} needs a rule such as FREQ=WEEKLY;BYDAY=FR.")
    local, _is_date = parse_local(start, what=f"{what}: its start")
    zone = parse_zone(time_zone, what=f"{what}: its time zone")
    return Slots(recurrence=parse_recurrence(rule, start=local, zone=zone, what=f"{what}: its rule"), text=rule.strip())


def read_length(text: str, *, what: str) -> timedelta:
    """An ISO 8601 duration; here it may be nought. Raises MaintenanceError."""
    return timedelta(0) if text in ("PT0S", "PT0M", "PT0H", "P0D") else parse_duration(text, what=what)
