# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS servers to ask for their certificates, and what they answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .names import address

HTTPS = 443
# What speaks plainly first, and the port it does so at. LMTP has none of its own, 24 is what its servers take.
STARTTLS_PORTS = {
    "smtp": 25,
    "lmtp": 24,
    "imap": 143,
    "pop3": 110,
    "ftp": 21,
    "ldap": 389,
    "postgres": 5432,
    "mysql": 3306,
}


@dataclass(frozen=True)
class Endpoint:
    """A TLS server. server_name: sent as SNI; the host's name where it is not given.

    names: that its certificate must cover; where not given, the name it is asked for by, as every client
    checks it. An empty list expects none. trust_store: that its chain must lead to, where it is another one
    than the policy's. self_signed: whether such a certificate is expected. starttls: one of STARTTLS_PORTS, for
    a server that speaks that protocol first. tls_minimum, tls_ciphers: instead of the policy's, where given.
    certificate: file that begins with the certificate it is to serve. proxy_protocol: whether a proxy has to say
    first for whom it comes. may_be_stopped: whether it is in order that nothing listens there, as on a standby.
    """

    host: str
    port: int = HTTPS
    server_name: Optional[str] = None
    names: Optional[Sequence[str]] = None
    trust_store: Optional[str] = None
    self_signed: bool = False
    starttls: Optional[str] = None
    tls_minimum: Optional[str] = None
    tls_ciphers: Optional[Sequence[str]] = None
    certificate: Optional[str] = None
    proxy_protocol: bool = False
    may_be_stopped: bool = False

    @property
    def label(self) -> str:
        """How findings call it: host:port, with the protocol spoken first, and the name asked for if another one."""
        asked = self.server_name if self.server_name != self.host else None
        more = ", ".join(part for part in (self.starttls, asked) if part)
        return f"{self.address}:{self.port}" + (f" ({more})" if more else "")

    @property
    def address(self) -> str:
        """The host as it stands before a colon and a port."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def asked_for(self) -> Optional[str]:
        """The name for SNI; None for an address, which SNI does not know (RFC 6066, 3)."""
        name = self.server_name or self.host
        return None if address(name) else name

    def expected(self) -> Sequence[str]:
        """The names that its certificate must cover."""
        if self.names is not None:
            return self.names
        asked = self.asked_for()
        return [asked] if asked else []


def endpoint(*, host: str, port: Optional[int] = None, starttls: Optional[str] = None, **more: Any) -> Endpoint:
    """An endpoint from the options of a module; without a port, at the one its protocol has.

    host: an IPv6 address may stand in brackets.
    """
    if port is None:
        port = STARTTLS_PORTS[starttls] if starttls else HTTPS
    return Endpoint(host=host.strip("[]"), port=port, starttls=starttls, **more)


@dataclass(frozen=True)
class Presented:
    """The certificates of the handshake (DER, the server's own first), or why there are none.

    dead: whether TLS did not even begin, or nothing came back, so that more questions would only cost time.
    refused: whether nothing listens there.
    """

    endpoint: Endpoint
    certificates: Sequence[bytes] = ()
    problem: str = ""
    dead: bool = False
    refused: bool = False

    @property
    def resting(self) -> bool:
        """Whether nothing listens there, and nothing has to. A server that does not answer is another matter."""
        return self.refused and self.endpoint.may_be_stopped
