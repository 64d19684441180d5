"""What a rule becomes for systemd, held against what systemd itself makes of it."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.calendars.on_calendar import on_calendar
from ansible_collections.careops.maintenance.plugins.module_utils.calendars.slots import Slots, read_slots
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

UTC = timezone.utc
ZONE = "Europe/Amsterdam"


def slots(rule: str, start: str = "2026-01-04T02:00", zone: str = ZONE) -> Slots:
    return read_slots(rule=rule, start=start, time_zone=zone, what="The timer")


def lines(rule: str, start: str = "2026-01-04T02:00", zone: str = "UTC") -> list[str]:
    return on_calendar(slots(rule, start, zone).recurrence, what="The timer")


SAID = [
    ("FREQ=DAILY", "*-*-* 02:00:00 UTC"),
    ("FREQ=DAILY;BYHOUR=9,17;BYMINUTE=5", "*-*-* 09,17:05:00 UTC"),
    ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "Mon,Tue,Wed,Thu,Fri *-*-* 02:00:00 UTC"),
    ("FREQ=WEEKLY", "Sun *-*-* 02:00:00 UTC"),
    ("FREQ=WEEKLY;BYDAY=MO,FR", "Mon,Fri *-*-* 02:00:00 UTC"),
    ("FREQ=MONTHLY", "*-*-04 02:00:00 UTC"),
    ("FREQ=MONTHLY;BYDAY=1SU", "Sun *-*-01..07 02:00:00 UTC"),
    ("FREQ=MONTHLY;BYDAY=-1SU", "Sun *-*~01..07 02:00:00 UTC"),
    ("FREQ=MONTHLY;BYDAY=-2SU", "Sun *-*~08..14 02:00:00 UTC"),
    ("FREQ=MONTHLY;BYDAY=2MO,2TU", "Mon,Tue *-*-08..14 02:00:00 UTC"),
    ("FREQ=MONTHLY;BYDAY=1WE,3WE", "Wed *-*-01..07,15..21 02:00:00 UTC"),
    ("FREQ=MONTHLY;BYMONTHDAY=-1", "*-*~01 02:00:00 UTC"),
    ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "Fri *-*-13 02:00:00 UTC"),
    ("FREQ=MONTHLY;INTERVAL=3;BYDAY=1SU", "Sun *-01,04,07,10-01..07 02:00:00 UTC"),
    ("FREQ=YEARLY;BYMONTH=1,4,7,10;BYDAY=1SU", "Sun *-01,04,07,10-01..07 02:00:00 UTC"),
    ("FREQ=YEARLY", "*-01-04 02:00:00 UTC"),
    ("FREQ=HOURLY", "*-*-* *:00:00 UTC"),
    ("FREQ=HOURLY;INTERVAL=6", "*-*-* 02/6:00:00 UTC"),
    ("FREQ=MINUTELY;INTERVAL=5", "*-*-* *:00/5:00 UTC"),
    ("FREQ=MINUTELY;INTERVAL=15;BYHOUR=8,9", "*-*-* 08,09:00/15:00 UTC"),
]


@pytest.mark.parametrize(("rule", "line"), SAID)
def test_a_rule_as_systemd_says_it(rule: str, line: str) -> None:
    assert lines(rule) == [line]


def test_each_day_that_is_counted_from_the_end_has_a_line() -> None:
    assert lines("FREQ=MONTHLY;BYMONTHDAY=-1,-26") == ["*-*~01 02:00:00 UTC", "*-*~26 02:00:00 UTC"]
    assert lines("FREQ=MONTHLY;BYDAY=-1SU,-2SU") == ["Sun *-*~01..07 02:00:00 UTC", "Sun *-*~08..14 02:00:00 UTC"]


def test_the_pace_of_minutes_knows_no_clock_change() -> None:
    assert lines("FREQ=MINUTELY;INTERVAL=5", "2026-01-01T00:02", ZONE) == ["*-*-* *:02/5:00 UTC"]
    # Half an hour beside UTC.
    assert lines("FREQ=HOURLY", "2026-01-01T00:00", "Asia/Kolkata") == ["*-*-* *:30:00 UTC"]


def test_a_time_that_a_clock_change_leaves_out_gets_its_own_line() -> None:
    first, *moved = lines("FREQ=WEEKLY;BYDAY=SU", "2026-01-04T02:00", ZONE)
    assert first == "Sun *-*-* 02:00:00 Europe/Amsterdam"
    assert moved[:2] == ["2026-03-29 01:00:00 UTC", "2027-03-28 01:00:00 UTC"]
    assert len(lines("FREQ=WEEKLY;BYDAY=SA", "2026-01-03T02:00", ZONE)) == 1


REFUSED = [
    ("FREQ=DAILY;COUNT=3", "ends"),
    ("FREQ=DAILY;UNTIL=20300101", "ends"),
    ("FREQ=DAILY;INTERVAL=2", "INTERVAL=2 with FREQ=DAILY"),
    ("FREQ=WEEKLY;INTERVAL=2", "INTERVAL=2 with FREQ=WEEKLY"),
    ("FREQ=YEARLY;INTERVAL=2", "INTERVAL=2 with FREQ=YEARLY"),
    ("FREQ=MONTHLY;INTERVAL=5", "use one of 1, 2, 3, 4, 6, 12"),
    ("FREQ=HOURLY;INTERVAL=5", "use one of 1, 2, 3, 4, 6, 8, 12, 24"),
    ("FREQ=MINUTELY;INTERVAL=7", "use one of 1, 2, 3"),
    ("FREQ=MINUTELY;INTERVAL=90", "use one of"),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "BYSETPOS"),
    ("FREQ=YEARLY;BYWEEKNO=10;BYDAY=MO", "BYWEEKNO"),
    ("FREQ=YEARLY;BYYEARDAY=100", "BYYEARDAY"),
    ("FREQ=YEARLY;BYDAY=20MO", "counts weekdays through the year"),
    ("FREQ=MONTHLY;BYDAY=1SU,-1SU", "from both ends"),
    ("FREQ=MONTHLY;BYDAY=1SU,2MO", "mixes"),
    ("FREQ=MONTHLY;BYDAY=1SU;BYMONTHDAY=3", "mixes"),
    ("FREQ=MONTHLY;BYDAY=-5SU", "no month has so often"),
    ("FREQ=MONTHLY;BYMONTHDAY=1,-1", "from both ends"),
    ("FREQ=MONTHLY;BYMONTHDAY=-29", "more than 28 days from the end"),
]


@pytest.mark.parametrize(("rule", "words"), REFUSED)
def test_what_systemd_cannot_say_is_refused(rule: str, words: str) -> None:
    with pytest.raises(MaintenanceError, match=words):
        lines(rule)


def elapses(said: list[str], *, after: datetime, times: int) -> list[datetime]:
    """When systemd would start the timer."""
    done = subprocess.run(
        ["systemd-analyze", "calendar", f"--iterations={times}", f"--base-time=@{int(after.timestamp())}", *said],
        capture_output=True,
        text=True,
        check=False,
        env={"TZ": "UTC", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, (said, done.stderr)
    moments = re.findall(r"(?:Next elapse|Iter\. #\d+): \w{3} ([\d-]+ [\d:]+) UTC", done.stdout)
    return sorted({datetime.strptime(moment, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for moment in moments})


def expect_agreement(rule: str, start: str, zone: str, *, after: datetime, times: int) -> None:
    expected: list[datetime] = []
    of_rule = slots(rule, start, zone)
    moment = after
    while len(expected) < times:
        following = of_rule.following(moment)
        assert following is not None
        expected.append(following)
        moment = following
    said = on_calendar(of_rule.recurrence, what="The timer")
    assert elapses(said, after=after, times=times)[:times] == expected, said


AFTER = datetime(2026, 12, 1, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(("rule", "line"), SAID)
@pytest.mark.parametrize("zone", [ZONE, "UTC"])
def test_systemd_fires_when_the_rule_recurs(rule: str, line: str, zone: str) -> None:
    expect_agreement(rule, "2026-01-04T02:00", zone, after=AFTER, times=20)


@pytest.mark.parametrize("zone", [ZONE, "America/New_York", "Australia/Lord_Howe", "America/Havana"])
@pytest.mark.parametrize("start", ["2026-01-04T00:00", "2026-01-04T02:00", "2026-01-04T02:30", "2026-01-04T01:15"])
def test_systemd_fires_on_the_days_of_clock_changes(zone: str, start: str) -> None:
    for day in ("2027-03-12", "2027-03-26", "2027-10-01", "2027-10-29", "2027-11-05"):
        expect_agreement("FREQ=DAILY", start, zone, after=datetime.fromisoformat(f"{day}T12:00+00:00"), times=4)


weekdays = st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=3, unique=True)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules of the part that systemd can say."""
    kind = draw(st.sampled_from(["minutes", "hours", "weekly", "monthday", "nth", "yearly"]))
    hours = ",".join(str(hour) for hour in draw(st.lists(st.integers(0, 23), min_size=1, max_size=3, unique=True)))
    if kind == "minutes":
        return f"FREQ=MINUTELY;INTERVAL={draw(st.sampled_from([1, 2, 5, 10, 15, 30, 60]))}"
    if kind == "hours":
        return f"FREQ=HOURLY;INTERVAL={draw(st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24]))}"
    if kind == "weekly":
        frequency = draw(st.sampled_from(["DAILY", "WEEKLY"]))
        return f"FREQ={frequency};BYDAY={','.join(draw(weekdays))};BYHOUR={hours}"
    sign = draw(st.sampled_from([1, -1]))
    if kind == "monthday":
        days = draw(st.lists(st.integers(1, 28), min_size=1, max_size=3, unique=True))
        interval = draw(st.sampled_from([1, 2, 3, 4, 6, 12]))
        return f"FREQ=MONTHLY;INTERVAL={interval};BYMONTHDAY={','.join(str(day * sign) for day in days)}"
    number = draw(st.integers(1, 4)) * sign
    days_of_month = ",".join(f"{number}{day}" for day in draw(weekdays))
    if kind == "nth":
        return f"FREQ=MONTHLY;INTERVAL={draw(st.sampled_from([1, 3, 6]))};BYDAY={days_of_month};BYHOUR={hours}"
    months = ",".join(str(month) for month in draw(st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True)))
    return f"FREQ=YEARLY;BYMONTH={months};BYDAY={days_of_month}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rule=rules(),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1)).map(lambda moment: f"{moment:%Y-%m-%dT%H:%M}"),
    after=st.datetimes(datetime(2026, 7, 1), datetime(2029, 1, 1)),
)
def test_systemd_and_the_rule_agree(rule: str, start: str, after: datetime) -> None:
    expect_agreement(rule, start, "UTC", after=after.replace(tzinfo=UTC, microsecond=0) + timedelta(seconds=1), times=6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    rule=rules().filter(lambda rule: "HOURLY" not in rule and "MINUTELY" not in rule),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1)).map(lambda moment: f"{moment:%Y-%m-%dT%H:%M}"),
    after=st.datetimes(datetime(2026, 7, 1), datetime(2029, 1, 1)),
    zone=st.sampled_from([ZONE, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_systemd_and_the_rule_agree_in_local_time(rule: str, start: str, after: datetime, zone: str) -> None:
    expect_agreement(rule, start, zone, after=after.replace(tzinfo=UTC, microsecond=0) + timedelta(seconds=1), times=6)
