"""History and availability: what nobody looked at is never up."""

from __future__ import annotations

import datetime
import fcntl
import os
import threading
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.health import history
from ansible_collections.careops.maintenance.plugins.module_utils.health.availability import (
    BusinessHours,
    Tally,
    business_spans,
    measure,
)
from ansible_collections.careops.maintenance.plugins.module_utils.health.history import Seen, parse, render, seen
from ansible_collections.careops.maintenance.plugins.module_utils.health.uptime import (
    Target,
    availability,
    judge_figure,
)

KEYS = ("endpoint:a", "service:b")
DAY = 86400.0
UTC = datetime.timezone.utc
AMSTERDAM = zoneinfo.ZoneInfo("Europe/Amsterdam")


def look(at: float, states: str, keys: tuple[str, ...] = KEYS) -> Seen:
    return Seen(at, keys, states)


# Measuring


def test_time_belongs_to_the_earlier_look() -> None:
    looks = [look(0, "11"), look(10, "01"), look(30, "1-"), look(60, "11")]
    tallies = measure(looks, [(0, 100)], end=100, max_gap=1000)
    assert tallies["endpoint:a"] == Tally(80, 20, 100)
    assert tallies["service:b"] == Tally(70, 0, 100)
    assert tallies[""] == Tally(100, 0, 100)


def test_a_gap_is_not_known_but_for_the_time_that_a_look_speaks_for() -> None:
    looks = [look(0, "11"), look(50, "01")]
    tallies = measure(looks, [(0, 100)], end=100, max_gap=10)
    assert tallies["endpoint:a"] == Tally(10, 10, 100)
    assert tallies["endpoint:a"].coverage == 20
    assert tallies["service:b"].percent == 100 and tallies["service:b"].coverage == 20


def test_only_what_lies_within_the_spans_counts() -> None:
    looks = [look(0, "11"), look(40, "00"), look(90, "11")]
    tallies = measure(looks, [(10, 20), (30, 50), (95, 100)], end=100, max_gap=1000)
    assert tallies["endpoint:a"] == Tally(25, 10, 35)


def test_things_come_and_go() -> None:
    looks = [look(0, "1", ("endpoint:a",)), look(50, "0", ("service:b",))]
    tallies = measure(looks, [(0, 100)], end=100, max_gap=1000)
    assert tallies["endpoint:a"] == Tally(50, 0, 100)
    assert tallies["service:b"] == Tally(0, 50, 100)


def test_nothing_at_all() -> None:
    assert measure([], [(0, 100)], end=100, max_gap=10) == {"": Tally(0, 0, 100)}
    assert measure([look(0, "11")], [], end=100, max_gap=10) == {}
    assert measure([look(200, "11")], [(0, 100)], end=100, max_gap=10) == {"": Tally(0, 0, 100)}, "still to come"


moments = st.lists(st.tuples(st.integers(0, 200), st.sampled_from("10-")), max_size=12)
cuts = st.lists(st.integers(0, 200), max_size=6, unique=True)


@given(moments, cuts, st.integers(1, 60), st.integers(1, 200))
def test_measured_as_second_by_second(rows: list[tuple[int, str]], borders: list[int], max_gap: int, end: int) -> None:
    looks = [look(at, state, ("x",)) for at, state in sorted(rows, key=lambda row: row[0])]
    borders = sorted(border for border in borders if border <= end)
    spans = [(float(a), float(b)) for a, b in zip(borders[::2], borders[1::2], strict=False)]
    counted = {"1": 0, "0": 0, "-": 0}
    for second in range(end):
        if not any(opens <= second < closes for opens, closes in spans):
            continue
        before = [one for one in looks if one.at <= second]
        if before and second - before[-1].at < max_gap:
            counted[before[-1].states] += 1
    tallies = measure(looks, spans, end=end, max_gap=max_gap)
    total = sum(closes - opens for opens, closes in spans)
    tally = tallies.get("x", Tally(0, 0, total))
    assert (tally.up, tally.down) == (counted["1"], counted["0"])
    assert tally.up + tally.down <= total
    if "" in tallies:
        assert tallies[""].up == sum(counted.values())


@given(moments, st.integers(1, 60))
def test_more_trust_in_a_look_never_means_less_known(rows: list[tuple[int, str]], max_gap: int) -> None:
    looks = [look(at, state, ("x",)) for at, state in sorted(rows, key=lambda row: row[0])]
    few, many = (measure(looks, [(0, 200)], end=200, max_gap=gap).get("x") for gap in (max_gap, max_gap * 2))
    if few:
        assert many is not None and many.coverage >= few.coverage
        assert 0 <= few.coverage <= 100 and few.best >= (few.percent if few.percent is not None else 0) - 1e-9


