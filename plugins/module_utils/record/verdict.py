# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of a run, and with it the exit status: decided in one place, from findings and actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from .own import OWN_CHECKS, one_line

REASONS_SHOWN = 10
# A notice that did not get through is judged by its finding: one dead channel of several is a warning, and only that
# nobody at all was told is critical.
JUDGED_BY_FINDING = ("notify",)


def decide(
    findings: Iterable[Mapping[str, Any]],
    actions: Iterable[Mapping[str, Any]],
    *,
    fail_on: Sequence[str],
    interrupted: Optional[str],
    check_mode: bool,
) -> dict[str, Any]:
    """The verdict: outcome ``ok``, ``attention`` or ``failed``, one sentence, and the reasons.

    fail_on: the statuses of findings that fail the run, by policy. An interrupted run, a task that
    failed, a host that was unreachable and an action that failed always do.
    """
    grave: list[str] = []
    light: list[str] = []
    for finding in findings:
        if finding["status"] == "ok":
            continue
        own = finding["check"].startswith(OWN_CHECKS) and finding["status"] == "critical"
        (grave if own or finding["status"] in fail_on else light).append(_reason(finding))
    grave.extend(
        one_line(f"{action['host']}: {action['action']} of {action['target']} failed: {action['reason']}")
        for action in actions
        if action["outcome"] == "failed" and action["action"] not in JUDGED_BY_FINDING
    )
    if interrupted:
        grave.insert(0, interrupted)
    grave = list(dict.fromkeys(grave))
    what = "check" if check_mode else "run"
    if grave:
        sentence = f"The {what} failed: {_count(len(grave), 'reason')}."
        outcome = "failed"
    elif light:
        sentence = f"The {what} went well; {_count(len(light), 'finding')} {_verb(len(light))} attention."
        outcome = "attention"
    else:
        sentence = f"The {what} went well; nothing needs attention."
        outcome = "ok"
    return {"outcome": outcome, "sentence": sentence, "reasons": _capped(grave or light)}


def _reason(finding: Mapping[str, Any]) -> str:
    return one_line(f"{finding['host']}: {finding['subject']}: {finding['message']}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _verb(number: int) -> str:
    return "needs" if number == 1 else "need"


def _capped(reasons: list[str]) -> list[str]:
    if len(reasons) <= REASONS_SHOWN:
        return reasons
    return [*reasons[:REASONS_SHOWN], f"and {len(reasons) - REASONS_SHOWN} more, see the record"]
