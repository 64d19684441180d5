# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every certificate of the policy, one after the other; nobody else renews meanwhile."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterator
from dataclasses import replace

from ..certificates import library
from ..deadline import Deadline
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from ..runner import Runner, run
from . import ari, others
from .case import Case, Host
from .certbot import CertbotFiles
from .engine import Renewal
from .journal import Journal, locked
from .own_files import OwnFiles
from .policy import Policy, Wanted
from .serving import Serving, looker
from .store import Store
from .trust import why_untrusted

_LOOK_SECONDS = 5.0
# Certbot takes back what it changed for a challenge when it is asked to end.
_GRACE = 15.0


def renew(policy: Policy, *, deadline: Deadline) -> Outcome:
    """Does all that the policy asks for. Raises MaintenanceError."""
    policy.check()
    library.require_cryptography()
    findings: list[Finding] = []
    actions: list[Action] = []
    with _alone(policy) as runner:
        host = Host(
            run=runner,
            fetch=ari.fetcher(acme_ca=policy.certbot.acme_ca),
            trust=why_untrusted,
            deadline=deadline,
            ticks=time.monotonic,
        )
        for case in _worked_on(policy, host=host):
            findings += case.findings
            actions += case.actions
    if any(wanted.client == "certbot" for wanted in policy.wanted):
        findings += others.findings(run)
    done = [action.target for action in actions if action.outcome == "done" and action.changed]
    return Outcome(findings=findings, actions=actions, details={"certificates": len(policy.wanted), "changed": done})


def _worked_on(policy: Policy, *, host: Host) -> list[Case]:
    """Every certificate's case, when it is over. One after the other: each may need what another one brings."""
    cases = [_case(wanted, policy=policy, host=host) for wanted in policy.wanted]
    for case in cases:
        Renewal(case).work()
    came = any(action.outcome == "done" and action.changed for case in cases for action in case.actions)
    for number, case in enumerate(cases):
        if case.blocked and came:  # what came into use may have mended the configuration
            # What is in place already is not ordered a second time.
            mode = "auto" if case.journal.unfinished() else policy.mode
            again = _case(case.wanted, policy=replace(policy, mode=mode), host=host)
            Renewal(again).work()
            cases[number] = again
    return cases


@contextlib.contextmanager
def _alone(policy: Policy) -> Iterator[Runner]:
    """The way to run programs while nobody else renews; a program that outlives us keeps others out."""
    if policy.looks_only:
        yield run
        return
    try:
        with locked(policy.state_dir) as descriptor:
            yield functools.partial(run, inherited=(descriptor,), grace=_GRACE)
    except OSError as error:
        raise MaintenanceError(
            f"The folder {error.filename or policy.state_dir} cannot be used ({(error.strerror or '').lower()}): "
            "correct state_dir, or run as an account that may write there (become)."
        ) from None


def _case(wanted: Wanted, *, policy: Policy, host: Host) -> Case:
    folder = os.path.join(policy.state_dir, wanted.name)
    store: Store
    if wanted.client == "certbot":
        store = CertbotFiles(wanted, certbot=policy.certbot, folder=folder)
    else:
        store = OwnFiles(wanted, acme_directory=policy.acme_directory)
    # Not with the lock: what a reload or a hook starts may stay for ever.
    unlocked = functools.partial(run, grace=_GRACE)
    serving = Serving(wanted, run=unlocked, ask=looker(timeout=_LOOK_SECONDS), timeout=policy.serve_timeout)
    return Case(wanted, policy=policy, host=host, store=store, serving=serving, journal=Journal(folder))
