"""The calendar as iCalendar: read back by other programs, it says what policy says."""

from __future__ import annotations

import bisect
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dateutil.rrule import rrulestr

from ansible_collections.careops.maintenance.plugins.module_utils.calendars.ical import export
from ansible_collections.careops.maintenance.plugins.module_utils.calendars.slots import read_slots
from ansible_collections.careops.maintenance.plugins.module_utils.calendars.zones import timezone_component
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

UTC = timezone.utc
ZONE = "Europe/Amsterdam"
TASK = {
    "task": "agreements",
    "title": "Vendor agreements; umlauts: über, commas",
    "cadence": "annual",
    "rule": "FREQ=YEARLY;BYMONTH=1;BYDAY=2MO",
    "start": "2026-01-01T09:00",
    "duration": "PT4H",
    "owner": "Compliance",
    "work": "manual",
    "evidence": "Minutes",
    "checklist": ["Ask procurement", "Sign"],
    "grace": "P7D",
}
WINDOW = {
    "name": "primary",
    "rule": "FREQ=WEEKLY;BYDAY=SU",
    "start": "2026-01-04T02:00",
    "time_zone": "UTC",
    "duration": "PT4H",
    "impact": "planned_downtime",
    "cadences": ["weekly"],
}


def written(path: Any, *tasks: dict[str, Any], windows: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    options = {
        "path": str(path),
        "system": "clinic",
        "tasks": list(tasks),
        "windows": windows or [],
        "time_zone": ZONE,
        "owner": "",
        "sub_daily": False,
        "mode": "0644",
        **more,
    }
    return export(options, check_mode=False)


def events(path: Any) -> dict[str, Any]:
    calendar = icalendar.Calendar.from_ical(path.read_bytes())
    assert calendar.errors == []
    return {str(event["uid"]): event for event in calendar.walk("VEVENT")}


def test_an_event_says_what_policy_says(tmp_path: Any) -> None:
    path = tmp_path / "c.ics"
    outcome = written(path, TASK, windows=[WINDOW])
    assert outcome.details == {"path": str(path), "events": 2}
    found = events(path)
    task, window = found["task-agreements@clinic.careops"], found["window-primary@clinic.careops"]
    assert task["summary"] == TASK["title"]
    assert task["dtstart"].dt == datetime(2026, 1, 12, 9, tzinfo=ZoneInfo(ZONE))
    assert task["dtstart"].params["TZID"] == ZONE
    assert task["duration"].dt == timedelta(hours=4)
    assert task["rrule"].to_ical() == b"FREQ=YEARLY;BYDAY=2MO;BYMONTH=1"
    for words in ("Owner: Compliance", "Evidence: Minutes", "- Ask procurement", "Overdue: 7 d after its start"):
        assert words in task["description"]
    assert task["categories"].cats == ["annual", "manual", "Compliance"]
    assert window["dtstart"].dt == datetime(2026, 1, 4, 2, tzinfo=ZoneInfo("UTC"))
    assert "planned downtime" in window["summary"]
    assert (task["transp"], window["transp"]) == ("OPAQUE", "TRANSPARENT")


def test_lines_are_as_the_standard_wants_them(tmp_path: Any) -> None:
    path = tmp_path / "c.ics"
    written(path, TASK)
    lines = path.read_bytes().split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert all(len(line) <= 75 and b"\n" not in line for line in lines)


def test_the_same_policy_makes_the_same_file(tmp_path: Any) -> None:
    path = tmp_path / "c.ics"
    assert written(path, TASK).actions[0].changed
    before = path.read_bytes()
    inode = path.stat().st_ino
    again = written(path, TASK)
    assert (again.actions[0].outcome, again.actions[0].changed) == ("skipped", False)
    assert (path.read_bytes(), path.stat().st_ino) == (before, inode)
    changed = written(path, {**TASK, "owner": "Legal"})
    assert changed.actions[0].changed
    assert set(events(path)) == {"task-agreements@clinic.careops"}


def test_check_mode_writes_nothing(tmp_path: Any) -> None:
    path = tmp_path / "c.ics"
    options = {"path": str(path), "system": "s", "tasks": [TASK], "windows": [], "time_zone": ZONE, "owner": ""}
    outcome = export({**options, "sub_daily": False, "mode": "0644"}, check_mode=True)
    assert outcome.actions[0].outcome == "planned"
    assert not path.exists()


RULES = [
    ("FREQ=DAILY", "2026-03-20T02:30"),
    ("FREQ=WEEKLY;BYDAY=FR", "2026-01-01T09:00"),
    ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH", "2026-01-01T09:00"),
    ("FREQ=MONTHLY;BYDAY=-1SU", "2026-01-01T02:00"),
    ("FREQ=MONTHLY", "2026-01-31T09:00"),
    ("FREQ=MONTHLY;INTERVAL=3;BYDAY=1SU", "2026-01-20T00:00"),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-01-01T09:00"),
    ("FREQ=YEARLY;BYMONTH=1,4,7,10;BYDAY=1SU", "2026-01-01T00:00"),
    ("FREQ=YEARLY", "2026-02-10T09:00"),
    ("FREQ=DAILY;COUNT=3", "2026-10-24T02:30"),
    ("FREQ=WEEKLY;BYDAY=SU;UNTIL=20260601", "2026-01-01T02:00"),
]


@pytest.mark.parametrize(("rule", "start"), RULES, ids=[rule for rule, _start in RULES])
@pytest.mark.parametrize("zone", [ZONE, "America/Sao_Paulo", "UTC"])
def test_another_reader_finds_the_same_times(tmp_path: Any, rule: str, start: str, zone: str) -> None:
    path = tmp_path / "c.ics"
    written(path, {**TASK, "rule": rule, "start": start, "time_zone": zone})
    (event,) = events(path).values()
    begin = event["dtstart"].dt
    text = event["rrule"].to_ical().decode()
    end = datetime(2028, 1, 1, tzinfo=UTC)
    expected = read_slots(rule=rule, start=start, time_zone=zone, what="x").between(
        datetime(2026, 1, 1, tzinfo=UTC), end
    )
    # In local time, as section 3.3.10 of RFC 5545 has it; UNTIL is UTC there.
    until = event["rrule"].pop("UNTIL", [end])[0]
    text = event["rrule"].to_ical().decode()
    locals_ = rrulestr(text, dtstart=begin.replace(tzinfo=None)).xafter(datetime(2025, 12, 31), inc=True)
    found = []
    for local in locals_:
        moment = local.replace(tzinfo=begin.tzinfo).astimezone(UTC)
        if moment > min(end, until):
            break
        found.append(moment)
    assert found == expected
    assert begin == expected[0]


@pytest.mark.parametrize(
    "zone", [ZONE, "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca"]
)
def test_clock_changes_are_those_of_the_zone(zone: str) -> None:
    component = timezone_component(icalendar, ZoneInfo(zone), first=2025, last=2032)
    read = icalendar.Timezone.from_ical(component.to_ical())
    onsets = []
    parts: list[Any] = read.walk()
    for part in parts:
        if part.name in ("STANDARD", "DAYLIGHT"):
            more = part.get("rdate", [])
            more = more if isinstance(more, list) else [more]
            starts = [part["dtstart"].dt, *(each.dt for one in more for each in one.dts)]
            # Section 3.6.5: an onset is in the local time before it.
            onsets += [(start - part["tzoffsetfrom"].td, part["tzoffsetto"].td) for start in starts]
    onsets.sort()
    starts_only = [onset for onset, _offset in onsets]
    moment = datetime(2025, 1, 1, 0, 30, tzinfo=UTC)
    while moment < datetime(2033, 1, 1, tzinfo=UTC):
        _onset, holds = onsets[bisect.bisect_right(starts_only, moment.replace(tzinfo=None)) - 1]
        assert moment.astimezone(ZoneInfo(zone)).utcoffset() == holds, moment
        moment += timedelta(hours=1)


def test_tasks_that_recur_several_times_a_day_are_left_out_unless_asked_for(tmp_path: Any) -> None:
    often = {**TASK, "task": "health", "rule": "FREQ=MINUTELY;INTERVAL=5"}
    written(tmp_path / "a.ics", TASK, often)
    assert set(events(tmp_path / "a.ics")) == {"task-agreements@clinic.careops"}
    written(tmp_path / "b.ics", TASK, often, sub_daily=True)
    assert len(events(tmp_path / "b.ics")) == 2


def test_an_owner_gets_his_own(tmp_path: Any) -> None:
    written(tmp_path / "a.ics", TASK, {**TASK, "task": "other", "owner": "DevOps"}, owner="devops")
    assert set(events(tmp_path / "a.ics")) == {"task-other@clinic.careops"}


def test_a_folder_that_is_not_there(tmp_path: Any) -> None:
    with pytest.raises(MaintenanceError, match="give a path in a folder that exists"):
        written(tmp_path / "none" / "c.ics", TASK)
