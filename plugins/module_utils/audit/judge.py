# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying a stream, and saying what was proved and what cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import parse_moment
from ..findings import Finding
from .fault import REPLAYED, TRUNCATED, Fault
from .keys import Ring
from .note import Checkpoint
from .recover import origin_of
from .store import KEEPING, Stream, Tip, set_aside
from .walk import Walk, lines_of, walk

ALONE = (
    "it cannot be proved that nobody who holds the key rewrote the log, cut off its end, or began it anew: keep its "
    "checkpoints on another host"
)


@dataclass
class Verified:
    """What a stream is like. key: the one that seals what comes next."""

    findings: list[Finding] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    key: str = ""


def verify(
    stream: Stream,
    read_ring: Callable[[], Optional[Ring]],
    *,
    name: str,
    checkpoints: Sequence[Checkpoint],
    anchor_error: str,
    anchor_age_hours: float,
    now: datetime,
    repair: bool,
    see: Optional[Callable[[bytes, bytes], None]] = None,
) -> Verified:
    """Verifies every entry, and the log against the checkpoints that another host kept.

    name: what the log is called; where it is empty, what it says itself is believed. read_ring: the keys, asked for
    under the lock; without, seals are not checked. anchor_error: why the other host could not be asked. repair:
    whether to move aside what an interrupted writer left. see: gets every good line. Raises MaintenanceError.
    """
    if not stream.exists():
        return _nothing(stream, checkpoints, name=name)
    done = Verified()
    with stream.locked(name=KEEPING, shared=True):
        with stream.locked(shared=True):
            ring = read_ring()
            head = stream.read_head(ring)
            base = stream.read_base()
            segments = stream.live_segments(base)
            ends = {segment.name: stream.size_of(segment.name) for segment in segments}
            origin = head.origin if head else origin_of(stream)
            if segments:
                torn = _torn(stream, segments[-1].name, ends, head=head, repair=repair and ring is not None)
                done.findings.extend(torn)
        own = [checkpoint for checkpoint in checkpoints if checkpoint.origin == (name or origin)]
        walked = walk(
            lambda: lines_of(stream, segments, ends=ends),
            origin=origin,
            ring=ring,
            base=base,
            head=head,
            sizes={checkpoint.size for checkpoint in own},
            see=see,
        )
    if head is None and walked.fault is None and not walked.unknown_key:
        walked.fault = _headless(walked)
    walked.fault = walked.fault or _misnamed(stream, origin, name=name)
    done.findings[:0] = [_chain(stream, walked)]
    dropped = base.dropped if base else 0
    if anchor_error and not own:
        done.findings.append(
            _anchor(stream, "warning", f"The anchor host could not be asked ({anchor_error}), so {ALONE}.")
        )
    else:
        limit = now - timedelta(hours=anchor_age_hours)
        done.findings.append(_anchored(stream, walked, own, dropped=dropped, limit=limit))
    done.details, done.key = _details(walked, own), walked.tip.key if walked.fault is None else ""
    return done


def _misnamed(stream: Stream, origin: str, *, name: str) -> Optional[Fault]:
    """Another log in the place of this one, which would be held against other checkpoints."""
    if origin and (origin != name if name else not origin.endswith(f"/{stream.name}")):
        belongs = name or f"one that ends in /{stream.name}"
        return Fault(REPLAYED, 1, stream.name, 0, f"the log in this folder is {origin}, not {belongs}")
    return None


def _nothing(stream: Stream, checkpoints: Sequence[Checkpoint], *, name: str) -> Verified:
    """There is no log. Where another host knows one of this name, somebody removed it."""
    known = [c for c in checkpoints if (c.origin == name if name else c.origin.endswith(f"/{stream.name}"))]
    if known:
        size = max(checkpoint.size for checkpoint in known)
        finding = _finding(
            stream,
            "audit.anchor",
            "critical",
            f"There is no log here, and the anchor host knows one of {size} entries: "
            "it was deleted. Put it back from a copy, and find out who removed it.",
        )
    else:
        finding = _finding(
            stream, "audit.chain", "unknown", "There is no audit log here yet: the first append begins it."
        )
    return Verified(findings=[finding], details={"origin": "", "size": 0})


def _torn(stream: Stream, segment: str, ends: dict[str, int], *, head: Optional[Tip], repair: bool) -> list[Finding]:
    """A last line without its end, behind all that was acknowledged: moved aside, or left out of what is read."""
    acknowledged = head.offset if head and head.segment == segment else 0
    rest = stream.read_bytes(segment, start=acknowledged)
    start = acknowledged + rest.rfind(b"\n") + 1
    size = ends[segment] - start
    if size <= 0 or (head and head.segment > segment):
        return []
    ends[segment] = start
    number = segment_entries(stream, segment, start) + int(segment[:12])
    said = "The next append moves it aside."
    if repair:
        try:
            said = f"It is kept as {set_aside(stream, segment, start=start, number=number)}."
        except OSError as error:
            said = f"It could not be moved aside: {error.strerror}."
    message = (
        f"A writer was interrupted in the middle of entry {number} ({size} bytes), which was never acknowledged. {said}"
    )
    return [
        Finding(
            check="audit.torn",
            subject=stream.path(segment),
            status="warning",
            message=message,
            value=size,
            unit="bytes",
            evidence={"stream": stream.name, "entry": number},
        )
    ]


