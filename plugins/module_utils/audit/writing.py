# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of the module audit_log that write into the log: append, rotate and prune."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from . import checkpoint, derive, entry, judge, keys, retention
from .append import Written, append
from .common import Options, add, begun, name_of, new_ring, origin_of, ring_of, since_of, streams_of
from .entry import Deed
from .store import KEEPING, Stream

SECURITY = "security"


def append_state(options: Options, *, now: datetime, dry: bool) -> Outcome:
    """Writes entries. Raises MaintenanceError; what was written until then goes with it."""
    policy = derive.Policy(procedures=options["security_procedures"], actions=options["security_actions"])
    deeds = [entry.deed_of(row, now=now) for row in options["entries"]]
    if options["run"]:
        deeds += derive.deeds_in(options["run"], documents=options["documents"])
    ring = new_ring(options, now=now, dry=dry)
    done = begun()
    done.findings = _away(options)
    for stream in streams_of(options):
        own = deeds if stream.name != SECURITY else [deed for deed in deeds if policy.marks(deed)]
        if ring is None or (dry and not stream.exists()):
            details = {"origin": name_of(options, stream), "size": 0, "appended": 0}
            add(done, details, action=_appended(stream, len(own), 0, dry=True))
            continue
        try:
            _append_to(stream, own, options, done, now=now, dry=dry)
        except MaintenanceError as error:
            raise MaintenanceError(str(error), findings=done.findings, actions=done.actions) from None
    return done


def _append_to(
    stream: Stream, deeds: Sequence[Deed], options: Options, done: Outcome, *, now: datetime, dry: bool
) -> None:
    if not dry:
        stream.make_folder()
    with stream.locked(name=KEEPING, shared=True), stream.locked(shared=dry):
        ring = ring_of(options)
        origin = origin_of(options, stream, ring)
        # What signs the checkpoint must be there before anything is written.
        keys.verifiers(ring, origin=origin)
        written = append(
            stream,
            ring,
            deeds,
            origin=origin,
            host=socket.gethostname(),
            now=now,
            segment_bytes=options["segment_bytes"],
            dry=dry,
        )
        issued = None if dry else checkpoint.issue(stream, ring, written.tip, since=since_of(options, origin))
    action = _appended(stream, len(written.numbers), written.known, dry=dry)
    more = issued.findings if issued else []
    if options["state"] != "rotate":
        more = [*keys.left_behind(options["key_file"], ring, written.sealed, stream=stream.name), *more]
    add(done, _written(written) | (issued.details if issued else {}), *written.findings, *more, action=action)


def _written(written: Written) -> dict[str, Any]:
    tip = written.tip
    return {"origin": tip.origin, "size": tip.size, "appended": len(written.numbers), "known": written.known}


def _appended(stream: Stream, count: int, known: int, *, dry: bool) -> Action:
    if not count:
        reason = f"All {known} entries are in the log already." if known else "There is nothing to append."
        return Action(action="append", target=stream.folder, changed=False, outcome="skipped", reason=reason)
    outcome = "planned" if dry else "done"
    return Action(action="append", target=stream.folder, changed=True, outcome=outcome, after={"entries": count})


def _away(options: Options) -> list[Finding]:
    if not options["anchor_error"]:
        return []
    return [
        Finding(
            check="audit.anchor",
            subject=options["path"],
            status="warning",
            message=f"The anchor host does not get this checkpoint ({options['anchor_error']}); the next append brings "
            f"it a newer one. Until then, {judge.ALONE}.",
        )
    ]


def rotate_state(options: Options, *, now: datetime, dry: bool) -> Outcome:
    """Makes a new key, and lets every stream say with the old one that it turns to it. Raises MaintenanceError."""
    path = options["key_file"]
    old = ring_of(options).current.id
    done = begun()
    if dry:
        done.actions = [Action(action="rotate_key", target=path, changed=True, outcome="planned", before={"key": old})]
        return done
    new = keys.add(path, kind=options["key_kind"], now=now).current.id
    rotated = Action(
        action="rotate_key", target=path, changed=True, outcome="done", before={"key": old}, after={"key": new}
    )
    for stream in streams_of(options):
        if stream.exists():
            try:
                _append_to(stream, (), options, done, now=now, dry=False)
            except MaintenanceError as error:
                raise MaintenanceError(str(error), findings=done.findings, actions=[rotated]) from None
    done.actions = [rotated]
    return done


def prune_state(options: Options, *, now: datetime, dry: bool) -> Outcome:
    """Drops what is older than policy keeps. Raises MaintenanceError."""
    done = begun()
    for stream in streams_of(options):
        if not stream.exists():
            continue
        try:
            with stream.locked(name=KEEPING, shared=dry), stream.locked(shared=dry):
                _prune_stream(stream, options, done, now=now, dry=dry)
        except MaintenanceError as error:
            raise MaintenanceError(str(error), findings=done.findings, actions=done.actions) from None
    return done


def _prune_stream(stream: Stream, options: Options, done: Outcome, *, now: datetime, dry: bool) -> None:
    ring = ring_of(options)
    origin = origin_of(options, stream, ring)
    details: dict[str, Any] = {"origin": origin, "dropped": 0, "segments": 0}
    planned = _planned(stream, options, origin, now=now)
    if planned.walked is None:
        if not dry:
            retention.finish(stream)
        add(done, details, action=_pruned(stream, "skipped", reason=planned.why))
        return
    tip = planned.walked.tip
    details.update(dropped=tip.size, segments=len(planned.segments))
    if not dry:
        retention.prune(stream, ring, planned, host=socket.gethostname(), now=now)
    after = {"dropped": tip.size, "until": tip.logged, "segments": len(planned.segments)}
    add(done, details, action=_pruned(stream, "planned" if dry else "done", after=after))


def _planned(stream: Stream, options: Options, origin: str, *, now: datetime) -> retention.Plan:
    if options["anchor_error"]:
        return retention.Plan(why=f"The anchor host could not be asked: {options['anchor_error']}.")
    known = since_of(options, origin)
    # An anchor host that does not know this log protects none of it yet.
    anchored = 0 if known is None and options["anchored"] else known
    return retention.plan(stream, ring_of(options), keep_days=options["keep_days"], anchored=anchored, now=now)


def _pruned(stream: Stream, outcome: str, **more: Any) -> Action:
    return Action(action="prune", target=stream.folder, changed=outcome != "skipped", outcome=outcome, **more)
