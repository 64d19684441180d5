# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module notice_plan does: from policy, ledger and moment to the notices that are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Optional

from ..clock import now_or
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from ..report.humanise import clean
from ..windows.query import Question
from . import templates
from .announcing import POLICY, House, Planned, announce, cancel, horizon, without_windows
from .escalating import escalate, parse_levels
from .sorting import sort_contacts
from .waiting import is_entry


def plan(options: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """The notices that the ledger does not know yet. What is wrong with the policy is a finding and stops that alone.

    Raises MaintenanceError where the moment is none.
    """
    now = now_or(options["now"])
    contacts, wrong = sort_contacts(options["contacts"])
    channels = [*options["channels"], *(one["name"] for one in options["faults"])]
    takes = {**options["takes"], **{one["name"]: one["events"] for one in options["faults"]}}
    known = [entry for entry in options["known"] if is_entry({"body": "", **entry})]
    house = House(
        system=options["system"],
        takes={name: takes.get(name) for name in channels},
        contacts=contacts,
        known={entry["identity"]: entry for entry in known},
        templates=templates.Templates(options["templates"]),
        acknowledge=options["acknowledge"],
    )
    parts = [
        *_of_channels(options["faults"], wrong),
        *_of_windows(options, now=now, house=house),
        *_of_escalation(options, now=now, house=house),
    ]
    findings = [finding for part in parts for finding in part.findings]
    for part in parts:
        for identity, fault in part.faults:
            findings += templates.findings_of([fault], identity=identity)
    notices = [notice for part in parts for notice in part.notices]
    # Planning changes nothing; notice_ledger takes what is planned.
    actions = [Action("plan", notice["identity"], False, "planned" if check_mode else "done") for notice in notices]
    return Outcome(findings=findings, actions=actions, details={"notices": notices})


def _of_channels(faults: Sequence[Mapping[str, Any]], contacts: Optional[str]) -> list[Planned]:
    """What is wrong with channels and contacts. A notice for such a channel waits until it is mended."""
    words = [
        (one["name"], f"The channel {one['name']} is set up wrongly: {one['reason']}. Its notices wait: correct it.")
        for one in faults
    ]
    words += [("contacts", contacts)] if contacts else []
    return [Planned(findings=[Finding(POLICY, name, "critical", clean(text)[:1000]) for name, text in words])]


def _of_windows(options: Mapping[str, Any], *, now: datetime, house: House) -> list[Planned]:
    if not house.system:
        words = "The system has no name, so nothing is announced: set policy_system, by which notices call it."
        return [_wrong("system", MaintenanceError(words))]
    windows, wrong = _good_windows(options)
    try:
        question = Question(windows, blackouts=options["blackouts"], time_zone=options["time_zone"])
        if not question.windows:
            return wrong or [Planned(findings=without_windows(house, now=now))]
        leads = [lead for window in question.windows for lead in window.announce]
        openings = question.between(now, horizon(leads, now=now, house=house))
    except MaintenanceError as error:
        return [*wrong, _wrong("windows", error)]
    parts = [*wrong, announce(openings, now=now, house=house)]
    # Of a window that cannot be read nobody knows that it is gone.
    return parts if wrong else [*parts, cancel(openings, now=now, house=house)]


def _good_windows(options: Mapping[str, Any]) -> tuple[Any, list[Planned]]:
    """The windows that can be read, and what is wrong with the others."""
    rows = options["windows"]
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Sequence):
        return rows or [], []
    good, wrong = [], []
    for row in rows:
        try:
            Question([row], time_zone=options["time_zone"])
            good.append(row)
        except MaintenanceError as error:  # noqa: PERF203 - one wrong window leaves the others
            wrong.append(_wrong("windows", error))
    return good, wrong


def _of_escalation(options: Mapping[str, Any], *, now: datetime, house: House) -> list[Planned]:
    levels, wrong = parse_levels(options["escalation"], contacts=house.contacts, channels=list(house.takes))
    parts = [_wrong("escalation", error) for error in wrong]
    # Where every level is wrong, that is what there is to say.
    return parts if parts and not levels else [*parts, escalate(levels, now=now, house=house)]


def _wrong(part: str, error: MaintenanceError) -> Planned:
    return Planned(findings=[Finding(POLICY, part, "critical", clean(error)[:1000])])
