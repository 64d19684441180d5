# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Merkle tree of RFC 6962 over the lines of a log: its root, and the proofs that others can check."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Optional

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(line: bytes) -> bytes:
    """Hash of an entry's exact bytes, without its newline (RFC 6962, section 2.1)."""
    return hashlib.sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two neighbours (RFC 6962, section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Range:
    """The first entries of a tree as the roots of their perfect subtrees, largest first: enough to go on from."""

    def __init__(self, *, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Raises ValueError where that is no such list."""
        self.size = size
        self.nodes = list(nodes)
        if bin(size).count("1") != len(self.nodes) or any(len(node) != 32 for node in self.nodes):
            raise ValueError(f"these are not the nodes of a tree of {size} entries")

    def append(self, leaf: bytes) -> None:
        """Takes in the hash of the next entry."""
        size, nodes = self.size, self.nodes
        while size & 1:
            leaf = hashlib.sha256(b"\x01" + nodes.pop() + leaf).digest()
            size >>= 1
        nodes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Root hash of the tree."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root

    def copy(self) -> Range:
        """Another one, to go on from by itself."""
        return Range(size=self.size, nodes=self.nodes)


class Tree:
    """A tree to take proofs from. start: the entries before the first leaf, of which only the hashes are left."""

    def __init__(self, leaves: Sequence[bytes], *, start: Optional[Range] = None) -> None:
        before = start or Range()
        self.size = before.size + len(leaves)
        self._kept = before.size
        self._first = [before.size]
        self._levels = [list(leaves)]
        self._known: dict[tuple[int, int], bytes] = {}
        place = 0
        for level, node in zip(
            [bit for bit in range(before.size.bit_length(), -1, -1) if before.size >> bit & 1], before.nodes
        ):
            self._known[(level, place >> level)] = node
            place += 1 << level
        self._build()

    def _build(self) -> None:
        while len(self._levels[-1]) > 1:
            first, nodes = self._first[-1], self._levels[-1]
            skipped = first & 1
            self._first.append((first + 1) >> 1)
            self._levels.append([node_hash(nodes[at], nodes[at + 1]) for at in range(skipped, len(nodes) - 1, 2)])

    def _node(self, level: int, index: int) -> bytes:
        """Root of the perfect subtree. Raises LookupError where it is older than what was kept."""
        if level < len(self._levels) and 0 <= index - self._first[level] < len(self._levels[level]):
            return self._levels[level][index - self._first[level]]
        if (level, index) not in self._known:
            if level == 0:
                raise LookupError(f"entry {index + 1} was not kept")
            self._known[(level, index)] = node_hash(
                self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1)
            )
        return self._known[(level, index)]

    def root(self, start: int = 0, end: Optional[int] = None) -> bytes:
        """Root over the entries from start up to end, as the proofs of RFC 6962 need it; all by default."""
        end = self.size if end is None else end
        length = end - start
        if length == 0:
            return EMPTY_ROOT
        if length & (length - 1) == 0:
            level = length.bit_length() - 1
            return self._node(level, start >> level)
        split = start + _split(length)
        return node_hash(self.root(start, split), self.root(split, end))

    def consistency(self, old: int) -> list[bytes]:
        """Proof that the tree of ``old`` entries is the beginning of this one (RFC 6962, section 2.1.2).

        Raises LookupError where it needs what was not kept, ValueError where old is no size of this log.
        """
        if not 0 <= old <= self.size:
            raise ValueError(f"a log of {self.size} entries was never one of {old}")
        return [] if old in (0, self.size) else self._consistency(old, 0, self.size, whole=True)

    def _consistency(self, old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
        if old == end:
            return [] if whole else [self.root(start, end)]
        split = start + _split(end - start)
        if old <= split:
            return [*self._consistency(old, start, split, whole=whole), self.root(split, end)]
        return [*self._consistency(old, split, end, whole=False), self.root(start, split)]

    def inclusion(self, index: int) -> list[bytes]:
        """Proof that the entry at the index, counted from 0, is in this tree (RFC 6962, section 2.1.1)."""
        return self._inclusion(index, 0, self.size)

    def _inclusion(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        split = start + _split(end - start)
        if index < split:
            return [*self._inclusion(index, start, split), self.root(split, end)]
        return [*self._inclusion(index, split, end), self.root(start, split)]


def _split(length: int) -> int:
    """The largest power of two below the length."""
    return 1 << ((length - 1).bit_length() - 1)


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the old tree is the beginning of the new one (RFC 9162, section 2.1.4.2)."""
    if old == new:
        return old_root == new_root and not proof
    if not 0 <= old < new:
        return False
    if old == 0:
        return not proof
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node_hash(node, first), node_hash(node, second)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, node)
        place, last = place >> 1, last >> 1
    return first == old_root and second == new_root and last == 0
