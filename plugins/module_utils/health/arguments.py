# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the module health_check."""

from __future__ import annotations

from typing import Any

RESOURCES = ["disk", "memory", "load"]

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


ARGUMENTS: dict[str, Any] = {
    "services": {"type": "list", "elements": "str", "default": []},
    "service_scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
    "service_start_seconds": {"type": "float", "default": 60},
    "endpoints": _many(_ENDPOINT),
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
    "now": {"type": "str"},
}
