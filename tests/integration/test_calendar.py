"""The calendar of a platform from its playbook: table, sign-off, export, findings of a run, timers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import icalendar
import pytest

from tests.lab.modules import findings_of, run_module
from tests.lab.runs import PLAYBOOKS, Ended, Platform, ended

NOW = "2026-11-27T12:00:00+01:00"
QUIET = {
    "task": "quiet-check",
    "title": "A quiet look",
    "cadence": "daily",
    "rule": "FREQ=DAILY",
    "start": "2026-11-01T09:00",
    "duration": "PT30M",
    "owner": "DevOps",
    "work": "automated",
    "procedure": "quiet",
    "entry": "main",
    "evidence": "Record of the run",
}
MANUAL = {
    "task": "agreements",
    "title": "Review of agreements",
    "cadence": "weekly",
    "rule": "FREQ=WEEKLY;BYDAY=FR",
    "start": "2026-11-20T09:00",
    "duration": "PT1H",
    "owner": "Compliance",
    "work": "manual",
    "evidence": "Minutes",
}


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    platform = Platform(folder=tmp_path)
    platform.more_groups = {"calendar": ["rec"]}
    platform.variables = {
        "policy_calendar": [QUIET, MANUAL],
        "policy_calendar_start": "2026-11-13",
        "policy_time_zone": "Europe/Amsterdam",
        "calendar_become": False,
        # A role of the test, which the collection does not have.
        "calendar_procedures": ["quiet"],
    }
    return platform


def calendar(platform: Platform, **extra: Any) -> Ended:
    """Runs the playbook, with the platform's inventory written anew."""
    platform._write_inventory(())
    arguments = ("-e", json.dumps({"calendar_now": NOW, **extra}))
    return ended(platform.playbook(PLAYBOOKS / "calendar.yml", arguments=arguments))


def rows(run: Ended) -> dict[str, str]:
    """State by task, from the table as it was printed."""
    lines = run.output.partition("STATE ")[2].splitlines()[1:]
    cells = [line.split() for line in lines if line.startswith("        ") and "20" in line]
    return {cell[4]: cell[0] for cell in cells if len(cell) > 4 and cell[0] in STATES}


STATES = ("done", "due", "overdue", "upcoming", "uncovered", "untracked", "unknown")


def ledger(platform: Platform) -> list[dict[str, Any]]:
    path = platform.kept / "calendar" / "signoffs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_table_of_a_platform_that_has_done_nothing(platform: Platform) -> None:
    run = calendar(platform)
    assert run.status == 0, run.output
    assert rows(run) == {"quiet-check": "overdue", "agreements": "overdue"}
    assert max(len(line) for line in run.output.partition("STATE ")[2].partition("PLAY RECAP")[0].splitlines()) <= 120
    # Looking is no run.
    assert not list(platform.runs.glob("*/record.json"))
    assert ledger(platform) == []


def test_a_run_does_what_is_due_and_a_rehearsal_does_not(platform: Platform) -> None:
    now = {"calendar_now": ""}
    platform.variables["policy_calendar"] = [{**QUIET, "start": "2026-01-01T00:00"}]
    platform.variables["policy_calendar_start"] = "2026-01-01"
    rehearsal = platform.run("quiet", arguments=("--check",))
    assert rehearsal.status == 0, rehearsal.output
    assert rows(calendar(platform, **now)) == {"quiet-check": "overdue"}
    assert platform.run("quiet").status == 0
    run = calendar(platform, **now)
    assert rows(run) == {"quiet-check": "done"}
    record = sorted(platform.runs.glob("*/record.json"))[-1]
    assert f"by the run {record.parent.name}" in " ".join(run.output.split())


def test_a_procedure_that_failed_has_done_nothing(platform: Platform) -> None:
    failing = {**QUIET, "task": "breaking", "procedure": "breaks", "start": "2026-01-01T00:00"}
    platform.variables["policy_calendar"] = [failing]
    platform.variables["calendar_procedures"] = ["breaks"]
    assert platform.run("breaks").status == 2
    run = calendar(platform, calendar_now="")
    assert rows(run) == {"breaking": "overdue"}
    assert "Failed" in run.output


def test_overdue_is_a_finding_of_the_run_that_looks(platform: Platform) -> None:
    platform.own_roles = ("calendar",)
    platform.variables["calendar_now"] = NOW
    run = platform.run("calendar", work_class="observe")
    record = platform.record()
    found = {row["subject"]: row for row in record["attention"] if row["check"] == "calendar.overdue"}
    assert set(found) == {"quiet-check", "agreements"}
    # Two weeks of a daily task are more than its interval; the weekly one is overdue since this morning.
    assert (found["quiet-check"]["status"], found["agreements"]["status"]) == ("critical", "warning")
    assert "Do it and sign it off" in found["agreements"]["message"]
    assert run.status == 2, run.output


def test_a_sign_off_ends_it_and_is_not_doubled(platform: Platform) -> None:
    wish = {"calendar_sign_off": "agreements", "calendar_by": "Maria Berger", "calendar_evidence": "minutes 48.pdf"}
    run = calendar(platform, **wish)
    assert run.status == 0, run.output
    assert rows(run)["agreements"] == "done"
    assert [(row["task"], row["occurrence"], row["by"]) for row in ledger(platform)] == [
        ("agreements", "2026-11-27T08:00:00Z", "Maria Berger")
    ]
    again = calendar(platform, **wish)
    assert again.status == 0, again.output
    assert "signed this occurrence off as done" in " ".join(again.output.split())
    assert len(ledger(platform)) == 1
    back = calendar(platform, calendar_revoke="agreements", calendar_by="Jan", calendar_remark="Two were left out")
    assert back.status == 0, back.output
    assert rows(back)["agreements"] == "overdue"
    assert [row["kind"] for row in ledger(platform)] == ["signed", "revoked"]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"calendar_sign_off": "agreement"}, "did you mean agreements"),
        ({"calendar_sign_off": "agreements", "calendar_by": ""}, "calendar_by"),
        ({"calendar_sign_off": "agreements", "calendar_evidence": ""}, "calendar_evidence"),
        ({"calendar_sign_off": "agreements", "calendar_occurrence": "2026-12-04"}, "lies ahead"),
    ],
)
def test_a_sign_off_that_cannot_be(platform: Platform, wish: dict[str, str], words: str) -> None:
    run = calendar(platform, **{"calendar_by": "Maria", "calendar_evidence": "x", **wish})
    assert run.status == 2
    assert words in " ".join(run.output.split())
    assert ledger(platform) == []


