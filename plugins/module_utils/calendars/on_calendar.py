# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a rule of RFC 5545 to what systemd calls a calendar event (systemd.time(7)).

systemd can say less than a rule can. What it cannot say is refused, not approximated. In two places it is helped:
it leaves out a time that a clock change leaves out, where RFC 5545 moves it, so those days get lines of their own;
and it would leave an hour without anything when clocks go back, so what recurs within a day is said in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from ..errors import MaintenanceError
from ..windows.recurrence import Recurrence
from ..windows.rules import Parts, arguments, weekdays_of
from ..windows.times import to_utc
from .zones import periods

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS_A_YEAR = 12
_LATEST = 28
_SIZES = {"HOUR": 24, "MINUTE": 60}
_PACES = {"HOUR": "HOURLY", "MINUTE": "MINUTELY"}
_WHOLES = {"HOUR": "a day", "MINUTE": "an hour"}
# Clock changes are met by lines of their own for so many years from the rule's start.
YEARS = 15
_UNSAYABLE = ("BYSETPOS", "BYWEEKNO", "BYYEARDAY")
_OF_THE_DAY = ("BYDAY", "BYMONTH", "BYMONTHDAY", "BYHOUR")

Numbers = Mapping[str, Sequence[int]]


def on_calendar(recurrence: Recurrence, *, what: str) -> list[str]:
    """The lines that stand for the rule, each for one ``OnCalendar=``.

    what: how the sentence of an error begins, ``The timer 'weekly'``.
    Raises MaintenanceError for a rule that systemd cannot say.
    """
    parts = recurrence.parts
    if parts is None:
        raise MaintenanceError(f"{what} has no rule: give one such as FREQ=WEEKLY;BYDAY=SU.")
    start, zone = recurrence.start, str(recurrence.zone)
    if _only_a_pace(parts):
        start = to_utc(start, recurrence.zone).replace(tzinfo=None)
        zone = "UTC"
    numbers: Numbers = {name.upper(): values for name, values in arguments(parts, start=start).items()}
    _refuse(parts, what=what)
    weekdays, days = _days(parts, numbers, start=start, what=what)
    months = _months(parts, numbers, start=start, what=what)
    hours = _stepped("HOUR", parts, numbers, offset=start.hour, what=what)
    minutes = _stepped("MINUTE", parts, numbers, offset=start.minute, what=what)
    time = f"{_short(hours, size=24)}:{_short(minutes, size=60)}:{_listed(numbers['BYSECOND'])}"
    lines = [" ".join(part for part in (weekdays, f"*-{months}{day}", time, zone) if part) for day in days]
    return [*lines, *([] if zone == "UTC" else _left_out(recurrence, hours=hours, minutes=minutes))]


def _only_a_pace(parts: Parts) -> bool:
    """Whether the rule is the same in every zone: so many minutes, whatever the hour."""
    steady = parts.frequency == "MINUTELY" or (parts.frequency == "HOURLY" and parts.interval == 1)
    return steady and not parts.days and not set(parts.numbers) & set(_OF_THE_DAY)


def _refuse(parts: Parts, *, what: str) -> None:
    if parts.count or parts.until:
        raise MaintenanceError(
            f"{what} ends (COUNT or UNTIL), which a systemd timer cannot: take it from the list then."
        )
    for name in _UNSAYABLE:
        if name in parts.numbers:
            raise MaintenanceError(f"{what} has {name}, which systemd cannot say: give on_calendar, or another rule.")


def _days(parts: Parts, numbers: Numbers, *, start: datetime, what: str) -> tuple[str, list[str]]:
    """Weekdays, and days of the month with the sign before them.

    Of days that are counted from the end, systemd cannot read every list: each gets a line.
    """
    numbered: dict[int, set[int]] = {}
    for day, number in weekdays_of(parts, start=start):
        numbered.setdefault(day, set()).add(number)
    weekdays = ",".join(_DAYS[day] for day in sorted(numbered))
    of_month = numbers.get("BYMONTHDAY", ())
    counted = set().union(*numbered.values()) - {0}
    if not counted:
        return weekdays, _of_month(of_month, what=what)
    if of_month or len({frozenset(each) for each in numbered.values()}) > 1 or 0 in set().union(*numbered.values()):
        raise MaintenanceError(f"{what} mixes numbered weekdays with other days: make two timers of it.")
    if parts.frequency == "YEARLY" and "BYMONTH" not in numbers:
        raise MaintenanceError(f"{what} counts weekdays through the year, which systemd cannot: add BYMONTH.")
    if max(counted) > 5 or min(counted) < -4:
        raise MaintenanceError(f"{what} has a weekday that no month has so often: count from 1 to 5, or from -1 to -4.")
    return weekdays, _weeks(counted, what=what)


