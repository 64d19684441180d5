# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One certificate: what is wanted of it, what its renewal is done with, and what there is to tell."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Optional

from ..deadline import Deadline
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..runner import Runner
from . import ari, backup, pair, plan
from .journal import Journal
from .policy import Policy, Wanted
from .serving import Serving
from .store import Store

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


@dataclass
class Case:
    """All of it. findings, actions: what is told, whatever becomes of the renewal.

    blocked: whether the configuration of a service was broken, and kept a certificate from being put into use.
    """

    wanted: Wanted
    policy: Policy
    host: Host
    store: Store
    serving: Serving
    journal: Journal
    findings: list[Finding] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    blocked: bool = False

    @property
    def name(self) -> str:
        return self.wanted.name

    @property
    def backups(self) -> str:
        """The folder of its backups."""
        return os.path.join(self.policy.backup_dir, self.name)

    def expected(self, present: pair.Pair) -> Sequence[str]:
        """The names that a new certificate must cover. Raises MaintenanceError where nothing tells them."""
        if present.unreadable and not self.wanted.names:
            raise MaintenanceError(
                f"The present certificate does not tell what a new one must cover ({present.unreadable}): set names."
            )
        return self.wanted.names or present.names

    def faults(self, found: pair.Pair, expected: Sequence[str]) -> list[str]:
        """Why no service may be given this pair; each the end of a sentence."""
        faults = pair.faults(found, expected=expected, now=self.host.now)
        if self.wanted.trust_store and not faults:
            why = self.host.trust(found, self.wanted.trust_store, self.host.now)
            faults += [why] if why else []
        return faults

    def obtained(self, present: pair.Pair) -> Optional[pair.Pair]:
        """What the client obtained last, where a service may be given it in the place of the present one.

        Raises MaintenanceError where that cannot be told.
        """
        try:
            found = self.store.obtained()
        except (pair.Unusable, OSError, MaintenanceError):
            return None
        return found if found and not self.faults(found, self.expected(present)) else None

    def end(self, *, failed_with: str) -> None:
        """Nothing is left to go on with. failed_with: the kind of trouble; empty for none."""
        retry = timedelta(hours=self.policy.retry_hours)
        kept = plan.failure(failed_with, now=self.host.now, retry=retry) if failed_with else {}
        self.journal.keep("failure", kept)
        self.journal.over()
        backup.prune(self.backups, keep=self.policy.backups_kept)
