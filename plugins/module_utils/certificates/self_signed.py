# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that signed themselves where one from an authority is expected."""

from __future__ import annotations

from collections.abc import Sequence

from ..findings import Finding
from . import library
from .endpoints import Endpoint
from .gather import Gathered
from .library import Certificate, printable
from .sources import Source

SELF_SIGNED = "certificate.self_signed"


def findings(gathered: Gathered, sources: Sequence[Source], endpoints: Sequence[Endpoint]) -> list[Finding]:
    """A warning for each such certificate, and one finding for all places that are in order.

    A warning, since whoever knows this very certificate may rely on it, and nobody else; whether clients are
    among those is what the check of trust tells, which judges in its place where a store is given.
    """
    looked_at = [(_unexpected(one), "") for one in sources]
    looked_at += [(not one.self_signed, printable(one.label)) for one in endpoints]
    found: dict[str, Finding] = {}
    judged = 0
    for number, (unexpected, served) in enumerate(looked_at):
        if number in gathered.kept or not unexpected:
            continue
        leaves = gathered.leaves_of.get(number, {})
        judged += bool(leaves)
        for leaf in leaves:
            certificate = gathered.certificates[leaf]
            if signed_itself(certificate) and (served or not _may_be_root(certificate)):
                subject = served or gathered.shown(leaf)
                found.setdefault(subject, _finding(subject, leaf, certificate))
    if judged and not found:
        return [_in_order(judged)]
    return list(found.values())


def _unexpected(source: Source) -> bool:
    """Whether such a certificate would be news here: not where nobody said what it is for."""
    return bool(source.names) if source.self_signed is None else not source.self_signed


def signed_itself(certificate: Certificate) -> bool:
    """Whether the certificate's own key made its signature."""
    return certificate.subject == certificate.issuer and library.signed_by(certificate.der, certificate.der)


def _may_be_root(certificate: Certificate) -> bool:
    """An authority has no names of servers, whereas tools that make self-signed ones like to call them one."""
    if not library.is_authority(certificate.der):
        return False
    try:
        names = library.alternative_names(certificate.der)
    except library.Unreadable:
        return False
    return not names.dns and not names.addresses


def _finding(subject: str, leaf: bytes, certificate: Certificate) -> Finding:
    return Finding(
        check=SELF_SIGNED,
        subject=subject,
        status="warning",
        message=f"{certificate.name} at {library.one_line(subject)} is self-signed, so clients cannot tell it from an "
        "impostor's: request a certificate from an authority, or say that it is expected (self_signed).",
        evidence={"fingerprint": leaf.hex()},
    )


def _in_order(count: int) -> Finding:
    return Finding(
        check=SELF_SIGNED,
        subject="all sources and endpoints",
        status="ok",
        value=count,
        unit="count",
        message=f"No certificate of {count:,} sources and endpoints signed itself where that is not expected.",
    )
