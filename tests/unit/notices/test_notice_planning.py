"""Which notices are due when: leads, late timers, blackouts, cancellations, levels that do not answer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.notices import waiting
from ansible_collections.careops.maintenance.plugins.module_utils.notices.planning import plan

# A Sunday in summer: 02:00 in Amsterdam is 00:00 UTC.
OPENING = datetime(2026, 7, 12, 0, 0, tzinfo=timezone.utc)
KEY = "clinic.primary.2026-07-12T00-00-00Z"
WINDOW = {
    "name": "primary",
    "rule": "FREQ=WEEKLY;BYDAY=SU",
    "start": "2026-01-04T02:00",
    "duration": "PT4H",
    "impact": "possible_downtime",
    "announce": ["PT72H", "PT24H"],
}
PEOPLE = [
    {"name": "Anna", "role": "Administrator", "mail": "anna@clinic.example", "phone": "+31600000001"},
    {"name": "Bert", "mail": "bert@clinic.example"},
    {"name": "Carla", "phone": "+31600000003"},
]
LEVELS = [
    {"level": 2, "role": "Security", "contact": "Carla", "respond_within": "PT15M", "channels": ["sms"]},
    {"level": 1, "contact": "Anna", "deputy": "Bert", "respond_within": "PT30M", "channels": ["mail", "sms"]},
]


def before(hours: float) -> datetime:
    return OPENING - timedelta(hours=hours)


def planned(now: datetime, known: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    options = {
        "system": "clinic",
        "windows": [WINDOW],
        "blackouts": [],
        "time_zone": "Europe/Amsterdam",
        "channels": ["mail", "sms"],
        "takes": {},
        "faults": [],
        "contacts": PEOPLE,
        "escalation": [],
        "known": list((known or {}).values()),
        "templates": [],
        "acknowledge": "answer {identity}",
        "now": now.isoformat(),
        **more,
    }
    outcome = plan(options, check_mode=False)
    return {
        "notices": {one["identity"]: one for one in (outcome.details or {})["notices"]},
        "findings": [(finding.check, finding.status) for finding in outcome.findings],
        "messages": [finding.message for finding in outcome.findings],
    }


def sent(notices: dict[str, Any], *, now: datetime, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the ledger knows when it has taken these, and every channel theirs."""
    ledger = dict(known or {})
    for identity, notice in notices.items():
        if identity in ledger:
            continue
        entry = waiting.new_entry(notice, now=now)
        for name in waiting.lend(entry, now=now, terms=waiting.Terms()):
            waiting.settle(entry, name, {"delivered": True}, now=now, terms=waiting.Terms())
        ledger[identity] = entry
    return ledger


@pytest.mark.parametrize(
    ("hours", "due"),
    [
        (72.1, []),
        (72, ["PT72H"]),
        (25, ["PT72H"]),
        (24, ["PT24H"]),
        (0.1, ["PT24H"]),
        (0, []),
        (-1, []),
    ],
)
def test_leads_begin_and_end(hours: float, due: list[str]) -> None:
    found = {
        identity: notice
        for identity, notice in planned(before(hours))["notices"].items()
        if not notice.get("superseded_by")
    }
    assert list(found) == [f"{KEY}.{lead}" for lead in due]


def test_through_a_week_each_goes_out_once() -> None:
    known: dict[str, Any] = {}
    told = []
    # Two days before the 72 hours of one opening until the next one is announced, every five minutes of it.
    for minutes in range(-96 * 60, 97 * 60, 5):
        now = OPENING + timedelta(minutes=minutes)
        new = {name: one for name, one in planned(now, known)["notices"].items() if name not in known}
        told += [(one["event"], name) for name, one in new.items()]
        known = sent(new, now=now, known=known)
    following = KEY.replace("07-12", "07-19")
    assert told == [("advance", f"{KEY}.PT72H"), ("reminder", f"{KEY}.PT24H"), ("advance", f"{following}.PT72H")]


