# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it would take to try a password: damaged files may ask for days."""

from __future__ import annotations

import binascii

from .. import der

# Programs ask for thousands of rounds, the most careful ones for a million.
MOST = 5_000_000


def of_key(key: bytes) -> int:
    """The same of a private key in PEM or DER."""
    if not key.startswith(b"-----"):
        return of(key)
    try:
        return of(binascii.a2b_base64(key.split(b"-----")[2]))
    except ValueError:
        return 0


def of(data: bytes) -> int:
    """The most rounds of hashing that something in this DER asks for before it can be decrypted.

    Salt and rounds stand side by side in PKCS#12 (RFC 7292, 4 and C) and in PBES1, PBES2 and scrypt
    (RFC 8018, A; RFC 7914, 7).
    """
    most = 0
    pending = [(0, len(data))]
    while pending:
        before = 0
        for part in _parts_or_none(data, *pending.pop()):
            if part.tag == der.INTEGER and before == der.OCTETS:
                most = max(most, int.from_bytes(data[part.begin : part.end], "big"))
            # Strings may hold elements themselves.
            if part.tag & 0x20 or (part.tag == der.OCTETS and data[part.begin : part.begin + 1] == b"\x30"):
                pending.append((part.begin, part.end))
            before = part.tag
    return most


def _parts_or_none(data: bytes, begin: int, end: int) -> list[der.Part]:
    try:
        return der.parts(data, begin, end)
    except ValueError:
        return []
