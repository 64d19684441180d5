# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the states of the module audit_log have in common."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from . import keys, note, recover
from .keys import Ring
from .store import Stream

Options = Mapping[str, Any]


def streams_of(options: Options) -> list[Stream]:
    """The streams that were asked for."""
    return [Stream(options["path"], name) for name in options["streams"]]


def name_of(options: Options, stream: Stream) -> str:
    """The name that a new log gets. Raises MaintenanceError."""
    origin = f"{options['origin'] or socket.gethostname()}/{stream.name}"
    if not note.is_name(origin):
        raise MaintenanceError(
            f"The option origin must be a name without spaces and plus signs, not '{options['origin']}'."
        )
    return origin


def origin_of(options: Options, stream: Stream, ring: Optional[Ring]) -> str:
    """The name of the log: the one that was asked for, the one it has, or that of this host."""
    if options["origin"] or not stream.exists():
        return name_of(options, stream)
    head = stream.read_head(ring)
    return (head.origin if head else recover.origin_of(stream)) or name_of(options, stream)


def ring_of(options: Options) -> Ring:
    """The keys. Raises MaintenanceError where there are none.

    Read it under the lock of a stream: a rotation puts a key into the file before it uses it.
    """
    ring = keys.read(options["key_file"])
    if ring is None:
        raise MaintenanceError(
            f"The key file {options['key_file']} is missing, and the log was sealed with it: put it back from its "
            "copy. If it is lost, move the folder of the log elsewhere, and a new log begins."
        )
    return ring


def new_ring(options: Options, *, now: datetime, dry: bool) -> Optional[Ring]:
    """The keys, made where there is neither a key nor a log; None where a rehearsal does not make them."""
    ring = keys.read(options["key_file"])
    if ring is None and any(stream.exists() for stream in streams_of(options)):
        return ring_of(options)
    if ring is not None or dry:
        return ring
    return keys.create(options["key_file"], kind=options["key_kind"], now=now)


def since_of(options: Options, origin: str) -> Optional[int]:
    """How much of this log the anchor host knows; None where it was not asked, or does not know it."""
    known = options["anchored"].get(origin)
    return int(known["size"]) if isinstance(known, Mapping) and "size" in known else None


def begun() -> Outcome:
    """An outcome with nothing in it yet."""
    return Outcome(findings=[], actions=[], details={"streams": {}})


def add(done: Outcome, details: dict[str, Any], *findings: Finding, action: Optional[Action] = None) -> None:
    """Puts what became of a stream into the outcome."""
    done.findings = [*done.findings, *findings]
    done.actions = [*done.actions, *([action] if action else [])]
    if done.details is not None:
        done.details["streams"][details["origin"]] = details
