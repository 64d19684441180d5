# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Escalation: who is told when nobody has answered a notice. Pure.

The first level is told at once, each further one when the levels before it have had their time to respond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..findings import Finding
from ..windows.times import parse_duration, span
from .announcing import POLICY, House, Planned
from .compose import compose
from .kinds import address_fault

CHECK = "notice.escalation"
# By contact, which of its fields is which kind of address.
_ADDRESSES = ("mail", "phone")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Level:
    """One level. people: contact and deputy, as policy_contacts has them. respond: how long they have."""

    number: int
    role: str
    people: Sequence[Row]
    respond: timedelta
    channels: Sequence[str]


def parse_levels(
    rows: Any, *, contacts: Sequence[Row], channels: Sequence[str]
) -> tuple[list[Level], list[MaintenanceError]]:
    """The levels of ``policy_escalation``, lowest first, and why others of them cannot be followed."""
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows or [], Sequence):
        return [], [MaintenanceError("The levels of the escalation must be a list: correct policy_escalation.")]
    levels: dict[int, Level] = {}
    by_name, wrong = _reachable(contacts)
    for row in rows or ():
        try:
            level = _level(row, by_name=by_name, channels=channels)
            if level.number in levels:
                raise MaintenanceError("Two levels of the escalation have the same number: give each its own.")
            levels[level.number] = level
        except MaintenanceError as error:  # noqa: PERF203 - one wrong level leaves the others
            wrong.append(error)
    return [levels[number] for number in sorted(levels)], wrong


def _level(row: Any, *, by_name: Mapping[str, Row], channels: Sequence[str]) -> Level:
    try:
        number = int(row["level"])
    except (KeyError, TypeError, ValueError):
        raise MaintenanceError(f"Each level of the escalation needs its number as level, not {row!r}.") from None
    of = f"of escalation level {number}"
    people: list[Row] = []
    for field in ("contact", "deputy"):
        name = row.get(field)
        if name and str(name) not in by_name:
            raise MaintenanceError(f"The {field} {of}, {name}, is none of the contacts: add it to policy_contacts.")
        if field == "deputy" and not name and people:
            # Whom the contact names, where that is somebody who can be reached.
            name = str(people[0].get("deputy") or "")
            name = name if name in by_name else ""
        people += [by_name[str(name)]] if name else []
    given = row.get("channels") or []
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not names:
        raise MaintenanceError(f"The channels {of} are missing: name those by which the level is told.")
    unknown = [str(name) for name in names if name not in channels]
    if unknown:
        raise MaintenanceError(
            f"The channels {of} name {', '.join(unknown)}, which policy_channels does not have: "
            "name those by which the level is told."
        )
    respond = parse_duration(row.get("respond_within"), what=f"The respond_within {of}")
    return Level(number, str(row.get("role") or ""), people, respond, list(names))


def _reachable(contacts: Sequence[Row]) -> tuple[dict[str, Row], list[MaintenanceError]]:
    """The contacts by name, without addresses that are none: one of them keeps nobody else from being told."""
    by_name: dict[str, Row] = {}
    wrong = []
    for contact in contacts:
        faults = {field: address_fault(field, str(contact[field])) for field in _ADDRESSES if contact.get(field)}
        by_name[str(contact["name"])] = {key: value for key, value in contact.items() if not faults.get(key)}
        wrong += [
            MaintenanceError(f"The contact {contact['name']} has a wrong {field}: {fault}.")
            for field, fault in faults.items()
            if fault
        ]
    return by_name, wrong


def escalate(levels: Sequence[Level], *, now: datetime, house: House) -> Planned:
    """The notices to levels whose turn it is, of everything that nobody has answered."""
    planned = Planned()
    for entry in house.known.values():
        if not entry.get("escalate") or entry.get("acknowledged"):
            continue
        since = now
        command = house.acknowledge.replace("{identity}", entry["identity"])
        for level in levels:
            if now < since:
                break
            identity = f"{entry['identity']}.level-{level.number}"
            # Its time begins when it is told: late where the timer was down, now where the clock went back.
            told = house.known.get(identity)
            since = min(parse_moment(told["created"], option="created"), now) if told else now
            if told is None:
                _tell(
                    level,
                    entry,
                    identity=identity,
                    command=command,
                    first=level is levels[0],
                    house=house,
                    planned=planned,
                )
            since += level.respond
        else:
            if levels and now >= since:
                planned.findings.append(_nobody(entry, command=command, now=now))
        if not levels:
            words = (
                f"The notice '{entry['subject']}' waits for an answer, and policy_escalation has no levels: "
                f"answer it with {command}"
            )
            planned.findings.append(Finding(POLICY, entry["identity"], "warning", words[:1000]))
    return planned


def _tell(
    level: Level, entry: Row, *, identity: str, command: str, first: bool, house: House, planned: Planned
) -> None:
    run = dict((entry.get("data") or {}).get("run") or {"system": house.system})
    addresses = {kind: [str(person[kind]) for person in level.people if person.get(kind)] for kind in _ADDRESSES}
    notice = compose(
        "escalation",
        record=None,
        run=run,
        contacts=level.people,
        escalation={
            "level": level.number,
            "role": level.role,
            "about": entry["subject"],
            "since": entry["created"],
            "notice": entry["identity"],
            "within": span(level.respond),
            "first": "yes" if first else "",
        },
        identity=identity,
        acknowledge=command,
        to={kind: found for kind, found in addresses.items() if found},
        templates=house.templates,
    )
    planned.add(notice, channels=level.channels)


def _nobody(entry: Row, *, command: str, now: datetime) -> Finding:
    since = parse_moment(entry["created"], option="created")
    words = (
        f"Nobody has answered the notice '{entry['subject']}' of {to_text(since)} at any level: "
        f"see to it now, and say so with {command}"
    )
    hours = round((now - since).total_seconds() / 3600, 1)
    return Finding(CHECK, entry["identity"], "critical", words[:1000], value=hours, unit="hours")
