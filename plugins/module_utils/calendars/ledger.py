# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of sign-offs: JSON lines that are only ever added, each on disk before anybody is told of it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Optional

from ..errors import MaintenanceError
from ..files import open_plain, sync_folder

FOLDER = "calendar"
LEDGER = "signoffs.jsonl"
SIGNED = "signed"
REVOKED = "revoked"
NEEDED = {
    SIGNED: ("task", "occurrence", "by", "at", "evidence", "outcome"),
    REVOKED: ("task", "occurrence", "by", "at", "reason"),
}
# Of each task, so many of its newest occurrences are told; the file has them all.
TOLD = 5

Row = dict[str, Any]


@dataclass
class Ledger:
    """What the file holds. problems: a sentence for every line that cannot be read."""

    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def in_force(self, task: str, occurrence: str) -> list[Row]:
        """The sign-offs of this occurrence that nobody revoked, oldest first."""
        standing: list[Row] = []
        for row in self.rows:
            if (row["task"], row["occurrence"]) == (task, occurrence):
                standing = [] if row["kind"] == REVOKED else [*standing, row]
        return standing

    def newest(self) -> list[Row]:
        """What holds of each task's newest occurrences: the last sign-off that nobody revoked."""
        standing: dict[tuple[str, str], Row] = {}
        for row in self.rows:
            key = (row["task"], row["occurrence"])
            if row["kind"] == REVOKED:
                standing.pop(key, None)
            else:
                standing[key] = row
        by_task: dict[str, list[Row]] = {}
        for row in standing.values():
            by_task.setdefault(row["task"], []).append(row)
        return [
            row
            for _task, rows in sorted(by_task.items())
            for row in sorted(rows, key=lambda row: str(row["occurrence"]))[-TOLD:]
        ]


def path_of(root: str) -> str:
    """Where the ledger lies below the root of the records."""
    return os.path.join(root, FOLDER, LEDGER)


def read_ledger(path: str) -> Ledger:
    """Reads every line, and says which cannot be read; an empty ledger where there is none yet.

    Raises MaintenanceError where the file may not be read.
    """
    try:
        with open_plain(path) as stream:
            return _parse(stream.read())
    except FileNotFoundError:
        return Ledger()
    except OSError as error:
        raise MaintenanceError(
            f"The sign-offs in {path} cannot be read ({error.strerror}): run with the account that owns the records."
        ) from None


def _parse(content: bytes) -> Ledger:
    ledger = Ledger()
    for position, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        row = _row(line)
        if row is None:
            ledger.problems.append(f"Line {position} of the sign-offs is torn or damaged and was left out.")
        else:
            ledger.rows.append(row)
    return ledger


def _row(line: bytes) -> Optional[Row]:
    try:
        row = json.loads(line)
        needed = NEEDED[row["kind"]]
    except (ValueError, TypeError, KeyError):
        return None
    return row if all(isinstance(row.get(key), str) for key in needed) else None


@contextlib.contextmanager
def appending(path: str) -> Iterator[Appender]:
    """Holds the ledger alone, so that what was read still holds when the next line is written.

    Raises MaintenanceError where it cannot be written.
    """
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, mode=0o750, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield Appender(path=path, descriptor=descriptor)
    finally:
        os.close(descriptor)


@dataclass
class Appender:
    """The ledger while it is held."""

    path: str
    descriptor: int

    def read(self) -> Ledger:
        """What the ledger holds now."""
        return read_ledger(self.path)

    def append(self, row: Row) -> None:
        """Writes one line and brings it to disk.

        Raises MaintenanceError where that fails; then nothing of it stays. What a writer that was killed left is kept,
        and left out by every reader.
        """
        size = os.fstat(self.descriptor).st_size
        try:
            # After a line that was cut off, the next one must not be glued to it.
            torn = size > 0 and os.pread(self.descriptor, 1, size - 1) != b"\n"
            content = (b"\n" if torn else b"") + json.dumps(row, separators=(",", ":")).encode() + b"\n"
            while content:
                content = content[os.write(self.descriptor, content) :]
            os.fsync(self.descriptor)
            sync_folder(os.path.dirname(self.path))
        except OSError as error:
            # Half a line of a full disk would be told as damage for ever.
            with contextlib.suppress(OSError):
                os.ftruncate(self.descriptor, size)
            raise _unwritable(self.path, error) from None


def _unwritable(path: str, error: OSError) -> MaintenanceError:
    return MaintenanceError(
        f"The sign-off cannot be written to {path} ({error.strerror}), so it does not count: mend that and sign again."
    )
