# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test that asks about windows, documented in in_window.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.errors import MaintenanceError
from ..module_utils.windows.query import Question, moment_of


def in_window(windows: Any, now: Any = None, **about: Any) -> bool:
    """Whether one of the windows is open now."""
    try:
        return Question(windows, **about).current(moment_of(now, what="now")) is not None
    except MaintenanceError as error:
        raise AnsibleFilterError(str(error)) from error


class TestModule:
    """The tests, by name."""

    def tests(self) -> dict[str, Callable[..., Any]]:
        """Every test."""
        return {"in_window": in_window}
