# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a run: numbered JSON lines, each written before the run goes on.

Written by the recorder alone, read by whoever closes the run. A killed run loses at most the line
that it was writing; a gap in the numbers is told. What was changed and how the run ended is on disk
before the run goes on, for a machine that loses power.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from ..errors import MaintenanceError

JOURNAL = "journal.jsonl"
RECORD = "record.json"
FINDINGS = "findings.jsonl"
REPORT = "report.html"
METRICS = "metrics.prom"
DELIVERED = "delivered"
CLAIM = "claim.json"
# Kinds of entries that are on disk before the run goes on; so are results with actions.
DURABLE = ("opened", "interrupted", "closed")


class JournalWriter:
    """Appends lines to a run's journal. Raises OSError, a full disk for instance."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, JOURNAL)
        self._number = len(read_journal(folder).entries) if os.path.exists(path) else 0
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._descriptor).st_size
        # After a line that was cut off, the next one must not be glued to it.
        self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def append(self, kind: str, time: str, **data: Any) -> None:
        """Writes one line with the next number. time: ISO 8601 in UTC."""
        line = json.dumps(
            {"n": self._number + 1, "kind": kind, "time": time, **data}, default=str, separators=(",", ":")
        )
        content = (b"\n" if self._torn else b"") + line.encode() + b"\n"
        self._torn = True
        while content:
            content = content[os.write(self._descriptor, content) :]
        self._torn = False
        self._number += 1
        if kind in DURABLE or data.get("actions"):
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Lets the file go."""
        os.close(self._descriptor)


@dataclass
class Journal:
    """What a journal holds. problems: a sentence for everything that is missing from it."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def first(self, kind: str) -> dict[str, Any]:
        """The first entry of that kind, or an empty one."""
        return next((entry for entry in self.entries if entry["kind"] == kind), {})

    def last(self, kind: str) -> dict[str, Any]:
        """The last entry of that kind, or an empty one."""
        return next((entry for entry in reversed(self.entries) if entry["kind"] == kind), {})


def read_journal(folder: str) -> Journal:
    """Reads what is there, and says what is not.

    Raises MaintenanceError where there is no journal or it may not be read.
    """
    path = os.path.join(folder, JOURNAL)
    try:
        with open(path, "rb") as stream:
            lines = stream.read().split(b"\n")
    except OSError as error:
        raise MaintenanceError(f"The journal {path} cannot be read: {error.strerror}.") from None
    journal = Journal()
    expected = 1
    for position, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            entry = json.loads(line)
            number = entry["n"]
        except (ValueError, TypeError, KeyError):
            journal.problems.append(f"Line {position} of the journal is torn or damaged.")
            continue
        # The same number twice: an interrupt came between writing a line and counting it.
        if number > expected:
            journal.problems.append(f"The journal lacks the entries {expected} to {number - 1}.")
        expected = max(expected, number + 1)
        journal.entries.append(entry)
    return journal
