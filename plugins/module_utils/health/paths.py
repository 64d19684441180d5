# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places in a JSON document, written as people do: ``checks.database.ok``, ``nodes[0].name``, ``nodes[*].state``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Union

from ..errors import MaintenanceError

EVERY = "*"
Step = Union[str, int, "Every"]


class Every:
    """Stands for every entry of a list."""


_STEP = re.compile(r"""\[(-?[0-9]+|\*)\]|\["([^"]+)"\]|(?:^|(?!^)\.)([^.\[\]"]+)""")


class Absent(Exception):
    """The document has nothing at that place."""


def parse_path(text: str, *, option: str) -> tuple[Step, ...]:
    """The steps of a path: names, positions, or Every.

    Raises MaintenanceError where the text is no path, naming the option it came from.
    """
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if not match:
            break
        position, quoted, name = match.groups()
        if position is not None:
            steps.append(Every() if position == EVERY else int(position))
        else:
            steps.append(quoted if quoted is not None else name)
        at = match.end()
    if not steps or at < len(text):
        raise MaintenanceError(
            f"The option {option} has the path {text!r}, which cannot be read: "
            'write it as in checks.database.ok, nodes[0].name, nodes[*].state or ["a.name.with.dots"].'
        )
    return tuple(steps)


def values_at(document: Any, steps: Sequence[Step]) -> list[Any]:
    """The values at that place: one, or one for every entry where the path says so.

    Raises Absent where there is none.
    """
    values = [document]
    for step in steps:
        values = [found for value in values for found in _below(value, step)]
    if not values:
        raise Absent
    return values


def _below(value: Any, step: Step) -> list[Any]:
    if isinstance(step, Every):
        if not isinstance(value, list):
            raise Absent
        return value
    if isinstance(step, int):
        if not isinstance(value, list) or not -len(value) <= step < len(value):
            raise Absent
        return [value[step]]
    if not isinstance(value, dict) or step not in value:
        raise Absent
    return [value[step]]
