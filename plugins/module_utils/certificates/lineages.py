# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let's Encrypt's folders as certbot keeps them: ``live/<name>`` links to the newest files in ``archive/<name>``."""

from __future__ import annotations

import os
from collections.abc import Sequence

_CERTIFICATE, _KEY, _CHAIN, _WHOLE = "cert.pem", "privkey.pem", "chain.pem", "fullchain.pem"
_MEMBERS = (_CERTIFICATE, _WHOLE, _KEY, _CHAIN)
_ARCHIVE = "archive"


def is_one(folder: str) -> bool:
    """Whether the folder is the live folder of one lineage. It still is when its links lead nowhere."""
    for member in _MEMBERS:
        try:
            target = os.readlink(os.path.join(folder, member))
        except OSError:
            continue
        if os.path.basename(os.path.dirname(os.path.dirname(target))) == _ARCHIVE:
            return True
    return False


def is_archive(folder: str) -> bool:
    """Whether the folder holds every generation of every lineage, the expired ones, too."""
    above, name = os.path.split(folder)
    return name == _ARCHIVE and all(os.path.isdir(os.path.join(above, other)) for other in ("live", "renewal"))


def whole(path: str) -> str:
    """Of the file with a lineage's certificate alone, or its chain alone, the one beside it with both; else nothing."""
    folder, name = os.path.split(path)
    return os.path.join(folder, _WHOLE) if name in (_CERTIFICATE, _CHAIN) else ""


def keys(files: Sequence[str]) -> dict[str, str]:
    """By the certificate file of each lineage among these files, the file of its private key."""
    found = [path[: -len(_KEY)] for path in files if path.endswith(f"/{_KEY}")]
    if not found:
        return {}
    there = set(files)
    return {
        folder + _CERTIFICATE: folder + _KEY for folder in found if folder + _CERTIFICATE in there and is_one(folder)
    }
