# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running client programs: they end when we do, however that is."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import IO, Optional, Union

from ..errors import MaintenanceError
from ..runner import Completed

_PR_SET_PDEATHSIG = 1
_GRACE = 10.0
_INTERRUPTS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Interrupted(MaintenanceError):
    """SIGTERM, SIGHUP or SIGINT arrived."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within it, SIGTERM, SIGHUP and SIGINT raise Interrupted, so that ``finally`` cleans up."""

    def interrupt(number: int, frame: Optional[FrameType]) -> None:
        for other in _INTERRUPTS:
            # What cleans up now is not to be interrupted again.
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(
            f"Interrupted by {signal.Signals(number).name} before the work was done; it is cleaned up: start it again."
        )

    before = {number: signal.signal(number, interrupt) for number in _INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def started(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdout: int,
    stderr: Union[int, IO[bytes]],
    deadline: float = 0,
    inherit: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """The running program, with the C locale. It is stopped with us: by an exception here, or by our death.

    environment: added to that of this process. deadline: seconds until it is stopped, 0 for never.
    inherit: file descriptors it gets too. Raises MaintenanceError where it is missing or does not end in time.
    """
    process = _start(argv, environment, stdout, stderr, inherit)
    try:
        with _deadline(process, argv[0], deadline):
            yield process
    finally:
        _stop(process)


def _start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    stdout: int,
    stderr: Union[int, IO[bytes]],
    inherit: Sequence[int],
) -> subprocess.Popen[bytes]:
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def die_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    try:
        return subprocess.Popen(
            list(argv),
            env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "", **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=inherit,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (modules have one thread)
        )
    except FileNotFoundError:
        raise MaintenanceError(
            f"The program {argv[0]} is not installed on this host, or not in its PATH: install the PostgreSQL client "
            "tools (package postgresql-client), or set pg_bindir."
        ) from None
    except PermissionError:
        raise MaintenanceError(f"The program {argv[0]} may not be executed by this account.") from None


@contextlib.contextmanager
def _deadline(process: subprocess.Popen[bytes], program: str, seconds: float) -> Iterator[None]:
    def expire(number: int, frame: Optional[FrameType]) -> None:
        _stop(process)
        raise MaintenanceError(
            f"The program {os.path.basename(program)} did not end within {seconds:g} seconds and was stopped."
        )

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_to_its_end(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    timeout: float = 0,
    inherit: Sequence[int] = (),
) -> Completed:
    """Runs the program as ``started`` does, and collects what it prints. Raises MaintenanceError likewise."""
    pipe = subprocess.PIPE
    with started(argv, environment=environment, stdout=pipe, stderr=pipe, deadline=timeout, inherit=inherit) as process:
        output, errors = process.communicate()
    return Completed(process.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def how_it_ended(done: Completed) -> str:
    """The first error of a PostgreSQL client program, in one line; or the signal that ended it."""
    if done.returncode < 0:
        return f"it was ended by {signal.Signals(-done.returncode).name}"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    first = next((line for line in lines if re.search(r"\b(error|fatal):", line, re.IGNORECASE)), "")
    if not first:
        return lines[-1] if lines else f"it ended with status {done.returncode}"
    details = [line for line in lines if line.startswith(("detail:", "DETAIL:"))][:1]
    text = " ".join([re.sub(r"^\w+: (error|fatal): ", "", first), *details])
    return text[:400].rstrip(" .:")


def major_version(program: str, text: str) -> int:
    """From "pg_dump (PostgreSQL) 15.10 (Debian ...)". Raises MaintenanceError."""
    match = re.search(r"\(PostgreSQL\) (\d+)", text)
    if not match:
        raise MaintenanceError(f"The program {program} does not tell its version: {text.strip()[:100]!r}.")
    return int(match.group(1))
