# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recurrence rules of RFC 5545: read strictly, so that a slip is refused and not quietly another rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Optional
from zoneinfo import ZoneInfo

from ..errors import MaintenanceError
from .times import to_utc

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

# Lowest and highest number, and whether they count from the end as well.
_NUMBERS = {
    "BYMONTH": (1, 12, False),
    "BYWEEKNO": (1, 53, True),
    "BYYEARDAY": (1, 366, True),
    "BYMONTHDAY": (1, 31, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 59, False),
    "BYSETPOS": (1, 366, True),
}
# Section 3.3.10: what a rule of this frequency must not have.
_UNFIT = {
    "MONTHLY": ("BYWEEKNO", "BYYEARDAY"),
    "WEEKLY": ("BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"),
    "DAILY": ("BYWEEKNO", "BYYEARDAY"),
    "HOURLY": ("BYWEEKNO",),
    "MINUTELY": ("BYWEEKNO",),
}
_OTHERS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY")
_DAY = re.compile(r"(?P<number>[+-]?[0-9]{1,2})?(?P<day>MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(?P<date>[0-9]{8})(?:T(?P<time>[0-9]{6})(?P<utc>Z?))?")


@dataclass(frozen=True)
class Parts:
    """The parts of a rule. numbers: those of _NUMBERS that the rule has; days: weekday (Monday is 0) and its number."""

    frequency: str
    interval: int
    week_start: int
    count: Optional[int]
    until: Optional[datetime]
    numbers: Mapping[str, tuple[int, ...]]
    days: tuple[tuple[int, int], ...]


def parse_parts(text: str, *, zone: ZoneInfo, what: str) -> Parts:
    """The rule's parts.

    zone: of an UNTIL that is a local time. A bare date there takes in the whole day.
    what: how the sentence of an error begins, ``The rule of window 'night'``. Raises MaintenanceError.
    """
    given = _split(text, what=what)
    frequency = given.get("FREQ", "")
    if frequency == "SECONDLY":
        raise MaintenanceError(f"{what} recurs every second: the most frequent that makes sense is FREQ=MINUTELY.")
    if frequency not in FREQUENCIES:
        raise MaintenanceError(f"{what} needs FREQ with one of {', '.join(FREQUENCIES)}, not {frequency!r}.")
    if "COUNT" in given and "UNTIL" in given:
        raise MaintenanceError(f"{what} has both COUNT and UNTIL: leave one out, RFC 5545 forbids both together.")
    numbers = {name: _numbers(name, given[name], what=what) for name in _NUMBERS if name in given}
    for name in _UNFIT.get(frequency, ()):
        if name in numbers:
            raise MaintenanceError(f"{what} has {name}, which RFC 5545 does not allow with FREQ={frequency}.")
    if "BYSETPOS" in numbers and len(numbers) == 1 and "BYDAY" not in given:
        raise MaintenanceError(f"{what} has BYSETPOS alone: it chooses among what another part such as BYDAY gives.")
    week_start = given.get("WKST", "MO")
    if week_start not in WEEKDAYS:
        raise MaintenanceError(f"{what} has WKST={week_start}: it must be one of {', '.join(WEEKDAYS)}.")
    return Parts(
        frequency=frequency,
        interval=_positive("INTERVAL", given.get("INTERVAL", "1"), most=10000, what=what),
        week_start=WEEKDAYS.index(week_start),
        count=_positive("COUNT", given["COUNT"], most=100000, what=what) if "COUNT" in given else None,
        until=_until(given["UNTIL"], zone=zone, what=what) if "UNTIL" in given else None,
        numbers=numbers,
        days=_days(given.get("BYDAY", ""), frequency=frequency, weeks="BYWEEKNO" in numbers, what=what),
    )


def _split(text: str, *, what: str) -> dict[str, str]:
    body = text.strip().upper()
    body = body[len("RRULE:") :] if body.startswith("RRULE:") else body
    given: dict[str, str] = {}
    for part in body.rstrip(";").split(";"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise MaintenanceError(f"{what} must be parts such as FREQ=WEEKLY;BYDAY=SU, and {part!r} is none.")
        if name not in _NUMBERS and name not in _OTHERS:
            raise MaintenanceError(f"{what} has the part {name}, which RFC 5545 does not know for a rule.")
        if name in given:
            raise MaintenanceError(f"{what} has {name} twice: put the values into one, separated by commas.")
        given[name] = value
    return given


def _positive(name: str, value: str, *, most: int, what: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value) or not 1 <= int(value) <= most:
        raise MaintenanceError(f"{what} has {name}={value}: it must be a number from 1 to {most}.")
    return int(value)


def _numbers(name: str, value: str, *, what: str) -> tuple[int, ...]:
    lowest, highest, signed = _NUMBERS[name]
    numbers = []
    for text in value.split(","):
        number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,3}", text.strip()) else None
        if number is None or not lowest <= (abs(number) if signed else number) <= highest:
            also = ", or negative to count from the end" if signed else ""
            raise MaintenanceError(f"{what} has {name}={value}: it takes numbers from {lowest} to {highest}{also}.")
        numbers.append(number)
    return tuple(sorted(set(numbers)))


