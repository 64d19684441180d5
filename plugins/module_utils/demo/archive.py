# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The custom archive format of pg_dump: just enough of it to give a dump the date of its night.

The head is ``PGDMP``, three bytes of version, the sizes of an integer and of an offset, the format,
from version 1.15 on the compression as one byte (before: an integer), and then the moment of the
dump as seven integers in the order of C's ``struct tm``, in local time. An integer is a byte for
its sign and its bytes, lowest first. Source: src/bin/pg_dump/pg_backup_archiver.c, ReadHead.
"""

from __future__ import annotations

import os
from datetime import datetime

from ..errors import MaintenanceError

MAGIC = b"PGDMP"


def redate(path: str, moment: datetime) -> None:
    """Writes the moment (aware) into the head of a custom-format dump, and into the file's times.

    Raises MaintenanceError where the file is no such dump.
    """
    local = moment.astimezone()
    with open(path, "r+b") as stream:
        head = stream.read(64)
        place, integer = _date_place(head, path)
        fields = (local.second, local.minute, local.hour, local.day, local.month - 1, local.year - 1900)
        # Daylight saving is left to the reader's own calendar, as pg_restore does it.
        summer = 1 if local.dst() else 0
        stream.seek(place)
        for value in (*fields, summer):
            stream.write(b"\0" + value.to_bytes(integer, "little"))
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def _date_place(head: bytes, path: str) -> tuple[int, int]:
    """Offset of the first of the seven integers, and the bytes of an integer without its sign."""
    if len(head) < 64 or not head.startswith(MAGIC):
        raise MaintenanceError(f"The file {path} is no dump in pg_dump's custom format.")
    version, integer = (head[5], head[6]), head[8]
    after_format = 11
    compression = 1 if version >= (1, 15) else 1 + integer
    return after_format + compression, integer
