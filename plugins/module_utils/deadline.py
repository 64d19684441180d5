# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of the maintenance window: nothing begins after it, and what still runs then is stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional

from .clock import now_or, parse_moment

LEFT = "the deadline has passed; it is left to the next maintenance window"


@dataclass(frozen=True)
class Deadline:
    """The moment by which work ends, None for no such moment. clock: the present moment."""

    moment: Optional[datetime]
    clock: Callable[[], datetime]

    @classmethod
    def from_options(cls, deadline: Optional[str], now: Optional[str]) -> Deadline:
        """From the options of those names: time goes on from ``now``. Raises MaintenanceError."""
        start, ticks = now_or(now), time.monotonic()
        return cls(
            parse_moment(deadline, option="deadline") if deadline else None,
            lambda: start + timedelta(seconds=time.monotonic() - ticks),
        )

    @property
    def passed(self) -> bool:
        """Whether it is too late to begin anything."""
        return self.moment is not None and self.clock() >= self.moment

    def bound(self, limit: float) -> float:
        """The shorter of a time limit and the time left, in whole seconds, at least one; 0 stands for no limit."""
        if self.moment is None:
            return limit
        left = max(1, math.ceil((self.moment - self.clock()).total_seconds()))
        return min(limit, left) if limit else left
