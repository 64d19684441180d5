# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an archive whose compression Python does not know (lz4, zstd) through pg_restore."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator

from ..errors import MaintenanceError
from ..postgres.connection import tool_path
from ..runner import Completed
from .archive import Archive
from .programs import how_it_ended, started

_END = b"\\.\n"


def count_rows(path: str, archive: Archive, *, bindir: str, timeout: int) -> tuple[dict[str, int], str]:
    """Rows by table as pg_restore reads them, and what is wrong as the rest of a sentence, or ``""``.

    timeout: seconds, 0 for none. Raises MaintenanceError where pg_restore is missing or too slow.
    """
    statements = {entry.copy.strip().encode(): entry.name for entry in archive.of_kind("TABLE DATA") if entry.copy}
    argv = [tool_path("pg_restore", bindir), "--data-only", "--file=-", path]
    with tempfile.TemporaryFile() as errors:
        with started(argv, environment={}, stdout=subprocess.PIPE, stderr=errors, deadline=timeout) as process:
            rows = _count(iter(process.stdout or ()), statements)
            process.wait()
        errors.seek(0, os.SEEK_SET)
        done = Completed(process.returncode, "", errors.read().decode("utf-8", "replace"))
    if done.returncode == 0:
        return rows, ""
    reason = how_it_ended(done)
    if "unsupported version" in reason or "not built with support" in reason:
        raise MaintenanceError(
            f"This pg_restore cannot read {path} (made by pg_dump {archive.dump_version}, {archive.compression}): "
            f"{reason}; install newer client tools, or set pg_bindir to them."
        )
    return {}, f"is corrupt: pg_restore cannot read it ({reason})"


def _count(lines: Iterator[bytes], statements: dict[bytes, str]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for line in lines:
        name = statements.get(line.rstrip())
        if name is not None:
            rows[name] = _until_end(lines)
    return rows


def _until_end(lines: Iterator[bytes]) -> int:
    count = 0
    for line in lines:
        if line == _END:
            break
        count += 1
    return count
