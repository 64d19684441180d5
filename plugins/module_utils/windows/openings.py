# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From windows to openings: the stretches of time in which maintenance may happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional
from zoneinfo import ZoneInfo

from ..clock import to_text
from .policy import IMPACTS, Blackout, Window
from .times import require_year

HORIZON = timedelta(days=5 * 366)
# A next opening is mostly near, so the search looks there first.
_REACHES = (timedelta(days=8), timedelta(days=64), timedelta(days=512), HORIZON)


@dataclass(frozen=True)
class Opening:
    """One stretch in which a window is open: from opens, until just before closes; aware, UTC.

    zone: the window's own, in which people know it.
    """

    name: str
    impact: str
    opens: datetime
    closes: datetime
    cadences: tuple[str, ...]
    announce: tuple[timedelta, ...]
    zone: ZoneInfo

    def as_dict(self) -> dict[str, Any]:
        """The opening as plain JSON data."""
        return {
            "name": self.name,
            "impact": self.impact,
            "opens": to_text(self.opens),
            "closes": to_text(self.closes),
            "cadences": list(self.cadences),
            "announce": [int(lead.total_seconds()) for lead in self.announce],
            "time_zone": str(self.zone),
        }


def occurrences(
    windows: Sequence[Window], start: datetime, end: datetime, *, blackouts: Sequence[Blackout] = ()
) -> list[Opening]:
    """Openings that have a part in [start, end), whole and not cut to it, in order of time; both moments aware.

    A window is judged by its start: one that began on Friday evening still holds on Saturday morning.
    A blackout closes what is open; what is left behind it opens anew. Raises MaintenanceError for a far year.
    """
    require_year(start)
    require_year(end)
    closed = sorted((b.start, b.end) for b in blackouts if "maintenance" in b.classes)
    found = [
        Opening(window.name, window.impact, opens, closes, window.cadences, window.announce, window.recurrence.zone)
        for window in windows
        for moment in window.recurrence.moments(start - window.duration, end)
        for opens, closes in _without(moment, moment + window.duration, closed)
        if opens < end and closes > start
    ]
    return sorted(found, key=lambda opening: (opening.opens, opening.closes, opening.name))


def _without(
    opens: datetime, closes: datetime, blackouts: Sequence[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """What is left of the stretch; blackouts in order of their start."""
    left = []
    for start, end in blackouts:
        if end <= opens or start >= closes:
            continue
        if start > opens:
            left.append((opens, start))
        opens = end
        if opens >= closes:
            return left
    return [*left, (opens, closes)]


def open_at(windows: Sequence[Window], moment: datetime, *, blackouts: Sequence[Blackout] = ()) -> list[Opening]:
    """The openings that hold at the moment, the one that counts first: highest impact, then the later end."""
    found = occurrences(windows, moment, moment + timedelta(microseconds=1), blackouts=blackouts)
    return sorted(found, key=lambda opening: (-IMPACTS.index(opening.impact), -opening.closes.timestamp()))


def next_opening(
    windows: Sequence[Window],
    after: datetime,
    *,
    blackouts: Sequence[Blackout] = (),
    cadence: str = "",
    impact: str = "",
    needs: timedelta = timedelta(0),
) -> Optional[Opening]:
    """The first opening that begins after the moment, is for the cadence, permits the impact, and is long enough.

    Of several that begin together, the one that counts first. None where there is none in five years.
    Raises MaintenanceError for a far year.
    """
    require_year(after)
    suitable = [w for w in windows if w.suits(cadence=cadence, impact=impact) and w.duration >= needs]
    begin = after
    for reach in _REACHES if suitable else ():
        end = after + reach
        found = [
            opening
            for opening in occurrences(suitable, begin, end, blackouts=blackouts)
            if opening.opens > after and opening.closes - opening.opens >= needs
        ]
        if found:
            return min(found, key=lambda o: (o.opens, -IMPACTS.index(o.impact), -o.closes.timestamp()))
        begin = end
    return None
