# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module notice_plan does: from policy, ledger and moment to the notices that are new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..clock import now_or
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from ..report.humanise import clean
from ..windows.query import Question
from . import templates
from .announcing import POLICY, House, Planned, announce, cancel, horizon, without_windows
from .escalating import escalate, parse_levels
from .waiting import is_entry


def plan(options: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """The notices that the ledger does not know yet. What is wrong with the policy is a finding and stops its part.

    Raises MaintenanceError where the moment or the system is missing.
    """
    now = now_or(options["now"])
    if not options["system"]:
        raise MaintenanceError("The system has no name: set policy_system, by which notices call it.")
    known = [entry for entry in options["known"] if is_entry({"body": "", **entry})]
    house = House(
        system=options["system"],
        takes={name: options["takes"].get(name) for name in options["channels"]},
        contacts=options["contacts"],
        known={entry["identity"]: entry for entry in known},
        templates=templates.Templates(options["templates"]),
        acknowledge=options["acknowledge"],
    )
    parts = [*_of_windows(options, now=now, house=house), *_of_escalation(options, now=now, house=house)]
    findings = [finding for part in parts for finding in part.findings]
    for part in parts:
        for identity, fault in part.faults:
            findings += templates.findings_of([fault], identity=identity)
    notices = [notice for part in parts for notice in part.notices]
    # Planning changes nothing; notice_ledger takes what is planned.
    actions = [Action("plan", notice["identity"], False, "planned" if check_mode else "done") for notice in notices]
    return Outcome(findings=findings, actions=actions, details={"notices": notices})


def _of_windows(options: Mapping[str, Any], *, now: datetime, house: House) -> list[Planned]:
    try:
        question = Question(options["windows"], blackouts=options["blackouts"], time_zone=options["time_zone"])
        if not question.windows:
            return [Planned(findings=without_windows(house, now=now))]
        leads = [lead for window in question.windows for lead in window.announce]
        openings = question.between(now, horizon(leads, now=now, house=house))
    except MaintenanceError as error:
        return [_wrong("windows", error)]
    return [announce(openings, now=now, house=house), cancel(openings, now=now, house=house)]


def _of_escalation(options: Mapping[str, Any], *, now: datetime, house: House) -> list[Planned]:
    try:
        levels = parse_levels(options["escalation"], contacts=options["contacts"], channels=options["channels"])
    except MaintenanceError as error:
        return [_wrong("escalation", error)]
    return [escalate(levels, now=now, house=house)]


def _wrong(part: str, error: MaintenanceError) -> Planned:
    return Planned(findings=[Finding(POLICY, part, "critical", clean(error)[:1000])])
