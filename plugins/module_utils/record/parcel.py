# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a run as one text, which one module call brings to the records host.

Ansible copies a folder file by file, with several trips to the host for each.
"""

from __future__ import annotations

import base64
import io
import os
import tarfile
import zlib

from ..errors import MaintenanceError
from .journal import FINDINGS, JOURNAL, METRICS, RECORD, REPORT

# The record comes last: a folder that has it was delivered.
PARTS = (JOURNAL, FINDINGS, METRICS, REPORT, RECORD)


def pack(folder: str) -> str:
    """What is there of the run in that folder. Raises MaintenanceError where it has no record, or cannot be read."""
    packed = io.BytesIO()
    try:
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name in PARTS:
                if name == RECORD or os.path.exists(os.path.join(folder, name)):
                    archive.add(os.path.join(folder, name), arcname=name, recursive=False)
    except OSError as error:
        raise MaintenanceError(
            f"The run in {folder} cannot be delivered ({error.strerror or error}): mend that, the next run delivers it."
        ) from None
    return base64.b64encode(packed.getvalue()).decode("ascii")


def unpack(parcel: str) -> dict[str, bytes]:
    """The contents of the files by their names, the record last. Raises MaintenanceError for what is no such parcel."""
    found: dict[str, bytes] = {}
    try:
        packed = io.BytesIO(base64.b64decode(parcel, validate=True))
        with tarfile.open(fileobj=packed, mode="r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() and member.name in PARTS else None
                if stream is None:
                    raise MaintenanceError(f"The parcel holds {member.name!r}, no file of a run: pack it anew.")
                found[member.name] = stream.read()
    except (ValueError, tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise MaintenanceError(f"The parcel is damaged ({error}): pack it anew with the lookup run_parcel.") from None
    if RECORD not in found:
        raise MaintenanceError(f"The parcel holds no {RECORD}: deliver a run that was closed.")
    return {name: found[name] for name in PARTS if name in found}
