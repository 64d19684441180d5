"""Windows, contacts, notices and cadences of the five inventories: valid, and what the documents ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.careops.maintenance.plugins.module_utils.clock import parse_moment
from ansible_collections.careops.maintenance.plugins.module_utils.notices.arguments import ARGUMENTS
from ansible_collections.careops.maintenance.plugins.module_utils.windows.openings import next_opening, open_at
from ansible_collections.careops.maintenance.plugins.module_utils.windows.policy import (
    IMPACTS,
    parse_blackouts,
    parse_windows,
)
from ansible_collections.careops.maintenance.plugins.module_utils.windows.times import parse_duration
from tests.lab.modules import ROOT
from tests.unit.inventories import systems

KINDS = {"critical_update", "security_patch", "recovery"}
GROUPS = {"health", "backups", "records", "audit", "calendar", "anchors"}

# A moment in the zone of the windows, and what is open then for a cadence: the window's name, or nothing.
MOMENTS = [
    # Friday night belongs to Friday, and ends on Saturday morning.
    ("neonpro", "2027-01-01T21:59", "America/Sao_Paulo", "weekly", ""),
    ("neonpro", "2027-01-01T22:00", "America/Sao_Paulo", "weekly", "weekday nights"),
    ("neonpro", "2027-01-02T05:59", "America/Sao_Paulo", "monthly", "weekday nights"),
    ("neonpro", "2027-01-02T06:00", "America/Sao_Paulo", "monthly", ""),
    ("neonpro", "2027-01-02T06:00", "America/Sao_Paulo", "weekly", "weekend mornings"),
    ("neonpro", "2027-01-02T08:00", "America/Sao_Paulo", "weekly", ""),
    ("neonpro", "2027-01-02T23:00", "America/Sao_Paulo", "weekly", ""),
    ("neonpro", "2027-01-04T12:00", "America/Sao_Paulo", "weekly", ""),
    ("smartmed", "2027-01-03T01:59", "UTC", "weekly", ""),
    ("smartmed", "2027-01-03T02:00", "UTC", "monthly", "primary"),
    ("smartmed", "2027-01-03T05:59", "UTC", "quarterly", "primary"),
    ("smartmed", "2027-01-03T06:00", "UTC", "weekly", ""),
    ("smartmed", "2027-01-06T02:00", "UTC", "weekly", "secondary"),
    ("smartmed", "2027-01-06T02:00", "UTC", "monthly", ""),
    ("smartmed", "2027-01-06T04:00", "UTC", "weekly", ""),
    ("hysio", "2027-01-10T01:59", "Europe/Amsterdam", "weekly", ""),
    ("hysio", "2027-01-10T02:00", "Europe/Amsterdam", "weekly", "primary"),
    ("hysio", "2027-01-10T05:59", "Europe/Amsterdam", "monthly", "primary"),
    ("hysio", "2027-01-10T02:30", "Europe/Amsterdam", "quarterly", ""),
    # 2 o'clock is 2 o'clock in summer too.
    ("hysio", "2027-07-11T02:00", "Europe/Amsterdam", "weekly", "primary"),
    ("hysio", "2027-07-11T06:00", "Europe/Amsterdam", "weekly", ""),
    ("hysio", "2027-01-03T00:00", "Europe/Amsterdam", "quarterly", "extended"),
    ("hysio", "2027-01-03T07:59", "Europe/Amsterdam", "quarterly", "extended"),
    ("hysio", "2027-01-03T08:00", "Europe/Amsterdam", "quarterly", ""),
    ("hysio", "2027-02-07T02:30", "Europe/Amsterdam", "quarterly", ""),
    ("trusted_login", "2027-01-03T21:59", "UTC", "monthly", ""),
    ("trusted_login", "2027-01-03T22:00", "UTC", "monthly", "monthly low traffic"),
    ("trusted_login", "2027-01-10T22:30", "UTC", "monthly", ""),
    ("trusted_login", "2027-01-10T22:30", "UTC", "weekly", "low traffic"),
    ("guide", "2026-12-20T01:59", "UTC", "weekly", ""),
    ("guide", "2026-12-20T02:00", "UTC", "weekly", "weekly"),
    ("guide", "2026-12-20T04:00", "UTC", "weekly", ""),
    ("guide", "2026-12-20T02:30", "UTC", "monthly", ""),
    ("guide", "2026-12-27T02:30", "UTC", "monthly", "monthly"),
    ("guide", "2026-12-27T05:59", "UTC", "monthly", "monthly"),
    ("guide", "2026-12-27T02:30", "UTC", "quarterly", ""),
    ("guide", "2027-02-21T02:30", "UTC", "quarterly", "first quarter of 2027"),
]

# How long before a window its notice and its reminders go out.
ANNOUNCED = {
    "neonpro": {"weekday nights": ["PT72H", "PT24H"], "weekend mornings": ["PT72H", "PT24H"]},
    "smartmed": {"primary": ["PT72H", "PT24H"], "secondary": ["PT72H", "PT24H"]},
    "hysio": {"primary": ["P7D", "PT24H"], "extended": ["P7D", "PT24H"]},
    "trusted_login": {"low traffic": ["P3D"], "monthly low traffic": ["P3D"]},
    "guide": {
        "weekly": ["PT24H"],
        "monthly": ["PT72H"],
        "fourth quarter of 2026": ["P14D"],
        "first quarter of 2027": ["P14D"],
    },
}


def windows_of(system: str) -> list[Any]:
    policy = systems.policy(system)
    return parse_windows(policy["policy_windows"], time_zone=policy["policy_time_zone"])


def opened(system: str, moment: datetime, cadence: str) -> str:
    """The window that lets a run of the cadence begin, as run_open asks for it."""
    impact = systems.policy(system)["policy_impacts"].get(cadence, "minimal")
    suits = [
        opening.name
        for opening in open_at(windows_of(system), moment)
        if (not opening.cadences or cadence in opening.cadences)
        and IMPACTS.index(opening.impact) >= IMPACTS.index(impact)
    ]
    return suits[0] if suits else ""


@pytest.mark.parametrize(("system", "local", "zone", "cadence", "expected"), MOMENTS)
def test_windows_open_and_close_when_the_document_says(
    system: str, local: str, zone: str, cadence: str, expected: str
) -> None:
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone))
    assert opened(system, moment, cadence) == expected


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_every_cadence_of_maintenance_has_a_window(system: str) -> None:
    policy = systems.policy(system)
    now = parse_moment("2026-11-21T00:00:00Z", option="now")
    for cadence in ("weekly", "monthly", "quarterly"):
        needs = policy.get("policy_needs", {}).get(cadence)
        found = next_opening(
            windows_of(system),
            now,
            cadence=cadence,
            impact=policy["policy_impacts"][cadence],
            needs=parse_duration(needs, what="needs") if needs else parse_duration("PT1H", what="needs"),
        )
        assert found is not None, cadence


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_notices_go_out_as_long_before_as_the_document_says(system: str) -> None:
    assert {row["name"]: row["announce"] for row in systems.policy(system)["policy_windows"]} == ANNOUNCED[system]


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_blackouts_are_valid(system: str) -> None:
    policy = systems.policy(system)
    blackouts = parse_blackouts(policy["policy_blackouts"], time_zone=policy["policy_time_zone"])
    # None of the five documents has a freeze; one that is added must be one that is read.
    assert [blackout.name for blackout in blackouts] == [row["name"] for row in policy["policy_blackouts"]]


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_the_groups_are_procedures(system: str) -> None:
    groups = {name for name in systems.inventory(system) if name not in ("_meta", "all", "ungrouped")}
    assert GROUPS <= groups <= {*GROUPS, "certificates", "patching", "postgresql_maintenance"}
    for group in groups:
        assert systems.hosts(system, group), group
    assert systems.hosts(system, "audit") == systems.hosts(system, "records")
    # A copy on the same host would be rewritten with the log.
    assert not set(systems.hosts(system, "anchors")) & set(systems.hosts(system, "records"))
    named = {host for group in groups for host in systems.hosts(system, group)}
    assert all(host.endswith(".example") for host in named)


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_cadences_name_procedures_and_entries(system: str) -> None:
    cadences = systems.policy(system)["policy_cadences"]
    assert set(cadences) <= {*systems.CADENCES, *systems.SUB_DAILY} - {"sub_daily"}
    for cadence, entries in cadences.items():
        known = systems.playbook("sub_daily" if cadence in systems.SUB_DAILY else cadence)
        for procedure, entry in entries.items():
            assert procedure in known, f"the playbook of {cadence} has no {procedure}"
            assert entry in ("main", "check", "skip")
            assert entry != known[procedure], f"{cadence} runs {procedure} with {entry} anyway"


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_contacts_have_deputies_who_exist(system: str) -> None:
    contacts = systems.policy(system)["policy_contacts"]
    people = [contact["name"] for contact in contacts]
    assert len(set(people)) == len(people)
    for contact in contacts:
        assert contact["role"] and contact["responsibilities"]
        assert contact["mail"].endswith(".example")
        assert contact["phone"].startswith("+0000")
        assert contact.get("deputy", people[0]) in people
        assert contact.get("deputy") != contact["name"]


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_approvers_are_contacts(system: str) -> None:
    policy = systems.policy(system)
    mails = {contact["name"]: contact["mail"] for contact in policy["policy_contacts"]}
    for approver in policy["policy_approvers"]:
        assert approver["mail"] == mails[approver["name"]]
        assert set(approver.get("kinds", KINDS)) <= KINDS
    # Somebody may approve whatever comes.
    approved = {kind for approver in policy["policy_approvers"] for kind in approver.get("kinds", KINDS)}
    assert approved == KINDS


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_escalation_leads_from_level_to_level(system: str) -> None:
    policy = systems.policy(system)
    people = {contact["name"] for contact in policy["policy_contacts"]}
    channels = {channel["name"] for channel in policy["policy_channels"]}
    levels = policy["policy_escalation"]
    assert [level["level"] for level in levels] == list(range(1, len(levels) + 1))
    for level in levels:
        assert {level["contact"], level["deputy"]} <= people
        assert level["contact"] != level["deputy"]
        assert level["channels"] and set(level["channels"]) <= channels


def test_the_escalation_of_the_guide_is_as_fast_as_it_says() -> None:
    levels = systems.policy("guide")["policy_escalation"]
    assert [(level["role"], level["respond_within"]) for level in levels] == [
        ("System administrator", "PT30M"),
        ("Security team lead", "PT15M"),
        ("CTO", "PT5M"),
    ]


def secrets_in(value: Any, *, key: str = "") -> Iterator[str]:
    """Settings that hold a secret themselves."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from secrets_in(inner, key=name)
    elif isinstance(value, list):
        for inner in value:
            yield from secrets_in(inner, key=key)
    elif key.endswith(("password", "token", "signing_key", "value")) and not re.fullmatch(r"\$\{\w+\}", str(value)):
        # What is written ${so} stands for a secret of that name.
        yield f"{key}: {value}"


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_channels_are_what_notices_take(system: str) -> None:
    given = {"event": "finish", "channels": systems.policy(system)["policy_channels"]}
    assert ArgumentSpecValidator(ARGUMENTS).validate(given).error_messages == []


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_no_secret_is_in_the_inventory(system: str) -> None:
    assert list(secrets_in(systems.inventory(system)["_meta"]["hostvars"])) == []


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_every_variable_is_read_by_somebody(system: str) -> None:
    shared = {name for name in systems.names(system) if name.startswith("policy_")}
    roles = "".join(path.read_text() for path in (ROOT / "roles").glob("*/defaults/main.yml"))
    ansible = {name for name in systems.names(system) if name.startswith(("ansible_", "inventory_", "group_names"))}
    assert systems.names(system) - shared - ansible - systems.inputs() == set()
    assert {name for name in shared if name not in roles} == set()
