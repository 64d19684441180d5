# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing entries: under the lock, on the disk before they are acknowledged, each only once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..files import sync_folder
from ..findings import Finding
from . import entry, keys
from .entry import Deed
from .keys import Ring
from .merkle import leaf_hash
from .recover import End, find_end
from .store import Stream, Tip, set_aside

SEGMENT_BYTES = 16 * 1024 * 1024
# Clocks of controller and records host may differ by so much, and entries are still known again.
_SKEW = timedelta(days=1)
# A clock that is set right by more than this changes what an auditor may read from the times.
_STEP = timedelta(minutes=5)
OWN_ACTOR = "audit_log"


@dataclass
class Written:
    """What became of an append. known: deeds that the log had already. sealed: key of the log before."""

    tip: Tip
    sealed: str = ""
    numbers: list[int] = field(default_factory=list)
    known: int = 0
    findings: Sequence[Finding] = ()


def append(
    stream: Stream,
    ring: Ring,
    deeds: Sequence[Deed],
    *,
    origin: str,
    host: str,
    now: datetime,
    segment_bytes: int = SEGMENT_BYTES,
    dry: bool = False,
) -> Written:
    """Appends the deeds that the log does not have yet. Call it under the lock.

    origin: name of the log where it begins now. host: of this log, for entries about itself. dry: only tells what
    would be. Raises MaintenanceError: then nothing of this call counts as an entry.
    """
    try:
        if not stream.exists():
            end = End(tip=Tip(origin=origin, leaf=entry.beginning(origin), key=ring.current.id))
            if not dry:
                stream.write_head(end.tip, ring)
        else:
            end = find_end(stream, ring, repair=not dry)
    except OSError as error:
        raise _not_written(stream, error) from None
    if end.tip.origin != origin:
        raise MaintenanceError(
            f"The audit log {stream.folder} has the name {end.tip.origin}, not {origin}: a log keeps its name. Set the "
            f"option origin (audit_origin) back to {end.tip.origin.rpartition('/')[0]}; where that was never its name, "
            "another log was put in its place."
        )
    known = _known_refs(stream, deeds)
    fresh = [deed for deed in deeds if not deed.ref or deed.ref not in known]
    by_ref = entry.unique_refs(fresh)
    fresh = [deed for deed in fresh if not deed.ref or by_ref[deed.ref] is deed]
    sealed = end.tip.key
    _look_at_clock(stream, end, now=now)
    rows = [*_own_rows(end, ring, host=host, now=now), *(deed.fields() for deed in fresh)]
    first = end.tip.size + 1 + len(rows) - len(fresh)
    numbers = list(range(first, first + len(fresh)))
    if rows and not dry:
        write_rows(stream, ring, end, rows, now=now, segment_bytes=segment_bytes)
    return Written(tip=end.tip, sealed=sealed, numbers=numbers, known=len(deeds) - len(fresh), findings=end.findings)


def _look_at_clock(stream: Stream, end: End, *, now: datetime) -> None:
    """Says, and lets the log remember, that this host's clock went back since the newest entry."""
    newest = end.tip.logged
    if not newest or to_text(now + _STEP) >= newest:
        return
    fault = f"The clock of this host says {to_text(now)}, and entry {end.tip.size} was written at {newest}"
    end.faults.append(f"{fault}.")
    end.findings.append(
        Finding(
            check="audit.clock",
            subject=stream.folder,
            status="warning",
            message=f"{fault}: it was ahead then, or was set back. Set it right, and read the times of the entries "
            "around there with care; their order is proved without a clock.",
            evidence={"stream": stream.name, "entry": end.tip.size},
        )
    )


def own_row(action: str, target: str, *, host: str, now: datetime, **details: Any) -> dict[str, Any]:
    """An entry of the log about itself."""
    deed = Deed(
        time=to_text(now), operator=OWN_ACTOR, host=host, action=action, target=target, outcome="done", details=details
    )
    return deed.fields()


def _own_rows(end: End, ring: Ring, *, host: str, now: datetime) -> list[dict[str, Any]]:
    """What the log has to say of itself before anything else."""
    tip, rows = end.tip, []
    if tip.size == 0:
        rows.append(own_row(entry.OPENED, tip.origin, host=host, now=now, origin=tip.origin, **_of_key(tip, ring)))
    rows += [own_row(entry.FAULT, tip.origin, host=host, now=now, fault=sentence) for sentence in end.faults]
    if tip.key != ring.current.id:
        current = Tip(origin=tip.origin, key=ring.current.id)
        rows.append(own_row(entry.ROTATED, tip.origin, host=host, now=now, **_of_key(current, ring)))
    return rows


