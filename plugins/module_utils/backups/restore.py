# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring an archive into a scratch database with pg_restore, and saying why that failed."""

from __future__ import annotations

import os
import re

from ..errors import MaintenanceError
from ..postgres.connection import ConnectionSpec, tool_path
from ..runner import run
from .archive import Archive
from .programs import how_it_ended, major_version, run_to_its_end

# Which pg_restore can read an archive version that came with it.
_NEEDS = {(1, 15): 16, (1, 16): 17}
_ROOM_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


def restorer(archive: Archive, *, bindir: str) -> tuple[str, int]:
    """The program and its major version. Raises MaintenanceError where it is missing or too old for the archive."""
    program = tool_path("pg_restore", bindir)
    try:
        version = major_version(program, run([program, "--version"]).stdout)
    except MaintenanceError as error:
        raise MaintenanceError(f"{error} Install the package postgresql-client, or set pg_bindir.") from None
    needed = _NEEDS.get(archive.version, 0)
    if version < needed:
        raise MaintenanceError(
            f"The backup was written by pg_dump {archive.dump_version} and this pg_restore is version {version}, which "
            f"cannot read it: install client tools of version {needed} or newer, or set pg_bindir to them."
        )
    return program, version


def restore_into(program: str, path: str, name: str, *, spec: ConnectionSpec, jobs: int, timeout: float) -> str:
    """Restores the archive; what went wrong, or ``""``. timeout: seconds, 0 for none.

    Without owners and privileges, whose roles are compared by name; without publications and subscriptions,
    which reach beyond the database. Raises MaintenanceError where the program does not end in time.
    """
    done = run_to_its_end(
        [
            *(program, f"--dbname={name}", f"--jobs={jobs}", "--exit-on-error", "--no-password"),
            *("--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-subscriptions"),
            path,
        ],
        environment=spec.environment(),
        timeout=timeout,
    )
    return "" if done.returncode == 0 else how_it_ended(done)


def explain(reason: str, archive: Archive, *, tool: int, server: int) -> str:
    """Why the restore failed, with what to do about it where that is known."""
    if "unrecognized configuration parameter" in reason and tool > server:
        return f"{reason}; pg_restore {tool} is newer than the server {server}: set pg_bindir to tools of its version"
    digits = re.match(r"\d+", archive.server_version)
    dumped = int(digits.group()) if digits else 0
    if dumped > server:
        return f"{reason}; it is of a server {dumped}, and this one is {server}: restore on a server that is as new"
    if "extension" in reason and ("not available" in reason or "control file" in reason):
        return f"{reason}; install the extension on the server to restore on"
    if "permission denied" in reason or "must be superuser" in reason:
        return f"{reason}; give the restoring role what it needs, or use another restore_login_user"
    if "No space left on device" in reason:
        return f"{reason}; make room on the volume of the server to restore on"
    return reason


def room_problem(spec: ConnectionSpec, data_directory: str, *, needed: int) -> str:
    """Why the server's volume has no room for so many bytes; ``""`` where it has, or where that cannot be known."""
    if spec.host not in _ROOM_LOCAL_HOSTS or not data_directory:
        return ""
    try:
        volume = os.statvfs(data_directory)
    except OSError:
        return ""
    free = volume.f_bavail * volume.f_frsize
    if free >= needed:
        return ""
    return (
        f"The volume of the server's data ({data_directory}) has {free:,} bytes free and the restore may need "
        f"{needed:,}: make room, or restore on another server (restore_login_host); nothing was restored."
    )
