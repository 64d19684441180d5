# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a renewal tells: findings and actions, each with a sentence that a person can act on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Optional

from ..certificates.library import one_line, printable
from ..clock import to_text
from ..findings import Action, Finding
from .diagnose import Diagnosis
from .due import Due
from .journal import WAITING
from .pair import Pair
from .plan import INSTALL, NOTHING, ORDER, RELOAD, WAIT, Plan
from .serving import Served

DUE, OUTCOME, SERVED, VALID = "renewal.due", "renewal.outcome", "renewal.served", "renewal.valid"
LEFTOVER, OTHER_RENEWER = "renewal.leftover", "renewal.other_renewer"

# What an action is called, by what was planned.
VERBS = {ORDER: "renew", INSTALL: "install", RELOAD: "reload"}
_SILENT = "What {} serves is unknown: {}; start the service, or correct the endpoint."


def due_finding(name: str, pair: Pair, due: Due, *, now: datetime, acts: bool) -> Finding:
    """Whether the certificate is due. acts: whether this run does something about it."""
    left = (pair.not_after - now).total_seconds() / 86_400
    if not due.now:
        status, message = "ok", f"{name} is not due before {to_text(due.at)}: {due.reason}."
    elif acts:
        status, message = "ok", f"{name} was due: {due.reason}."
    else:
        status, message = "warning", f"{name} is due: {due.reason}; run the renewal."
    return Finding(
        check=DUE,
        subject=name,
        status=status,
        value=None if pair.unreadable else round(left, 2),
        unit=None if pair.unreadable else "days",
        message=message,
        evidence={**pair.told(), "due_at": to_text(due.at)},
    )


def unreadable(name: str, check: str, reason: str) -> Finding:
    """The present certificate could not be looked at."""
    return Finding(
        check=check,
        subject=name,
        status="unknown",
        message=f"Whether {name} is in order is unknown: {printable(reason).rstrip('.')}.",
    )


def planned(name: str, plan: Plan, pair: Pair) -> Optional[Action]:
    """What would be done; None where nothing would."""
    if plan.what in (NOTHING, WAIT):
        return None
    return Action(
        action=VERBS[plan.what],
        target=name,
        changed=True,
        outcome="planned",
        before=pair.told(),
        reason=plan.reason,
    )


def late(name: str, plan: Plan, reason: str) -> Action:
    """It would have been done, had there been time."""
    return Action(action=VERBS[plan.what], target=name, changed=False, outcome="skipped", reason=reason)


class Came(NamedTuple):
    """What came into use. reloaded: names of services, for a sentence. resting: of those stopped on purpose."""

    plan: Plan
    after: Pair
    reloaded: str
    resting: Sequence[str]

    @property
    def left_alone(self) -> str:
        """What is to be said of the services that rest, with what parts it from the words before."""
        if not self.resting:
            return ""
        one = "{} is stopped on purpose, and reads it when it starts"
        several = "{} are stopped on purpose, and read it when they start"
        return "; " + (one if len(self.resting) == 1 else several).format(", ".join(self.resting))


def done(name: str, came: Came, *, before: Pair, seconds: float) -> Action:
    """What was done."""
    return Action(
        action=VERBS[came.plan.what],
        target=name,
        changed=True,
        outcome="done",
        before=before.told(),
        after=came.after.told(),
        seconds=round(seconds, 2),
        reason=came.plan.reason + came.left_alone,
    )


def succeeded(name: str, came: Came) -> Finding:
    """The finding beside it."""
    verb = {ORDER: "was renewed", INSTALL: "was put into use", RELOAD: "is served as it is on disk"}[came.plan.what]
    ends = came.after.leaf.ends
    message = f"{name} {verb}; it is valid until {ends}, and {came.reloaded} was reloaded{came.left_alone}."
    evidence = {**came.after.told(), **({"stopped": list(came.resting)} if came.resting else {})}
    return Finding(check=OUTCOME, subject=name, status="ok", message=message, evidence=evidence)


def failed_action(name: str, verb: str, reason: str, *, changed: bool, seconds: float) -> Action:
    """What did not come through. changed: whether anything on the host is different now."""
    return Action(
        action=verb,
        target=name,
        changed=changed,
        outcome="failed",
        seconds=round(seconds, 2),
        reason=one_line(reason),
    )


def not_ordered(name: str, diagnosis: Diagnosis, *, pair: Pair) -> Finding:
    """The client did not come through; nothing is different."""
    message = (
        f"{name} could not be renewed ({diagnosis.kind}: {diagnosis.said.rstrip('.')}); it is valid until "
        f"{pair.leaf.ends} and stays in use: {diagnosis.advice}."
    )
    return _critical(name, message, cause=diagnosis.kind, said=diagnosis.said)


