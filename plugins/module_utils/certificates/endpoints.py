# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS servers to ask for their certificates, and what they answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from .names import address


@dataclass(frozen=True)
class Endpoint:
    """A TLS server. server_name: sent as SNI; the host's name where it is not given.

    names: that its certificate must cover; where not given, the name it is asked for by, as every client
    checks it. An empty list expects none. trust_store: that its chain must lead to, where it is another one
    than the policy's. self_signed: whether such a certificate is expected.
    """

    host: str
    port: int = 443
    server_name: Optional[str] = None
    names: Optional[Sequence[str]] = None
    trust_store: Optional[str] = None
    self_signed: bool = False

    @property
    def label(self) -> str:
        """How findings call it: host:port, and the name asked for where that is another one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        asked = self.server_name
        return f"{host}:{self.port}" + (f" ({asked})" if asked and asked != self.host else "")

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


@dataclass(frozen=True)
class Presented:
    """The certificates of the handshake (DER, the server's own first), or why there are none."""

    endpoint: Endpoint
    certificates: Sequence[bytes] = ()
    problem: str = ""
