# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which key a certificate has and how it was signed, straight from its DER.

To hand the key to ``cryptography`` costs more than everything else that is asked of a certificate.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from . import der

_RSA = "1.2.840.113549.1.1.1"
_RSA_PSS = "1.2.840.113549.1.1.10"
_EC = "1.2.840.10045.2.1"
_OID, _SEQUENCE = 0x06, 0x30

# Bits are those of the field; source: RFC 5480, RFC 5639, SEC 2, RFC 8410 and RFC 9881.
_CURVES = {
    "1.2.840.10045.3.1.1": ("P-192", 192),
    "1.2.840.10045.3.1.7": ("P-256", 256),
    "1.3.132.0.1": ("sect163k1", 163),
    "1.3.132.0.8": ("secp160r1", 160),
    "1.3.132.0.10": ("secp256k1", 256),
    "1.3.132.0.15": ("sect163r2", 163),
    "1.3.132.0.16": ("sect283k1", 283),
    "1.3.132.0.17": ("sect283r1", 283),
    "1.3.132.0.26": ("sect233k1", 233),
    "1.3.132.0.27": ("sect233r1", 233),
    "1.3.132.0.31": ("secp192k1", 192),
    "1.3.132.0.32": ("secp224k1", 224),
    "1.3.132.0.33": ("P-224", 224),
    "1.3.132.0.34": ("P-384", 384),
    "1.3.132.0.35": ("P-521", 521),
    "1.3.132.0.36": ("sect409k1", 409),
    "1.3.132.0.37": ("sect409r1", 409),
    "1.3.132.0.38": ("sect571k1", 571),
    "1.3.132.0.39": ("sect571r1", 571),
    **{
        f"1.3.36.3.3.2.8.1.1.{number + twisted}": (f"brainpoolP{bits}{'t' if twisted else 'r'}1", bits)
        for number, bits in ((1, 160), (3, 192), (5, 224), (7, 256), (9, 320), (11, 384), (13, 512))
        for twisted in (0, 1)
    },
}
_KINDS = {
    _RSA: ("RSA", 0),
    _RSA_PSS: ("RSA-PSS", 0),
    "1.2.840.10040.4.1": ("DSA", 0),
    "1.3.101.112": ("Ed25519", 256),
    "1.3.101.113": ("Ed448", 456),
    "2.16.840.1.101.3.4.3.17": ("ML-DSA-44", 0),
    "2.16.840.1.101.3.4.3.18": ("ML-DSA-65", 0),
    "2.16.840.1.101.3.4.3.19": ("ML-DSA-87", 0),
}
# The names that OpenSSL and RFC 3279, 4055, 5758 know them by.
_SIGNATURES = {
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.3": "md4WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.3.14.3.2.29": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.10040.4.3": "dsa-with-SHA1",
    "2.16.840.1.101.3.4.3.1": "dsa-with-SHA224",
    "2.16.840.1.101.3.4.3.2": "dsa-with-SHA256",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "2.16.840.1.101.3.4.3.9": "ecdsa-with-SHA3-224",
    "2.16.840.1.101.3.4.3.10": "ecdsa-with-SHA3-256",
    "2.16.840.1.101.3.4.3.11": "ecdsa-with-SHA3-384",
    "2.16.840.1.101.3.4.3.12": "ecdsa-with-SHA3-512",
    "2.16.840.1.101.3.4.3.13": "RSA-SHA3-224",
    "2.16.840.1.101.3.4.3.14": "RSA-SHA3-256",
    "2.16.840.1.101.3.4.3.15": "RSA-SHA3-384",
    "2.16.840.1.101.3.4.3.16": "RSA-SHA3-512",
    "1.3.101.112": "ED25519",
    "1.3.101.113": "ED448",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}
