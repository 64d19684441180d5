# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the states of the module audit_log do."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Optional

from ..clock import now_or
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from . import anchor, checkpoint, derive, entry, judge, keys, note
from .append import Written, append
from .entry import Deed
from .keys import Ring
from .store import KEEPING, Stream

OPERATIONAL, SECURITY = "operational", "security"


def work(options: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """Does what the state says. Raises MaintenanceError."""
    now = now_or(options["now"])
    options = {**options, "anchor_error": " ".join(options["anchor_error"].split())[:300]}
    return _STATES[options["state"]](options, now=now, dry=check_mode)


def origin_of(options: Mapping[str, Any], stream: Stream, ring: Optional[Ring]) -> str:
    """The name of the log: the one it has, the one that was asked for, or that of this host."""
    if not options["origin"]:
        head = stream.read_head(ring)
        if head:
            return head.origin
    origin = f"{options['origin'] or socket.gethostname()}/{stream.name}"
    if not note.is_name(origin):
        raise MaintenanceError(
            f"The option origin must be a name without spaces and plus signs, not '{options['origin']}'."
        )
    return origin


def streams_of(options: Mapping[str, Any]) -> list[Stream]:
    """The streams that were asked for."""
    return [Stream(options["path"], name) for name in options["streams"]]


def ring_of(options: Mapping[str, Any], *, now: datetime, dry: bool) -> Optional[Ring]:
    """The keys; made where there is neither a key nor a log. None where they would be made. Raises MaintenanceError."""
    ring = keys.read(options["key_file"])
    if ring is not None:
        return ring
    begun = [stream.folder for stream in streams_of(options) if stream.exists()]
    if begun:
        raise MaintenanceError(
            f"The key file {options['key_file']} is missing, and {begun[0]} was sealed with it: put it back from its "
            "copy. "
            "If it is lost, move the folder elsewhere, and a new log begins."
        )
    return None if dry else keys.create(options["key_file"], kind=options["key_kind"], now=now)


def _append(options: Mapping[str, Any], *, now: datetime, dry: bool) -> Outcome:
    policy = derive.Policy(procedures=options["security_procedures"], actions=options["security_actions"])
    deeds = [entry.deed_of(row, now=now) for row in options["entries"]]
    if options["run"]:
        deeds += derive.deeds_of(derive.read_record(options["run"]))
    ring = ring_of(options, now=now, dry=dry)
    done = Outcome(findings=[*_away(options)], actions=[], details={"streams": {}})
    for stream in streams_of(options):
        own = deeds if stream.name != SECURITY else [deed for deed in deeds if policy.marks(deed)]
        try:
            _append_to(stream, ring, own, options, done, now=now, dry=dry)
        except MaintenanceError as error:
            raise MaintenanceError(str(error), findings=done.findings, actions=done.actions) from None
    return done


def _append_to(
    stream: Stream,
    ring: Optional[Ring],
    deeds: Sequence[Deed],
    options: Mapping[str, Any],
    done: Outcome,
    *,
    now: datetime,
    dry: bool,
) -> None:
    origin = origin_of(options, stream, ring)
    if ring is None or (dry and not stream.exists()):
        _note(done, _action(stream, len(deeds), 0, dry=True), {"origin": origin, "size": 0, "appended": 0})
        return
    if not dry:
        stream.make_folder()
    with stream.locked(name=KEEPING, shared=True), stream.locked(shared=dry):
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
        issued = None if dry else checkpoint.issue(stream, ring, written.tip, since=_since(options, origin))
    details = _written(written)
    _note(done, _action(stream, len(written.numbers), written.known, dry=dry), details, *written.findings)
    if issued:
        details.update(issued.details)
        _note(done, None, details, *issued.findings)


def _note(done: Outcome, action: Optional[Action], details: dict[str, Any], *findings: Finding) -> None:
    done.findings = [*done.findings, *findings]
    done.actions = [*done.actions, *([action] if action else [])]
    if done.details is not None:
        done.details["streams"][details["origin"]] = details


def _written(written: Written) -> dict[str, Any]:
    return {
        "origin": written.tip.origin,
        "size": written.tip.size,
        "appended": len(written.numbers),
        "known": written.known,
    }


def _action(stream: Stream, count: int, known: int, *, dry: bool) -> Action:
    if not count:
        reason = f"All {known} entries are in the log already." if known else "There is nothing to append."
        return Action(action="append", target=stream.folder, changed=False, outcome="skipped", reason=reason)
    outcome = "planned" if dry else "done"
    return Action(action="append", target=stream.folder, changed=True, outcome=outcome, after={"entries": count})


def _since(options: Mapping[str, Any], origin: str) -> Optional[int]:
    """How much of this log the anchor host knows; None where it was not asked."""
    known = options["anchored"].get(origin)
    return int(known["size"]) if isinstance(known, Mapping) and "size" in known else None


def _away(options: Mapping[str, Any]) -> list[Finding]:
    if not options["anchor_error"]:
        return []
    return [
        Finding(
            check="audit.anchor",
            subject=options["path"],
            status="warning",
            message=f"The anchor host did not get the newest checkpoint ({options['anchor_error']}); the next append "
            "brings it. "
            f"Until then, {judge.ALONE}.",
        )
    ]


def _verify(options: Mapping[str, Any], *, now: datetime, dry: bool) -> Outcome:
    ring = keys.read(options["key_file"]) if options["key_file"] else None
    checkpoints = judge.parse_all([*options["checkpoints"], *_anchored_notes(options)])
    findings = [keys.judge(options["key_file"], ring)]
    details: dict[str, Any] = {}
    for stream in streams_of(options):
        verified = judge.verify(
            stream,
            ring,
            checkpoints=checkpoints,
            anchor_error=options["anchor_error"],
            anchor_age_hours=options["anchor_age_hours"],
            now=now,
            repair=options["repair"] and not dry,
        )
        findings += verified.findings
        details[verified.details["origin"] or f"{options['origin'] or socket.gethostname()}/{stream.name}"] = (
            verified.details
        )
    return Outcome(findings=findings, details={"streams": details})


def _anchored_notes(options: Mapping[str, Any]) -> list[str]:
    known = (row for row in options["anchored"].values() if isinstance(row, Mapping))
    return [str(text) for row in known for text in row.get("checkpoints", ())]


def _checkpoint(options: Mapping[str, Any], *, now: datetime, dry: bool) -> Outcome:
    ring = keys.read(options["key_file"])
    done = Outcome(findings=[], actions=[], details={"streams": {}})
    for stream in streams_of(options):
        if not stream.exists():
            continue
        if ring is None:
            raise MaintenanceError(
                f"The key file {options['key_file']} is missing, so nothing can be signed: put it back."
            )
        with stream.locked(name=KEEPING, shared=True), stream.locked(shared=True):
            tip = stream.read_head(ring)
            if tip is None:
                raise MaintenanceError(
                    f"The head of {stream.folder} is missing or not sealed by its key, and what may be cut off is "
                    "not signed: "
                    "run verify."
                )
            issued = checkpoint.issue(stream, ring, tip, since=_since(options, tip.origin))
        _note(done, None, issued.details, *issued.findings)
    return done


def _anchor(options: Mapping[str, Any], *, now: datetime, dry: bool) -> Outcome:
    for name, offer in options["offers"].items():
        if not isinstance(offer, Mapping) or not offer.get("note"):
            raise MaintenanceError(f"The option offers has nothing for {name}: give it details.streams of the append.")
    taken = anchor.take(options["path"], options["offers"], now=now, dry=dry)
    logs = anchor.kept(options["path"], most=options["checkpoint_count"])
    return Outcome(findings=taken.findings, actions=taken.actions, details={"streams": logs})


_STATES = {
    "append": _append,
    "verify": _verify,
    "checkpoint": _checkpoint,
    "anchor": _anchor,
}
