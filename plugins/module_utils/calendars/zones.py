# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A time zone as VTIMEZONE (section 3.6.5 of RFC 5545), made of what the IANA database says.

Not by icalendar's own add_missing_timezones: there, summer begins an hour late, since an onset is to be written in the
local time before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """What holds from a clock change on. Offsets are those before and after."""

    onset: datetime
    before: timedelta
    after: timedelta
    daylight: bool
    name: str

    @property
    def kind(self) -> tuple[bool, timedelta, timedelta, str]:
        """Clock changes of one kind share a component."""
        return self.daylight, self.before, self.after, self.name


def periods(zone: ZoneInfo, *, first: int, last: int) -> Iterator[Period]:
    """What held when the year ``first`` began, and every clock change until the year ``last`` ends."""
    moment = datetime(first, 1, 1, tzinfo=timezone.utc)
    end = datetime(last + 1, 1, 1, tzinfo=timezone.utc)
    holds = _facts(zone, moment)
    yield _period(zone, moment, before=holds[0])
    while moment < end:
        following = moment + _DAY
        facts = _facts(zone, following)
        if facts != holds:
            yield _period(zone, _change(zone, moment, following), before=holds[0])
            holds = facts
        moment = following


def _facts(zone: ZoneInfo, moment: datetime) -> tuple[timedelta, bool, str]:
    local = moment.astimezone(zone)
    return local.utcoffset() or timedelta(0), bool(local.dst()), local.tzname() or "UTC"


def _change(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """The moment between the two at which the clock changes."""
    before = _facts(zone, early)
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if _facts(zone, middle) == before:
            early = middle
        else:
            late = middle
    return late


def _period(zone: ZoneInfo, onset: datetime, *, before: timedelta) -> Period:
    after, daylight, name = _facts(zone, onset)
    return Period(onset=onset, before=before, after=after, daylight=daylight, name=name)


def timezone_component(library: Any, zone: ZoneInfo, *, first: int, last: int) -> Any:
    """The VTIMEZONE of the zone, right for these years. library: icalendar."""
    component = library.Timezone()
    component.add("tzid", str(zone))
    kinds: dict[tuple[bool, timedelta, timedelta, str], list[Period]] = {}
    for period in periods(zone, first=first, last=last):
        kinds.setdefault(period.kind, []).append(period)
    for (daylight, before, after, name), alike in kinds.items():
        part = library.TimezoneDaylight() if daylight else library.TimezoneStandard()
        # In the local time that held until then.
        onsets = [(period.onset + before).replace(tzinfo=None) for period in alike]
        part.add("dtstart", onsets[0])
        for onset in onsets[1:]:
            part.add("rdate", [onset])
        part.add("tzoffsetfrom", before)
        part.add("tzoffsetto", after)
        part.add("tzname", name)
        component.add_component(part)
    return component
