# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of one stream: segments of lines, a head that is a cache with a seal, and a lock for its writers.

000000000001.jsonl          entries from number 1 on; the next segment begins a month or some megabytes later
head.json                   number, hash and tree of the last entry that was acknowledged
base.json                   what retention dropped, where it dropped something
000000000001.jsonl.torn-7   what an interrupted writer left where entry 7 stands now
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Optional

from ..errors import MaintenanceError
from ..files import names_in, open_plain, sync_folder, write_atomic
from . import entry
from .keys import Ring
from .merkle import Range

HEAD, BASE, LOCK, KEEPING = "head.json", "base.json", ".lock", ".keeping.lock"
_SEGMENT = re.compile(r"(?P<first>[0-9]{12})\.jsonl")
_PATIENCE = 60.0


@dataclass(frozen=True)
class Segment:
    """A file of entries. first: number of the first of them."""

    name: str
    first: int


@dataclass
class Tip:
    """Where a log ends. leaf: hash of its last line. key: number of the key that seals what comes next."""

    origin: str
    size: int = 0
    leaf: bytes = b""
    logged: str = ""
    key: str = ""
    segment: str = ""
    offset: int = 0
    tree: Range = field(default_factory=Range)

    def copy(self) -> Tip:
        """Another one, to go on from by itself."""
        return replace(self, tree=self.tree.copy())

    def step(self, line: bytes, leaf: bytes, logged: str) -> None:
        """Goes on by one entry."""
        self.size += 1
        self.leaf = leaf
        self.logged = logged
        self.offset += len(line) + 1
        self.tree.append(leaf)


@dataclass(frozen=True)
class Base:
    """What retention dropped. entry: number of the entry that says so."""

    dropped: int
    leaf: bytes
    tree: Range
    entry: int


