# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new certificate put into use and proven served, or everything put back; also what an interrupted run left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MaintenanceError
from ..findings import Action
from . import pair, plan, report
from .case import Case
from .journal import INSTALLING, ORDERING, WAITING
from .serving import BrokenConfiguration, NotServing, services_of


@dataclass(frozen=True)
class Attempt:
    """What a try to put a certificate into use begins with.

    before: what services have been given. backup: its folder. answering: labels of the endpoints that answer;
    one that did not proves nothing. started: ticks of the host. nothing_to_lose: whether no service can use what is
    there before, and the configuration of one was broken already.
    """

    before: pair.Pair
    decided: plan.Plan
    backup: str
    answering: Sequence[str]
    started: float
    nothing_to_lose: bool = False


def put_into_use(case: Case, new: pair.Pair, attempt: Attempt) -> bool:
    """Installs, reloads and proves the new certificate, or puts everything back. Returns whether it came into use."""
    name, before = case.name, attempt.before
    try:
        case.journal.begin(INSTALLING, backup=attempt.backup, before=before.fingerprint, after=new.fingerprint)
        case.store.install()
        case.serving.test()
        resting = case.serving.reload()
        proven = case.serving.prove(new.fingerprint, at=attempt.answering, kind=new.kind)
        for hook in case.store.hooks():
            case.serving.hook(hook.argv, hook.environment, timeout=case.policy.timeout)
    except (NotServing, pair.Unusable, MaintenanceError, OSError) as trouble:
        if attempt.nothing_to_lose and isinstance(trouble, BrokenConfiguration):
            _leave(case, new, attempt, str(trouble))
            return False
        reason = words(trouble) if isinstance(trouble, OSError) else str(trouble).rstrip(".")
        _roll_back(case, attempt, reason)
        return False
    case.findings += report.served(name, new, proven)
    came = report.Came(attempt.decided, new, services_of(case.wanted, without=resting), resting)
    case.findings.append(report.succeeded(name, came))
    case.actions.append(report.done(name, came, before=before, seconds=case.host.ticks() - attempt.started))
    case.end(failed_with="")
    case.store.forget()
    return True


def _leave(case: Case, new: pair.Pair, attempt: Attempt, reason: str) -> None:
    """In place, since going back mends nothing: another broken certificate of the same service may be the reason."""
    name, decided = case.name, attempt.decided
    plan_made = {"what": decided.what, "reason": decided.reason}
    case.journal.begin(WAITING, backup=attempt.backup, after=new.fingerprint, **plan_made)
    case.blocked = True
    case.findings.append(report.left_in_place(name, reason))
    seconds = case.host.ticks() - attempt.started
    verb = report.VERBS[decided.what]
    case.actions.append(report.failed_action(name, verb, reason, changed=True, seconds=seconds))


def _roll_back(case: Case, attempt: Attempt, reason: str) -> None:
    """Everything as it was in the backup, and proof that the services still serve it."""
    name = case.name
    if not put_back(case, attempt.backup, reason=reason, started=attempt.started):
        return
    proof = _prove_back(case, attempt)
    case.findings.append(report.rolled_back(name, reason, proof=proof))
    seconds = case.host.ticks() - attempt.started
    case.actions.append(report.failed_action(name, "renew", reason, changed=False, seconds=seconds))
    case.actions.append(
        Action(action="roll_back", target=name, changed=False, outcome="done", after=attempt.before.told())
    )
    case.end(failed_with="activation")


def put_back(case: Case, kept: str, *, reason: str, started: float) -> bool:
    """Makes the files what they are in the backup. Returns whether it could, and tells where it could not.

    reason: why they have to be, the end of a sentence. started: ticks of the host.
    """
    try:
        case.store.restore(kept)
    except OSError as error:  # the notes stay, for the next run
        case.findings.append(report.not_put_back(case.name, reason, words(error)))
        seconds = case.host.ticks() - started
        case.actions.append(report.failed_action(case.name, "roll_back", words(error), changed=True, seconds=seconds))
        return False
    return True


