"""Every cadence of every inventory on real hosts, for real: what ran where is read from the records host."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.clock import parse_moment
from tests.hosts import engine, images
from tests.lab import webhook
from tests.lab.runs import read_record
from tests.molecule import cadences
from tests.molecule.cadences import CONTAINERS, PLAYS, Done, Play
from tests.molecule.steps import Scenario

EVERY = [(system, play) for system, plays in PLAYS.items() for play in plays]
RAN = [(system, play) for system, play in EVERY if not play.refused]
REFUSED = [(system, play) for system, play in EVERY if play.refused]

# How the calendar of each system stands at the end: tasks that must be in each state.
CALENDAR = {
    "neonpro": {
        "done": {
            *("certificate-check", "certificate-monitor", "certificate-renewal", "tls-policy", "availability"),
            *("pending-security-updates", "audit-log"),
        },
    },
    "smartmed": {
        "done": {
            "system-health",
            "key-metrics",
            "database-optimization",
            "certificates-served",
            "database-connections",
        },
        "overdue": {"error-dashboard", "support-tickets"},
        "uncovered": {"audit-log-archival"},
    },
    "hysio": {
        "done": {
            *("database-maintenance", "pre-maintenance-backup", "performance-watch", "automatic-updates"),
            *("record-retention", "availability", "performance-after-maintenance"),
        },
        "overdue": {"services-restarted", "review-meeting", "maintenance-logs", "infrastructure-upgrades"},
        "uncovered": {
            *("security-patches", "database-cleanup", "cache-maintenance", "host-tuning", "major-updates"),
            *("post-maintenance-validation", "compliance-audit", "hipaa-after-maintenance"),
        },
    },
    "trusted_login": {
        "done": {"backend-health", "spot-check", "daily-backup"},
        "due": {"post-change-review"},
        "overdue": {"error-rates"},
        "uncovered": {"log-review"},
    },
    "guide": {
        "done": {
            *("service-health", "database-connection", "ssl-validation", "resource-usage", "availability"),
            *("token-validation", "cache-hit-rate", "response-time"),
        },
        "uncovered": {"session-cleanup", "security-scan", "query-performance", "system-updates", "security-patches"},
    },
}


def called(play: tuple[str, Play]) -> str:
    return f"{play[0]}-{play[1].cadence}-{play[1].moment}"


@pytest.fixture(scope="module")
def scenario() -> Iterator[Scenario]:
    """The hosts, prepared."""
    here = Scenario("cadences")
    with engine.running():
        images.build()
        if engine.containers(CONTAINERS):
            # Of a test that was killed.
            here.step("destroy")
        try:
            here.step("create")
            yield here
        finally:
            here.step("destroy")


@pytest.fixture(scope="module")
def receiver() -> Iterator[webhook.Receiver]:
    """Where every notice goes."""
    with webhook.receiver() as running:
        yield running


@pytest.fixture(scope="module")
def played(scenario: Scenario, receiver: webhook.Receiver) -> dict[tuple[str, Play], Done]:
    """Every run, in the order of time."""
    return cadences.playing(scenario, receiver)


@pytest.fixture(scope="module")
def delivered(played: dict[tuple[str, Play], Done]) -> dict[str, dict[str, Any]]:
    """By run, the record as the records host keeps it."""
    script = "find /var/lib/careops -path '*/logs/maintenance/*/record.json' -exec cat {} +"
    done = subprocess.run(
        ["docker", "exec", "cadence-records", "bash", "-c", script], capture_output=True, text=True, check=True
    )
    decoder, text, records = json.JSONDecoder(), done.stdout.strip(), {}
    while text:
        record, end = decoder.raw_decode(text)
        records[record["run"]["id"]] = record
        text = text[end:].strip()
    return records


@pytest.mark.parametrize("play", RAN, ids=called)
def test_a_cadence_runs_its_procedures_on_their_hosts(
    play: tuple[str, Play], played: dict[tuple[str, Play], Done]
) -> None:
    system, run = play
    done = played[play]
    assert done.ran() == cadences.expected(system, run.cadence), done.output
    assert done.status == 0, done.output


@pytest.mark.parametrize("play", RAN, ids=called)
def test_the_records_host_has_what_really_ran(
    play: tuple[str, Play],
    played: dict[tuple[str, Play], Done],
    delivered: dict[str, dict[str, Any]],
) -> None:
    system, run = play
    record = delivered[played[play].record["run"]["id"]]
    assert record["run"]["system"] == system
    assert record["run"]["cadence"] == run.cadence
    assert record["run"]["check_mode"] is False
    assert parse_moment(record["run"]["moment"], option="moment") == parse_moment(run.moment, option="moment")
    assert record["procedures"] == played[play].record["procedures"]
    assert record["verdict"]["outcome"] in ("ok", "attention")
    assert record["summary"]["counts"]["critical"] == 0


@pytest.mark.parametrize("play", [play for play in RAN if play[1].window], ids=called)
def test_it_ran_in_the_window_of_its_document(
    play: tuple[str, Play], delivered: dict[str, dict[str, Any]], played: dict[tuple[str, Play], Done]
) -> None:
    window = delivered[played[play].record["run"]["id"]]["run"]["window"]
    assert window["name"] == play[1].window
    moment = parse_moment(play[1].moment, option="moment")
    assert parse_moment(window["opens"], option="opens") <= moment < parse_moment(window["closes"], option="closes")


@pytest.mark.parametrize("play", REFUSED, ids=called)
def test_at_a_wrong_moment_nothing_runs(play: tuple[str, Play], played: dict[tuple[str, Play], Done]) -> None:
    done = played[play]
    assert done.status != 0
    assert done.ran() == {}
    # Ansible wraps what it prints.
    assert play[1].refused in re.sub(r"\s+", " ", done.output)


@pytest.mark.parametrize("play", RAN, ids=called)
def test_people_are_told_of_what_changes_something(
    play: tuple[str, Play], played: dict[tuple[str, Play], Done], receiver: webhook.Receiver
) -> None:
    run = played[play].record["run"]["id"]
    told = [post.content for post in receiver.posts if run in post.body.decode()]
    begun = [notice for notice in told if notice["event"] == "start"]
    assert len(begun) == (0 if play[1].playbook in ("sub_daily", "annual") else 1)


@pytest.mark.parametrize(("system", "state"), [(system, state) for system in CALENDAR for state in CALENDAR[system]])
def test_the_calendar_shows_how_things_stand(system: str, state: str, played: dict[tuple[str, Play], Done]) -> None:
    standings = played[system, PLAYS[system][-1]].calendar()
    wrong = {task: standings.get(task) for task in CALENDAR[system][state] if standings.get(task) != state}
    assert wrong == {}


@pytest.mark.parametrize("system", PLAYS)
def test_the_database_was_maintained_and_nothing_is_left_behind(
    system: str, played: dict[tuple[str, Play], Done]
) -> None:
    actions = [
        (action["action"], action["outcome"])
        for (name, _play), done in played.items()
        if name == system
        for action in done.record["actions"]
    ]
    assert "failed" not in {outcome for _action, outcome in actions}
    maintained = "postgresql_maintenance" in cadences.HOSTS[system]
    assert maintained == any("analyze" in action for action, outcome in actions if outcome == "done")
    restored = system != "neonpro"
    assert restored == (("restore_test", "done") in actions)


def test_a_record_of_a_run_keeps_to_its_schema(played: dict[tuple[str, Play], Done], scenario: Scenario) -> None:
    records = list(scenario.runs.glob("*/*/*/record.json"))
    assert len(records) == len(played)
    for path in records:
        read_record(path)
