# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a log ends: found from its head in a moment, and mended where a writer was interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import MaintenanceError
from ..findings import Finding
from . import entry
from .fault import Line
from .keys import Ring
from .merkle import leaf_hash
from .store import Stream, Tip, set_aside
from .walk import lines_of, walk


@dataclass
class End:
    """The end of a log as it was found. faults: sentences that the log itself is to remember.

    fresh: whether the next entry begins a new segment. writable: whether there is anything to write the head for.
    """

    tip: Tip
    findings: list[Finding] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    fresh: bool = False


def find_end(stream: Stream, ring: Ring, *, repair: bool) -> End:
    """The end of a log that has entries. Call it under the lock.

    repair: whether to move aside what an interrupted writer left. Raises MaintenanceError where there is no telling
    where the log ends, and OSError where nothing can be moved.
    """
    head = stream.read_head(ring)
    if head is None:
        return _without_head(stream, ring, repair=repair)
    end = End(tip=head.copy())
    size = stream.size_of(head.segment) if head.segment else 0
    if size < head.offset:
        sentence = f"the segment {head.segment} has {max(size, 0)} bytes where {head.offset} were acknowledged"
        end.faults.append(f"Entries up to {head.size} were acknowledged, but {sentence}.")
        end.findings.append(_critical(stream, f"{end.faults[0]} New entries go into a new segment; run verify."))
        end.fresh = True
        return end
    _go_on(stream, end, ring, repair=repair)
    return end


def _without_head(stream: Stream, ring: Ring, *, repair: bool) -> End:
    """The end by way of the whole log, where its head is gone."""
    base = stream.read_base()
    segments = stream.live_segments(base)
    origin = origin_of(stream)
    walked = walk(lambda: lines_of(stream, segments, ends={}), origin=origin, ring=ring, base=base)
    fault = walked.fault
    torn = fault is not None and segments and _is_torn(stream, segments[-1].name, walked.tip)
    if (fault and not torn) or walked.unknown_key:
        what = fault.message if fault else f"it needs the key {walked.unknown_key}, which is not in the key file"
        raise MaintenanceError(
            f"The head of the audit log {stream.folder} is missing or not sealed by its key, and {what}: run verify, "
            "and "
            "put the folder back from a copy, or move it elsewhere so that a new log begins."
        )
    end = End(tip=walked.tip)
    if not end.tip.key:
        end.tip.key = ring.current.id
    end.faults.append(f"The head was missing; it was made anew of the log, which ended at entry {end.tip.size}.")
    end.findings.append(
        _critical(stream, f"{end.faults[0]} Whether later entries were cut off, only an anchored checkpoint can tell.")
    )
    _go_on(stream, end, ring, repair=repair)
    return end


def origin_of(stream: Stream) -> str:
    """The name of a log without a head, from what it says of itself."""
    for segment in stream.segments():
        for line in lines_of(stream, [segment], ends={}):
            fields = entry.read(line.raw)
            details = fields.get("details") if fields else None
            if fields and isinstance(details, dict) and fields.get("action") in (entry.OPENED, entry.PRUNED):
                return str(details.get("origin", ""))
    return ""


def _is_torn(stream: Stream, segment: str, tip: Tip) -> bool:
    """Whether all that is wrong is a last line without its end."""
    start = tip.offset if tip.segment == segment else 0
    return b"\n" not in stream.read_bytes(segment, start=start)


def _go_on(stream: Stream, end: End, ring: Ring, *, repair: bool) -> None:
    """Takes in whole entries behind the head, and deals with what is behind them."""
    tip = end.tip
    first = tip.segment
    for segment in stream.segments():
        if segment.name < first:
            continue
        start = tip.offset if segment.name == first else 0
        content = stream.read_bytes(segment.name, start=start)
        good = 0
        for raw in content.split(b"\n")[:-1]:
            if not _follows(raw, tip, ring):
                break
            fields = entry.read(raw) or {}
            if tip.segment != segment.name:
                tip.segment, tip.offset = segment.name, 0
            tip.step(raw, leaf_hash(raw), str(fields["logged"]))
            if fields.get("action") == entry.ROTATED:
                tip.key = str(fields["details"]["key"])
            good += len(raw) + 1
        if good < len(content):
            _aside(stream, end, Line(segment.name, 0, content[good:]), start=start + good, repair=repair)


def _follows(raw: bytes, tip: Tip, ring: Ring) -> bool:
    key = ring.find(tip.key)
    fields = entry.read(raw)
    return (
        fields is not None
        and key is not None
        and entry.is_sealed(raw, key.secret)
        and fields["n"] == tip.size + 1
        and fields["prev"] == tip.leaf.hex()
    )


def _aside(stream: Stream, end: End, rest: Line, *, start: int, repair: bool) -> None:
    """Moves away what is no entry: an interrupted writer leaves half a line, whole lines are somebody's work."""
    number = end.tip.size + 1
    path = stream.path(rest.segment)
    whole = b"\n" in rest.raw
    where = ""
    if repair:
        where = f" It is kept as {set_aside(stream, rest.segment, start=start, number=number)}."
    if whole:
        end.faults.append(f"Behind entry {number - 1}, {rest.segment} had lines that do not follow it.{where}")
        end.findings.append(_critical(stream, f"{end.faults[-1]} Find out who wrote them."))
        return
    end.findings.append(
        Finding(
            check="audit.torn",
            subject=path,
            status="warning",
            message=f"A writer was interrupted in the middle of entry {number} ({len(rest.raw)} bytes), which was "
            "never "
            f"acknowledged.{where or ' The next append moves it aside.'}",
            value=len(rest.raw),
            unit="bytes",
            evidence={"stream": stream.name, "entry": number},
        )
    )


def _critical(stream: Stream, message: str) -> Finding:
    return Finding(
        check="audit.chain", subject=stream.folder, status="critical", message=message, evidence={"stream": stream.name}
    )
