# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices that are composed already: sent to the channels that wait for them, and what became of each is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from ..report.humanise import clean
from . import kinds
from .channel import Notice, as_notice
from .delivery import CHECK, Delivery, Patience, deliver_all

_GONE = "the policy has no channel of this name"


def send_prepared(options: Mapping[str, Any], *, patience: Patience, check_mode: bool) -> Outcome:
    """Sends the notices ``prepared``, each to the channels that it names. Raises MaintenanceError for no notices."""
    settings = {one["name"]: one for one in options["channels"]}
    wrong = {one["name"]: one["reason"] for one in options["faults"]}
    jobs: dict[str, list[Notice]] = {}
    refused: list[Delivery] = []
    for given in options["prepared"]:
        notice = _read(given)
        for name in given.get("channels") or ():
            reason = _fault(settings[name], notice) if name in settings else wrong.get(name, _GONE)
            if reason:
                refused.append(Delivery(name, 0, 0.0, fault=reason, identity=notice.identity))
            else:
                jobs.setdefault(name, []).append(_for_channel(notice, settings[name], given))
    if check_mode:
        planned = [Action("notify", name, False, "planned") for name, notices in jobs.items() for _one in notices]
        return Outcome(actions=planned, details={"delivered": [], "undelivered": [], "outcomes": [], "queue": []})
    channels = {name: kinds.make(settings[name]) for name in jobs}
    deliveries = [*deliver_all(channels, jobs, patience=patience), *refused]
    return Outcome(
        findings=_findings(options["prepared"], deliveries, queue=options["queue"]),
        actions=[_action(one) for one in deliveries],
        details={
            "delivered": sorted({one.name for one in deliveries if not one.fault}),
            "undelivered": [{"channel": one.name, "reason": one.fault} for one in deliveries if one.fault],
            "outcomes": [_outcome(one) for one in deliveries],
            "queue": [],
        },
    )


def _fault(settings: Mapping[str, Any], notice: Notice) -> Optional[str]:
    if notice.event in kinds.NEVER.get(settings["kind"], ()):
        return f"a channel of the kind {settings['kind']} takes no notice of the event {notice.event}"
    return kinds.fault(settings)


def _for_channel(notice: Notice, settings: Mapping[str, Any], given: Mapping[str, Any]) -> Notice:
    """The notice for those of the channel's readers who did not get it yet."""
    left = (given.get("left") or {}).get(settings["name"])
    kind = kinds.ADDRESSES.get(settings["kind"])
    return replace(notice, to={**notice.to, kind: list(left)}) if left and kind else notice


def _read(given: Mapping[str, Any]) -> Notice:
    try:
        return as_notice(given)
    except (KeyError, TypeError, ValueError):
        raise MaintenanceError(
            "Each of the prepared notices needs identity, event, subject, body and channels, as notice_ledger has them."
        ) from None


def _outcome(delivery: Delivery) -> dict[str, Any]:
    return {
        "identity": delivery.identity,
        "channel": delivery.name,
        "delivered": not delivery.fault,
        "tried": delivery.tried,
        "reason": delivery.fault or delivery.remark,
        "left": list(delivery.left),
    }


def _action(delivery: Delivery) -> Action:
    target = f"{delivery.name} {delivery.identity}"
    if not delivery.tried:
        return Action("notify", target, False, "skipped", reason=delivery.fault)
    outcome = "failed" if delivery.fault else "done"
    return Action("notify", target, False, outcome, seconds=round(delivery.seconds, 3), reason=delivery.fault)


def _findings(prepared: Sequence[Mapping[str, Any]], deliveries: Sequence[Delivery], *, queue: str) -> list[Finding]:
    """One finding a delivery. With a queue behind it, failures are its owner's to tell."""
    by_notice: dict[str, list[Delivery]] = {}
    for one in deliveries:
        by_notice.setdefault(one.identity, []).append(one)
    findings: list[Finding] = []
    for given in prepared:
        mine = by_notice.get(str(given["identity"]), [])
        findings += [_delivered(one, given) for one in mine if not one.fault]
        if queue == "follows":
            continue
        told = bool(given.get("delivered")) or any(not one.fault for one in mine)
        findings += [_lost(one, given, told=told, queue=queue) for one in mine if one.fault]
        if queue == "failed" and given.get("escalate"):
            message = (
                f"The notice '{given['subject']}' could not be kept on the records host, so nobody else will be told "
                "where it is not answered: see to it yourself that somebody is on it."
            )
            findings.append(Finding("notice.escalation", str(given["identity"]), "warning", clean(message)[:1000]))
    return findings


def _delivered(one: Delivery, given: Mapping[str, Any]) -> Finding:
    status, rest = ("warning", f", but {one.remark}: correct the channel") if one.remark else ("ok", "")
    message = f"The channel {one.name} delivered the notice '{given['subject']}'{rest}."
    return Finding(CHECK, one.name, status, clean(message)[:1000], evidence={"attempts": one.attempts})


def _lost(one: Delivery, given: Mapping[str, Any], *, told: bool, queue: str) -> Finding:
    ending = "Others took it." if told else "Nobody was told by any channel."
    if queue == "failed":
        ending += " It could not be kept on the records host for another try either: tell its readers yourself."
    message = f"The notice '{given['subject']}' did not get through by the channel {one.name}: {one.fault}. {ending}"
    return Finding(
        CHECK, one.name, "warning" if told else "critical", clean(message)[:1000], evidence={"attempts": one.attempts}
    )
