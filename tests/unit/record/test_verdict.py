"""The verdict, by table."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.record.verdict import REASONS_SHOWN, decide


def finding(status: str, check: str = "backup.age") -> dict[str, Any]:
    return {"host": "db", "check": check, "subject": "clinic", "status": status, "message": "Look at it."}


def action(outcome: str) -> dict[str, Any]:
    return {"host": "db", "action": "vacuum", "target": "t", "outcome": outcome, "reason": "lock not granted"}


def verdict(findings: list[Any], actions: list[Any] | None = None, **changed: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"fail_on": ["critical"], "interrupted": None, "check_mode": False, **changed}
    return decide(findings, actions or [], **arguments)


@pytest.mark.parametrize(
    ("findings", "actions", "fail_on", "outcome"),
    [
        ([], [], ["critical"], "ok"),
        ([finding("ok")], [action("done")], ["critical"], "ok"),
        ([finding("warning")], [], ["critical"], "attention"),
        ([finding("unknown")], [], ["critical"], "attention"),
        ([finding("unknown")], [], ["critical", "unknown"], "failed"),
        ([finding("warning")], [], ["warning"], "failed"),
        ([finding("critical")], [], ["critical"], "failed"),
        ([finding("critical")], [], [], "attention"),
        # What the run says of itself is beyond policy.
        ([finding("critical", "run.unreachable")], [], [], "failed"),
        ([finding("warning", "run.task")], [], ["critical"], "attention"),
        ([], [action("failed")], [], "failed"),
        ([], [{**action("failed"), "action": "notify"}], ["critical"], "ok"),
        ([], [action("skipped"), action("planned")], ["critical"], "ok"),
    ],
)
def test_outcome(findings: list[Any], actions: list[Any], fail_on: list[str], outcome: str) -> None:
    assert verdict(findings, actions, fail_on=fail_on)["outcome"] == outcome


def test_an_interrupted_run_failed_and_says_so_first() -> None:
    result = verdict([finding("critical")], interrupted="The run was killed.")
    assert result["outcome"] == "failed"
    assert result["reasons"] == ["The run was killed.", "db: clinic: Look at it."]
    assert result["sentence"] == "The run failed: 2 reasons."


def test_a_rehearsal_is_called_a_check() -> None:
    assert verdict([], check_mode=True)["sentence"] == "The check went well; nothing needs attention."


def test_many_reasons_are_counted_not_listed() -> None:
    findings = [{**finding("critical"), "subject": str(number)} for number in range(REASONS_SHOWN + 5)]
    reasons = verdict(findings)["reasons"]
    assert len(reasons) == REASONS_SHOWN + 1
    assert reasons[-1] == "and 5 more, see the record"


def test_the_same_reason_is_given_once() -> None:
    assert verdict([finding("critical")] * 3)["reasons"] == ["db: clinic: Look at it."]
