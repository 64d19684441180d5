"""What of a task's result goes into the journal."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.record.entries import result_entry

TASK = {
    "host": "db",
    "procedure": "backups",
    "task": "Test them",
    "action": "careops.maintenance.backup_restore_test",
    "rescued": False,
    "ignored": False,
}
FINDING = {"check": "backup.age", "subject": "x", "status": "ok", "message": "m"}


def contract(**more: Any) -> dict[str, Any]:
    return {
        "changed": False,
        "findings": [FINDING],
        "actions": [],
        "summary": {"worst": "ok", "counts": {}, "seconds": 1.5},
        **more,
    }


def entry(result: dict[str, Any], state: str = "ok", **task: Any) -> dict[str, Any]:
    return result_entry(result, state=state, task={**TASK, **task}, started=100.0, ended=102.25)


def test_findings_and_times() -> None:
    written = entry(contract())
    assert written["findings"] == [FINDING]
    assert (written["seconds"], written["work_seconds"]) == (2.25, 1.5)


def test_the_items_of_a_loop_are_gathered() -> None:
    written = entry({"results": [contract(), contract(), "odd"], "changed": False})
    assert len(written["findings"]) == 2
    assert written["work_seconds"] == 3.0


def test_findings_of_a_failed_module_are_kept() -> None:
    written = entry(contract(failed=True, msg="no access"), "failed")
    assert written["findings"] == [FINDING]
    assert written["message"] == "no access"


def test_the_failed_items_of_a_loop_say_why() -> None:
    items = [{"failed": True, "msg": "one"}, {"msg": "fine"}, {"failed": True, "msg": "two"}]
    assert entry({"results": items, "msg": "All"}, "failed")["message"] == "one two"


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        (
            "Traceback (most recent call last):\n  File x\nImportError: No module json\n\n",
            "ImportError: No module json",
        ),
        ("/bin/sh: 1: /usr/bin/python9: not found\nSee your shell.\n", "/bin/sh: 1: /usr/bin/python9: not found"),
    ],
)
def test_a_module_that_could_not_begin_says_why(stderr: str, said: str) -> None:
    broken = {"failed": True, "msg": "No start of json char found", "module_stderr": stderr}
    assert entry(broken, "failed")["message"] == f"No start of json char found {said}"


def test_other_modules_with_the_same_words_are_left_alone() -> None:
    written = entry({"findings": ["text"], "actions": {"a": 1}, "summary": "fine"}, action="acme.tools.scan")
    assert written["findings"] == []
    assert written["actions"] == []
    assert written["work_seconds"] == 0


def test_no_secret_of_the_invocation_is_kept() -> None:
    assert "hunter2" not in str(entry(contract(invocation={"module_args": {"login_password": "hunter2"}})))


def test_what_no_log_hides_is_told_for_our_own_modules() -> None:
    assert entry({"censored": "hidden"})["hidden"] is True
    assert "hidden" not in entry({"censored": "hidden"}, action="ansible.builtin.copy")


def test_rows_that_break_the_contract_are_counted_not_kept() -> None:
    rows = [FINDING, {"title": "x"}, {**FINDING, "status": "fine"}, "text"]
    written = entry(contract(findings=rows, actions=[{"action": "a", "target": "t", "changed": 1, "outcome": "done"}]))
    assert written["findings"] == [FINDING]
    assert written["actions"] == []
    assert written["malformed"] == 4
