# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refreshing the package lists, where they are old enough and policy says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Optional

from ..findings import Action
from ..runner import Completed, Runner
from .conf import led_to

ACTION = "refresh"
TARGET = "package lists"
_PAUSE = 2.0


def refresh(
    run: Runner,
    *,
    root: str,
    refreshed: Optional[datetime],
    after: float,
    lock_timeout: float,
    now: datetime,
    plan: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Action]:
    """Fetches the lists where they are older than ``after`` hours. lock_timeout: seconds to wait for another apt.

    A refresh that fails is a failed action: what is known from the old lists is still reported.
    """
    age = None if refreshed is None else (now - refreshed).total_seconds() / 3600
    if age is not None and age < after:
        return []
    before = {} if age is None else {"hours_old": round(age, 1)}
    if plan:
        return [Action(ACTION, TARGET, changed=True, outcome="planned", before=before)]
    started = time.monotonic()
    done = _update(run, root=root, lock_timeout=lock_timeout, sleep=sleep)
    seconds = round(time.monotonic() - started, 3)
    problem = _problem(done)
    if problem:
        reason = f"apt-get update did not fetch every list: {problem}"
        return [Action(ACTION, TARGET, changed=False, outcome="failed", before=before, seconds=seconds, reason=reason)]
    return [Action(ACTION, TARGET, changed=True, outcome="done", before=before, seconds=seconds)]


def _update(run: Runner, *, root: str, lock_timeout: float, sleep: Callable[[float], None]) -> Completed:
    """apt's own waiting is for dpkg's lock alone, so waiting for the lock of the lists is done here."""
    waited = 0.0
    with led_to(root) as environment:
        while True:
            done = run(
                ["apt-get", "--quiet=2", "-o", "APT::Update::Error-Mode=any", "update"],
                environment=environment,
                timeout=1800,
            )
            if done.returncode == 0 or "Could not get lock" not in done.stderr or waited >= lock_timeout:
                return done
            sleep(_PAUSE)
            waited += _PAUSE


def _problem(done: Completed) -> str:
    """What went wrong. Older versions of apt end with 0 although a list could not be fetched."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.startswith(("E:", "W: Failed to fetch", "Err:"))]
    if done.returncode == 0 and not lines:
        return ""
    return " ".join(lines)[:600] or f"it ended with {done.returncode}"
