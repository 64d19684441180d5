# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of runs on the controller: which are live, which were cut off, which are not delivered yet."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..clock import parse_moment
from ..errors import MaintenanceError
from ..files import locked, write_atomic
from .journal import CLAIM, DELIVERED, JOURNAL, RECORD, Journal, read_journal

# A run of another controller cannot be asked whether it lives; after this long it does not.
FOREIGN_RUN_DIES_AFTER = timedelta(days=1)


def process_identity(pid: int) -> dict[str, Any]:
    """What tells this process from a later one with the same number.

    Raises OSError where there is no such process.
    """
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
        # The second field is the command in parentheses, which may hold spaces; start time is the 22nd.
        start = stream.read().rpartition(")")[2].split()[19]
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        boot = stream.read().strip()
    return {"controller": socket.gethostname(), "pid": pid, "pid_start": start, "boot_id": boot}


@dataclass(frozen=True)
class Run:
    """A run found on the controller. state: live, cut_off, closed (not delivered) or delivered."""

    folder: str
    state: str
    system: str
    check_mode: bool

    @property
    def run_id(self) -> str:
        """Its name, which is that of its folder."""
        return os.path.basename(self.folder)


def find_runs(runs_directory: str, *, now: datetime) -> list[Run]:
    """Every run in the folder, oldest first. A folder without a readable journal is none."""
    found = []
    for name in sorted(os.listdir(runs_directory)):
        folder = os.path.join(runs_directory, name)
        if not os.path.exists(os.path.join(folder, JOURNAL)):
            continue
        with contextlib.suppress(MaintenanceError):
            journal = read_journal(folder)
            if journal.first("started"):
                found.append(_describe(folder, journal, now=now))
    return found


def _describe(folder: str, journal: Journal, *, now: datetime) -> Run:
    claim = _read_claim(folder)
    return Run(
        folder=folder,
        state=state_of(folder, journal, now=now),
        system=claim.get("system", ""),
        check_mode=journal.first("started")["check_mode"],
    )


def state_of(folder: str, journal: Journal, *, now: datetime) -> str:
    """How the run in this folder stands; see Run."""
    started = journal.first("started")
    if journal.first("closed") and os.path.exists(os.path.join(folder, RECORD)):
        # A rehearsal leaves nothing on the records host.
        return "delivered" if started["check_mode"] or is_delivered(folder) else "closed"
    if started["controller"] != socket.gethostname():
        silent = now - parse_moment(journal.entries[-1]["time"], option="time")
        return "cut_off" if silent > FOREIGN_RUN_DIES_AFTER else "live"
    try:
        identity = process_identity(started["pid"])
    except OSError:
        return "cut_off"
    return "live" if all(identity[key] == started[key] for key in ("pid_start", "boot_id")) else "cut_off"


def is_delivered(folder: str) -> bool:
    """Whether the records host has the record as it is now."""
    try:
        with open(os.path.join(folder, DELIVERED), encoding="ascii") as stream:
            return stream.read() == _digest(folder)
    except OSError:
        return False


def note_delivery(folder: str) -> None:
    """Notes that the records host has the record as it is now. Raises OSError."""
    write_atomic(os.path.join(folder, DELIVERED), _digest(folder).encode(), mode=0o640)


def _digest(folder: str) -> str:
    with open(os.path.join(folder, RECORD), "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


@contextlib.contextmanager
def claiming(runs_directory: str) -> Iterator[None]:
    """One run at a time may look at the others and lay its claim. Raises OSError."""
    with locked(runs_directory):
        yield


def claim(folder: str, *, system: str) -> None:
    """Says which system the run in the folder is about to work on. Raises OSError."""
    write_atomic(os.path.join(folder, CLAIM), json.dumps({"system": system}).encode(), mode=0o640)


def _read_claim(folder: str) -> dict[str, str]:
    try:
        with open(os.path.join(folder, CLAIM), encoding="utf-8") as stream:
            return dict(json.load(stream))
    except (OSError, ValueError):
        return {}


def prune(runs: list[Run], *, keep: int) -> list[str]:
    """Removes the oldest delivered runs beyond ``keep``; returns their names. The records host has them."""
    delivered = [run for run in runs if run.state == "delivered"]
    gone = delivered[: max(0, len(delivered) - keep)]
    for run in gone:
        shutil.rmtree(run.folder, ignore_errors=True)
    return [run.run_id for run in gone]