def _prove_back(case: Case, attempt: Attempt) -> str:
    """Whether what was there before is served again, as the end of a sentence."""
    before = attempt.before
    told = f"the one before it, valid until {before.leaf.ends}, is back"
    wrong = pair.broken(before)
    if wrong:
        return f"what was there before it, which no service can use ({wrong}), is back on disk"
    try:
        stale = case.serving.now(kind=before.kind).others_than(before.fingerprint)
        _read_again(case, needed=bool(stale) or not attempt.answering)
        case.serving.prove(before.fingerprint, at=attempt.answering, kind=before.kind)
    except NotServing as trouble:
        return f"{told} on disk, but it is not proven served: {trouble}"
    if not attempt.answering:
        return f"{told} on disk; no endpoint tells what {services_of(case.wanted)} has"
    return f"{told} and was served all the time" if not stale else f"{told} and served"


def _read_again(case: Case, *, needed: bool) -> None:
    """Has the services read what was put back.

    Also where it is what they serve: a reload that they were told before may still come about, with what they
    read then. needed: whether it matters where they cannot. Raises NotServing.
    """
    try:
        case.serving.test()
        case.serving.reload()
    except NotServing:
        if needed:
            raise


def finish(case: Case, begun: Mapping[str, Any]) -> bool:
    """Goes on with what an interrupted run was doing where that is possible, else goes back.

    Returns whether this run may do more: not where it could not put into use what there was.
    """
    name, phase, kept = case.name, str(begun.get("phase")), str(begun.get("backup"))
    if not os.path.isdir(kept):
        case.journal.over()
        told = "its backup is gone, so what is on disk stays as it is"
        case.findings.append(report.leftover(name, phase=phase, done_now=told, status="warning"))
        return True
    started = case.host.ticks()
    waited = phase == WAITING
    if _replaced(case, begun):
        case.store.withdraw(kept)
        case.journal.over()
        told = "somebody has put another one in its place, which stays"
        case.findings.append(report.leftover(name, phase=phase, done_now=told))
        return True
    before = _before(case, kept, whole=waited or case.store.in_place)
    new = case.obtained(before)
    if new is None or new.fingerprint == before.fingerprint:
        case.store.restore(kept)
        case.store.forget()
        case.end(failed_with="")
        case.findings.append(report.leftover(name, phase=phase, done_now="what was there before it is in place"))
        return True
    again = plan.Plan(begun.get("what", plan.INSTALL), begun.get("reason", "an earlier run was interrupted"))
    answering = list(case.serving.now().fingerprints)
    came = put_into_use(case, new, Attempt(before, again, kept, answering, started, nothing_to_lose=waited))
    told = "this run put back what was there before it"
    if case.blocked:
        told = "it waits still"
    elif came:
        told = "this run put it into use"
    case.findings.append(report.leftover(name, phase=phase, done_now=told))
    return came


def _before(case: Case, kept: str, *, whole: bool) -> pair.Pair:
    """What services had been given. whole: whether what is installed may be good, and the only copy of it."""
    if whole:
        return case.store.backed_up(kept)
    case.store.restore(kept)  # the files may be half of the one certificate and half of the other
    return case.store.present()


def _replaced(case: Case, begun: Mapping[str, Any]) -> bool:
    """Whether somebody else has given services a certificate meanwhile that they can use.

    It is neither what was there before nor what was to come. What a client writes in place while it orders is its own.
    """
    if begun.get("phase") == ORDERING and case.store.in_place:
        return False
    try:
        present = case.store.present()
    except (OSError, MaintenanceError):  # gone, or no links any more, so it is put back
        return False
    return not pair.broken(present) and present.fingerprint not in (begun.get("before"), begun.get("after"))


def words(error: OSError) -> str:
    """The system's own, with the path that they are about."""
    if isinstance(error, shutil.Error):  # of a folder's copy; each of its troubles with source, copy and words
        source, _copy, why = error.args[0][0]
        return why if str(source) in why else f"{source}: {why}"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}"
