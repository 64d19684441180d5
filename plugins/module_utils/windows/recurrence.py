# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a rule recurs: computed in local time, answered in UTC.

Section 3.3.10 of RFC 5545: a rule is expanded in the zone of its start, and each local time is then read by
section 3.3.5. So 02:00 stays 02:00 through summer and winter.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Optional
from zoneinfo import ZoneInfo

from ..errors import MaintenanceError
from ..libraries import optional, require
from .rules import Parts, anchor, arguments, parse_parts, weekdays_of
from .times import to_utc

_rrule: Any = optional("dateutil.rrule")

# Offsets of zones differ by at most 26 hours.
_MARGIN = timedelta(hours=26)
_SEARCH_YEARS = 40


@dataclass(frozen=True)
class Recurrence:
    """A rule with its start. start: local time. parts: None where the start is the only occurrence."""

    start: datetime
    zone: ZoneInfo
    parts: Optional[Parts]

    def moments(self, first: datetime, last: datetime) -> list[datetime]:
        """Occurrences from ``first`` to ``last``, both included and aware; UTC, in order, each once."""
        zone = self.zone
        if self.parts and self.parts.until:
            last = min(last, self.parts.until)
        local_first = first.astimezone(timezone.utc).replace(tzinfo=None) - _MARGIN
        local_last = last.astimezone(timezone.utc).replace(tzinfo=None) + _MARGIN
        # A set: of the hours that a clock change leaves out, one may come to lie on the next.
        found = {to_utc(local, zone) for local in self._locals(local_first, local_last)}
        return sorted(moment for moment in found if first <= moment <= last)

    def _locals(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """Local times of occurrences from first to last."""
        if self.parts is None:
            if first <= self.start <= last:
                yield self.start
            return
        # Counting has to begin at the beginning; everything else begins nearby.
        source = self._from(self.start if self.parts.count else first, last=last)
        for local in itertools.islice(source, self.parts.count):
            if local > last:
                return
            if local >= first:
                yield local

    def _from(self, near: datetime, *, last: datetime) -> Iterator[datetime]:
        """Occurrences from the period that holds ``near``, without regard to COUNT and UNTIL.

        python-dateutil looks for a next occurrence up to the year 9999 before it gives up. The calendar repeats
        itself every 400 years, so the search is moved to where that is at most some four centuries away.
        """
        if self.parts is None:
            return
        parts = self.parts
        shift = (9999 - _SEARCH_YEARS - last.year) // 400 * 400
        begin = anchor(parts, start=self.start, near=near)
        days = [_rrule.weekdays[day](number or None) for day, number in weekdays_of(parts, start=self.start)]
        rule = _rrule.rrule(
            getattr(_rrule, parts.frequency),
            dtstart=begin.replace(year=begin.year + shift),
            interval=parts.interval,
            wkst=parts.week_start,
            byweekday=days or None,
            **arguments(parts, start=self.start),
        )
        for moved in rule:
            local = moved.replace(year=moved.year - shift)
            if local >= self.start:
                yield local

    def first(self) -> Optional[datetime]:
        """The first occurrence, aware; None where there is none in the 40 years from its start."""
        last = self.start.replace(year=self.start.year + _SEARCH_YEARS, day=min(self.start.day, 28))
        for local in self._locals(self.start, last):
            moment = to_utc(local, self.zone)
            return moment if self.parts is None or self.parts.until is None or moment <= self.parts.until else None
        return None


def parse_recurrence(rule: Any, *, start: datetime, zone: ZoneInfo, what: str) -> Recurrence:
    """The recurrence of an RRULE text; none or an empty one means the start alone.

    start: DTSTART in local time. It is an occurrence only where the rule says so.
    what: how the sentence of an error begins, ``The rule of window 'night'``.
    Raises MaintenanceError where the rule is none, or never comes true.
    """
    if rule is None or (isinstance(rule, str) and not rule.strip()):
        return Recurrence(start=start, zone=zone, parts=None)
    if not isinstance(rule, str):
        raise MaintenanceError(f"{what} must be a text such as FREQ=WEEKLY;BYDAY=SU, not {rule!r}.")
    require(_rrule, "python-dateutil", package="python3-dateutil")
    recurrence = Recurrence(start=start, zone=zone, parts=parse_parts(rule, zone=zone, what=what))
    try:
        first = recurrence.first()
    except ValueError:
        # python-dateutil says so where INTERVAL never meets BYHOUR.
        first = None
    if first is None:
        raise MaintenanceError(
            f"{what}, {rule.strip()}, gives no date in the {_SEARCH_YEARS} years from its start ({start:%Y-%m-%d}), "
            "or ends before its first: look at its days and months, INTERVAL and UNTIL."
        )
    return recurrence
