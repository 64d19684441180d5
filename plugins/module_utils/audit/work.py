# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the states of the module audit_log do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..clock import now_or
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from . import anchor, checkpoint, export, judge, keys, note, records, sign_offs
from .common import Options, add, begun, name_of, ring_of, since_of, streams_of
from .store import KEEPING
from .writing import append_state, prune_state, rotate_state


def work(options: Options, *, check_mode: bool) -> Outcome:
    """Does what the state says. Raises MaintenanceError."""
    _require_numbers(options)
    _require_anchored(options["anchored"])
    options = {**options, "anchor_error": " ".join(options["anchor_error"].split())[:300]}
    return _STATES[options["state"]](options, now=now_or(options["now"]), dry=check_mode)


def _require_anchored(anchored: Mapping[str, Any]) -> None:
    """What another host says is no more trusted than anything else from outside."""
    for name, row in anchored.items():
        known = row if isinstance(row, Mapping) else {}
        size = known.get("size", 0)
        counted = isinstance(size, int) and not isinstance(size, bool) and size >= 0
        if not known or not counted or not isinstance(known.get("checkpoints", []), list):
            raise MaintenanceError(
                f"The option anchored says nothing of {name} that can be read: give it details.streams as the state "
                "anchor returns it, and look at the anchor host."
            )


def _require_numbers(options: Options) -> None:
    for name, (least, most) in _NUMBERS.items():
        if not least <= options[name] <= most:
            hint = _HINTS.get(name, "")
            raise MaintenanceError(
                f"The option {name} must be a number from {least} to {most}, not {options[name]:g}{hint}."
            )


def _verify(options: Options, *, now: datetime, dry: bool) -> Outcome:
    checkpoints = _parse_all([*options["checkpoints"], *_anchored_notes(options)])
    done = begun()
    ring = keys.read(options["key_file"])
    streams, told, signed = streams_of(options), records.Told(), sign_offs.Signed()

    def see(raw: bytes, leaf: bytes) -> None:
        told.see(raw, leaf)
        signed.see(raw, leaf)

    done.findings = [keys.judge(options["key_file"], ring, begun=any(stream.exists() for stream in streams))]
    for stream in streams:
        verified = judge.verify(
            stream,
            lambda: keys.read(options["key_file"]),
            name=name_of(options, stream) if options["origin"] else "",
            checkpoints=checkpoints,
            anchor_error=options["anchor_error"],
            anchor_age_hours=options["anchor_age_hours"],
            now=now,
            repair=options["repair"] and not dry,
            see=see if options["records"] or options["sign_offs"] else None,
        )
        name = verified.details["origin"] or name_of(options, stream)
        end = keys.left_behind(options["key_file"], ring, verified.key, stream=stream.name) if ring else []
        add(done, {**verified.details, "origin": name}, *verified.findings, *end)
    done.findings = [*done.findings, *_beside(options, done.findings, told, signed, now=now)]
    return done


def _beside(
    options: Options, findings: Sequence[Finding], told: records.Told, signed: sign_offs.Signed, *, now: datetime
) -> list[Finding]:
    """What lies beside the log, held against it."""
    if any(finding.status == "critical" for finding in findings if finding.check == "audit.chain"):
        return [records.blind(options["records"])] if options["records"] and told.digests else []
    held = records.judge(options["records"], told, now=now) if options["records"] and told.since else []
    # Without a log, there is nothing to hold them against.
    return [
        *held,
        *(sign_offs.judge(options["sign_offs"], signed, now=now) if options["sign_offs"] and signed.since else []),
    ]


def _parse_all(notes: Sequence[str]) -> list[note.Checkpoint]:
    return [note.parse(text if text.endswith("\n") else text + "\n") for text in notes if text.strip()]


def _anchored_notes(options: Options) -> list[str]:
    known = (row for row in options["anchored"].values() if isinstance(row, Mapping))
    return [str(text) for row in known for text in row.get("checkpoints", ())]


def _checkpoint(options: Options, *, now: datetime, dry: bool) -> Outcome:
    done = begun()
    for stream in streams_of(options):
        if not stream.exists():
            continue
        with stream.locked(name=KEEPING, shared=True), stream.locked(shared=True):
            ring = ring_of(options)
            tip = stream.read_head(ring)
            if tip is None:
                raise MaintenanceError(
                    f"The head of {stream.folder} is missing or not sealed by its key, and what may be cut off is not "
                    "signed: run verify."
                )
            issued = checkpoint.issue(stream, ring, tip, since=since_of(options, tip.origin))
        add(done, issued.details, *issued.findings)
    return done


def _anchor(options: Options, *, now: datetime, dry: bool) -> Outcome:
    for name, offer in options["offers"].items():
        if not isinstance(offer, Mapping) or not offer.get("note"):
            raise MaintenanceError(
                f"The option offers has no checkpoint for {name}: give it details.streams as append returns it."
            )
    taken = anchor.take(options["path"], options["offers"], now=now, dry=dry)
    logs: dict[str, Any] = anchor.kept(options["path"], most=options["checkpoint_count"])
    return Outcome(findings=taken.findings, actions=taken.actions, details={"streams": logs})


def _export(options: Options, *, now: datetime, dry: bool) -> Outcome:
    wanted = export.Wanted.read(since=options["since"], until=options["until"], run=options["run_id"])
    done = begun()
    for stream in streams_of(options):
        if not stream.exists():
            continue
        ring, taken = export.take(stream, lambda: ring_of(options), wanted)
        folder = os.path.join(options["destination"], stream.name)
        if not dry:
            export.write(taken, ring, folder=folder, now=now, wanted=wanted)
        tip, count = taken.walked.tip, len(taken.lines)
        details = {"origin": tip.origin, "size": tip.size, "exported": count, "folder": folder}
        outcome = "planned" if dry else "done"
        action = Action(action="export", target=folder, changed=True, outcome=outcome, after={"entries": count})
        add(done, details, action=action)
    return done


_NUMBERS = {
    "anchor_age_hours": (0, 876600),
    "checkpoint_count": (1, 1000000),
    "keep_days": (1, 36525),
    "segment_bytes": (1, 1 << 40),
}
_HINTS = {"keep_days": "; 2192 days are the six years of HIPAA"}

_STATES = {
    "append": append_state,
    "verify": _verify,
    "checkpoint": _checkpoint,
    "anchor": _anchor,
    "rotate": rotate_state,
    "prune": prune_state,
    "export": _export,
}
