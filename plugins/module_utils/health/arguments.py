# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the module health_check."""

from __future__ import annotations

from typing import Any

from ..postgres.argspec import postgres_argument_spec

RESOURCES = ["disk", "memory", "load"]
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

_SECRET: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "value": {"type": "str", "no_log": True},
    "env": {"type": "str"},
    "file": {"type": "path"},
}

_REQUEST: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "method": {"type": "str", "default": "GET"},
    "headers": {"type": "dict", "default": {}},
    "body": {"type": "raw"},
    "body_format": {"type": "str", "choices": ["json", "form", "text"], "default": "json"},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "expect": {"type": "dict", "default": {}},
    "contains": {"type": "list", "elements": "str", "default": []},
    "ca_cert": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "timeout": {"type": "float"},
}

_RESPONSE: dict[str, Any] = {
    "response_warning": {"type": "float"},
    "response_critical": {"type": "float"},
}

_ENDPOINT: dict[str, Any] = {
    **_REQUEST,
    **_RESPONSE,
    "uptime": {"type": "str"},
    "uptime_unit": {
        "type": "str",
        "choices": ["milliseconds", "seconds", "minutes", "hours", "days"],
        "default": "seconds",
    },
    "uptime_min": {"type": "float", "default": 0},
}


def _many(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "default": [], "options": options, **more}


_CAPTURE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "json": {"type": "str"},
    "header": {"type": "str"},
    "cookie": {"type": "str"},
}

_STEP: dict[str, Any] = {
    **_REQUEST,
    "capture": _many(
        _CAPTURE,
        required_one_of=[("json", "header", "cookie")],
        mutually_exclusive=[("json", "header", "cookie")],
    ),
    "always": {"type": "bool", "default": False},
}

_WORKFLOW: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "default": ""},
    "steps": {"type": "list", "elements": "dict", "required": True, "options": _STEP},
    **_RESPONSE,
}

# How an Alertmanager or another system of others is asked.
_CONNECTION = ("headers", "ca_cert", "client_cert", "client_key", "timeout")

_INTEGRATION: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["tcp", "http", "storage", "dns", "smtp"], "required": True},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "url": {"type": "str"},
    "status": {"type": "list", "elements": "int", "default": []},
    **{name: _REQUEST[name] for name in _CONNECTION},
    **_RESPONSE,
}

_DATABASE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "database": {"type": "str", "default": "postgres"},
    **{name: option for name, option in postgres_argument_spec().items() if name != "pg_bindir"},
    "role": {"type": "str", "choices": ["any", "primary", "standby"], "default": "any"},
    "query": {"type": "str", "default": ""},
    "query_max_ms": {"type": "float", "default": 1000},
    "connections_warning": {"type": "float", "default": 80},
    "connections_critical": {"type": "float", "default": 90},
    "timeout": {"type": "float"},
}

_CACHE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 6379},
    "username": {"type": "str", "default": ""},
    "password": {"type": "str", "no_log": True},
    "tls": {"type": "bool", "default": False},
    "ca_cert": {"type": "path"},
    "hit_warning": {"type": "float", "default": 80},
    "hit_critical": {"type": "float", "default": 0},
    "min_lookups": {"type": "int", "default": 100},
    "timeout": {"type": "float"},
}

_ALERTMANAGER: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "matchers": {"type": "list", "elements": "str", "default": ['severity="critical"']},
    **{name: _REQUEST[name] for name in _CONNECTION},
}

_BUSINESS_HOURS: dict[str, Any] = {
    "time_zone": {"type": "str", "default": "UTC"},
    "days": {"type": "list", "elements": "str", "choices": WEEKDAYS, "default": WEEKDAYS[:5]},
    "start": {"type": "str", "default": "08:00"},
    "end": {"type": "str", "default": "18:00"},
}


ARGUMENTS: dict[str, Any] = {
    "services": {"type": "list", "elements": "str", "default": []},
    "service_scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
    "service_start_seconds": {"type": "float", "default": 60},
    "endpoints": _many(_ENDPOINT),
    "workflows": _many(_WORKFLOW),
    "integrations": _many(
        _INTEGRATION,
        required_if=[
            ("kind", "tcp", ("host", "port")),
            ("kind", "dns", ("host",)),
            ("kind", "smtp", ("host",)),
            ("kind", "http", ("url",)),
            ("kind", "storage", ("url",)),
        ],
    ),
    "databases": _many(_DATABASE),
    "caches": _many(_CACHE),
    "alertmanagers": _many(_ALERTMANAGER),
    "secrets": _many(
        _SECRET,
        required_one_of=[("value", "env", "file")],
        mutually_exclusive=[("value", "env", "file")],
        no_log=False,  # only their values are
    ),
    "response_warning": {"type": "float", "default": 2},
    "response_critical": {"type": "float", "default": 0},
    "resources": {"type": "list", "elements": "str", "choices": RESOURCES, "default": RESOURCES},
    "disk_mounts": {"type": "list", "elements": "path", "default": []},
    "disk_exclude": {"type": "list", "elements": "str", "default": []},
    "disk_read_only": {"type": "list", "elements": "str", "default": []},
    "disk_warning": {"type": "float", "default": 85},
    "disk_critical": {"type": "float", "default": 95},
    "inodes_warning": {"type": "float", "default": 85},
    "inodes_critical": {"type": "float", "default": 95},
    "memory_warning": {"type": "float", "default": 90},
    "memory_critical": {"type": "float", "default": 0},
    "swap_warning": {"type": "float", "default": 90},
    "load_warning": {"type": "float", "default": 1},
    "load_critical": {"type": "float", "default": 0},
    "load_minutes": {"type": "int", "choices": [1, 5, 15], "default": 5},
    "timeout": {"type": "float", "default": 5},
    "workers": {"type": "int", "default": 16},
    "deadline": {"type": "float", "default": 60},
    "history": {"type": "path"},
    "record": {"type": "bool", "default": True},
    "history_days": {"type": "int", "default": 40},
    "max_gap": {"type": "float", "default": 900},
    "availability_target": {"type": "float", "default": 99.9},
    "availability_critical": {"type": "float", "default": 0},
    "availability_days": {"type": "list", "elements": "int", "default": [1, 7, 30]},
    "availability_coverage": {"type": "float", "default": 90},
    "business_hours": {"type": "dict", "options": _BUSINESS_HOURS},
    "now": {"type": "str"},
}
