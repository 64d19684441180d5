# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # Modules that only look.
    OBSERVES = r"""
attributes:
  check_mode:
    support: full
    description: Only looks, so check mode and a real run return the same.
  diff_mode:
    support: none
    description: Changes nothing, so there is no difference to show.
  platform:
    platforms: posix
    support: full
    description: Target systems the module runs on.
"""

    # Modules that plan, and in check mode stop there.
    ACTS = r"""
attributes:
  check_mode:
    support: full
    description: Returns the plan as actions with the outcome V(planned), and changes nothing.
  platform:
    platforms: posix
    support: full
    description: Target systems the module runs on.
"""
