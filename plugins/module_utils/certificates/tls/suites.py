# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cipher suites: their two names, the versions that have them, and the patterns that allow them."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from fnmatch import translate
from typing import Callable, NamedTuple

from .table import TABLE

# From the oldest to the newest, by the number they have on the wire.
VERSIONS = {"SSLv3": 0x0300, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_NEWEST = "TLSv1.3"

# RFC 8446 B.4, RFC 8998, RFC 9150: suites without a key exchange are those of TLS 1.3.
_HAS_KEY_EXCHANGE = "_WITH_"
# RFC 5246: authenticated encryption came with TLS 1.2.
_SINCE_1_2 = re.compile("_GCM|_CCM|POLY1305|_MGM")
# Key exchanges that fail or succeed together, in the order that a client of today would like them. A server that
# lacks something for one of them (parameters for DHE, say) may give up where it could have taken another.
_FAMILIES = (
    re.compile("TLS_ECDHE_(ECDSA|RSA)_"),
    re.compile("(TLS|SSL)_RSA_(WITH|EXPORT|FIPS)"),
    re.compile("TLS_DHE_(RSA|DSS)_"),
    re.compile("_anon_"),
    re.compile("PSK"),
    re.compile(""),
)
# Whoever accepts a version at all accepts it with one of these families, and not with their latest members only.
_USUAL_FAMILIES = 4
_UNUSUAL = re.compile("ARIA|EXPORT1024|FIPS|CAMELLIA_..._GCM|_OLD$")


class Suite(NamedTuple):
    """A cipher suite. code: its number. openssl: its name there, empty where OpenSSL has none."""

    code: int
    iana: str
    openssl: str

    @property
    def name(self) -> str:
        """What stands in the configuration of most servers."""
        return self.openssl or self.iana


@functools.cache
def every() -> dict[int, Suite]:
    """All suites that there are, by number."""
    words = TABLE.split()
    codes = [int(code, 16) for code in words[::2]]
    return {code: Suite(code, iana, openssl_name(iana)) for code, iana in zip(codes, words[1::2])}


@functools.cache
def of_version(version: str) -> tuple[Suite, ...]:
    """Those that the version knows."""
    newest = version == _NEWEST
    aead = version == "TLSv1.2"
    return tuple(
        suite
        for suite in every().values()
        if newest is (_HAS_KEY_EXCHANGE not in suite.iana) and (newest or aead or not _SINCE_1_2.search(suite.iana))
    )


@functools.cache
def families(version: str) -> tuple[tuple[Suite, ...], ...]:
    """Those that the version knows, by the kind of their key exchange; those of TLS 1.3 leave it open."""
    if version == _NEWEST:
        return (of_version(version),)
    parts: list[list[Suite]] = [[] for _family in _FAMILIES]
    for suite in of_version(version):
        number = next(number for number, family in enumerate(_FAMILIES) if family.search(suite.iana))
        parts[number].append(suite)
    return tuple(map(tuple, parts))


@functools.cache
def usual(version: str) -> tuple[tuple[Suite, ...], ...]:
    """Those to offer to find out whether the version is accepted, by families: some servers read no more than 128."""
    known = families(version)[:_USUAL_FAMILIES]
    return tuple(tuple(suite for suite in family if not _UNUSUAL.search(suite.iana)) for family in known)


def matcher(patterns: Sequence[str]) -> Callable[[Suite], bool]:
    """Tells whether one of the shell patterns means the suite, by either name and in whatever case."""
    matches = re.compile("|".join(translate(pattern) for pattern in patterns) or "(?!)", re.IGNORECASE).match
    return lambda suite: bool(matches(suite.iana) or (suite.openssl and matches(suite.openssl)))


def meaningless(patterns: Sequence[str]) -> list[str]:
    """The patterns that mean no suite at all: a slip of the pen, that would forbid what was to be allowed."""
    return [pattern for pattern in patterns if not any(map(matcher([pattern]), every().values()))]


# How OpenSSL calls what its authors did not call as IANA does.
_KEY_EXCHANGES = {
    "RSA": "",
    "DH_anon": "ADH",
    "ECDH_anon": "AECDH",
    "RSA_EXPORT": "EXP",
    "DHE_RSA_EXPORT": "EXP-EDH-RSA",
    "DHE_DSS_EXPORT": "EXP-EDH-DSS",
    "DH_anon_EXPORT": "EXP-ADH",
    "SRP_SHA": "SRP",
    "SRP_SHA_RSA": "SRP-RSA",
    "SRP_SHA_DSS": "SRP-DSS",
    "PSK_DHE": "DHE-PSK",
}
Rules = Sequence[tuple[str, str]]
_CIPHERS: Rules = (
    (r"DES40_CBC", "DES-CBC"),
    (r"3DES_EDE_CBC", "DES-CBC3"),
    (r"RC2_CBC_40", "RC2-CBC"),
    (r"RC4_(128|40)", "RC4"),
    (r"SEED_CBC", "SEED"),
    (r"CCM_8", "CCM8"),
    (r"(POLY1305)_SHA256", r"\1"),
    (r"(AES|CAMELLIA)_(\d+)_CBC", r"\1\2"),
    (r"(AES|ARIA)_(\d+)", r"\1\2"),
)
# With a key known before, it left the mode of AES and 3DES in its place.
_KNOWN_BEFORE: Rules = ((r"(AES)_(\d+)", r"\1\2"), (r"(CAMELLIA)_(\d+)_CBC", r"\1\2"), (r"RC4_128", "RC4"))
_NOT_IN_OPENSSL = re.compile(
    r"KRB5|EXPORT1024|DH_..._EXPORT|GOST|FIPS|ECCPWD|ARIA_\d+_CBC|CAMELLIA_\d+_GCM|ECDH_\w+_ARIA"
)


def openssl_name(iana: str) -> str:
    """How OpenSSL calls the suite, as far as it has a name of its own; empty where it never had the suite."""
    if _HAS_KEY_EXCHANGE not in iana:
        return iana if iana.startswith(("TLS_AES", "TLS_CHACHA")) else ""
    if _NOT_IN_OPENSSL.search(iana):
        return ""
    exchange, _with, cipher = iana[len("TLS_") :].partition(_HAS_KEY_EXCHANGE)
    if exchange.startswith("SRP"):
        rules: Rules = ()
    else:
        rules = _KNOWN_BEFORE if "PSK" in exchange and re.search("CBC|RC4", cipher) else _CIPHERS
    called = _KEY_EXCHANGES.get(exchange, exchange.replace("_", "-"))
    if exchange == "ECDHE_RSA" and cipher.startswith("ARIA"):
        called = "ECDHE"
    name = f"{called}-{cipher}" if called else cipher
    for pattern, plain in rules:
        name = re.sub(pattern, plain, name)
    return name.replace("_", "-")