def refused(name: str, faults: Sequence[str], *, pair: Pair) -> Finding:
    """A new certificate came that no service may be given."""
    message = (
        f"The new certificate for {name} was not put into use: {'; '.join(faults)}. The one before it, valid "
        f"until {pair.leaf.ends}, stays: find out what the client ordered."
    )
    return _critical(name, message, cause="invalid", faults=list(faults))


def not_begun(name: str, reason: str, *, pair: Pair, cause: str) -> Finding:
    """Something stood in the way before anything was done."""
    message = (
        f"{name} was not renewed: {printable(reason)}. The present certificate, valid until {pair.leaf.ends}, stays; "
        "correct that first."
    )
    return _critical(name, message, cause=cause)


def not_put_back(name: str, reason: str, trouble: str) -> Finding:
    """A new certificate did not come into use, and the one before it is not back."""
    message = (
        f"The new certificate for {name} did not come into use: {printable(reason)}; and the one before it could not "
        f"be put back ({printable(trouble)}): correct that, the next renewal puts it back first."
    )
    return _critical(name, message, cause="roll_back")


def left_in_place(name: str, reason: str) -> Finding:
    """A new certificate is in the place of one that was of no use; services do not have it yet."""
    message = (
        f"The new certificate for {name} is in place, since the one before it was of no use, but no service has "
        f"it yet: {reason}; correct that, the next renewal puts it into use."
    )
    return _critical(name, message, cause="configuration")


def rolled_back(name: str, reason: str, *, proof: str) -> Finding:
    """A new certificate did not come into use; what was before it is back."""
    message = f"The new certificate for {name} did not come into use: {reason}; {proof}."
    return _critical(name, message, cause="activation")


def not_reloaded(name: str, reason: str) -> Finding:
    """What is on disk did not come into use, and nothing was changed."""
    message = f"What {name} has on disk is not what is served: {reason}; correct that, and reload the service."
    return _critical(name, message, cause="activation")


def waiting(name: str, plan: Plan) -> Finding:
    """An order failed not long ago."""
    message = f"{name} is due and could not be renewed: {plan.reason}; see that run for the cause, or use mode force."
    return _critical(name, message, cause="waiting")


def _critical(name: str, message: str, **evidence: Any) -> Finding:
    return Finding(check=OUTCOME, subject=name, status="critical", message=message, evidence=evidence)


def silent(name: str, served: Served) -> list[Finding]:
    """Endpoints that did not answer before anything was done prove nothing; nor do those that were not asked."""
    told = {label: ("unknown", _SILENT.format(label, one_line(why))) for label, why in served.silent.items()}
    told.update({label: ("ok", f"{label} has nothing to serve: {why}.") for label, why in served.resting.items()})
    return [
        Finding(check=SERVED, subject=f"{name} at {label}", status=status, message=message)
        for label, (status, message) in told.items()
    ]


def served(name: str, pair: Pair, now: Served) -> list[Finding]:
    """Whether each endpoint serves what is on disk."""
    findings = []
    for label, fingerprint in now.fingerprints.items():
        same = fingerprint == pair.fingerprint
        message = (
            f"{label} serves the certificate of {name} that is on disk."
            if same
            else f"{label} does not serve the certificate of {name} that is on disk: reload the service."
        )
        findings.append(
            Finding(
                check=SERVED,
                subject=f"{name} at {label}",
                status="ok" if same else "critical",
                message=message,
                evidence={"served": fingerprint, "on_disk": pair.fingerprint},
            )
        )
    return findings + silent(name, now)


def leftover(name: str, *, phase: str, done_now: str, status: str = "ok") -> Finding:
    """An earlier run did not come to its end. done_now: what became of it; empty where it is left as it is."""
    what = {"ordering": "ordering a new certificate", "installing": "putting a new certificate into use"}
    told = f"An earlier renewal of {name} was interrupted while {what.get(phase, 'working')}"
    if phase == WAITING:
        told = f"A new certificate for {name} is in place, and waited until the configuration of a service was in order"
    return Finding(
        check=LEFTOVER,
        subject=name,
        status=status if done_now else "warning",
        message=f"{told}; {done_now or 'the next renewal finishes or undoes it: run it'}.",
        evidence={"phase": phase},
    )


def valid(name: str, faults: Sequence[str], pair: Pair) -> Finding:
    """What is installed, held against what should be."""
    if faults:
        message = f"{name} is not as it should be: {'; '.join(faults)}."
        return Finding(check=VALID, subject=name, status="critical", message=message, evidence=pair.told())
    message = f"{name} is as it should be: key, names, dates, and the configuration of its services."
    return Finding(check=VALID, subject=name, status="ok", message=message, evidence=pair.told())
