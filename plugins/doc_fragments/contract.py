# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # What every module returns; RETURN sections repeat it, since Ansible has no fragments for them.
    DOCUMENTATION = r"""
options: {}
notes:
  - Returns findings (what was seen) and actions (what was done) in the form that
    docs/schema/result.schema.json of this collection describes.
  - A warning or critical finding does not fail the task. Whether it fails the run is policy,
    decided once, at its end.
"""
