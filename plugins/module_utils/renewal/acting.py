# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided, done: a new certificate ordered and proven good, or services reloaded."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Optional

from ..errors import MaintenanceError
from ..findings import Finding
from . import backup, pair, plan, report
from .case import Case
from .diagnose import diagnose
from .installing import Attempt, put_back, put_into_use, words
from .journal import ORDERING
from .serving import BrokenConfiguration, NotServing, services_of
from .store import OrderFailed


def act(case: Case, present: pair.Pair, decided: plan.Plan, *, answering: Sequence[str]) -> None:
    """Does it, and tells what became of it. answering: labels of the endpoints that answer."""
    started = case.host.ticks()
    nothing_to_lose = False
    try:
        case.serving.test()
    except BrokenConfiguration as trouble:
        if not pair.broken(present):  # else that may be the very reason
            case.blocked = True
            _not_begun(case, present, decided, f"a reload would fail, since {trouble}", cause="configuration")
            return
        nothing_to_lose = True
    if decided.what == plan.RELOAD:
        _reload(case, present, decided, answering=answering, started=started)
        return
    case.expected(present)  # what would be found out too late otherwise, at the cost of an order
    if case.wanted.trust_store:
        case.host.trust(present, case.wanted.trust_store, case.host.now)
    kept = _prepared(case, present, decided)
    if not kept:
        return
    new = _order(case, present, kept, started=started) if decided.what == plan.ORDER else case.store.obtained()
    if new is not None:
        put_into_use(case, new, Attempt(present, decided, kept, answering, started, nothing_to_lose))


def _prepared(case: Case, present: pair.Pair, decided: plan.Plan) -> str:
    """The backup, with a note of the order that begins; empty where there cannot be both, so that nothing begins."""
    lacking = "no backup could be taken"
    try:
        kept = backup.take(case.backups, now=case.host.now, fill=case.store.back_up)
        if decided.what == plan.ORDER:
            lacking = f"what is about to be done could not be written down in {case.policy.state_dir}"
            case.journal.begin(ORDERING, backup=kept, before=present.fingerprint)
        return kept
    except OSError as error:
        with contextlib.suppress(OSError):
            backup.prune(case.backups, keep=case.policy.backups_kept)
        _not_begun(case, present, decided, f"{lacking} ({words(error)})", cause="resources")
        return ""


def _not_begun(case: Case, present: pair.Pair, decided: plan.Plan, reason: str, *, cause: str) -> None:
    case.findings.append(report.not_begun(case.name, reason, pair=present, cause=cause))
    verb = report.VERBS[decided.what]
    case.actions.append(report.failed_action(case.name, verb, reason, changed=False, seconds=0.0))


def _reload(case: Case, present: pair.Pair, decided: plan.Plan, *, answering: Sequence[str], started: float) -> None:
    name = case.name
    try:
        resting = case.serving.reload()
        proven = case.serving.prove(present.fingerprint, at=answering, kind=present.kind)
    except NotServing as trouble:
        seconds = case.host.ticks() - started
        case.findings.append(report.not_reloaded(name, str(trouble)))
        case.actions.append(report.failed_action(name, "reload", str(trouble), changed=False, seconds=seconds))
        return
    case.findings += report.served(name, present, proven)
    came = report.Came(decided, present, services_of(case.wanted, without=resting), resting)
    case.findings.append(report.succeeded(name, came))
    case.actions.append(report.done(name, came, before=present, seconds=case.host.ticks() - started))


def _order(case: Case, present: pair.Pair, kept: str, *, started: float) -> Optional[pair.Pair]:
    """A new certificate that a service may be given; None where there is none, and then all is as it was."""
    name, store = case.name, case.store
    finding: Finding
    try:
        store.order(case.host.run, timeout=case.host.deadline.bound(case.policy.timeout))
        new = store.obtained()
        if new is None or new.fingerprint == present.fingerprint:
            raise OrderFailed("The client ended well, but there is no new certificate.")
        faults = case.faults(new, case.expected(present))
        if not faults:
            return new
        finding, kind, reason = report.refused(name, faults, pair=present), "invalid", "; ".join(faults)
    except pair.Unusable as error:
        finding, kind, reason = report.refused(name, [str(error)], pair=present), "invalid", str(error)
    except (OrderFailed, MaintenanceError, OSError) as error:
        said = error.output if isinstance(error, OrderFailed) else str(error)
        diagnosis = diagnose(words(error) if isinstance(error, OSError) else said)
        finding, kind, reason = report.not_ordered(name, diagnosis, pair=present), diagnosis.kind, diagnosis.said
    # A client that writes the installed files itself may have written half of them.
    if not put_back(case, kept, reason=reason, started=started):
        return None
    case.findings.append(finding)
    seconds = case.host.ticks() - started
    case.actions.append(report.failed_action(name, "renew", finding.message, changed=False, seconds=seconds))
    store.forget()
    case.end(failed_with=kind)
    return None
