# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement of dates: by the lifetime a certificate was issued with, capped by days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..errors import MaintenanceError

DAY = 86_400


@dataclass(frozen=True)
class Thresholds:
    """When a certificate is near its end.

    Renewers act when a third of the lifetime is left (half of it up to ten days). A quarter is later than
    either, so a certificate that is renewed in time never alarms, whatever its lifetime; for long lifetimes
    the caps in days keep the alarms near the end. A ratio of 1 leaves the caps alone to decide.
    """

    warning_days: float = 30.0
    critical_days: float = 7.0
    warning_ratio: float = 0.25
    critical_ratio: float = 0.1

    def check(self) -> None:
        """Raises MaintenanceError where they make no sense."""
        for kind in ("warning", "critical"):
            if getattr(self, f"{kind}_days") < 0:
                raise MaintenanceError(f"The option {kind}_days must not be negative.")
            if not 0 <= getattr(self, f"{kind}_ratio") <= 1:
                raise MaintenanceError(f"The option {kind}_ratio is a share of the lifetime: between 0 and 1.")
        if self.critical_days > self.warning_days or self.critical_ratio > self.warning_ratio:
            raise MaintenanceError(
                "A certificate must be a warning before it is critical: "
                "set critical_days and critical_ratio no higher than warning_days and warning_ratio."
            )

    def seconds(self, lifetime: int) -> tuple[float, float]:
        """Remaining seconds at which a certificate of this lifetime becomes a warning, and critical."""
        return (
            min(self.warning_days * DAY, self.warning_ratio * lifetime),
            min(self.critical_days * DAY, self.critical_ratio * lifetime),
        )


class Verdict(NamedTuple):
    """status: of the finding. remaining: seconds until the last valid one is over. threshold: seconds."""

    status: str
    remaining: float
    threshold: float


def lifetime(not_before: int, not_after: int) -> int:
    """Issued lifetime in seconds; both ends belong to it (RFC 5280, 4.1.2.5). None is left where it ends first."""
    return max(0, not_after - not_before + 1)


def expiry(not_before: int, not_after: int, *, now: float, thresholds: Thresholds) -> Verdict:
    """How near its end the certificate is; times in seconds since the epoch.

    A value that reaches a threshold has crossed it. The last second, notAfter, is valid to its end.
    """
    remaining = not_after - now
    warning, critical = thresholds.seconds(lifetime(not_before, not_after))
    if remaining <= critical:
        return Verdict("critical", remaining, critical)
    if remaining <= warning:
        return Verdict("warning", remaining, warning)
    return Verdict("ok", remaining, warning)


def expired(not_after: int, *, now: float) -> bool:
    """Whether the last second of the validity is over."""
    return now >= not_after + 1