def test_a_month_of_looks_at_a_hundred_things_takes_no_time() -> None:
    import time

    keys = tuple(f"endpoint:{number}" for number in range(100))
    now = 30 * DAY
    looks = [look(at * 300.0, "1" * 100, keys) for at in range(8640)]
    started = time.process_time()
    findings, _figures = availability(looks, keys, now=now, target=Target(), hours=None, name="x")
    assert len(findings) == 100
    assert time.process_time() - started < 3


# Business hours


def hours(**more: Any) -> BusinessHours:
    plain = {"zone": AMSTERDAM, "days": frozenset(range(5)), "opens": datetime.time(8), "closes": datetime.time(18)}
    return BusinessHours(**{**plain, **more})


def stamp(text: str, zone: datetime.tzinfo = UTC) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def test_business_hours_of_a_week() -> None:
    spans = business_spans(stamp("2026-11-16T00:00"), stamp("2026-11-23T00:00"), hours())
    assert len(spans) == 5 and {closes - opens for opens, closes in spans} == {36000.0}
    assert spans[0][0] == stamp("2026-11-16T07:00")  # 08:00 in Amsterdam


def test_business_hours_are_cut_to_the_period() -> None:
    spans = business_spans(stamp("2026-11-16T10:00"), stamp("2026-11-17T10:00"), hours())
    assert spans == [
        (stamp("2026-11-16T10:00"), stamp("2026-11-16T17:00")),
        (stamp("2026-11-17T07:00"), stamp("2026-11-17T10:00")),
    ]
    assert business_spans(stamp("2026-11-21T00:00"), stamp("2026-11-23T00:00"), hours()) == [], "a weekend"


@pytest.mark.parametrize(
    ("day", "length"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)]
)
def test_a_day_is_as_long_as_it_is(day: str, length: int) -> None:
    always = hours(days=frozenset(range(7)), opens=datetime.time(0), closes=None)
    begin = stamp(day, AMSTERDAM)
    spans = business_spans(begin, begin + 3 * DAY, always)
    assert spans[0][1] - spans[0][0] == length * 3600


# Judging

TARGET = Target(percent=99.9, critical=99.0, days=(1, 7), coverage=90, max_gap=600)


@pytest.mark.parametrize(
    ("tally", "status"),
    [
        (Tally(DAY, 0, DAY), "ok"),
        (Tally(DAY - 86, 86, DAY), "ok"),
        (Tally(DAY - 87, 87, DAY), "warning"),
        (Tally(DAY - 865, 865, DAY), "critical"),
        (Tally(0.9 * DAY, 0, DAY), "ok"),
        (Tally(0.89 * DAY, 0, DAY), "unknown"),
        (Tally(0, 0, DAY), "unknown"),
        (Tally(0.1 * DAY, 100, DAY), "warning"),  # whatever the gaps hide
        (Tally(0.1 * DAY, 1000, DAY), "critical"),
        (Tally(0.1 * DAY, 80, DAY), "unknown"),
        (Tally(0.9 * DAY, 80, DAY), "warning"),
    ],
)
def test_what_can_be_said(tally: Tally, status: str) -> None:
    assert judge_figure(1, tally, TARGET, young=False).status == status


def every(step: float, start: float, end: float, states: str = "11") -> list[Seen]:
    return [look(start + number * step, states) for number in range(int((end - start) / step) + 1)]


def judged(looks: list[Seen], now: float, **more: Any) -> dict[str, Any]:
    findings, _figures = availability(looks, KEYS, now=now, target=TARGET, hours=None, name="clinic", **more)
    assert len({finding.subject for finding in findings}) == len(findings)
    return {finding.subject: finding for finding in findings}


def test_a_young_history_says_only_what_is_certain() -> None:
    assert judged(every(300, 0, DAY / 2), DAY / 2) == {}
    found = judged(every(300, 0, DAY / 2, "01"), DAY / 2)
    assert set(found) == {"endpoint a"} and found["endpoint a"].status == "critical"


def test_a_thing_that_is_new_is_judged_when_it_is_old_enough() -> None:
    looks = every(300, 0, 8 * DAY)
    looks = [look(one.at, "1", KEYS[:1]) if one.at < 7.5 * DAY else one for one in looks]
    assert set(judged(looks, 8 * DAY)) == {"endpoint a"}


