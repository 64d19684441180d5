# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  now:
    description:
      - The moment to judge by, in ISO 8601 with its offset; the clock of the host where it is not set.
      - For rehearsals and tests.
    type: str
"""
