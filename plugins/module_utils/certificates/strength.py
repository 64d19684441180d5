# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether keys and signatures are strong enough, of leaves and of what they rest on.

Sources: CA/Browser Forum Baseline Requirements for TLS, 6.1.5 (RSA of at least 2048 bits; the curves P-256,
P-384 and P-521), 6.1.6 (RSA exponents are odd and at least 3) and 7.1.3.2 (no SHA-1);
NIST SP 800-57 part 1, 5.6 (112 bits of security are what RSA with 2048 bits and curves of 224 bits give).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

from ..errors import MaintenanceError
from ..findings import Finding
from . import library
from .algorithms import KNOWN_SIGNATURES, Key
from .gather import Gathered
from .library import Certificate
from .report import distinct

STRENGTH = "certificate.strength"

_BROKEN = ("md2", "md4", "md5", "sha1")
_ADVICE = {
    False: "request a new certificate with a new key, RSA of at least {rsa} bits or P-256",
    True: "replace it and what it issued by certificates of an authority that keeps to today's sizes and hashes",
}


@dataclass(frozen=True)
class Minimum:
    """The fewest bits that keys may have."""

    rsa: int = 2048
    ec: int = 256

    def check(self) -> None:
        """Raises MaintenanceError where they make no sense."""
        if self.rsa < 0 or self.ec < 0:
            raise MaintenanceError("The options minimum_rsa_bits and minimum_ec_bits must not be negative.")


class Fault(NamedTuple):
    """What is wrong with a key or a signature, as a part of a sentence. threshold: bits, where they are too few."""

    status: str
    words: str
    threshold: Optional[int] = None


def key_fault(key: Key, minimum: Minimum) -> Optional[Fault]:
    """What is wrong with the key; None where nothing is."""
    if not key.kind:
        return Fault("unknown", f"a key of a kind that is not known here ({key.name})")
    if key.kind == "DSA":
        return Fault("critical", "a DSA key, which no current client accepts")
    least = minimum.rsa if key.kind.startswith("RSA") else minimum.ec
    if 0 < key.bits < least:
        return Fault("critical", f"a key of {key.bits} bits ({key.name}) where {least} are the least", least)
    if key.kind.startswith("RSA") and (key.exponent < 3 or not key.exponent % 2):
        return Fault("critical", f"an RSA key with the exponent {key.exponent}, which protects nothing")
    return None


def signature_fault(signature: str) -> Optional[Fault]:
    """What is wrong with a signature; None where nothing is."""
    if signature not in KNOWN_SIGNATURES:
        return Fault("unknown", f"a signature of a kind that is not known here ({signature})")
    name = signature.lower()
    if any(name.startswith(broken) or name.endswith(broken) for broken in _BROKEN):
        return Fault("critical", f"a signature that can be forged ({signature})")
    return None


def findings(gathered: Gathered, minimum: Minimum) -> list[Finding]:
    """One finding for each certificate in trouble, and one for all that are in order."""
    judge = _Judge(gathered, minimum)
    found = []
    judged = odd = 0
    for identity, certificate in gathered.certificates.items():
        if identity not in gathered.issuing and identity not in gathered.leaves:
            continue  # nothing rests on it
        judged += 1
        of_key, of_signature = judge.faults(certificate)
        if not of_key and not of_signature:
            continue
        if _is_root(certificate):
            of_signature = None  # nobody rests on what a root says of itself
            if of_key and of_key.status == "unknown":
                of_key = None
                odd += 1
        faults = [fault for fault in (of_key, of_signature) if fault]
        if faults:
            found.append(judge.finding(identity, certificate, faults))
    return [*distinct(found), *_in_order(judged - len(found), odd)]


class _Judge:
    """Looks at each pair of key and signature once: thousands of certificates share a few."""

    def __init__(self, gathered: Gathered, minimum: Minimum) -> None:
        self._gathered = gathered
        self._minimum = minimum
        self._known: dict[tuple[Key, str], tuple[Optional[Fault], Optional[Fault]]] = {}

    def faults(self, certificate: Certificate) -> tuple[Optional[Fault], Optional[Fault]]:
        """What is wrong with the key, and with the signature."""
        pair = (certificate.key, certificate.signature)
        known = self._known.get(pair)
        if known is None:
            both = (key_fault(certificate.key, self._minimum), signature_fault(certificate.signature))
            known = self._known[pair] = both
        return known

    def finding(self, identity: bytes, certificate: Certificate, faults: Sequence[Fault]) -> Finding:
        issuing = identity in self._gathered.issuing
        worst = max(faults, key=lambda fault: ("warning", "unknown", "critical").index(fault.status))
        who = f"{certificate.name}, which other certificates rest on," if issuing else certificate.name
        advice = (
            "look at it by hand, or update this collection"
            if worst.status == "unknown"
            else _ADVICE[issuing].format(rsa=max(self._minimum.rsa, 2048))
        )
        return Finding(
            check=STRENGTH,
            subject=self._gathered.shown(identity, named=issuing),
            status=worst.status,
            value=certificate.key.bits,
            unit="bits",
            threshold=worst.threshold,
            message=f"{who} has {' and '.join(fault.words for fault in faults)}: {advice}.",
            evidence={
                "fingerprint": identity.hex(),
                "key": certificate.key.name,
                "signature": certificate.signature,
                "places": self._gathered.shown_places(identity),
            },
        )


def _is_root(certificate: Certificate) -> bool:
    return certificate.subject == certificate.issuer and library.is_authority(certificate.der)


def _in_order(count: int, odd: int) -> list[Finding]:
    if not count:
        return []
    note = f", {odd:,} of them roots with a key of a kind that is not known here" if odd else ""
    return [
        Finding(
            check=STRENGTH,
            subject="all other certificates",
            status="ok",
            value=count,
            unit="count",
            message=f"The keys and signatures of {count:,} certificates are in order{note}.",
        )
    ]
