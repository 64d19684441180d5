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
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..files import open_plain
from ..findings import Finding
from ..record.parcel import PARTS
from ..records.attached import DOCUMENT
from ..records.turns import due
from ..report.humanise import count
from . import entry, strangers

# What a run leaves on the records host: what was planned, and what was delivered.
FILES = ("before.json", *PARTS)
OPENED, CLOSED, ATTACHED, PRUNED = "open_run", "close_run", "attach_document", "prune"
_WORTH_READING = tuple(f'"action":"{action}"'.encode() for action in (OPENED, CLOSED, ATTACHED, PRUNED))
# A record is on the host some moments before the log is told of it.
_DELIVERY_SECONDS = 900
_NAMED = 3
# The next run of its controller settles one that was cut off.
_SETTLED = timedelta(days=1)
# So long it is told that something was delivered when the run was long over.
_REMEMBERED = timedelta(days=31)


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
    """What a log says of runs: digests by run and file, those of documents made of runs, and what retention took.

    since: when its first entry was written. opened, closed: runs whose beginning and whose end it knows. first: when it
    was told of a run. earlier: digests that held until the log was told of others when the run was long over; anew:
    when that was.
    """

    since: str = ""
    opened: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    pruned: set[str] = field(default_factory=set)
    earlier: dict[str, dict[str, str]] = field(default_factory=dict)
    anew: dict[str, str] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def see(self, raw: bytes, _leaf: bytes) -> None:
        """Takes in a line of the log. What was said last of a file holds."""
        if not self.since:
            self.since = str((entry.read(raw) or {}).get("logged", ""))
        fields = entry.read(raw) if any(action in raw for action in _WORTH_READING) else None
        if fields is None:
            return
        if fields["action"] == PRUNED and fields.get("procedure") == "records" and fields.get("outcome") == "done":
            self.pruned.add(str(fields.get("target")))
        if fields["action"] == OPENED and _is_name(fields.get("run")):
            self.opened.add(fields["run"])
        if fields["action"] in (CLOSED, ATTACHED) and _is_name(fields.get("run")):
            self._see_files(fields)

    def _see_files(self, fields: Mapping[str, Any]) -> None:
        run, logged, found = fields["run"], str(fields.get("logged", "")), fields.get("details")
        details = found if isinstance(found, Mapping) else {}
        first = self.first.setdefault(run, logged)
        attaches = fields["action"] == ATTACHED
        for name, digest in _texts(details.get("files")):
            # Only a document is attached, and whatever is attached never changes.
            if _is_name(name) and attaches == bool(DOCUMENT.fullmatch(name)):
                known = self.digests.setdefault(run, {})
                held = known.get(name, digest)
                if held != digest and (attaches or _long_after(first, logged)):
                    self.earlier.setdefault(run, {}).setdefault(name, held)
                    self.anew[run] = logged
                known[sys.intern(name)] = digest
        if not attaches:
            self.closed.add(run)
            made = _texts(details.get("documents"))
            self.documents.update((name, digest) for name, digest in made if run in os.path.basename(name))


def _texts(found: Any) -> Iterator[tuple[str, str]]:
    rows = found.items() if isinstance(found, Mapping) else ()
    return ((str(name), str(digest)) for name, digest in rows)


def _long_after(first: str, logged: str) -> bool:
    try:
        return parse_moment(logged, option="logged") - parse_moment(first, option="logged") > _SETTLED
    except MaintenanceError:
        return True


def made_of(folder: str, paths: Sequence[str]) -> dict[str, str]:
    """SHA-256 of the documents that were made of that run, and of their text, by their place from the runs."""
    stems = (os.path.splitext(path)[0] for path in paths)
    files = (f"{stem}.{kind}" for stem in stems for kind in ("json", "txt"))
    return {os.path.relpath(path, os.path.dirname(folder)): digest_of(path) for path in files}


def _is_name(text: Any) -> bool:
    """Whether it names something in a folder, and nothing elsewhere."""
    return isinstance(text, str) and bool(text) and os.path.basename(text) == text and text not in (".", "..")