def test_a_timer_that_was_down_sends_the_latest_alone_and_says_so_once() -> None:
    result = planned(before(20))
    latest, stub = result["notices"][f"{KEY}.PT24H"], result["notices"][f"{KEY}.PT72H"]
    # Nobody has heard of it before, so it is the notice and no reminder.
    assert latest["event"] == "advance"
    assert latest["supersedes"] == [f"{KEY}.PT72H"]
    assert stub["superseded_by"] == f"{KEY}.PT24H"
    assert result["findings"] == [("notice.advance", "warning")]
    assert "72 h" in result["messages"][0] or "3 d" in result["messages"][0]
    known = sent(result["notices"], now=before(20))
    assert {one["state"] for one in known[f"{KEY}.PT72H"]["channels"].values()} == {"dropped"}
    again = planned(before(19), known)
    assert (again["notices"], again["findings"]) == ({}, [])


def test_it_names_window_time_duration_impact_and_people() -> None:
    notice = planned(before(48))["notices"][f"{KEY}.PT72H"]
    assert notice["subject"] == "clinic: maintenance 2026-07-12 02:00 Europe/Amsterdam, 4 h, downtime is possible"
    for words in (
        "primary",
        "Sunday 12 July 2026 00:00 UTC",
        "02:00 Europe/Amsterdam",
        "at most 4 h",
        "Anna (Administrator)",
    ):
        assert words in notice["body"], words
    assert notice["expires"] == "2026-07-12T00:00:00Z"


def test_channels_take_the_events_they_want() -> None:
    takes = {"sms": ["reminder"], "mail": ["advance"]}
    first = planned(before(48), takes=takes)["notices"]
    assert first[f"{KEY}.PT72H"]["channels"] == ["mail"]
    known = sent(first, now=before(48))
    assert planned(before(20), known, takes=takes)["notices"][f"{KEY}.PT24H"]["channels"] == ["sms"]
    none = planned(before(72), takes={"sms": [], "mail": ["failure"]})
    assert none["findings"] == [("notice.policy", "critical")]


def test_an_opening_in_a_blackout_is_not_announced() -> None:
    blackout = {"name": "holiday", "start": "2026-07-11", "end": "2026-07-12", "time_zone": "Europe/Amsterdam"}
    assert planned(before(48), blackouts=[blackout])["notices"] == {}


@pytest.mark.parametrize(
    "change",
    [
        {"blackouts": [{"name": "audit", "start": "2026-07-11", "end": "2026-07-12"}]},
        {"windows": [{**WINDOW, "name": "other", "announce": []}]},
        {"windows": [{**WINDOW, "start": "2026-01-04T05:00", "announce": []}]},
    ],
)
def test_what_was_announced_and_is_gone_is_cancelled_once(change: dict[str, Any]) -> None:
    known = sent(planned(before(48))["notices"], now=before(48))
    found = planned(before(40), known, **change)["notices"]
    assert list(found) == [f"{KEY}.cancel"]
    notice = found[f"{KEY}.cancel"]
    assert notice["event"] == "cancel"
    assert notice["channels"] == ["mail", "sms"]
    assert "CANCELLED" in notice["subject"]
    known = sent(found, now=before(40), known=known)
    assert planned(before(39), known, **change)["notices"] == {}
    # Back again: people believe that it is cancelled, so they are told.
    found = planned(before(30), known)["notices"]
    assert list(found) == [f"{KEY}.again"]
    assert found[f"{KEY}.again"]["body"].startswith("It takes place after all.")
    known = sent(found, now=before(30), known=known)
    assert planned(before(29), known)["notices"] == {}


LONGER = {**WINDOW, "duration": "PT8H", "impact": "planned_downtime"}


def test_what_was_announced_otherwise_is_told_anew_once_for_each_change() -> None:
    known = sent(planned(before(70))["notices"], now=before(70))
    told = []
    for hours, window in ((60, LONGER), (59, LONGER), (50, WINDOW), (49, WINDOW), (40, LONGER), (39, LONGER)):
        new = planned(before(hours), known, windows=[window])["notices"]
        told += [(hours, one["event"]) for one in new.values()]
        known = sent(new, now=before(hours), known=known)
    assert told == [(60, "advance"), (50, "advance"), (40, "advance")]


