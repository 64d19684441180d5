"""Recurrence rules: held against a brute-force oracle, known dates, and what is refused."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError, MissingLibrary
from ansible_collections.careops.maintenance.plugins.module_utils.windows import recurrence
from ansible_collections.careops.maintenance.plugins.module_utils.windows.openings import next_opening, open_at
from ansible_collections.careops.maintenance.plugins.module_utils.windows.policy import parse_windows
from ansible_collections.careops.maintenance.plugins.module_utils.windows.recurrence import (
    Recurrence,
    parse_recurrence,
)
from tests.unit.windows import oracle

UTC = timezone.utc
WHAT = "The rule of window 'w'"
ZONES = ("UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
# Without shrinking, which takes minutes where there is something to tell.
BOUNDED = settings(
    phases=[Phase.generate],
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def read(rule: str | None, start: str = "2026-01-04T02:00", zone: str = "UTC") -> Recurrence:
    return parse_recurrence(rule, start=datetime.fromisoformat(start), zone=ZoneInfo(zone), what=WHAT)


def some(values: Any, *, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(list(values)), min_size=1, max_size=most, unique=True)


MONTH_DAYS = [*range(1, 32), *range(-31, 0)]
NUMBERED = [f"{number}{day}" for number in (1, 2, 3, 4, 5, -1, -2) for day in oracle.DAYS]
LIMITS: dict[str, dict[str, st.SearchStrategy[list[Any]]]] = {
    "YEARLY": {
        "BYMONTH": some(range(1, 13)),
        "BYMONTHDAY": some(MONTH_DAYS),
        "BYYEARDAY": some([1, 60, 100, 200, 366, -1, -366]),
        "BYDAY": some([*oracle.DAYS, *NUMBERED, "20MO", "53SU"]),
    },
    "MONTHLY": {
        "BYMONTH": some(range(1, 13)),
        "BYMONTHDAY": some(MONTH_DAYS),
        "BYDAY": some([*oracle.DAYS, *NUMBERED]),
    },
    "WEEKLY": {"BYMONTH": some(range(1, 13)), "BYDAY": some(oracle.DAYS)},
    "DAILY": {"BYMONTH": some(range(1, 13)), "BYMONTHDAY": some(MONTH_DAYS), "BYDAY": some(oracle.DAYS)},
    "HOURLY": {"BYMONTHDAY": some(MONTH_DAYS), "BYDAY": some(oracle.DAYS)},
}


WEEKS = {"BYWEEKNO": some([1, 2, 20, 52, 53, -1]), "BYDAY": some(oracle.DAYS)}
TIMES = {"BYHOUR": some(range(24), most=2), "BYMINUTE": some(range(60), most=2)}
UNTILS = st.integers(0, 9000).map(lambda hours: f"{datetime(2024, 1, 1) + timedelta(hours=hours):%Y%m%dT%H%M%SZ}")
ENDS: list[tuple[str, st.SearchStrategy[Any]]] = [("COUNT", st.integers(1, 40)), ("UNTIL", UNTILS)]


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    def seldom(one_in: int) -> bool:
        return draw(st.integers(1, one_in)) == 1

    frequency = draw(st.sampled_from(sorted(LIMITS)))
    by_week = frequency == "YEARLY" and seldom(5)
    limits = WEEKS if by_week else LIMITS[frequency]
    parts: dict[str, Any] = {"FREQ": frequency}
    parts.update({name: draw(values) for name, values in limits.items() if seldom(3)})
    parts.update({name: draw(values) for name, values in TIMES.items() if seldom(4)})
    if len(parts) > 1 and seldom(4):
        parts["BYSETPOS"] = draw(some([1, 2, 3, -1, -2]))
    # With INTERVAL, RFC 5545 leaves open to which year the days of a week between two years belong.
    if not by_week and seldom(2):
        parts["INTERVAL"] = draw(st.sampled_from([2, 3, 5, 7]))
    if seldom(4):
        parts["WKST"] = draw(st.sampled_from(oracle.DAYS))
    if seldom(2):
        name, values = draw(st.sampled_from(ENDS))
        parts[name] = draw(values)
    return parts


STARTS = st.datetimes(datetime(2023, 6, 1), datetime(2024, 12, 31)).map(
    lambda one: one.replace(second=0, microsecond=0)
)


@BOUNDED
@given(rules(), STARTS, st.sampled_from(ZONES), st.integers(-100, 900), st.integers(0, 120))
def test_a_rule_gives_what_brute_force_gives(
    parts: dict[str, Any], start: datetime, zone: str, begin: int, days: int
) -> None:
    first = start.replace(tzinfo=UTC) + timedelta(days=begin)
    last = first + timedelta(days=days)
    expected = oracle.moments(parts, start, ZoneInfo(zone), first, last)
    try:
        found = parse_recurrence(oracle.rule_of(parts), start=start, zone=ZoneInfo(zone), what=WHAT)
    except MaintenanceError as error:
        assert "gives no date" in str(error)
        assert oracle.moments(parts, start, ZoneInfo(zone), datetime(2023, 1, 1, tzinfo=UTC), last) == []
        return
    assert found.moments(first, last) == expected


@BOUNDED
@given(
    st.tuples(st.sampled_from(ZONES[:4]), st.integers(0, 24 * 60 - 1)),
    st.integers(1, 50 * 60),
    some(oracle.DAYS, most=4),
    st.sampled_from(["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2026-06-10"]),
    st.integers(-2880, 2880),
)
def test_a_minute_lies_in_a_window_or_not(
    begin: tuple[str, int], length: int, days: list[str], day: str, offset: int
) -> None:
    zone, minute = begin
    start = datetime(2020, 1, 1) + timedelta(minutes=minute)
    parts = {"FREQ": "WEEKLY", "BYDAY": days}
    row = {
        "name": "w",
        "rule": oracle.rule_of(parts),
        "start": start.isoformat(),
        "time_zone": zone,
        "duration": f"PT{length}M",
    }
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=offset)
    duration = timedelta(minutes=length)
    began = oracle.moments(
        parts, datetime(2026, 1, 1, minute // 60, minute % 60), ZoneInfo(zone), moment - duration, moment
    )
    expected = max((one + duration for one in began if moment < one + duration), default=None)
    found = open_at(parse_windows([row]), moment)
    assert (found[0].closes if found else None) == expected


@pytest.mark.parametrize(
    ("rule", "start", "zone", "expected"),
    [
        (None, "2026-05-01T02:00", "Europe/Amsterdam", "2026-05-01T00:00"),
        ("", "2026-05-01T02:00", "UTC", "2026-05-01T02:00"),
        ("RRULE:FREQ=YEARLY;COUNT=1", "2026-05-01T02:00", "UTC", "2026-05-01T02:00"),
        # The start is an occurrence only where the rule says so.
        ("freq=weekly;byday=su;count=2", "2026-05-01T02:00", "UTC", "2026-05-03T02:00 2026-05-10T02:00"),
        ("FREQ=MONTHLY;BYDAY=SU;BYSETPOS=1;COUNT=2", "2026-01-04T02:00", "UTC", "2026-01-04T02:00 2026-02-01T02:00"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=2", "2026-01-04T02:00", "UTC", "2028-02-29T02:00 2032-02-29T02:00"),
        # Examples of RFC 5545: on which day a week begins decides which weeks every other week are.
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "1997-08-05T09:00",
            "America/New_York",
            "1997-08-05T13:00 1997-08-10T13:00 1997-08-19T13:00 1997-08-24T13:00",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;UNTIL=19970901;BYDAY=TU,SU;WKST=SU",
            "1997-08-05T09:00",
            "America/New_York",
            "1997-08-05T13:00 1997-08-17T13:00 1997-08-19T13:00 1997-08-31T13:00",
        ),
        ("FREQ=YEARLY;BYWEEKNO=20;COUNT=2", "2026-01-04T02:00", "UTC", "2026-05-17T02:00 2027-05-23T02:00"),
        # UNTIL: in UTC, in local time, and a date that takes in its day.
        (
            "FREQ=DAILY;UNTIL=20260105T010000Z",
            "2026-01-04T02:00",
            "Europe/Amsterdam",
            "2026-01-04T01:00 2026-01-05T01:00",
        ),
        ("FREQ=DAILY;UNTIL=20260105T005959Z", "2026-01-04T02:00", "Europe/Amsterdam", "2026-01-04T01:00"),
        (
            "FREQ=DAILY;UNTIL=20260105T020000",
            "2026-01-04T02:00",
            "Europe/Amsterdam",
            "2026-01-04T01:00 2026-01-05T01:00",
        ),
        ("FREQ=DAILY;UNTIL=20260105", "2026-01-04T02:00", "Europe/Amsterdam", "2026-01-04T01:00 2026-01-05T01:00"),
        # The hour that is left out comes to lie on the next, once; the first of the two that are the same is meant.
        (
            "FREQ=HOURLY;COUNT=4",
            "2026-03-29T01:30",
            "Europe/Amsterdam",
            "2026-03-29T00:30 2026-03-29T01:30 2026-03-29T02:30",
        ),
        (
            "FREQ=HOURLY;COUNT=3",
            "2026-10-25T01:30",
            "Europe/Amsterdam",
            "2026-10-24T23:30 2026-10-25T00:30 2026-10-25T02:30",
        ),
        # The island that left a whole day out.
        ("FREQ=DAILY;COUNT=3", "2011-12-29T12:00", "Pacific/Apia", "2011-12-29T22:00 2011-12-30T22:00"),
        ("FREQ=MINUTELY;INTERVAL=30;COUNT=2", "2026-01-04T02:00", "UTC", "2026-01-04T02:00 2026-01-04T02:30"),
    ],
)
def test_known_dates(rule: str | None, start: str, zone: str, expected: str) -> None:
    found = read(rule, start, zone).moments(datetime(1997, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))
    assert [f"{one:%Y-%m-%dT%H:%M}" for one in found] == expected.split()


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("WEEKLY", "'WEEKLY' is none"),
        ("FREQ=", "'FREQ=' is none"),
        ("FREQ=WEEKLY BYDAY=SU", "needs FREQ with one of"),
        ("BYDAY=SU", "needs FREQ with one of"),
        ("FREQ=FORTNIGHTLY", "not 'FORTNIGHTLY'"),
        ("FREQ=SECONDLY", "recurs every second"),
        ("FREQ=WEEKLY;BYDAYS=SU", "has the part BYDAYS"),
        ("FREQ=WEEKLY;BYEASTER=1", "has the part BYEASTER"),
        ("FREQ=WEEKLY;BYDAY=SU;BYDAY=MO", "has BYDAY twice"),
        ("FREQ=WEEKLY;BYDAY=SUN", "BYDAY=SUN"),
        ("FREQ=WEEKLY;BYDAY=1SU", "numbered weekdays need FREQ=MONTHLY"),
        ("FREQ=YEARLY;BYWEEKNO=2;BYDAY=1SU", "without BYWEEKNO"),
        ("FREQ=MONTHLY;BYDAY=0SU", "BYDAY=0SU"),
        ("FREQ=MONTHLY;BYDAY=6SU", "gives no date"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "numbers from 1 to 31, or negative"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY=32"),
        ("FREQ=DAILY;BYHOUR=24", "numbers from 0 to 23"),
        ("FREQ=DAILY;BYHOUR=-1", "BYHOUR=-1"),
        ("FREQ=DAILY;BYHOUR=two", "BYHOUR=TWO"),
        ("FREQ=DAILY;INTERVAL=0", "from 1 to 10000"),
        ("FREQ=DAILY;INTERVAL=1.5", "INTERVAL=1.5"),
        ("FREQ=DAILY;COUNT=0", "from 1 to 100000"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "both COUNT and UNTIL"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL=TOMORROW"),
        ("FREQ=DAILY;UNTIL=20270230", "UNTIL=20270230"),
        ("FREQ=DAILY;UNTIL=20251231", "ends before its first"),
        ("FREQ=DAILY;WKST=XX", "WKST=XX"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS alone"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY, which RFC 5545 does not allow with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO, which"),
        ("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY, which"),
        # What never comes true, in each frequency.
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "gives no date in the 40 years"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "gives no date in the 40 years"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "gives no date in the 40 years"),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "gives no date in the 40 years"),
        ("FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30", "gives no date in the 40 years"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "gives no date in the 40 years"),
        ("FREQ=HOURLY;INTERVAL=24;BYHOUR=3", "gives no date in the 40 years"),
        ("FREQ=MINUTELY;INTERVAL=1440;BYHOUR=3", "gives no date in the 40 years"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(rule: str, says: str) -> None:
    began = time.process_time()
    with pytest.raises(MaintenanceError) as caught:
        read(rule)
    assert says in str(caught.value)
    assert str(caught.value).startswith(WHAT)
    # A search without an end would take the whole suite's time.
    assert time.process_time() - began < 5


def test_old_rules_cost_nothing() -> None:
    """Ten windows from ten years ago: a question is answered without going through the years."""
    rows = [
        {
            "name": str(number),
            "rule": rule,
            "start": "2016-01-03T02:00",
            "time_zone": "Europe/Amsterdam",
            "duration": "PT30M",
        }
        for number, rule in enumerate(
            ["FREQ=HOURLY", "FREQ=HOURLY;BYDAY=SU", "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=MONTHLY;BYDAY=-1SU"] * 2
        )
    ]
    moment = datetime(2026, 11, 21, 12, 40, tzinfo=UTC)
    windows = parse_windows(rows)
    began = time.process_time()
    for _turn in range(10):
        open_at(windows, moment)
        next_opening(windows, moment)
    # Some 3 ms each; from the start it would be half a second.
    assert (time.process_time() - began) / 10 < 0.05


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "_rrule", None)
    with pytest.raises(MissingLibrary, match="install the package python3-dateutil"):
        read("FREQ=DAILY")
    # What opens once needs no rules.
    assert read(None).first() is not None
