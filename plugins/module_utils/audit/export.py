# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking entries out for somebody who does not trust this host: with what proves that they are of the log."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..files import write_atomic
from . import entry, keys, note
from .keys import Ring
from .merkle import Range, Tree
from .store import KEEPING, Stream
from .walk import Walk, lines_of, walk

_COLUMNS = (
    *("n", "logged", "time", "run", "procedure", "operator", "host", "action", "target", "outcome", "reason"),
    *("details", "ref"),
)


@dataclass(frozen=True)
class Wanted:
    """Which entries. since, until: moments of what happened, until not included; empty for no limit."""

    since: str = ""
    until: str = ""
    run: str = ""

    @classmethod
    def read(cls, *, since: str, until: str, run: str) -> Wanted:
        """Reads the options. Raises MaintenanceError."""
        return cls(
            since=to_text(parse_moment(since, option="since")) if since else "",
            until=to_text(parse_moment(until, option="until")) if until else "",
            run=run,
        )

    def fits(self, fields: Mapping[str, Any]) -> bool:
        """Whether the entry is wanted."""
        moment = str(fields.get("time", ""))
        return (
            (not self.since or moment >= self.since)
            and (not self.until or moment < self.until)
            and (not self.run or fields.get("run") == self.run)
        )


@dataclass(frozen=True)
class Taken:
    """Entries of a stream, with everything that is needed to prove them."""

    walked: Walk
    lines: Sequence[bytes]
    tree: Tree
    whole: bool


def take(stream: Stream, read_ring: Callable[[], Ring], wanted: Wanted) -> tuple[Ring, Taken]:
    """The keys, asked for under the lock, and the wanted entries of a log that verifies. Raises MaintenanceError."""
    with stream.locked(name=KEEPING, shared=True):
        with stream.locked(shared=True):
            ring = read_ring()
            head = stream.read_head(ring)
            base = stream.read_base()
            segments = stream.live_segments(base)
            ends = {segment.name: stream.size_of(segment.name) for segment in segments}
            if head and head.segment:
                ends[head.segment] = head.offset
        lines: list[bytes] = []
        leaves: list[bytes] = []

        def see(raw: bytes, leaf: bytes) -> None:
            leaves.append(leaf)
            fields = entry.read(raw)
            if fields is not None and wanted.fits(fields):
                lines.append(raw)

        origin = head.origin if head else ""
        walked = walk(
            lambda: lines_of(stream, segments, ends=ends), origin=origin, ring=ring, base=base, head=head, see=see
        )
    if head is None or walked.fault or walked.unknown_key:
        said = walked.fault.message if walked.fault else "its head or a key is missing"
        raise MaintenanceError(
            f"The audit log {stream.folder} does not verify, so nothing of it was exported: {said}. Run verify; what "
            "is evidence now is the whole folder."
        )
    start: Optional[Range] = base.tree if base else None
    whole = walked.first == 1 and len(lines) == len(leaves)
    return ring, Taken(walked=walked, lines=lines, tree=Tree(leaves, start=start), whole=whole)


def write(taken: Taken, ring: Ring, *, folder: str, now: datetime, wanted: Wanted) -> None:
    """Writes the files of an export. Raises MaintenanceError."""
    tip = taken.walked.tip
    text = note.body(origin=tip.origin, size=tip.size, root=tip.tree.root())
    about = {
        "origin": tip.origin,
        "size": tip.size,
        "root": tip.tree.root().hex(),
        "entries": len(taken.lines),
        "since": wanted.since,
        "until": wanted.until,
        "run": wanted.run,
        "exported": to_text(now),
        "verifiers": keys.verifiers(ring, origin=tip.origin),
        "whole": taken.whole,
    }
    files = {
        "entries.jsonl": b"".join(line + b"\n" for line in taken.lines),
        "entries.csv": _csv(taken.lines),
        "checkpoint": note.signed(text, keys.seals(ring, origin=tip.origin, text=text)).encode(),
        "about.json": (json.dumps(about, indent=1) + "\n").encode(),
    }
    if not taken.whole:
        files["proofs.jsonl"] = b"".join(_proof(taken, line) for line in taken.lines)
    try:
        os.makedirs(folder, mode=0o750, exist_ok=True)
        if taken.whole and os.path.exists(os.path.join(folder, "proofs.jsonl")):
            os.unlink(os.path.join(folder, "proofs.jsonl"))
        for name, content in files.items():
            write_atomic(os.path.join(folder, name), content, mode=0o640)
    except OSError as error:
        raise MaintenanceError(f"The export could not be written to {folder}: {error.strerror}.") from None


def _proof(taken: Taken, line: bytes) -> bytes:
    number = (entry.read(line) or {})["n"]
    nodes = taken.tree.inclusion(number - 1)
    return (json.dumps({"n": number, "proof": [node.hex() for node in nodes]}) + "\n").encode()


def _csv(lines: Sequence[bytes]) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(_COLUMNS)
    for line in lines:
        fields = entry.read(line) or {}
        writer.writerow(_cell(fields.get(column, "")) for column in _COLUMNS)
    return target.getvalue().encode()


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = json.dumps(value) if isinstance(value, (dict, list)) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