def _of_key(tip: Tip, ring: Ring) -> dict[str, Any]:
    key = ring.find(tip.key)
    public = keys.verifiers(Ring(keys=[key]), origin=tip.origin) if key else []
    return {"key": tip.key, **({"verifier": public[0]} if public else {})}


def _known_refs(stream: Stream, deeds: Sequence[Deed]) -> set[str]:
    """The refs of these deeds that the log has, found from its newest segment back to where they cannot be."""
    wanted = set(entry.unique_refs(deeds))
    known: set[str] = set()
    if not wanted:
        return known
    oldest = min(parse_moment(deed.time, option="entries.time") for deed in deeds if deed.ref)
    since = to_text(oldest - _SKEW)
    for segment in reversed(stream.segments()):
        lines = stream.read_bytes(segment.name).split(b"\n")[:-1]
        for raw in lines:
            if b'"ref":"' in raw:
                known.add(str((entry.read(raw) or {}).get("ref", "")))
        first = entry.read(lines[0]) if lines else None
        if first and str(first.get("logged", "")) < since:
            break
    return known & wanted


def write_rows(
    stream: Stream,
    ring: Ring,
    end: End,
    rows: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    segment_bytes: int = SEGMENT_BYTES,
) -> None:
    """Seals and writes rows behind the end, which moves. Raises MaintenanceError, and leaves all as it was."""
    _Writer(stream, ring, end, now=now, segment_bytes=segment_bytes).write(rows)


class _Writer:
    """Puts lines into segments: all of a call, or none."""

    def __init__(self, stream: Stream, ring: Ring, end: End, *, now: datetime, segment_bytes: int) -> None:
        self._stream = stream
        self._ring = ring
        self._end = end
        self._now = to_text(now)
        self._longest = segment_bytes

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Seals and writes the rows, and moves the tip. Raises MaintenanceError, and leaves all as it was."""
        before = self._end.tip
        tip = before.copy()
        parts = self._parts(rows, tip)
        done: list[str] = []
        try:
            for segment, start, content in parts:
                done.append(segment)
                self._put(segment, start, content)
            self._stream.write_head(tip, self._ring)
        except OSError as error:
            if not self._acknowledged(tip):
                self._undo(done, before)
                raise _not_written(self._stream, error) from None
        self._end.tip = tip

    def _parts(self, rows: Sequence[Mapping[str, Any]], tip: Tip) -> list[tuple[str, int, bytes]]:
        """The lines by segment, each with the byte where they go."""
        parts: list[tuple[str, int, list[bytes]]] = []
        for row in rows:
            new = self._end.fresh and not parts
            if new or not tip.segment or tip.offset >= self._longest or self._now[:7] != tip.logged[:7]:
                tip.segment, tip.offset = f"{tip.size + 1:012d}.jsonl", 0
            if not parts or parts[-1][0] != tip.segment:
                parts.append((tip.segment, tip.offset, []))
            key = self._ring.find(tip.key)
            fields = {"n": tip.size + 1, "logged": self._now, **row, "key": tip.key, "prev": tip.leaf.hex()}
            line = entry.seal(fields, key.secret if key else b"")
            parts[-1][2].append(line + b"\n")
            tip.step(line, leaf_hash(line), self._now)
            if row["action"] == entry.ROTATED:
                tip.key = row["details"]["key"]
        return [(segment, start, b"".join(lines)) for segment, start, lines in parts]

    def _put(self, segment: str, start: int, content: bytes) -> None:
        new = start == 0
        if new and self._stream.size_of(segment) > 0:
            set_aside(self._stream, segment, start=0, number=int(segment[:12]))
        descriptor = os.open(self._stream.path(segment), os.O_WRONLY | os.O_CREAT, 0o640)
        try:
            rest = memoryview(content)
            at = start
            while rest:
                count = os.pwrite(descriptor, rest, at)
                rest, at = rest[count:], at + count
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(self._stream.folder)

    def _acknowledged(self, tip: Tip) -> bool:
        """Whether the new head is on the disk, whatever went wrong behind it."""
        head = self._stream.read_head(self._ring)
        return head is not None and head.size == tip.size and head.leaf == tip.leaf

    def _undo(self, segments: Sequence[str], before: Tip) -> None:
        for segment in segments:
            with contextlib.suppress(OSError):
                if segment == before.segment:
                    os.truncate(self._stream.path(segment), before.offset)
                else:
                    os.unlink(self._stream.path(segment))


def _not_written(stream: Stream, error: OSError) -> MaintenanceError:
    return MaintenanceError(
        f"The audit log {stream.folder} could not be written: {error.strerror}. Nothing of this call counts as an "
        "entry; "
        "mend the cause and call it again."
    )
