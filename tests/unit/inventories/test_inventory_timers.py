"""The timers of the five inventories: inside of the windows, and in time for every automated task of the calendar."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.calendars.on_calendar import on_calendar
from ansible_collections.careops.maintenance.plugins.module_utils.calendars.slots import read_slots
from ansible_collections.careops.maintenance.plugins.module_utils.calendars.tasks import AUTOMATED, Task
from ansible_collections.careops.maintenance.plugins.module_utils.windows.openings import open_at
from ansible_collections.careops.maintenance.plugins.module_utils.windows.times import parse_duration
from tests.lab.modules import ROOT
from tests.unit.inventories import systems
from tests.unit.inventories.test_inventory_calendar import tasks_of
from tests.unit.inventories.test_inventory_policy import opened, windows_of

MAINTENANCE = ("weekly", "monthly", "quarterly", "annual")
# Runs that need a ticket of their own each time (run_open_requires): a person starts them, and no timer.
BY_HAND = {"trusted_login": {"monthly", "quarterly"}}
# A year and a month, with each clock change.
FROM = datetime(2026, 11, 1, tzinfo=ZoneInfo("UTC"))
UNTIL = datetime(2027, 12, 1, tzinfo=ZoneInfo("UTC"))
DAY = timedelta(days=1)
WEEK = timedelta(days=7)

Timer = dict[str, Any]


def timers_of(system: str) -> list[Timer]:
    timers: list[Timer] = systems.policy(system)["policy_timers"]
    return timers


def playbook_of(timer: Timer) -> str:
    return str(timer["playbook"]).removeprefix("playbooks/").removesuffix(".yml")


def cadence_of(timer: Timer) -> str:
    """The cadence of the runs that it starts; nothing where it starts none that is recorded."""
    playbook = playbook_of(timer)
    if playbook == "sub_daily":
        given = [word for word in timer["arguments"] if word.startswith("sub_daily_cadence=")]
        return str(given[0]).partition("=")[2]
    return playbook if playbook in systems.CADENCES else ""


def firings(system: str, timer: Timer, begin: datetime, end: datetime) -> list[datetime]:
    zone = systems.policy(system)["policy_time_zone"]
    if timer.get("rule"):
        slots = read_slots(rule=timer["rule"], start=timer["start"], time_zone=zone, what=timer["name"])
        return slots.between(begin, end)
    moment = datetime.fromisoformat(timer["on_calendar"]).replace(tzinfo=ZoneInfo(zone))
    return [moment] if begin <= moment <= end else []


def entries_of(system: str, cadence: str) -> dict[str, str]:
    """The procedures of a cadence's run, with the entry that each runs in this system."""
    playbook = systems.playbook("sub_daily" if cadence in systems.SUB_DAILY else cadence)
    return {**playbook, **systems.policy(system)["policy_cadences"].get(cadence, {})}


def doing(system: str, task: Task) -> list[Timer]:
    """The timers whose runs do what the task asks for."""
    enough = ("main",) if task.entry == "main" else ("main", "check")
    return [
        timer
        for timer in timers_of(system)
        if (cadence := cadence_of(timer)) and entries_of(system, cadence).get(task.procedure) in enough
    ]


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_each_timer_starts_a_playbook_that_exists_at_times_that_systemd_can_keep(system: str) -> None:
    timers = timers_of(system)
    assert len({timer["name"] for timer in timers}) == len(timers)
    for timer in timers:
        assert (ROOT / timer["playbook"]).is_file(), timer["name"]
        if timer.get("rule"):
            zone = systems.policy(system)["policy_time_zone"]
            slots = read_slots(rule=timer["rule"], start=timer["start"], time_zone=zone, what=timer["name"])
            assert on_calendar(slots.recurrence, what=timer["name"])
            first = slots.following(FROM.replace(year=2025))
            assert first is not None
            assert first.astimezone(slots.zone).replace(tzinfo=None) == slots.start, timer["name"]


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_every_cadence_has_a_timer(system: str) -> None:
    often = {"every_5_minutes"} & {task.cadence for task in tasks_of(system).values() if task.work == AUTOMATED}
    wanted = {*systems.CADENCES[1:], *often} - BY_HAND.get(system, set())
    assert wanted <= {cadence_of(timer) for timer in timers_of(system)}


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_notices_go_out_every_five_minutes(system: str) -> None:
    (timer,) = [timer for timer in timers_of(system) if playbook_of(timer) == "notices"]
    moments = firings(system, timer, FROM, FROM + WEEK)
    assert {later - earlier for earlier, later in zip(moments, moments[1:])} == {timedelta(minutes=5)}


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_maintenance_starts_inside_of_a_window_for_it(system: str) -> None:
    needs = systems.policy(system).get("policy_needs", {})
    for timer in timers_of(system):
        cadence = cadence_of(timer)
        if cadence not in MAINTENANCE:
            continue
        moments = firings(system, timer, FROM, UNTIL)
        assert moments, f"{timer['name']} never fires"
        for moment in moments:
            name = opened(system, moment, cadence)
            assert name, f"{timer['name']} at {moment}: no window is open for it"
            closes = max(opening.closes for opening in open_at(windows_of(system), moment) if opening.name == name)
            least = parse_duration(needs.get(cadence, "PT1H"), what="needs")
            assert closes - moment >= least, f"{timer['name']} at {moment}: {name} closes too early"


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_every_automated_task_is_done_in_time_by_a_timer(system: str) -> None:
    """Each slot of it, in more than a year: a run that counts for it begins before it is overdue."""
    by_hand = BY_HAND.get(system, set())
    for task in tasks_of(system).values():
        if task.work != AUTOMATED or task.procedure in systems.FUTURE:
            continue
        timers = doing(system, task)
        if not timers and task.cadence in by_hand:
            continue
        assert timers, f"{task.name}: no timer runs {task.procedure} ({task.entry})"
        often = task.cadence in systems.SUB_DAILY
        # What recurs within a day is the same on each; what does not needs no run of every five minutes.
        daily = [timer for timer in timers if playbook_of(timer) != "sub_daily"]
        begin, end, more = (FROM, FROM + DAY, DAY) if often else (FROM, UNTIL, WEEK)
        moments = [m for t in (timers if often else daily) for m in firings(system, t, begin - DAY, end + more)]
        slots = task.slots.between(begin, end)
        moments.sort()
        for slot, following in zip(slots, slots[1:]):
            # The first run that counts for this slot or a later one: with that, this one is done as well.
            run = moments[bisect_left(moments, slot - task.early)]
            deadline = following if task.grace is None else slot + task.grace
            assert run < deadline, f"{task.name} of {slot}: {run} is late"


@pytest.mark.parametrize("system", sorted(BY_HAND))
def test_what_a_person_starts_asks_for_a_ticket(system: str) -> None:
    requires = str(systems.policy(system)["run_open_requires"])
    assert "ticket" in requires
    for cadence in BY_HAND[system]:
        assert cadence in requires
        assert cadence not in {cadence_of(timer) for timer in timers_of(system)}


def test_timers_of_smartmed_say_what_the_run_requires() -> None:
    required = systems.policy("smartmed")["run_open_requires"]["maintenance"]
    for timer in timers_of("smartmed"):
        if cadence_of(timer) in ("weekly", "monthly", "quarterly"):
            for name in required:
                assert f'"run_open_{name}": "' in timer["arguments"][1], timer["name"]
