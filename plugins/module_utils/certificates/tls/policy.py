# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server accepts, held against the TLS policy of its endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import MaintenanceError
from ...findings import Finding
from ..endpoints import Endpoint
from ..library import one_line, printable
from . import suites
from .answer import REFUSED, SILENT
from .explore import Seen, spoken

VERSION = "tls.version"
CIPHERS = "tls.ciphers"

# So many names are read; all of them are in the evidence.
_MOST_SHOWN = 12

# Where the versions and the suites of the usual servers are set, by the protocol spoken before TLS.
_VERSION_SETTINGS = {
    None: "nginx ssl_protocols, Apache SSLProtocol, HAProxy ssl-min-ver",
    "smtp": "Postfix smtpd_tls_protocols and smtpd_tls_mandatory_protocols",
    "lmtp": "Dovecot ssl_min_protocol",
    "imap": "Dovecot ssl_min_protocol",
    "pop3": "Dovecot ssl_min_protocol",
    "ftp": "vsftpd ssl_tlsv1 and its like, ProFTPD TLSProtocol",
    "ldap": "OpenLDAP TLSProtocolMin",
    "postgres": "PostgreSQL ssl_min_protocol_version",
    "mysql": "MySQL and MariaDB tls_version",
}
_CIPHER_SETTINGS = {
    None: "nginx ssl_ciphers, Apache SSLCipherSuite, HAProxy ssl-default-bind-ciphers",
    "smtp": "Postfix smtpd_tls_ciphers and smtpd_tls_exclude_ciphers",
    "lmtp": "Dovecot ssl_cipher_list",
    "imap": "Dovecot ssl_cipher_list",
    "pop3": "Dovecot ssl_cipher_list",
    "ftp": "vsftpd ssl_ciphers, ProFTPD TLSCipherSuite",
    "ldap": "OpenLDAP TLSCipherSuite",
    "postgres": "PostgreSQL ssl_ciphers",
    "mysql": "MySQL and MariaDB ssl_cipher",
}


@dataclass(frozen=True)
class Wish:
    """What an endpoint may accept. minimum: the oldest version. ciphers: patterns. Empty where it does not matter."""

    minimum: str = ""
    ciphers: Sequence[str] = ()

    def check(self) -> None:
        """Raises MaintenanceError where it makes no sense."""
        if self.minimum and self.minimum not in suites.VERSIONS:
            raise MaintenanceError(f"The option tls_minimum must be one of {', '.join(suites.VERSIONS)}.")
        for pattern in suites.meaningless(self.ciphers):
            raise MaintenanceError(
                f"The pattern {pattern!r} in tls_ciphers means no cipher suite: "
                "correct it; names are those of IANA and of OpenSSL, openssl ciphers -stdname shows both."
            )


def wish_of(endpoint: Endpoint, *, minimum: str, ciphers: Sequence[str]) -> Wish:
    """What the endpoint says itself, else what the policy says for all."""
    return Wish(
        minimum=minimum if endpoint.tls_minimum is None else endpoint.tls_minimum,
        ciphers=tuple(ciphers if endpoint.tls_ciphers is None else endpoint.tls_ciphers),
    )


def judge(endpoint: Endpoint, wish: Wish, seen: Seen) -> list[Finding]:
    """A finding for each part of the wish."""
    findings = []
    if wish.minimum:
        findings.append(_version(endpoint, wish.minimum, seen))
    if wish.ciphers:
        findings.append(_ciphers(endpoint, seen))
    return findings


def _version(endpoint: Endpoint, minimum: str, seen: Seen) -> Finding:
    where, least = one_line(endpoint.label), spoken(minimum)
    older = [version for version in suites.VERSIONS if suites.VERSIONS[version] < suites.VERSIONS[minimum]]
    accepted = seen.accepted()[::-1]
    below = [version for version in accepted if version in older]
    unclear = _unclear(seen, older)
    if below:
        setting = _VERSION_SETTINGS[endpoint.starttls]
        if len(below) < len(accepted):
            message = f"{where} also accepts {_listed(below)}: make {least} its oldest version ({setting})."
        else:
            message = f"{where} accepts only {_listed(below)}: let it speak {least}, and nothing older ({setting})."
        status = "critical"
    elif unclear:
        status, message = "unknown", f"Which TLS versions {where} accepts is unknown: {unclear}."
    else:
        offered = f"{_listed(older)} {'were' if len(older) > 1 else 'was'} offered and refused"
        status, message = "ok", f"{where} accepts nothing below {least} ({offered})."
    return Finding(
        check=VERSION,
        subject=printable(endpoint.label),
        status=status,
        message=message,
        evidence={"minimum": minimum, "accepted": accepted, "refused": _refused(seen)},
    )


def _ciphers(endpoint: Endpoint, seen: Seen) -> Finding:
    where = one_line(endpoint.label)
    found = [suites.every()[code] for code in sorted(seen.forbidden)]
    unclear = one_line(seen.problem_with_suites) or _unclear(seen, list(suites.VERSIONS))
    if found:
        names = [suite.name for suite in found[:_MOST_SHOWN]]
        rest = len(found) - len(names)
        names += [f"{rest} more"] if rest else []
        count = f"{'at least ' * seen.many}{len(found)} cipher suite{'s' * (len(found) > 1)}"
        advice = f"allow no others than those of the policy ({_CIPHER_SETTINGS[endpoint.starttls]})"
        status, message = "critical", f"{where} accepts {count} that the policy does not: {_listed(names)}; {advice}."
    elif unclear:
        status, message = "unknown", f"Which cipher suites {where} accepts is unknown: {unclear}."
    else:
        versions = _listed([spoken(version) for version in seen.accepted()[::-1]])
        status = "ok"
        message = f"{where} accepts only cipher suites that the policy allows (all others were refused in {versions})."
    return Finding(
        check=CIPHERS,
        subject=printable(endpoint.label),
        status=status,
        value=len(found) if status != "unknown" else None,
        unit="count" if status != "unknown" else None,
        message=message,
        evidence={"forbidden": [suite.iana for suite in found], "versions": seen.accepted()[::-1]},
    )


def _unclear(seen: Seen, versions: Sequence[str]) -> str:
    """Why nothing can be said for sure of these versions; empty where it can."""
    if seen.problem:
        return one_line(seen.problem)
    for version in versions:
        answer = seen.versions[version]
        if answer.kind == SILENT:
            return f"{one_line(answer.words)} to {spoken(version)}"
    if not seen.accepted():
        words = one_line(next(iter(seen.versions.values())).words)
        return f"it refused every version from SSLv3 to TLS 1.3, the newest with: {words}"
    return ""


def _refused(seen: Seen) -> list[str]:
    return [version for version, answer in reversed(list(seen.versions.items())) if answer.kind == REFUSED]


def _listed(names: Sequence[str]) -> str:
    """A, B and C. Versions as a person says them."""
    shown = [spoken(name) if name in suites.VERSIONS else name for name in names]
    return " and ".join([*([", ".join(shown[:-1])] if shown[:-1] else []), shown[-1]])