def test_half_a_name_signs_nothing(platform: Platform) -> None:
    wish = ("-e", "calendar_sign_off=agreements", "-e", "calendar_by=Maria Berger", "-e", "calendar_evidence=x")
    platform._write_inventory(())
    run = ended(platform.playbook(PLAYBOOKS / "calendar.yml", arguments=("-e", f"calendar_now={NOW}", *wish)))
    assert run.status == 2
    assert "The words 'Berger' on the command line belong to no variable" in run.output
    assert ledger(platform) == []


def test_a_sign_off_is_in_the_audit_log(platform: Platform, tmp_path: Path) -> None:
    platform.more_groups |= {"audit": ["rec"], "anchors": ["rec"]}
    platform.variables |= {
        "audit_root": str(tmp_path / "audit"),
        "audit_key_file": str(tmp_path / "audit.key"),
        "audit_anchor_root": str(tmp_path / "anchors"),
        "audit_become": False,
    }
    wish = {"calendar_sign_off": "agreements", "calendar_by": "Maria Berger", "calendar_evidence": "minutes.pdf"}
    for _time in range(2):
        run = calendar(platform, **wish)
        assert run.status == 0, run.output
    written = "".join(path.read_text() for path in (tmp_path / "audit" / "operational").rglob("*.jsonl"))
    assert written.count('"sign_off"') == 1
    assert "minutes.pdf" in written
    assert "Maria Berger" in written


def test_the_export_is_written_once(platform: Platform, tmp_path: Path) -> None:
    path = tmp_path / "calendar.ics"
    first = calendar(platform, calendar_export=str(path))
    assert first.status == 0, first.output
    assert "changed=1" in first.output
    events = icalendar.Calendar.from_ical(path.read_bytes()).walk("VEVENT")
    assert {str(event["uid"]) for event in events} >= {"task-quiet-check@toy.careops", "task-agreements@toy.careops"}
    assert any(str(event["uid"]).startswith("window-") for event in events)
    assert "changed=0" in calendar(platform, calendar_export=str(path)).output


def test_until_a_day_every_slot_is_shown_and_an_owner_sees_his_own(platform: Platform) -> None:
    run = calendar(platform, calendar_until="2026-12-11", calendar_owner="Compliance")
    assert run.output.count("  agreements\n") == 3
    assert "quiet-check" not in run.output.partition("STATE ")[2]


def test_an_inventory_without_calendar_is_told_so(platform: Platform) -> None:
    platform.variables["policy_calendar"] = []
    run = calendar(platform)
    assert run.status == 2
    assert "must have the tasks (policy_calendar)" in " ".join(run.output.split())


def test_the_module_answers_by_the_contract(tmp_path: Path) -> None:
    options = {
        "tasks": [MANUAL],
        "time_zone": "UTC",
        "since": "2026-11-14",
        "evidence": [],
        "sign_offs": [],
        "now": NOW,
    }
    result = run_module("maintenance_calendar", options)
    assert findings_of(result, "calendar.overdue", status="warning")
    assert findings_of(result, "calendar.summary", status="ok")
    wrong = run_module("maintenance_calendar", {**options, "tasks": [{**MANUAL, "rule": "FREQ=NEVER"}]})
    assert "The calendar's task agreements: its rule" in wrong["msg"]


def test_sign_offs_run_on_the_records_host_with_python_alone(tmp_path: Path) -> None:
    wish = {"root": str(tmp_path), "task": "t", "occurrence": NOW, "by": "M", "evidence": "e", "state": "signed"}
    planned = run_module("calendar_sign_off", wish, check=True)
    assert planned["actions"][0]["outcome"] == "planned"
    assert planned["changed"] is True
    assert run_module("calendar_sign_off", wish)["changed"] is True
    assert run_module("calendar_sign_off", wish)["changed"] is False
    (row,) = run_module("calendar_sign_off", {"root": str(tmp_path)})["details"]["sign_offs"]
    assert row["occurrence"] == "2026-11-27T11:00:00Z"


def test_timers_are_planned_and_in_a_rehearsal_nothing_is_written(platform: Platform, tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    weekly = {"name": "weekly", "playbook": "playbooks/weekly.yml", "rule": "FREQ=WEEKLY", "start": "2026-01-04T02:00"}
    platform.variables |= {
        "calendar_timers": [weekly],
        "calendar_timers_unit_directory": str(units),
        "calendar_timers_become": False,
    }
    platform._write_inventory(())
    arguments = ("--check", "--diff", "-e", json.dumps({"calendar_now": NOW, "calendar_install_timers": True}))
    run = ended(platform.playbook(PLAYBOOKS / "calendar.yml", arguments=arguments))
    assert run.status == 0, run.output
    assert "/careops-toy-weekly.timer" in run.output
    assert "OnCalendar=Sun *-*-* 02:00:00 Europe/Amsterdam" in run.output
    assert list(units.iterdir()) == []
