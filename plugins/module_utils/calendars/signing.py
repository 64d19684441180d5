# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing a task off, revoking that, and telling what holds. Needs nothing but Python: it runs on the records host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from .ledger import REVOKED, SIGNED, Ledger, Row, appending, path_of, read_ledger

OUTCOMES = ("done", "not_applicable", "failed")
LONGEST = 2000
_WANTED = {
    "task": "name the task of the calendar",
    "by": "say who did the work, or who takes a sign-off back (calendar_by)",
    "evidence": "say what shows that the work was done (calendar_evidence)",
    "reason": "say why the sign-off is taken back (calendar_remark)",
}
SHOWN = ("occurrence", "by", "outcome")


@dataclass(frozen=True)
class Request:
    """Who says what about which occurrence. reason: why it is revoked, where it is."""

    task: str
    occurrence: str
    by: str
    evidence: str = ""
    outcome: str = "done"
    remark: str = ""
    reason: str = ""


def list_sign_offs(root: str) -> Outcome:
    """The sign-offs in force of each task's newest occurrences."""
    ledger = read_ledger(path_of(root))
    return Outcome(findings=_problems(ledger), details={"sign_offs": ledger.newest()})


def sign(root: str, request: Request, *, now: datetime, check_mode: bool) -> Outcome:
    """Signs the occurrence off; a second time by the same person with the same outcome changes nothing.

    Raises MaintenanceError where the request lacks something or the ledger cannot be written.
    """
    row = {
        "kind": SIGNED,
        **_place(request, now=now),
        "evidence": _text(request.evidence, option="evidence"),
        "outcome": request.outcome,
        "remark": _text(request.remark, option="remark", needed=False),
    }
    return _write(root, row, verb="sign_off", check_mode=check_mode)


def revoke(root: str, request: Request, *, now: datetime, check_mode: bool) -> Outcome:
    """Takes back every sign-off of the occurrence; where none is in force, nothing changes.

    Raises MaintenanceError where the request lacks something or the ledger cannot be written.
    """
    row = {"kind": REVOKED, **_place(request, now=now), "reason": _text(request.reason, option="reason")}
    return _write(root, row, verb="revoke", check_mode=check_mode)


def _place(request: Request, *, now: datetime) -> Row:
    return {
        "task": _text(request.task, option="task"),
        "occurrence": to_text(parse_moment(request.occurrence, option="occurrence")),
        "by": _text(request.by, option="by"),
        "at": to_text(now),
    }


def _text(text: str, *, option: str, needed: bool = True) -> str:
    text = " ".join(text.split())
    if needed and not text:
        raise MaintenanceError(f"The option {option} is empty: {_WANTED[option]}.")
    if len(text) > LONGEST:
        raise MaintenanceError(
            f"The option {option} has {len(text)} characters, {LONGEST} at most: give the place of a document."
        )
    return text


def _write(root: str, row: Row, *, verb: str, check_mode: bool) -> Outcome:
    path = path_of(root)
    if check_mode:
        ledger = read_ledger(path)
        return _outcome(row, ledger, verb=verb, outcome="planned")
    with appending(path) as held:
        ledger = held.read()
        if not _needless(row, ledger)[0]:
            held.append(row)
    return _outcome(row, ledger, verb=verb, outcome="done")


def _needless(row: Row, ledger: Ledger) -> tuple[str, Row]:
    """Why the line would say nothing new, and the line that says it already; an empty reason where it does."""
    standing = ledger.in_force(row["task"], row["occurrence"])
    if row["kind"] == REVOKED:
        return ("", {}) if standing else ("No sign-off of this occurrence is in force.", {})
    same = next((other for other in reversed(standing) if other["by"] == row["by"]), None)
    if same is None or same["outcome"] != row["outcome"]:
        return "", {}
    said = f"{row['by']} signed this occurrence off as {row['outcome']} on {same['at']}"
    return f"{said}; revoke that to say it anew.", same


def _outcome(row: Row, ledger: Ledger, *, verb: str, outcome: str) -> Outcome:
    """ledger: as it was before."""
    reason, same = _needless(row, ledger)
    action = Action(
        action=verb,
        target=row["task"],
        changed=not reason,
        outcome="skipped" if reason else outcome,
        reason=reason,
        after={key: row[key] for key in row if key in SHOWN},
    )
    after = ledger if reason else Ledger(rows=[*ledger.rows, row])
    details: dict[str, Any] = {
        "entry": same if reason else row,
        "in_force": after.in_force(row["task"], row["occurrence"]),
    }
    added = "".join(f"{key}: {value}\n" for key, value in row.items()) if action.changed else ""
    return Outcome(findings=_problems(ledger), actions=[action], details=details, diff={"before": "", "after": added})


def _problems(ledger: Ledger) -> list[Finding]:
    if not ledger.problems:
        return []
    more = f" {len(ledger.problems) - 1} more lines are like it." if len(ledger.problems) > 1 else ""
    return [
        Finding(
            check="calendar.sign_offs",
            subject="signoffs.jsonl",
            status="warning",
            message=f"{ledger.problems[0]}{more} Sign off again what the calendar then shows as open.",
            value=len(ledger.problems),
            unit="count",
        )
    ]
