# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that are stopped on purpose, as on a standby: there is nothing to reload, and nobody to ask."""

from __future__ import annotations

from ..errors import MaintenanceError
from ..runner import Runner
from .policy import Service

_PROPERTIES = ("LoadState", "ActiveState", "UnitFileState")
_THERE = ("loaded", "masked")
# Of units that systemd does not start by itself.
_OFF = ("disabled", "masked", "masked-runtime")
_LONGEST = 20.0


def why_resting(service: Service, *, run: Runner) -> str:
    """Why the service is stopped and may be, in a few words; empty where it runs, died, or is not known to systemd."""
    if service.may_be_stopped is False:
        return ""
    argv = ("systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", service.name)
    try:
        shown = run(argv, timeout=_LONGEST).stdout
    except MaintenanceError:  # its reload tells what is wrong
        return ""
    state = dict(line.partition("=")[::2] for line in shown.splitlines())
    load, active, file = (state.get(name, "") for name in _PROPERTIES)
    if load not in _THERE or active != "inactive":  # one that died is "failed"
        return ""
    if service.may_be_stopped:
        return "its policy says so"
    return f"its unit is {file}" if file in _OFF else ""
