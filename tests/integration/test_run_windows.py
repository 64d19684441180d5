"""Whole runs inside and outside of their windows: refused, allowed by somebody, ended in time, and written down."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.approvers import signer
from tests.lab.postgres import Server
from tests.lab.runs import ALWAYS, Platform, read_record

SUNDAY = {
    "name": "primary",
    "rule": "FREQ=WEEKLY;BYDAY=SU",
    "start": "2026-01-04T02:00",
    "time_zone": "UTC",
    "duration": "PT4H",
    "impact": "minimal",
}
IN_WINDOW, OUTSIDE = "2026-03-01T02:30:00Z", "2026-03-03T12:00:00Z"
APPROVERS = [{"name": "Ada Muster", "mail": "ada@clinic.example", "kinds": ["security_patch"]}]
APPROVED = {
    "run_open_approved_by": "Ada Muster",
    "run_open_approved_at": "2026-03-03T11:30:00Z",
    "run_open_approval_kind": "security_patch",
    "run_open_approval_reason": "It is being exploited.",
}


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(
        tmp_path, variables={"policy_windows": [SUNDAY], "policy_approvers": APPROVERS, "run_open_operator": "ben"}
    )


def test_a_run_in_its_window_says_so_and_that_its_time_was_given(platform: Platform) -> None:
    platform.variables["run_open_now"] = IN_WINDOW
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 0, run.output
    assert record["run"]["window"] == {
        "name": "primary",
        "impact": "minimal",
        "opens": "2026-03-01T02:00:00Z",
        "closes": "2026-03-01T06:00:00Z",
    }
    assert record["run"]["moment"] == IN_WINDOW
    assert [row["check"] for row in record["attention"]] == ["window.clock"]


def test_outside_of_the_windows_maintenance_is_refused_and_the_next_one_told(platform: Platform) -> None:
    platform.variables["run_open_now"] = OUTSIDE
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 2
    assert record["verdict"]["outcome"] == "failed"
    assert "8 March 2026 02:00" in run.output
    assert [row["state"] for row in record["procedures"] if row["name"] == "quiet"] == ["not run", "not run"]
    assert "window" not in record["run"]
    # The refusal is written down where the runs are.
    assert list(platform.delivered.glob("*/record.json"))


@pytest.mark.parametrize("work_class", ["observe", "routine"])
def test_what_harms_nobody_runs_at_any_time(platform: Platform, work_class: str) -> None:
    platform.variables["run_open_now"] = OUTSIDE
    run = platform.run("quiet", work_class=work_class)
    assert run.status == 0, run.output
    assert {row["state"] for row in platform.record()["procedures"]} == {"ok"}


def test_somebody_else_may_allow_it_and_the_record_names_them(platform: Platform) -> None:
    platform.variables.update(APPROVED, run_open_now=OUTSIDE)
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 0, run.output
    assert record["run"]["approval"] == {
        "by": "Ada Muster",
        "kind": "security_patch",
        "reason": "It is being exploited.",
        "given_at": "2026-03-03T11:30:00Z",
    }
    (gate,) = [row for row in record["attention"] if row["check"] == "window.gate"]
    assert gate["status"] == "warning" and "Ada Muster" in gate["message"]


def test_an_approval_that_was_signed_is_proven_by_the_record_and_named_in_the_report(
    platform: Platform, tmp_path: Path
) -> None:
    ada = signer(tmp_path, "Ada Muster")
    platform.variables.update(APPROVED, run_open_now=OUTSIDE, policy_approvers=[{**APPROVERS[0], "keys": [ada.public]}])
    assert platform.run("quiet").status == 2
    # What the refused run left is what the approver signs.
    line = platform.newest().with_name("approval.txt").read_text()
    signature = ada.sign(line.removesuffix("\n"))
    run = platform.run("quiet", arguments=("-e", f"run_open_approval_signature='{signature}'"))
    assert run.status == 0, run.output
    record = read_record(platform.newest())
    assert ada.verifies(record["run"]["approval"], tmp_path)
    # It is known of the run, and no policy.
    assert [row["check"] for row in record["attention"] if row["check"] == "run.given"] == []
    assert ada.fingerprint in platform.newest().with_name("report.html").read_text()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"run_open_operator": "ada muster"}, "cannot approve it too"),
        ({"run_open_approved_by": "Ben Niemand"}, "Ben Niemand"),
        ({"run_open_approved_by": ""}, "it lacks by"),
        ({"policy_approvers": [{**APPROVERS[0], "accounts": [getpass.getuser()]}]}, "cannot approve it too"),
        ({"run_open_approval_kind": "recovery"}, "recovery"),
        ({"run_open_approval_reason": ""}, "reason"),
        ({"run_open_approved_at": "2026-03-01T11:30:00Z"}, "given"),
    ],
    ids=["oneself", "nobody", "nobody at all", "under one's own account", "another kind", "no reason", "too old"],
)
def test_an_approval_that_is_none_allows_nothing(platform: Platform, change: dict[str, Any], told: str) -> None:
    platform.variables.update(APPROVED, run_open_now=OUTSIDE)
    platform.variables.update(change)
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 2
    assert "approval" not in record["run"]
    assert told in " ".join(record["verdict"]["reasons"])
    assert {row["state"] for row in record["procedures"] if row["name"] == "quiet"} == {"not run"}


def test_the_command_line_makes_no_other_class_of_a_playbook(platform: Platform) -> None:
    platform.variables["run_open_now"] = OUTSIDE
    run = platform.run("quiet", arguments=("-e", "run_open_work_class=observe"))
    assert run.status == 2
    assert "class maintenance, and run_open_work_class says observe" in " ".join(run.output.split())


def test_policy_from_the_command_line_is_told(platform: Platform) -> None:
    platform.variables["policy_windows"] = [ALWAYS]
    # What leads past the opening, and what keeps people from being told, as well.
    others = "step_own=x __run_open_own=x notify_note=x procedure_own=x"
    arguments = ("-e", "run_open_requires={}", "-e", "run_open_ticket=CHG-1", "-e", "something=else", "-e", others)
    run = platform.run("quiet", arguments=arguments)
    assert run.status == 0, run.output
    (given,) = [row for row in platform.record()["attention"] if row["check"] == "run.given"]
    names = "__run_open_own, notify_note, procedure_own, run_open_requires, step_own"
    assert given["message"].endswith(f"policy for this run: {names}.")


def test_an_emergency_needs_somebody_who_allows_it(platform: Platform) -> None:
    platform.variables["run_open_now"] = IN_WINDOW
    assert platform.run("quiet", work_class="emergency").status == 2
    platform.variables.update(APPROVED, run_open_approved_at="2026-03-01T02:20:00Z")
    run = platform.run("quiet", work_class="emergency")
    assert run.status == 0, run.output


def test_a_rehearsal_outside_of_the_windows_shows_its_plan_and_says_so(platform: Platform) -> None:
    platform.variables["run_open_now"] = OUTSIDE
    run = platform.run("quiet", arguments=("--check",))
    record = platform.record()
    assert run.status == 0, run.output
    assert {row["state"] for row in record["procedures"]} == {"ok"}
    (gate,) = [row for row in record["attention"] if row["check"] == "window.gate"]
    assert gate["status"] == "warning" and "refused" in gate["message"]


def test_without_windows_there_is_no_maintenance(platform: Platform) -> None:
    platform.variables["policy_windows"] = []
    run = platform.run("quiet")
    assert run.status == 2
    assert "policy_windows" in run.output


def test_policy_that_nobody_reads_is_refused(platform: Platform) -> None:
    platform.variables.update(policy_windows=[ALWAYS], policy_blackout=[{"name": "misspelt"}])
    run = platform.run("quiet")
    assert run.status == 2
    assert "Nobody reads policy_blackout, so that policy would not hold" in " ".join(run.output.split())


def test_policy_of_a_wrong_form_is_refused(platform: Platform) -> None:
    platform.variables.update(policy_windows=[ALWAYS], policy_impacts=["planned_downtime"])
    run = platform.run("quiet")
    assert run.status == 2
    assert "policy_impacts must be a mapping with cadences as its keys" in " ".join(run.output.split())


def test_what_policy_wants_to_know_before_must_be_known(platform: Platform) -> None:
    platform.variables.update(
        policy_windows=[ALWAYS], run_open_requires={"maintenance": ["ticket", "rollback_plan"]}, run_open_ticket="CHG-1"
    )
    run = platform.run("quiet")
    assert run.status == 2 and "it is empty: run_open_rollback_plan" in " ".join(run.output.split())


def test_a_change_that_is_known_goes_into_the_record(platform: Platform) -> None:
    platform.variables.update(
        policy_windows=[ALWAYS],
        run_open_requires={"maintenance": ["ticket", "rollback_plan"]},
        run_open_ticket="CHG-1",
        run_open_rollback_plan="Restore the dump of the night.",
    )
    run = platform.run("quiet")
    assert run.status == 0, run.output
    record = platform.record()
    assert (record["run"]["ticket"], record["run"]["change"]) == (
        "CHG-1",
        {"rollback_plan": "Restore the dump of the night."},
    )


def test_policy_says_which_procedures_a_cadence_has_and_how_they_begin(platform: Platform) -> None:
    platform.variables.update(policy_windows=[ALWAYS], policy_cadences={"toy": {"breaks": "skip", "quiet": "look"}})
    tasks = platform.folder / "roles" / "quiet" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "look.yml").write_text('- {name: Look, ansible.builtin.debug: {msg: "it looked"}}\n')
    run = platform.run("quiet", "breaks")
    assert run.status == 0, run.output
    assert "it looked" in run.output
    assert {(row["name"], row["entry"]) for row in platform.record()["procedures"] if "entry" in row} == {
        ("quiet", "look")
    }


def test_a_run_that_is_refused_after_another_on_one_command_line_does_nothing(platform: Platform) -> None:
    platform.run("quiet")
    platform.variables.update(policy_windows=[ALWAYS], run_open_requires={"maintenance": ["ticket"]})
    first = platform.folder / "first.yml"
    content = json.loads((platform.folder / "toy.yml").read_text())
    content[0]["vars"]["run_open_ticket"] = "CHG-1"
    first.write_text(json.dumps(content))
    for folder in platform.runs.iterdir():
        if folder.is_dir():
            (folder / "seen").touch()
    run = platform.run("quiet", arguments=(str(first),))
    assert run.status == 2
    fresh = [path for path in sorted(platform.runs.glob("*/record.json")) if not (path.parent / "seen").exists()]
    states = [
        {row["state"] for row in json.loads(path.read_text())["procedures"] if row["name"] == "quiet"} for path in fresh
    ]
    assert states == [{"ok"}, {"not run"}]


@pytest.fixture
def clinic(pg: Server) -> Iterator[str]:
    pg.execute("CREATE DATABASE window_clinic")
    yield "window_clinic"
    pg.execute("DROP DATABASE window_clinic WITH (FORCE)")


def test_the_end_of_the_window_reaches_the_modules(platform: Platform, pg: Server, clinic: str) -> None:
    folder = platform.folder / "backups"
    folder.mkdir()
    options = json.dumps(pg.options(database=clinic, directory=str(folder)))
    platform.add_role(
        "takes_a_backup",
        "- {name: Let the window close, ansible.builtin.wait_for: {timeout: 1}}\n"
        f"- {{name: Back up, careops.maintenance.pg_backup: {options}}}\n",
    )
    platform.groups = {"takes_a_backup": ["a"]}
    platform.variables["run_open_now"] = "2026-03-01T05:59:59Z"
    late = platform.run("takes_a_backup")
    assert late.status == 2 and list(folder.glob("*.dump")) == []
    (action,) = platform.record()["actions"]
    assert action["outcome"] == "skipped" and "deadline" in action["reason"]
