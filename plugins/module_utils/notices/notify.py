# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a run and its channels to a notice that was sent, or is known not to have been."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Action
from ..glue import Outcome
from ..report.source import RECORD, read_record
from . import kinds, templates
from .arguments import OUTCOMES
from .channel import Notice, as_data
from .compose import compose
from .delivery import Patience, actions_of, deliver, findings_of, unwanted
from .prepared import send_prepared
from .sorting import sort_contacts

# Events that somebody may have to answer.
ESCALATED = ("emergency", "failure")
_GATE = "window.gate"
# Of work that only looks nobody was told that it begins, and an end without news is no news.
_NEWS = ("attention", "failed")


def notify(options: Mapping[str, Any], *, patience: Patience, check_mode: bool) -> Outcome:
    """Sends the notice that the options describe, those of the module send_notice.

    Raises MaintenanceError where the options contradict themselves.
    """
    names = [settings["name"] for settings in options["channels"]]
    if len(set(names)) < len(names):
        raise MaintenanceError("Two channels have the same name: give each its own, findings call them by it.")
    if patience.timeout <= 0 or patience.attempts < 1 or patience.deadline <= 0:
        raise MaintenanceError("The options timeout, attempts and deadline must be greater than 0.")
    if options["prepared"] is not None:
        return send_prepared(options, patience=patience, check_mode=check_mode)
    record, remark = _record(options)
    escalate = _escalates(options, record)
    notice = _notice(options, record=record, remark=remark, escalate=escalate)
    ready, refused, others = _sorted(options, notice, outcomes=options["outcomes"] or _usual(notice))
    details: dict[str, Any] = {
        "subject": notice.subject,
        "body": notice.body,
        "delivered": [],
        "undelivered": [],
        "queue": [],
    }
    broken = templates.findings_of(notice.faults, identity=notice.identity)
    if check_mode:
        planned = [Action("notify", name, False, "planned") for name in ready]
        return Outcome(
            findings=[*findings_of((), refused=refused, planned=bool(ready)), *broken],
            actions=[*planned, *actions_of((), refused=refused, unwanted=others)],
            details=details,
        )
    channels = {name: kinds.make(settings) for name, settings in ready.items()}
    deliveries = deliver(channels, notice, patience=patience)
    reasons = {**{one.name: one.fault for one in deliveries if one.fault}, **refused}
    details["delivered"] = [delivery.name for delivery in deliveries if not delivery.fault]
    details["undelivered"] = [{"channel": name, "reason": reason} for name, reason in reasons.items()]
    if reasons or escalate:
        left = {one.name: list(one.left) for one in deliveries if one.left}
        details["queue"] = [_queued(notice, details["delivered"], reasons, left=left, escalate=escalate)]
    if options["queue"] == "follows":
        # Whoever queues what was not delivered says what becomes of it.
        findings = findings_of([one for one in deliveries if not one.fault], refused={})
    else:
        findings = findings_of(deliveries, refused=refused)
    return Outcome(
        findings=[*findings, *broken],
        actions=actions_of(deliveries, refused=refused, unwanted=others),
        details=details,
    )


def _sorted(
    options: Mapping[str, Any], notice: Notice, *, outcomes: Sequence[str]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, str], dict[str, str]]:
    """Channels that can be used, why others cannot, and why the rest does not take this notice; all by name."""
    ready: dict[str, Mapping[str, Any]] = {}
    refused: dict[str, str] = {}
    others: dict[str, str] = {}
    for settings in [*options["channels"], *options["faults"]]:
        name = settings["name"]
        unused = unwanted(settings, event=notice.event, outcome=notice.outcome, outcomes=outcomes)
        fault = "" if unused else settings.get("reason") or kinds.fault(settings)
        if unused:
            others[name] = unused
        elif fault:
            refused[name] = fault
        else:
            ready[name] = settings
    return ready, refused, others


def _notice(options: Mapping[str, Any], *, record: Optional[dict[str, Any]], remark: str, escalate: bool) -> Notice:
    return compose(
        options["event"],
        record=record,
        run=options["run"],
        note=" ".join(part for part in (options["note"], remark) if part),
        report=options["report"],
        contacts=sort_contacts(options["contacts"])[0],
        acknowledge=options["acknowledge"] if escalate else "",
        templates=templates.Templates(options["templates"]),
    )


def _usual(notice: Notice) -> Sequence[str]:
    """Outcomes that channels want where nobody says so: whoever was told of a beginning is told of the end."""
    return _NEWS if notice.data["run"].get("work_class") == "observe" else OUTCOMES


def _escalates(options: Mapping[str, Any], record: Optional[Mapping[str, Any]]) -> bool:
    """Whether somebody has to answer. A run that the windows refused changed nothing: it is told, and calls nobody."""
    refused = any(row["check"] == _GATE and row["status"] == "critical" for row in (record or {}).get("attention", ()))
    return bool(options["escalate"]) and options["event"] in ESCALATED and not refused


def _queued(
    notice: Notice,
    delivered: Sequence[str],
    reasons: Mapping[str, str],
    *,
    left: Mapping[str, Sequence[str]],
    escalate: bool,
) -> dict[str, Any]:
    """The notice as notice_ledger takes it."""
    return {
        **as_data(notice),
        "channels": list(reasons),
        "delivered": list(delivered),
        "reasons": dict(reasons),
        "left": dict(left),
        "escalate": escalate,
    }


def _record(options: Mapping[str, Any]) -> tuple[Optional[dict[str, Any]], str]:
    """The record of the run, and what has to be said where it cannot be read: a notice goes out all the same."""
    folder = options["path"]
    if not folder or options["event"] == "start":
        return None, ""
    if not os.path.exists(os.path.join(folder, RECORD)):
        return None, "There is no record of the run yet."
    try:
        return read_record(folder), ""
    except MaintenanceError as error:
        return None, str(error)
