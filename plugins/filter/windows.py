# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that ask about windows. What they take is documented beside this file, one YAML file each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.errors import MaintenanceError
from ..module_utils.windows.query import Question, moment_of


def current_window(windows: Any, now: Any = None, **about: Any) -> dict[str, Any]:
    """The opening that counts now; empty where none is open."""
    opening = Question(windows, **about).current(moment_of(now, what="now"))
    return opening.as_dict() if opening else {}


def next_window(windows: Any, now: Any = None, needs: Any = None, **about: Any) -> dict[str, Any]:
    """The next opening that begins after now; empty where there is none in five years."""
    opening = Question(windows, **about).following(moment_of(now, what="now"), needs=needs)
    return opening.as_dict() if opening else {}


def time_left(windows: Any, now: Any = None, **about: Any) -> int:
    """Seconds until the opening that counts now closes; 0 where none is open."""
    return Question(windows, **about).left(moment_of(now, what="now"))


def openings(windows: Any, start: Any, end: Any, **about: Any) -> list[dict[str, Any]]:
    """Every opening that has a part in the range."""
    question = Question(windows, **about)
    return [one.as_dict() for one in question.between(moment_of(start, what="start"), moment_of(end, what="end"))]


def _telling(ask: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with errors as Ansible shows them."""

    def answer(*arguments: Any, **named: Any) -> Any:
        try:
            return ask(*arguments, **named)
        except MaintenanceError as error:
            raise AnsibleFilterError(str(error)) from error

    return answer


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Every filter."""
        asked = (current_window, next_window, time_left, openings)
        return {ask.__name__: _telling(ask) for ask in asked}
