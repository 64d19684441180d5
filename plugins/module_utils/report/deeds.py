# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done: every action in words, and summed up by its verb."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from .humanise import OUTCOME_SYMBOLS, clean, duration, figure, key_words, shorten, size, unit_of, words

TARGET_LENGTH = 160
# Worth reading first; what was skipped can wait.
_ORDER = {"failed": 0, "done": 1, "planned": 1, "skipped": 2}


@dataclass(frozen=True)
class Deed:
    """One action in words. changes: figure by figure, its name, before and after."""

    action: str
    target: str
    host: str
    procedure: str
    outcome: str
    symbol: str
    seconds: Optional[float]
    duration: str
    reason: str
    changes: Sequence[tuple[str, str, str]] = ()
    before_bytes: Optional[int] = None
    after_bytes: Optional[int] = None

    @property
    def gained(self) -> int:
        """Bytes given back; negative where it grew; 0 where sizes are not known."""
        return (self.before_bytes or 0) - (self.after_bytes or 0)


@dataclass
class Verb:
    """All actions of one verb. outcomes: how many of each; gained: bytes given back by those done."""

    action: str
    title: str
    outcomes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    gained: int = 0

    @property
    def total(self) -> int:
        return sum(self.outcomes.values())

    @property
    def outcome_words(self) -> str:
        """12 done, 1 failed."""
        return ", ".join(f"{amount:,} {outcome}" for outcome, amount in self.outcomes.items())

    @property
    def duration(self) -> str:
        return duration(self.seconds) if self.seconds else ""

    @property
    def gain_words(self) -> str:
        """31 MiB given back."""
        return f"{size(self.gained)} given back" if self.gained > 0 else ""


def deed(action: Mapping[str, Any]) -> Deed:
    """The action in words."""
    before, after = action.get("before") or {}, action.get("after") or {}
    before_bytes, after_bytes = sizes(before, after)
    seconds = action.get("seconds")
    return Deed(
        action=words(action["action"]),
        target=shorten(clean(action["target"]), TARGET_LENGTH),
        host=clean(action.get("host", "")),
        procedure=clean(action.get("procedure", "")),
        outcome=action["outcome"],
        symbol=OUTCOME_SYMBOLS[action["outcome"]],
        seconds=seconds,
        duration="" if seconds is None else duration(seconds),
        reason=clean(action.get("reason", "")),
        changes=changes(before, after),
        before_bytes=before_bytes,
        after_bytes=after_bytes,
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What differs between before and after, in words; empty where one of them does not tell."""
    rows = []
    for name in list(dict.fromkeys([*before, *after]))[:20]:
        # How long it took has a place of its own.
        if name == "seconds" or (name in before and name in after and before[name] == after[name]):
            continue
        old = figure(name, before[name]) if name in before else ""
        new = figure(name, after[name]) if name in after else ""
        rows.append((key_words(name), old, new))
    return rows


def sizes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Optional[int], Optional[int]]:
    """Size before and after in bytes, where both tell it: the total rather than a part."""
    both = [
        name for name in before if unit_of(name) == "bytes" and _is_number(before[name]) and _is_number(after.get(name))
    ]
    if not both:
        return None, None
    name = min(both, key=lambda key: (not key.startswith("total"), both.index(key)))
    return int(before[name]), int(after[name])


def in_order(actions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Failed first, then done or planned, skipped last; the longest first among equals."""
    return sorted(actions, key=lambda action: (_ORDER[action["outcome"]], -(action.get("seconds") or 0)))


def by_verb(actions: Iterable[Mapping[str, Any]]) -> list[Verb]:
    """The actions summed up by verb, the longest work first."""
    verbs: dict[str, Verb] = {}
    for action in actions:
        verb = verbs.setdefault(action["action"], Verb(action["action"], words(action["action"])))
        outcome = action["outcome"]
        verb.outcomes[outcome] = verb.outcomes.get(outcome, 0) + 1
        verb.seconds += action.get("seconds") or 0
        if outcome == "done":
            before, after = sizes(action.get("before") or {}, action.get("after") or {})
            verb.gained += (before or 0) - (after or 0)
    return sorted(verbs.values(), key=lambda verb: -verb.seconds)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
