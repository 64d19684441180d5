# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The anchor host: keeps every checkpoint that it was ever given, and takes none that contradicts them.

A folder for each log, named after it: ``checkpoints.jsonl`` with a line for each checkpoint, ``keys`` with the public
keys that it trusts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional
from urllib.parse import quote, unquote

from ..clock import to_text
from ..errors import MaintenanceError
from ..files import names_in, sync_folder, write_atomic
from ..findings import Action, Finding
from . import note
from .merkle import is_consistent
from .note import Checkpoint, Verifier
from .store import Stream, set_aside

_FILE, _KEYS, _REFUSED = "checkpoints.jsonl", "keys", "refused.jsonl"


@dataclass
class Anchored:
    """What became of the checkpoints."""

    findings: list[Finding] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)


@dataclass(frozen=True)
class _Known:
    """A log as this host knows it."""

    rows: Sequence[Mapping[str, Any]]
    verifiers: Sequence[str]

    @property
    def size(self) -> int:
        return int(self.rows[-1]["size"]) if self.rows else 0

    def root_at(self, size: int) -> Optional[bytes]:
        """The root of that size, where a checkpoint of it was taken."""
        return next((bytes.fromhex(row["root"]) for row in self.rows if row["size"] == size), None)


def kept(root: str, *, most: int) -> dict[str, dict[str, Any]]:
    """What this host knows of every log: size, public keys, and up to ``most`` checkpoints, newest last."""
    logs = {}
    for name in sorted(names_in(root)):
        if os.path.isdir(os.path.join(root, name)):
            known = _read(Stream(root, name))
            rows = _spread(known.rows, most)
            logs[unquote(name)] = {
                "size": known.size,
                "count": len(known.rows),
                "verifiers": list(known.verifiers),
                "checkpoints": [row["note"] for row in rows],
            }
    return logs


