"""``playbooks/weekly.yml`` on three real systemd hosts: rehearsed, done, done again, looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.hosts import engine, images, observed
from tests.lab.modules import hold_against_contract
from tests.molecule import examples
from tests.molecule.steps import Scenario

HOSTS = ("clinic-web", "clinic-db", "clinic-records")
# Not the server's own files: what a checkpoint writes says nothing. Its catalogue does.
KEPT = ("/etc", "/root", "/srv", "/var/backups", "/var/lib/careops")


@dataclass
class Done:
    """A run of the playbook: what it printed and what it wrote down."""

    output: str
    record: dict[str, Any]

    def changed(self, host: str) -> int:
        """How many tasks changed the host, by Ansible's own count."""
        match = re.search(rf"^{host}\s.*changed=(\d+)", self.output, re.MULTILINE)
        return int(match.group(1)) if match else 0


@pytest.fixture(scope="module")
def scenario() -> Iterator[Scenario]:
    """The three hosts, prepared."""
    weekly = Scenario("weekly")
    with engine.running():
        images.build()
        if engine.containers(HOSTS):
            # Of a test that was killed.
            weekly.step("destroy")
        try:
            weekly.step("create")
            yield weekly
        finally:
            weekly.step("destroy")


def like() -> dict[str, str]:
    """What the hosts are like."""
    seen = {}
    for host in HOSTS:
        seen[f"packages of {host}"] = observed.packages(host)
        seen[f"files of {host}"] = observed.files(host, *KEPT)
    seen["services of clinic-web"] = observed.services("clinic-web", "nginx")
    seen["services of clinic-db"] = observed.services("clinic-db", "postgresql@17-main")
    seen["catalogue of clinic"] = observed.catalogue("clinic-db", "clinic")
    return seen


def differences(before: dict[str, str], after: dict[str, str]) -> dict[str, list[str]]:
    """The lines that differ, by what they are about."""
    found = {}
    for name, text in before.items():
        lines = sorted(set(text.splitlines()) ^ set(after[name].splitlines()))
        if lines:
            found[name] = lines
    return found


@dataclass
class Rehearsal:
    run: Done
    before: dict[str, str]
    after: dict[str, str]


@pytest.fixture(scope="module")
def rehearsed(scenario: Scenario) -> Rehearsal:
    """The run in check mode, before anything was changed."""
    before = like()
    output = scenario.step("check")
    return Rehearsal(run=Done(output, record(scenario)), before=before, after=like())


@pytest.fixture(scope="module")
def maintained(scenario: Scenario, rehearsed: Rehearsal) -> Done:
    """The run for real."""
    return Done(scenario.step("converge"), record(scenario))


@pytest.fixture(scope="module")
def again(scenario: Scenario, maintained: Done) -> Done:
    """The run once more, right after."""
    return Done(scenario.step("converge"), record(scenario))


@pytest.fixture(scope="module")
def verified(scenario: Scenario, again: Done) -> str:
    """What testinfra says of the hosts after the runs."""
    return scenario.step("verify")


@pytest.fixture(scope="module")
def shown(scenario: Scenario, verified: str, tmp_path_factory: pytest.TempPathFactory) -> list[examples.Example]:
    """The documented examples, run when everything else has been looked at."""
    return examples.run(scenario, tmp_path_factory.mktemp("examples"))


def record(scenario: Scenario) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((scenario.latest_run() / "record.json").read_text())
    return content


def test_check_mode_changes_nothing(rehearsed: Rehearsal) -> None:
    assert differences(rehearsed.before, rehearsed.after) == {}


def test_check_mode_shows_the_whole_plan(rehearsed: Rehearsal) -> None:
    run = rehearsed.run.record
    assert run["run"]["check_mode"] is True
    assert run["summary"]["outcomes"]["planned"] >= 5
    assert run["summary"]["outcomes"]["done"] == 0


def test_the_run_does_its_work(rehearsed: Rehearsal, maintained: Done) -> None:
    assert maintained.record["run"]["check_mode"] is False
    assert maintained.record["verdict"]["outcome"] == "attention"
    assert maintained.record["summary"]["counts"]["critical"] == 0
    assert maintained.changed("clinic-web") > 0
    assert maintained.changed("clinic-db") > 0
    # What proves that check mode changes nothing does see a change where there is one.
    assert set(differences(rehearsed.after, like())) == {
        "files of clinic-web",
        "files of clinic-db",
        "files of clinic-records",
        "catalogue of clinic",
    }


def test_a_second_run_finds_nothing_to_do(maintained: Done, again: Done) -> None:
    assert maintained.record["run"]["id"] < again.record["run"]["id"]
    assert again.changed("clinic-web") == 0
    assert again.changed("clinic-db") == 0
    outcomes = again.record["summary"]["outcomes"]
    assert (outcomes["planned"], outcomes["failed"]) == (0, 0)


def test_the_hosts_are_as_they_should_be(verified: str) -> None:
    passed = re.search(r"(\d+) passed", verified)
    assert passed is not None
    assert int(passed.group(1)) >= 10


def test_every_documented_example_runs(shown: list[examples.Example]) -> None:
    expected = [(play["name"], task["name"]) for play in examples.written() for task in play["tasks"]]
    assert [(example.module, example.name) for example in shown] == expected
    for example in shown:
        # A skipped one has neither.
        assert {"findings", "summary"} <= set(example.result), example.name
        hold_against_contract(example.result)


def test_the_examples_do_what_they_say(shown: list[examples.Example]) -> None:
    of: dict[str, list[examples.Example]] = {name: [] for name in examples.HOSTS}
    for example in shown:
        of[example.module].append(example)
        assert example.result["summary"]["counts"]["critical"] == 0, example.name
    for example in of["cert_expiry"]:
        assert example.result["details"]["certificates"] > 0, example.name
        assert example.result["summary"]["counts"]["unknown"] == 0, example.name
    assert [example.outcomes() for example in of["pg_backup"]] == [{("backup", "done")}, {("backup", "skipped")}]
    tidied, _planned, _brief, _early, rebuilt, read = of["pg_maintenance"]
    assert ("vacuum_analyze", "done") in tidied.outcomes()
    assert rebuilt.outcomes() == {("reindex", "done")}
    assert {finding["status"] for finding in read.result["findings"] if finding["check"] == "postgres.integrity"} == {
        "ok"
    }
    here, elsewhere, nowhere = [example.outcomes() for example in of["backup_restore_test"]]
    assert (here, elsewhere, nowhere) == ({("restore_test", "done")}, {("restore_test", "done")}, set())
    assert ("configure", "done") in of["unattended_upgrades"][0].outcomes()
    for example in of["unattended_upgrades"]:
        assert len(example.result["details"]["security_updates"]) == 1, example.name


def test_what_is_returned_is_documented(shown: list[examples.Example]) -> None:
    for example in shown:
        documented = yaml.safe_load(examples.documentation(example.module).RETURN)
        # Of every task, and of one in --diff; Ansible documents both.
        assert set(example.result) - {"changed", "diff"} <= set(documented), example.module
        details = documented["details"]["contains"]
        always = {name for name, detail in details.items() if detail.get("returned", "always") == "always"}
        assert always <= set(example.result["details"]) <= set(details), example.module
