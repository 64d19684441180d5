# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else renews on this host: certbot's own timer or cron job, which know nothing of windows and proof."""

from __future__ import annotations

import os

from ..errors import MaintenanceError
from ..findings import Finding
from ..runner import Runner
from .report import OTHER_RENEWER

_UNITS = ("certbot.timer", "snap.certbot.renew.timer", "certbot-renew.timer")
_SYSTEMD = "/run/systemd/system"
_CRON = "/etc/cron.d/certbot"


def findings(run: Runner, *, systemd: str = _SYSTEMD, cron: str = _CRON) -> list[Finding]:
    """A warning for each that is active; one finding that all is well where there is none."""
    if os.path.isdir(systemd):
        # Debian's cron job leaves the work to the timer where systemd runs.
        try:
            active = run(("systemctl", "is-active", *_UNITS), timeout=20).stdout.split()
        except MaintenanceError:
            active = []
        found = [unit for unit, state in zip(_UNITS, active) if state == "active"]
        advice = "disable it (systemctl disable --now {})"
    else:
        found = [cron] if os.path.exists(cron) else []
        advice = "remove {}"
    if not found:
        return [Finding(check=OTHER_RENEWER, subject="this host", status="ok", message="Nobody else renews here.")]
    return [
        Finding(
            check=OTHER_RENEWER,
            subject=name,
            status="warning",
            message=f"{name} renews certificates as well, without a test of what comes, proof that it is served, or "
            f"a way back: {advice.format(name)}, or leave renewals to it.",
        )
        for name in found
    ]
