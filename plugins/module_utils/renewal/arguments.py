# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of certificate_renewal, and the policy that they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..certificates.endpoints import STARTTLS_PORTS, endpoint
from .policy import AUTHENTICATORS, MODES, Certbot, Policy, Service, Wanted

_SERVICE: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "config_test": {"type": "list", "elements": "str"},
    "reload": {"type": "list", "elements": "str"},
    "may_be_stopped": {"type": "bool"},
}
_ENDPOINT: dict[str, dict[str, Any]] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int"},
    "server_name": {"type": "str"},
    "starttls": {"type": "str", "choices": list(STARTTLS_PORTS)},
    "proxy_protocol": {"type": "bool", "default": False},
}
_CERTIFICATE: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "client": {"type": "str", "choices": ["certbot", "command"], "default": "certbot"},
    "names": {"type": "list", "elements": "str", "default": []},
    "services": {"type": "list", "elements": "dict", "default": [], "options": _SERVICE},
    "endpoints": {"type": "list", "elements": "dict", "default": [], "options": _ENDPOINT},
    "trust_store": {"type": "str", "default": ""},
    "certificate": {"type": "path"},
    "key": {"type": "path", "no_log": False},
    "command": {"type": "list", "elements": "str", "default": []},
    "issued_certificate": {"type": "path"},
    "issued_key": {"type": "path", "no_log": False},
    "authenticator": {"type": "str", "choices": ["", *AUTHENTICATORS], "default": ""},
    "webroot": {"type": "path"},
    "auth_hook": {"type": "path"},
    "cleanup_hook": {"type": "path"},
}
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "mode": {"type": "str", "choices": list(MODES), "default": "auto"},
    "certificates": {"type": "list", "elements": "dict", "required": True, "options": _CERTIFICATE},
    "certbot_program": {"type": "str", "default": "certbot"},
    "certbot_config_dir": {"type": "path", "default": "/etc/letsencrypt"},
    "certbot_work_dir": {"type": "path", "default": "/var/lib/letsencrypt"},
    "certbot_logs_dir": {"type": "path", "default": "/var/log/letsencrypt"},
    "acme_ca": {"type": "path"},
    "acme_directory": {"type": "str", "default": ""},
    "use_ari": {"type": "bool", "default": True},
    "renew_days": {"type": "float", "default": 0},
    "interval_hours": {"type": "float", "default": 24},
    "retry_hours": {"type": "float", "default": 6},
    "state_dir": {"type": "path", "default": "/var/lib/careops/renewal"},
    "backup_dir": {"type": "path", "default": "/var/backups/careops/certificates"},
    "backups_kept": {"type": "int", "default": 5},
    "timeout": {"type": "float", "default": 600},
    "serve_timeout": {"type": "float", "default": 30},
    "deadline": {"type": "str", "default": ""},
    "now": {"type": "str"},
}
_AS_THEY_ARE = (
    "mode",
    "use_ari",
    "acme_directory",
    "renew_days",
    "interval_hours",
    "retry_hours",
    "state_dir",
    "backup_dir",
    "backups_kept",
    "timeout",
    "serve_timeout",
)


def policy_from(params: Mapping[str, Any], *, check_mode: bool) -> Policy:
    """The policy that the module's options make."""
    certbot = Certbot(
        program=params["certbot_program"],
        config_dir=params["certbot_config_dir"],
        work_dir=params["certbot_work_dir"],
        logs_dir=params["certbot_logs_dir"],
        acme_ca=params["acme_ca"] or "",
    )
    return Policy(
        wanted=[_wanted(one) for one in params["certificates"]],
        certbot=certbot,
        check_mode=check_mode,
        **{name: params[name] for name in _AS_THEY_ARE},
    )


def _wanted(options: Mapping[str, Any]) -> Wanted:
    services = [Service.from_options(one) for one in options["services"]]
    endpoints = [endpoint(**_set(one)) for one in options["endpoints"]]
    return Wanted(**{**_set(options), "services": services, "endpoints": endpoints})


def _set(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
