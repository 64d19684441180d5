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
PIECES_OF_OCTETS = 0x24
BOOLEAN, INTEGER, BITS, OCTETS, NULL, OID, SEQUENCE = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x30
# OpenSSL does not mind whether what holds several of a kind says that it is constructed.
LISTS, SETS = (SEQUENCE, 0x10), (0x31, 0x11)


class Outline(NamedTuple):
    """Parts of a certificate (RFC 5280, 4.1) as they are encoded.

    signature: the identifier of its algorithm. key: with the identifier of its kind.
    """

    serial: int
    issuer: bytes
    subject: bytes
    signature: bytes
    key: bytes


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


class Part(NamedTuple):
    """An element within data: its tag, where it stands, and where its content begins and ends."""

    tag: int
    at: int
    begin: int
    end: int


def parts(data: bytes, begin: int = 0, end: int = -1) -> list[Part]:
    """The elements that stand side by side between these places. Raises ValueError where they do not fill them."""
    end = len(data) if end < 0 else end
    found = []
    while begin < end:
        inner, after = element(data, begin)
        if after > end:
            raise ValueError("an element reaches over the end of the one it is in")
        found.append(Part(data[begin], begin, inner, after))
        begin = after
    return found


_DEEPEST = 60


def definite(data: bytes, *, deepest: int = _DEEPEST) -> bytes:
    """The first element with lengths that are known, as DER wants them: BER leaves them open (X.690, 8.1.3.6).

    Strings in pieces become one string. Raises ValueError.
    """
    return _definite(data, 0, deepest)[0]


def _definite(data: bytes, at: int, deepest: int) -> tuple[bytes, int]:
    """The element at this place, and where the next one begins."""
    if not deepest:
        raise ValueError("its elements are nested too deeply")
    if at + 2 > len(data):
        raise ValueError("the data ends too early")
    tag, constructed, is_open = data[at], data[at] & 0x20, data[at + 1] == 0x80
    if not constructed:
        end = element(data, at)[1]
        return data[at:end], end
    here, end = (at + 2, len(data)) if is_open else element(data, at)
    pieces = []
    while here < end and not (is_open and data[here : here + 2] == b"\0\0"):
        piece, here = _definite(data, here, deepest - 1)
        pieces.append(piece)
    if is_open:
        if here + 2 > len(data):
            raise ValueError("the data ends too early")
        here += 2
    if tag == PIECES_OF_OCTETS:
        return encode(OCTETS, b"".join(piece[element(piece)[0] :] for piece in pieces)), here
    return encode(tag, b"".join(pieces)), here


def encode(tag: int, content: bytes) -> bytes:
    """The content as an element."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def outline(certificate: bytes) -> Outline:
    """The outline of a certificate that ``cryptography`` has read already. Raises ValueError where it is none."""
    at = element(certificate, element(certificate)[0])[0]  # Certificate, then tbsCertificate
    if certificate[at] == _EXPLICIT_VERSION:
        at = element(certificate, at)[1]
    begin, end = element(certificate, at)
    issuer = element(certificate, end)[1]
    validity = element(certificate, issuer)[1]
    subject = element(certificate, validity)[1]
    key = element(certificate, subject)[1]
    return Outline(
        int.from_bytes(certificate[begin:end], "big", signed=True),
        certificate[issuer:validity],
        certificate[subject:key],
        certificate[end:issuer],
        certificate[key : element(certificate, key)[1]],
    )


def dotted(identifier: bytes) -> str:
    """An object identifier (its content) as text: 2.5.4.3. Raises ValueError where it is none (X.690, 8.19)."""
    if not identifier or identifier[-1] & 0x80:
        raise ValueError("an object identifier in it is encoded wrongly")
    arcs: list[int] = []
    value = 0
    begins = True
    for byte in identifier:
        if begins and byte == 0x80:
            raise ValueError("an object identifier in it is encoded wrongly")
        value = value << 7 | byte & 0x7F
        begins = not byte & 0x80
        if begins:
            arcs.append(value)
            value = 0
    root = min(arcs[0] // 40, 2)
    return ".".join(map(str, (root, arcs[0] - 40 * root, *arcs[1:])))