_HASHES = {
    "1.2.840.113549.2.5": "MD5",
    "1.3.14.3.2.26": "SHA1",
    "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384",
    "2.16.840.1.101.3.4.2.3": "SHA512",
    "2.16.840.1.101.3.4.2.4": "SHA224",
}
KNOWN_SIGNATURES = frozenset(_SIGNATURES.values()) | {f"RSASSA-PSS-{name}" for name in _HASHES.values()}


class Key(NamedTuple):
    """A public key. kind: empty where it is none that is known here. bits: 0 where they say nothing about it.

    name: in words, with the number of its kind where that is all that is known. exponent: of RSA keys.
    """

    kind: str
    bits: int
    name: str
    exponent: int = 0


def key(info: bytes) -> Key:
    """What a SubjectPublicKeyInfo says (RFC 5280, 4.1.2.7). Raises ValueError, IndexError where it is none."""
    begin = der.element(info)[0]
    end = der.element(info, begin)[1]
    known = _key_algorithm(info[begin:end])
    if not known.kind.startswith("RSA") and known.kind != "DSA":
        return known
    content = der.element(info, end)[0] + 1  # behind the number of unused bits
    if known.kind == "DSA":
        return _dsa(info[begin:end])
    at, behind = der.element(info, der.element(info, content)[0])
    while not info[at]:
        at += 1
    bits = (behind - at - 1) * 8 + info[at].bit_length()
    at, behind = der.element(info, behind)
    return _rsa(known.kind, bits, int.from_bytes(info[at:behind], "big", signed=True))


@functools.lru_cache(maxsize=256)
def _rsa(kind: str, bits: int, exponent: int) -> Key:
    return Key(kind, bits, f"{kind} {bits}", exponent)


def _dsa(algorithm: bytes) -> Key:
    """DSA keeps the prime, whose length counts, with the algorithm (RFC 3279, 2.3.2); it may be left out."""
    at = der.element(algorithm, der.element(algorithm)[0])[1]
    if at >= len(algorithm):
        return Key("DSA", 0, "DSA")
    begin, end = der.element(algorithm, der.element(algorithm, at)[0])
    bits = int.from_bytes(algorithm[begin:end], "big").bit_length()
    return Key("DSA", bits, f"DSA {bits}")


@functools.lru_cache(maxsize=256)
def _key_algorithm(algorithm: bytes) -> Key:
    number, at = _number(algorithm)
    if number == _EC:
        if at >= len(algorithm) or algorithm[at] != _OID:
            return Key("", 0, "EC, a curve of its own")
        curve = der.dotted(algorithm[slice(*der.element(algorithm, at))])
        name, bits = _CURVES.get(curve, ("", 0))
        return Key("EC", bits, f"EC {name}") if bits else Key("", 0, f"EC {curve}")
    kind, bits = _KINDS.get(number, ("", 0))
    return Key(kind, bits, kind or number)


@functools.lru_cache(maxsize=256)
def signature(algorithm: bytes) -> str:
    """The name of an AlgorithmIdentifier of a signature; its number where it has no name here.

    Raises ValueError, IndexError where it is none.
    """
    number, at = _number(algorithm)
    if number == _RSA_PSS:
        return f"RSASSA-PSS-{_pss_hash(algorithm, at)}"
    return _SIGNATURES.get(number, number)


def _pss_hash(algorithm: bytes, at: int) -> str:
    """The hash of RSASSA-PSS, SHA-1 where none is named (RFC 4055, 3.1)."""
    if at >= len(algorithm) or algorithm[at] != _SEQUENCE:
        return "SHA1"
    at, end = der.element(algorithm, at)
    if at >= end or algorithm[at] != 0xA0:
        return "SHA1"
    inner = der.element(algorithm, at)[0]
    number = der.dotted(algorithm[slice(*der.element(algorithm, der.element(algorithm, inner)[0]))])
    return _HASHES.get(number, number)


def _number(algorithm: bytes) -> tuple[str, int]:
    """The object identifier of an AlgorithmIdentifier, and where its parameters begin."""
    begin, end = der.element(algorithm, der.element(algorithm)[0])
    return der.dotted(algorithm[begin:end]), end
