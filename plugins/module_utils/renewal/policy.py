# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be renewed, by which client, for which services, and how that is proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ..certificates.endpoints import Endpoint
from ..certificates.names import ascii_name
from ..errors import MaintenanceError

MODES = ("auto", "force", "check", "validate")
AUTHENTICATORS = ("webroot", "standalone", "nginx", "dns_hook")

# What reads its certificates anew on a reload, and how its configuration is tested before one.
CONFIG_TESTS: Mapping[str, Sequence[str]] = {
    "nginx": ("nginx", "-t"),
    "apache2": ("apache2ctl", "configtest"),
    "haproxy": ("haproxy", "-c", "-q", "-f", "/etc/haproxy/haproxy.cfg"),
    "postfix": ("postfix", "check"),
    "dovecot": ("doveconf", "-n"),
}


@dataclass(frozen=True)
class Service:
    """Who reads the certificate. config_test, reload: argument vectors; no test where it is empty.

    may_be_stopped: whether it is in order that its unit is not active, and then is not reloaded; where its unit is
    disabled or masked if it is None.
    """

    name: str
    config_test: Sequence[str]
    reload: Sequence[str]
    may_be_stopped: Optional[bool] = False

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Service:
        """From the module's suboptions, with what is known of the service where they say nothing."""
        name = options["name"]
        test, reload = options.get("config_test"), options.get("reload")
        may_be_stopped = options.get("may_be_stopped")
        if may_be_stopped is None and reload is not None:
            may_be_stopped = False  # what has a reload of its own may not be a unit's
        return cls(
            name=name,
            config_test=CONFIG_TESTS.get(name, ()) if test is None else test,
            reload=("systemctl", "reload", name) if reload is None else reload,
            may_be_stopped=may_be_stopped,
        )


@dataclass(frozen=True)
class Wanted:
    """One certificate as policy wants it.

    name: certbot's lineage, or any name. names: that it must cover; those it covers now where there are none.
    trust_store: file or folder of authorities that its chain must lead to; empty for no such demand.
    """

    name: str
    client: str = "certbot"
    names: Sequence[str] = ()
    services: Sequence[Service] = ()
    endpoints: Sequence[Endpoint] = ()
    trust_store: str = ""
    certificate: str = ""
    key: str = ""
    command: Sequence[str] = ()
    issued_certificate: str = ""
    issued_key: str = ""
    authenticator: str = ""
    webroot: str = ""
    auth_hook: str = ""
    cleanup_hook: str = ""

    def check(self) -> None:
        """Raises MaintenanceError where it makes no sense."""
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise MaintenanceError(f"A certificate's name is the name of a folder, not {self.name!r}.")
        fault = self._command_fault() if self.client == "command" else self._certbot_fault()
        if fault:
            raise MaintenanceError(f"The certificate {self.name} {fault}.")
        for name in self.names:
            if not _is_name(name):
                raise MaintenanceError(f"The certificate {self.name} is for {name!r}, which is no host name.")
        for service in self.services:
            if not service.reload:
                raise MaintenanceError(f"The service {service.name} of {self.name} needs a command that reloads it.")

    def _command_fault(self) -> str:
        if not self.command or not self.certificate or not self.key:
            return "is renewed by a command of its own: set command, certificate and key"
        if bool(self.issued_certificate) != bool(self.issued_key):
            return "needs both issued_certificate and issued_key, or neither"
        if self.issued_certificate and self.issued_certificate == self.issued_key and self.certificate != self.key:
            return "would have its private key in the file of the certificate: set certificate and key to one file"
        if self.authenticator:
            return "is not renewed by certbot, so it has no authenticator"
        return ""

    def _certbot_fault(self) -> str:
        if self.command or self.certificate or self.key or self.issued_certificate or self.issued_key:
            return "is renewed by certbot, which knows its files: leave command, certificate, key and issued_* away"
        if self.authenticator == "webroot" and not self.webroot:
            return "is proven by a webroot: set webroot"
        if self.authenticator == "dns_hook" and not self.auth_hook:
            return "is proven by DNS: set auth_hook"
        return ""


@dataclass(frozen=True)
class Certbot:
    """Where certbot keeps its things. acme_ca: authority of the ACME server's own certificate."""

    program: str = "certbot"
    config_dir: str = "/etc/letsencrypt"
    work_dir: str = "/var/lib/letsencrypt"
    logs_dir: str = "/var/log/letsencrypt"
    acme_ca: str = ""


@dataclass(frozen=True)
class Policy:
    """All that a run is told.

    renew_days: days left at which a certificate is renewed, at most half its lifetime; 0 for a share of the
    lifetime alone. interval_hours: until the next run. timeout: seconds for a client; serve_timeout: seconds
    until a reload must be seen. retry_hours: how long nothing is ordered after an order that failed.
    """

    wanted: Sequence[Wanted]
    mode: str = "auto"
    certbot: Certbot = field(default_factory=Certbot)
    state_dir: str = "/var/lib/careops/renewal"
    backup_dir: str = "/var/backups/careops/certificates"
    backups_kept: int = 5
    use_ari: bool = True
    acme_directory: str = ""
    renew_days: float = 0.0
    interval_hours: float = 24.0
    retry_hours: float = 6.0
    timeout: float = 600.0
    serve_timeout: float = 30.0
    check_mode: bool = False

    @property
    def looks_only(self) -> bool:
        """Whether nothing on the host may be different afterwards."""
        return self.check_mode or self.mode in ("check", "validate")

    def check(self) -> None:
        """Raises MaintenanceError where it makes no sense."""
        if not self.wanted:
            raise MaintenanceError("There is no certificate to renew: set certificates.")
        seen: set[str] = set()
        for one in self.wanted:
            one.check()
            if one.name in seen:
                raise MaintenanceError(f"The certificate {one.name} stands twice among certificates.")
            seen.add(one.name)
        for option in ("renew_days", "interval_hours", "retry_hours"):
            if getattr(self, option) < 0:
                raise MaintenanceError(f"The option {option} must not be negative.")
        for option in ("timeout", "serve_timeout"):
            if getattr(self, option) <= 0:
                raise MaintenanceError(f"The option {option} must be more than 0 seconds.")
        if self.backups_kept < 1:
            raise MaintenanceError("The option backups_kept must be at least 1: the last one is the way back.")


def _is_name(name: str) -> bool:
    try:
        return bool(ascii_name(name))
    except ValueError:
        return False
