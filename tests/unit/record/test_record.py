"""From journal to record: valid by its schema, and true."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import jsonschema
import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.record.journal import Journal
from ansible_collections.careops.maintenance.plugins.module_utils.record.record import compile_record
from tests.lab.modules import ROOT

SCHEMA = json.loads((ROOT / "docs" / "schema" / "record.schema.json").read_text())
Row = dict[str, Any]
ENDED = datetime(2026, 3, 1, 2, 31, tzinfo=timezone.utc)
STARTED = {
    "n": 1,
    "kind": "started",
    "time": "2026-03-01T02:30:00Z",
    "run_id": "20260301T023000Z-weekly-abcdef",
    "playbook": "weekly.yml",
    "controller": "control",
    "ansible_version": "2.19.14",
    "collection_version": "0.1.0",
    "check_mode": False,
}
OPENED = {
    "kind": "opened",
    "time": "2026-03-01T02:30:01Z",
    "system": "clinic",
    "cadence": "weekly",
    "work_class": "maintenance",
    "operator": "ana",
    "ticket": "CHG-7",
}
PERMITTED = {"kind": "permitted", "time": "2026-03-01T02:30:04Z"}
FINDING = {
    "check": "backup.age",
    "subject": "clinic.dump",
    "status": "ok",
    "message": "Fresh.",
    "value": 3,
    "unit": "hours",
}
ACTION = {"action": "vacuum", "target": "public.t", "changed": True, "outcome": "done", "seconds": 2.5}


def result(host: str = "db", state: str = "ok", **more: Any) -> dict[str, Any]:
    return {
        "kind": "result",
        "time": "2026-03-01T02:30:20Z",
        "started": "2026-03-01T02:30:10Z",
        "ended_at": 1772332220.0,
        "host": host,
        "procedure": "backups",
        "task": "Test them",
        "action": "m",
        "state": state,
        "rescued": False,
        "ignored": False,
        "seconds": 10.0,
        "work_seconds": 8.0,
        "findings": [FINDING],
        "actions": [ACTION],
        **({"message": "it broke"} if state != "ok" else {}),
        **more,
    }


def play(*hosts: str, procedure: str = "backups") -> dict[str, Any]:
    return {
        "kind": "play",
        "time": "2026-03-01T02:30:05Z",
        "procedure": procedure,
        "members": len(hosts),
        "hosts": list(hosts),
    }


def finished(host: str = "db", procedure: str = "backups") -> dict[str, Any]:
    return {"kind": "finished", "time": "2026-03-01T02:30:30Z", "procedure": procedure, "host": host}


def compiled(*entries: Row, problems: list[str] | None = None) -> tuple[Row, list[Row]]:
    journal = Journal(entries=[STARTED, OPENED, PERMITTED, *entries], problems=problems or [])
    record, findings = compile_record(journal, ended=ENDED, fail_on=["critical"])
    jsonschema.Draft202012Validator(SCHEMA).validate(record)
    return record, findings


def test_a_good_run() -> None:
    record, findings = compiled(play("db"), result(), finished())
    assert record["verdict"]["outcome"] == "ok"
    assert record["run"]["ticket"] == "CHG-7"
    assert record["run"]["seconds"] == 60.0
    assert record["hosts"] == [{"name": "db", "state": "ok"}]
    assert record["procedures"][0]["work_seconds"] == 8.0
    assert record["summary"]["outcomes"]["done"] == 1
    assert record["actions"][0]["host"] == "db"
    assert findings == [{**FINDING, "host": "db", "procedure": "backups", "time": "2026-03-01T02:30:20Z"}]


def test_two_hosts_at_once_share_their_time() -> None:
    record, _findings = compiled(result("a"), result("b"))
    assert record["timing"] == {
        "wall_seconds": 60.0,
        "work_seconds": 8.0,
        "ansible_seconds": 52.0,
        "tasks": record["timing"]["tasks"],
    }


@pytest.mark.parametrize(
    ("entry", "check", "status", "host_state", "outcome"),
    [
        (result(state="failed"), "run.task", "critical", "failed", "failed"),
        (result(state="failed", rescued=True), "run.task", "warning", "ok", "attention"),
        (result(state="failed", ignored=True), "run.task", "warning", "ok", "attention"),
        (result(state="unreachable"), "run.unreachable", "critical", "unreachable", "failed"),
        (result(hidden=True), "run.hidden", "unknown", "ok", "attention"),
    ],
)
def test_trouble_becomes_a_finding(
    entry: dict[str, Any], check: str, status: str, host_state: str, outcome: str
) -> None:
    record, _findings = compiled(entry)
    assert [(row["check"], row["status"]) for row in record["attention"]] == [(check, status)]
    assert record["hosts"] == [{"name": "db", "state": host_state}]
    assert record["verdict"]["outcome"] == outcome


def test_a_host_that_its_procedure_never_reached() -> None:
    record, _findings = compiled(play("db", "db2"), result(), finished())
    assert {row["host"]: row["state"] for row in record["procedures"]} == {"db": "ok", "db2": "not run"}
    assert [(row["check"], row["host"], row["status"]) for row in record["attention"]] == [
        ("run.procedure", "db2", "critical")
    ]
    assert record["verdict"]["outcome"] == "failed"


def test_a_procedure_that_stopped_half_way_without_a_failure_is_none_that_went_well() -> None:
    record, _findings = compiled(play("db"), result())
    assert record["procedures"][0]["state"] == "failed"
    assert record["verdict"]["outcome"] == "failed"


def test_a_procedure_that_was_cut_off_is_none_that_went_well() -> None:
    cut = {"kind": "interrupted", "time": "2026-03-01T02:30:40Z", "sentence": "The run was interrupted."}
    plays = [play("db"), result(), finished(), play("db", procedure="patching"), result(procedure="patching")]
    record, findings = compiled(*plays, play("db", procedure="audit"), cut)
    assert [(row["name"], row["state"]) for row in record["procedures"]] == [
        ("backups", "ok"),
        ("patching", "failed"),
        ("audit", "not run"),
    ]
    assert "run.procedure" not in {finding["check"] for finding in findings}


def test_a_host_that_was_away_is_told_once() -> None:
    record, _findings = compiled(play("db"), result(state="unreachable"), play("db", procedure="patching"))
    assert [row["check"] for row in record["attention"]] == ["run.unreachable"]


def test_a_run_that_was_never_opened_did_not_go_well() -> None:
    record, _findings = compile_record(Journal(entries=[STARTED]), ended=ENDED, fail_on=["critical"])
    assert record["verdict"]["outcome"] == "failed"
    assert "was not opened" in record["verdict"]["reasons"][0]


def test_an_empty_group_is_unknown_not_ok() -> None:
    record, _findings = compiled(play())
    assert record["attention"][0]["check"] == "run.procedure"
    assert record["attention"][0]["status"] == "unknown"


def test_a_gap_in_the_journal_fails_the_run() -> None:
    record, _findings = compiled(result(), problems=["The journal lacks the entries 3 to 4."])
    assert record["verdict"]["outcome"] == "failed"


def test_the_gravest_comes_first() -> None:
    findings = [{**FINDING, "status": status} for status in ("warning", "critical", "ok", "unknown")]
    record, _findings = compiled(result(findings=findings))
    assert [row["status"] for row in record["attention"]] == ["critical", "unknown", "warning"]
    assert record["checks"] == [
        {"check": "backup.age", "host": "db", "counts": {"ok": 1, "warning": 1, "unknown": 1, "critical": 1}}
    ]


WINDOW = {
    "kind": "window",
    "time": "2026-03-01T02:30:02Z",
    "permitted": True,
    "moment": "2026-03-01T02:30:00Z",
    "window": {
        "name": "primary",
        "impact": "minimal",
        "opens": "2026-03-01T02:00:00Z",
        "closes": "2026-03-01T06:00:00Z",
    },
    "approval": {},
}
APPROVAL = {"by": "Ada", "kind": "recovery", "reason": "It is down.", "given_at": "2026-03-01T02:20:00Z"}


def test_a_refusal_is_told_once() -> None:
    refusal = {"check": "window.gate", "subject": "weekly", "status": "critical", "message": "It is Tuesday."}
    record, _findings = compiled(result("localhost", "failed", message="It is Tuesday.", findings=[refusal]))
    assert [row["check"] for row in record["attention"]] == ["window.gate"]
    assert record["verdict"]["outcome"] == "failed"
    # Where its finding alone would not fail the run, the failure of the task does.
    other = {**refusal, "check": "backup.age"}
    record, _findings = compiled(result("localhost", "failed", message="It is Tuesday.", findings=[other]))
    assert [row["check"] for row in record["attention"]] == ["backup.age", "run.task"]


def test_that_the_run_was_written_down_is_no_news_in_it() -> None:
    record, findings = compiled(result("rec", procedure="records", bookkeeping=True))
    assert (record["actions"], findings) == ([], [])
    trouble = {**ACTION, "outcome": "failed", "reason": "The disk is full."}
    record, _findings = compiled(result("rec", procedure="records", bookkeeping=True, actions=[trouble]))
    assert record["actions"] and record["verdict"]["outcome"] == "failed"


def test_the_window_stands_in_the_record() -> None:
    record, _findings = compiled(WINDOW)
    assert record["run"]["window"] == WINDOW["window"] and "approval" not in record["run"]
    assert record["run"]["moment"] == "2026-03-01T02:30:00Z"


def test_the_approval_stands_in_the_record() -> None:
    record, _findings = compiled({**WINDOW, "window": {}, "approval": APPROVAL})
    assert record["run"]["approval"] == APPROVAL and "window" not in record["run"]


def test_what_was_known_of_the_change_stands_in_the_record() -> None:
    change = {"rollback_plan": "Restore the dump.", "test_evidence": "Staging, run 12."}
    journal = Journal(entries=[STARTED, {**OPENED, "change": change, "moment": "2026-02-22T02:30:00Z"}])
    record, _findings = compile_record(journal, ended=ENDED, fail_on=["critical"])
    jsonschema.Draft202012Validator(SCHEMA).validate(record)
    assert (record["run"]["change"], record["run"]["moment"]) == (change, "2026-02-22T02:30:00Z")
    assert compiled()[0]["run"]["moment"] == STARTED["time"]


def test_policy_decides_which_entry_ran_and_what_is_left_out() -> None:
    opened = {**OPENED, "entries": {"backups": "check", "patching": "skip", "audit": "skip"}}
    plays = [
        {**play("db"), "entry": "main"},
        {**play("db", procedure="patching"), "entry": "main"},
        {**play(procedure="audit"), "entry": "check"},
        {**play("db", procedure="certificates"), "entry": "main"},
    ]
    entries: list[Row] = [STARTED, opened, PERMITTED, *plays, result(), finished(), finished(procedure="certificates")]
    record, findings = compile_record(Journal(entries=entries), ended=ENDED, fail_on=["critical"])
    assert [(row["name"], row["entry"], row["state"]) for row in record["procedures"]] == [
        ("backups", "check", "ok"),
        ("certificates", "main", "not run"),
    ]
    assert [finding["status"] for finding in findings] == ["ok"]


def test_policy_for_a_procedure_that_is_not_in_the_playbook_is_told() -> None:
    opened = {**OPENED, "entries": {"backups": "check", "bakups": "skip"}}
    entries: list[Row] = [STARTED, opened, PERMITTED, {**play("db"), "entry": "main"}, result(), finished()]
    record, _findings = compile_record(Journal(entries=entries), ended=ENDED, fail_on=["critical"])
    ((check, subject, status),) = [(row["check"], row["subject"], row["status"]) for row in record["attention"]]
    assert (check, subject, status) == ("run.policy", "bakups", "warning")
    refused, _findings = compile_record(Journal(entries=[STARTED, opened]), ended=ENDED, fail_on=["critical"])
    assert "run.policy" not in {row["check"] for row in refused["attention"]}


def test_a_host_that_went_without_a_word_leaves_a_whole_sentence() -> None:
    record, _findings = compiled(play("db"), result(state="unreachable", message="Reach it over ssh: \n"))
    (row,) = record["attention"]
    assert row["message"].endswith(": Reach it over ssh")
