# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of dpkg: packages left half-way, a journal of an interrupted run, and who holds its lock."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from dataclasses import dataclass
from typing import Optional

from ..runner import Runner

# struct flock: type, whence, start, length, process.
_FLOCK = "hhqqi4x"
_LOCKS = ("lock-frontend", "lock")


@dataclass(frozen=True)
class Holder:
    """The process that works on the packages now."""

    pid: int
    program: str


@dataclass(frozen=True)
class DpkgState:
    """audit: packages that ``dpkg --audit`` names. journal: files of an interrupted run.

    lock_seen: whether the locks could be asked for their holder.
    """

    audit: tuple[str, ...] = ()
    journal: tuple[str, ...] = ()
    holder: Optional[Holder] = None
    problem: str = ""
    lock_seen: bool = True


def read_state(run: Runner, *, root: str) -> DpkgState:
    """Looks without taking a lock. While somebody works there, audit and journal are in motion and not looked at."""
    folder = os.path.join(root, "var/lib/dpkg")
    holder = next((found for name in _LOCKS for found in [lock_holder(os.path.join(folder, name))] if found), None)
    if holder:
        return DpkgState(holder=holder)
    done = run(["dpkg", f"--admindir={folder}", "--audit"], timeout=120)
    packages = parse_audit(done.stdout)
    problem = ""
    if done.returncode != 0 and not packages:
        problem = " ".join(done.stderr.split()) or f"dpkg --audit ended with {done.returncode}"
    return DpkgState(
        audit=packages,
        journal=_journal(os.path.join(folder, "updates")),
        problem=problem,
        lock_seen=all(os.access(os.path.join(folder, name), os.R_OK) for name in _LOCKS),
    )


def parse_audit(text: str) -> tuple[str, ...]:
    """Package names: dpkg writes each on a line of its own that begins with one space."""
    return tuple(dict.fromkeys(re.findall(r"^ (\S+)", text, re.MULTILINE)))


def _journal(folder: str) -> tuple[str, ...]:
    try:
        # dpkg's own are named by numbers; tmp.i and the like are no statements.
        return tuple(sorted(name for name in os.listdir(folder) if name.isdigit()))
    except OSError:
        return ()


def lock_holder(path: str) -> Optional[Holder]:
    """Who holds the lock on the file, asked of the kernel without taking it; None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else Holder(pid=pid, program=_program(pid))


def _program(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        # A process of another container, or one that has just ended.
        return "unknown program"
