# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention: drops whole segments that are old enough, and leaves an entry from which the rest can be verified."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional

from ..clock import to_text
from ..errors import MaintenanceError
from ..files import names_in, sync_folder
from . import entry
from .append import own_row, write_rows
from .keys import Ring
from .recover import find_end
from .store import Base, Segment, Stream
from .walk import Walk, lines_of, walk


@dataclass(frozen=True)
class Plan:
    """What retention may drop. walked: the log up to there; None where there is nothing. why: why not more."""

    segments: Sequence[Segment] = ()
    walked: Optional[Walk] = None
    why: str = ""


def plan(stream: Stream, ring: Ring, *, keep_days: int, anchored: Optional[int], now: datetime) -> Plan:
    """Segments whose newest entry is older than that many days. Call it under the lock.

    anchored: entries that the anchor host knows; None where there is no such host. Raises MaintenanceError where what
    would be dropped does not verify.
    """
    limit = to_text(now - timedelta(days=keep_days))
    base = stream.read_base()
    segments = stream.live_segments(base)
    old: list[Segment] = []
    for segment, following in zip(segments, segments[1:]):
        if _newest(stream, segment) >= limit:
            break
        if anchored is not None and following.first - 1 > anchored:
            return _walked(stream, ring, old, base, why=f"The anchor host knows {anchored} entries only.")
        old.append(segment)
    return _walked(stream, ring, old, base, why=f"Nothing is older than {keep_days} days.")


def _newest(stream: Stream, segment: Segment) -> str:
    """When its newest entry was written. A clock may have been set back: it need not be the last."""
    places = (entry.place(line) for line in stream.read_bytes(segment.name).split(b"\n")[:-1])
    return max((place[2] for place in places if place), default="9")


def _walked(stream: Stream, ring: Ring, old: Sequence[Segment], base: Optional[Base], *, why: str) -> Plan:
    if not old:
        return Plan(why=why)
    head = stream.read_head(ring)
    if head is None:
        raise MaintenanceError(f"The head of {stream.folder} is missing or not sealed by its key: run verify.")
    walked = walk(lambda: lines_of(stream, old, ends={}), origin=head.origin, ring=ring, base=base)
    # The entry that vouches for the base stands further on; that it does is verify's to say.
    fault = walked.fault
    if (fault and fault.file != "base.json") or walked.unknown_key:
        said = fault.message if fault else f"the key {walked.unknown_key} is missing"
        raise MaintenanceError(f"What retention would drop from {stream.folder} does not verify, and was kept: {said}.")
    return Plan(segments=old, walked=walked)


def prune(stream: Stream, ring: Ring, planned: Plan, *, host: str, now: datetime) -> Base:
    """Drops what was planned: an entry that says so first, then the base, then the files. Call it under the lock.

    Raises MaintenanceError. Interrupted anywhere, the log verifies, and the next call finishes.
    """
    if planned.walked is None:
        raise MaintenanceError(f"Nothing was planned to be dropped from {stream.folder}.")
    before = planned.walked.tip
    end = find_end(stream, ring, repair=True)
    row = own_row(
        entry.PRUNED,
        before.origin,
        host=host,
        now=now,
        origin=before.origin,
        dropped=before.size,
        until=before.logged,
        leaf=before.leaf.hex(),
        nodes=[node.hex() for node in before.tree.nodes],
    )
    write_rows(stream, ring, end, [row], now=now)
    base = Base(dropped=before.size, leaf=before.leaf, tree=before.tree, entry=end.tip.size)
    try:
        stream.write_base(base)
        sweep(stream, base)
    except OSError as error:
        raise MaintenanceError(f"Retention could not drop entries of {stream.folder}: {error.strerror}.") from None
    return base


def finish(stream: Stream) -> None:
    """Removes what an interrupted call had dropped already. Raises MaintenanceError."""
    try:
        sweep(stream, stream.read_base())
    except OSError as error:
        raise MaintenanceError(f"Retention could not drop entries of {stream.folder}: {error.strerror}.") from None


def sweep(stream: Stream, base: Optional[Base]) -> int:
    """Removes the files of what was dropped, and returns how many segments went. Raises OSError."""
    if base is None:
        return 0
    gone = [segment.name for segment in stream.segments() if segment.first <= base.dropped]
    for name in names_in(stream.folder):
        if any(name == segment or name.startswith(f"{segment}.torn-") for segment in gone):
            os.unlink(stream.path(name))
    if gone:
        sync_folder(stream.folder)
    return len(gone)
