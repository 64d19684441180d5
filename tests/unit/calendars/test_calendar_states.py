"""How a task stands at a moment: tables over time, evidence and sign-offs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.calendars.calendar import show
from ansible_collections.careops.maintenance.plugins.module_utils.clock import parse_moment
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

WEEKLY = {
    "task": "backup-verification",
    "title": "Backup verification",
    "cadence": "weekly",
    "rule": "FREQ=WEEKLY;BYDAY=FR",
    "start": "2026-01-02T09:00",
    "duration": "PT30M",
    "owner": "DevOps",
    "work": "automated",
    "procedure": "backups",
    "entry": "check",
    "evidence": "Record of the run",
}
MANUAL = {**WEEKLY, "task": "agreements", "work": "manual", "procedure": ""}


def at(text: str) -> datetime:
    return parse_moment(text, option="now")


def ran(moment: str, **more: Any) -> dict[str, Any]:
    return {
        "procedure": "backups",
        "entry": "check",
        "state": "ok",
        "moment": moment,
        "run_id": f"run-{moment[:10]}",
        "outcome": "ok",
        **more,
    }


def signed(occurrence: str, moment: str, **more: str) -> dict[str, str]:
    row = {"kind": "signed", "task": "agreements", "occurrence": occurrence, "by": "M. Berger", "at": moment}
    return {**row, "evidence": "minutes.pdf", "outcome": "done", **more}


def judged(task: dict[str, Any], *, now: str, **more: Any) -> Any:
    options = {
        "tasks": [task],
        "time_zone": "Europe/Amsterdam",
        "since": "2026-01-01",
        "evidence": [],
        "sign_offs": [],
        "procedures": ["backups"],
        "owner": "",
        "until": "",
        "sign_off": None,
        "width": 112,
        **more,
    }
    return show(options, now=at(now))


def row_of(task: dict[str, Any], *, now: str, **more: Any) -> dict[str, Any]:
    (row,) = judged(task, now=now, **more).details["tasks"]
    return dict(row)


LAST_WEEK = ran("2026-11-13T09:00Z", entry="main")
# Fridays at 09:00 in Amsterdam: in November that is 08:00 UTC.
AUTOMATED_TABLE = [
    # Nothing was ever done.
    ("before the first slot", "2025-12-31T00:00Z", [], "upcoming"),
    ("in the first slot", "2026-01-02T08:00Z", [], "due"),
    ("a second before it", "2026-01-02T07:59:59Z", [], "upcoming"),
    ("until the next one", "2026-01-09T07:59:59Z", [], "due"),
    ("then it is overdue", "2026-01-09T08:00Z", [], "overdue"),
    # The run of Sunday does not do for Friday, one at the slot does, and one within the hour before it.
    ("done before", "2026-11-20T12:00Z", [ran("2026-11-15T02:00Z")], "due"),
    ("done at the slot", "2026-11-20T12:00Z", [ran("2026-11-20T08:00Z")], "done"),
    ("done an hour early", "2026-11-20T12:00Z", [ran("2026-11-20T07:00Z")], "done"),
    ("done too early", "2026-11-20T12:00Z", [ran("2026-11-20T06:59Z")], "due"),
    ("done early, seen before the slot", "2026-11-20T07:30Z", [ran("2026-11-20T07:15Z")], "done"),
    ("done late", "2026-11-27T07:59Z", [ran("2026-11-26T23:00Z")], "done"),
    ("done by the last slot only", "2026-11-27T08:00Z", [ran("2026-11-26T23:00Z")], "due"),
    ("the slot before was missed", "2026-11-27T08:00Z", [ran("2026-11-13T09:00Z")], "overdue"),
    ("done after that", "2026-11-27T10:00Z", [ran("2026-11-13T09:00Z"), ran("2026-11-27T09:00Z")], "done"),
    # What does not count.
    ("failed", "2026-11-20T12:00Z", [ran("2026-11-20T08:00Z", state="failed")], "due"),
    ("unreachable", "2026-11-20T12:00Z", [ran("2026-11-20T08:00Z", state="unreachable")], "due"),
    ("another procedure", "2026-11-20T12:00Z", [ran("2026-11-20T08:00Z", procedure="patching")], "due"),
    ("of the future", "2026-11-20T12:00Z", [ran("2026-11-20T13:00Z")], "due"),
    ("the other entry", "2026-11-20T12:00Z", [ran("2026-11-20T08:00Z", entry="main")], "done"),
    ("an old record without entry", "2026-11-20T12:00Z", [ran("2026-11-20T08:00Z", entry="")], "done"),
    (
        "good in a failed run",
        "2026-11-20T12:00Z",
        [ran("2026-11-20T08:00Z", outcome="failed")],
        "done",
    ),
]


@pytest.mark.parametrize(("what", "now", "evidence", "state"), AUTOMATED_TABLE, ids=[row[0] for row in AUTOMATED_TABLE])
def test_an_automated_task(what: str, now: str, evidence: list[dict[str, str]], state: str) -> None:
    assert row_of(WEEKLY, now=now, evidence=[LAST_WEEK, *evidence])["state"] == state


def test_acting_needs_the_entry_that_acts() -> None:
    acting = {**WEEKLY, "entry": "main"}
    for entry, state in (("check", "due"), ("", "due"), ("main", "done")):
        evidence = [LAST_WEEK, ran("2026-11-20T08:00Z", entry=entry)]
        assert row_of(acting, now="2026-11-20T12:00Z", evidence=evidence)["state"] == state


@pytest.mark.parametrize(
    ("now", "slot", "following"),
    [
        # Clocks go back on 25 October 2026 and forward on 29 March 2026.
        ("2026-10-24T12:00Z", "2026-10-23T07:00:00Z", "2026-10-30T08:00:00Z"),
        ("2026-03-28T12:00Z", "2026-03-27T08:00:00Z", "2026-04-03T07:00:00Z"),
    ],
)
def test_the_slot_keeps_its_local_time(now: str, slot: str, following: str) -> None:
    row = row_of(WEEKLY, now=now)
    assert (row["occurrence"], row["next"]) == (slot, following)


@pytest.mark.parametrize(
    ("grace", "now", "state"),
    [
        ("P1D", "2026-11-21T07:59Z", "due"),
        ("P1D", "2026-11-21T08:00Z", "overdue"),
        ("PT30M", "2026-11-20T08:31Z", "overdue"),
        # Longer than the interval: the second in a row is due, and the first not overdue yet.
        ("P10D", "2026-11-29T12:00Z", "due"),
        ("P10D", "2026-11-30T08:00Z", "overdue"),
    ],
)
def test_grace(grace: str, now: str, state: str) -> None:
    evidence = [ran("2026-11-13T08:00Z")]
    assert row_of({**WEEKLY, "grace": grace}, now=now, evidence=evidence)["state"] == state


@pytest.mark.parametrize(
    ("more", "now", "status"),
    [
        ({}, "2026-11-27T08:00Z", "warning"),
        ({}, "2026-12-04T07:59Z", "warning"),
        ({}, "2026-12-04T08:00Z", "critical"),
        ({"critical_after": "PT1H"}, "2026-11-27T08:59Z", "warning"),
        ({"critical_after": "PT1H"}, "2026-11-27T09:00Z", "critical"),
        ({"critical_after": "P90D"}, "2026-12-30T09:00Z", "warning"),
    ],
)
def test_how_grave_it_is_to_be_overdue(more: dict[str, str], now: str, status: str) -> None:
    task = {**WEEKLY, **more}
    outcome = judged(task, now=now, evidence=[ran("2026-11-13T08:00Z")])
    (finding,) = [finding for finding in outcome.findings if finding.check == "calendar.overdue"]
    assert finding.status == status
    assert finding.subject == "backup-verification"
    # The slot of 20 November is the first that was missed.
    assert "was due Friday 20 November 2026 08:00 UTC" in finding.message
    assert "backups" in finding.message


def test_a_failed_run_is_told() -> None:
    failed = ran("2026-11-20T08:00Z", state="failed", run_id="run-bad", host="db")
    outcome = judged(WEEKLY, now="2026-11-27T07:00Z", evidence=[ran("2026-11-13T08:00Z"), failed])
    assert "On db, the run run-bad failed to do it." in outcome.findings[0].message
    assert outcome.details["tasks"][0]["failed"]["by"] == "run-bad"
    # Still told when the next slot is due; not any more once it was done.
    outcome = judged(WEEKLY, now="2026-11-27T12:00Z", evidence=[ran("2026-11-13T08:00Z"), failed])
    assert outcome.details["tasks"][0]["failed"]["by"] == "run-bad"
    for later in ("2026-11-27T12:00Z", "2026-12-04T12:00Z"):
        outcome = judged(WEEKLY, now=later, evidence=[ran("2026-11-27T08:00Z"), failed])
        assert "failed" not in outcome.details["tasks"][0]
    # One host is enough, and the other is told of.
    good = ran("2026-11-20T08:00Z", run_id="run-bad", host="db2")
    outcome = judged(WEEKLY, now="2026-11-27T07:00Z", evidence=[good, failed])
    assert outcome.details["tasks"][0]["state"] == "done"
    assert "On db, the run run-bad failed to do it." in outcome.findings[0].message


def test_what_was_due_before_the_start_is_not_asked_for() -> None:
    assert row_of(WEEKLY, now="2026-11-21T12:00Z", since="2026-11-21")["state"] == "upcoming"
    assert row_of(WEEKLY, now="2026-11-27T12:00Z", since="2026-11-21")["state"] == "due"
    # Four weeks of nothing, the first of them before the start.
    row = row_of(WEEKLY, now="2026-12-11T12:00Z", since="2026-11-21")
    assert (row["state"], row["due"]) == ("overdue", "2026-11-27T08:00:00Z")


EVERY_5_MINUTES = {
    **WEEKLY,
    "task": "health",
    "cadence": "every_5_minutes",
    "rule": "FREQ=MINUTELY;INTERVAL=5",
    "start": "2026-01-01T00:00",
}


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        ("2026-11-20T12:00:03Z", "done"),
        ("2026-11-20T12:01:00Z", "done"),
        # A moment before the slot belongs to the one before it: nothing may be early here.
        ("2026-11-20T11:59:59Z", "due"),
        ("2026-11-20T11:54:59Z", "overdue"),
    ],
)
def test_several_times_a_day(moment: str, state: str) -> None:
    row = row_of(EVERY_5_MINUTES, now="2026-11-20T12:02:00Z", evidence=[ran(moment)])
    assert row["state"] == state


def test_early_is_policy() -> None:
    task = {**MANUAL, "early": "P2D"}
    row = signed("2026-11-20T08:00:00Z", "2026-11-18T10:00:00Z")
    assert row_of(task, now="2026-11-18T12:00Z", sign_offs=[row])["state"] == "done"
    # What was done ahead is done, and the next slot is the one behind it.
    assert row_of(task, now="2026-11-18T12:00Z", sign_offs=[row])["next"] == "2026-11-27T08:00:00Z"
    assert (
        row_of({**WEEKLY, "early": "PT0S"}, now="2026-11-20T12:00Z", evidence=[ran("2026-11-20T07:59Z")])["state"]
        == "due"
    )


SLOT = "2026-11-20T08:00:00Z"
MANUAL_TABLE = [
    ("nobody", [], "2026-11-20T12:00Z", "due"),
    ("nobody for a week", [], "2026-11-27T08:00Z", "overdue"),
    ("signed off", [signed(SLOT, "2026-11-20T11:00Z")], "2026-11-20T12:00Z", "done"),
    ("signed off late", [signed(SLOT, "2026-11-26T11:00Z")], "2026-11-26T12:00Z", "done"),
    ("the last one", [signed(SLOT, "2026-11-26T11:00Z")], "2026-11-27T08:00Z", "due"),
    ("not applicable", [signed(SLOT, "2026-11-20T11:00Z", outcome="not_applicable")], "2026-11-20T12:00Z", "done"),
    ("failed", [signed(SLOT, "2026-11-20T11:00Z", outcome="failed")], "2026-11-20T12:00Z", "due"),
    ("another task", [signed(SLOT, "2026-11-20T11:00Z", task="other")], "2026-11-20T12:00Z", "due"),
    ("signed off after the moment", [signed(SLOT, "2026-11-20T13:00Z")], "2026-11-20T12:00Z", "due"),
]


@pytest.mark.parametrize(("what", "rows", "now", "state"), MANUAL_TABLE, ids=[row[0] for row in MANUAL_TABLE])
def test_a_manual_task(what: str, rows: list[dict[str, str]], now: str, state: str) -> None:
    history = [signed("2026-11-13T08:00:00Z", "2026-11-13T09:00Z"), *rows]
    assert row_of(MANUAL, now=now, sign_offs=history)["state"] == state


def test_runs_do_no_manual_work() -> None:
    evidence = [ran("2026-11-20T09:00Z", procedure="")]
    assert row_of(MANUAL, now="2026-11-20T12:00Z", evidence=evidence)["state"] != "done"


def test_automated_work_may_be_done_by_hand_and_signed_off() -> None:
    row = row_of(WEEKLY, now="2026-11-20T12:00Z", sign_offs=[signed(SLOT, "2026-11-20T11:00Z", task=WEEKLY["task"])])
    assert row["state"] == "done"
    assert row["done"]["kind"] == "sign_off"


def test_a_procedure_that_does_not_exist() -> None:
    outcome = judged(WEEKLY, now="2026-11-20T12:00Z", procedures=["certificates"], evidence=[ran("2026-11-13T09:00Z")])
    (finding,) = [finding for finding in outcome.findings if finding.check == "calendar.uncovered"]
    assert outcome.details["tasks"][0]["state"] == "uncovered"
    assert finding.status == "warning"
    assert "backups, which this collection does not have" in finding.message
    done = [signed(SLOT, "2026-11-20T11:00Z", task=WEEKLY["task"])]
    assert row_of(WEEKLY, now="2026-11-20T12:00Z", procedures=[], sign_offs=done)["state"] == "done"


def test_another_tools_work_is_not_asked_for() -> None:
    external = {**MANUAL, "work": "external"}
    outcome = judged(external, now="2026-11-20T12:00Z")
    assert outcome.details["tasks"][0]["state"] == "untracked"
    assert [finding.check for finding in outcome.findings] == ["calendar.summary"]
    assert row_of(external, now="2026-11-20T12:00Z", sign_offs=[signed(SLOT, "2026-11-20T11:00Z")])["state"] == "done"


def test_what_could_not_be_read_is_unknown() -> None:
    for more in ({"evidence": None}, {"sign_offs": None}):
        outcome = judged(WEEKLY, now="2026-11-20T12:00Z", **more)
        assert outcome.details["tasks"][0]["state"] == "unknown"
        assert [(finding.check, finding.status) for finding in outcome.findings][:1] == [
            ("calendar.evidence", "unknown")
        ]
    last_week = signed("2026-11-13T08:00:00Z", "2026-11-13T09:00Z")
    assert row_of(MANUAL, now="2026-11-20T12:00Z", evidence=None, sign_offs=[last_week])["state"] == "due"
    # What one side proves needs no other.
    assert (
        row_of(WEEKLY, now="2026-11-20T12:00Z", sign_offs=None, evidence=[ran("2026-11-20T09:00Z")])["state"] == "done"
    )


def test_a_calendar_that_is_through() -> None:
    once = {**MANUAL, "rule": "FREQ=DAILY;COUNT=1", "start": "2026-03-02T09:00"}
    row = row_of(once, now="2026-11-20T12:00Z")
    assert (row["state"], row["next"], row["deadline"]) == ("due", "", "")
    done = [signed("2026-03-02T08:00:00Z", "2026-03-03T08:00Z")]
    row = row_of(once, now="2026-11-20T12:00Z", sign_offs=done)
    assert (row["state"], row["due"]) == ("done", "")


# What is to be signed off


@pytest.mark.parametrize(
    ("now", "occurrence", "expected"),
    [
        ("2026-11-20T12:00Z", "", "2026-11-20T08:00:00Z"),
        # The older one is overdue; whoever does this one is through with both.
        ("2026-11-27T12:00Z", "", "2026-11-27T08:00:00Z"),
        ("2026-11-27T12:00Z", "2026-11-20", "2026-11-20T08:00:00Z"),
        ("2026-11-27T12:00Z", "2026-11-20T09:00", "2026-11-20T08:00:00Z"),
        ("2026-11-27T07:30Z", "2026-11-27", "2026-11-27T08:00:00Z"),
    ],
)
def test_the_occurrence_that_is_signed_off(now: str, occurrence: str, expected: str) -> None:
    wish = {"task": "agreements", "occurrence": occurrence}
    assert judged(MANUAL, now=now, sign_off=wish).details["sign_off"]["occurrence"] == expected


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"task": "agreement", "occurrence": ""}, "did you mean agreements?"),
        ({"task": "zzz", "occurrence": ""}, "has no task 'zzz'"),
        ({"task": "agreements", "occurrence": "2026-11-21"}, "slots nearby are 2026-11-20T09:00 and 2026-11-27T09:00"),
        ({"task": "agreements", "occurrence": "2026-11-20T10:00"}, "slots nearby"),
        ({"task": "agreements", "occurrence": "2026-11-27"}, "lies ahead"),
        ({"task": "agreements", "occurrence": "friday"}, "must be a date or a local time"),
    ],
)
def test_what_cannot_be_signed_off(wish: dict[str, str], words: str) -> None:
    with pytest.raises(MaintenanceError, match=words.replace("?", r"\?")):
        judged(MANUAL, now="2026-11-20T12:00Z", sign_off=wish)


def test_before_the_first_slot_there_is_nothing_to_sign_off() -> None:
    with pytest.raises(MaintenanceError, match="nothing to sign off"):
        judged(MANUAL, now="2025-12-01T12:00Z", sign_off={"task": "agreements", "occurrence": ""})


# Bad policy


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"rule": ""}, "backup-verification needs a rule"),
        ({"rule": "FREQ=SOMETIMES"}, "backup-verification: its rule"),
        ({"start": "soon"}, "backup-verification: its start"),
        ({"time_zone": "Mars/Olympus"}, "backup-verification: its time zone"),
        ({"grace": "a day"}, "backup-verification: its grace"),
        ({"procedure": ""}, "needs the procedure"),
        ({"task": "two words"}, "needs a name made of letters"),
    ],
)
def test_a_task_that_cannot_be_understood(more: dict[str, str], words: str) -> None:
    with pytest.raises(MaintenanceError, match=words):
        judged({**WEEKLY, **more}, now="2026-11-20T12:00Z")


def test_two_tasks_of_one_name() -> None:
    with pytest.raises(MaintenanceError, match="two tasks named"):
        judged(WEEKLY, now="2026-11-20T12:00Z", tasks=[WEEKLY, WEEKLY])


def test_evidence_that_lacks_something() -> None:
    row = {key: said for key, said in ran("2026-11-20T12:00Z").items() if key != "run_id"}
    with pytest.raises(MaintenanceError, match="lacks run_id"):
        judged(WEEKLY, now="2026-11-20T12:00Z", evidence=[row])
