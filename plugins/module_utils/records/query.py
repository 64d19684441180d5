# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a search asks for: from options or one line of words to a condition on a line of the index."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from .index import VERDICTS, hosts_of
from .store import Row, rows, text

# unfinished: it began, and there is no record of its end. unknown: its record does not say.
OUTCOMES = (*VERDICTS, "unfinished", "unknown")
WORK_CLASSES = ("observe", "routine", "maintenance", "emergency")
MOMENTS = ("since", "until")
PATTERNS = ("system", "cadence", "operator", "ticket", "host", "procedure")
KEYS = (*MOMENTS, *PATTERNS, "outcome", "work_class", "text", "limit")
# Before and after every moment, and what stands where a line has none.
_EARLIEST, _LATEST = "", "\x7f"
_SPECIAL = re.compile(r"[*?]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Query:
    """What to look for. conditions: on a line of the index. text: in its findings, in small letters."""

    conditions: tuple[Callable[[Row], bool], ...]
    text: str
    limit: int
    takes_procedure: Callable[[str], bool]
    since: str
    until: str
    words: tuple[bytes, ...]

    def may_fit(self, moment: str, line: bytes) -> bool:
        """Whether that line of the index is worth reading. moment: as its beginning has it."""
        if not self.since <= moment <= self.until:
            return False
        return not self.words or self._has_words(line.lower())

    def _has_words(self, line: bytes) -> bool:
        return all(word in line for word in self.words)

    def fits(self, row: Row) -> bool:
        """Whether that line of the index is looked for."""
        return self.since <= row["moment"] <= self.until and all(condition(row) for condition in self.conditions)


def make_query(options: Mapping[str, Any]) -> Query:
    """The query of these options, each of KEYS; what is empty asks for nothing. Raises MaintenanceError."""
    given = {key: value for key, value in options.items() if value not in (None, "")}
    conditions = [_pattern_condition(key, str(given[key])) for key in PATTERNS if key in given]
    for key, choices in (("outcome", OUTCOMES), ("work_class", WORK_CLASSES)):
        if key in given:
            conditions.append(_choice_condition(key, str(given[key]), choices))
    pattern = re.compile(fnmatch.translate(str(given.get("procedure", "*")).lower()))
    return Query(
        conditions=tuple(conditions),
        text=str(given.get("text", "")).lower(),
        limit=_limit(given.get("limit")),
        takes_procedure=lambda name: pattern.match(name.lower()) is not None,
        since=bound_of("since", str(given["since"])) if "since" in given else _EARLIEST,
        until=bound_of("until", str(given["until"])) if "until" in given else _LATEST,
        words=_words(given),
    )


def parse_words(words: str) -> dict[str, str]:
    """The options in a line such as: outcome=failed host=db1 text="replication slot". Raises MaintenanceError."""
    try:
        parts = shlex.split(words)
    except ValueError:
        raise MaintenanceError(f"The search {words!r} has a quotation mark without its partner: close it.") from None
    options: dict[str, str] = {}
    for one in parts:
        key, equals, value = one.partition("=")
        if not equals or key not in KEYS:
            raise MaintenanceError(
                f"The search does not know {one!r}: give key=value with a key of {', '.join(KEYS)}, "
                "and quotation marks around a value with spaces."
            )
        if key in options:
            raise MaintenanceError(f"The search has {key} twice: give it once.")
        options[key] = value
    return options


def _limit(value: Any) -> int:
    try:
        limit = int(value) if value is not None else 50
    except (TypeError, ValueError):
        limit = 0
    if limit < 1:
        raise MaintenanceError(f"The search's limit is a whole number from 1 on, not {value!r}.")
    return limit


def _words(given: Mapping[str, Any]) -> tuple[bytes, ...]:
    """What stands in every line that fits, as JSON in small letters. Signs beyond ASCII have several forms there."""
    words = []
    for key in (*PATTERNS, "outcome", "work_class"):
        value = str(given.get(key, "")).lower()
        pieces = _SPECIAL.split(value.partition("[")[0])
        word = json.dumps(value if pieces == [value] else max(pieces, key=len))
        if value.isascii() and len(word) > len('""'):
            words.append((word if pieces == [value] else word[1:-1]).encode())
    return tuple(words)


def bound_of(key: str, value: str) -> str:
    """The first or last moment that is meant, as the index writes moments. A date is that whole day in UTC."""
    end = "T00:00:00Z" if key == "since" else "T23:59:59Z"
    try:
        return to_text(parse_moment(value + end if _DAY.fullmatch(value) else value, option=key))
    except MaintenanceError:
        raise MaintenanceError(
            f"The search's {key} must be a date such as 2026-03-01 (UTC), or a moment with its offset such as "
            f"2026-03-01T02:30:00+00:00, not {value!r}."
        ) from None


def _pattern_condition(key: str, value: str) -> Callable[[Row], bool]:
    # Translated once: fnmatch would do it again for every line.
    fits = re.compile(fnmatch.translate(value.lower())).match
    names: Callable[[Row], Iterable[str]]
    if key == "host":
        names = hosts_of
    elif key == "procedure":
        names = _procedure_names
    else:
        return lambda row: fits(text(row, key).lower()) is not None
    return lambda row: any(fits(name.lower()) for name in names(row))


def _procedure_names(row: Row) -> list[str]:
    return [text(procedure, "name") for procedure in rows(row, "procedures")]


def _choice_condition(key: str, value: str, choices: Iterable[str]) -> Callable[[Row], bool]:
    if value not in choices:
        raise MaintenanceError(f"The search's {key} is one of {', '.join(choices)}, not {value!r}.")
    return lambda row: row.get(key) == value


def found_text(line: bytes, needle: str) -> Optional[Row]:
    """The finding on that line of findings.jsonl, where its check, subject or message has the text."""
    try:
        finding = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(finding, dict):
        return None
    parts = (text(finding, key).lower() for key in ("check", "subject", "message"))
    return finding if any(needle in part for part in parts) else None
