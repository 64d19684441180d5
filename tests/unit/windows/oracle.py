"""Recurrence rules by brute force: every minute of every day is looked at, and nothing is clever.

It shares neither code nor library with what it judges.
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
HOUR = timedelta(hours=1)


def rule_of(parts: dict[str, Any]) -> str:
    """The parts as text."""
    return ";".join(
        f"{name}={','.join(str(item) for item in value) if isinstance(value, list) else value}"
        for name, value in parts.items()
    )


def moments(parts: dict[str, Any], start: datetime, zone: ZoneInfo, first: datetime, last: datetime) -> list[datetime]:
    """Occurrences from first to last, in UTC."""
    found = {in_utc(local, zone) for local in _locals(parts, start, last.replace(tzinfo=None) + 27 * HOUR)}
    if "UNTIL" in parts:
        until = datetime.strptime(parts["UNTIL"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        found = {moment for moment in found if moment <= until}
    return sorted(moment for moment in found if first <= moment <= last)


def in_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which clocks show that; the offset of the day before where they never do."""
    guess = local.replace(tzinfo=timezone.utc)
    before, after = ((guess + step).astimezone(zone).utcoffset() for step in (-27 * HOUR, 27 * HOUR))
    assert before is not None
    assert after is not None
    hits = [
        guess - offset
        for offset in dict.fromkeys((before, after))
        if (guess - offset).astimezone(zone).replace(tzinfo=None) == local
    ]
    return min(hits, default=guess - before)


def _locals(parts: dict[str, Any], start: datetime, end: datetime) -> list[datetime]:
    """Local times from start to end; counted, where the rule counts."""
    # Whole periods, since BYSETPOS may count from their end.
    day = date(start.year, 1, 1) - timedelta(days=7)
    days = [day + timedelta(days=number) for number in range((date(end.year, 12, 31) - day).days + 8)]
    times = list(_times(parts, start))
    week_start = DAYS.index(parts.get("WKST", "MO"))
    candidates = [
        datetime(one.year, one.month, one.day, hour, minute)
        for one in days
        if _day_fits(parts, one, start, week_start)
        for hour, minute in times
    ]
    origin = _period(parts["FREQ"], start, week_start)
    chosen: list[datetime] = []
    for period, group in itertools.groupby(candidates, key=lambda one: _period(parts["FREQ"], one, week_start)):
        if period < origin or (period - origin) % parts.get("INTERVAL", 1):
            continue
        members = list(group)
        if "BYSETPOS" in parts:
            wanted = {position - 1 if position > 0 else len(members) + position for position in parts["BYSETPOS"]}
            members = [member for number, member in enumerate(members) if number in wanted]
        chosen.extend(members)
    chosen = [one for one in chosen if one >= start]
    return [one for one in chosen[: parts.get("COUNT", len(chosen))] if one <= end]


def _times(parts: dict[str, Any], start: datetime) -> Iterator[tuple[int, int]]:
    hourly = range(24) if parts["FREQ"] == "HOURLY" else [start.hour]
    for hour in sorted(set(parts.get("BYHOUR", hourly))):
        for minute in sorted(set(parts.get("BYMINUTE", [start.minute]))):
            yield hour, minute


def _period(frequency: str, moment: datetime, week_start: int) -> int:
    """A number that is the same for all that lies in the same year, month, week, day or hour."""
    day = moment.toordinal()
    return {
        "YEARLY": moment.year,
        "MONTHLY": moment.year * 12 + moment.month,
        "WEEKLY": (day - 1 - week_start) // 7,
        "DAILY": day,
        "HOURLY": day * 24 + moment.hour,
    }[frequency]


def _day_fits(parts: dict[str, Any], day: date, start: datetime, week_start: int) -> bool:
    frequency = parts["FREQ"]
    month_days = calendar.monthrange(day.year, day.month)[1]
    year_day, year_days = day.timetuple().tm_yday, 366 if calendar.isleap(day.year) else 365
    named = {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"} & set(parts)
    said: dict[str, Callable[[list[Any]], bool]] = {
        "BYMONTH": lambda numbers: day.month in numbers,
        "BYMONTHDAY": lambda numbers: day.day in numbers or day.day - month_days - 1 in numbers,
        "BYYEARDAY": lambda numbers: year_day in numbers or year_day - year_days - 1 in numbers,
        "BYWEEKNO": lambda numbers: _week_fits(numbers, day, week_start),
        "BYDAY": lambda texts: any(_weekday_fits(text, day, parts) for text in texts),
    }
    # What the rule does not say, its start does.
    taken = {
        "weekday": (frequency == "WEEKLY" and not named) or named == {"BYWEEKNO"},
        "day": frequency in ("YEARLY", "MONTHLY") and not named,
        "month": frequency == "YEARLY" and not named and "BYMONTH" not in parts,
    }
    return (
        all(fits(parts[name]) for name, fits in said.items() if name in parts)
        and (not taken["weekday"] or day.weekday() == start.weekday())
        and (not taken["day"] or day.day == start.day)
        and (not taken["month"] or day.month == start.month)
    )


def _weekday_fits(text: str, day: date, parts: dict[str, Any]) -> bool:
    if DAYS[day.weekday()] != text[-2:]:
        return False
    if len(text) == 2:
        return True
    if parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts:
        first, last = day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
    else:
        first, last = date(day.year, 1, 1), date(day.year, 12, 31)
    from_front, from_back = (day - first).days // 7 + 1, -((last - day).days // 7 + 1)
    return int(text[:-2]) in (from_front, from_back)


def _week_fits(numbers: list[int], day: date, week_start: int) -> bool:
    """A week belongs to the year that has four or more of its days."""
    begin = day - timedelta(days=(day.weekday() - week_start) % 7)
    year = (begin + timedelta(days=3)).year
    number = (begin + timedelta(days=3) - date(year, 1, 1)).days // 7 + 1
    following = begin + timedelta(days=10)
    return number in numbers or (following.year > year and -1 in numbers)
