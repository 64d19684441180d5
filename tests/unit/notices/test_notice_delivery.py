"""Delivery: in parallel, bounded, tried again where that helps, and never silent."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.notices import delivery
from ansible_collections.careops.maintenance.plugins.module_utils.notices.channel import DeliveryError, Notice, masked
from ansible_collections.careops.maintenance.plugins.module_utils.notices.delivery import (
    Delivery,
    Patience,
    deliver,
    deliver_all,
)

NOTICE = Notice(identity="r1.finish", event="finish", outcome="ok", subject="s", body="b")
QUICK = Patience(timeout=1, attempts=3, pause=1, deadline=60)


class Scripted:
    """A channel that does as it is told, once an attempt, and after that succeeds."""

    def __init__(self, *steps: Callable[[], str]) -> None:
        self._steps = list(steps)
        self.attempts = 0

    def send(self, notice: Notice, *, timeout: float) -> str:
        self.attempts += 1
        return self._steps.pop(0)() if self._steps else ""


def failing(*, passing: bool) -> Callable[[], str]:
    def step() -> str:
        raise DeliveryError("it is away", passing=passing)

    return step


def broken() -> str:
    raise RuntimeError("a text with a Secret-1")


def one(channel: Scripted, *, patience: Patience = QUICK) -> tuple[Delivery, list[float]]:
    pauses: list[float] = []
    (result,) = deliver({"c": channel}, NOTICE, patience=patience, sleep=pauses.append)
    return result, pauses


def test_what_passes_is_tried_again_with_growing_pauses() -> None:
    channel = Scripted(failing(passing=True), failing(passing=True))
    result, pauses = one(channel)
    assert (result.fault, result.attempts, pauses) == ("", 3, [1, 2])


def test_what_stays_is_given_up_after_so_many_attempts() -> None:
    channel = Scripted(*[failing(passing=True)] * 9)
    result, pauses = one(channel)
    assert (result.fault, result.attempts, pauses) == ("it is away", 3, [1, 2])


def test_what_does_not_pass_is_tried_once() -> None:
    result, pauses = one(Scripted(failing(passing=False)))
    assert (result.fault, result.attempts, pauses) == ("it is away", 1, [])


def test_no_pause_reaches_beyond_the_deadline() -> None:
    result, pauses = one(Scripted(*[failing(passing=True)] * 9), patience=Patience(attempts=99, pause=4, deadline=5))
    assert pauses == [4]
    assert result.attempts == 2


def test_a_fault_of_the_channel_itself_is_told_without_its_words() -> None:
    result, _unused = one(Scripted(broken))
    assert result.fault == "the channel itself failed (RuntimeError)"


def test_channels_work_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)

    def meet() -> str:
        meeting.wait()
        return ""

    results = deliver({name: Scripted(meet) for name in "abc"}, NOTICE, patience=QUICK)
    assert [(result.name, result.fault) for result in results] == [("a", ""), ("b", ""), ("c", "")]


def test_a_channel_that_hangs_holds_nobody() -> None:
    release = threading.Event()

    def hang() -> str:
        release.wait(30)
        return ""

    started = time.monotonic()
    results = deliver({"dead": Scripted(hang), "live": Scripted()}, NOTICE, patience=Patience(deadline=0.3))
    assert time.monotonic() - started < 5
    release.set()
    assert {result.name: result.fault for result in results} == {
        "dead": "it did not end within 0.3 seconds",
        "live": "",
    }


def test_a_channel_that_hangs_holds_only_its_own_notices_and_those_behind_are_no_attempt() -> None:
    release = threading.Event()

    def hang() -> str:
        release.wait(30)
        return ""

    dead, live = Scripted(hang), Scripted()
    notices = [dataclasses.replace(NOTICE, identity=name) for name in ("n1", "n2", "n3")]
    jobs = {"dead": notices, "live": notices}
    results = deliver_all({"dead": dead, "live": live}, jobs, patience=Patience(deadline=0.3))
    release.set()
    assert [(one.name, one.identity, bool(one.fault), one.tried) for one in results] == [
        *(("dead", "n1", True, True), ("dead", "n2", True, False), ("dead", "n3", True, False)),
        *(("live", "n1", False, True), ("live", "n2", False, True), ("live", "n3", False, True)),
    ]


@pytest.mark.parametrize(
    ("deliveries", "refused", "planned", "statuses"),
    [
        ([Delivery("a", 1, 0.1)], {}, False, ["ok"]),
        ([Delivery("a", 1, 0.1), Delivery("b", 3, 9, fault="gone")], {}, False, ["ok", "warning"]),
        ([Delivery("a", 3, 9, fault="gone"), Delivery("b", 3, 9, fault="gone")], {}, False, ["critical", "critical"]),
        ([Delivery("a", 3, 9, fault="gone")], {"b": "no address"}, False, ["critical", "critical"]),
        ([], {"b": "no address"}, False, ["critical"]),
        ([], {"b": "no address"}, True, ["warning"]),
        ([Delivery("a", 1, 0.1, remark="x is refused")], {}, False, ["warning"]),
        ([], {}, False, []),
    ],
)
def test_silence_is_critical_and_a_dead_channel_a_warning(
    deliveries: list[Delivery], refused: dict[str, str], planned: bool, statuses: list[str]
) -> None:
    findings = delivery.findings_of(deliveries, refused=refused, planned=planned)
    assert [finding.status for finding in findings] == statuses
    assert {finding.check for finding in findings} <= {"notice.delivery"}


@pytest.mark.parametrize(
    ("settings", "event", "outcome", "wanted"),
    [
        ({}, "finish", "attention", True),
        ({}, "finish", "ok", False),
        ({"outcomes": ["ok"]}, "finish", "ok", True),
        ({"outcomes": ["failed"]}, "finish", "attention", False),
        ({"outcomes": ["failed"]}, "start", "", True),
        ({"outcomes": ["ok"]}, "failure", "failed", True),
        ({"events": ["finish"]}, "start", "", False),
        ({"events": None}, "start", "", True),
    ],
)
def test_channels_choose(settings: dict[str, object], event: str, outcome: str, wanted: bool) -> None:
    reason = delivery.unwanted(settings, event=event, outcome=outcome, outcomes=["attention", "failed"])
    assert (reason is None) == wanted


def test_the_longer_secret_is_masked_first() -> None:
    assert masked("535 abcdef abc\r\n", ["abc", "abcdef", None]) == "535 ******** ********  "
