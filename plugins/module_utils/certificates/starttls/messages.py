# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes before TLS in the protocols that speak in binary messages."""

from __future__ import annotations

import struct

from .talk import Refused, Talk, said

# LDAPMessage 1 with an ExtendedRequest of this name (RFC 4511, 4.14).
_START_TLS = b"1.3.6.1.4.1.1466.20037"
_LDAP_REQUEST = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _START_TLS
_SEQUENCE, _INTEGER, _ENUMERATED, _OCTETS, _EXTENDED_RESPONSE = 0x30, 0x02, 0x0A, 0x04, 0x78
_LDAP_CODES = {
    1: "operations error",
    2: "protocol error",
    8: "stronger authentication required",
    10: "referral",
    51: "busy",
    52: "unavailable",
    53: "unwilling to perform",
}

# PostgreSQL, "Message Formats": SSLRequest.
_POSTGRES_REQUEST = struct.pack("!ii", 8, 80877103)

# MySQL, "Capabilities Flags".
_PROTOCOL_41, _SSL, _SECURE_CONNECTION = 0x200, 0x800, 0x8000
_UTF8 = 33


def ldap(talk: Talk) -> None:
    """RFC 4511, 4.14.1."""
    talk.send(_LDAP_REQUEST)
    head = talk.exactly(2)
    if head[0] != _SEQUENCE:
        raise Refused("what answers there is no LDAP server")
    length = head[1]
    if length >= 0x80:
        length = int.from_bytes(talk.exactly(length & 0x7F), "big")
    try:
        code, words = _ldap_result(talk.exactly(length))
    except (IndexError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused("the LDAP server's answer cannot be understood") from None
    if code != 0:
        named = _LDAP_CODES.get(code, "error")
        raise Refused(f"the LDAP server does not begin TLS ({named}, result code {code}: {said(words)})")


def _ldap_result(message: bytes) -> tuple[int, str]:
    """Result code and diagnostic message of an ExtendedResponse. Raises IndexError, ValueError."""
    _number, rest = _element(message, _INTEGER)
    response, _controls = _element(rest, _EXTENDED_RESPONSE)
    code, rest = _element(response, _ENUMERATED)
    _matched, rest = _element(rest, _OCTETS)
    words, _more = _element(rest, _OCTETS)
    return int.from_bytes(code, "big"), words.decode("utf-8", "replace")


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the BER element that the data begins with, and what stands behind it (X.690, 8.1)."""
    length, start = data[1], 2
    if length >= 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if data[0] != tag or len(data) < start + length:
        raise ValueError("not what stands at this place of the message")
    return data[start : start + length], data[start + length :]


def postgres(talk: Talk) -> None:
    """PostgreSQL, "Message Flow", SSL Session Encryption."""
    talk.send(_POSTGRES_REQUEST)
    answer = talk.exactly(1)
    if answer == b"N":
        raise Refused("the PostgreSQL server has TLS switched off (ssl = off)")
    if answer == b"E":
        raise Refused("the PostgreSQL server turned the connection away")
    if answer != b"S":
        raise Refused("what answers there is no PostgreSQL server")


def mysql(talk: Talk) -> None:
    """MySQL, "Connection Phase": Protocol::HandshakeV10, answered by Protocol::SSLRequest."""
    head = talk.exactly(4)
    greeting = talk.exactly(int.from_bytes(head[:3], "little"))
    if greeting[:1] == b"\xff":
        words = greeting[3:].decode("utf-8", "replace")
        raise Refused(f"the MySQL server turned the connection away ({said(words)})")
    if greeting[:1] != b"\x0a" or b"\0" not in greeting:
        raise Refused("what answers there is no MySQL server")
    # Behind the version: connection number (4), challenge (8), a nought, and the lower capabilities (2).
    capabilities = greeting[greeting.index(b"\0") + 1 :][13:15]
    if len(capabilities) < 2:
        raise Refused("the MySQL server's greeting is cut off")
    if not int.from_bytes(capabilities, "little") & _SSL:
        raise Refused("the MySQL server has TLS switched off")
    request = struct.pack("<IIB23x", _PROTOCOL_41 | _SSL | _SECURE_CONNECTION, 1 << 24, _UTF8)
    talk.send(len(request).to_bytes(3, "little") + bytes([head[3] + 1 & 0xFF]) + request)
