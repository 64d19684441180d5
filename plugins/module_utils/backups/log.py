# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has been seen and done so far, so that it can go along with an error as well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..findings import Action, Finding


@dataclass
class Log:
    """Grows while the work goes on. details: what is special to the module."""

    findings: list[Finding] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
