# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a task stands at a moment: a pure function of policy, evidence, sign-offs and that moment.

Evidence and sign-offs count for the occurrence that they fall into, from a little before its start (``early``) to
a little before the next one's. Whoever does the latest occurrence is through with those before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

from ..clock import parse_moment
from .slots import TICK
from .tasks import AUTOMATED, EXTERNAL, Task

DONE = "done"
DUE = "due"
OVERDUE = "overdue"
UPCOMING = "upcoming"
UNCOVERED = "uncovered"
UNTRACKED = "untracked"
UNKNOWN = "unknown"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Proof:
    """That an occurrence was done, or failed.

    kind: run or sign_off. by: the run, or the person. text: the host, or what the person gives as evidence.
    """

    at: datetime
    kind: str
    by: str
    outcome: str
    text: str = ""
    occurrence: Optional[datetime] = None


@dataclass(frozen=True)
class Standing:
    """How a task stands.

    occurrence: the latest one that has begun. missed_from: the first of those in a row that nobody did.
    deadline: when that one is, or became, overdue. following: the next occurrence.
    proof: what shows that the latest one, or the last that was done at all, was done.
    failed: what shows that doing one of those that are open failed, or the latest one on a host.
    """

    task: Task
    state: str
    occurrence: Optional[datetime] = None
    missed_from: Optional[datetime] = None
    deadline: Optional[datetime] = None
    following: Optional[datetime] = None
    proof: Optional[Proof] = None
    failed: Optional[Proof] = None
    late: bool = False

    @property
    def due(self) -> Optional[datetime]:
        """The slot to look at: that of the occurrence which is open, or the next one."""
        return self.missed_from or self.following


@dataclass(frozen=True)
class Known:
    """What is known of the work. evidence and sign_offs are None where nobody could look.

    procedures: names of the roles that exist. since: what was to be done before is not asked for.
    """

    evidence: Optional[Sequence[Row]]
    sign_offs: Optional[Sequence[Row]]
    procedures: Collection[str]
    since: datetime


def stand(tasks: Iterable[Task], known: Known, *, now: datetime) -> list[Standing]:
    """How each task stands now."""
    return [_stand(task, known, now=now) for task in tasks]


def _stand(task: Task, known: Known, *, now: datetime) -> Standing:
    covered = task.procedure in known.procedures
    proofs = _proofs(task, known, now=now)
    done = max((proof for proof in proofs if proof.outcome != "failed"), key=_order, default=None)
    latest = task.slots.latest(now)
    if latest is not None and latest < known.since:
        latest = None
    following = task.slots.following(max(now, known.since - TICK))
    common: dict[str, Any] = {"task": task, "occurrence": latest, "following": following, "proof": done}
    if done is not None and done.occurrence is not None and (latest is None or done.occurrence >= latest):
        # What was done early is done: the next slot is the one behind it.
        common["following"] = task.slots.following(max(done.occurrence, now))
        beside = (proof for proof in proofs if proof.outcome == "failed" and proof.by == done.by)
        return Standing(**common, state=DONE, failed=max(beside, key=_order, default=None))
    if latest is None:
        return Standing(**common, state=UPCOMING)
    missed_from = _missed_from(task, done, known=known, latest=latest)
    deadline = task.deadline(missed_from)
    late = deadline is not None and deadline <= now
    return Standing(
        **common,
        state=_open_state(task, known, covered=covered, late=late),
        missed_from=missed_from,
        deadline=deadline,
        failed=_failed(proofs, since=missed_from),
        late=late,
    )


def _missed_from(task: Task, done: Optional[Proof], *, known: Known, latest: datetime) -> datetime:
    """The first of the occurrences in a row that nobody did; the latest one is among them."""
    after = known.since - TICK
    if done is not None and done.occurrence is not None:
        after = max(after, done.occurrence)
    first = task.slots.following(after)
    return latest if first is None else min(first, latest)


def _open_state(task: Task, known: Known, *, covered: bool, late: bool) -> str:
    if known.sign_offs is None or (task.work == AUTOMATED and covered and known.evidence is None):
        return UNKNOWN
    if task.work == EXTERNAL:
        return UNTRACKED
    if task.work == AUTOMATED and not covered:
        return UNCOVERED
    return OVERDUE if late else DUE


def _failed(proofs: Iterable[Proof], *, since: datetime) -> Optional[Proof]:
    failures = (proof for proof in proofs if proof.outcome == "failed" and (proof.occurrence or proof.at) >= since)
    return max(failures, key=_order, default=None)


def _order(proof: Proof) -> tuple[datetime, datetime]:
    return proof.occurrence or proof.at, proof.at


def _proofs(task: Task, known: Known, *, now: datetime) -> list[Proof]:
    """What the records and the ledger say of this task until now, each with the occurrence that it counts for."""
    found = [_signed(task, row) for row in known.sign_offs or () if row["task"] == task.name]
    if task.work == AUTOMATED:
        runs = (row for row in known.evidence or () if row["procedure"] == task.procedure)
        found.extend(_ran(task, row) for row in runs if row.get("entry", "") in _entries(task))
    return [proof for proof in found if proof.at <= now and proof.occurrence is not None]


def _entries(task: Task) -> tuple[str, ...]:
    # Who acts also looks. Old records do not say which entry ran: it looked at least.
    return ("main",) if task.entry == "main" else ("main", "check", "")


def _ran(task: Task, row: Row) -> Proof:
    at = parse_moment(row["moment"], option="evidence.moment")
    return Proof(
        at=at,
        kind="run",
        by=row["run_id"],
        # The record of a run that was interrupted says of each procedure whether it came to its end.
        outcome="done" if row["state"] == "ok" else "failed",
        text=str(row.get("host", "")),
        occurrence=task.occurrence_for(at),
    )


def _signed(task: Task, row: Row) -> Proof:
    slot = parse_moment(row["occurrence"], option="sign_offs.occurrence")
    return Proof(
        at=parse_moment(row["at"], option="sign_offs.at"),
        kind="sign_off",
        by=row["by"],
        outcome=row["outcome"],
        text=row["evidence"],
        occurrence=task.occurrence_for(slot),
    )
