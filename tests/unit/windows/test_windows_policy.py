"""What the policy may say, and what the sentence is where it cannot be meant."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.clock import parse_moment
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.windows.approvals import parse_approvers
from ansible_collections.careops.maintenance.plugins.module_utils.windows.policy import parse_blackouts, parse_windows
from ansible_collections.careops.maintenance.plugins.module_utils.windows.query import Question
from ansible_collections.careops.maintenance.plugins.module_utils.windows.times import parse_duration, span, when

WINDOW: dict[str, Any] = {
    "name": "night",
    "rule": "FREQ=DAILY",
    "start": "2026-01-04T02:00",
    "duration": "PT4H",
}
BLACKOUT: dict[str, Any] = {"name": "year end", "start": "2026-12-24", "end": "2027-01-02"}
GONE = object()


def changed(row: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    return {key: item for key, item in {**row, field: value}.items() if item is not GONE}


def test_what_is_left_out_has_a_default() -> None:
    (window,) = parse_windows([WINDOW], time_zone="Europe/Amsterdam")
    assert (window.impact, window.cadences, window.announce) == ("minimal", (), ())
    assert str(window.recurrence.zone) == "Europe/Amsterdam"
    (blackout,) = parse_blackouts([BLACKOUT])
    assert blackout.classes == ("maintenance",)
    assert parse_windows(None) == []
    assert parse_windows([]) == []
    assert parse_approvers([{"name": "Ada"}])[0].kinds is None


def test_yaml_may_have_made_a_date_of_it() -> None:
    for start in (date(2026, 1, 4), datetime(2026, 1, 4), "2026-01-04", "2026-01-04 00:00"):
        (window,) = parse_windows([changed(WINDOW, "start", start)])
        assert window.recurrence.start == datetime(2026, 1, 4)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", GONE, "The window number 1 must be a mapping with a name"),
        ("name", "  ", "The window number 1 must be a mapping with a name"),
        ("start", GONE, "The start of window 'night' is missing."),
        ("start", "Sunday", "The start of window 'night' must be a date or a local time"),
        ("start", "2026-01-04T02:00+01:00", "without offset"),
        ("start", "2026-01-04T02:00Z", "without offset"),
        ("start", "2026-02-30", "The start of window 'night'"),
        ("start", 20260104.5, "The start of window 'night'"),
        ("start", "0026-01-04", "The start of window 'night'"),
        ("duration", GONE, "The duration of window 'night' is missing."),
        ("duration", "4h", "The duration of window 'night' must be an ISO 8601 duration"),
        ("duration", 4, "The duration of window 'night' must be an ISO 8601 duration"),
        ("duration", "P1M", "The duration of window 'night' must be an ISO 8601 duration"),
        ("duration", "PT", "The duration of window 'night' must be an ISO 8601 duration"),
        ("duration", "P", "The duration of window 'night' must be an ISO 8601 duration"),
        ("duration", "P1DT", "The duration of window 'night' must be an ISO 8601 duration"),
        ("duration", "-PT4H", "The duration of window 'night' must be an ISO 8601 duration"),
        ("duration", "PT0S", "longer than nothing"),
        ("duration", "P999999W", "no longer than a hundred years"),
        ("duration", "P400D", "longer than a year"),
        ("time_zone", "Europe/Amsterdamm", "The time_zone of window 'night' must be a time zone of the IANA database"),
        ("time_zone", "../../etc/passwd", "The time_zone of window 'night'"),
        ("time_zone", "Europe", "The time_zone of window 'night'"),
        ("time_zone", "+01:00", "The time_zone of window 'night'"),
        ("rule", "FREQ=DAILY;BYDAY=XX", "The rule of window 'night' has BYDAY=XX"),
        ("rule", "FREQ=MINUTELY", "The rule of window 'night' recurs by the minute"),
        ("rule", ["FREQ=DAILY"], "The rule of window 'night' must be a text"),
        ("impact", "none", "The impact of window 'night' must be one of minimal, possible_downtime, planned_downtime"),
        ("cadences", {"weekly": 1}, "The cadences of window 'night' must be a list of texts"),
        ("cadences", [1], "The cadences of window 'night' must be a list of texts"),
        ("announce", ["72 hours"], "An announce of window 'night' must be an ISO 8601 duration"),
        ("cadence", ["weekly"], "The window 'night' has the field cadence, which nobody reads"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(field: str, value: object, says: str) -> None:
    with pytest.raises(MaintenanceError) as caught:
        parse_windows([changed(WINDOW, field, value)])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", GONE, "The blackout number 1 must be a mapping with a name"),
        ("end", GONE, "The end of blackout 'year end' is missing."),
        ("end", "2026-12-23", "The end of blackout 'year end' is not after its start"),
        ("end", "2026-12-24T00:00", "The end of blackout 'year end' is not after its start"),
        ("classes", ["observe"], "The classes of blackout 'year end' take routine and maintenance, not 'observe'."),
        ("rule", "FREQ=YEARLY", "The blackout 'year end' has the field rule"),
    ],
)
def test_a_blackout_that_cannot_be_meant_is_refused(field: str, value: object, says: str) -> None:
    with pytest.raises(MaintenanceError) as caught:
        parse_blackouts([changed(BLACKOUT, field, value)])
    assert says in str(caught.value)


@pytest.mark.parametrize("rows", ["FREQ=DAILY", WINDOW, 3, ["night"], [None]])
def test_windows_are_a_list_of_mappings(rows: object) -> None:
    with pytest.raises(MaintenanceError, match="window"):
        parse_windows(rows)


def test_names_are_given_once() -> None:
    with pytest.raises(MaintenanceError, match="Two windows have the name 'night'"):
        parse_windows([WINDOW, changed(WINDOW, "name", "night ")])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"name": "Ada", "kind": ["x"]}, "The approver 'Ada' has the field kind, which nobody reads"),
        ({"name": "Ada", "kinds": []}, "The kinds of approver 'Ada' are empty"),
        ({"mail": "ada@clinic.example"}, "The approver number 1 must be a mapping with a name"),
    ],
)
def test_an_approver_who_would_approve_more_than_meant_is_refused(row: dict[str, Any], says: str) -> None:
    with pytest.raises(MaintenanceError) as caught:
        parse_approvers([row])
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT4H", 14400), ("pt90m", 5400), ("P1DT12H", 129600), ("P2W", 1209600), ("PT1H30M15S", 5415), (" PT5S ", 5)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text, what="It") == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (55200, "15 h 20 min"),
        (90061, "1 d 1 h"),
        (86460, "1 d 1 min"),
    ],
)
def test_spans_as_people_say_them(seconds: int, said: str) -> None:
    assert span(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("UTC", "Sunday 22 November 2026 02:00 UTC"),
        ("Africa/Abidjan", "Sunday 22 November 2026 02:00 UTC"),
        ("Europe/Amsterdam", "Sunday 22 November 2026 02:00 UTC, 03:00 Europe/Amsterdam"),
        (
            "America/New_York",
            "Sunday 22 November 2026 02:00 UTC, Saturday 21 November 2026 21:00 America/New_York",
        ),
    ],
)
def test_moments_as_people_say_them(zone: str, said: str) -> None:
    (window,) = parse_windows([WINDOW], time_zone=zone)
    assert when(parse_moment("2026-11-22T02:00:00Z", option="now"), window.recurrence.zone) == said


def test_a_far_year_is_refused_and_not_computed() -> None:
    with pytest.raises(MaintenanceError, match="known from 1900"):
        Question([WINDOW]).current(parse_moment("9999-12-31T23:59:59Z", option="now"))
    with pytest.raises(MaintenanceError, match="ends before it begins"):
        moment = parse_moment("2026-11-22T02:00:00Z", option="now")
        Question([WINDOW]).between(moment, moment - timedelta(seconds=1))
