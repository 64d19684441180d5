# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keystores in PKCS#12 (RFC 7292): opened by the library, and what keeps it from that told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from ...libraries import optional
from .. import der, library
from ..pem import Contents
from . import bags, rounds

_pkcs12 = optional("cryptography.hazmat.primitives.serialization.pkcs12")

_OLD_CIPHERS = {
    "2a864886f70d010c0101": "RC4",
    "2a864886f70d010c0102": "RC4",
    "2a864886f70d010c0103": "3DES",
    "2a864886f70d010c0104": "3DES",
    "2a864886f70d010c0105": "RC2",
    "2a864886f70d010c0106": "RC2",
}
_TOO_MANY = "the PKCS#12 file is damaged, or made to keep readers busy: it asks for too many rounds of hashing"
_NEEDS_PASSWORD = "it is protected by a password, set password_file or password_env of its source"  # noqa: S105


def contents(data: bytes, *, password: Optional[bytes]) -> Contents:
    """What is in the file. No password and the empty one are tried first. Never raises."""
    try:
        plain = der.definite(data)
    except ValueError as error:
        return Contents(problems=[f"the PKCS#12 file is damaged ({error})"])
    if rounds.of(plain) > rounds.MOST:
        return Contents(problems=[_TOO_MANY])
    shown = _shown(plain)
    opened: Any = None
    for attempt in [None, b"", *([password] if password else [])]:
        opened = _open(data, attempt, shown.keys)
        if isinstance(opened, Contents):
            return opened
    return _closed(shown, _why(data, opened, has_password=bool(password)))


def _shown(plain: bytes) -> bags.Bags:
    try:
        return bags.read(plain)
    except (ValueError, IndexError):
        return bags.Bags([], [], closed=True)


def _open(data: bytes, password: Optional[bytes], keys: Sequence[bytes]) -> Union[Contents, Exception]:
    """What is in the file, or why it does not open. keys: that it shows."""
    try:
        key, certificate, others = _pkcs12.load_key_and_certificates(data, password)
        found = Contents(instead="a PKCS#12 file")
        certificates = [*([certificate] if certificate else []), *others]
        found.certificates = [library.encoded(certificate) for certificate in certificates]
        if key is not None:
            found.halves.append(library.canonical(key.public_key()))
    except Exception as error:  # noqa: BLE001 - whatever this version of the library raises
        return error
    _take_others(found, keys, password)
    return found


def _take_others(found: Contents, keys: Sequence[bytes], password: Optional[bytes]) -> None:
    """The library gives out one private key, whatever their number."""
    if len(keys) < 2:
        return
    try:
        found.halves = [library.public_half(key, password=password) for key in keys]
    except (library.KeyLocked, library.Unreadable):
        found.closed = "only one of the private keys in it can be unlocked"


def _closed(shown: bags.Bags, why: str) -> Contents:
    """What can be said of a file that does not open: the certificates that it shows count all the same."""
    found = Contents(certificates=shown.certificates, closed=why if shown.keys else "")
    if shown.closed or not shown.certificates:
        found.problems.append(why)
    return found


def _why(data: bytes, error: Exception, *, has_password: bool) -> str:
    old = sorted({name for oid, name in _OLD_CIPHERS.items() if b"\x06\x0a" + bytes.fromhex(oid) in data})
    words = str(error).lower()
    if "unsupported" in words or "not supported" in words or type(error).__name__ == "UnsupportedAlgorithm":
        how = f" ({' and '.join(old)})" if old else ""
        return f"the cryptography library cannot decrypt it{how}, make it anew with a current program"
    if not has_password:
        return _NEEDS_PASSWORD
    also = f", or its cipher ({' and '.join(old)}) is unknown to the cryptography library" if old else ""
    return f"the password does not open it, or it is damaged{also}"
