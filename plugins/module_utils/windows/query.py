# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about windows as templates ask them: policy as it stands in the inventory, answers as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from ..clock import parse_moment
from ..errors import MaintenanceError
from .openings import Opening, next_opening, occurrences, open_at
from .policy import Blackout, Window, parse_blackouts, parse_windows, require_impact
from .times import parse_duration


class Question:
    """The windows that are for a cadence and permit an impact, and the blackouts that cut them.

    Raises MaintenanceError for what cannot be read.
    """

    def __init__(
        self,
        windows: Any,
        *,
        cadence: Optional[str] = None,
        impact: Optional[str] = None,
        blackouts: Any = None,
        time_zone: Optional[str] = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise MaintenanceError(
                f"Windows cannot be asked about {', '.join(sorted(unknown))}: "
                "only about cadence, impact, blackouts and time_zone, at a moment that is called now."
            )
        zone = time_zone or "UTC"
        wanted = require_impact(impact, what="The impact asked for") if impact else ""
        self.windows: Sequence[Window] = [
            window
            for window in parse_windows(windows, time_zone=zone)
            if window.suits(cadence=cadence or "", impact=wanted)
        ]
        self.blackouts: Sequence[Blackout] = parse_blackouts(blackouts, time_zone=zone)

    def current(self, now: datetime) -> Optional[Opening]:
        """The opening that counts at the moment."""
        return next(iter(open_at(self.windows, now, blackouts=self.blackouts)), None)

    def following(self, now: datetime, *, needs: Any = None) -> Optional[Opening]:
        """The next opening that begins after the moment and is long enough."""
        length = parse_duration(needs, what="The time needed") if needs else timedelta(0)
        return next_opening(self.windows, now, blackouts=self.blackouts, needs=length)

    def between(self, start: datetime, end: datetime) -> list[Opening]:
        """Openings that have a part in the range."""
        if end < start:
            raise MaintenanceError(f"The range of openings ends before it begins: {start} and {end}.")
        return occurrences(self.windows, start, end, blackouts=self.blackouts)

    def left(self, now: datetime) -> int:
        """Whole seconds until the current opening closes; 0 where none is open."""
        opening = self.current(now)
        return int((opening.closes - now).total_seconds()) if opening else 0


def moment_of(value: Any, *, what: str) -> datetime:
    """A moment as text with its offset or as an aware date-time; the present one where it is not given."""
    if value is None or value == "":
        return datetime.now(timezone.utc)
    return parse_moment(value.isoformat() if isinstance(value, datetime) else str(value), option=what)
