# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate of a run: what the module maintenance_window returns."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import now_or, to_text
from ..errors import MaintenanceError
from ..files import write_atomic
from ..findings import Finding
from ..glue import Outcome
from ..runner import Runner
from .approvals import DAY, parse_approvers
from .decide import WORK_CLASSES, Chance, Decision, Policy, Work, decide
from .openings import Opening
from .policy import IMPACTS, parse_blackouts, parse_windows
from .signatures import Signatures
from .times import parse_duration, span

# A clock that differs by less is the same clock.
_SAME_CLOCK = timedelta(minutes=1)

ARGUMENTS: dict[str, Any] = {
    "windows": {"type": "list", "elements": "dict", "default": []},
    "blackouts": {"type": "list", "elements": "dict", "default": []},
    "time_zone": {"type": "str", "default": "UTC"},
    "work_class": {"type": "str", "choices": list(WORK_CLASSES), "required": True},
    "system": {"type": "str", "default": ""},
    "cadence": {"type": "str", "default": ""},
    "impact": {"type": "str", "choices": list(IMPACTS), "default": IMPACTS[0]},
    "needs": {"type": "str", "default": ""},
    "approvers": {"type": "list", "elements": "dict", "default": []},
    "approval": {"type": "dict", "default": {}},
    "approval_valid_for": {"type": "str", "default": "PT24H"},
    "operator": {"type": "str", "default": ""},
    "account": {"type": "str", "default": ""},
    "statement": {"type": "path"},
    "now": {"type": "str"},
}


def gate(options: Mapping[str, Any], *, clock: datetime, check_mode: bool, run: Runner) -> Outcome:
    """Decides by the options of the module. clock: the real time. run: runs what checks signatures.

    Raises MaintenanceError where the work is refused; in check mode the outcome says that it would be.
    """
    now = now_or(options["now"]) if options["now"] else clock
    policy = Policy(
        windows=parse_windows(options["windows"], time_zone=options["time_zone"] or "UTC"),
        blackouts=parse_blackouts(options["blackouts"], time_zone=options["time_zone"] or "UTC"),
        approvers=parse_approvers(options["approvers"]),
        approval_valid_for=_length(options, "approval_valid_for") or DAY,
    )
    work = Work(
        work_class=options["work_class"],
        cadence=_text(options, "cadence"),
        impact=options["impact"],
        needs=_length(options, "needs") or timedelta(0),
    )
    signatures = Signatures(run, system=_text(options, "system"), cadence=work.cadence)
    decision = decide(
        policy,
        work,
        approval=options["approval"],
        operator=_text(options, "operator"),
        account=_text(options, "account"),
        now=now,
        proof=signatures.judge,
    )
    findings = [*_about_clock(now, clock=clock), _verdict(decision, work, now=now, check_mode=check_mode)]
    if not decision.permitted and not check_mode:
        _write_down(signatures.wanted, path=_text(options, "statement"))
        raise MaintenanceError(decision.reason, findings=findings)
    return Outcome(findings=findings, details=_details(decision, now=now, clock=clock))


def _write_down(wanted: str, *, path: str) -> None:
    """Leaves what has to be signed as a file: a terminal breaks the line, and then it is another one."""
    if wanted and path:
        # The refusal has it as well.
        with contextlib.suppress(OSError):
            write_atomic(path, wanted.encode(), mode=0o644)


def _length(options: Mapping[str, Any], option: str) -> Optional[timedelta]:
    text = _text(options, option)
    return parse_duration(text, what=f"The option {option}") if text else None


def _text(options: Mapping[str, Any], option: str) -> str:
    """The option; empty also where an inventory says null."""
    return (options[option] or "").strip()


def _verdict(decision: Decision, work: Work, *, now: datetime, check_mode: bool) -> Finding:
    status, message = "ok", decision.reason
    if decision.override:
        status = "warning"
    elif not decision.permitted:
        status = "warning" if check_mode else "critical"
        message = message.replace(" is refused", " would be refused", 1) if check_mode else message
    timed = bool(decision.permitted and decision.window)
    return Finding(
        check="window.gate",
        subject=work.cadence or work.work_class,
        status=status,
        # A contract's message is one line of bounded length, whatever the policy and the approval say.
        message=message if len(message) <= 1000 else f"{message[:997]}...",
        value=_seconds_left(decision, now=now) if timed else None,
        unit="seconds" if timed else None,
        threshold=int(work.needs.total_seconds()) if timed and work.needs else None,
        evidence=_evidence(decision),
    )


def _evidence(decision: Decision) -> dict[str, Any]:
    """What permits it; when something may, where nothing does."""
    if decision.approval:
        return {"approval": decision.approval.as_dict()}
    if decision.window:
        return {"window": _window(decision.window)}
    return {"next": _chance(decision.chance)} if decision.chance and not decision.permitted else {}


def _about_clock(now: datetime, *, clock: datetime) -> list[Finding]:
    """A word where the time of the run is not the time."""
    apart = abs(now - clock)
    if apart <= _SAME_CLOCK:
        return []
    way = "ahead of" if now > clock else "behind"
    return [
        Finding(
            check="window.clock",
            subject="now",
            status="warning",
            message=f"The time of this run was given by hand, {to_text(now)}, {span(apart)} {way} the clock: "
            "leave now out, other than in a rehearsal.",
            value=int(apart.total_seconds()),
            unit="seconds",
            threshold=int(_SAME_CLOCK.total_seconds()),
            evidence={"now": to_text(now), "clock": to_text(clock)},
        )
    ]


def _details(decision: Decision, *, now: datetime, clock: datetime) -> dict[str, Any]:
    deadline = decision.deadline
    return {
        "permitted": decision.permitted,
        "reason": decision.reason,
        "override": decision.override,
        "moment": to_text(now),
        "window": _window(decision.window) if decision.window else {},
        "deadline": to_text(deadline) if deadline else "",
        "seconds_left": _seconds_left(decision, now=now),
        "deadline_by_clock": to_text(clock + (deadline - now)) if deadline else "",
        "next": _chance(decision.chance) if decision.chance else {},
        "approval": decision.approval.as_dict() if decision.approval else {},
    }


def _seconds_left(decision: Decision, *, now: datetime) -> Optional[int]:
    return int((decision.deadline - now).total_seconds()) if decision.deadline else None


def _window(opening: Opening) -> dict[str, str]:
    return {
        "name": opening.name,
        "impact": opening.impact,
        "opens": to_text(opening.opens),
        "closes": to_text(opening.closes),
    }


def _chance(chance: Chance) -> dict[str, str]:
    return {
        "name": chance.name,
        "impact": chance.impact,
        "opens": to_text(chance.opens),
        "closes": to_text(chance.closes) if chance.closes else "",
    }
