# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is seen of a certificate to what is done about it: a pure decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from .due import Due, renewal_moment
from .pair import Pair, broken
from .serving import Served

NOTHING, ORDER, INSTALL, RELOAD, WAIT = "nothing", "order", "install", "reload", "wait"
# An authority that counts orders does so by the day, or the week.
_RATE_LIMITED = timedelta(hours=24)


@dataclass(frozen=True)
class Seen:
    """What is known of one certificate. obtained: what the client has that is not in use and has no fault.

    failure: what is kept of an order that failed: at, kind, until (ISO 8601).
    """

    present: Pair
    due: Due
    served: Served
    obtained: Optional[Pair] = None
    failure: Optional[Mapping[str, Any]] = None


@dataclass(frozen=True)
class Plan:
    """what: one of NOTHING, ORDER, INSTALL, RELOAD, WAIT. reason: the end of a sentence."""

    what: str
    reason: str


def decide(seen: Seen, *, mode: str, now: datetime, renew_days: float) -> Plan:
    """What is to be done. Only what is measured to be needed is, unless the mode is ``force``."""
    if mode == "force":
        return Plan(ORDER, "it was asked for (mode force)")
    if seen.obtained and _is_progress(seen.obtained, seen.present, now=now, renew_days=renew_days):
        return Plan(INSTALL, "a newer certificate was obtained already and is not in use")
    if seen.due.now:
        wait = _waits_until(seen.failure, now=now)
        if wait:
            kind = (seen.failure or {}).get("kind", "unknown")
            return Plan(WAIT, f"the order of {(seen.failure or {}).get('at')} failed ({kind}), the next is due {wait}")
        return Plan(ORDER, seen.due.reason)
    stale = seen.served.others_than(seen.present.fingerprint)
    if stale:
        return Plan(RELOAD, f"{stale[0]} serves another certificate than the one on disk")
    return Plan(NOTHING, seen.due.reason)


def _is_progress(obtained: Pair, present: Pair, *, now: datetime, renew_days: float) -> bool:
    if now >= renewal_moment(obtained, renew_days=renew_days):
        return False
    newer = obtained.fingerprint != present.fingerprint and obtained.not_after > present.not_after
    return newer or bool(broken(present))


def failure(kind: str, *, now: datetime, retry: timedelta) -> dict[str, str]:
    """What is to be kept of an order that failed."""
    wait = max(retry, _RATE_LIMITED) if kind == "rate_limit" else retry
    return {"at": to_text(now), "kind": kind, "until": to_text(now + wait)}


def _waits_until(kept: Optional[Mapping[str, Any]], *, now: datetime) -> str:
    """Until when nothing is ordered after a failure; empty where nothing stands against it."""
    try:
        at, until = (parse_moment(str((kept or {})[name]), option=name) for name in ("at", "until"))
    except (KeyError, MaintenanceError):
        return ""
    # One that failed in the future did so by a clock that was wrong.
    return to_text(until) if at <= now < until else ""
