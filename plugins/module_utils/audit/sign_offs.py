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
    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def see(self, raw: bytes, _leaf: bytes) -> None:
        """Takes in a line of the log."""
        if not self.since:
            self.since = str((entry.read(raw) or {}).get("logged", ""))
        fields = entry.read(raw) if any(action in raw for action in _WORTH_READING) else None
        if fields and fields["action"] in _ACTIONS and isinstance(fields.get("details"), Mapping):
            self.rows[_digest(fields["details"])] = fields["details"]


def judge(path: str, signed: Signed, *, now: datetime) -> list[Finding]:
    """What of the ledger is not as the log was told, or one finding that all is; none where nobody signed anything."""
    try:
        rows = read_ledger(path).rows
    except MaintenanceError as error:
        return [Finding(CHECK, path, "unknown", str(error))]
    ledger = {_digest(row): row for row in rows}
    if not (ledger or signed.rows):
        return []
    gone = [_named(row) for digest, row in signed.rows.items() if digest not in ledger]
    moved = [_named(row) for row in _moved(rows, signed)]
    strange = [
        _named(row)
        for digest, row in ledger.items()
        if digest not in signed.rows and not _needs_no_entry(row, since=signed.since, now=now)
    ]
    findings = [
        Finding(CHECK, path, status, say(names), value=len(names), unit="count")
        for status, names, say in (
            ("critical", gone, _of_gone),
            ("critical", moved, _of_moved),
            ("warning", strange, _of_strange),
        )
        if names
    ]
    message = "The sign-offs of people are as they were when the log was told of them."
    return findings or [Finding(CHECK, path, "ok", message, value=len(ledger), unit="count")]


def _needs_no_entry(row: Mapping[str, Any], *, since: str, now: datetime) -> bool:
    """Whether it was signed before there was a log, as it can only be of what was due then, or a moment ago."""
    is_older = bool(row["at"] < since and row["occurrence"] < since)
    return is_older or bool(to_text(now - _UNDER_WAY) <= row["at"] <= to_text(now + _UNDER_WAY))


def _moved(rows: Sequence[Mapping[str, Any]], signed: Signed) -> list[Mapping[str, Any]]:
    """The rows that come last of their occurrence, though the log was told of another one later."""
    last = {(row["task"], row["occurrence"]): row for row in rows}
    told: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for row in signed.rows.values():
        told.setdefault((row.get("task"), row.get("occurrence")), []).append(row)
    moved = []
    for place, row in last.items():
        known = told.get(place, [])
        # Of two that came at the same time, or by a clock that went back, either may be the first.
        behind = known[known.index(row) + 1 :] if row in known else []
        moved.extend([row] if any(str(other.get("at")) > row["at"] for other in behind) else [])
    return moved


def _named(row: Mapping[str, Any]) -> str:
    return f"{row.get('task')} of {row.get('occurrence')}"


def _of_moved(moved: Sequence[str]) -> str:
    return (
        f"{len(moved)} of the sign-offs in the ledger ({_shown(moved)}) stand behind what was said of them later, by "
        "which they count again: somebody moved or repeated them. Keep it as evidence, and put the ledger back from a "
        "copy."
    )


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
