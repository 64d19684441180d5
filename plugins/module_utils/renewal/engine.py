# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One certificate looked at, and what is done about it decided."""

from __future__ import annotations

from datetime import timedelta
from typing import Optional

from ..deadline import LEFT
from ..errors import MaintenanceError
from ..findings import Action, Finding
from . import ari, pair, plan, report
from .acting import Acting, Host, good, words
from .due import due
from .journal import Journal, is_locked
from .policy import Policy, Wanted
from .serving import NotServing, Serving
from .store import Store


class Renewal:
    """One certificate. It collects what it has to tell, whatever becomes of it."""

    def __init__(
        self, wanted: Wanted, *, policy: Policy, host: Host, store: Store, serving: Serving, journal: Journal
    ) -> None:
        self.findings: list[Finding] = []
        self.actions: list[Action] = []
        self._wanted = wanted
        self._policy = policy
        self._host = host
        self._store = store
        self._serving = serving
        self._journal = journal
        self._acting = Acting(
            wanted,
            policy=policy,
            host=host,
            store=store,
            serving=serving,
            journal=journal,
            findings=self.findings,
            actions=self.actions,
        )

    def work(self) -> None:
        """Does what the mode asks for. What goes wrong becomes a finding."""
        try:
            if not self._look_for_leftovers():
                return  # what could not be put into use just now is not tried a second time
            present = self._store.present()
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
        self.findings.append(report.unreadable(self._wanted.name, check, reason))

    def _look_for_leftovers(self) -> bool:
        """Deals with what an interrupted run left; whether there may be more to do."""
        begun = self._journal.unfinished()
        if begun is None:
            return True
        if not self._policy.looks_only:
            return self._acting.finish(begun)
        if not is_locked(self._policy.state_dir):  # else it is not left over, but going on
            self.findings.append(report.leftover(self._wanted.name, phase=str(begun.get("phase")), done_now=""))
        return True

    def _renew(self, present: pair.Pair) -> None:
        seen = self._see(present)
        now = self._host.now
        decided = plan.decide(seen, mode=self._policy.mode, now=now, renew_days=self._policy.renew_days)
        name = self._wanted.name
        intended = report.planned(name, decided, present)
        acts = intended is not None and not self._policy.looks_only
        told = acts and decided.what != plan.RELOAD
        self.findings.append(report.due_finding(name, present, seen.due, now=now, acts=told))
        if decided.what != plan.INSTALL and not self._policy.looks_only:
            self._store.forget()  # an older one is of no use, and holds a private key
        if decided.what == plan.WAIT:
            self.findings.append(report.waiting(name, decided))
        if intended is None or not acts:
            self.findings += report.served(name, present, seen.served)
            if intended and self._policy.mode != "check":
                self.actions.append(intended)
            return
        self.findings += report.silent(name, seen.served)
        if self._host.deadline.passed:
            self.actions.append(report.late(name, decided, LEFT))
        else:
            self._acting.act(present, decided, answering=list(seen.served.fingerprints))

    def _see(self, present: pair.Pair) -> plan.Seen:
        judged = due(
            present,
            now=self._host.now,
            renew_days=self._policy.renew_days,
            missing=pair.missing(present, self._wanted.names),
            suggestion=self._suggestion(present),
            interval=timedelta(hours=self._policy.interval_hours),
        )
        return plan.Seen(
            present=present,
            due=judged,
            served=self._serving.now(),
            obtained=good(
                self._store.obtained, faults=lambda found: self._acting.faults(found, self._acting.expected(present))
            ),
            failure=self._journal.kept("failure"),
        )

    def _suggestion(self, present: pair.Pair) -> Optional[ari.Suggestion]:
        directory = self._store.directory()
        if not self._policy.use_ari or not directory or present.unreadable:
            return None
        known = self._journal.kept("suggestion")
        suggestion, keep = ari.ask(
            present.leaf.der, directory=directory, fetch=self._host.fetch, now=self._host.now, kept=known
        )
        if keep and not self._policy.looks_only:
            self._journal.keep("suggestion", keep)
        return suggestion

    def _validate(self, present: pair.Pair) -> None:
        name = self._wanted.name
        faults = self._acting.faults(present, [] if present.unreadable else self._acting.expected(present))
        try:
            self._serving.test()
        except NotServing as trouble:
            faults.append(str(trouble))
        self.findings.append(report.valid(name, faults, present))
        self.findings += report.served(name, present, self._serving.now())
