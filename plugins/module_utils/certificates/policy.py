# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates to look at, and how to judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import MaintenanceError
from . import names, strength
from .endpoints import Endpoint
from .judge import Thresholds
from .sources import Source

if TYPE_CHECKING:
    from .services.find import Service


@dataclass(frozen=True)
class Policy:
    """What to look at and how to judge it.

    exclude: shell patterns of paths to leave out. timeout: seconds for an endpoint. workers: processes; as
    many as this process may use cores where it is 0. healthy: certificates in order that get a finding each.
    tls_minimum, tls_ciphers: what endpoints may accept that say nothing else; empty to leave it unchecked.
    trust_store: that chains must lead to; empty where none is checked. minimum: sizes of keys.
    services: whose configurations say more of what to look at. textfile: to write metrics to, where it is named.
    """

    sources: Sequence[Source] = ()
    endpoints: Sequence[Endpoint] = ()
    exclude: Sequence[str] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    timeout: float = 5.0
    workers: int = 0
    healthy: int = 5000
    tls_minimum: str = ""
    tls_ciphers: Sequence[str] = ()
    trust_store: str = ""
    services: Sequence[Service] = ()
    minimum: strength.Minimum = field(default_factory=strength.Minimum)
    textfile: str = ""

    def check(self) -> None:
        """Raises MaintenanceError where it makes no sense."""
        if not self.sources and not self.endpoints and not self.services:
            raise MaintenanceError(
                "There is nothing to look at: set at least one of paths, sources, endpoints and services."
            )
        self.thresholds.check()
        self.minimum.check()
        if self.textfile and not self.textfile.endswith(".prom"):
            raise MaintenanceError("The name of the textfile must end in .prom, node_exporter reads no other.")
        if self.timeout <= 0:
            raise MaintenanceError("The option timeout must be more than 0 seconds.")
        if self.workers < 0 or self.healthy < 0:
            raise MaintenanceError("The options workers and healthy_findings must not be negative.")
        if not all(source.path for source in self.sources):
            raise MaintenanceError("A path to look at is empty: correct what it comes from, or leave it out.")
        for endpoint in self.endpoints:
            _hold_host(endpoint.host)
            if not 0 < endpoint.port < 65536:
                raise MaintenanceError(f"The port of endpoint {endpoint.label} must be between 1 and 65535.")
        for expected in [source.names for source in self.sources] + [
            endpoint.names or () for endpoint in self.endpoints
        ]:
            for name in expected:
                _hold_name(name)


def _hold_host(host: str) -> None:
    if not host.strip():
        raise MaintenanceError("An endpoint needs the name or address of its host.")
    if not names.address(host) and any(letter in "/:" or letter.isspace() for letter in host):
        raise MaintenanceError(
            f"The host {host!r} of an endpoint is neither a name nor an address: leave out what is around it, "
            "its port is an option of its own."
        )


def _hold_name(name: str) -> None:
    try:
        usable = bool(names.address(name) or names.ascii_name(name))
    except ValueError:
        usable = False
    if not usable:
        raise MaintenanceError(f"The expected name {name!r} is neither a host name nor an IP address.")
