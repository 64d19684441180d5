# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From how tasks stand to findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import to_text
from ..findings import Finding
from ..windows.times import span, when
from .states import DONE, DUE, OVERDUE, UNCOVERED, UNKNOWN, UNTRACKED, UPCOMING, Proof, Standing
from .tasks import AUTOMATED, Task

# From what needs somebody to what needs nobody.
ORDER = (OVERDUE, UNCOVERED, UNKNOWN, DUE, UPCOMING, DONE, UNTRACKED)


def judge(standings: Sequence[Standing], *, now: datetime) -> list[Finding]:
    """A finding a task, and one that counts them. External tasks that nobody tracks have none."""
    findings = [finding for standing in standings for finding in _of(standing, now=now)]
    blind = [standing for standing in standings if standing.state == UNKNOWN]
    if blind:
        findings.append(_unseen(blind))
    return [*findings, _summary(standings)]


def _of(standing: Standing, *, now: datetime) -> Iterator[Finding]:
    if standing.state == OVERDUE:
        yield _overdue(standing, now=now)
    elif standing.state == UNCOVERED:
        yield _finding("calendar.uncovered", standing, "warning", _uncovered(standing))
    elif standing.state == DUE:
        message = (
            f"{_name(standing.task)} is due since {_since(standing)}.{_failure(standing)} {_what_to_do(standing.task)}"
        )
        yield _finding("calendar.overdue", standing, "ok", message)
    elif standing.state == DONE and standing.proof:
        message = f"{_name(standing.task)} is done: {_proof(standing)}.{_failure(standing)}"
        yield _finding("calendar.overdue", standing, "ok", message)
    elif standing.state == UPCOMING:
        slot = _when(standing, standing.following) if standing.following else "not any more"
        yield _finding("calendar.overdue", standing, "ok", f"{_name(standing.task)} is to be done {slot}.")


def _overdue(standing: Standing, *, now: datetime) -> Finding:
    task = standing.task
    late = now - (standing.deadline or now)
    most = _critical_after(standing)
    grave = most is not None and late >= most
    message = (
        f"{_name(task)} was due {_since(standing)} and is overdue by {span(late)}."
        f"{_failure(standing)}{_last(standing)} {_what_to_do(task)}"
    )
    return _finding(
        "calendar.overdue",
        standing,
        "critical" if grave else "warning",
        message,
        value=round(late / timedelta(hours=1), 1),
        threshold=round(most / timedelta(hours=1), 1) if grave and most is not None else 0,
    )


def _critical_after(standing: Standing) -> Optional[timedelta]:
    if standing.task.critical_after is not None:
        return standing.task.critical_after
    if standing.missed_from is None:
        return None
    following = standing.task.slots.following(standing.missed_from)
    return following - standing.missed_from if following else None


def _uncovered(standing: Standing) -> str:
    task = standing.task
    late = " It is overdue." if standing.late else ""
    return (
        f"{_name(task)} is to be done by the procedure {task.procedure}, which this collection does not have, "
        f"and is due since {_since(standing)}.{late} Do it by hand and sign it off."
    )


def _what_to_do(task: Task) -> str:
    if task.work == AUTOMATED:
        return (
            f"Run a playbook with the procedure {task.procedure} ({task.entry}), and see why its timer did not; "
            "what was done by hand is signed off."
        )
    return "Do it and sign it off."


def _name(task: Task) -> str:
    return f"{task.title} ({task.owner})"


def _since(standing: Standing) -> str:
    return _when(standing, standing.missed_from)


def _when(standing: Standing, moment: Optional[datetime]) -> str:
    return when(moment, standing.task.slots.zone) if moment else "at no time"


def _failure(standing: Standing) -> str:
    if standing.failed is None:
        return ""
    if standing.failed.kind == "run":
        return f" On {standing.failed.text or 'a host'}, the run {standing.failed.by} failed to do it."
    return f" {standing.failed.by} tried, and signed off that it failed."


def _last(standing: Standing) -> str:
    return f" It was done last {_when(standing, standing.proof.at)}." if standing.proof else ""


def _proof(standing: Standing) -> str:
    proof = standing.proof
    if proof is None:
        return "nothing shows it"
    if proof.kind == "run":
        return f"the run {proof.by} did it {_when(standing, proof.at)}"
    if proof.outcome == "not_applicable":
        return f"{proof.by} signed it off as not applicable {_when(standing, proof.at)}"
    return f"{proof.by} signed it off {_when(standing, proof.at)}"


def _unseen(blind: Sequence[Standing]) -> Finding:
    names = ", ".join(standing.task.name for standing in blind[:3]) + (" and others" if len(blind) > 3 else "")
    return Finding(
        check="calendar.evidence",
        subject="calendar",
        status="unknown",
        message=f"Nobody can say whether {len(blind)} tasks were done ({names}): the records or the sign-offs "
        "could not be read, see why on the records host.",
        value=len(blind),
        unit="count",
    )


def _summary(standings: Sequence[Standing]) -> Finding:
    counts = Counter(standing.state for standing in standings)
    said = ", ".join(f"{counts[state]} {state}" for state in ORDER if counts[state]) or "none"
    return Finding(
        check="calendar.summary",
        subject="calendar",
        status="ok",
        message=f"Tasks of the calendar: {said}.",
        value=len(standings),
        unit="count",
        evidence=dict(counts),
    )


def _finding(
    check: str,
    standing: Standing,
    status: str,
    message: str,
    *,
    value: Optional[float] = None,
    threshold: Optional[float] = None,
) -> Finding:
    task = standing.task
    evidence = {
        "state": standing.state,
        "owner": task.owner,
        "cadence": task.cadence,
        "work": task.work,
        "due": _text(standing.missed_from),
        "deadline": _text(standing.deadline),
        "next": _text(standing.following),
        **_shown(standing.proof),
    }
    return Finding(
        check=check,
        subject=task.name,
        status=status,
        message=message,
        value=value,
        unit=None if value is None else "hours",
        threshold=threshold,
        evidence={key: said for key, said in evidence.items() if said},
        controls=task.controls,
    )


def _shown(proof: Optional[Proof]) -> dict[str, Any]:
    if proof is None:
        return {}
    key = "run" if proof.kind == "run" else "signed_off_by"
    return {"done": to_text(proof.at), key: proof.by}


def _text(moment: Optional[datetime]) -> str:
    return to_text(moment) if moment else ""


def row(standing: Standing) -> dict[str, Any]:
    """How the task stands, as plain data."""
    task, proof, failed = standing.task, standing.proof, standing.failed
    data: dict[str, Any] = {
        "task": task.name,
        "title": task.title,
        "state": standing.state,
        "late": standing.late,
        "owner": task.owner,
        "cadence": task.cadence,
        "work": task.work,
        "procedure": task.procedure,
        "entry": task.entry if task.procedure else "",
        "time_zone": str(task.slots.zone),
        "occurrence": _text(standing.occurrence),
        "due": _text(standing.due),
        "deadline": _text(standing.deadline),
        "next": _text(standing.following),
        "minutes": int(task.duration / timedelta(minutes=1)),
        "evidence": task.evidence,
        "controls": list(task.controls),
        "checklist": list(task.checklist),
        "source": task.source,
    }
    if proof:
        data["done"] = {"at": to_text(proof.at), "by": proof.by, "kind": proof.kind, "outcome": proof.outcome}
        data["done"]["text"] = proof.text
    if failed:
        data["failed"] = {"at": to_text(failed.at), "by": failed.by, "kind": failed.kind}
    return data
