# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walking through a log from its first entry to its last, and what kind of fault stops the walk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

from . import entry
from .keys import Ring
from .merkle import leaf_hash
from .store import Base, Segment, Stream, Tip

CHANGED, DELETED, REORDERED = "changed", "deleted", "reordered"
TRUNCATED, INSERTED, REPLAYED = "truncated", "inserted", "replayed"


class Line(NamedTuple):
    """A line of a segment, and where it stands, counted from 1."""

    segment: str
    number: int
    raw: bytes


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong with a log. number: of the entry. line: 0 where there is none."""

    kind: str
    number: int
    file: str
    line: int
    message: str


@dataclass
class Walk:
    """How far a walk came. tip: where it ended. roots: hash of the tree at the sizes that were asked for."""

    tip: Tip
    fault: Optional[Fault] = None
    first: int = 1
    roots: dict[int, bytes] = field(default_factory=dict)
    began: dict[int, str] = field(default_factory=dict)
    unknown_key: str = ""
    keys: list[str] = field(default_factory=list)
    sealed: bool = True


def lines_of(stream: Stream, segments: Iterable[Segment], *, ends: Mapping[str, int]) -> Iterator[Line]:
    """Every line of the segments up to the bytes in ``ends``; a last one without its newline too."""
    for segment in segments:
        content = stream.read_bytes(segment.name, end=ends.get(segment.name))
        lines = content.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        for number, raw in enumerate(lines, 1):
            yield Line(segment.name, number, raw)


def walk(
    lines: Callable[[], Iterator[Line]],
    *,
    origin: str,
    ring: Optional[Ring],
    base: Optional[Base],
    sizes: Collection[int] = (),
    head: Optional[Tip] = None,
    see: Optional[Callable[[bytes, bytes], None]] = None,
) -> Walk:
    """Checks number, hash and seal of every line until the first that is wrong.

    lines: a new pass over the log for each call. sizes: where to note the root. head: what was acknowledged.
    see: gets every good line and its hash. Without ring, the seals are not checked. Raises MaintenanceError from lines.
    """
    walker = _Walker(origin=origin, ring=ring, base=base, sizes=sizes)
    for line in lines():
        if not walker.step(line):
            if not walker.done.unknown_key:
                walker.done.fault = _Scene(lines, line=line, tip=walker.tip, ring=ring, head=head).fault()
            return walker.done
        if see:
            see(line.raw, walker.tip.leaf)
    _end(walker.done, base=base, told=walker.told, head=head)
    return walker.done


class _Walker:
    """Goes from line to line."""

    def __init__(self, *, origin: str, ring: Optional[Ring], base: Optional[Base], sizes: Collection[int]) -> None:
        self.tip = Tip(origin=origin, leaf=entry.beginning(origin))
        if base:
            self.tip = Tip(origin=origin, size=base.dropped, leaf=base.leaf, tree=base.tree.copy())
        self.done = Walk(tip=self.tip, first=self.tip.size + 1, sealed=ring is not None)
        self.told = False
        self._ring = ring
        self._base = base
        self._sizes = set(sizes)
        self._checker: Optional[entry.Checker] = None
        self._leaf = self.tip.leaf.hex().encode()
        self._note()

    def step(self, line: Line) -> bool:
        """Takes in the line, if it is the next entry."""
        tip, raw = self.tip, line.raw
        if self._checker is None and not self._begins(raw):
            return False
        if self._checker is not None and not self._checker.checks(raw):
            return False
        # A seal vouches for the form of its line; without keys, every line has to be read.
        place = entry.place(raw) if self._ring is not None or entry.read(raw) is not None else None
        if place is None or place[0] != tip.size + 1 or place[1] != self._leaf:
            return False
        logged = place[2]
        if tip.size in self._sizes:
            self.done.began[tip.size] = logged
        if tip.segment != line.segment:
            tip.segment, tip.offset = line.segment, 0
        tip.step(raw, leaf_hash(raw), logged)
        self._leaf = tip.leaf.hex().encode()
        if tip.size in self._sizes:
            self._note()
        if place[3]:
            self._own(raw)
        return not self.done.unknown_key

    def _begins(self, raw: bytes) -> bool:
        """Turns to the key that the first line names."""
        fields = entry.read(raw)
        return fields is not None and self._has_key(str(fields.get("key", "")))

    def _note(self) -> None:
        if self.tip.size in self._sizes:
            self.done.roots[self.tip.size] = self.tip.tree.root()

    def _has_key(self, number: str) -> bool:
        """Turns to the key of that number; False where there are keys and it is not among them."""
        self.tip.key = number
        if self._ring is None:
            return True
        key = self._ring.find(number)
        if key is None:
            self.done.unknown_key = number or "?"
            return False
        self._checker = entry.Checker(key.secret)
        self.done.keys.append(number)
        return True

    def _own(self, raw: bytes) -> None:
        """What an entry of the log about itself means for those behind it."""
        fields = entry.read(raw)
        details = fields.get("details") if fields else None
        if fields is None or not isinstance(details, dict):
            return
        if fields["action"] == entry.ROTATED:
            self._has_key(str(details.get("key", "")))
        elif self._base and fields["action"] == entry.PRUNED and self.tip.size == self._base.entry:
            self.told = _tells(details, self._base)


def _tells(details: Mapping[str, Any], base: Base) -> bool:
    """Whether the log itself says that this was dropped."""
    return bool(
        details.get("dropped") == base.dropped
        and details.get("leaf") == base.leaf.hex()
        and details.get("nodes") == [node.hex() for node in base.tree.nodes]
    )


def _end(done: Walk, *, base: Optional[Base], told: bool, head: Optional[Tip]) -> None:
    """What only the end of the log shows: entries that are gone from its beginning or its end."""
    tip = done.tip
    if head and head.size > tip.size:
        done.fault = Fault(
            TRUNCATED,
            tip.size + 1,
            tip.segment or head.segment,
            0,
            f"the log ends at entry {tip.size}, and entries up to {head.size} were acknowledged",
        )
    elif base and not told:
        done.fault = Fault(
            DELETED, 1, "base.json", 0, f"entries 1 to {base.dropped} are gone, and no entry of the log says so"
        )
    elif head and head.size == tip.size and (head.leaf != tip.leaf or head.tree.nodes != tip.tree.nodes):
        done.fault = Fault(
            CHANGED, tip.size, tip.segment, 0, f"entry {tip.size} or one before is not the one that was acknowledged"
        )


class _Scene:
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
        if self._line.raw and not self._line.raw.endswith(b"}"):
            return self._made(TRUNCATED, f"the log ends in the middle of entry {expected}")
        return self._made(CHANGED, f"entry {expected} is not as it was sealed")

    def _fork(self) -> Fault:
        """The right number on another past: this entry or the one before is from elsewhere."""
        expected, own = self._expected, leaf_hash(self._line.raw).hex()
        following = next(self._after(), None)
        fields = self._authentic(following.raw) if following else None
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
