# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of this host's log: made here, kept elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Finding
from . import keys, note
from .keys import Ring
from .merkle import Range, Tree, leaf_hash
from .store import Base, Stream, Tip
from .walk import lines_of


@dataclass
class Issued:
    """A checkpoint, and the proof that it goes on from the one that another host has."""

    details: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)


def issue(stream: Stream, ring: Ring, tip: Tip, *, since: Optional[int]) -> Issued:
    """The checkpoint of the log as it is now. Call it under the lock.

    since: entries of the newest checkpoint that the other host has; None where it is not known, 0 where it has none.
    Raises MissingLibrary where the key is of a kind that needs one.
    """
    root = tip.tree.root()
    text = note.body(origin=tip.origin, size=tip.size, root=root)
    details: dict[str, Any] = {
        "origin": tip.origin,
        "size": tip.size,
        "root": root.hex(),
        "note": note.signed(text, keys.seals(ring, origin=tip.origin, text=text)),
        "verifiers": keys.verifiers(ring, origin=tip.origin),
        "since": since or 0,
        "proof": [],
    }
    if not since or since == tip.size:
        return Issued(details)
    if since > tip.size:
        message = (
            f"The anchor contradicts the log: it ends at entry {tip.size}, and the anchor host knows {since}. The "
            "end was cut "
            "off, or an old copy was put back."
        )
        return Issued(details, [_finding(stream, "critical", message, anchored=since)])
    try:
        details["proof"] = [node.hex() for node in tree(stream, tip).consistency(since)]
    except MaintenanceError as error:
        return Issued(details, [_finding(stream, "critical", str(error), anchored=since)])
    except LookupError:
        message = (
            f"Entries that were kept do not prove that the log goes on from entry {since}, which the anchor host knows."
        )
        return Issued(details, [_finding(stream, "unknown", message, anchored=since)])
    return Issued(details)


def tree(stream: Stream, tip: Tip, *, base: Optional[Base] = None) -> Tree:
    """The tree of the log up to the tip. Raises MaintenanceError where the log does not have so many entries."""
    base = base or stream.read_base()
    start = base.tree if base else Range()
    segments = stream.live_segments(base)
    leaves: list[bytes] = []
    for line in lines_of(stream, segments, ends={}):
        if start.size + len(leaves) == tip.size:
            break
        leaves.append(leaf_hash(line.raw))
    made = Tree(leaves, start=start)
    if made.size != tip.size:
        raise MaintenanceError(
            f"The audit log {stream.folder} has {made.size} entries where {tip.size} were acknowledged: run verify."
        )
    return made


def _finding(stream: Stream, status: str, message: str, **evidence: Any) -> Finding:
    return Finding(
        check="audit.anchor",
        subject=stream.folder,
        status=status,
        message=message,
        evidence={"stream": stream.name, **evidence},
    )
