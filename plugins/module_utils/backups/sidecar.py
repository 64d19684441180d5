# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies beside a backup: its SHA-256, and its manifest.

``clinic-20260301T020000Z.dump.sha256`` is in the form of ``sha256sum``, for whoever checks by hand.
``clinic-20260301T020000Z.dump.manifest.json`` tells what pg_backup knew when it took the backup.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Optional

CHECKSUM = ".sha256"
MANIFEST = ".manifest.json"
SIDECARS = (CHECKSUM, MANIFEST)


@dataclass(frozen=True)
class Manifest:
    """created: ISO 8601, UTC. size: bytes. utc_offset: seconds that the archive's own creation time is ahead of UTC.

    rows: by table, as they stand in the archive.
    """

    database: str
    created: str
    utc_offset: int
    size: int
    sha256: str
    server_version: str
    rows: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode()


def checksum_line(sha256: str, name: str) -> bytes:
    """As sha256sum writes it."""
    return f"{sha256}  {name}\n".encode()


def read_checksum(path: str) -> Optional[str]:
    """The SHA-256 recorded beside the backup, ``""`` where its file holds none, None without such a file.

    Raises OSError.
    """
    try:
        with open(path + CHECKSUM, encoding="ascii", errors="replace") as stream:
            match = re.match(r"([0-9a-fA-F]{64})(\s|$)", stream.read(4096))
    except FileNotFoundError:
        return None
    return match.group(1).lower() if match else ""


def read_manifest(path: str) -> Optional[Manifest]:
    """The manifest beside the backup; None where there is none, or none that can be understood."""
    try:
        with open(path + MANIFEST, encoding="utf-8") as stream:
            data = json.load(stream)
        manifest = Manifest(**{name: data[name] for name in Manifest.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = isinstance(manifest.utc_offset, int) and isinstance(manifest.size, int) and isinstance(manifest.rows, dict)
    return manifest if whole else None
