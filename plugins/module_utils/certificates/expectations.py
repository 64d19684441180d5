# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sources and endpoints are expected to have: the private key that belongs to it, the names it is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ..findings import Finding
from . import library
from . import names as naming
from .endpoints import Endpoint
from .gather import Gathered
from .library import one_line, printable
from .scan import key_in
from .sources import Source

KEY_MATCH = "certificate.key_match"
NAMES = "certificate.names"

_MOST_NAMES = 50


def keys_beside(gathered: Gathered, *, healthy: int) -> list[Finding]:
    """The findings on keys in or beside the file of their certificate; ``healthy`` of those in order by themselves."""
    findings = []
    calm = 0
    for place, verdict in gathered.keys.items():
        calm += verdict.status == "ok"
        if verdict.status != "ok" or calm <= healthy:
            findings.append(_key_finding(place, verdict.path or place, verdict.status, verdict.reason))
    if calm > healthy:
        findings.append(
            Finding(
                check=KEY_MATCH,
                subject="all other certificates",
                status="ok",
                message=f"{calm - healthy:,} more private keys belong to the certificate beside them.",
            )
        )
    return findings


def named_keys(gathered: Gathered, sources: Sequence[Source]) -> list[Finding]:
    """The findings on private keys that a source names: each must belong to one of its certificates."""
    findings = []
    for number, source in enumerate(sources):
        leaves = gathered.leaves_of.get(number)
        if source.key is None or not leaves:
            continue
        certificates = [gathered.certificates[leaf].der for leaf in leaves]
        verdict = key_in(source.key, certificates, password=gathered.passwords.get(number))
        findings.append(_key_finding(source.path, source.key, verdict.status, verdict.reason))
    return findings


def _key_finding(subject: str, key: str, status: str, reason: str) -> Finding:
    """The finding on one private key. key: the file it is in."""
    where, path = one_line(subject), one_line(key)
    beside = " in the same file" if subject == key else ""
    messages = {
        "ok": f"The private key in {path} belongs to the certificate{beside}.",
        "critical": f"The private key in {path} does not belong to the certificate{beside or f' in {where}'}: "
        "no service can start with them; put the key back that the certificate was requested with, or renew it.",
        "unknown": f"Whether the private key in {path} belongs to its certificate is unknown: {reason}.",
    }
    return Finding(check=KEY_MATCH, subject=printable(subject), status=status, message=messages[status])


def names(gathered: Gathered, sources: Sequence[Source], endpoints: Sequence[Endpoint]) -> list[Finding]:
    """The findings on names: the certificates of a source must cover all of them between them."""
    wanted = [(source.path, source.names) for source in sources]
    wanted += [(endpoint.label, endpoint.expected()) for endpoint in endpoints]
    findings = []
    for number, (subject, expected) in enumerate(wanted):
        leaves = gathered.leaves_of.get(number)
        if expected and leaves:
            findings.append(_name_finding(subject, expected, [gathered.certificates[leaf].der for leaf in leaves]))
    return findings


def _name_finding(subject: str, expected: Sequence[str], certificates: Sequence[bytes]) -> Finding:
    dns: list[str] = []
    addresses: list[str] = []
    problem: Optional[str] = None
    for certificate in certificates:
        try:
            found = library.alternative_names(certificate)
        except library.Unreadable as error:
            problem = str(error)
            continue
        dns += found.dns
        addresses += found.addresses
    lacking = naming.missing(expected, dns=dns, addresses=addresses)
    return _names_finding(subject, expected, lacking, held=[*dns, *addresses], problem=problem)


def _names_finding(
    subject: str, expected: Sequence[str], lacking: Sequence[str], *, held: Sequence[str], problem: Optional[str]
) -> Finding:
    """The finding on the names a source or endpoint must cover. problem: why not all names could be read."""
    where = one_line(subject)
    shown = one_line(", ".join(lacking or expected))
    if not lacking:
        status, message = "ok", f"{where} covers {shown}."
    elif problem:
        status, message = "unknown", f"Whether {where} covers {shown} is unknown: {one_line(problem)}."
    else:
        status = "critical"
        message = (
            f"{where} does not cover {shown}: clients refuse the connection; "
            "request a certificate for this name, or correct which one is served."
        )
    return Finding(
        check=NAMES,
        subject=printable(subject),
        status=status,
        value=len(lacking),
        unit="count",
        message=message,
        evidence={"missing": list(lacking), "names": [printable(name) for name in held[:_MOST_NAMES]]},
    )