def test_a_day_is_judged_once_there_is_a_day() -> None:
    found = judged(every(300, 0, DAY), DAY)
    assert {name: finding.status for name, finding in found.items()} == {"endpoint a": "ok", "service b": "ok"}
    assert found["endpoint a"].value == 100
    assert list(found["endpoint a"].evidence) == ["1 d"]


def test_the_worst_period_is_told() -> None:
    looks = every(300, 0, 8 * DAY)
    looks[-30:-20] = [look(one.at, "01") for one in looks[-30:-20]]
    finding = judged(looks, 8 * DAY)["endpoint a"]
    assert (finding.status, finding.value, finding.threshold) == ("critical", 96.527, 99.0)
    assert "of the last 1 day, less than 99 %: it was down for 50 min" in finding.message
    assert finding.evidence["7 d"]["status"] == "warning"


def test_looking_too_seldom_is_one_finding() -> None:
    found = judged(every(3600, 0, 8 * DAY), 8 * DAY)
    assert set(found) == {"clinic"}
    assert found["clinic"].status == "unknown"
    assert (
        "only 16.7 % of that time was looked at, 90 % are needed; look at least every 10 min" in found["clinic"].message
    )


def test_one_thing_that_could_not_be_looked_at() -> None:
    found = judged(every(300, 0, 8 * DAY, "1-"), 8 * DAY)
    assert {name: finding.status for name, finding in found.items()} == {"endpoint a": "ok", "service b": "unknown"}


def test_it_is_never_rounded_up() -> None:
    looks = [look(0, "11"), look(DAY * 7, "01"), look(DAY * 7 + 0.5, "11")]
    target = Target(percent=100, days=(7,), max_gap=30 * DAY)
    findings, _figures = availability(looks, KEYS, now=DAY * 7 + 1, target=target, hours=None, name="x")
    assert (findings[0].status, findings[0].value) == ("warning", 99.999)


# The file


def test_looks_are_read_as_they_were_written() -> None:
    looks = [
        seen(1.5, {"b": True, "a": None}, {"b": 0.25}),
        seen(2.0, {"b": False, "a": True}, {}),
        seen(3.0, {"c": True}, {}),
        seen(4.0, {"b": True, "a": True}, {}),
    ]
    text = render(looks)
    assert parse(text) == looks
    assert parse(text)[0].seconds == {"b": 0.25} and parse(text)[1].seconds == {}
    assert len(text.splitlines()) == 6, "things are named once"


@given(
    st.lists(
        st.tuples(
            st.floats(0, 2e9),
            st.dictionaries(
                st.text(min_size=1, max_size=4), st.sampled_from([True, False, None]), min_size=1, max_size=4
            ),
        ),
        max_size=8,
    ),
    st.integers(0, 400),
    st.binary(max_size=5),
)
def test_a_damaged_line_costs_no_other(rows: list[Any], place: int, rubbish: bytes) -> None:
    looks = sorted((seen(round(at, 3), states, {}) for at, states in rows), key=lambda one: one.at)
    lines = render(looks).splitlines(keepends=True)
    assert parse("".join(lines)) == looks
    named = [number for number, line in enumerate(lines) if line.startswith('{"keys"')]
    if lines and place % len(lines) not in named:
        lost = lines[place % len(lines)]
        lines[place % len(lines)] = lost[: place % len(lost)].rstrip("\n") + rubbish.decode("latin-1") + "\n"
        kept = parse("".join(lines))
        assert len([one for one in kept if one in looks]) >= len(looks) - 1


def test_adding_forgets_what_is_old(tmp_path: Path) -> None:
    path = str(tmp_path / "folder" / "x.jsonl")
    for at in range(100):
        history.record(path, look(at, "11"), {"n": at}, oldest=at - 50)
    kept = history.read(path)
    assert kept[-1].at == 99 and 50 <= len(kept) <= 58
    assert history.read_facts(path) == {"n": 99}
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert not [name for name in os.listdir(tmp_path / "folder") if name.endswith(".partial")]


def test_two_at_a_time_wait_for_each_other(tmp_path: Path) -> None:
    path = str(tmp_path / "x.jsonl")
    adding = threading.Thread(target=lambda: history.record(path, look(1, "11"), {}, oldest=0))
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        adding.start()
        adding.join(0.3)
        assert adding.is_alive() and not os.path.exists(path)
    adding.join()
    assert len(history.read(path)) == 1


def test_a_line_that_was_cut_off_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for at in (1, 2):
        history.record(str(path), look(at, "11"), {}, oldest=0)
    path.write_bytes(path.read_bytes()[:-3])
    for at in (3, 4):
        history.record(str(path), look(at, "11"), {}, oldest=0)
    assert [one.at for one in history.read(str(path))] == [1, 3, 4]
