"""What becomes of a kept notice: due, lent, tried again, given up. Time is an input."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.notices import waiting
from ansible_collections.careops.maintenance.plugins.module_utils.notices.waiting import Terms

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=timezone.utc)
TERMS = Terms(lease=300, pause=60, longest_pause=3600, give_up_after=86400)
NOTICE = {
    "identity": "clinic.primary.x.PT72H",
    "event": "advance",
    "subject": "s",
    "body": "b",
    "channels": ["mail", "chat"],
}


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


def entry(**more: Any) -> waiting.Entry:
    return waiting.new_entry({**NOTICE, **more}, now=NOW)


def failed(one: waiting.Entry, name: str, *, at: datetime) -> None:
    waiting.settle(one, name, {"delivered": False, "reason": "it is away"}, now=at, terms=TERMS)


def test_what_is_lent_is_not_lent_again_until_the_lease_ends() -> None:
    one = entry()
    assert waiting.lend(one, now=NOW, terms=TERMS) == ["mail", "chat"]
    assert waiting.lend(one, now=after(seconds=299), terms=TERMS) == []
    assert waiting.lend(one, now=after(seconds=300), terms=TERMS) == ["mail", "chat"]
    assert one["channels"]["mail"]["attempts"] == 2


def test_a_clock_that_went_far_back_keeps_nothing_waiting_until_it_has_caught_up() -> None:
    one = entry()
    assert waiting.lend(one, now=NOW, terms=TERMS)
    back = NOW - timedelta(days=300)
    # What was lent, and when to try again, was noted by a clock that was wrong.
    assert waiting.lend(one, now=back, terms=TERMS) == ["mail", "chat"]
    waiting.settle(one, "mail", {"reason": "away"}, now=NOW, terms=TERMS)
    assert "mail" in waiting.lend(one, now=back + timedelta(hours=1), terms=TERMS)


def test_what_is_delivered_stays_so() -> None:
    one = entry()
    waiting.lend(one, now=NOW, terms=TERMS)
    waiting.settle(one, "mail", {"delivered": True}, now=NOW, terms=TERMS)
    # One who was slow, and failed.
    failed(one, "mail", at=after(hours=1))
    assert one["channels"]["mail"]["state"] == "delivered"
    assert waiting.lend(one, now=after(days=30), terms=TERMS) == ["chat"]


def test_pauses_grow_and_have_a_bound() -> None:
    one, moment, pauses = entry(channels=["mail"]), NOW, []
    for _attempt in range(9):
        assert waiting.lend(one, now=moment, terms=TERMS) == ["mail"]
        failed(one, "mail", at=moment)
        following = datetime.fromisoformat(one["channels"]["mail"]["next"].replace("Z", "+00:00"))
        pauses.append((following - moment).total_seconds())
        assert waiting.lend(one, now=following - timedelta(seconds=1), terms=TERMS) == []
        moment = following
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_what_there_was_no_time_for_is_no_attempt() -> None:
    one = entry(channels=["mail"])
    waiting.lend(one, now=NOW, terms=TERMS)
    waiting.settle(one, "mail", {"delivered": False, "tried": False, "reason": "no time"}, now=NOW, terms=TERMS)
    assert one["channels"]["mail"]["attempts"] == 0
    assert waiting.lend(one, now=NOW, terms=TERMS) == ["mail"]


@pytest.mark.parametrize(
    ("more", "moment", "gone"),
    [
        ({}, after(hours=23), False),
        ({}, after(hours=24), True),
        ({"expires": "2026-11-21T03:00:00Z"}, after(minutes=59), False),
        ({"expires": "2026-11-21T03:00:00Z"}, after(minutes=60), True),
        ({"not_before": "2026-11-22T02:00:00Z"}, after(hours=30), False),
        ({"not_before": "2026-11-22T02:00:00Z"}, after(hours=48), True),
    ],
)
def test_what_is_too_late_is_given_up_and_said(more: dict[str, Any], moment: datetime, gone: bool) -> None:
    one = entry(**more)
    waiting.lend(one, now=NOW, terms=TERMS)
    waiting.settle(one, "mail", {"delivered": True}, now=NOW, terms=TERMS)
    failed(one, "chat", at=NOW)
    findings = waiting.give_up(one, now=moment, terms=TERMS)
    assert [finding.status for finding in findings] == (["critical"] if gone else [])
    assert one["channels"]["mail"]["state"] == "delivered"
    assert one["channels"]["chat"]["state"] == ("given_up" if gone else "waiting")
    # It is said once.
    assert waiting.give_up(one, now=moment, terms=TERMS) == []


def test_what_is_being_tried_is_not_given_up() -> None:
    one = entry(channels=["mail"])
    waiting.lend(one, now=after(hours=23, minutes=58), terms=TERMS)
    assert waiting.give_up(one, now=after(hours=24), terms=TERMS) == []
    assert len(waiting.give_up(one, now=after(hours=25), terms=TERMS)) == 1


def test_nothing_is_lent_before_its_time() -> None:
    one = entry(not_before="2026-11-21T04:00:00Z")
    assert waiting.lend(one, now=after(hours=1), terms=TERMS) == []
    assert waiting.lend(one, now=after(hours=2), terms=TERMS) == ["mail", "chat"]


def test_what_another_notice_replaced_is_never_sent() -> None:
    one = entry(superseded_by="clinic.primary.x.PT24H")
    assert waiting.lend(one, now=NOW, terms=TERMS) == []
    assert "PT24H" in one["channels"]["mail"]["reason"]
    other = entry()
    waiting.settle(other, "mail", {"delivered": True}, now=NOW, terms=TERMS)
    assert waiting.drop(other, reason="the notice y took its place", now=NOW)
    assert [channel["state"] for channel in other["channels"].values()] == ["delivered", "dropped"]
    assert not waiting.drop(other, reason="again", now=NOW)


def test_a_notice_that_says_something_new_waits_anew() -> None:
    one = entry()
    for name in ("mail", "chat"):
        waiting.settle(one, name, {"delivered": True}, now=NOW, terms=TERMS)
    assert not waiting.add_to(one, {**NOTICE, "channels": ["mail"]}, now=NOW)
    assert waiting.add_to(one, {**NOTICE, "body": "other", "channels": ["mail"]}, now=NOW)
    assert waiting.lend(one, now=NOW, terms=TERMS) == ["mail"]
    assert one["body"] == "other"


@pytest.mark.parametrize(
    ("more", "acknowledged", "moment", "needed"),
    [
        ({}, False, after(days=9), False),
        ({"expires": "2026-12-21T03:00:00Z"}, False, after(days=9), True),
        ({"expires": "2026-11-22T03:00:00Z"}, False, after(days=9), False),
        ({"escalate": True}, False, after(days=900), True),
        ({"escalate": True}, True, after(days=900), False),
    ],
)
def test_what_is_still_needed(more: dict[str, Any], acknowledged: bool, moment: datetime, needed: bool) -> None:
    one = entry(**more)
    assert waiting.is_open(one, now=moment)
    for name in ("mail", "chat"):
        waiting.settle(one, name, {"delivered": True}, now=NOW, terms=TERMS)
    if acknowledged:
        one["acknowledged"] = {"by": "m", "at": "2026-11-21T02:00:00Z"}
    assert waiting.is_open(one, now=moment) is needed


GONE = object()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("identity", GONE),
        ("body", None),
        ("created", "yesterday"),
        ("channels", []),
        ("channels.mail", "waiting"),
        ("channels.mail.state", "lost"),
        ("channels.mail.next", GONE),
        ("channels.mail.next", "soon"),
        ("channels.mail.attempts", "1"),
        ("channels.mail.lease", "x"),
        ("channels.mail.left", "a@b.example"),
        ("expires", "never"),
        ("acknowledged", True),
        ("to", ["a@b.example"]),
        ("data", "none"),
        ("data", {"run": "clinic"}),
        ("data", {"escalation": "first"}),
        ("data", {"window": {"name": "w", "opens": "soon"}, "maintenance": "m"}),
        ("data", {"window": {"opens": "2026-11-21T02:00:00Z"}, "maintenance": "m"}),
        ("data", {"window": {"name": "w", "opens": "2026-11-21T02:00:00Z"}}),
    ],
)
def test_a_file_that_says_something_else_is_none(place: str, value: object) -> None:
    one: Any = entry()
    assert waiting.is_entry(one)
    *way, last = place.split(".")
    target = one
    for step in way:
        target = target[step]
    if value is GONE:
        del target[last]
    else:
        target[last] = value
    assert not waiting.is_entry(one)