def _spread(rows: Sequence[Mapping[str, Any]], most: int) -> Sequence[Mapping[str, Any]]:
    """The newest half of what is wanted, and others spread over the past. The newest binds all before it."""
    if len(rows) <= most:
        return rows
    recent = rows[-(most // 2) :]
    older = rows[: len(rows) - len(recent)]
    step = max(1, -(-len(older) // max(1, most - len(recent))))
    return [*older[::step], *recent]


def take(root: str, offers: Mapping[str, Mapping[str, Any]], *, now: datetime, dry: bool) -> Anchored:
    """Takes the checkpoints that go on from what is known, and refuses the others.

    offers: by name of the log, ``note``, and for a log that is known ``since`` and ``proof``; ``verifiers`` where it
    has public keys. Raises MaintenanceError where a checkpoint is none, or nothing can be written.
    """
    done = Anchored()
    for offer in offers.values():
        checkpoint = note.parse(str(offer.get("note") or "").rstrip("\n") + "\n")
        stream = Stream(root, quote(checkpoint.origin, safe=""))
        if dry:
            _judge_offer(stream, checkpoint, offer, done, now=now, dry=True)
            continue
        stream.make_folder()
        with stream.locked():
            _judge_offer(stream, checkpoint, offer, done, now=now, dry=False)
    return done


def _judge_offer(
    stream: Stream, checkpoint: Checkpoint, offer: Mapping[str, Any], done: Anchored, *, now: datetime, dry: bool
) -> None:
    if not dry:
        _mend(stream)
    known = _read(stream)
    sealed, problem = _trust(known, checkpoint, offer)
    verdict, message = ("critical", problem) if problem else _fits(known, checkpoint, offer)
    row = {"received": to_text(now), "size": checkpoint.size, "root": checkpoint.root.hex(), "note": _text(offer)}
    if verdict == "critical" and not dry:
        _add(stream, _REFUSED, {**row, "why": message})
    if verdict == "new" and not dry:
        _pin(stream, known, offer, sealed=sealed)
        _add(stream, _FILE, row)
    done.findings.append(_finding(stream, checkpoint, known, verdict, message, sealed=sealed))
    done.actions.append(_action(checkpoint, known, verdict, message, dry=dry))


def _text(offer: Mapping[str, Any]) -> str:
    return str(offer["note"]).rstrip("\n") + "\n"


def _trust(known: _Known, checkpoint: Checkpoint, offer: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a public key that is trusted signed it; and what is wrong. On first use, the keys that come along are."""
    offered = [str(text) for text in offer.get("verifiers") or ()]
    trusted = list(known.verifiers) if known.rows else offered
    if not trusted:
        return False, ""
    if note.ed25519() is None:
        return False, ""
    if any(Verifier.read(text).verifies(checkpoint) for text in trusted):
        return True, ""
    return False, (
        f"The checkpoint of {checkpoint.origin} carries no valid signature of a key that this host trusts. If the "
        "key was "
        f"replaced by hand, write the new public key into the file {_KEYS} of its folder."
    )


def _fits(known: _Known, checkpoint: Checkpoint, offer: Mapping[str, Any]) -> tuple[str, str]:
    """new, same, late or critical; and why."""
    size, last, name = checkpoint.size, known.size, checkpoint.origin
    before = known.root_at(size)
    past = f"The log {name} shows another past"
    if before is not None and before != checkpoint.root:
        return "critical", f"{past}: its {size} entries are not those that this host was told of."
    if before is not None:
        return ("same" if size == last else "late"), ""
    if known.rows and size < last and not _offers_proof(known, checkpoint, offer):
        return "critical", f"The log {name} shrank: it has {size} entries, and this host was told of {last}."
    return _goes_on(known, checkpoint, offer, past=past) if known.rows else ("new", "")


def _goes_on(known: _Known, checkpoint: Checkpoint, offer: Mapping[str, Any], *, past: str) -> tuple[str, str]:
    """Whether a longer log begins with the one that this host knows."""
    last = known.size
    if _offers_proof(known, checkpoint, offer):
        if offer["since"] == last:
            return "new", ""
        return "late", f"The proof begins at entry {offer['since']}, and this host was told of {last} meanwhile."
    return "critical", (
        f"{past}: nothing proves that its {checkpoint.size} entries begin with the {last} that this host was told of."
    )


def _offers_proof(known: _Known, checkpoint: Checkpoint, offer: Mapping[str, Any]) -> bool:
    """Whether the log is proved to go on from a checkpoint that this host took."""
    try:
        since = int(offer.get("since") or 0)
        nodes = [bytes.fromhex(str(node)) for node in offer.get("proof") or ()]
    except (TypeError, ValueError):
        return False
    old = known.root_at(since) if since else None
    return old is not None and is_consistent(since, old, checkpoint.size, checkpoint.root, nodes)


def _finding(
    stream: Stream, checkpoint: Checkpoint, known: _Known, verdict: str, message: str, *, sealed: bool
) -> Finding:
    evidence = {"size": checkpoint.size, "known": known.size, "signed": sealed}
    if verdict == "critical":
        status, said = "critical", f"{message} The checkpoint was refused and kept in {stream.path(_REFUSED)}."
    elif verdict == "late":
        status = "warning" if message else "ok"
        said = f"{message or 'An older checkpoint came late.'} The next one brings the log up to date here."
    else:
        status, said = "ok", f"The checkpoint up to entry {checkpoint.size} is kept here."
    if status == "ok" and known.verifiers and not sealed:
        status = "unknown"
        said += " Its signature could not be checked: install python3-cryptography on this host."
    return Finding(check="audit.anchor", subject=checkpoint.origin, status=status, message=said, evidence=evidence)


def _action(checkpoint: Checkpoint, known: _Known, verdict: str, message: str, *, dry: bool) -> Action:
    sizes: dict[str, Any] = {"before": {"size": known.size}, "after": {"size": checkpoint.size}}
    if verdict == "new":
        outcome = "planned" if dry else "done"
        return Action(action="anchor", target=checkpoint.origin, changed=True, outcome=outcome, **sizes)
    reason = message or f"This host has the checkpoint up to entry {checkpoint.size} already."
    return Action(action="anchor", target=checkpoint.origin, changed=False, outcome="skipped", reason=reason)


# Its files


def _read(stream: Stream) -> _Known:
    try:
        rows = [_row(json.loads(line)) for line in _content(stream, _FILE).split(b"\n")[:-1]]
    except (ValueError, KeyError, TypeError):
        raise MaintenanceError(
            f"The file {stream.path(_FILE)} was damaged: put it back from a copy, and find out who wrote it."
        ) from None
    return _Known(rows=rows, verifiers=_content(stream, _KEYS).decode("utf-8", "replace").split())


def _row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row, where it is one; ValueError, KeyError or TypeError where it is not."""
    bytes.fromhex(row["root"])
    return {**row, "size": int(row["size"]), "note": str(row["note"])}


def _content(stream: Stream, name: str) -> bytes:
    return stream.read_bytes(name) if stream.size_of(name) >= 0 else b""


def _mend(stream: Stream) -> None:
    """Moves aside half a line that an interruption left."""
    size = stream.size_of(_FILE)
    if size <= 0:
        return
    content = stream.read_bytes(_FILE)
    start = content.rfind(b"\n") + 1
    if start < size:
        set_aside(stream, _FILE, start=start, number=content.count(b"\n") + 1)


def _pin(stream: Stream, known: _Known, offer: Mapping[str, Any], *, sealed: bool) -> None:
    """Remembers the public keys that come with the first signed checkpoint, or with one that a trusted key signed."""
    if known.verifiers and not sealed:
        return
    offered = [str(text) for text in offer.get("verifiers") or ()]
    for text in offered:
        Verifier.read(text)
    wanted = list(dict.fromkeys([*known.verifiers, *offered]))
    if wanted != list(known.verifiers):
        try:
            write_atomic(stream.path(_KEYS), ("\n".join(wanted) + "\n").encode(), mode=0o640)
        except OSError as error:
            raise _not_written(stream, error) from None


def _add(stream: Stream, name: str, row: Mapping[str, Any]) -> None:
    try:
        new = stream.size_of(name) < 0
        descriptor = os.open(stream.path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            start = os.fstat(descriptor).st_size
            line = (json.dumps(row) + "\n").encode()
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError(28, os.strerror(28))
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, start)
                raise
        finally:
            os.close(descriptor)
        if new:
            sync_folder(stream.folder)
    except OSError as error:
        raise _not_written(stream, error) from None


def _not_written(stream: Stream, error: OSError) -> MaintenanceError:
    return MaintenanceError(
        f"The checkpoint could not be kept in {stream.folder}: {error.strerror}. Mend it and call again."
    )
