# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that sorts channels. What it takes is documented beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils.notices.sorting import sort_channels


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Every filter."""
        return {"notice_channels": sort_channels}
