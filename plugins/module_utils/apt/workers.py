# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is anything on the host that acts on the configuration: the package, and systemd's timers."""

from __future__ import annotations

from collections.abc import Container
from typing import Optional

from ..findings import Finding
from ..runner import Runner
from . import conf
from .configure import CHECK
from .settings import settings_by_option

PACKAGE = "unattended-upgrades"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")


def findings(installed: Container[str], effective: conf.Dump, *, run: Optional[Runner]) -> list[Finding]:
    """What keeps automatic updates from happening although they are switched on. run: None where systemd does not."""
    (switch,) = settings_by_option(["unattended_upgrade"])
    if conf.value_of(effective, switch) in (None, "0"):
        return []
    found = []
    if PACKAGE not in installed:
        found.append(_missing(PACKAGE, f"the package {PACKAGE} is not installed", "install it"))
    found += [
        _missing(timer, f"the timer {timer} is off", f"switch it on with systemctl enable --now {timer}")
        for timer in (stopped_timers(run) if run else ())
    ]
    return found


def stopped_timers(run: Runner) -> list[str]:
    """apt's timers that will not fire: masked, disabled, or not started."""
    return [
        timer
        for timer in TIMERS
        if run(["systemctl", "is-enabled", timer], timeout=30).stdout.strip()
        in ("disabled", "masked", "masked-runtime")
        or run(["systemctl", "is-active", timer], timeout=30).stdout.strip() in ("inactive", "failed")
    ]


def _missing(subject: str, what: str, advice: str) -> Finding:
    message = f"Automatic updates are switched on, but {what}, so nothing is installed by itself: {advice}."
    return Finding(check=CHECK, subject=subject, status="warning", message=message)
