# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first message of a TLS handshake, made by hand: what the local library cannot speak is offered all the same.

RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 6101 (SSLv3), RFC 6066 (server name), RFC 8422 (curves).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Optional

from .suites import VERSIONS

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _GROUPS, _POINT_FORMATS, _SIGNATURES, _PADDING, _MASTER_SECRET = 0, 10, 11, 13, 21, 23
_VERSIONS, _KEY_EXCHANGE_MODES, _KEY_SHARE = 43, 45, 51

# Says that we know of secure renegotiation (RFC 5746), which some servers insist on.
_RENEGOTIATION = 0x00FF
_X25519 = 29
# Curves and fields of every size, since an old server may know one of them only. Those for TLS 1.3 include
# the hybrid ones: a server that wants such a one asks for it, and so shows that it speaks the version.
_OLD_GROUPS = (29, 23, 24, 25, 30, 26, 27, 28, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 256, 257)
_NEW_GROUPS = (29, 23, 24, 25, 30, 31, 32, 33, 256, 257, 258, 259, 260, 4587, 4588, 4589)
# ECDSA, EdDSA, RSA-PSS, RSA, ML-DSA, and what is long since out of use: SHA-224, SHA-1, MD5, DSA.
_SCHEMES = (
    *(0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x081A, 0x081B, 0x081C, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B),
    *(0x0401, 0x0501, 0x0601, 0x0904, 0x0905, 0x0906, 0x0303, 0x0301, 0x0203, 0x0201, 0x0101, 0x0402, 0x0302, 0x0202),
)


def client_hello(version: str, suites: Iterable[int], *, server_name: Optional[str]) -> bytes:
    """The record that offers this version of TLS alone, with these cipher suites. server_name: ASCII."""
    number = VERSIONS[version]
    newest = version == "TLSv1.3"
    codes = b"".join(_u16(code) for code in (*suites, *(() if newest else (_RENEGOTIATION,))))
    # TLS 1.3 says it in an extension, and looks like a resumed TLS 1.2 to what stands in between (RFC 8446, D.4).
    body = _u16(min(number, VERSIONS["TLSv1.2"])) + os.urandom(32)
    body += _short(os.urandom(32) if newest else b"") + _long(codes) + b"\x01\x00"
    if version != "SSLv3":
        body += _long(_padded(_extensions(version, server_name), before=len(body) + 2 + 4))
    message = bytes([_CLIENT_HELLO]) + len(body).to_bytes(3, "big") + body
    return bytes([_HANDSHAKE]) + _u16(min(number, VERSIONS["TLSv1"])) + _long(message)


def _extensions(version: str, server_name: Optional[str]) -> bytes:
    newest = version == "TLSv1.3"
    extensions = b""
    if server_name:
        extensions += _extension(_SERVER_NAME, _long(b"\x00" + _long(server_name.encode("ascii"))))
    extensions += _extension(_GROUPS, _long(_numbers(_NEW_GROUPS if newest else _OLD_GROUPS)))
    extensions += _extension(_POINT_FORMATS, _short(b"\x00\x01\x02"))
    if version in ("TLSv1.2", "TLSv1.3"):
        extensions += _extension(_SIGNATURES, _long(_numbers(_SCHEMES)))
    if newest:
        extensions += _extension(_VERSIONS, _short(_u16(VERSIONS[version])))
        extensions += _extension(_KEY_EXCHANGE_MODES, _short(b"\x01"))
        # Any 32 bytes are a point of this curve; nobody is to know the secret, nor do we.
        extensions += _extension(_KEY_SHARE, _long(_u16(_X25519) + _long(os.urandom(32))))
    else:
        # Servers under FIPS 140-3 refuse TLS 1.2 without it (RFC 7627).
        extensions += _extension(_MASTER_SECRET, b"")
    return extensions


def _padded(extensions: bytes, *, before: int) -> bytes:
    """Longer than 511 bytes where it would be from 256 to 511: some servers hang on those (RFC 7685)."""
    lacking = 512 - before - len(extensions)
    if not 0 < lacking <= 256:
        return extensions
    return extensions + _extension(_PADDING, bytes(max(0, lacking - 4)))


def _extension(kind: int, content: bytes) -> bytes:
    return _u16(kind) + _long(content)


def _numbers(numbers: Sequence[int]) -> bytes:
    return b"".join(map(_u16, numbers))


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _short(content: bytes) -> bytes:
    """With its length before it, in one byte."""
    return bytes([len(content)]) + content


def _long(content: bytes) -> bytes:
    """With its length before it, in two bytes."""
    return _u16(len(content)) + content
