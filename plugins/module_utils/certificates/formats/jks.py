# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Java keystores: JKS and JCEKS, as keytool writes them.

Certificates stand in them unprotected. With the password, the digest at the end of the file is checked, and the
private keys are unlocked, so that they can be held against their certificates.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple, Optional

from ..pem import Contents
from . import protectors

_JKS = 0xFEEDFEED
_PRIVATE_KEY, _TRUSTED, _SECRET_KEY = 1, 2, 3
_DIGEST = 20
# What the digest is made of besides password and content.
_WHITENER = b"Mighty Aphrodite"
_LONGEST_ALIAS = 1000
_YEAR_1990, _YEAR_2200 = 631_152_000_000, 7_258_118_400_000  # in milliseconds


class Keystore(NamedTuple):
    """What stands in a keystore. certificates: DER each. keys: protected private keys. problem: where it broke off."""

    jks: bool
    certificates: list[bytes]
    keys: list[bytes]
    problem: str


def contents(data: bytes, *, password: Optional[bytes]) -> Contents:
    """What is in the keystore. Never raises."""
    store = read(data)
    found = Contents(certificates=store.certificates, instead="a JKS keystore" if store.jks else "a JCEKS keystore")
    if store.problem:
        found.problems.append(store.problem)
    if password is None:
        if store.keys:
            found.closed = "the keystore's password is not known, set password_file or password_env of its source"
        return found
    text = password.decode("utf-8", "replace")
    intact = not store.problem and _intact(data, text.encode("utf-16-be"))
    opened = [protectors.unlock(key, text) for key in store.keys]
    if not intact and not store.problem:
        found.problems.append(
            "the keystore is damaged, since its digest is not that of its content"
            if any(opened)
            else "the password is not that of the keystore, or the keystore is damaged"
        )
    _take_keys(found, store, opened)
    return found


def _take_keys(found: Contents, store: Keystore, opened: list[Optional[bytes]]) -> None:
    found.keys = [key for key in opened if key is not None]
    if len(found.keys) < len(store.keys):
        found.closed = "the password does not unlock it"


def read(data: bytes) -> Keystore:
    """Every entry up to where the keystore breaks off. Never raises."""
    store = Keystore(data[:4] == _JKS.to_bytes(4, "big"), [], [], "")
    cursor = _Cursor(data)
    place = "its beginning"
    try:
        cursor.skip(4)
        version = cursor.number(4)
        if version not in (1, 2):
            raise ValueError("its version is unknown")
        entries = cursor.number(4)
        for number in range(1, entries + 1):
            place = f"entry {number:,} of {entries:,}"
            _entry(cursor, store, version)
        if cursor.left():
            raise ValueError("more stands behind its last entry")
    except ValueError as error:
        return store._replace(problem=f"the keystore is damaged ({place}: {error})")
    return store


def _entry(cursor: _Cursor, store: Keystore, version: int) -> None:
    tag = cursor.number(4)
    if tag not in (_PRIVATE_KEY, _TRUSTED, _SECRET_KEY):
        raise ValueError("it is of no known kind")
    cursor.skip(cursor.number(2))  # its alias
    cursor.skip(8)  # its time
    if tag == _SECRET_KEY:
        if store.jks:
            raise ValueError("it is of no known kind")
        cursor.skip_object()
        return
    count = 1
    if tag == _PRIVATE_KEY:
        store.keys.append(cursor.take(cursor.number(4)))
        count = cursor.number(4)
    for _certificate in range(count):
        if version == 2:
            kind = cursor.take(cursor.number(2))
            if kind not in (b"X.509", b"X509"):
                raise ValueError("it holds a certificate that is no X.509 certificate")
        store.certificates.append(cursor.take(cursor.number(4)))


class _Cursor:
    """Reads on from where it stands; the digest at the end of the keystore is no part of the content."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = max(0, len(data) - _DIGEST)

    def left(self) -> int:
        return self._end - self._at

    def take(self, length: int) -> bytes:
        """So many bytes. Raises ValueError where there are fewer."""
        self.skip(length)
        return self._data[self._at - length : self._at]

    def skip(self, length: int) -> None:
        if length > self.left():
            raise ValueError("the file ends too early")
        self._at += length

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def skip_object(self) -> None:
        """Passes over a serialized object, whose length stands nowhere, to the next thing that begins an entry."""
        at = self._data.find(b"\0\0\0", self._at)
        while 0 <= at < self._end:
            if self._begins_an_entry(at):
                self._at = at
                return
            at = self._data.find(b"\0\0\0", at + 1)
        self._at = self._end

    def _begins_an_entry(self, at: int) -> bool:
        alias = at + 6
        length = int.from_bytes(self._data[at + 4 : alias], "big")
        time = int.from_bytes(self._data[alias + length : alias + length + 8], "big")
        return (
            self._data[at + 3 : at + 4] in (b"\1", b"\2", b"\3")
            and length <= _LONGEST_ALIAS
            and alias + length + 8 <= self._end
            and _YEAR_1990 < time < _YEAR_2200
        )


def _intact(data: bytes, secret: bytes) -> bool:
    """Whether the digest is that of content and password."""
    digest = hashlib.sha1(secret + _WHITENER + data[:-_DIGEST], usedforsecurity=False).digest()
    return hmac.compare_digest(digest, data[-_DIGEST:])
