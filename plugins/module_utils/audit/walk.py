# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walking through a log from its first entry to its last, and what kind of fault stops the walk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from . import entry
from .fault import CHANGED, DELETED, TRUNCATED, Fault, Line, Scene
from .keys import Ring
from .merkle import leaf_hash
from .store import Base, Segment, Stream, Tip


@dataclass
class Walk:
    """How far a walk came. tip: where it ended. roots: hash of the tree at the sizes that were asked for.

    turns: the keys, each with the number of entries before the first that it sealed.
    """

    tip: Tip
    fault: Optional[Fault] = None
    first: int = 1
    roots: dict[int, bytes] = field(default_factory=dict)
    began: dict[int, str] = field(default_factory=dict)
    unknown_key: str = ""
    keys: list[str] = field(default_factory=list)
    turns: list[tuple[int, str]] = field(default_factory=list)
    sealed: bool = True


def lines_of(stream: Stream, segments: Iterable[Segment], *, ends: Mapping[str, int]) -> Iterator[Line]:
    """Every line of the segments up to the bytes in ``ends``; a last one without its newline too."""
    for segment in segments:
        content = stream.read_bytes(segment.name, end=ends.get(segment.name))
        lines = content.split(b"\n")
        whole = len(lines)
        if lines[-1] == b"":
            lines.pop()
        for number, raw in enumerate(lines, 1):
            yield Line(segment.name, number, raw, whole=number < whole)


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
                walker.done.fault = Scene(lines, line=line, tip=walker.tip, ring=ring, head=head).fault()
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
        if not line.whole:
            return False
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
        if fields is None or not self._has_key(str(fields.get("key", ""))):
            # What names a key that is unknown proves nothing, not even that.
            self.done.unknown_key = ""
            return False
        return True

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
        self.done.turns.append((self.tip.size, number))
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
    elif head and done.sealed and done.turns and head.key != _key_at(done, head.size):
        done.fault = Fault(
            TRUNCATED,
            tip.size + 1,
            "head.json",
            0,
            f"the head is sealed with a key that was replaced before entry {head.size}, so entries behind entry "
            f"{tip.size} may have been cut off",
        )
    elif head and head.size == tip.size and (head.leaf != tip.leaf or head.tree.nodes != tip.tree.nodes):
        done.fault = Fault(
            CHANGED, tip.size, tip.segment, 0, f"entry {tip.size} or one before is not the one that was acknowledged"
        )


def _key_at(done: Walk, size: int) -> str:
    """The key that the next entry of a log of that size has."""
    return next((key for before, key in reversed(done.turns) if before <= size), done.tip.key)
