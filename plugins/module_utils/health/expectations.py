# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a JSON answer must say, and what it says instead."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MaintenanceError
from ..report.humanise import clean, shorten
from .paths import Absent, Step, parse_path, values_at

COMPARISONS = ("equals", "min", "max", "matches", "present")
_PRIVATE = re.compile("token|secret|passw|credential|jwt|session|cookie|auth|api_?key|private", re.IGNORECASE)
_SHOWN = 60


@dataclass(frozen=True)
class Expectation:
    """What is expected at one place of a document."""

    path: str
    steps: Sequence[Step]
    comparisons: Mapping[str, Any]


def parse_expectations(wanted: Mapping[str, Any], *, option: str) -> list[Expectation]:
    """From paths with a value, or with a mapping of comparisons.

    Raises MaintenanceError where one of them cannot be meant.
    """
    expectations = []
    for path, value in wanted.items():
        comparisons = value if isinstance(value, dict) else {"equals": value}
        place = f"{option}.{path}"
        if not comparisons or set(comparisons) - set(COMPARISONS):
            raise MaintenanceError(
                f"The option {place} compares by {', '.join(sorted(map(str, comparisons))) or 'nothing'}: "
                f"give a value, or some of {', '.join(COMPARISONS)}."
            )
        _check_comparisons(comparisons, place)
        expectations.append(Expectation(str(path), parse_path(str(path), option=option), comparisons))
    return expectations


def _check_comparisons(comparisons: Mapping[str, Any], place: str) -> None:
    for name in ("min", "max"):
        if name in comparisons and not _is_number(comparisons[name]):
            raise MaintenanceError(f"The option {place}.{name} must be a number, not {comparisons[name]!r}.")
    if not isinstance(comparisons.get("present", True), bool):
        raise MaintenanceError(f"The option {place}.present must be true or false.")
    try:
        re.compile(comparisons.get("matches", ""))
    except (re.error, TypeError) as error:
        raise MaintenanceError(f"The option {place}.matches is no regular expression: {error}.") from None


def unmet(expectations: Sequence[Expectation], document: Any) -> list[str]:
    """What is not as expected, in words that show values of the expected places alone."""
    return [words for expectation in expectations for words in _unmet(expectation, document)]


def _unmet(expectation: Expectation, document: Any) -> list[str]:
    wanted = expectation.comparisons
    try:
        values = values_at(document, expectation.steps)
    except Absent:
        return [] if wanted.get("present") is False else [f"{expectation.path} is missing"]
    if wanted.get("present") is False:
        return [f"{expectation.path} is there, and must not be"]
    faults = (_fault(value, wanted, path=expectation.path) for value in values)
    # One is enough to tell: a list may be long.
    return [fault for fault in faults if fault][:1]


def _fault(value: Any, wanted: Mapping[str, Any], *, path: str) -> str:
    seen = f"{path} is {shown(value, path)}"
    if "equals" in wanted and not same(value, wanted["equals"]):
        return f"{seen}, expected {shown(wanted['equals'], path)}"
    for name, word in (("min", "at least"), ("max", "at most")):
        if name not in wanted:
            continue
        if not _is_number(value):
            return f"{seen}, expected a number"
        if value < wanted[name] if name == "min" else value > wanted[name]:
            return f"{seen}, expected {word} {wanted[name]}"
    if "matches" in wanted and not (isinstance(value, str) and re.search(wanted["matches"], value)):
        return f"{seen}, expected a text that matches {shorten(clean(wanted['matches']), _SHOWN)}"
    return ""


def same(one: Any, other: Any) -> bool:
    """Equal as JSON has it: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def shown(value: Any, path: str) -> str:
    """The value in a few characters; never where its place sounds like a secret."""
    if _PRIVATE.search(path):
        return "a value that is not shown"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return shorten(clean(json.dumps(value, ensure_ascii=False)), _SHOWN)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
