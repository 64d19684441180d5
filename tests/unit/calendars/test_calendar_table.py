"""The table, and that docs/calendar.md shows what really comes out."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.careops.maintenance.plugins.module_utils import runner
from ansible_collections.careops.maintenance.plugins.module_utils.calendars import calendar, timers
from ansible_collections.careops.maintenance.plugins.module_utils.clock import parse_moment
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from tests.lab.modules import ROOT

PAGE = (ROOT / "docs" / "calendar.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)]
(POLICY,) = [block for block in BLOCKS if "policy_calendar" in block]
VERIFICATION = POLICY["policy_calendar"][0]
AGREEMENTS = {
    "task": "agreements",
    "cadence": "weekly",
    "rule": "FREQ=WEEKLY;BYDAY=FR",
    "start": "2026-01-02T09:00",
    "duration": "PT1H",
    "owner": "Compliance",
    "work": "manual",
    "evidence": "Minutes",
}
RUN = {
    "procedure": "backups",
    "entry": "check",
    "state": "ok",
    "moment": "2026-11-20T08:01:30Z",
    "run_id": "20261120T080010Z-weekly-3f9a1c",
}
SIGNED = {
    "task": "agreements",
    "occurrence": "2026-11-13T08:00:00Z",
    "by": "Maria Berger",
    "at": "2026-11-13T09:12:00Z",
    "evidence": "minutes 46.pdf",
    "outcome": "done",
}


def shown(*tasks: dict[str, Any], now: str, **more: Any) -> Any:
    """What the module says; its options are checked as Ansible checks them."""
    options = {
        "tasks": list(tasks),
        "time_zone": "Europe/Amsterdam",
        "since": POLICY["policy_calendar_start"],
        "evidence": [],
        "sign_offs": [],
        "procedures": ["backups"],
        **more,
    }
    checked = ArgumentSpecValidator(calendar.ARGUMENTS).validate(options)
    assert checked.error_messages == []
    return calendar.show(checked.validated_parameters, now=parse_moment(now, option="now"))


def test_the_table_on_the_page_is_a_real_one() -> None:
    evidence = {**VERIFICATION, "evidence": "Record of the run"}
    outcome = shown(
        *(AGREEMENTS, evidence),
        now="2026-11-27T07:59:00Z",
        evidence=[RUN],
        sign_offs=[SIGNED],
        owner="DevOps",
        width=72,
    )
    done = outcome.details["table"][:5]
    open_ = shown(AGREEMENTS, now="2026-11-27T08:00:00Z", sign_offs=[SIGNED], width=72).details["table"][1:4]
    block = [line[4:] for line in PAGE.splitlines() if line.startswith("    ")]
    on_page = block[block.index(next(line for line in block if line.startswith("STATE"))) :][:8]
    squeezed = [" ".join(line.split()) for line in (done[0], *open_, *done[1:])]
    assert [" ".join(line.split()) for line in on_page] == squeezed


def test_a_missed_slot_as_the_page_tells_it() -> None:
    for now, status in (
        ("2026-11-27T07:59:59Z", "ok"),
        ("2026-11-27T08:00:00Z", "warning"),
        ("2026-12-04T07:59:59Z", "warning"),
        ("2026-12-04T08:00:00Z", "critical"),
    ):
        assert shown(AGREEMENTS, now=now, sign_offs=[SIGNED]).findings[0].status == status


def test_the_timers_on_the_page_can_be_installed() -> None:
    (policy,) = [block for block in BLOCKS if "policy_timers" in block]
    options = {
        "system": "clinic",
        "timers": policy["policy_timers"],
        "time_zone": "Europe/Amsterdam",
        "program": "/usr/bin/true",
        "directory": "/opt",
        "user": "root",
    }
    checked = ArgumentSpecValidator(timers.ARGUMENTS).validate(options)
    assert checked.error_messages == []
    details = timers.plan(checked.validated_parameters, run=runner.run).details
    assert details is not None
    assert details["timers"] == ["careops-clinic-weekly.timer", "careops-clinic-notices.timer"]


LONG = {
    **AGREEMENTS,
    "task": "a-name-that-nobody-would-type-twice-but-that-somebody-gave",
    "owner": "The department of long names and titles",
    "cadence": "every_15_minutes",
    "evidence": "x" * 300,
}


@pytest.mark.parametrize("width", [72, 100, 112, 160])
def test_no_line_is_longer_than_told(width: int) -> None:
    table = shown(LONG, AGREEMENTS, now="2026-11-20T12:00Z", width=width).details["table"]
    assert max(len(line) for line in table) <= width
    # Nothing is cut off.
    end = table[0].index("OWNER") if "OWNER" in table[0] else width
    assert LONG["task"] in "".join(line[table[0].index("TASK") : end].strip() for line in table)
    assert ("OWNER" in table[0]) == (width > 72)


def test_a_terminal_of_80_columns_breaks_no_word() -> None:
    table = shown(VERIFICATION, AGREEMENTS, now="2026-11-20T12:00Z", width=72).details["table"]
    assert table[:3] == [
        "STATE    DUE                   TASK",
        "overdue  Fri 2026-01-02 09:00  agreements",
        "           Compliance, weekly, 1 h, manual. Evidence: Minutes.",
    ]


def test_what_belongs_to_a_task_is_shown_while_it_is_to_be_done() -> None:
    task = {**AGREEMENTS, "checklist": ["Each is in force.", "Dates are noted"]}
    for now, sign_offs, shows in (
        ("2026-11-20T12:00Z", [SIGNED], True),
        ("2026-11-27T12:00Z", [SIGNED], True),
        ("2026-11-13T12:00Z", [SIGNED], False),
        ("2025-12-20T12:00Z", [], False),
    ):
        table = " ".join(" ".join(shown(task, now=now, sign_offs=sign_offs, width=72).details["table"]).split())
        assert ("Checklist: Each is in force; Dates are noted. Evidence: Minutes." in table) is shows, now


def test_the_order_is_that_of_time() -> None:
    table = shown(AGREEMENTS, VERIFICATION, now="2026-11-20T12:00Z", until="2026-12-10").details["table"]
    days = re.findall(r"\w{3} (\d{4}-\d\d-\d\d)", "\n".join(line for line in table if not line.startswith("  ")))
    assert days == sorted(days)
    assert len(days) == 6


def test_until_takes_a_day_a_time_or_a_length() -> None:
    counts = {
        until: len(shown(AGREEMENTS, now="2026-11-20T12:00Z", until=until).details["table"])
        for until in ("2026-12-04", "2026-12-04T08:59", "2026-12-04T09:00", "P14D", "P13D")
    }
    assert counts["2026-12-04"] == counts["2026-12-04T09:00"] == counts["2026-12-04T08:59"] + 1
    # Fourteen days from noon of the 20th.
    assert counts["P14D"] == counts["2026-12-04"]
    assert counts["P13D"] == counts["P14D"] - 1
    with pytest.raises(MaintenanceError, match="option until"):
        shown(AGREEMENTS, now="2026-11-20T12:00Z", until="soon")


def test_an_owner_that_nobody_is() -> None:
    with pytest.raises(MaintenanceError, match="its owners are Compliance, DevOps"):
        shown(AGREEMENTS, VERIFICATION, now="2026-11-20T12:00Z", owner="Ops")


def test_an_empty_calendar() -> None:
    assert shown(now="2026-11-20T12:00Z").details["table"] == ["The calendar has no task here."]
