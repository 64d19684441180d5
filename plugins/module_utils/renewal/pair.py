# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate with its chain and its private key, and whether a service may be given them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..certificates import algorithms, chain, der, keys, library, pem
from ..certificates import names as naming

_NO_KEY = "there is no private key"


class Unusable(Exception):
    """These files are no certificate with its key; the words end a sentence."""


@dataclass(frozen=True)
class Pair:
    """The files' content, and what they say.

    certificate: the content of the file with the chain; key: of the file with the private key.
    fingerprint: SHA-256 of the leaf. not_before, not_after: its validity, both inclusive. unreadable: why the files
    say nothing, the end of a sentence; of such a pair only the content is known.
    """

    certificate: bytes
    key: bytes
    leaf: library.Certificate
    issuers: Sequence[bytes]
    fingerprint: str
    not_before: datetime
    not_after: datetime
    dns: Sequence[str]
    addresses: Sequence[str]
    unreadable: str = ""

    @property
    def lifetime(self) -> float:
        """Seconds from the first to the last moment of the validity (RFC 5280, 4.1.2.5)."""
        return (self.not_after - self.not_before).total_seconds() + 1

    @property
    def kind(self) -> str:
        """Of its key, RSA or ECDSA; empty for others."""
        return library.key_kind(self.leaf.der)

    @property
    def names(self) -> list[str]:
        """Every name that it covers."""
        return [*self.dns, *self.addresses]

    def told(self) -> dict[str, Any]:
        """What of it a record holds."""
        if self.unreadable:
            return {"unreadable": self.unreadable}
        return {"fingerprint": self.fingerprint, "not_after": self.leaf.ends, "serial": self.leaf.serial}


def read(certificate: bytes, key: bytes) -> Pair:
    """Makes the pair of two files' content, which may be one file's. Raises Unusable."""
    contents = pem.contents(certificate)
    if contents.problems:
        raise Unusable(contents.problems[0])
    if not contents.certificates:
        raise Unusable("there is no certificate in PEM form")
    reader = library.Reader()
    try:
        read_all = [reader.read(one) for one in contents.certificates]
        identities = [hashlib.sha256(one).digest() for one in contents.certificates]
        links = [
            chain.Link(identity, outline.subject, outline.issuer, words.not_after, words.der)
            for identity, (outline, words) in zip(identities, read_all)
        ]
        end = chain.chains(links, signed_by=library.signed_by)[0].leaf
        leaf = read_all[identities.index(end)][1]
        held = library.alternative_names(leaf.der)
    except (library.Unreadable, ValueError, IndexError) as error:
        raise Unusable(f"the certificate cannot be decoded ({error})") from None
    return Pair(
        certificate=certificate,
        key=key,
        leaf=leaf,
        issuers=[one for one in contents.certificates if one != leaf.der],
        fingerprint=end.hex(),
        not_before=datetime.fromtimestamp(leaf.not_before, timezone.utc),
        not_after=datetime.fromtimestamp(leaf.not_after, timezone.utc),
        dns=held.dns,
        addresses=held.addresses,
    )


def read_anyway(certificate: bytes, key: bytes) -> Pair:
    """Makes the pair of what services have now, which has to be replaced where it is not readable."""
    try:
        return read(certificate, key)
    except Unusable as error:
        nothing = algorithms.Key("", 0, "")
        leaf = library.Certificate(b"", 0, 0, "no moment", "an unknown moment", "", "", "", "", nothing, "")
        epoch = datetime.fromtimestamp(0, timezone.utc)
        return Pair(certificate, key, leaf, (), "", epoch, epoch, (), (), unreadable=str(error))


def broken(pair: Pair) -> str:
    """Why no service can use the pair, whatever it is for and whenever; the end of a sentence, or empty."""
    if pair.unreadable:
        return pair.unreadable
    verdict = _key_verdict(pair)
    if verdict.status == "critical":
        return "its private key belongs to another certificate"
    return verdict.reason if verdict.reason == _NO_KEY else ""


def _key_verdict(pair: Pair) -> keys.Verdict:
    private = pem.contents(pair.key)
    return keys.compare(private, [pair.leaf.der]) if keys.any_in(private) else keys.Verdict("unknown", _NO_KEY)


def faults(pair: Pair, *, expected: Sequence[str], now: datetime) -> list[str]:
    """Why no service may be given this pair; each the end of a sentence."""
    wrong = broken(pair)
    found = [wrong] if wrong else []
    if pair.unreadable:
        return found
    verdict = _key_verdict(pair)
    if verdict.status == "unknown" and not wrong:
        found.append(f"its private key cannot be held against it ({verdict.reason})")
    lacking = missing(pair, expected)
    if lacking:
        found.append(f"it does not cover {library.one_line(', '.join(lacking))}")
    if now < pair.not_before:
        found.append(f"it is not valid before {pair.leaf.begins}")
    if now > pair.not_after:
        found.append(f"it expired on {pair.leaf.ends}")
    return found


def missing(pair: Pair, expected: Sequence[str]) -> list[str]:
    """Those of the names that it does not cover."""
    return naming.missing(expected, dns=pair.dns, addresses=pair.addresses)


def serial_bytes(certificate: bytes) -> bytes:
    """The serial number as it is encoded, with its leading nought if it has one."""
    serial = der.outline(certificate).serial
    return serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True)
