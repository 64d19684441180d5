"""Every break of the demo estate is caught by the weekly run, and a healthy one is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab.demo import Estate, Run, an_estate


@dataclass
class Clinic:
    """An estate that was built and maintained once."""

    estate: Estate
    first_demo: Run
    first_weekly: Run


@pytest.fixture(scope="module")
def clinic() -> Iterator[Clinic]:
    with an_estate() as place:
        first_demo = place.playbook("demo")
        yield Clinic(place, first_demo, place.playbook("weekly"))


# The bloat is that of a table, which only downtime could repair.
PLANTED = {("certificate.expiry", "warning"), ("postgres.bloat", "warning"), ("postgres.integrity", "unknown")}


def test_a_new_estate_is_healthy_but_for_what_is_planted(clinic: Clinic) -> None:
    assert clinic.first_demo.status == 0, clinic.first_demo.output
    assert "The demo estate stands in" in clinic.first_demo.output
    weekly = clinic.first_weekly
    assert weekly.status == 0, weekly.output
    assert weekly.outcome == "attention"
    assert weekly.attention() == PLANTED
    (warned,) = [row for row in weekly.record["attention"] if row["check"] == "certificate.expiry"]
    assert "fax.clinic.example" in warned["message"]
    assert {"backup", "restore_test", "vacuum_analyze", "reindex"} <= weekly.done()
    assert {row["state"] for row in weekly.record["hosts"]} == {"ok"}


def test_a_second_run_finds_nothing_to_do(clinic: Clinic) -> None:
    again = clinic.estate.playbook("demo")
    assert again.status == 0, again.output
    assert "it was complete already" in again.output
    assert "changed=0" in again.output
    weekly = clinic.estate.playbook("weekly")
    assert weekly.status == 0, weekly.output
    assert weekly.attention() == PLANTED
    assert weekly.done() == {"restore_test"}


@dataclass(frozen=True)
class Caught:
    """What the weekly run makes of a break."""

    finding: tuple[str, str]
    subject: str
    outcome: str
    repaired: str


CAUGHT = {
    "truncated_backup": Caught(("backup.readable", "critical"), "backups/clinic-", "failed", "was changed"),
    "missing_night": Caught(("backup.presence", "warning"), "clinic 20", "attention", "was changed"),
    "expired_certificate": Caught(("certificate.expiry", "critical"), "live/portal", "failed", "was changed"),
    "key_mismatch": Caught(("certificate.key_match", "critical"), "live/api", "failed", "was changed"),
    "vacuum_blocked": Caught(
        ("postgres.vacuum_blocked", "warning"), "month-end report", "attention", "a transaction was open"
    ),
}


@pytest.mark.parametrize("name", CAUGHT)
def test_a_break_is_caught_and_repaired(clinic: Clinic, name: str) -> None:
    expected = CAUGHT[name]
    broken = clinic.estate.playbook("demo", "-e", f"demo_break={name}")
    assert broken.status == 0, broken.output
    assert f"({name})" in broken.output
    weekly = clinic.estate.playbook("weekly")
    assert expected.finding in weekly.attention(), weekly.output
    rows = [row for row in weekly.record["attention"] if (row["check"], row["status"]) == expected.finding]
    assert any(expected.subject in row["subject"] for row in rows)
    assert weekly.outcome == expected.outcome
    assert (weekly.status == 0) == (expected.outcome == "attention"), weekly.output
    repaired = clinic.estate.module()
    assert expected.repaired in repaired["actions"][0]["reason"]
    assert repaired["summary"]["worst"] == "ok"
    assert clinic.estate.module()["actions"] == []


def test_an_invalid_index_is_found_and_rebuilt(clinic: Clinic) -> None:
    assert clinic.estate.playbook("demo", "-e", "demo_break=invalid_index").status == 0
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    assert clinic.estate.query(invalid) == [("clinic.medical_transcriptions_author_idx",)]
    plan = clinic.estate.playbook("weekly", "--check")
    assert plan.status == 0, plan.output
    found = [row for row in plan.record["attention"] if row["check"] == "postgres.invalid_index"]
    assert "medical_transcriptions_author_idx" in found[0]["subject"]
    assert clinic.estate.query(invalid) != [], "check mode changes nothing"
    weekly = clinic.estate.playbook("weekly")
    assert weekly.status == 0, weekly.output
    assert weekly.outcome == "attention"
    (action,) = [row for row in weekly.record["actions"] if row["action"] == "reindex"]
    assert "medical_transcriptions_author_idx" in action["target"]
    assert (action["before"]["valid"], action["after"]["valid"]) == (False, True)
    assert clinic.estate.query(invalid) == []
    assert "medical_transcriptions_author_idx" in clinic.estate.module()["actions"][0]["reason"]


def test_an_unreachable_host_fails_the_run_and_lets_the_others_go_on(clinic: Clinic) -> None:
    assert clinic.estate.playbook("demo", "-e", "demo_break=unreachable_host").status == 0
    weekly = clinic.estate.playbook("weekly")
    assert weekly.status != 0
    assert weekly.outcome == "failed"
    states = {row["name"]: row["state"] for row in weekly.record["hosts"]}
    assert (states["clinic-web"], states["clinic-db"]) == ("unreachable", "ok")
    assert "restore_test" in weekly.done()
    repaired = clinic.estate.playbook("demo")
    assert repaired.status == 0
    assert "clinic-web was unreachable" in repaired.output
    assert "BROKEN" not in repaired.output


def test_a_break_that_there_is_not_lists_those_there_are(clinic: Clinic) -> None:
    run = clinic.estate.playbook("demo", "-e", "demo_break=everything")
    assert run.status != 0
    for name in (*CAUGHT, "invalid_index", "unreachable_host"):
        assert name in run.output
