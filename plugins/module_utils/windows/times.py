# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as policy writes it: ISO 8601 durations, local times, zones; and as people read it."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any, Optional
from zoneinfo import ZoneInfo

from ..errors import MaintenanceError

LONGEST = timedelta(days=36525)
YEARS = range(1900, 2400)

_DURATION = re.compile(
    r"P(?=[0-9T])(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>\d{1,7})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def parse_duration(value: Any, *, what: str) -> timedelta:
    """An ISO 8601 duration of fixed length, ``PT4H`` or ``P1DT12H``; a day is 24 hours.

    what: how the sentence of an error begins, ``The duration of window 'night'``.
    Raises MaintenanceError where it is none, is nought, or is longer than a hundred years.
    """
    found = _DURATION.fullmatch(str(value).strip().upper()) if isinstance(value, str) else None
    if found is None:
        raise MaintenanceError(
            f"{what} must be an ISO 8601 duration of weeks, days, hours and minutes such as PT4H, not {value!r}."
        )
    length = timedelta(**{unit: int(number) for unit, number in found.groupdict().items() if number})
    if not timedelta(0) < length <= LONGEST:
        raise MaintenanceError(f"{what} must be longer than nothing and no longer than a hundred years, not {value!r}.")
    return length


def parse_zone(value: Any, *, what: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises MaintenanceError."""
    try:
        return ZoneInfo(str(value))
    except (KeyError, ValueError, OSError):
        raise MaintenanceError(
            f"{what} must be a time zone of the IANA database such as Europe/Amsterdam or UTC, not {value!r}."
        ) from None


def parse_local(value: Any, *, what: str) -> tuple[datetime, bool]:
    """A local time without offset, and whether it was a date alone (then it is its midnight).

    YAML turns some texts into dates before anybody sees them, so those are taken too. Raises MaintenanceError.
    """
    text = value.isoformat() if isinstance(value, date) else str(value).strip()
    try:
        moment: Optional[datetime] = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None or moment.year not in YEARS:
        raise MaintenanceError(
            f"{what} must be a date or a local time without offset such as 2026-01-04T02:00, not {text!r}."
        )
    return moment.replace(microsecond=0), len(text) <= len("2026-01-04")


def to_utc(local: datetime, zone: tzinfo) -> datetime:
    """The moment of a local time, by section 3.3.5 of RFC 5545.

    A time that occurs twice means the first; one that a clock change leaves out is read with the offset before it.
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)


def require_year(moment: datetime) -> datetime:
    """The moment, where it is one that calendars can be asked about. Raises MaintenanceError."""
    if moment.year not in YEARS:
        raise MaintenanceError(
            f"Windows are known from {YEARS[0]} to {YEARS[-1]}, not at {moment:%Y-%m-%d}: look at what was asked."
        )
    return moment


def when(moment: datetime, zone: Optional[ZoneInfo] = None) -> str:
    """``Sunday 22 November 2026 02:00 UTC``, and the same in the zone where that is another."""
    utc = moment.astimezone(timezone.utc)
    text = f"{_day(utc)} {utc:%H:%M} UTC"
    local = moment.astimezone(zone) if zone else utc
    if local.utcoffset() == utc.utcoffset():
        return text
    day = "" if local.date() == utc.date() else f"{_day(local)} "
    return f"{text}, {day}{local:%H:%M} {zone}"


def _day(moment: datetime) -> str:
    # Not strftime's names: those follow the locale.
    return f"{_WEEKDAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def span(length: timedelta) -> str:
    """``15 h 20 min``: the two largest units, rounded down; seconds below a minute."""
    seconds = max(0, int(length.total_seconds()))
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min")]
    said = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(said) or f"{seconds} s"
