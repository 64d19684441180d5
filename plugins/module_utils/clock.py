# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments: always aware, always UTC, always handed in."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional

from .errors import MaintenanceError


def parse_moment(text: str, *, option: str) -> datetime:
    """An ISO 8601 moment with its offset, in UTC.

    Raises MaintenanceError where the text is no such moment, naming the option it came from.
    """
    try:
        # Python before 3.11 does not read the Z.
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MaintenanceError(
            f"The option {option} must be a moment with its offset such as 2026-03-01T02:30:00+00:00, not {text!r}."
        )
    return moment.astimezone(timezone.utc)


def now_or(text: Optional[str], *, option: str = "now") -> datetime:
    """The moment given, or this one."""
    return parse_moment(text, option=option) if text else datetime.now(timezone.utc)


def to_text(moment: datetime) -> str:
    """The moment as ISO 8601 in UTC, whole seconds, with Z."""
    return moment.astimezone(timezone.utc).replace(microsecond=0).isoformat().replace("+00:00", "Z")
