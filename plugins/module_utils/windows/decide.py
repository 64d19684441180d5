# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether work may begin now, until when it may go on, and when it might begin where it may not now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Optional

from .approvals import DAY, Approval, Approver, Proof, doubt, is_given, judge
from .openings import Opening, next_opening, open_at
from .policy import IMPACTS, Blackout, Window
from .times import span, when

_INSTANT = timedelta(microseconds=1)
_SAID = {"minimal": "minimal impact", "possible_downtime": "possible downtime", "planned_downtime": "planned downtime"}
WORK_CLASSES = ("observe", "routine", "maintenance", "emergency")

_HOW = "with run_open_approved_by, run_open_approved_at, run_open_approval_kind and run_open_approval_reason"
NO_WINDOWS = (
    "the policy has no window, so write one into policy_windows, such as "
    '{name: sunday, rule: FREQ=WEEKLY;BYDAY=SU, start: "2026-01-04T02:00", duration: PT4H, impact: minimal}, '
    'or one that is always open, {name: always, start: "2026-01-01", duration: P36500D, impact: planned_downtime}'
)


@dataclass(frozen=True)
class Policy:
    """What an organisation has decided about time."""

    windows: Sequence[Window] = ()
    blackouts: Sequence[Blackout] = ()
    approvers: Sequence[Approver] = ()
    approval_valid_for: timedelta = DAY


@dataclass(frozen=True)
class Work:
    """What wants to begin. needs: the time it takes at most, as far as that is known."""

    work_class: str
    cadence: str = ""
    impact: str = "minimal"
    needs: timedelta = timedelta(0)


@dataclass(frozen=True)
class Chance:
    """When it may begin: with a window, or after a blackout (then nothing closes it, and it has no impact)."""

    name: str
    opens: datetime
    closes: Optional[datetime] = None
    impact: str = ""


@dataclass(frozen=True)
class Decision:
    """What was decided. reason: one sentence, why or why not. deadline: when the work must have ended.

    override: whether it is permitted by the approval alone. approval: given only where it was needed.
    """

    permitted: bool
    reason: str
    window: Optional[Opening] = None
    deadline: Optional[datetime] = None
    override: bool = False
    approval: Optional[Approval] = None
    chance: Optional[Chance] = None


def decide(
    policy: Policy,
    work: Work,
    *,
    approval: Any = None,
    operator: str = "",
    account: str = "",
    now: datetime,
    proof: Proof,
) -> Decision:
    """Decides by the class of the work. approval: as it was handed in; one that is not needed is not looked at.

    operator: who does the work. account: under which account. now: aware. proof: of an approval that is signed.
    Raises MaintenanceError for a moment in a far year, and where a signature cannot be checked.
    """
    if work.work_class == "observe":
        return Decision(True, "Work that only looks is permitted at any time.")
    if work.work_class == "emergency":
        able = ", ".join(approver.name for approver in policy.approvers) or "those whom policy_approvers should list"
        decision = Decision(
            False, f"Emergency work is refused: it needs the approval of another person, one of {able} ({_HOW})."
        )
    elif work.work_class == "routine":
        decision = _routine(policy, work, now=now)
    else:
        decision = _maintenance(policy, work, now=now)
    if decision.permitted or not is_given(approval):
        return decision
    judged = judge(
        approval,
        policy.approvers,
        operator=operator,
        account=account,
        now=now,
        valid_for=policy.approval_valid_for,
        proof=proof,
    )
    if isinstance(judged, str):
        return replace(decision, reason=f"{decision.reason[:-1]}; the approval given does not help: {judged}.")
    return Decision(
        True,
        f"{judged.by} approved this {work.work_class} work ({judged.kind}): {judged.reason.rstrip('.')}."
        + doubt(judged, policy.approvers, operator=operator),
        override=True,
        approval=judged,
        chance=decision.chance,
    )


