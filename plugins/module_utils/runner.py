# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs: no shell, no secrets in arguments, always a time limit."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

from .errors import MaintenanceError


@dataclass(frozen=True)
class Completed:
    """How a program ended. Output is text; bytes that are no UTF-8 are replaced."""

    returncode: int
    stdout: str
    stderr: str


class Runner(Protocol):
    """Runs a program to its end."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        environment: Optional[Mapping[str, str]] = None,
        stdin: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Completed: ...


def run(
    argv: Sequence[str],
    *,
    environment: Optional[Mapping[str, str]] = None,
    stdin: Optional[str] = None,
    timeout: Optional[float] = None,
    inherited: Sequence[int] = (),
    grace: float = 0.0,
) -> Completed:
    """Runs the program with the C locale, so that its words can be read.

    environment: added to that of this process; the place for secrets. timeout: seconds. inherited: descriptors
    that the program gets, such as a lock that is to last as long as it does. grace: seconds after SIGTERM in
    which it may clean up when its time is over; killed at once without them.
    Raises MaintenanceError where the program is missing or does not end in time.
    """
    try:
        with subprocess.Popen(
            list(argv),
            env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "", **(environment or {})},
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(inherited),
        ) as process:
            output, errors = _end(process, None if stdin is None else stdin.encode(), timeout=timeout, grace=grace)
    except FileNotFoundError:
        raise MaintenanceError(f"The program {argv[0]} is not installed on this host, or not in its PATH.") from None
    except PermissionError:
        raise MaintenanceError(f"The program {argv[0]} may not be executed by this account.") from None
    except subprocess.TimeoutExpired:
        raise MaintenanceError(f"The program {argv[0]} did not end within {timeout:g} seconds.") from None
    return Completed(
        returncode=process.returncode,
        stdout=output.decode("utf-8", "replace"),
        stderr=errors.decode("utf-8", "replace"),
    )


def _end(
    process: subprocess.Popen[bytes], given: Optional[bytes], *, timeout: Optional[float], grace: float
) -> tuple[bytes, bytes]:
    """What the program wrote until its end. Raises TimeoutExpired once it is gone."""
    try:
        return process.communicate(given, timeout=timeout)
    except subprocess.TimeoutExpired:
        if grace:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=grace)
        raise
    finally:
        process.kill()  # nothing where it has ended