def test_a_change_says_what_was_told_before_and_takes_the_place_of_what_waits() -> None:
    first = planned(before(70))["notices"]
    known = {identity: waiting.new_entry(one, now=before(70)) for identity, one in first.items()}
    # No lead time is left in policy: who was told of one thing is told of the other all the same.
    found = planned(before(10), known, windows=[{**LONGER, "announce": []}])["notices"]
    (notice,) = found.values()
    assert notice["body"].startswith(
        "This is a change: it ends Sunday 12 July 2026 08:00 UTC, 10:00 Europe/Amsterdam, and not Sunday 12 July 2026 "
        "04:00 UTC, 06:00 Europe/Amsterdam; downtime is planned, where it was: downtime is possible."
    )
    # What goes out as an SMS is the subject alone.
    assert [one["subject"] for one in first.values()] == [
        "clinic: maintenance 2026-07-12 02:00 Europe/Amsterdam, 4 h, downtime is possible"
    ]
    assert (
        notice["subject"] == "clinic: CHANGED, maintenance 2026-07-12 02:00 Europe/Amsterdam, 8 h, downtime is planned"
    )
    assert notice["supersedes"] == [f"{KEY}.PT72H"]
    assert notice["channels"] == ["mail", "sms"]
    assert notice["data"]["window"]["closes"] == "2026-07-12T08:00:00Z"


def test_the_same_hours_by_other_clocks_are_no_change() -> None:
    known = sent(planned(before(70))["notices"], now=before(70))
    same = {**WINDOW, "start": "2026-01-04T00:00", "time_zone": "UTC"}
    assert planned(before(60), known, windows=[same])["notices"] == {}


def test_a_reminder_tells_of_the_change_by_itself() -> None:
    known = sent(planned(before(70))["notices"], now=before(70))
    found = planned(before(20), known, windows=[LONGER])["notices"]
    assert [(identity, one["event"]) for identity, one in found.items()] == [(f"{KEY}.PT24H", "reminder")]
    assert found[f"{KEY}.PT24H"]["body"].startswith("This is a change")
    assert planned(before(19), sent(found, now=before(20), known=known), windows=[LONGER])["notices"] == {}


def test_a_change_reaches_whoever_heard_of_it_by_whatever_notice() -> None:
    takes = {"sms": ["advance", "cancel"]}
    known = sent(planned(before(70), takes=takes)["notices"], now=before(70))
    # The channel takes no reminder, and the reminder tells of the change.
    found = planned(before(20), known, takes=takes, windows=[LONGER])["notices"]
    assert found[f"{KEY}.PT24H"]["channels"] == ["mail", "sms"]
    assert planned(before(20), known, takes=takes)["notices"][f"{KEY}.PT24H"]["channels"] == ["mail"]


def test_a_clock_that_goes_back_tells_of_a_change_once() -> None:
    known = sent(planned(before(30))["notices"], now=before(30))
    told = []
    for hours in (60, 59.9, 59.8):
        new = planned(before(hours), known, windows=[LONGER])["notices"]
        told += list(new)
        known = sent(new, now=before(hours), known=known)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("leads", "hours", "due"),
    [
        # Other lead times, and nothing that was not told already.
        (["PT74H", "PT24H"], 60, []),
        (["P3D", "PT24H"], 60, []),
        (["PT24H"], 60, []),
        (["PT100H", "PT80H"], 60, []),
        # What comes nearer than what was told is a reminder.
        (["PT72H", "PT48H"], 47, [("reminder", "PT48H")]),
        (["PT74H", "PT24H"], 23, [("reminder", "PT24H")]),
    ],
)
def test_other_lead_times_tell_nobody_twice(leads: list[str], hours: float, due: list[tuple[str, str]]) -> None:
    known = sent(planned(before(70))["notices"], now=before(70))
    result = planned(before(hours), known, windows=[{**WINDOW, "announce": leads}])
    found = [(one["event"], identity.rpartition(".")[2]) for identity, one in result["notices"].items()]
    assert found == due
    assert result["findings"] == []


def test_what_takes_place_after_all_is_told_alone() -> None:
    known = sent(planned(before(70))["notices"], now=before(70))
    blackouts = [{"name": "audit", "start": "2026-07-11", "end": "2026-07-12"}]
    known = sent(planned(before(60), known, blackouts=blackouts)["notices"], now=before(60), known=known)
    # By now the reminder is due as well.
    found = planned(before(20), known)["notices"]
    known = sent(found, now=before(20), known=known)
    assert [identity for identity, one in found.items() if not one.get("superseded_by")] == [f"{KEY}.again"]
    assert {one["state"] for one in known[f"{KEY}.PT24H"]["channels"].values()} == {"dropped"}
    assert planned(before(19), known)["notices"] == {}


