"""When a certificate is due, over time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.renewal import pair
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.ari import Suggestion
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.due import due, renewal_moment
from tests.lab.certificates import make

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def issued(lifetime: timedelta) -> pair.Pair:
    """A pair whose validity has exactly this length, both ends included."""
    made = make("clinic.example", start=START, end=START + lifetime - timedelta(seconds=1))
    return pair.read(made.pem, made.key_pem)


@pytest.mark.parametrize(
    ("days", "renew_days", "left"),
    [
        (90, 0, 30),
        (398, 0, 398 / 3),
        (47, 0, 47 / 3),
        (160 / 24, 0, 80 / 24),
        (10, 0, 5),
        (10.01, 0, 10.01 / 3),
        (90, 20, 20),
        (90, 45, 45),
        # Days of policy that are more than half of the lifetime would order a new one at every run.
        (90, 46, 30),
        (6, 30, 3),
    ],
)
def test_what_is_left_when_it_is_due(days: float, renew_days: float, left: float) -> None:
    one = issued(days * DAY)
    at = renewal_moment(one, renew_days=renew_days)
    assert abs((one.not_after - at) - left * DAY) <= timedelta(seconds=2)
    before = due(one, now=at - timedelta(seconds=1), renew_days=renew_days)
    after = due(one, now=at, renew_days=renew_days)
    assert (before.now, after.now) == (False, True)
    assert before.at == after.at == at


@settings(max_examples=60, deadline=None)
@given(hours=st.integers(1, 24 * 3650), renew_days=st.floats(0, 400), share=st.floats(0, 1.2))
def test_once_due_it_stays_due_and_a_fresh_one_never_is(hours: int, renew_days: float, share: float) -> None:
    one = issued(timedelta(hours=hours))
    then = START + share * timedelta(hours=hours)
    is_due = due(one, now=then, renew_days=renew_days).now
    if is_due:
        assert due(one, now=then + timedelta(hours=1), renew_days=renew_days).now
    assert not due(one, now=START, renew_days=renew_days).now
    if share >= 1:
        assert is_due


def test_names_that_it_lacks_make_it_due() -> None:
    judged = due(issued(90 * DAY), now=START, missing=["a.example", "b.example"])
    assert judged.now and judged.reason == "it does not cover a.example, b.example"


def test_what_no_service_can_use_is_due_whatever_it_says() -> None:
    fresh = issued(90 * DAY)
    for wrong in (replace(fresh, key=b"no key"), pair.read_anyway(b"no certificate", fresh.key)):
        judged = due(wrong, now=START, missing=["a.example"], suggestion=suggested(80, 81))
        assert judged.now and "services cannot use it (there is no" in judged.reason


def suggested(start: int, end: int) -> Suggestion:
    return Suggestion(START + start * DAY, START + end * DAY, "https://ca.example/why")


def test_the_authority_is_followed_both_ways() -> None:
    one = issued(90 * DAY)
    early = due(one, now=START + 3 * DAY, suggestion=suggested(1, 2))
    assert early.now and "https://ca.example/why" in early.reason
    late = due(one, now=START + 61 * DAY, suggestion=suggested(64, 66))
    assert not late.now and START + 64 * DAY <= late.at <= START + 66 * DAY


def test_what_becomes_due_before_the_next_run_is_due_now() -> None:
    one, suggestion = issued(90 * DAY), suggested(50, 51)
    now = START + 49.5 * DAY
    assert not due(one, now=now, suggestion=suggestion).now
    assert due(one, now=now, suggestion=suggestion, interval=timedelta(days=2)).now


def test_nobody_waits_for_the_authority_beyond_three_quarters() -> None:
    one = issued(90 * DAY)
    far = suggested(85, 89)
    assert not due(one, now=START + 67 * DAY, suggestion=far).now
    assert due(one, now=START + 67.6 * DAY, suggestion=far).now
