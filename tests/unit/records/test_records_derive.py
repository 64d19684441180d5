"""Documents of a run: only where it has something to say, with what is wrong first, and short enough to read."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.careops.maintenance.plugins.module_utils.records.derive import (
    HEALTHY_LISTED,
    Area,
    as_json,
    as_text,
    derive,
)
from ansible_collections.careops.maintenance.plugins.module_utils.records.index import summarise

BACKUPS = Area("backup-verification", "Backup verification", "/x", checks=["backup.*"], procedures=["backups"])
REVIEW = Area("security-review", "Security review", "/y", checks=["certificate.*"], procedures=[], overrides=True)
RECORD: dict[str, Any] = {
    "run": {
        "id": "r",
        "system": "clinic",
        "operator": "ana",
        "started": "2026-03-01T02:30:00Z",
        "work_class": "routine",
    },
    "verdict": {"outcome": "failed", "sentence": "The run failed: 1 reason."},
}
APPROVAL = {"by": "eva", "kind": "critical_update", "reason": "It burns.", "given_at": "2026-03-01T02:00:00Z"}


def finding(check: str, status: str = "ok", **more: Any) -> dict[str, Any]:
    return {"check": check, "subject": "s", "status": status, "message": "m", "host": "db", **more}


def made(area: Area, findings: list[Any], actions: Any = (), **run: Any) -> dict[str, Any]:
    record = {**RECORD, "run": {**RECORD["run"], **run}}
    row = summarise("r", record=record, before={}, documentation=[], documents=[])
    return derive(area, row=row, findings=findings, actions=actions, record_path="/p/record.json")


def test_nothing_to_say_makes_no_document() -> None:
    assert made(BACKUPS, [finding("certificate.expiry")], [{"procedure": "patching"}]) == {}
    assert made(REVIEW, [finding("window.gate")]) == {}


def test_a_document_names_run_operator_time_host_outcome_verdict_and_record() -> None:
    document = made(
        BACKUPS,
        [finding("backup.age"), finding("backup.restore", "critical", host="db2"), finding("x.y")],
        [{"procedure": "backups", "action": "restore_test", "target": "t", "outcome": "done", "host": "db"}],
    )
    assert [row["check"] for row in document["findings"]] == ["backup.restore", "backup.age"]
    assert [row["action"] for row in document["actions"]] == ["restore_test"]
    facts = {
        key: document[key] for key in ("run", "operator", "time", "hosts", "outcome", "verdict", "worst", "record")
    }
    assert facts == {
        "run": "r",
        "operator": "ana",
        "time": "2026-03-01T02:30:00Z",
        "hosts": ["db", "db2"],
        "outcome": "failed",
        "verdict": "The run failed: 1 reason.",
        "worst": "critical",
        "record": "/p/record.json",
    }
    assert json.loads(as_json(document)) == document
    text = as_text(BACKUPS, document).decode()
    assert all(str(value) in text for key, value in facts.items() if key not in ("hosts", "worst"))
    assert text.index("backup.restore") < text.index("backup.age")


def test_a_run_without_a_window_is_reviewed_whatever_it_found() -> None:
    document = made(REVIEW, [finding("window.gate")], approval=APPROVAL)
    assert document["approval"] == APPROVAL
    assert [row["check"] for row in document["findings"]] == ["window.gate"]
    assert "eva, critical_update" in as_text(REVIEW, document).decode()
    assert made(BACKUPS, [], approval=APPROVAL) == {}


def test_what_is_in_order_is_counted_where_it_is_much() -> None:
    many = [finding("backup.rows") for _number in range(HEALTHY_LISTED + 5)]
    document = made(BACKUPS, [*many, *(finding("backup.rows", "warning") for _number in range(HEALTHY_LISTED + 5))])
    assert len(document["findings"]) == 2 * HEALTHY_LISTED + 5
    assert document["left_out"] == {"backup.rows": 5}
    assert "and 5 more of backup.rows in order" in as_text(BACKUPS, document).decode()


def test_rows_of_any_kind_do_no_harm() -> None:
    odd: list[Any] = [finding("backup.age", "strange", message="a\nb\x1b[2J\ud800"), {"check": "backup.x", "status": 3}]
    document = made(BACKUPS, odd)
    text = as_text(BACKUPS, document).decode()
    assert "\x1b" not in text
    assert "a b" in text
