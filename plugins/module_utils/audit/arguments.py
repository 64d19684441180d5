# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the module audit_log."""

from __future__ import annotations

from typing import Any

from .append import SEGMENT_BYTES
from .entry import OUTCOMES
from .keys import KINDS

STATES = ["append", "verify", "checkpoint", "anchor", "rotate", "prune", "export"]

ENTRY: dict[str, Any] = {
    "time": {"type": "str"},
    "run": {"type": "str", "default": ""},
    "ref": {"type": "str", "default": ""},
    "procedure": {"type": "str", "default": ""},
    "operator": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "action": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "outcome": {"type": "str", "choices": list(OUTCOMES), "default": "done"},
    "reason": {"type": "str", "default": ""},
    "details": {"type": "dict", "default": {}},
    "security": {"type": "bool", "default": False},
}

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": STATES, "required": True},
    "path": {"type": "path", "default": "/var/lib/careops/audit"},
    "streams": {"type": "list", "elements": "str", "default": ["operational", "security"]},
    # A place, not a secret.
    "key_file": {"type": "path", "default": "/etc/careops/audit.key", "no_log": False},
    "key_kind": {"type": "str", "choices": list(KINDS), "default": "hmac", "no_log": False},
    "origin": {"type": "str", "default": ""},
    "entries": {"type": "list", "elements": "dict", "default": [], "options": ENTRY},
    "run": {"type": "path"},
    "documents": {"type": "list", "elements": "path", "default": []},
    "security_procedures": {"type": "list", "elements": "str", "default": []},
    "security_actions": {"type": "list", "elements": "str", "default": []},
    "segment_bytes": {"type": "int", "default": SEGMENT_BYTES},
    "checkpoints": {"type": "list", "elements": "str", "default": []},
    "anchored": {"type": "dict", "default": {}},
    "anchor_error": {"type": "str", "default": ""},
    "anchor_age_hours": {"type": "float", "default": 48},
    "checkpoint_count": {"type": "int", "default": 100},
    "offers": {"type": "dict", "default": {}},
    "records": {"type": "path"},
    "sign_offs": {"type": "path"},
    "repair": {"type": "bool", "default": True},
    "keep_days": {"type": "int", "default": 2192},
    "destination": {"type": "path"},
    "since": {"type": "str", "default": ""},
    "until": {"type": "str", "default": ""},
    "run_id": {"type": "str", "default": ""},
    "now": {"type": "str"},
}