def _weeks(counted: set[int], *, what: str) -> list[str]:
    """The days of the month on which a first, second or last weekday may be."""
    if min(counted) < 0 < max(counted):
        raise MaintenanceError(f"{what} counts weekdays from both ends of the month: make two timers of it.")
    ranges = [f"{7 * abs(number) - 6:02}..{min(7 * abs(number), 31):02}" for number in sorted(counted, key=abs)]
    return [f"-{','.join(ranges)}"] if min(counted) > 0 else [f"~{each}" for each in ranges]


def _of_month(days: Sequence[int], *, what: str) -> list[str]:
    if not days:
        return ["-*"]
    if min(days) < 0 < max(days):
        raise MaintenanceError(f"{what} counts days from both ends of the month: make two timers of it.")
    if min(days) < -_LATEST:
        raise MaintenanceError(f"{what} counts more than {_LATEST} days from the end, which systemd cannot.")
    return [f"-{_listed(days)}"] if min(days) > 0 else [f"~{-day:02}" for day in sorted(days, reverse=True)]


def _months(parts: Parts, numbers: Numbers, *, start: datetime, what: str) -> str:
    named = set(numbers.get("BYMONTH", range(1, _MONTHS_A_YEAR + 1)))
    interval = parts.interval
    if parts.frequency == "MONTHLY" and interval > 1:
        _require_divisor(interval, _MONTHS_A_YEAR, unit="months of a year", what=what)
        named &= {month for month in range(1, _MONTHS_A_YEAR + 1) if (month - start.month) % interval == 0}
    elif interval > 1 and parts.frequency in ("YEARLY", "WEEKLY", "DAILY"):
        raise MaintenanceError(
            f"{what} has INTERVAL={interval} with FREQ={parts.frequency}, which systemd cannot count."
        )
    if not named:
        raise MaintenanceError(f"{what} never comes true: its months and its INTERVAL have none in common.")
    return "*" if len(named) == _MONTHS_A_YEAR else _listed(sorted(named))


def _stepped(unit: str, parts: Parts, numbers: Numbers, *, offset: int, what: str) -> list[int]:
    """The hours of the day, or the minutes of the hour, that the rule gives."""
    size = _SIZES[unit]
    named = numbers.get(f"BY{unit}", range(size))
    if parts.frequency != _PACES[unit]:
        return sorted(named)
    _require_divisor(parts.interval, size, unit=f"{unit.lower()}s of {_WHOLES[unit]}", what=what)
    both = [value for value in range(offset % parts.interval, size, parts.interval) if value in named]
    if not both:
        raise MaintenanceError(f"{what} never comes true: BY{unit} and INTERVAL have nothing in common.")
    return both


def _require_divisor(interval: int, size: int, *, unit: str, what: str) -> None:
    if interval > size or size % interval:
        fits = ", ".join(str(number) for number in range(1, size + 1) if size % number == 0)
        raise MaintenanceError(f"{what} has INTERVAL={interval}, and systemd knows the {unit}: use one of {fits}.")


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(f"{number:02}" for number in numbers)


def _short(values: Sequence[int], *, size: int) -> str:
    """The values as systemd says them, with a step where there are many."""
    step = values[1] - values[0] if len(values) > 1 else size
    if list(values) == list(range(values[0], size, step)) and values[0] < step and len(values) > 1:
        return "*" if step == 1 else f"{values[0]:02}/{step}"
    return _listed(values)


def _left_out(recurrence: Recurrence, *, hours: Sequence[int], minutes: Sequence[int]) -> list[str]:
    """The moments to which a clock change moves an occurrence, and at which systemd knows of none."""
    first = recurrence.start.year
    lines = []
    for change in periods(recurrence.zone, first=first, last=first + YEARS):
        gap = change.after - change.before
        if gap <= timedelta(0):
            continue
        for moment in recurrence.moments(change.onset, change.onset + gap - timedelta(seconds=1)):
            local = moment.astimezone(recurrence.zone)
            if local.hour not in hours or local.minute not in minutes:
                lines.append(f"{moment:%Y-%m-%d %H:%M:%S} UTC")
    return lines
