# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few fields of a certificate that thousands of files are judged by, straight from its DER.

Names cost ``cryptography`` ten times what the rest of a certificate costs. Who issued whom can be told
from the bytes of the names, so they are turned into text only where a person will read them.
"""

from __future__ import annotations

from typing import NamedTuple

_EXPLICIT_VERSION = 0xA0


class Outline(NamedTuple):
    """Parts of a certificate (RFC 5280, 4.1), the names as they are encoded."""

    serial: int
    issuer: bytes
    subject: bytes


def element(data: bytes, at: int = 0) -> tuple[int, int]:
    """Where the content of the element at this place begins and ends. Raises ValueError where it is cut off."""
    begin = at + 2
    if begin > len(data):
        raise ValueError("the data ends too early")
    end = begin + data[at + 1]
    if data[at + 1] > 0x7F:
        size = data[at + 1] & 0x7F
        if not 0 < size <= 4:
            raise ValueError("an element has an impossible length")
        begin += size
        end = begin + int.from_bytes(data[at + 2 : begin], "big")
    if end > len(data):
        raise ValueError("the data ends too early")
    return begin, end


def first(data: bytes) -> bytes:
    """The first element by itself: a trusted certificate has OpenSSL's own notes behind it. Raises ValueError."""
    end = element(data)[1]
    return data if end == len(data) else data[:end]


def outline(certificate: bytes) -> Outline:
    """The outline of a certificate that ``cryptography`` has read already. Raises ValueError where it is none."""
    at = element(certificate, element(certificate)[0])[0]  # Certificate, then tbsCertificate
    if certificate[at] == _EXPLICIT_VERSION:
        at = element(certificate, at)[1]
    begin, end = element(certificate, at)
    issuer = element(certificate, end)[1]  # behind the signature's algorithm
    validity = element(certificate, issuer)[1]
    subject = element(certificate, validity)[1]
    return Outline(
        int.from_bytes(certificate[begin:end], "big", signed=True),
        certificate[issuer:validity],
        certificate[subject : element(certificate, subject)[1]],
    )