class Stream:
    """One stream of an audit log on this host."""

    def __init__(self, root: str, name: str) -> None:
        self.name = name
        self.folder = os.path.join(root, name)

    def path(self, name: str) -> str:
        """Path of a file of the stream."""
        return os.path.join(self.folder, name)

    def segments(self) -> list[Segment]:
        """The files of entries, oldest first."""
        found = (_SEGMENT.fullmatch(name) for name in names_in(self.folder))
        return sorted(
            (Segment(name=match[0], first=int(match["first"])) for match in found if match),
            key=lambda segment: segment.first,
        )

    def live_segments(self, base: Optional[Base]) -> list[Segment]:
        """Those that retention did not drop; what it dropped may not be removed yet."""
        return [segment for segment in self.segments() if not (base and segment.first <= base.dropped)]

    def exists(self) -> bool:
        """Whether there is anything of a log here."""
        return bool(self.segments()) or os.path.exists(self.path(HEAD)) or os.path.exists(self.path(BASE))

    def size_of(self, segment: str) -> int:
        """Bytes of a segment; -1 where it is not there."""
        try:
            return os.stat(self.path(segment)).st_size
        except OSError:
            return -1

    def read_bytes(self, segment: str, *, start: int = 0, end: Optional[int] = None) -> bytes:
        """Bytes of a segment. Raises MaintenanceError."""
        try:
            with open_plain(self.path(segment)) as stream:
                stream.seek(start)
                return stream.read(-1 if end is None else max(0, end - start))
        except OSError as error:
            raise MaintenanceError(f"The audit log {self.path(segment)} cannot be read: {error.strerror}.") from None

    # The head

    def read_head(self, ring: Optional[Ring]) -> Optional[Tip]:
        """The head; None where it is missing or broken, or where its seal, if there are keys, is wrong."""
        try:
            with open_plain(self.path(HEAD)) as stream:
                line = stream.read().rstrip(b"\n")
            row = json.loads(line)
            tip = Tip(
                origin=row["origin"],
                size=row["size"],
                leaf=bytes.fromhex(row["leaf"]),
                logged=row["logged"],
                key=row["key"],
                segment=row["segment"],
                offset=row["offset"],
                tree=Range(size=row["size"], nodes=map(bytes.fromhex, row["nodes"])),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        key = ring.find(tip.key) if ring else None
        if ring and (key is None or not entry.is_sealed(line, key.secret)):
            return None
        return tip

    def write_head(self, tip: Tip, ring: Ring) -> None:
        """Writes the head. Raises OSError."""
        key = ring.find(tip.key)
        row = {
            "origin": tip.origin,
            "size": tip.size,
            "leaf": tip.leaf.hex(),
            "logged": tip.logged,
            "key": tip.key,
            "segment": tip.segment,
            "offset": tip.offset,
            "nodes": [node.hex() for node in tip.tree.nodes],
        }
        write_atomic(self.path(HEAD), entry.seal(row, key.secret if key else b"") + b"\n", mode=0o640)

    # What retention left

    def read_base(self) -> Optional[Base]:
        """What retention dropped. Raises MaintenanceError where the file cannot be understood."""
        try:
            with open_plain(self.path(BASE)) as stream:
                row = json.load(stream)
            tree = Range(size=row["dropped"], nodes=map(bytes.fromhex, row["nodes"]))
            return Base(dropped=row["dropped"], leaf=bytes.fromhex(row["leaf"]), tree=tree, entry=row["entry"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            raise MaintenanceError(
                f"The file {self.path(BASE)}, which says what retention dropped, cannot be understood: restore it "
                "from a "
                f"copy, or make it of the newest entry {entry.PRUNED} of this log, whose details have the same names."
            ) from None

    def write_base(self, base: Base) -> None:
        """Writes what retention drops. Raises OSError."""
        row = {
            "dropped": base.dropped,
            "leaf": base.leaf.hex(),
            "nodes": [node.hex() for node in base.tree.nodes],
            "entry": base.entry,
        }
        write_atomic(self.path(BASE), (json.dumps(row) + "\n").encode(), mode=0o640)

    # Locks

    @contextlib.contextmanager
    def locked(self, *, name: str = LOCK, shared: bool = False) -> Iterator[None]:
        """Holds the lock of the writers, or the one that keeps retention from dropping what is being read.

        Goes on without it where it is not there and cannot be made: a copy that may only be read has no writers.
        Raises MaintenanceError where it is held for a minute.
        """
        path = self.path(name)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        except OSError:
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except OSError as error:
                if not shared:
                    raise MaintenanceError(f"The audit log needs its lock {path}: {error.strerror}.") from None
                yield
                return
        try:
            _hold(descriptor, path, shared=shared)
            yield
        finally:
            os.close(descriptor)

    def make_folder(self) -> None:
        """Makes the folder. Raises MaintenanceError."""
        try:
            os.makedirs(self.folder, mode=0o750, exist_ok=True)
        except OSError as error:
            raise MaintenanceError(
                f"The folder {self.folder} of the audit log cannot be made: {error.strerror}."
            ) from None


def _hold(descriptor: int, path: str, *, shared: bool) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not _took(descriptor, shared=shared):
        if time.monotonic() > deadline:
            raise MaintenanceError(
                f"Another process has held the lock {path} of the audit log for a minute; see who (fuser {path})."
            )
        time.sleep(0.005)


def _took(descriptor: int, *, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def set_aside(stream: Stream, segment: str, *, start: int, number: int) -> str:
    """Moves what stands behind the start into a file of its own, and returns its name. Raises OSError."""
    with open(stream.path(segment), "r+b") as source:
        source.seek(start)
        rest = source.read()
        for attempt in range(1, 1000):
            name = f"{segment}.torn-{number}" + (f".{attempt}" if attempt > 1 else "")
            try:
                with open(stream.path(name), "xb") as target:
                    target.write(rest)
                    target.flush()
                    os.fsync(target.fileno())
                break
            except FileExistsError:
                with open(stream.path(name), "rb") as earlier:
                    if earlier.read() == rest:
                        break
        sync_folder(stream.folder)
        source.truncate(start)
        source.flush()
        os.fsync(source.fileno())
    return name
