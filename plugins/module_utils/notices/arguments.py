# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that tell people."""

from __future__ import annotations

from typing import Any

EVENTS = [
    "start",
    "finish",
    "failure",
    "emergency",
    "approval",
    "advance",
    "reminder",
    "cancel",
    "escalation",
]
OUTCOMES = ["ok", "attention", "failed"]


def _hidden(name: str) -> dict[str, dict[str, Any]]:
    """A secret, and the two better places to keep it."""
    return {
        name: {"type": "str", "no_log": True},
        # Names of places, not secrets themselves.
        f"{name}_env": {"type": "str", "no_log": False},
        f"{name}_file": {"type": "path", "no_log": False},
    }


_CHANNEL: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["mail", "webhook", "sms", "statuspage"], "required": True},
    "events": {"type": "list", "elements": "str", "choices": EVENTS},
    "outcomes": {"type": "list", "elements": "str", "choices": OUTCOMES},
    "ca_cert": {"type": "path"},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "encryption": {"type": "str", "choices": ["none", "starttls", "tls"], "default": "starttls"},
    "username": {"type": "str"},
    **_hidden("password"),
    "sender": {"type": "str"},
    "recipients": {"type": "list", "elements": "str"},
    **_hidden("url"),
    "format": {"type": "str", "choices": ["json", "slack"], "default": "json"},
    **_hidden("token"),
    "token_header": {"type": "str", "default": "Authorization", "no_log": False},
    **_hidden("signing_key"),
    "encoding": {"type": "str", "choices": ["json", "form"], "default": "json"},
    "fields": {"type": "dict", "default": {}},
    "extra": {"type": "dict", "default": {}},
    "page_id": {"type": "str"},
    "components": {"type": "list", "elements": "str", "default": []},
    "subscribers": {"type": "bool", "default": True},
}

ARGUMENTS: dict[str, Any] = {
    "event": {"type": "str", "choices": EVENTS},
    "prepared": {"type": "list", "elements": "dict"},
    "path": {"type": "path"},
    "run": {"type": "dict", "default": {}},
    "note": {"type": "str", "default": ""},
    "report": {"type": "str", "default": ""},
    "contacts": {"type": "raw", "default": []},
    "templates": {"type": "list", "elements": "path", "default": []},
    "escalate": {"type": "bool", "default": False},
    "acknowledge": {"type": "str", "default": ""},
    "queue": {"type": "str", "choices": ["none", "follows", "failed"], "default": "none"},
    "outcomes": {"type": "list", "elements": "str", "choices": OUTCOMES, "default": []},
    "faults": {"type": "list", "elements": "dict", "default": []},
    "timeout": {"type": "float", "default": 5},
    "attempts": {"type": "int", "default": 3},
    "deadline": {"type": "float", "default": 20},
    "channels": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": _CHANNEL,
        "required_if": [
            ("kind", "mail", ("host", "sender", "recipients")),
            ("kind", "webhook", ("url", "url_env", "url_file"), True),
            ("kind", "sms", ("url", "url_env", "url_file"), True),
            ("kind", "sms", ("recipients",)),
            ("kind", "statuspage", ("page_id",)),
            ("kind", "statuspage", ("token", "token_env", "token_file"), True),
        ],
        "mutually_exclusive": [
            (name, f"{name}_env", f"{name}_file") for name in ("password", "url", "token", "signing_key")
        ],
    },
}

RULES: dict[str, Any] = {
    "required_one_of": [("event", "prepared")],
    "mutually_exclusive": [("event", "prepared")],
}

SILENCE_ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    # A name and a password may stand in it, whatever the guide says.
    "url": {"type": "str", "required": True, "no_log": True},
    "run_id": {"type": "str", "required": True},
    "matchers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "value": {"type": "str", "required": True},
            "regex": {"type": "bool", "default": False},
            "equal": {"type": "bool", "default": True},
        },
    },
    "until": {"type": "str"},
    "seconds": {"type": "int", "default": 14400},
    "longest": {"type": "int", "default": 86400},
    "comment": {"type": "str", "default": ""},
    "created_by": {"type": "str", "default": "careops"},
    "timeout": {"type": "float", "default": 5},
    "ca_cert": {"type": "path"},
    "username": {"type": "str"},
    **_hidden("password"),
    **_hidden("token"),
    "now": {"type": "str"},
}

SILENCE_RULES: dict[str, Any] = {
    "mutually_exclusive": [
        ("password", "password_env", "password_file", "token", "token_env", "token_file"),
    ],
}

LEDGER_ARGUMENTS: dict[str, Any] = {
    "state": {
        "type": "str",
        "choices": ["claim", "settle", "add", "listed", "acknowledge", "prune"],
        "required": True,
    },
    "root": {"type": "path", "default": "/var/lib/careops"},
    "system": {"type": "str", "default": ""},
    "notices": {"type": "list", "elements": "dict", "default": []},
    "outcomes": {"type": "list", "elements": "dict", "default": []},
    "open": {"type": "bool", "default": False},
    "showing": {"type": "list", "elements": "str", "default": []},
    "identity": {"type": "str"},
    "by": {"type": "str"},
    "lease": {"type": "float", "default": 300},
    "pause": {"type": "float", "default": 60},
    "longest_pause": {"type": "float", "default": 3600},
    "give_up_after": {"type": "float", "default": 86400},
    "keep_days": {"type": "float", "default": 2190},
    "now": {"type": "str"},
}

PLAN_ARGUMENTS: dict[str, Any] = {
    "system": {"type": "str", "required": True},
    "windows": {"type": "raw", "default": []},
    "blackouts": {"type": "raw", "default": []},
    "time_zone": {"type": "str", "default": "UTC"},
    "channels": {"type": "list", "elements": "str", "default": []},
    "takes": {"type": "dict", "default": {}},
    "faults": {"type": "list", "elements": "dict", "default": []},
    "contacts": {"type": "raw", "default": []},
    "escalation": {"type": "raw", "default": []},
    "known": {"type": "list", "elements": "dict", "default": []},
    "templates": {"type": "list", "elements": "path", "default": []},
    "acknowledge": {"type": "str", "default": ""},
    "now": {"type": "str"},
}

LEDGER_RULES: dict[str, Any] = {"required_if": [("state", "acknowledge", ("identity", "by"))]}
