# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that outlive the run. They are known by the script they run, so no file has to remember them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence


def running(script: str) -> list[int]:
    """The ids of the living processes that have exactly this path among their arguments."""
    wanted = os.fsencode(script)
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        # It may have ended meanwhile, or be somebody else's.
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as stream:
            if wanted in stream.read().split(b"\0"):
                found.append(int(name))
    return [pid for pid in found if pid != os.getpid()]


def start(script: str, arguments: Sequence[str], *, log: str) -> subprocess.Popen[bytes]:
    """Starts the Python script so that it goes on when this process and its session have ended."""
    with open(log, "ab") as stream:
        return subprocess.Popen(
            [sys.executable, script, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            cwd="/",
        )


def stop(script: str, *, first: int = signal.SIGTERM, patience: float = 5.0) -> int:
    """Ends every process that runs the script; how many there were.

    first: the signal that asks. patience: seconds after which the process is killed.
    """
    pids = running(script)
    for sign in (first, signal.SIGKILL):
        for pid in running(script):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        limit = time.monotonic() + patience
        while not all(map(_ended, pids)) and time.monotonic() < limit:
            time.sleep(0.02)
    return len(pids)


def _ended(pid: int) -> bool:
    """Whether no thread of it is left that could hold a port or a file.

    One that ends loses its arguments first and its files last: until then it still has its port.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return True
    return all(_thread_ended(f"/proc/{pid}/task/{thread}/stat") for thread in threads)


def _thread_ended(stat: str) -> bool:
    try:
        with open(stat, "rb") as stream:
            # The state stands behind the name, which may itself hold brackets and blanks.
            return stream.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True
