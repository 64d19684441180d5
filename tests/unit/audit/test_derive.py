"""What of a run's record becomes entries, and that a record that comes twice adds nothing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.audit.derive import Policy, deeds_of
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from tests.lab.audit import Log, entry, found, stream

RUN = "20261121T020000Z-weekly-3f9a1c"
TIME = "2026-11-21T02:00:{:02}Z"


def finding(check: str, **more: Any) -> dict[str, Any]:
    return {
        "check": check,
        "subject": "clinic-db",
        "status": "critical",
        "message": "It went wrong.",
        "host": "clinic-db",
        "procedure": "patching",
        "time": TIME.format(30),
        **more,
    }


def action(number: int, **more: Any) -> dict[str, Any]:
    return {
        "action": "reindex",
        "target": f"clinic.i{number}",
        "changed": True,
        "outcome": "done",
        "host": "clinic-db",
        "procedure": "postgresql_maintenance",
        "time": TIME.format(number),
        **more,
    }


@pytest.fixture
def record() -> dict[str, Any]:
    return {
        "run": {
            "id": RUN,
            "system": "clinic",
            "cadence": "weekly",
            "work_class": "emergency",
            "check_mode": False,
            "operator": "a.jansen",
            "ticket": "CHG-1042",
            "controller": "ctl",
            "playbook": "weekly.yml",
            "started": TIME.format(0),
            "ended": TIME.format(59),
            "window": {"name": "primary", "impact": "minimal", "opens": TIME.format(0), "closes": TIME.format(59)},
            "approval": {
                "by": "m.visser",
                "kind": "critical_update",
                "reason": "CVE in use",
                "given_at": "2026-11-20T20:00:00Z",
            },
            "change": {"summary": "Weekly work"},
        },
        "verdict": {"outcome": "failed", "sentence": "The run failed.", "reasons": ["A task failed."]},
        "interrupted": None,
        "attention": [
            finding("run.task"),
            finding("run.unreachable", host="clinic-web"),
            finding("certificate.expiry"),
            finding("run.task", status="warning", message="The role recovered."),
        ],
        "actions": [
            action(1, before={"bytes": 9}, after={"bytes": 5}, seconds=1.5),
            action(2, outcome="failed", reason="It is locked.", changed=False),
            action(2, outcome="failed", reason="It is locked.", changed=False),
            action(3, procedure="patching", action="install"),
        ],
    }


def test_every_deed_of_the_run_is_an_entry(record: dict[str, Any]) -> None:
    deeds = deeds_of(record)
    assert [(deed.action, deed.operator, deed.host, deed.target, deed.outcome) for deed in deeds] == [
        ("open_run", "a.jansen", "ctl", "clinic", "done"),
        ("approve", "m.visser", "ctl", RUN, "done"),
        ("reindex", "a.jansen", "clinic-db", "clinic.i1", "done"),
        ("reindex", "a.jansen", "clinic-db", "clinic.i2", "failed"),
        ("reindex", "a.jansen", "clinic-db", "clinic.i2", "failed"),
        ("install", "a.jansen", "clinic-db", "clinic.i3", "done"),
        ("task", "a.jansen", "clinic-db", "clinic-db", "failed"),
        ("reach", "a.jansen", "clinic-web", "clinic-db", "failed"),
        ("task", "a.jansen", "clinic-db", "clinic-db", "failed"),
        ("close_run", "a.jansen", "ctl", "clinic", "failed"),
    ]
    assert {deed.run for deed in deeds} == {RUN}
    assert deeds[0].ref == f"{RUN}/open"
    assert deeds[0].details["window"]["name"] == "primary"
    assert deeds[2].details == {"before": {"bytes": 9}, "after": {"bytes": 5}, "seconds": 1.5, "changed": True}
    assert (deeds[1].reason, deeds[3].reason) == ("CVE in use", "It is locked.")
    assert (deeds[-1].reason, deeds[-1].details["verdict"]) == ("The run failed.", "failed")


def test_every_ref_is_another(record: dict[str, Any]) -> None:
    refs = [deed.ref for deed in deeds_of(record)]
    assert len(set(refs)) == len(refs) == 10
    assert refs == [deed.ref for deed in deeds_of(copy.deepcopy(record))]


def test_what_is_security_by_policy_and_by_nature(record: dict[str, Any]) -> None:
    policy = Policy(procedures=["patching"], actions=[])
    marked = [deed.action for deed in deeds_of(record) if policy.marks(deed)]
    assert marked == ["approve", "install", "task", "reach", "task"]
    assert [deed.action for deed in deeds_of(record) if Policy().marks(deed)] == ["approve"]


def test_a_refused_run_is_a_security_entry(record: dict[str, Any]) -> None:
    record["attention"] = [finding("run.task", procedure="run_open", message="No window is open.")]
    (refused,) = [deed for deed in deeds_of(record) if Policy().marks(deed) and deed.action != "approve"]
    assert (refused.action, refused.outcome, refused.reason) == ("refuse_run", "refused", "No window is open.")


def test_an_older_record_lacks_some_of_it(record: dict[str, Any]) -> None:
    for key in ("window", "approval", "change"):
        del record["run"][key]
    record["run"].update(system="", operator="", controller="")
    deeds = deeds_of(record)
    assert "approve" not in [deed.action for deed in deeds]
    assert (deeds[0].operator, deeds[0].target, deeds[0].host) == ("unknown", RUN, "controller")


def write(folder: Path, record: dict[str, Any]) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "record.json").write_text(json.dumps(record))
    return str(folder)


def test_a_record_that_comes_twice_adds_nothing(log: Log, record: dict[str, Any], tmp_path: Path) -> None:
    folder = write(tmp_path / "run", record)
    opened = entry(1, action="open_run", ref=f"{RUN}/open", run=RUN, time=TIME.format(0))
    assert stream(log.run("append", entries=[opened]))["appended"] == 1
    assert stream(log.run("append", run=folder))["appended"] == 9
    assert stream(log.run("append", run=folder))["appended"] == 0
    # After the notices, the record says more.
    record["actions"].append(action(40, action="notify", procedure="run_close", target="mail"))
    record["verdict"]["sentence"] = "The run failed, and nobody could be told."
    assert stream(log.run("append", run=write(tmp_path / "run", record)))["appended"] == 2


def test_details_that_are_too_long_become_their_digest(record: dict[str, Any]) -> None:
    record["actions"][0]["before"] = {"rows": ["x" * 100] * 1000}
    details = deeds_of(record)[2].details
    assert set(details) == {"too_long", "sha256"}


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"run": {"id": ""}}'])
def test_what_is_no_record_is_refused(log: Log, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "record.json").write_text(content)
    with pytest.raises(MaintenanceError, match=r"cannot be read|is no record of a run"):
        log.run("append", run=str(tmp_path))
    assert not log.root.exists()


@pytest.mark.parametrize(
    "name", ["audit.rotated", "audit.pruned", "audit.opened", "Re-Index!", "9 lives", "...", "x" * 99]
)
def test_no_record_writes_what_only_the_log_says_of_itself(
    log: Log, record: dict[str, Any], tmp_path: Path, name: str
) -> None:
    log.append(1)
    record["actions"] = [action(1, action=name, after={"key": "00000000", "origin": "other/operational"})]
    assert stream(log.run("append", run=write(tmp_path / "run", record)))["appended"] > 1
    assert found(log.verify(), "audit.chain").status == "ok"
    own = [row for row in map(json.loads, log.lines()) if row["action"].startswith("audit.")]
    assert [row["operator"] for row in own] == ["audit_log"]


def test_one_endless_text_keeps_no_run_out_of_the_log(log: Log, record: dict[str, Any], tmp_path: Path) -> None:
    record["actions"][0]["target"] = "t" * 100000
    log.run("append", run=write(tmp_path / "run", record))
    (cut,) = [row["target"] for row in map(json.loads, log.lines()) if row["target"].startswith("ttt")]
    assert len(cut) <= 4000
    assert "(100000 characters, SHA-256 " in cut


@pytest.mark.parametrize(
    "more",
    [
        {"actions": [{}]},
        {"actions": "none"},
        {"actions": 5},
        {"attention": [{"check": "run.task"}]},
        {"attention": [[]]},
        {"verdict": "ok"},
        {"run": {"id": "r", "started": "yesterday"}},
        {"run": {"id": "r", "started": TIME.format(0), "approval": "Ada"}},
    ],
)
def test_a_record_that_was_damaged_is_refused(
    log: Log, record: dict[str, Any], tmp_path: Path, more: dict[str, Any]
) -> None:
    with pytest.raises(MaintenanceError, match="is no record of a run; close the run anew"):
        log.run("append", run=write(tmp_path / "run", {**record, **more}))
    assert not log.root.exists()
