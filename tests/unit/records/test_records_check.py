"""When documentation is due, late, or there; and when a run without an end is worth a word."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.records.check import (
    judge_documentation,
    judge_unfinished,
    needs_documentation,
)
from ansible_collections.careops.maintenance.plugins.module_utils.records.prune import Retention, _is_old, expired

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
APPROVAL = {"by": "eva", "kind": "recovery"}
REFUSED = {
    "work_class": "emergency",
    "outcome": "failed",
    "changed": 0,
    "procedures": [{"name": "patching", "states": {"not run": ["a", "b"]}}],
}


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(kind: str, **span: float) -> dict[str, str]:
    return {"file": "documentation-1.md", "kind": kind, "by": "ana", "at": ago(**span)}


@pytest.mark.parametrize(
    ("row", "needed"),
    [
        ({"work_class": "emergency"}, True),
        ({"work_class": "emergency", "check_mode": True}, False),
        ({"work_class": "maintenance"}, False),
        ({"work_class": "maintenance", "approval": APPROVAL}, True),
        ({"work_class": "routine", "approval": APPROVAL}, True),
        ({"work_class": "maintenance", "approval": APPROVAL, "window": {"name": "primary"}}, False),
        (REFUSED, False),
        ({**REFUSED, "approval": APPROVAL}, True),
        ({**REFUSED, "changed": 1}, True),
        ({**REFUSED, "outcome": "ok"}, True),
        ({**REFUSED, "procedures": [{"name": "patching", "states": {"not run": ["a"], "failed": ["b"]}}]}, True),
        ({"work_class": "emergency", "outcome": "failed"}, True),
    ],
)
def test_who_has_to_document(row: dict[str, Any], needed: bool) -> None:
    assert needs_documentation(row) is needed


@pytest.mark.parametrize(
    ("ended", "documents", "status", "said"),
    [
        ({"hours": 1}, [], "ok", "due in 23.0 hours"),
        ({"hours": 17.9}, [], "ok", "due in 6.1 hours"),
        ({"hours": 18}, [], "warning", "due in 6.0 hours"),
        ({"hours": 24}, [], "warning", "due in 0.0 hours"),
        ({"hours": 25}, [], "critical", "late by 1.0 hours"),
        ({"days": 400}, [], "critical", "late by"),
        ({"hours": 30}, [document("note", hours=29)], "critical", "late by"),
        ({"hours": 30}, [document("post_mortem", hours=7)], "ok", "in time"),
        ({"hours": 30}, [document("documentation", hours=4)], "ok", "2.0 hours after it was due"),
        ({"hours": 30}, [document("post_mortem", hours=1), document("documentation", hours=8)], "ok", "in time"),
        ({"hours": 30}, [{"kind": "post_mortem", "at": "soon"}], "critical", "late by"),
    ],
)
def test_documentation(ended: dict[str, float], documents: list[Any], status: str, said: str) -> None:
    row = {"run_id": "r", "moment": ago(days=900), "ended": ago(**ended), "documentation": documents}
    (finding,) = judge_documentation(row, now=NOW, hours=24)
    assert (finding.status, said in finding.message) == (status, True), finding.message
    assert finding.subject == "r"


def test_what_was_documented_long_ago_is_not_told_again() -> None:
    row = {"run_id": "r", "moment": ago(days=41), "ended": ago(days=41), "documentation": [document("note", days=40)]}
    assert judge_documentation(row, now=NOW, hours=24)[0].status == "critical"
    row["documentation"] = [document("post_mortem", days=40)]
    assert judge_documentation(row, now=NOW, hours=24) == []


def test_an_emergency_without_a_time_is_not_passed_over() -> None:
    row = {"run_id": "r", "moment": "", "ended": "", "documentation": []}
    assert judge_documentation(row, now=NOW, hours=24)[0].status == "unknown"


@pytest.mark.parametrize(
    ("began", "documents", "work_class", "status"),
    [
        ({"hours": 23}, [], "maintenance", None),
        ({"hours": 24}, [], "maintenance", "warning"),
        ({"hours": 71}, [], "maintenance", "warning"),
        ({"hours": 72}, [], "maintenance", "critical"),
        ({"hours": 72}, [document("note", hours=1)], "maintenance", None),
        ({"hours": 72}, [document("note", hours=1)], "emergency", "critical"),
        ({"hours": 72}, [document("post_mortem", hours=1)], "emergency", None),
        ({"hours": 72}, [{"kind": "", "at": ""}], "maintenance", "critical"),
    ],
)
def test_a_run_without_an_end(began: dict[str, float], documents: list[Any], work_class: str, status: Any) -> None:
    row = {"run_id": "r", "moment": ago(**began), "work_class": work_class, "documentation": documents}
    findings = judge_unfinished(row, now=NOW, warning=24, critical=72)
    assert [finding.status for finding in findings] == ([status] if status else [])


def test_a_run_without_an_end_and_a_beginning_is_unknown() -> None:
    row = {"run_id": "r", "moment": "", "documentation": []}
    assert judge_unfinished(row, now=NOW, warning=24, critical=72)[0].status == "unknown"


# What stays, whatever its age

RETENTION = Retention(maintenance=100, observe=10, backup_verification=1, security_reviews=1)


def run(name: str, days: float, **more: Any) -> dict[str, Any]:
    facts = {"system": "clinic", "cadence": "weekly", "work_class": "maintenance", "documentation": []}
    return {"run_id": name, "moment": ago(days=days) if days >= 0 else "", **facts, **more}


NEWEST = run("newest", 1)


@pytest.mark.parametrize(
    ("one", "goes"),
    [
        (run("r", 101), True),
        (run("r", 99), False),
        (run("r", 11, work_class="observe"), True),
        (run("r", 9, work_class="observe"), False),
        (run("r", 5000, cadence="annual"), False),
        (run("r", 5000, system="other"), False),
        (run("r", -1), False),
        (run("r", 101, work_class="emergency"), False),
        (run("r", 101, work_class="emergency", documentation=[document("note", days=100)]), False),
        (run("r", 101, work_class="emergency", documentation=[document("post_mortem", days=100)]), True),
        (run("r", 101, approval=APPROVAL), False),
        (run("r", 101, approval=APPROVAL, window={"name": "primary"}), True),
    ],
)
def test_what_goes(one: dict[str, Any], goes: bool) -> None:
    assert expired([one, NEWEST], [], retention=RETENTION, now=NOW) == (["r"] if goes else [])


def test_a_rehearsal_is_not_the_newest_of_its_kind() -> None:
    rehearsal = run("rehearsal", 101, check_mode=True)
    assert expired([run("r", 102), rehearsal], [], retention=RETENTION, now=NOW) == ["rehearsal"]


def test_of_two_at_the_same_time_one_stays() -> None:
    assert expired([run("a", 200), run("b", 200)], [], retention=RETENTION, now=NOW) == ["a"]


def test_a_run_without_a_record_goes_when_somebody_said_why() -> None:
    begun = [run("a", 101), run("b", 101, documentation=[document("note", days=1)])]
    assert expired([], begun, retention=RETENTION, now=NOW) == ["b"]


def test_a_run_with_another_time_of_its_own_is_as_old_as_the_clock_says() -> None:
    """Otherwise who gives a run a time long ago has its record removed by the next pruning."""
    rehearsed = {**run("r", 4000), "started": ago(days=1), "ended": ago(days=1)}
    assert expired([rehearsed, NEWEST], [], retention=RETENTION, now=NOW) == []
    old = {**run("r", 4000), "started": ago(days=3999), "ended": ago(days=3999)}
    assert expired([old, NEWEST], [], retention=RETENTION, now=NOW) == ["r"]


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("2015-01-01-20150101T020000Z-weekly-3f9a1c.json", True),
        ("2015-01-01-20260305T020000Z-weekly-3f9a1c.json", False),
        ("2026-03-05-20150101T020000Z-weekly-3f9a1c.txt", False),
        ("2015-01-01-by-hand.txt", True),
        ("undated-20150101T020000Z-weekly-3f9a1c.txt", False),
        ("notes.txt", False),
    ],
)
def test_so_are_the_documents_that_were_made_of_it(name: str, old: bool) -> None:
    assert _is_old(name, before=NOW) is old