@pytest.mark.parametrize("names", [("夜间", "周末"), ("night 1", "night-1"), ("nacht ä", "nacht ö")])
def test_windows_of_names_that_no_file_can_have_are_announced_each(names: tuple[str, str]) -> None:
    found = planned(before(48), windows=[{**WINDOW, "name": name} for name in names])["notices"]
    assert {one["data"]["window"]["name"] for one in found.values()} == set(names)
    assert len({one["data"]["maintenance"] for one in found.values()}) == 2
    assert all(identity.isascii() and " " not in identity for identity in found)


def test_whom_a_notice_reached_in_part_or_by_word_of_mouth_is_told_of_the_end() -> None:
    known = sent(planned(before(48))["notices"], now=before(48))
    channels = known[f"{KEY}.PT72H"]["channels"]
    channels["mail"] = {"state": "waiting", "attempts": 1, "next": "2026-07-11T00:00:00Z", "left": ["b@clinic.example"]}
    # The operator was asked to tell its readers by hand.
    channels["sms"] = {"state": "given_up", "attempts": 9, "at": "2026-07-11T00:00:00Z"}
    other = [{**WINDOW, "name": "other", "announce": []}]
    assert planned(before(40), known, windows=other)["notices"][f"{KEY}.cancel"]["channels"] == ["mail", "sms"]


def test_only_who_was_told_is_told_of_the_end() -> None:
    known = sent(planned(before(48), takes={"sms": ["failure"]})["notices"], now=before(48))
    other = [{**WINDOW, "name": "other", "announce": []}]
    found = planned(before(40), known, windows=other)["notices"]
    assert found[f"{KEY}.cancel"]["channels"] == ["mail"]


def test_killed_before_it_was_noted_that_it_was_sent_its_readers_are_told_of_the_end() -> None:
    known = sent(planned(before(48), channels=["mail"])["notices"], now=before(48))
    entry = known[f"{KEY}.PT72H"]
    entry["channels"] = {"mail": {"state": "waiting", "attempts": 0, "next": entry["created"]}}
    other = [{**WINDOW, "name": "other", "announce": []}]
    # As long as nobody took it to send it, nobody knows of it.
    assert planned(before(47), known, windows=other)["notices"][f"{KEY}.cancel"]["channels"] == []
    assert waiting.lend(entry, now=before(48), terms=waiting.Terms()) == ["mail"]
    assert planned(before(47), known, windows=other)["notices"][f"{KEY}.cancel"]["channels"] == ["mail"]


def test_an_emergency_that_can_wait_is_told_some_hours_before_and_once() -> None:
    once = {"name": "patch", "start": "2026-07-12T02:00", "duration": "PT1H", "announce": ["PT2H"]}
    assert planned(before(3), windows=[once])["notices"] == {}
    found = planned(before(2), windows=[once])["notices"]
    assert [one["event"] for one in found.values()] == ["advance"]
    assert planned(before(1), sent(found, now=before(2)), windows=[once])["notices"] == {}
    late = planned(before(1), windows=[once])
    assert [one["event"] for one in late["notices"].values()] == ["advance"]
    assert late["findings"] == [("notice.advance", "warning")]


def test_a_notice_that_goes_out_hours_late_is_told_although_no_other_was_missed() -> None:
    assert planned(before(71.5))["findings"] == []
    result = planned(before(40))
    assert list(result["notices"]) == [f"{KEY}.PT72H"]
    assert result["findings"] == [("notice.advance", "warning")]
    assert "should have gone out 3 d before, and goes out 1 d 16 h before" in result["messages"][0]


def test_a_policy_that_lost_all_its_windows_cancels_nothing() -> None:
    known = sent(planned(before(48))["notices"], now=before(48))
    result = planned(before(40), known, windows=[])
    assert result["notices"] == {}
    assert result["findings"] == [("notice.policy", "critical")]
    # What is over does not matter any more.
    assert planned(before(-1), known, windows=[])["findings"] == []


def emergency(at: datetime, **more: Any) -> dict[str, Any]:
    notice = {
        "identity": "r1.emergency",
        "event": "emergency",
        "subject": "clinic: EMERGENCY",
        "body": "b",
        "data": {"run": {"id": "r1", "system": "clinic"}},
        "delivered": ["mail"],
        "escalate": True,
        **more,
    }
    return {"r1.emergency": waiting.new_entry(notice, now=at)}


