# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a PKCS#12 file shows without being opened (RFC 7292, 4): private keys, each protected by itself, and
certificates that nobody protected. The library opens only one private key of a file; keytool puts many into one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .. import der

_DATA = bytes.fromhex("2a864886f70d010701")
_PLAIN_KEY, _PROTECTED_KEY, _CERTIFICATE = (bytes.fromhex(f"2a864886f70d010c0a010{number}") for number in (1, 2, 3))


class Bags(NamedTuple):
    """keys: PKCS#8 in DER, protected or not. certificates: DER. closed: whether other parts are encrypted."""

    keys: list[bytes]
    certificates: list[bytes]
    closed: bool


def read(file: bytes) -> Bags:
    """file: DER. Raises ValueError, IndexError where it has not the form of a PKCS#12 file."""
    found = Bags([], [], False)
    outer = der.parts(file)[0]
    _version, safe = der.parts(file, outer.begin, outer.end)[:2]
    for info in _elements(_octets(file, safe)):
        if not _is_plain(info):
            found = found._replace(closed=True)
            continue
        for bag in _elements(_octets(info, der.parts(info)[0])):
            _take(found, bag)
    return found


def _take(found: Bags, bag: bytes) -> None:
    outer = der.parts(bag)[0]
    kind, value = der.parts(bag, outer.begin, outer.end)[:2]
    name, content = bag[kind.begin : kind.end], bag[value.begin : value.end]
    if name in (_PLAIN_KEY, _PROTECTED_KEY):
        found.keys.append(content)
    elif name == _CERTIFICATE:
        found.certificates.append(_octets(content, der.parts(content)[0]))


def _is_plain(info: bytes) -> bool:
    return info[slice(*der.element(info, der.element(info)[0]))] == _DATA


def _octets(data: bytes, part: der.Part) -> bytes:
    """The string in the second field of a pair, behind an explicit tag."""
    explicit = der.parts(data, part.begin, part.end)[1]
    string = der.parts(data, explicit.begin, explicit.end)[0]
    return data[string.begin : string.end]


def _elements(data: bytes) -> Iterator[bytes]:
    """The elements of a sequence, each by itself."""
    plain = der.definite(data)
    for part in der.parts(plain, *der.element(plain)):
        yield plain[part.at : part.end]