def segment_entries(stream: Stream, segment: str, end: int) -> int:
    """How many whole lines a segment has up to that byte."""
    return stream.read_bytes(segment, end=end).count(b"\n")


def _headless(walked: Walk) -> Fault:
    if not walked.sealed:
        return Fault(
            TRUNCATED, walked.tip.size + 1, "head.json", 0, "the head is missing, so nothing says where the log ended"
        )
    return Fault(
        TRUNCATED,
        walked.tip.size + 1,
        "head.json",
        0,
        f"the head is missing or not sealed by its key, so entries behind entry {walked.tip.size} may have been cut "
        "off",
    )


def _chain(stream: Stream, walked: Walk) -> Finding:
    fault, tip = walked.fault, walked.tip
    evidence: dict[str, Any] = {"stream": stream.name, "first": walked.first, "last": tip.size}
    if fault:
        place = f"{fault.file} line {fault.line}" if fault.line else fault.file
        evidence.update(kind=fault.kind, entry=fault.number, file=fault.file, line=fault.line)
        return _finding(
            stream,
            "audit.chain",
            "critical",
            f"The log was tampered with or damaged: {fault.message} ({place}). Keep the folder as evidence, and put "
            "the log back from a copy.",
            **evidence,
        )
    if walked.unknown_key:
        return _finding(
            stream,
            "audit.chain",
            "unknown",
            f"From entry {tip.size + 1} on, the log is sealed with the key {walked.unknown_key}, which is not in the "
            "key file: add it from a copy, and verify again.",
            **evidence,
        )
    count = tip.size - walked.first + 1
    if not walked.sealed:
        return _finding(
            stream,
            "audit.chain",
            "unknown",
            f"{count} entries are chained without a gap, from {walked.first} to {tip.size}; their seals were not "
            "checked for want of the key.",
            **evidence,
        )
    message = f"{count} entries, from {walked.first} to {tip.size}, stand in their places as they were sealed."
    return Finding(
        check="audit.chain",
        subject=stream.folder,
        status="ok",
        message=message,
        value=count,
        unit="count",
        evidence=evidence,
    )


def _anchored(stream: Stream, walked: Walk, own: Sequence[Checkpoint], *, dropped: int, limit: datetime) -> Finding:
    """The log against the checkpoints of its name."""
    if not own:
        return _anchor(stream, "unknown", f"No checkpoint of this log was given, so {ALONE}.")
    tip = walked.tip
    newest = max(checkpoint.size for checkpoint in own)
    whole = walked.fault is None and not walked.unknown_key
    for checkpoint in sorted(own, key=lambda checkpoint: checkpoint.size):
        root = walked.roots.get(checkpoint.size)
        if root is not None and root != checkpoint.root:
            return _anchor(
                stream,
                "critical",
                f"The anchor contradicts the log: its first {checkpoint.size} entries are not those that the anchor "
                "host was told of. Somebody who holds the key rewrote them; keep the folder as evidence.",
                anchored=checkpoint.size,
            )
    if whole and newest > tip.size:
        return _anchor(
            stream,
            "critical",
            f"The anchor contradicts the log: it ends at entry {tip.size}, and the anchor host knows {newest}. The "
            "end was cut off, or an old copy was put back.",
            anchored=newest,
        )
    if newest < dropped:
        return _anchor(
            stream,
            "critical",
            f"Entries up to {dropped} were dropped, and the anchor host knows only {newest}: retention never drops "
            "what is not anchored.",
            anchored=newest,
        )
    if newest not in walked.roots:
        return _anchor(
            stream,
            "unknown",
            f"The log could not be followed up to entry {newest}, which is anchored.",
            anchored=newest,
        )
    return _agreed(stream, walked, own, newest=newest, limit=limit)


def _agreed(stream: Stream, walked: Walk, own: Sequence[Checkpoint], *, newest: int, limit: datetime) -> Finding:
    behind = walked.tip.size - newest
    checked = sum(checkpoint.size in walked.roots for checkpoint in own)
    evidence = {"anchored": newest, "checked": checked, "behind": behind}
    tail = f" The {behind} entries behind it are proved by the key alone." if behind else ""
    began = walked.began.get(newest, "")
    if behind and began and parse_moment(began, option="logged") < limit:
        return _anchor(
            stream,
            "warning",
            f"The newest checkpoint that agrees is of entry {newest}, older than it should be: entries since {began} "
            f"are on no other host.{tail} See why the anchor host gets none.",
            **evidence,
        )
    return _anchor(
        stream, "ok", f"{checked} checkpoints of another host agree, up to entry {newest}.{tail}", **evidence
    )


def _anchor(stream: Stream, status: str, message: str, **evidence: Any) -> Finding:
    return _finding(stream, "audit.anchor", status, message, stream=stream.name, **evidence)


def _finding(about: Stream, check: str, status: str, message: str, **evidence: Any) -> Finding:
    return Finding(check=check, subject=about.folder, status=status, message=message, evidence=evidence)


def _details(walked: Walk, own: Sequence[Checkpoint]) -> dict[str, Any]:
    fault = walked.fault
    return {
        "origin": walked.tip.origin,
        "first": walked.first,
        "size": walked.tip.size,
        "root": walked.tip.tree.root().hex(),
        "keys": walked.keys,
        "anchored": max((checkpoint.size for checkpoint in own), default=0),
        "fault": vars(fault) if fault else {},
    }
