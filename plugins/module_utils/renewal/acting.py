# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new certificate ordered, proven good, put into use, proven served; or everything put back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional

from ..deadline import Deadline
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..runner import Runner
from . import ari, backup, pair, plan, report
from .diagnose import diagnose
from .journal import INSTALLING, ORDERING, Journal
from .policy import Policy, Wanted
from .serving import NotServing, Serving, services_of
from .store import OrderFailed, Store

# Why the chain leads to none of a store's authorities, the end of a sentence; empty where it does.
Trust = Callable[[pair.Pair, str, datetime], str]


@dataclass(frozen=True)
class Host:
    """What the work is done with. fetch: asks the authority. ticks: seconds of a clock that only measures."""

    run: Runner
    fetch: ari.Fetch
    trust: Trust
    deadline: Deadline
    ticks: Callable[[], float]

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.deadline.clock()


def good(
    get: Callable[[], Optional[pair.Pair]], *, faults: Callable[[pair.Pair], Sequence[str]]
) -> Optional[pair.Pair]:
    """What there is, where a service may be given it."""
    try:
        found = get()
    except (pair.Unusable, OSError, MaintenanceError):
        return None
    return found if found and not faults(found) else None


class Acting:
    """The acts on one certificate. findings, actions: where they are told."""

    def __init__(
        self,
        wanted: Wanted,
        *,
        policy: Policy,
        host: Host,
        store: Store,
        serving: Serving,
        journal: Journal,
        findings: list[Finding],
        actions: list[Action],
    ) -> None:
        self._wanted = wanted
        self._policy = policy
        self._host = host
        self._store = store
        self._serving = serving
        self._journal = journal
        self._findings = findings
        self._actions = actions
        self._backups = os.path.join(policy.backup_dir, wanted.name)

    def expected(self, present: pair.Pair) -> Sequence[str]:
        """The names that a new certificate must cover. Raises MaintenanceError where nothing tells them."""
        if present.unreadable and not self._wanted.names:
            raise MaintenanceError(
                f"The present certificate does not tell what a new one must cover ({present.unreadable}): set names."
            )
        return self._wanted.names or present.names

    def faults(self, found: pair.Pair, expected: Sequence[str]) -> list[str]:
        """Why no service may be given this pair; each the end of a sentence."""
        faults = pair.faults(found, expected=expected, now=self._host.now)
        if self._wanted.trust_store and not faults:
            why = self._host.trust(found, self._wanted.trust_store, self._host.now)
            faults += [why] if why else []
        return faults

    def act(self, present: pair.Pair, decided: plan.Plan, *, answering: Sequence[str]) -> None:
        started = self._host.ticks()
        try:
            self._serving.test()
        except NotServing as trouble:
            if not pair.broken(present):  # else that may be the very reason
                self._not_begun(present, decided, f"a reload would fail, since {trouble}", cause="configuration")
                return
        if decided.what == plan.RELOAD:
            self._reload(present, decided, answering=answering, started=started)
            return
        self.expected(present)  # what would be found out too late otherwise, at the cost of an order
        if self._wanted.trust_store:
            self._host.trust(present, self._wanted.trust_store, self._host.now)
        try:
            kept = backup.take(self._backups, now=self._host.now, fill=self._store.back_up)
        except OSError as error:
            self._not_begun(present, decided, f"no backup could be taken ({words(error)})", cause="resources")
            return
        new = self._order(present, kept, started=started) if decided.what == plan.ORDER else self._store.obtained()
        if new is not None:
            self._put_into_use(present, new, decided, kept=kept, answering=answering, started=started)

    def _not_begun(self, present: pair.Pair, decided: plan.Plan, reason: str, *, cause: str) -> None:
        name = self._wanted.name
        self._findings.append(report.not_begun(name, reason, pair=present, cause=cause))
        self._actions.append(report.failed_action(name, report.VERBS[decided.what], reason, changed=False, seconds=0.0))

    def _reload(self, present: pair.Pair, decided: plan.Plan, *, answering: Sequence[str], started: float) -> None:
        name = self._wanted.name
        try:
            self._serving.reload()
            proven = self._serving.prove(present.fingerprint, at=answering)
        except NotServing as trouble:
            seconds = self._host.ticks() - started
            self._findings.append(report.not_reloaded(name, str(trouble)))
            self._actions.append(report.failed_action(name, "reload", str(trouble), changed=False, seconds=seconds))
            return
        self._findings += report.served(name, present, proven)
        self._findings.append(report.succeeded(name, decided, present, services=services_of(self._wanted)))
        self._actions.append(report.done(name, decided, present, present, seconds=self._host.ticks() - started))

    def _order(self, present: pair.Pair, kept: str, *, started: float) -> Optional[pair.Pair]:
        """A new certificate that a service may be given; None where there is none, and then all is as it was."""
        name = self._wanted.name
        self._journal.begin(ORDERING, backup=kept, before=present.fingerprint)
        finding: Finding
        try:
            self._store.order(self._host.run, timeout=self._host.deadline.bound(self._policy.timeout))
            new = self._store.obtained()
            if new is None or new.fingerprint == present.fingerprint:
                raise OrderFailed("The client ended well, but there is no new certificate.")
            faults = self.faults(new, self.expected(present))
            if not faults:
                return new
            finding, kind = report.refused(name, faults, pair=present), "invalid"
        except pair.Unusable as error:
            finding, kind = report.refused(name, [str(error)], pair=present), "invalid"
        except (OrderFailed, MaintenanceError, OSError) as error:
            said = error.output if isinstance(error, OrderFailed) else str(error)
            diagnosis = diagnose(words(error) if isinstance(error, OSError) else said)
            finding, kind = report.not_ordered(name, diagnosis, pair=present), diagnosis.kind
        self._findings.append(finding)
        seconds = self._host.ticks() - started
        self._actions.append(report.failed_action(name, "renew", finding.message, changed=False, seconds=seconds))
        self._store.restore(kept)  # a client that writes the installed files itself may have written half of them
        self._store.forget()
        self._end(failed_with=kind)
        return None

    def _put_into_use(
        self,
        present: pair.Pair,
        new: pair.Pair,
        decided: plan.Plan,
        *,
        kept: str,
        answering: Sequence[str],
        started: float,
    ) -> bool:
        """Installs, reloads and proves the new certificate, or puts everything back."""
        name = self._wanted.name
        self._journal.begin(INSTALLING, backup=kept, before=present.fingerprint, after=new.fingerprint)
        try:
            self._store.install()
            self._serving.test()
            self._serving.reload()
            proven = self._serving.prove(new.fingerprint, at=answering)
            for hook in self._store.hooks():
                self._serving.hook(hook.argv, hook.environment, timeout=self._policy.timeout)
        except (NotServing, pair.Unusable, MaintenanceError, OSError) as trouble:
            reason = words(trouble) if isinstance(trouble, OSError) else str(trouble).rstrip(".")
            self._roll_back(present, reason, kept=kept, answering=answering, started=started)
            return False
        self._findings += report.served(name, new, proven)
        self._findings.append(report.succeeded(name, decided, new, services=services_of(self._wanted)))
        self._actions.append(report.done(name, decided, present, new, seconds=self._host.ticks() - started))
        self._end(failed_with="")
        self._store.forget()
        return True

    def _roll_back(
        self, present: pair.Pair, reason: str, *, kept: str, answering: Sequence[str], started: float
    ) -> None:
        """Everything as it was in the backup, and proof that the services still serve it."""
        name = self._wanted.name
        try:
            self._store.restore(kept)
        except OSError as error:  # the notes stay, for the next run
            self._findings.append(report.not_put_back(name, reason, words(error)))
            seconds = self._host.ticks() - started
            self._actions.append(report.failed_action(name, "roll_back", words(error), changed=True, seconds=seconds))
            return
        proof = self._prove_back(present, answering=answering)
        self._findings.append(report.rolled_back(name, reason, proof=proof))
        seconds = self._host.ticks() - started
        self._actions.append(report.failed_action(name, "renew", reason, changed=False, seconds=seconds))
        self._actions.append(
            Action(action="roll_back", target=name, changed=False, outcome="done", after=present.told())
        )
        self._end(failed_with="activation")

    def _prove_back(self, present: pair.Pair, *, answering: Sequence[str]) -> str:
        """Whether what was there before is served again, as the end of a sentence."""
        told = f"the one before it, valid until {present.leaf.ends}, is back"
        wrong = pair.broken(present)
        if wrong:
            return f"what was there before it, which no service can use ({wrong}), is back on disk"
        try:
            stale = self._serving.now().others_than(present.fingerprint)
            self._read_again(needed=bool(stale) or not answering)
            self._serving.prove(present.fingerprint, at=answering)
        except NotServing as trouble:
            return f"{told} on disk, but it is not proven served: {trouble}"
        if not answering:
            return f"{told} on disk; no endpoint tells what {services_of(self._wanted)} has"
        return f"{told} and was served all the time" if not stale else f"{told} and served"

    def _read_again(self, *, needed: bool) -> None:
        """Has the services read what was put back.

        Also where it is what they serve: a reload that they were told before may still come about, with what they
        read then. needed: whether it matters where they cannot. Raises NotServing.
        """
        try:
            self._serving.test()
            self._serving.reload()
        except NotServing:
            if needed:
                raise

    def finish(self, begun: Mapping[str, Any]) -> bool:
        """Goes on with what an interrupted run was doing where that is possible, else goes back.

        Returns whether this run may do more: not where it could not put into use what there was.
        """
        name, phase, kept = self._wanted.name, str(begun.get("phase")), str(begun.get("backup"))
        if not os.path.isdir(kept):
            self._journal.over()
            told = "its backup is gone, so what is on disk stays as it is"
            self._findings.append(report.leftover(name, phase=phase, done_now=told, status="warning"))
            return True
        started = self._host.ticks()
        self._store.restore(kept)  # the files may be half of the one certificate and half of the other
        before = self._store.present()
        new = good(self._store.obtained, faults=lambda found: self.faults(found, self.expected(before)))
        if new is None or new.fingerprint == before.fingerprint:
            self._store.forget()
            self._end(failed_with="")
            self._findings.append(report.leftover(name, phase=phase, done_now="what was there before it is in place"))
            return True
        again = plan.Plan(plan.INSTALL, "an earlier run was interrupted")
        answering = list(self._serving.now().fingerprints)
        came = self._put_into_use(before, new, again, kept=kept, answering=answering, started=started)
        told = "this run put it into use" if came else "this run put back what was there before it"
        self._findings.append(report.leftover(name, phase=phase, done_now=told))
        return came

    def _end(self, *, failed_with: str) -> None:
        """Nothing is left to go on with. failed_with: the kind of trouble; empty for none."""
        retry = timedelta(hours=self._policy.retry_hours)
        kept = plan.failure(failed_with, now=self._host.now, retry=retry) if failed_with else {}
        self._journal.keep("failure", kept)
        self._journal.over()
        backup.prune(self._backups, keep=self._policy.backups_kept)


def words(error: OSError) -> str:
    """The system's own, with the path that they are about."""
    if isinstance(error, shutil.Error):  # of a folder's copy; each of its troubles with source, copy and words
        source, _copy, why = error.args[0][0]
        return why if str(source) in why else f"{source}: {why}"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}"