def _days(value: str, *, frequency: str, weeks: bool, what: str) -> tuple[tuple[int, int], ...]:
    days = []
    for text in value.split(",") if value else ():
        found = _DAY.fullmatch(text.strip())
        number = int(found["number"] or 0) if found else 0
        if found is None or (found["number"] and not 1 <= abs(number) <= 53):
            raise MaintenanceError(f"{what} has BYDAY={value}: it takes weekdays such as MO, or 1SU and -1SU.")
        if number and (weeks or frequency not in ("YEARLY", "MONTHLY")):
            raise MaintenanceError(
                f"{what} has BYDAY={value}: numbered weekdays need FREQ=MONTHLY or FREQ=YEARLY without BYWEEKNO."
            )
        days.append((WEEKDAYS.index(found["day"]), number))
    return tuple(sorted(set(days)))


def _until(value: str, *, zone: ZoneInfo, what: str) -> datetime:
    found = _UNTIL.fullmatch(value)
    try:
        # A bare date takes in the whole of its day.
        moment = datetime.strptime(found["date"] + (found["time"] or "235959"), "%Y%m%d%H%M%S") if found else None
    except ValueError:
        moment = None
    if found is None or moment is None or moment.year > 9000:
        raise MaintenanceError(f"{what} has UNTIL={value}: it must be such as 20261231T060000Z (UTC) or 20261231.")
    return to_utc(moment, timezone.utc if found["utc"] else zone)


def anchor(parts: Parts, *, start: datetime, near: datetime) -> datetime:
    """The begin of the last period of the rule that is not after ``near``, or of the first one; local times.

    Periods are counted from the one that holds ``start``, as INTERVAL wants, so that a rule can be asked about
    a year without going through those before it.
    """
    near = max(near, start)
    if parts.frequency in ("YEARLY", "MONTHLY"):
        size = parts.interval * (12 if parts.frequency == "YEARLY" else 1)
        first = start.year * 12 + (start.month - 1 if parts.frequency == "MONTHLY" else 0)
        months = first + (near.year * 12 + near.month - 1 - first) // size * size
        return datetime(months // 12, months % 12 + 1, 1)
    first_day = start.replace(hour=0, minute=0, second=0)
    if parts.frequency == "WEEKLY":
        begin, length = first_day - timedelta(days=(start.weekday() - parts.week_start) % 7), timedelta(weeks=1)
    elif parts.frequency == "DAILY":
        begin, length = first_day, timedelta(days=1)
    elif parts.frequency == "HOURLY":
        begin, length = start.replace(minute=0, second=0), timedelta(hours=1)
    else:
        begin, length = start.replace(second=0), timedelta(minutes=1)
    size_of = length * parts.interval
    return begin + (near - begin) // size_of * size_of


def arguments(parts: Parts, *, start: datetime) -> dict[str, Any]:
    """What python-dateutil wants to hear, with all that the rule takes from its start said aloud."""
    numbers: dict[str, Any] = {name.lower(): list(values) for name, values in parts.numbers.items()}
    for name, value, above in (
        ("byhour", start.hour, "HOURLY"),
        ("byminute", start.minute, "MINUTELY"),
        ("bysecond", start.second, ""),
    ):
        if name not in numbers and (not above or FREQUENCIES.index(parts.frequency) < FREQUENCIES.index(above)):
            numbers[name] = [value]
    if not parts.days and not {"byweekno", "byyearday", "bymonthday"} & set(numbers):
        if parts.frequency == "YEARLY":
            numbers.setdefault("bymonth", [start.month])
        if parts.frequency in ("YEARLY", "MONTHLY"):
            numbers["bymonthday"] = [start.day]
    return numbers


def weekdays_of(parts: Parts, *, start: datetime) -> Iterator[tuple[int, int]]:
    """The rule's weekdays; that of its start where the rule needs one and names none."""
    bare_week = parts.frequency == "WEEKLY" or (
        "BYWEEKNO" in parts.numbers and not {"BYYEARDAY", "BYMONTHDAY"} & set(parts.numbers)
    )
    yield from parts.days or ([(start.weekday(), 0)] if bare_week else [])
