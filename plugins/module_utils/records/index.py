# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of runs: one line a run, appended, the last one counts. A search reads it and no folder.

The folders are the truth. What the index lost is found by their names, and made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..files import open_plain, write_atomic
from .store import MODE, Row, part, rows, text

SCHEMA = 1
VERDICTS = ("ok", "attention", "failed")
# Steps of a run itself, which are no procedures of a calendar.
OWN_STEPS = ("run_open", "run_close", "notify", "records", "Open the run", "Close the run")
_HEAD = b'{"run_id":"'
_MOMENT = b'","moment":"'
_MOMENT_LENGTH = len("2026-03-01T02:30:00Z")
_GONE = b'","gone":true}'
_PIECE = 65536
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-")


@dataclass
class Index:
    """The newest line of every run. damaged: how many lines could not be read."""

    lines: dict[str, bytes] = field(default_factory=dict)
    damaged: int = 0

    def newest_first(self) -> list[tuple[str, str]]:
        """Moment and name of every run, newest first, without reading more of a line than its beginning."""
        moments = ((_moment_in(line, run_id), run_id) for run_id, line in self.lines.items())
        return sorted(moments, reverse=True)

    def read(self, run_id: str) -> Row:
        """The line of that run. One that is damaged is counted and forgotten, and gives nothing."""
        row = _parsed(self.lines[run_id])
        if row is None:
            self.damaged += 1
            del self.lines[run_id]
        return row or {}

    def each(self) -> Iterator[tuple[Row, bytes]]:
        """Every run's line, read and as it stands, but for those that are damaged."""
        for run_id, line in list(self.lines.items()):
            row = self.read(run_id)
            if row:
                yield row, line


def _parsed(line: bytes) -> Optional[Row]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("moment"), str) else None


def _moment_in(line: bytes, run_id: str) -> str:
    # summarise puts it second.
    begin = len(_HEAD) + len(run_id) + len(_MOMENT)
    return line[begin : begin + _MOMENT_LENGTH].decode("ascii", "replace")


def read_index(path: str) -> Index:
    """What the index says; nothing where there is none. Raises MaintenanceError where it may not be read."""
    try:
        with open_plain(path) as stream:
            content = stream.read()
    except FileNotFoundError:
        return Index()
    except OSError as error:
        raise MaintenanceError(
            f"The index {path} cannot be read ({error.strerror}): give this account access."
        ) from None
    index = Index()
    # Behind the last end of a line there is nothing, or what a writer is about to write, or was killed at.
    for line in content.split(b"\n")[:-1]:
        end = line.find(b'"', len(_HEAD))
        if end < 0 or not line.startswith(_HEAD) or not line.endswith(b"}"):
            index.damaged += 1
            continue
        run_id = line[len(_HEAD) : end].decode("ascii", "replace")
        if line[end:] == _GONE:
            index.lines.pop(run_id, None)
        else:
            index.lines[run_id] = line
    return index


def line_of(row: Mapping[str, Any]) -> bytes:
    """The row as a line of the index, without its end."""
    return json.dumps(row, separators=(",", ":")).encode()


def gone_line(run_id: str) -> bytes:
    """The line that takes a run out of the index."""
    return _HEAD + run_id.encode() + _GONE


def append_lines(path: str, lines: Sequence[bytes]) -> None:
    """Adds the lines, and has them on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        _cut_torn_end(descriptor)
        content = b"".join(line + b"\n" for line in lines)
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cut_torn_end(descriptor: int) -> None:
    """Takes away half a line of a writer that was killed: its run counts as missing, and is filed again."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - _PIECE)
        newline = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    if end < os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, end)


def write_index(path: str, lines: Sequence[bytes]) -> None:
    """Writes the index anew. Raises OSError."""
    write_atomic(path, b"".join(line + b"\n" for line in lines), mode=MODE)


def summarise(
    run_id: str,
    *,
    record: Mapping[str, Any],
    before: Mapping[str, Any],
    documentation: Sequence[Row],
    documents: Sequence[str],
) -> Row:
    """The line of a run: what a search, a calendar and a check ask for.

    record: of any age. before: what was written before the run, or nothing. documentation: what was attached.
    documents: paths of what was made of the record.
    """
    run, verdict = part(record, "run"), part(record, "verdict")
    row: Row = {"run_id": run_id, "moment": moment_of(run_id, run), "schema": SCHEMA}
    for key in ("system", "cadence", "work_class", "operator", "ticket", "controller", "playbook"):
        row[key] = text(run, key) or text(before, key)
    row["check_mode"] = run.get("check_mode") is True
    row["started"], row["ended"] = _moment(run, "started"), _moment(run, "ended")
    row["seconds"] = run["seconds"] if isinstance(run.get("seconds"), (int, float)) else 0
    row["outcome"] = verdict["outcome"] if verdict.get("outcome") in VERDICTS else "unknown"
    row["sentence"] = text(verdict, "sentence")
    row["interrupted"] = bool(record.get("interrupted"))
    row["counts"] = part(part(record, "summary"), "counts")
    row["trouble"] = _trouble(rows(record, "attention"))
    row["changed"] = sum(action.get("changed") is True for action in rows(record, "actions"))
    row["hosts"] = _by_state((text(host, "state"), text(host, "name")) for host in rows(record, "hosts"))
    row["procedures"] = _procedures(record)
    for key in ("window", "approval", "change"):
        facts = part(run, key) or part(before, key)
        if facts:
            row[key] = facts
    row["documentation"] = list(documentation)
    row["documents"] = list(documents)
    return row


def _trouble(attention: Sequence[Row]) -> str:
    """A digest of what needs attention, the same where the same does; empty where nothing needs any."""
    kinds = sorted({tuple(text(row, key) for key in ("host", "check", "subject", "status")) for row in attention})
    return hashlib.sha256(json.dumps(kinds).encode()).hexdigest()[:16] if kinds else ""


def moment_of(run_id: str, run: Mapping[str, Any]) -> str:
    """The time that the run took as its own, or what its name says of it; empty where nothing does."""
    given = _moment(run, "moment") or _moment(run, "started")
    named = _STAMP.match(run_id)
    if given or not named:
        return given
    year, month, day, hour, minute, second = named.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"


def _moment(run: Mapping[str, Any], key: str) -> str:
    try:
        return to_text(parse_moment(text(run, key), option=key))
    except MaintenanceError:
        return ""


def _by_state(pairs: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    states: dict[str, list[str]] = {}
    for state, name in pairs:
        if name not in states.setdefault(state or "unknown", []):
            states[state or "unknown"].append(name)
    return states


def _procedures(record: Mapping[str, Any]) -> list[Row]:
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows(record, "procedures"):
        if text(row, "name") not in OWN_STEPS or text(row, "entry"):
            pair = (text(row, "name"), text(row, "entry"))
            groups.setdefault(pair, []).append((text(row, "state"), text(row, "host")))
    return [
        {"name": name, "entry": entry, "states": _by_state(iter(states))} for (name, entry), states in groups.items()
    ]


def hosts_of(row: Mapping[str, Any]) -> list[str]:
    """Every host that the run's line names."""
    names = [name for states in part(row, "hosts").values() if isinstance(states, list) for name in states]
    for procedure in rows(row, "procedures"):
        names.extend(name for states in part(procedure, "states").values() for name in states)
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))
