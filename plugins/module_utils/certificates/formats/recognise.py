# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind of binary file it is, told from its first bytes: cheap enough to ask of every file there is."""

from __future__ import annotations

from typing import Optional

from .. import der

CERTIFICATE, PKCS7, PKCS12 = "a certificate", "a PKCS#7 message", "a PKCS#12 file"
PRIVATE_KEY, PUBLIC_KEY = "a private key", "a public key"
REQUEST, REVOCATIONS = "a certificate request", "a revocation list"
KEYSTORES = {b"\xfe\xed\xfe\xed": "a JKS keystore", b"\xce\xce\xce\xce": "a JCEKS keystore"}

_MESSAGE = bytes.fromhex("2a864886f70d0107")  # 1.2.840.113549.1.7, and one more
_ENOUGH = 8
_TIMES = (0x17, 0x18)


def may_be(data: bytes) -> bool:
    """Whether it is worth a closer look."""
    return data[:1] == b"\x30" or data[:4] in KEYSTORES


def goes_on(beginning: bytes, size: int) -> bool:
    """Whether the rest of the file belongs to what it begins with. size: of the whole file, in bytes."""
    if beginning[:4] in KEYSTORES:
        return True
    if beginning[:2] == b"\x30\x80":
        return True
    return beginning[:1] == b"\x30" and len(beginning) < _declared(beginning, 0)[1] <= size and bool(kind(beginning))


def kind(data: bytes) -> str:
    """What it is, in words; empty where it is none of these. Works with a beginning, too."""
    if data[:4] in KEYSTORES:
        return KEYSTORES[data[:4]]
    if data[:1] != b"\x30":
        return ""
    inner = _parts(data, _declared(data, 0)[0], len(data), most=3)
    if not inner:
        return ""
    tags = [part.tag for part in inner]
    if tags[0] == der.OID:
        return PKCS7 if _value(data, inner[0])[:8] == _MESSAGE else ""
    if tags[0] == der.INTEGER:
        return _numbered(data, inner)
    return _nested(data, inner, tags) if tags[0] == der.SEQUENCE else ""


def _numbered(data: bytes, inner: list[der.Part]) -> str:
    """What begins with a version."""
    version, tags = _value(data, inner[0]), [part.tag for part in inner]
    if version == b"\x03" and tags[1:2] == [der.SEQUENCE]:
        content = _first(data, inner[1])
        return PKCS12 if content and _value(data, content)[:8] == _MESSAGE else ""
    if tags[1:3] == [der.SEQUENCE, der.OCTETS] and _names_something(data, inner[1]):
        return PRIVATE_KEY  # PKCS#8, RFC 5208
    if tags == [der.INTEGER] * 3 and version in (b"\0", b"\1"):
        return PRIVATE_KEY  # RSA (RFC 8017) or DSA
    return PRIVATE_KEY if version == b"\x01" and tags[1:] in ([der.OCTETS, 0xA0], [der.OCTETS, 0xA1]) else ""


def _nested(data: bytes, inner: list[der.Part], tags: list[int]) -> str:
    if _names_something(data, inner[0]):
        if tags[1:2] == [der.OCTETS]:
            return PRIVATE_KEY  # encrypted, RFC 5208
        return PUBLIC_KEY if tags[1:2] == [der.BITS] else ""
    signed = _parts(data, inner[0].begin, inner[0].end, most=5)
    if signed and signed[0].tag == 0xA0:
        signed = signed[1:]  # the version of a certificate
    elif len(signed) > 3 and signed[2].tag == der.SEQUENCE and signed[3].tag == 0xA0:
        return REQUEST
    elif [part.tag for part in signed[:2]] == [der.SEQUENCE, der.SEQUENCE]:
        return REVOCATIONS if len(signed) > 2 and signed[2].tag in _TIMES else ""  # version 1
    return _signed(data, signed)


def _signed(data: bytes, signed: list[der.Part]) -> str:
    tags = [part.tag for part in signed[:4]]
    if tags[:2] != [der.INTEGER, der.SEQUENCE] or not _names_something(data, signed[1]):
        return ""
    return REVOCATIONS if tags[3:] and tags[3] in _TIMES else CERTIFICATE


def _names_something(data: bytes, part: der.Part) -> bool:
    """Whether it begins with an object identifier, as that of an algorithm."""
    inner = _first(data, part)
    return inner is not None and inner.tag == der.OID


def _first(data: bytes, part: der.Part) -> Optional[der.Part]:
    return next(iter(_parts(data, part.begin, part.end, most=1)), None)


def _value(data: bytes, part: der.Part) -> bytes:
    return data[part.begin : part.end]


def _parts(data: bytes, begin: int, end: int, *, most: int) -> list[der.Part]:
    """The first elements between these places, also where the last one is cut off."""
    found: list[der.Part] = []
    while begin + 2 <= min(end, len(data)) and len(found) < most:
        inner, after = _declared(data, begin)
        found.append(der.Part(data[begin], begin, inner, min(after, end, len(data))))
        begin = after
    return found


def _declared(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element begins, and where it says that it ends."""
    length = data[at + 1] if at + 1 < len(data) else 0
    if length == 0x80:
        return at + 2, len(data)  # open: what is in it tells
    if length < 0x80:
        return at + 2, at + 2 + length
    begin = at + 2 + (length & 0x7F)
    if (length & 0x7F) > _ENOUGH:
        return at + 2, len(data)
    return begin, begin + int.from_bytes(data[at + 2 : begin], "big")
