# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server says to the first message of a handshake: a ServerHello, an alert, or nothing of the kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .suites import VERSIONS

ACCEPTED, REFUSED, SILENT = "accepted", "refused", "silent"

# What a server says that has understood the rest, and refuses the version alone.
WRONG_VERSION = "alert protocol version"

_ALERT, _HANDSHAKE, _SERVER_HELLO, _VERSIONS = 21, 22, 2, 43
_WARNING, _CLOSE_NOTIFY = 1, 0
# RFC 8446, 6.2: enough for any ServerHello, and for warnings before it.
_LONGEST = 65536
_LONGEST_RECORD = 16384 + 2048
_NAMES = {number: version for version, number in VERSIONS.items()}

# RFC 8446, 6.
_ALERTS = {
    0: "close notify",
    10: "unexpected message",
    20: "bad record mac",
    22: "record overflow",
    40: "handshake failure",
    42: "bad certificate",
    47: "illegal parameter",
    48: "unknown ca",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    90: "user canceled",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    115: "unknown psk identity",
    116: "certificate required",
    120: "no application protocol",
}


@dataclass(frozen=True)
class Answer:
    """What came of a handshake that was begun.

    kind: ACCEPTED with the version and the cipher suite that the server chose; REFUSED; or SILENT, where it
    cannot be told. words: why. closed: whether it was refused without a word.
    """

    kind: str
    version: str = ""
    suite: int = 0
    words: str = ""
    closed: bool = False


class Garbage(ValueError):
    """What came is no TLS."""


def understood(data: bytes) -> Optional[Answer]:
    """What the server said; None as long as there must be more to come. Raises Garbage."""
    messages = b""
    while len(data) >= 5:
        kind, length = data[0], int.from_bytes(data[3:5], "big")
        if kind not in (_ALERT, _HANDSHAKE) or data[1] != 3 or not 0 < length <= _LONGEST_RECORD:
            raise Garbage("its answer is no TLS")
        content, data = data[5 : 5 + length], data[5 + length :]
        if kind == _ALERT:
            if len(content) < 2:
                return None
            level, alert = content[0], content[1]
            if level == _WARNING and alert != _CLOSE_NOTIFY:
                continue
            return Answer(REFUSED, words=f"alert {_ALERTS.get(alert, alert)}")
        messages += content
        answer = _server_hello(messages)
        if answer:
            return answer
        if len(content) < length:
            return None
    if data[:1] not in (b"", bytes([_ALERT]), bytes([_HANDSHAKE])) or data[1:2] not in (b"", b"\x03"):
        raise Garbage("its answer is no TLS")
    return None


def _server_hello(messages: bytes) -> Optional[Answer]:
    """Version and suite of a ServerHello or a HelloRetryRequest, which have one form (RFC 8446, 4.1.3)."""
    if messages[:1] not in (b"", bytes([_SERVER_HELLO])):
        raise Garbage("its answer begins no handshake")
    if len(messages) < 4:
        return None
    length = int.from_bytes(messages[1:4], "big")
    if length > _LONGEST:
        raise Garbage("its answer is longer than any of TLS")
    body = messages[4 : 4 + length]
    if len(body) < length:
        return None
    at = 2 + 32
    try:
        at += 1 + body[at]
        suite = int.from_bytes(body[at : at + 2], "big")
        number = _version_chosen(body[at + 3 :]) or int.from_bytes(body[:2], "big")
    except IndexError:
        raise Garbage("its answer is cut off within") from None
    if len(body) < at + 3 or number not in _NAMES:
        raise Garbage("its answer names no version of TLS")
    return Answer(ACCEPTED, version=_NAMES[number], suite=suite)


def _version_chosen(data: bytes) -> int:
    """The version in the extension supported_versions; 0 where there is none (RFC 8446, 4.2.1)."""
    at = 2
    while at + 4 <= len(data):
        kind, length = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == _VERSIONS and length == 2:
            return int.from_bytes(data[at + 4 : at + 6], "big")
        at += 4 + length
    return 0
