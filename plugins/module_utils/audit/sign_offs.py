# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of sign-offs held against what the log was told of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..calendars.ledger import read_ledger
from ..clock import to_text
from ..errors import MaintenanceError
from ..findings import Finding
from . import entry

CHECK = "audit.sign_offs"
_ACTIONS = ("sign_off", "revoke_sign_off")
_WORTH_READING = tuple(f'"action":"{action}"'.encode() for action in _ACTIONS)
# A sign-off is in the ledger some moments before it is in the log.
_UNDER_WAY = timedelta(minutes=15)
_NAMED = 3


@dataclass
class Signed:
    """What a log says of sign-offs: by digest, what was signed. since: when its first entry was written."""

    since: str = ""
    rows: dict[str, str] = field(default_factory=dict)

    def see(self, raw: bytes, _leaf: bytes) -> None:
        """Takes in a line of the log."""
        if not self.since:
            self.since = str((entry.read(raw) or {}).get("logged", ""))
        fields = entry.read(raw) if any(action in raw for action in _WORTH_READING) else None
        if fields and fields["action"] in _ACTIONS and isinstance(fields.get("details"), Mapping):
            self.rows[_digest(fields["details"])] = str(fields.get("target"))


def judge(path: str, signed: Signed, *, now: datetime) -> list[Finding]:
    """What of the ledger is not as the log was told, or one finding that all is; none where nobody signed anything."""
    try:
        ledger = {_digest(row): row for row in read_ledger(path).rows}
    except MaintenanceError as error:
        return [Finding(CHECK, path, "unknown", str(error))]
    if not (ledger or signed.rows):
        return []
    gone = [target for digest, target in signed.rows.items() if digest not in ledger]
    until = to_text(now - _UNDER_WAY)
    strange = [
        f"{row['task']} of {row['occurrence']}"
        for digest, row in ledger.items()
        # What was signed before there was a log, it was never told.
        if digest not in signed.rows and signed.since <= row["at"] < until
    ]
    findings = [
        *([Finding(CHECK, path, "critical", _of_gone(gone), value=len(gone), unit="count")] if gone else []),
        *([Finding(CHECK, path, "warning", _of_strange(strange), value=len(strange), unit="count")] if strange else []),
    ]
    message = "The sign-offs of people are as they were when the log was told of them."
    return findings or [Finding(CHECK, path, "ok", message, value=len(ledger), unit="count")]


def _of_gone(gone: Sequence[str]) -> str:
    return (
        f"{len(gone)} of the sign-offs that the log was told of ({_shown(gone)}) are not in the ledger as they were: "
        "somebody changed or removed them. Keep it as evidence, and put them back from the details of their entries."
    )


def _of_strange(strange: Sequence[str]) -> str:
    return (
        f"{len(strange)} of the sign-offs in the ledger ({_shown(strange)}) are not in the log: sign off again in the "
        "same words, which enters them, or find out who wrote them."
    )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")


def _digest(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