def _routine(policy: Policy, work: Work, *, now: datetime) -> Decision:
    """Any time outside blackouts, where it ends before the next one begins."""
    blackouts = sorted((b for b in policy.blackouts if "routine" in b.classes), key=lambda b: b.start)
    length = max(work.needs, _INSTANT)
    last = free = None
    for blackout in blackouts:
        begin = free or now
        if blackout.start < begin + length and blackout.end > begin:
            last, free = blackout, blackout.end
    if last is None or free is None:
        coming = next((blackout for blackout in blackouts if blackout.start > now), None)
        until = f" until the blackout {coming.name} begins, {when(coming.start, coming.zone)}" if coming else ""
        return Decision(True, f"Routine work is permitted{until}.", deadline=coming.start if coming else None)
    held = next((_holding(blackout) for blackout in blackouts if blackout.start <= now < blackout.end), "")
    why = held or f"the work needs {span(work.needs)}, and a blackout begins before"
    return Decision(
        False,
        f"Routine work is refused at {when(now)}: {why}; it may begin {when(free, last.zone)} (in {span(free - now)}).",
        chance=Chance(f"after {last.name}", free),
    )


def _maintenance(policy: Policy, work: Work, *, now: datetime) -> Decision:
    """In the open window that counts, among those that are for the work and leave it enough time."""
    if not policy.windows:
        return Decision(False, f"Maintenance work is refused: {NO_WINDOWS}.")
    following = next_opening(
        policy.windows,
        now,
        blackouts=policy.blackouts,
        cadence=work.cadence,
        impact=work.impact,
        needs=work.needs,
    )
    chance = Chance(following.name, following.opens, following.closes, following.impact) if following else None
    open_now = open_at(policy.windows, now, blackouts=policy.blackouts)
    misfits = [_misfit(opening, work, now=now) for opening in open_now]
    best = next((opening for opening, misfit in zip(open_now, misfits) if misfit is None), None)
    if best:
        until = f"until {when(best.closes, best.zone)} ({span(best.closes - now)} left)"
        return Decision(
            True,
            f"The window {best.name} permits {_SAID[best.impact]} {until}.",
            window=best,
            deadline=best.closes,
            chance=chance,
        )
    said = [misfit for misfit in misfits if misfit] or [(0, "no window is open")]
    nearest = max(said, key=lambda misfit: misfit[0])[1]
    holding = (_holding(b) for b in policy.blackouts if "maintenance" in b.classes and b.start <= now < b.end)
    cadence = f" ({work.cadence})" if work.cadence else ""
    return Decision(
        False,
        f"Maintenance work{cadence} is refused at {when(now)}: {next(holding, nearest)}; {_then(following, now=now)}.",
        chance=chance,
    )


def _misfit(opening: Opening, work: Work, *, now: datetime) -> Optional[tuple[int, str]]:
    """What keeps the work out of the open window, with how near it comes; None where nothing does."""
    left = opening.closes - now
    if work.cadence and opening.cadences and work.cadence not in opening.cadences:
        return 1, f"the open window {opening.name} is for {', '.join(opening.cadences)} work"
    if IMPACTS.index(opening.impact) < IMPACTS.index(work.impact):
        return (
            2,
            f"the open window {opening.name} permits {_SAID[opening.impact]}, and the work needs {_SAID[work.impact]}",
        )
    if left < work.needs:
        return 3, f"the open window {opening.name} closes in {span(left)}, and the work needs {span(work.needs)}"
    return None


def _holding(blackout: Blackout) -> str:
    reason = f" ({blackout.reason.rstrip('.')})" if blackout.reason else ""
    return f"the blackout {blackout.name}{reason} holds until {when(blackout.end, blackout.zone)}"


def _then(following: Optional[Opening], *, now: datetime) -> str:
    if following is None:
        return "no window of the next five years permits it, so look at their impact, cadences and duration"
    opens = f"opens {when(following.opens, following.zone)} (in {span(following.opens - now)})"
    return f"the next window that permits it, {following.name}, {opens}"
