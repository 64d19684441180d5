# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM files as they are in the field: keys first, text between, several certificates, revocation lists, cut off."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from . import der

CERTIFICATES = frozenset((b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"))

# A block never reaches over the next line of five hyphens, so that a block that was cut off does not swallow
# the next one. Single hyphens occur in the headers of encrypted keys.
_BLOCK = re.compile(rb"^-----BEGIN ([A-Z0-9 ]+)-----([^-]*(?:-(?!----)[^-]*)*)-----END \1-----", re.MULTILINE)
_BEGIN = re.compile(rb"^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----", re.MULTILINE)
MARK = b"-----BEGIN "


@dataclass
class Contents:
    """What a PEM file holds. certificates: DER each, in the file's order. keys: PEM each.

    problems: what could not be decoded, in words.
    """

    certificates: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def contents(data: bytes) -> Contents:
    """Every certificate and private key of the file. Never raises: what is broken is told in ``problems``."""
    found = Contents()
    blocks = begun = 0
    for block in _BLOCK.finditer(data):
        label, body = block.groups()
        blocks += 1
        if label in CERTIFICATES:
            begun += 1
            try:
                found.certificates.append(der.first(binascii.a2b_base64(body)))
            except ValueError as error:
                found.problems.append(f"certificate {begun} cannot be decoded ({error})")
        elif label.endswith(b"PRIVATE KEY"):
            found.keys.append(block.group(0) + b"\n")
    if data.count(MARK) != blocks:
        cut_off = len(_BEGIN.findall(data)) - begun
        if cut_off > 0:
            found.problems.append(f"{cut_off} certificate(s) have no end line, so the file was cut off")
    return found
