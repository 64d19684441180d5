# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Java protects the private keys of its own keystores, each with the password."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Optional

from ...libraries import optional
from .. import der
from . import rounds

_ciphers = optional("cryptography.hazmat.primitives.ciphers")
_algorithms = optional("cryptography.hazmat.decrepit.ciphers.algorithms") or optional(
    "cryptography.hazmat.primitives.ciphers.algorithms"
)

_JKS = bytes.fromhex("2b060104012a02110101")  # 1.3.6.1.4.1.42.2.17.1.1
_JCEKS = bytes.fromhex("2b060104012a021301")  # 1.3.6.1.4.1.42.2.19.1
_DIGEST = 20
_HALF, _BLOCK = 4, 8
# keytool asks for a fifth of this. They are gone through here, not in the library.
_MOST_ROUNDS = 1_000_000


def unlock(protected: bytes, password: str) -> Optional[bytes]:
    """The private key (PKCS#8, DER); None where the password does not unlock it."""
    try:
        algorithm, sealed = (protected[part.begin : part.end] for part in der.parts(protected, *der.element(protected)))
        name, *parameters = der.parts(algorithm)
        if algorithm[name.begin : name.end] == _JKS:
            return _from_jks(sealed, password.encode("utf-16-be", "surrogatepass"))
        if algorithm[name.begin : name.end] == _JCEKS and rounds.of(algorithm) <= _MOST_ROUNDS:
            salt, count = der.parts(algorithm, parameters[0].begin, parameters[0].end)
            times = int.from_bytes(algorithm[count.begin : count.end], "big")
            return _from_jceks(sealed, password, algorithm[salt.begin : salt.end], times)
    except Exception:  # noqa: BLE001 - what a broken key makes of all this, or a library that no longer knows 3DES
        return None
    return None


def _from_jks(sealed: bytes, secret: bytes) -> Optional[bytes]:
    """Salt, the key under a stream of chained SHA-1 digests, and a digest to know it by."""
    salt, sealed, check = sealed[:_DIGEST], sealed[_DIGEST:-_DIGEST], sealed[-_DIGEST:]
    stream = b""
    block = salt
    while len(stream) < len(sealed):
        block = hashlib.sha1(secret + block, usedforsecurity=False).digest()
        stream += block
    key = bytes(one ^ other for one, other in zip(sealed, stream))
    known = hashlib.sha1(secret + key, usedforsecurity=False).digest()
    return key if hmac.compare_digest(known, check) else None


def _from_jceks(sealed: bytes, password: str, salt: bytes, times: int) -> Optional[bytes]:
    """3DES, its key and start made by hashing each half of the salt over and over with MD5."""
    secret = bytes(ord(letter) & 0x7F for letter in password)
    made = b""
    for half in (salt[:_HALF], salt[_HALF:]):
        block = half
        for _round in range(times):
            block = hashlib.md5(block + secret, usedforsecurity=False).digest()
        made += block
    decryptor: Any = _ciphers.Cipher(
        _algorithms.TripleDES(made[:-_BLOCK]), _ciphers.modes.CBC(made[-_BLOCK:])
    ).decryptor()
    padded: bytes = decryptor.update(sealed) + decryptor.finalize()
    key = der.first(padded)
    return key if padded[len(key) :] == bytes([len(padded) - len(key)]) * (len(padded) - len(key)) else None
