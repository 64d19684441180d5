# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One entry of an audit log: a line of JSON with its number, the hash of the line before, and a seal.

The seal is the HMAC-SHA256 of the line up to ``,"mac":"``, the hash is that of the whole line as it stands: nothing is
ever put into another form and hashed again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError

OUTCOMES = ("done", "skipped", "failed", "planned", "refused")
OPENED, ROTATED, PRUNED, FAULT = "audit.opened", "audit.rotated", "audit.pruned", "audit.fault"
LONGEST_LINE = 65536
_SEAL = b',"mac":"'
_TAIL = len(_SEAL) + 64 + len('"}')
_START, _LOGGED, _MOMENT = b'{"n":', b',"logged":"', len("2026-11-21T02:00:00Z")
_PREV = b',"prev":"'
_OWN = b'"action":"audit.'
# Entries of the log about itself have a full stop in their action, so that no other entry can pass for one.
_ACTION = re.compile(r"[a-z][a-z0-9_]{0,63}")
_REF = re.compile(r"[\x21-\x7e]{1,200}")
_TEXTS = ("run", "ref", "procedure", "operator", "host", "action", "target", "outcome", "reason")
_LONGEST_TEXT = 4000


@dataclass(frozen=True)
class Deed:
    """What somebody did, before it has a place in the log. ref: by which the log knows that it has it already."""

    time: str
    operator: str
    host: str
    action: str
    target: str
    outcome: str
    run: str = ""
    ref: str = ""
    procedure: str = ""
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    security: bool = False

    def fields(self) -> dict[str, Any]:
        """What the line says of it."""
        optional = {"run": self.run, "ref": self.ref, "procedure": self.procedure}
        more = {"reason": self.reason, "details": dict(self.details)}
        return {
            "time": self.time,
            **{name: value for name, value in optional.items() if value},
            "operator": self.operator,
            "host": self.host,
            "action": self.action,
            "target": self.target,
            "outcome": self.outcome,
            **{name: value for name, value in more.items() if value},
        }


def deed_of(row: Mapping[str, Any], *, now: datetime) -> Deed:
    """A deed from what a task hands over. Raises MaintenanceError, naming what is wrong."""
    texts = {name: str(row.get(name) or "").strip() for name in _TEXTS}
    shown = f"The entry '{texts['action']}' on '{texts['target']}'"
    for name in ("operator", "host", "action", "target", "outcome"):
        if not texts[name]:
            raise MaintenanceError(
                f"{shown} lacks its {name}: an audit entry says who did what to what, and how it ended."
            )
    if _ACTION.fullmatch(texts["action"]) is None:
        raise MaintenanceError(f"{shown} needs an action of small letters, digits and underscores.")
    if texts["outcome"] not in OUTCOMES:
        raise MaintenanceError(f"{shown} needs an outcome of {', '.join(OUTCOMES)}, not '{texts['outcome']}'.")
    if texts["ref"] and _REF.fullmatch(texts["ref"]) is None:
        raise MaintenanceError(f"{shown} needs a ref of at most 200 letters, digits and signs, without spaces.")
    for name in _TEXTS:
        if len(texts[name]) > _LONGEST_TEXT:
            raise MaintenanceError(f"{shown} has a {name} of more than {_LONGEST_TEXT} characters; shorten it.")
    moment = to_text(parse_moment(str(row["time"]), option="entries.time") if row.get("time") else now)
    details = row.get("details") or {}
    return Deed(time=moment, details=details, security=bool(row.get("security")), **texts)


def fitted(deed: Deed) -> Deed:
    """The deed in the form of an entry, where it comes from a record: what modules of others call their actions may
    not pass for the log's own, and one endless text may not keep a run out of the log."""
    action = re.sub(r"[^a-z0-9_]+", "_", deed.action.lower()).strip("_")[:60] or "act"
    texts: dict[str, Any] = {name: _short(str(getattr(deed, name))) for name in _TEXTS}
    texts["action"] = action if action[0].isalpha() else f"a_{action}"
    return replace(deed, **texts)


def _short(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return f"{text[: _LONGEST_TEXT - 200]} ... ({len(text)} characters, SHA-256 {digest})"


def seal(fields: Mapping[str, Any], secret: bytes) -> bytes:
    """The line of these fields with its seal, without a newline. Raises MaintenanceError where it is too long."""
    try:
        opened = json.dumps(fields, separators=(",", ":"), allow_nan=False)[:-1].encode("ascii")
    except (TypeError, ValueError) as error:
        raise MaintenanceError(f"The details of an audit entry must be plain JSON: {error}.") from None
    line = b"".join((opened, _SEAL, hmac.digest(secret, opened, "sha256").hex().encode(), b'"}'))
    if len(line) > LONGEST_LINE:
        raise MaintenanceError(
            f"The audit entry '{fields.get('action')}' on '{fields.get('target')}' has {len(line)} bytes and may have "
            f"{LONGEST_LINE}: put the details elsewhere and name the place."
        )
    return line


def is_sealed(line: bytes, secret: bytes) -> bool:
    """Whether the line carries the seal of this key."""
    return Checker(secret).checks(line)


class Checker:
    """Checks the seals of many lines: the key goes into the two hashes of an HMAC (RFC 2104) once."""

    def __init__(self, secret: bytes) -> None:
        """secret: at most 64 bytes."""
        padded = secret.ljust(64, b"\x00")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def checks(self, line: bytes) -> bool:
        """Whether the line carries the seal."""
        if line[-_TAIL : 8 - _TAIL] != _SEAL or line[-2:] != b'"}':
            return False
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(line[:-_TAIL])
        outer.update(inner.digest())
        return hmac.compare_digest(line[8 - _TAIL : -2], outer.hexdigest().encode())


def place(line: bytes) -> Optional[tuple[int, bytes, str, bool]]:
    """Number, hash of the line before, moment, and whether the log speaks of itself, of a line that carries its seal.

    Only a key makes such lines, and it makes them in this form; None for what it sealed that is no entry.
    """
    comma = line.find(b",")
    start = comma + len(_LOGGED)
    if line[:5] != _START or line[comma:start] != _LOGGED or line[-_TAIL - 74 : -_TAIL - 65] != _PREV:
        return None
    try:
        number, logged = int(line[5:comma]), line[start : start + _MOMENT].decode("ascii")
    except ValueError:
        return None
    return number, line[-_TAIL - 65 : -_TAIL - 1], logged, _OWN in line


def read(line: bytes) -> Optional[dict[str, Any]]:
    """The fields of a line, or None where it is no entry."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("n"), int) or isinstance(fields["n"], bool):
        return None
    return fields if all(isinstance(fields.get(name), str) for name in ("prev", "action")) else None


def beginning(origin: str) -> bytes:
    """What stands in place of a line before the first: it ties the log to its name."""
    return hashlib.sha256(origin.encode()).digest()


def details_within(details: Mapping[str, Any], *, longest: int = LONGEST_LINE // 2) -> Mapping[str, Any]:
    """The details, or their digest where they are too long for a line."""
    text = json.dumps(details, sort_keys=True, default=str)
    if len(text) <= longest:
        return details
    return {"too_long": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def unique_refs(deeds: Sequence[Deed]) -> dict[str, Deed]:
    """The deeds that have a ref, by it; the first of each."""
    by_ref: dict[str, Deed] = {}
    for deed in deeds:
        if deed.ref:
            by_ref.setdefault(deed.ref, deed)
    return by_ref
