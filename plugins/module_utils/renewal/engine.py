# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One certificate looked at, and what is done about it decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Optional

from ..deadline import LEFT
from ..errors import MaintenanceError
from . import ari, pair, plan, report
from .acting import act
from .case import Case
from .due import due
from .installing import finish, words
from .journal import is_locked
from .serving import NotServing


class Renewal:
    """One certificate's. What it has to tell is in the case."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._policy = case.policy

    def work(self) -> None:
        """Does what the mode asks for. What goes wrong becomes a finding."""
        try:
            if not self._look_for_leftovers():
                return  # what could not be put into use just now is not tried a second time
            present = self._case.store.present()
            if self._policy.mode == "validate":
                self._validate(present)
            else:
                self._renew(present)
        except (pair.Unusable, MaintenanceError) as error:
            self._cannot(str(error))
        except OSError as error:
            self._cannot(words(error))

    def _cannot(self, reason: str) -> None:
        check = report.VALID if self._policy.mode == "validate" else report.DUE
        self._case.findings.append(report.unreadable(self._case.name, check, reason))

    def _look_for_leftovers(self) -> bool:
        """Deals with what an interrupted run left; whether there may be more to do."""
        begun = self._case.journal.unfinished()
        if begun is None:
            return True
        if not self._policy.looks_only:
            return self._finish(begun)
        if not is_locked(self._policy.state_dir):  # else it is not left over, but going on
            self._case.findings.append(report.leftover(self._case.name, phase=str(begun.get("phase")), done_now=""))
        return True

    def _finish(self, begun: Mapping[str, Any]) -> bool:
        try:
            return finish(self._case, begun)
        except OSError as error:
            told = f"it could not be finished or undone ({words(error)}): correct that, the next renewal tries again"
            phase = str(begun.get("phase"))
            self._case.findings.append(report.leftover(self._case.name, phase=phase, done_now=told, status="critical"))
            return False

    def _renew(self, present: pair.Pair) -> None:
        seen = self._see(present)
        now = self._case.host.now
        decided = plan.decide(seen, mode=self._policy.mode, now=now, renew_days=self._policy.renew_days)
        name = self._case.name
        intended = report.planned(name, decided, present)
        acts = intended is not None and not self._policy.looks_only
        told = acts and decided.what != plan.RELOAD
        self._case.findings.append(report.due_finding(name, present, seen.due, now=now, acts=told))
        if decided.what != plan.INSTALL and not self._policy.looks_only:
            self._case.store.forget()  # an older one is of no use, and holds a private key
        if decided.what == plan.WAIT:
            self._case.findings.append(report.waiting(name, decided))
        if intended is None or not acts:
            self._case.findings += report.served(name, present, seen.served)
            if intended and self._policy.mode != "check":
                self._case.actions.append(intended)
            return
        self._case.findings += report.silent(name, seen.served)
        if self._case.host.deadline.passed:
            self._case.actions.append(report.late(name, decided, LEFT))
        else:
            act(self._case, present, decided, answering=list(seen.served.fingerprints))

    def _see(self, present: pair.Pair) -> plan.Seen:
        judged = due(
            present,
            now=self._case.host.now,
            renew_days=self._policy.renew_days,
            missing=pair.missing(present, self._case.wanted.names),
            suggestion=self._suggestion(present),
            interval=timedelta(hours=self._policy.interval_hours),
        )
        return plan.Seen(
            present=present,
            due=judged,
            served=self._case.serving.now(kind=present.kind),
            obtained=self._case.obtained(present),
            failure=self._case.journal.kept("failure"),
        )

    def _suggestion(self, present: pair.Pair) -> Optional[ari.Suggestion]:
        directory = self._case.store.directory()
        if not self._policy.use_ari or not directory or present.unreadable:
            return None
        known = self._case.journal.kept("suggestion")
        suggestion, keep = ari.ask(
            present.leaf.der, directory=directory, fetch=self._case.host.fetch, now=self._case.host.now, kept=known
        )
        if keep and not self._policy.looks_only:
            self._case.journal.keep("suggestion", keep)
        return suggestion

    def _validate(self, present: pair.Pair) -> None:
        name = self._case.name
        faults = self._case.faults(present, [] if present.unreadable else self._case.expected(present))
        try:
            self._case.serving.test()
        except NotServing as trouble:
            faults.append(str(trouble))
        self._case.findings.append(report.valid(name, faults, present))
        self._case.findings += report.served(name, present, self._case.serving.now(kind=present.kind))