def judge(directory: str, told: Told, *, now: datetime) -> list[Finding]:
    """What is not as the log was told, or one finding that all is; none where neither knows of a run.

    directory: of the runs.
    """
    known = told.digests.keys() | told.opened
    gone = sorted(run for run in known - told.pruned if not os.path.isdir(os.path.join(directory, run)))
    findings = [_gone(directory, gone, of=len(known))] if gone else []
    there = sorted(run for run in told.digests if os.path.isdir(os.path.join(directory, run)))
    read = due(there, now=now)
    for run in read:
        finding = _of_run(directory, run, told, now=now)
        findings.extend([finding] if finding else [])
    findings.extend(_of_documents(directory, told, read, now=now))
    findings.extend(strangers.judge(directory, told.closed, told.digests, read, since=told.since, now=now))
    if not (findings or told.digests):
        return []
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


def _of_run(directory: str, run: str, told: Told, *, now: datetime) -> Optional[Finding]:
    folder, files, earlier = os.path.join(directory, run), told.digests[run], told.earlier.get(run, {})
    found = {name: digest_of(os.path.join(folder, name)) for name in sorted(files)}
    wrong = [name for name, digest in found.items() if digest not in (files[name], earlier.get(name, files[name]))]
    if wrong:
        said = f"{', '.join(wrong[:_NAMED])} is not what it was when the log was told of it"
        # Nobody delivers what is long over, whatever time the file has.
        paths = [os.path.join(folder, name) for name in wrong] if not _is_over(told.first.get(run, ""), now=now) else []
        return _changed(run, wrong, paths, said, now=now)
    other = [name for name in earlier if found[name] != earlier[name]]
    if not other or _is_past(told.anew[run], now=now):
        return None
    said = (
        f"The log was told of {', '.join(other[:_NAMED])} anew on {told.anew[run]}, when the run was long over, and of "
        "something else before: find out whether a run of its controller delivered it then, or somebody changed it."
    )
    return Finding("audit.records", run, "warning", said, evidence={"files": other})


def _changed(subject: str, wrong: list[str], paths: Sequence[str], said: str, *, now: datetime) -> Finding:
    if paths and all(_is_fresh(path, now=now) for path in paths):
        said = (
            f"{', '.join(wrong[:_NAMED])} changed a moment ago, and the log was not told yet: a delivery may be under "
            "way, look again."
        )
        return Finding("audit.records", subject, "warning", said, evidence={"files": wrong})
    said += ": somebody changed or removed it. Keep it as evidence, and put it back from a copy."
    return Finding("audit.records", subject, "critical", said, evidence={"files": wrong})


def _of_documents(directory: str, told: Told, runs: Sequence[str], *, now: datetime) -> list[Finding]:
    """What was made of runs for reviews, and outlives them."""
    # Retention names them by their whole paths.
    pruned = {tuple(path.split("/")[-2:]) for path in told.pruned}
    kept = {name for name in told.documents if tuple(name.split("/")[-2:]) not in pruned}
    paths = {name: os.path.normpath(os.path.join(directory, name)) for name in due(sorted(kept), now=now)}
    wrong = [name for name, path in paths.items() if digest_of(path) != told.documents[name]]
    if not wrong:
        return []
    names = [os.path.basename(name) for name in wrong]
    said = f"{count(len(wrong), 'document')} made of runs ({', '.join(names[:_NAMED])}) is not what the log was told of"
    return [_changed(os.path.dirname(paths[wrong[0]]), names, [paths[name] for name in wrong], said, now=now)]


def _is_over(first: str, *, now: datetime) -> bool:
    return first < to_text(now - _SETTLED)


def _is_past(logged: str, *, now: datetime) -> bool:
    return logged < to_text(now - _REMEMBERED)


def _is_fresh(path: str, *, now: datetime) -> bool:
    try:
        return abs(os.stat(path).st_mtime - now.timestamp()) < _DELIVERY_SECONDS
    except OSError:
        return False
