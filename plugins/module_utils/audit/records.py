# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of runs held against the digests that the log took of them when they were delivered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Optional

from ..findings import Finding
from ..report.humanise import count
from . import entry

# What a run leaves for programs and people.
FILES = ("before.json", "record.json", "findings.jsonl", "report.html")
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
        with open(path, "rb") as stream:
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
            known = self.digests.setdefault(str(fields.get("run")), {})
            known.update((str(name), str(digest)) for name, digest in files.items() if os.path.basename(name) == name)


def judge(directory: str, told: Told, *, now: datetime) -> list[Finding]:
    """A finding for each run that is not as the log was told, and one where all are. directory: of the runs."""
    findings = []
    for run, files in sorted(told.digests.items()):
        finding = _of_run(directory, run, files, pruned=run in told.pruned, now=now)
        findings.extend([finding] if finding else [])
    if findings:
        return findings
    there = sum(os.path.isdir(os.path.join(directory, run)) for run in told.digests)
    message = f"The records of {count(there, 'run')} are as they were when the log was told of them."
    return [Finding("audit.records", directory, "ok", message, value=there, unit="count")]


def blind(directory: str) -> Finding:
    """The finding where the log itself is not whole."""
    said = "The log does not verify, so the records of runs were not held against it: mend that first."
    return Finding("audit.records", directory, "unknown", said)


def _of_run(directory: str, run: str, files: Mapping[str, str], *, pruned: bool, now: datetime) -> Optional[Finding]:
    folder = os.path.join(directory, run)
    if not os.path.isdir(folder):
        said = (
            "This run's records are gone, and no entry says that retention took them: put them back from a copy."
        )
        return None if pruned else Finding("audit.records", run, "warning", said)
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
