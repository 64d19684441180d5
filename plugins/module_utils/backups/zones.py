# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an archive was made: its head has the local time of the host that dumped, without a zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import Optional

from ..errors import MaintenanceError
from ..libraries import optional

# Needs the time zone database of the system; a plain offset or this host's own zone does not.
zoneinfo = optional("zoneinfo")


def load_zone(name: str) -> Optional[tzinfo]:
    """The time zone of that name; None, which is this host's own, for an empty one.

    Raises MaintenanceError where this host knows no such zone.
    """
    if not name:
        return None
    if name.upper() == "UTC":
        return timezone.utc
    try:
        zone: tzinfo = zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError, AttributeError):
        raise MaintenanceError(
            f"This host knows no time zone {name!r}: use a name such as Europe/Berlin, and install tzdata."
        ) from None
    return zone


def utc_offset(local: datetime, *, daylight_saving: bool, zone: str) -> timedelta:
    """How far that local time is ahead of UTC.

    daylight_saving: as the archive's head has it; tells the two hours apart that a clock change repeats.
    zone: of the host that dumped, by name; empty for this host's own.
    """
    place = load_zone(zone)
    candidates = [_aware(local.replace(fold=fold), place) for fold in (0, 1)]
    for candidate in candidates:
        if _is_daylight_saving(candidate, place) == daylight_saving:
            return candidate.utcoffset() or timedelta(0)
    return candidates[0].utcoffset() or timedelta(0)


def _aware(local: datetime, place: Optional[tzinfo]) -> datetime:
    return local.replace(tzinfo=place) if place else local.astimezone()


def _is_daylight_saving(moment: datetime, place: Optional[tzinfo]) -> bool:
    if place:
        return bool(moment.dst())
    # A fixed-offset result of astimezone() has no dst(); the C library knows.
    import time

    return time.localtime(moment.timestamp()).tm_isdst > 0
