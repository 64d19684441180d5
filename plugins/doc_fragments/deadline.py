# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  deadline:
    description:
      - The end of the maintenance window, in ISO 8601 with its offset; no end where it is empty.
      - Nothing begins after it, what still runs then is stopped in good order, and the next run goes on.
      - In a run it is set for every module of the action group C(careops.maintenance.bounded).
    type: str
    default: ""
"""