@pytest.mark.parametrize(
    ("minutes", "levels", "status"),
    [(0, ["1"], []), (29, ["1"], []), (30, ["1", "2"], []), (44, ["1", "2"], []), (45, ["1", "2"], ["critical"])],
)
def test_levels_get_their_turn(minutes: int, levels: list[str], status: list[str]) -> None:
    known, told = gone_up(minutes)
    assert list(told) == [f"r1.emergency.level-{level}" for level in levels]
    result = planned(OPENING + timedelta(minutes=minutes), known, escalation=LEVELS, windows=[])
    assert [one for check, one in result["findings"] if check == "notice.escalation"] == status


def gone_up(minutes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the ledger knows after so many minutes without an answer, and what was told in them."""
    known, told = emergency(OPENING), {}
    for minute in range(minutes + 1):
        now = OPENING + timedelta(minutes=minute)
        new = planned(now, known, escalation=LEVELS, windows=[])["notices"]
        told.update(new)
        known = sent(new, now=now, known=known)
    return known, told


def test_after_a_timer_that_was_down_each_level_has_its_time_all_the_same() -> None:
    known = emergency(OPENING)
    told = []
    for minutes in (120, 125, 149, 150, 164, 165):
        now = OPENING + timedelta(minutes=minutes)
        result = planned(now, known, escalation=LEVELS, windows=[])
        told.append((minutes, [name.rpartition("-")[2] for name in result["notices"]], len(result["findings"])))
        known = sent(result["notices"], now=now, known=known)
    assert told == [(120, ["1"], 0), (125, [], 0), (149, [], 0), (150, ["2"], 0), (164, [], 0), (165, [], 1)]


def test_a_clock_that_went_back_calls_people_all_the_same() -> None:
    known = emergency(OPENING)
    told = []
    for minutes in (-600, -599, -571, -570):
        now = OPENING + timedelta(minutes=minutes)
        new = planned(now, known, escalation=LEVELS, windows=[])["notices"]
        told += [(minutes, name.rpartition("-")[2]) for name in new]
        known = sent(new, now=now, known=known)
    assert told == [(-600, "1"), (-570, "2")]


def test_contact_and_deputy_are_told_at_their_own_addresses() -> None:
    _known, found = gone_up(31)
    first, second = found["r1.emergency.level-1"], found["r1.emergency.level-2"]
    assert first["to"] == {"mail": ["anna@clinic.example", "bert@clinic.example"], "phone": ["+31600000001"]}
    assert first["channels"] == ["mail", "sms"]
    assert second["to"] == {"phone": ["+31600000003"]}
    assert "please answer within 30 min" in first["subject"]
    assert "NOBODY ANSWERED, level 2 within 15 min: clinic: EMERGENCY" in second["subject"]
    assert "answer r1.emergency\n" in second["body"]


def test_the_deputy_of_a_contact_is_told_where_the_level_names_none() -> None:
    level = {key: value for key, value in LEVELS[1].items() if key != "deputy"}
    for deputy, mails in (
        ("Bert", ["anna@clinic.example", "bert@clinic.example"]),
        ("Nobody", ["anna@clinic.example"]),
    ):
        people = [{**PEOPLE[0], "deputy": deputy}, *PEOPLE[1:]]
        found = planned(OPENING, emergency(OPENING), escalation=[level], contacts=people, windows=[])["notices"]
        assert found["r1.emergency.level-1"]["to"]["mail"] == mails


def test_each_level_is_told_once_and_an_answer_ends_it() -> None:
    known = emergency(OPENING)
    told = []
    for minutes in range(0, 120, 5):
        now = OPENING + timedelta(minutes=minutes)
        new = planned(now, known, escalation=LEVELS, windows=[])["notices"]
        told += list(new)
        known = sent(new, now=now, known=known)
    assert told == ["r1.emergency.level-1", "r1.emergency.level-2"]
    known = emergency(OPENING)
    known["r1.emergency"]["acknowledged"] = {"by": "Anna", "at": "2026-07-12T00:01:00Z"}
    result = planned(OPENING + timedelta(hours=5), known, escalation=LEVELS, windows=[])
    assert (result["notices"], result["findings"]) == ({}, [])


OTHER = {**WINDOW, "name": "other"}
UP = {**LEVELS[1], "level": 3}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"windows": [{**WINDOW, "rule": "FREQ=NEVER"}, OTHER]}, "needs FREQ"),
        ({"windows": [{**WINDOW, "announce": ["soon"]}, OTHER]}, "An announce of window 'primary'"),
        ({"windows": ["primary", OTHER]}, "must be a mapping with a name"),
        ({"escalation": [{**LEVELS[0], "contact": "Nobody"}, UP]}, "none of the contacts"),
        ({"escalation": [{**LEVELS[0], "channels": ["pager"]}, UP]}, "pager"),
        ({"escalation": [{**LEVELS[0], "channels": []}, UP]}, "are missing"),
        ({"escalation": [{**LEVELS[0], "respond_within": "quickly"}, UP]}, "ISO 8601"),
        ({"escalation": [{**LEVELS[0], "level": "high"}, UP]}, "number as level"),
        ({"escalation": [UP, UP]}, "same number"),
        ({"escalation": ["first", UP]}, "number as level"),
        ({"contacts": ["Anna", *PEOPLE], "escalation": [UP]}, "mapping with a name"),
        ({"contacts": [{**PEOPLE[0], "mail": "anna@@clinic"}, *PEOPLE[1:]], "escalation": [UP]}, "has a wrong mail"),
        ({"faults": [{"name": "chat", "reason": "it is odd", "events": None}], "escalation": [UP]}, "chat is set up"),
    ],
)
def test_a_policy_that_is_wrong_is_critical_and_stops_that_alone(change: dict[str, Any], words: str) -> None:
    result = planned(before(20), emergency(before(20)), **{"windows": [OTHER], "escalation": [UP], **change})
    assert [words in message for message in result["messages"] if "playbooks/notices.yml" not in message] == [True]
    assert ("notice.policy", "critical") in result["findings"]
    assert {"r1.emergency.level-3", "clinic.other.2026-07-12T00-00-00Z.PT24H"} <= set(result["notices"])


@pytest.mark.parametrize(
    ("change", "words", "told", "announced"),
    [
        ({"windows": {"name": "primary"}}, "must be a list", True, False),
        ({"blackouts": [{"name": "x", "start": "soon"}]}, "blackout 'x'", True, False),
        ({"system": ""}, "has no name", True, False),
        ({"escalation": {"level": 1}}, "must be a list", False, True),
    ],
)
def test_a_part_that_cannot_be_read_stops_that_part(
    change: dict[str, Any], words: str, told: bool, announced: bool
) -> None:
    result = planned(before(20), emergency(before(20)), **{"escalation": LEVELS, **change})
    assert words in " ".join(result["messages"])
    assert ("r1.emergency.level-1" in result["notices"]) is told
    assert (f"{KEY}.PT24H" in result["notices"]) is announced


def test_a_window_that_cannot_be_read_is_not_taken_for_one_that_is_gone() -> None:
    known = sent(planned(before(71))["notices"], now=before(71))
    result = planned(before(30), known, windows=[{**WINDOW, "duration": "4 hours"}, OTHER])
    assert not [one for one in result["notices"].values() if one["event"] == "cancel"]


def test_a_policy_may_change_its_mind_more_than_once() -> None:
    known = sent(planned(before(71))["notices"], now=before(71))
    blackouts = [{"name": "audit", "start": "2026-07-12", "end": "2026-07-12"}]
    told = []
    for hours, closed in ((60, True), (59, True), (50, False), (49, False), (40, True), (39, True), (30, False)):
        new = planned(before(hours), known, blackouts=blackouts if closed else [])["notices"]
        told += [(hours, one["event"]) for one in new.values()]
        known = sent(new, now=before(hours), known=known)
    assert told == [(60, "cancel"), (50, "advance"), (40, "cancel"), (30, "advance")]


def test_a_broken_template_is_said_and_the_notice_is_planned_all_the_same(tmp_path: Any) -> None:
    (tmp_path / "advance.j2").write_text("Subject\n\n{% if %}\n")
    result = planned(before(72), templates=[str(tmp_path)])
    assert result["notices"][f"{KEY}.PT72H"]["subject"].startswith("clinic: maintenance")
    assert result["findings"] == [("notice.template", "warning")]
    assert "advance.j2, line 3" in result["messages"][0]


def test_a_folder_of_templates_that_is_not_there_is_said(tmp_path: Any) -> None:
    result = planned(before(72), templates=[str(tmp_path / "gone")])
    assert result["findings"] == [("notice.template", "warning")]
    assert "gone is not there" in result["messages"][0]
