"""What people get wrong about the calendar is refused with a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from tests.lab.modules import run_module
from tests.unit.calendars.test_calendar_timers import planned

TASK = {
    "task": "review",
    "cadence": "quarterly",
    "rule": "FREQ=MONTHLY;INTERVAL=3;BYDAY=1MO",
    "start": "2026-03-02T09:00",
    "owner": "Compliance",
    "work": "manual",
}
ASKED = {
    "tasks": [TASK],
    "time_zone": "UTC",
    "since": "2026-11-21",
    "now": "2026-11-21T12:00:00Z",
    "evidence": [],
    "sign_offs": [],
}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tasks": [{**TASK, "owner": " "}]}, "empty owner"),
        ({"tasks": [{**TASK, "cadence": ""}]}, "empty cadence"),
        ({"width": 0}, "60 columns"),
        ({"width": -1}, "60 columns"),
        ({"until": "2026-01-01"}, "has passed"),
    ],
)
def test_the_table(more: dict[str, Any], words: str) -> None:
    result = run_module("maintenance_calendar", {**ASKED, **more})
    assert result["failed"]
    assert words in result["msg"]


def test_nothing_is_signed_off_that_policy_does_not_ask_for() -> None:
    """The slot of September lies before the calendar's start: whoever signs off means the one of December."""
    result = run_module("maintenance_calendar", {**ASKED, "sign_off": {"task": "review"}})
    assert result["failed"]
    assert "7 December 2026" in result["msg"]
    named = run_module("maintenance_calendar", {**ASKED, "sign_off": {"task": "review", "occurrence": "2026-09-07"}})
    assert named["details"]["sign_off"]["occurrence"] == "2026-09-07T09:00:00Z"


@pytest.mark.parametrize("mode", ["rw", "999", ""])
def test_the_mode_of_an_export(tmp_path: Path, mode: str) -> None:
    options = {"path": str(tmp_path / "c.ics"), "system": "clinic", "tasks": [TASK], "time_zone": "UTC", "mode": mode}
    result = run_module("calendar_export", options)
    assert result["failed"]
    assert "'0644'" in result["msg"]


@pytest.mark.parametrize(
    ("timer", "more", "words"),
    [
        ({"playbook": ""}, {}, "empty playbook"),
        ({"rule": "", "on_calendar": ""}, {}, "says no time"),
        ({"rule": "", "on_calendar": "daily\nOnCalendar=hourly"}, {}, "control characters"),
        ({}, {"directory": "checkout"}, "from the root"),
        ({}, {"environment": {"A B": "x"}}, "no name of a variable"),
    ],
)
def test_a_timer(timer: dict[str, Any], more: dict[str, Any], words: str) -> None:
    weekly = {"name": "weekly", "playbook": "p.yml", "rule": "FREQ=WEEKLY;BYDAY=SU", "start": "2026-01-04T02:00"}
    with pytest.raises(MaintenanceError, match=words):
        planned({**weekly, **timer}, **more)
