"""When windows are open: the tables of five systems, midnight, changes of the clock, blackouts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.clock import parse_moment, to_text
from ansible_collections.careops.maintenance.plugins.module_utils.windows.openings import (
    Opening,
    next_opening,
    occurrences,
    open_at,
)
from ansible_collections.careops.maintenance.plugins.module_utils.windows.policy import parse_blackouts, parse_windows

CLINICS: list[dict[str, Any]] = [
    {"name": "weeknights", "rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "start": "2026-01-05T22:00", "duration": "PT8H"},
    {"name": "weekend mornings", "rule": "FREQ=WEEKLY;BYDAY=SA,SU", "start": "2026-01-03T06:00", "duration": "PT2H"},
]
RECORDS: list[dict[str, Any]] = [
    {
        "name": "primary",
        "rule": "FREQ=WEEKLY;BYDAY=SU",
        "start": "2026-01-04T02:00",
        "duration": "PT4H",
        "impact": "possible_downtime",
        "announce": ["PT72H", "PT24H"],
    },
    {"name": "secondary", "rule": "FREQ=WEEKLY;BYDAY=WE", "start": "2026-01-07T02:00", "duration": "PT2H"},
]
HOSPITAL: list[dict[str, Any]] = [
    {"name": "primary", "rule": "FREQ=WEEKLY;BYDAY=SU", "start": "2026-01-04T02:00", "duration": "PT4H"},
    {
        "name": "extended",
        "rule": "FREQ=MONTHLY;BYMONTH=1,4,7,10;BYDAY=1SU",
        "start": "2026-01-04T00:00",
        "duration": "PT8H",
        "impact": "planned_downtime",
        "cadences": ["quarterly"],
    },
]
GUIDE: list[dict[str, Any]] = [
    {"name": "weekly", "rule": "FREQ=WEEKLY;BYDAY=SU", "start": "2026-01-04T02:00", "duration": "PT2H"},
    {
        "name": "monthly",
        "rule": "FREQ=MONTHLY;BYDAY=-1SU",
        "start": "2026-01-25T02:00",
        "duration": "PT4H",
        "impact": "possible_downtime",
    },
    {"name": "agreed", "start": "2026-11-14T20:00", "duration": "PT10H", "impact": "planned_downtime"},
]


def at(text: str) -> datetime:
    return parse_moment(text, option="now")


def listed(openings: list[Opening]) -> list[str]:
    return [f"{one.name} {to_text(one.opens)} {to_text(one.closes)}" for one in openings]


def names(rows: list[dict[str, Any]], moment: str, *, zone: str = "UTC", blackouts: Any = ()) -> list[str]:
    windows = parse_windows(rows, time_zone=zone)
    return [one.name for one in open_at(windows, at(moment), blackouts=parse_blackouts(list(blackouts)))]


@pytest.mark.parametrize(
    ("rows", "zone", "moment", "expected"),
    [
        # Monday to Friday 22:00 to 06:00, Saturday and Sunday 06:00 to 08:00, by the clinics' own clock.
        (CLINICS, "America/Sao_Paulo", "2026-11-21T00:59:59Z", []),
        (CLINICS, "America/Sao_Paulo", "2026-11-21T01:00:00Z", ["weeknights"]),  # Friday 22:00
        (CLINICS, "America/Sao_Paulo", "2026-11-21T02:59:59Z", ["weeknights"]),  # a second to midnight
        (CLINICS, "America/Sao_Paulo", "2026-11-21T03:00:00Z", ["weeknights"]),  # midnight
        (CLINICS, "America/Sao_Paulo", "2026-11-21T08:00:00Z", ["weeknights"]),  # Saturday 05:00
        (CLINICS, "America/Sao_Paulo", "2026-11-21T09:00:00Z", ["weekend mornings"]),
        (CLINICS, "America/Sao_Paulo", "2026-11-21T10:59:59Z", ["weekend mornings"]),
        (CLINICS, "America/Sao_Paulo", "2026-11-21T11:00:00Z", []),
        (CLINICS, "America/Sao_Paulo", "2026-11-22T01:30:00Z", []),  # Saturday 22:30
        (CLINICS, "America/Sao_Paulo", "2026-11-23T08:00:00Z", []),  # Monday 05:00: Sunday has no night
        # Sunday 02:00 to 06:00 UTC, Wednesday 02:00 to 04:00 UTC.
        (RECORDS, "UTC", "2026-11-22T01:59:59Z", []),
        (RECORDS, "UTC", "2026-11-22T02:00:00Z", ["primary"]),
        (RECORDS, "UTC", "2026-11-22T05:59:59Z", ["primary"]),
        (RECORDS, "UTC", "2026-11-22T06:00:00Z", []),
        (RECORDS, "UTC", "2026-11-25T03:59:59Z", ["secondary"]),
        (RECORDS, "UTC", "2026-11-25T04:00:00Z", []),
        # Sunday 02:00 of the hospital, and the first Sunday of the quarter 00:00 to 08:00.
        (HOSPITAL, "America/New_York", "2026-10-04T03:59:59Z", []),
        (HOSPITAL, "America/New_York", "2026-10-04T04:00:00Z", ["extended"]),
        (HOSPITAL, "America/New_York", "2026-10-04T06:00:00Z", ["extended", "primary"]),
        (HOSPITAL, "America/New_York", "2026-10-04T10:00:00Z", ["extended"]),
        (HOSPITAL, "America/New_York", "2026-10-04T12:00:00Z", []),
        (HOSPITAL, "America/New_York", "2026-11-01T06:00:00Z", []),  # 01:00, for the second time
        (HOSPITAL, "America/New_York", "2026-11-01T07:00:00Z", ["primary"]),
        # Sunday 02:00 to 04:00 UTC, the last Sunday to 06:00, and once what was agreed.
        (GUIDE, "UTC", "2026-11-22T03:00:00Z", ["weekly"]),
        (GUIDE, "UTC", "2026-11-22T04:00:00Z", []),
        (GUIDE, "UTC", "2026-11-29T03:00:00Z", ["monthly", "weekly"]),
        (GUIDE, "UTC", "2026-11-29T05:00:00Z", ["monthly"]),
        (GUIDE, "UTC", "2026-11-15T03:00:00Z", ["agreed", "weekly"]),
        (GUIDE, "UTC", "2027-11-15T03:00:00Z", []),
    ],
)
def test_the_windows_of_five_systems(rows: list[dict[str, Any]], zone: str, moment: str, expected: list[str]) -> None:
    assert names(rows, moment, zone=zone) == expected


@pytest.mark.parametrize(
    ("zone", "start", "duration", "day", "expected"),
    [
        # The hour from 02:00 is left out: 02:30 is read with the offset before, which is 03:30 by the new one.
        ("Europe/Amsterdam", "2026-01-01T02:30", "PT1H", "2026-03-29", "01:30 02:30"),
        ("Europe/Amsterdam", "2026-01-01T02:30", "PT1H", "2026-03-28", "01:30 02:30"),
        ("Europe/Amsterdam", "2026-01-01T02:30", "PT1H", "2026-03-30", "00:30 01:30"),
        # The hour from 02:00 comes twice: the first is meant, and the four hours stay four.
        ("Europe/Amsterdam", "2026-01-01T02:30", "PT4H", "2026-10-25", "00:30 04:30"),
        ("America/New_York", "2026-01-01T02:30", "PT1H", "2026-03-08", "07:30 08:30"),
        ("America/New_York", "2026-01-01T01:30", "PT1H", "2026-11-01", "05:30 06:30"),
        # Half an hour is left out, and half an hour comes twice.
        ("Australia/Lord_Howe", "2026-01-01T02:15", "PT1H", "2026-10-03", "15:45 16:45"),
        ("Australia/Lord_Howe", "2026-01-01T01:45", "PT1H", "2026-04-04", "14:45 15:45"),
        # A clock change in the middle of the window moves neither its begin nor its length.
        ("Europe/Amsterdam", "2026-01-01T22:00", "PT8H", "2026-03-28", "21:00 05:00"),
        ("Europe/Amsterdam", "2026-01-01T22:00", "PT8H", "2026-10-24", "20:00 04:00"),
    ],
)
def test_windows_keep_their_length_when_the_clock_changes(
    zone: str, start: str, duration: str, day: str, expected: str
) -> None:
    rows = [{"name": "w", "rule": "FREQ=DAILY", "start": start, "time_zone": zone, "duration": duration}]
    first = at(f"{day}T00:00:00Z")
    (opening,) = [
        one
        for one in occurrences(parse_windows(rows), first, first + timedelta(days=1))
        if first <= one.opens < first + timedelta(days=1)
    ]
    assert f"{opening.opens:%H:%M} {opening.closes:%H:%M}" == expected


def test_a_range_shows_whole_openings_that_have_a_part_in_it() -> None:
    windows = parse_windows(CLINICS)
    assert listed(occurrences(windows, at("2026-11-21T05:59:00Z"), at("2026-11-21T06:01:00Z"))) == [
        "weeknights 2026-11-20T22:00:00Z 2026-11-21T06:00:00Z",
        "weekend mornings 2026-11-21T06:00:00Z 2026-11-21T08:00:00Z",
    ]
    assert listed(occurrences(windows, at("2026-11-21T06:00:00Z"), at("2026-11-21T06:01:00Z"))) == [
        "weekend mornings 2026-11-21T06:00:00Z 2026-11-21T08:00:00Z",
    ]
    assert occurrences(windows, at("2026-11-21T08:00:00Z"), at("2026-11-21T22:00:00Z")) == []


@pytest.mark.parametrize(
    ("blackouts", "expected"),
    [
        ([], ["02:00 06:00"]),
        ([("2026-11-22T00:00", "2026-11-22T02:00")], ["02:00 06:00"]),
        ([("2026-11-22T06:00", "2026-11-22T07:00")], ["02:00 06:00"]),
        ([("2026-11-22T00:00", "2026-11-22T03:00")], ["03:00 06:00"]),
        ([("2026-11-22T05:00", "2026-11-22T07:00")], ["02:00 05:00"]),
        ([("2026-11-22T03:00", "2026-11-22T04:00")], ["02:00 03:00", "04:00 06:00"]),
        ([("2026-11-22T02:00", "2026-11-22T06:00")], []),
        ([("2026-11-22", "2026-11-22")], []),
        ([("2026-11-21", "2026-11-21")], ["02:00 06:00"]),
        (
            [("2026-11-22T04:00", "2026-11-22T05:00"), ("2026-11-22T02:30", "2026-11-22T04:30")],
            ["02:00 02:30", "05:00 06:00"],
        ),
    ],
)
def test_a_blackout_cuts_windows(blackouts: list[tuple[str, str]], expected: list[str]) -> None:
    rows = [{"name": str(number), "start": one, "end": two} for number, (one, two) in enumerate(blackouts)]
    found = occurrences(
        parse_windows(RECORDS),
        at("2026-11-22T00:00:00Z"),
        at("2026-11-23T00:00:00Z"),
        blackouts=parse_blackouts(rows),
    )
    assert [f"{one.opens:%H:%M} {one.closes:%H:%M}" for one in found] == expected


def test_a_blackout_of_routine_work_leaves_windows_alone() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "b", "start": "2026-11-22", "end": "2026-11-22", "classes": ["routine"]},
    ]
    assert names(RECORDS, "2026-11-22T03:00:00Z", blackouts=rows) == ["primary"]


def test_a_blackout_ends_with_its_last_day_in_its_own_zone() -> None:
    (blackout,) = parse_blackouts(
        [{"name": "b", "start": "2026-03-28", "end": "2026-03-29", "time_zone": "Europe/Amsterdam"}]
    )
    assert (to_text(blackout.start), to_text(blackout.end)) == ("2026-03-27T23:00:00Z", "2026-03-29T22:00:00Z")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "weekly 2026-11-22T02:00:00Z 2026-11-22T04:00:00Z"),
        ({"impact": "possible_downtime"}, "monthly 2026-11-29T02:00:00Z 2026-11-29T06:00:00Z"),
        ({"needs": timedelta(hours=3)}, "monthly 2026-11-29T02:00:00Z 2026-11-29T06:00:00Z"),
        ({"impact": "planned_downtime"}, None),
        ({"needs": timedelta(hours=11)}, None),
    ],
)
def test_the_next_opening_is_one_that_helps(asked: dict[str, Any], expected: str | None) -> None:
    found = next_opening(parse_windows(GUIDE), at("2026-11-21T10:40:00Z"), **asked)
    assert (listed([found])[0] if found else None) == expected


def test_of_openings_that_begin_together_the_graver_is_next() -> None:
    found = next_opening(parse_windows(GUIDE), at("2026-11-28T10:40:00Z"))
    assert found is not None
    assert found.name == "monthly"


def test_the_next_opening_begins_behind_a_blackout() -> None:
    blackouts = parse_blackouts([{"name": "b", "start": "2026-11-01", "end": "2026-11-29T03:00"}])
    found = next_opening(parse_windows(GUIDE), at("2026-11-10T00:00:00Z"), blackouts=blackouts)
    assert found is not None
    assert listed([found]) == ["monthly 2026-11-29T03:00:00Z 2026-11-29T06:00:00Z"]
