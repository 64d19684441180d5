# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of runs held against the digests that the log took of them when they were delivered."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

from ..files import open_plain
from ..findings import Finding
from ..record.parcel import PARTS
from ..records.turns import due
from ..report.humanise import count
from . import entry

# What a run leaves on the records host: what was planned, and what was delivered.
FILES = ("before.json", *PARTS)
CLOSED, ATTACHED, PRUNED = "close_run", "attach_document", "prune"
_WORTH_READING = tuple(f'"action":"{action}"'.encode() for action in (CLOSED, ATTACHED, PRUNED))
# A record is on the host some moments before the log is told of it.
_DELIVERY_SECONDS = 900
_NAMED = 3


def digests_of(folder: str) -> dict[str, str]:
    """SHA-256 of the files of a run that are there, by name."""
    found = {name: digest_of(os.path.join(folder, name)) for name in FILES}
    return {name: digest for name, digest in found.items() if digest}


def digest_of(path: str) -> str:
    """SHA-256 of a file; empty where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_plain(path) as stream:
            for piece in iter(lambda: stream.read(1 << 20), b""):
                digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


@dataclass
class Told:
    """What a log says of runs: digests by run and file, and the runs that retention took."""

    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    pruned: set[str] = field(default_factory=set)

    def see(self, raw: bytes, _leaf: bytes) -> None:
        """Takes in a line of the log. What was said last of a file holds."""
        fields = entry.read(raw) if any(action in raw for action in _WORTH_READING) else None
        details = fields.get("details") if fields else None
        if fields is None:
            return
        if fields["action"] == PRUNED and fields.get("procedure") == "records":
            self.pruned.add(str(fields.get("target")))
        files = details.get("files") if isinstance(details, Mapping) else None
        if fields["action"] in (CLOSED, ATTACHED) and isinstance(files, Mapping):
            named = {sys.intern(name): str(digest) for name, digest in files.items() if _is_name(name)}
            if named and _is_name(fields.get("run")):
                self.digests.setdefault(fields["run"], {}).update(named)


def _is_name(text: Any) -> bool:
    """Whether it names something in a folder, and nothing elsewhere."""
    return isinstance(text, str) and bool(text) and os.path.basename(text) == text and text not in (".", "..")


def judge(directory: str, told: Told, *, now: datetime) -> list[Finding]:
    """What is not as the log was told, or one finding that all is. directory: of the runs."""
    there = [run for run in sorted(told.digests) if os.path.isdir(os.path.join(directory, run))]
    gone = sorted(told.digests.keys() - told.pruned - set(there))
    findings = [_gone(directory, gone, of=len(told.digests))] if gone else []
    read = due(there, now=now)
    for run in read:
        finding = _of_run(directory, run, told.digests[run], now=now)
        findings.extend([finding] if finding else [])
    which = "" if len(read) == len(there) else f", of {len(there)} in all,"
    message = f"The records of {count(len(read), 'run')}{which} are as they were when the log was told of them."
    return findings or [Finding("audit.records", directory, "ok", message, value=len(read), unit="count")]


def _gone(directory: str, gone: Sequence[str], *, of: int) -> Finding:
    told = f"of the {count(of, 'run')} that the log was told of"
    message = (
        f"{len(gone)} {told} {'is' if len(gone) == 1 else 'are'} gone ({', '.join(gone[:_NAMED])}), and no entry says "
        "that retention took them: put them back from a copy."
    )
    if len(gone) == of:
        message = f"None {told} is in {directory}: put them back from a copy, or name the folder where they are."
    return Finding("audit.records", directory, "warning", message, value=len(gone), unit="count")


def blind(directory: str) -> Finding:
    """The finding where the log itself is not whole."""
    said = "The log does not verify, so the records of runs were not held against it: mend that first."
    return Finding("audit.records", directory, "unknown", said)


def _of_run(directory: str, run: str, files: Mapping[str, str], *, now: datetime) -> Optional[Finding]:
    folder = os.path.join(directory, run)
    wrong = list(_wrong(folder, files))
    if not wrong:
        return None
    names = ", ".join(wrong[:_NAMED])
    if all(_is_fresh(os.path.join(folder, name), now=now) for name in wrong):
        said = f"{names} changed a moment ago, and the log was not told yet: a delivery may be under way, look again."
        return Finding("audit.records", run, "warning", said, evidence={"files": wrong})
    said = (
        f"{names} is not what it was when the log was told of it: somebody changed or removed it. Keep it as evidence, "
        "and put it back from a copy."
    )
    return Finding("audit.records", run, "critical", said, evidence={"files": wrong})


def _wrong(folder: str, files: Mapping[str, str]) -> Iterator[str]:
    return (name for name, digest in sorted(files.items()) if digest_of(os.path.join(folder, name)) != digest)


def _is_fresh(path: str, *, now: datetime) -> bool:
    try:
        return abs(os.stat(path).st_mtime - now.timestamp()) < _DELIVERY_SECONDS
    except OSError:
        return False
