# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of fault stops a walk through a log, and at which entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from . import entry
from .keys import Ring
from .merkle import leaf_hash
from .store import Tip

CHANGED, DELETED, REORDERED = "changed", "deleted", "reordered"
TRUNCATED, INSERTED, REPLAYED = "truncated", "inserted", "replayed"


class Line(NamedTuple):
    """A line of a segment, and where it stands, counted from 1. whole: whether its newline is there."""

    segment: str
    number: int
    raw: bytes
    whole: bool = True


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong with a log. number: of the entry. line: 0 where there is none."""

    kind: str
    number: int
    file: str
    line: int
    message: str


class Scene:
    """What is known where a walk had to stop, and the rules that name it."""

    def __init__(
        self,
        lines: Callable[[], Iterator[Line]],
        *,
        line: Line,
        tip: Tip,
        ring: Optional[Ring],
        head: Optional[Tip],
    ) -> None:
        self._lines = lines
        self._line = line
        self._tip = tip
        self._expected = tip.size + 1
        self._ring = ring
        self._head = head

    def fault(self) -> Fault:
        """The fault."""
        if not self._line.whole:
            return self._made(TRUNCATED, f"the file ends in the middle of entry {self._expected}")
        fields = self._authentic(self._line.raw)
        if fields is None:
            return self._forged()
        if fields["n"] == self._expected:
            return self._fork()
        return self._out_of_place(fields["n"])

    def _made(self, kind: str, message: str, *, number: Optional[int] = None) -> Fault:
        number = self._expected if number is None else number
        return Fault(kind, number, self._line.segment, self._line.number, message)

    def _authentic(self, raw: bytes) -> Optional[dict[str, Any]]:
        """The fields of a line that one of our keys sealed, or, without keys, of any entry."""
        fields = entry.read(raw)
        if fields is None or self._ring is None:
            return fields
        return fields if any(entry.is_sealed(raw, key.secret) for key in self._ring.keys) else None

    def _after(self) -> Iterator[Line]:
        """The lines behind this one."""
        found = False
        for line in self._lines():
            if found:
                yield line
            found = found or (line.segment == self._line.segment and line.number == self._line.number)

    def _forged(self) -> Fault:
        expected, seen = self._expected, 1
        for line in self._after():
            fields = self._authentic(line.raw)
            if fields is not None:
                if fields["n"] == expected:
                    return self._made(
                        INSERTED, f"before entry {expected} stand lines ({seen}) that no key of this log sealed"
                    )
                return self._made(CHANGED, f"entry {expected} is not as it was sealed")
            seen += 1
        if self._head and self._head.size < expected:
            return self._made(
                INSERTED, f"after entry {expected - 1}, the last, stands a line that no key of this log sealed"
            )
        return self._made(CHANGED, f"entry {expected} is not as it was sealed")

    def _fork(self) -> Fault:
        """The right number on another past: this entry or the one before is from elsewhere."""
        expected, own = self._expected, leaf_hash(self._line.raw).hex()
        following = next(self._after(), None)
        fields = self._authentic(following.raw) if following else None
        resumes = fields is not None and (fields["n"], fields["prev"]) == (expected, self._tip.leaf.hex())
        if resumes or (following is None and self._head and self._head.size < expected):
            return self._made(INSERTED, f"in place of entry {expected} stands an entry that is not of this log")
        if fields and fields["n"] == expected + 1 and fields["prev"] != own:
            return self._made(
                CHANGED, f"entry {expected} is from elsewhere: it fits neither the entry before nor the one behind"
            )
        if self._ring and self._authentic(self._line.raw) and not entry.is_sealed(self._line.raw, self._current()):
            return self._made(CHANGED, f"entry {expected} is sealed with a key that was replaced before it")
        if expected == 1:
            return self._made(CHANGED, f"entry 1 does not begin a log of the name {self._tip.origin}")
        return self._made(
            CHANGED, f"entry {expected - 1} is not the one that entry {expected} was chained to", number=expected - 1
        )

    def _current(self) -> bytes:
        key = self._ring.find(self._tip.key) if self._ring else None
        return key.secret if key else b""

    def _out_of_place(self, number: int) -> Fault:
        expected, raw = self._expected, self._line.raw
        if number < expected:
            if any(line.raw == raw for line in self._before()):
                return self._made(REPLAYED, f"in place of entry {expected} stands entry {number} once more")
            return self._made(
                INSERTED, f"in place of entry {expected} stands an entry {number} that is not of this log"
            )
        missing = False
        for line in self._after():
            if line.raw == raw:
                return self._made(REPLAYED, f"in place of entry {expected} stands a copy of entry {number}")
            if not missing and line.raw.startswith(b'{"n":%d,' % expected):
                missing = self._authentic(line.raw) is not None
        if missing:
            return self._made(REORDERED, f"entry {number} stands in the place of entry {expected}, which comes later")
        gone = f"entry {expected} is" if number == expected + 1 else f"entries {expected} to {number - 1} are"
        return self._made(DELETED, f"{gone} gone")

    def _before(self) -> Iterator[Line]:
        for line in self._lines():
            if line.segment == self._line.segment and line.number == self._line.number:
                return
            yield line
