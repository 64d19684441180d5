# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Availability over time, from looks. What nobody looked at is not known; it is never up.

The time between two looks belongs to the state that the earlier one saw, but at most ``max_gap`` of it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Optional

from .history import DOWN, UP, Seen

Span = tuple[float, float]


@dataclass(frozen=True)
class BusinessHours:
    """Days of the week (0 is Monday) and times of day, in a time zone. closes: None for the end of the day."""

    zone: tzinfo
    days: frozenset[int]
    opens: time
    closes: Optional[time]


@dataclass(frozen=True)
class Tally:
    """Seconds that a thing was up and down, of all the seconds that count."""

    up: float
    down: float
    total: float

    @property
    def percent(self) -> Optional[float]:
        """Of the time that is known, how much it was up; None where nothing is known."""
        known = self.up + self.down
        return 100 * self.up / known if known > 0 else None

    @property
    def best(self) -> float:
        """The most it can have been, had it been up whenever it is not known."""
        return 100 * (self.total - self.down) / self.total

    @property
    def coverage(self) -> float:
        """Percent of the time that is known."""
        return min(100.0, 100 * (self.up + self.down) / self.total)


def business_spans(start: float, end: float, hours: BusinessHours) -> list[Span]:
    """The business hours between two moments (seconds since 1970), each as long as it is, clock changes and all."""
    first = datetime.fromtimestamp(start, hours.zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end, hours.zone).date() + timedelta(days=1)
    spans = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day.weekday() in hours.days:
            opens = _moment(day, hours.opens, hours.zone)
            closes = (
                _moment(day, hours.closes, hours.zone)
                if hours.closes
                else _moment(day + timedelta(days=1), time(), hours.zone)
            )
            spans.append((max(start, opens), min(end, closes)))
    return [(opens, closes) for opens, closes in spans if opens < closes]


def _moment(day: date, at: time, zone: tzinfo) -> float:
    return datetime.combine(day, at, tzinfo=zone).timestamp()


def measure(looks: Sequence[Seen], spans: Sequence[Span], *, end: float, max_gap: float) -> dict[str, Tally]:
    """How long each thing was up and down within the spans.

    looks: by time; those after ``end`` do not count. spans: in order, none over another. end, max_gap: seconds.
    A key ``""`` has the time in which anybody looked at all as up.
    """
    total = sum(closes - opens for opens, closes in spans)
    if total <= 0:
        return {}
    # Most looks see the same, so each different sight is taken apart once.
    sights: dict[tuple[tuple[str, ...], str], float] = {}
    for look, length in _lengths(looks, spans, end=end, max_gap=max_gap):
        sight = (look.keys, look.states)
        sights[sight] = sights.get(sight, 0.0) + length
    up: dict[str, float] = {}
    down: dict[str, float] = {}
    for (keys, states), length in sights.items():
        up[""] = up.get("", 0.0) + length
        for key, state in zip(keys, states):
            if state == UP:
                up[key] = up.get(key, 0.0) + length
            elif state == DOWN:
                down[key] = down.get(key, 0.0) + length
    every = {"", *(key for keys, _states in sights for key in keys)}
    return {key: Tally(up.get(key, 0.0), down.get(key, 0.0), total) for key in every}


def _lengths(
    looks: Sequence[Seen], spans: Sequence[Span], *, end: float, max_gap: float
) -> Iterable[tuple[Seen, float]]:
    """Each look with the seconds within the spans that belong to it."""
    past = [look for look in looks if look.at <= end]
    ends = [closes for _opens, closes in spans]
    for number, look in enumerate(past):
        until = past[number + 1].at if number + 1 < len(past) else end
        until = min(until, look.at + max_gap)
        length = 0.0
        for opens, closes in spans[bisect.bisect_right(ends, look.at) :]:
            if opens >= until:
                break
            length += max(0.0, min(until, closes) - max(look.at, opens))
        if length > 0:
            yield look, length


def days_back(end: float, days: int) -> Span:
    """The last so many days, of 24 hours each."""
    return end - days * 86400, end


def first_look(looks: Sequence[Seen]) -> Mapping[str, float]:
    """When each thing was looked at first; ``""`` for anything at all."""
    first: dict[str, float] = {}
    for look in looks:
        first.setdefault("", look.at)
        for key in look.keys:
            first.setdefault(key, look.at)
    return first
