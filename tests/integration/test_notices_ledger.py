"""The ledger of notices: sent once, tried again, given up, answered; two at once, killed, full, spoilt."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.modules import findings_of, run_module, start_module

START = "2026-11-21T02:00:00+00:00"


def at(hours: float = 0, seconds: float = 0) -> str:
    moment = time.gmtime(1_795_226_400 + hours * 3600 + seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", moment)


def notice(identity: str = "n1", **more: Any) -> dict[str, Any]:
    return {
        "identity": identity,
        "event": "advance",
        "outcome": "",
        "subject": f"Subject of {identity}",
        "body": "Text\n",
        "data": {"a": [1]},
        "channels": ["mail", "chat"],
        **more,
    }


def keep(root: Path, state: str, *, now: str = START, check: bool = False, **options: Any) -> dict[str, Any]:
    return run_module("notice_ledger", {"root": str(root), "state": state, "now": now, **options}, check=check)


def due(result: dict[str, Any]) -> dict[str, list[str]]:
    return {one["identity"]: one["channels"] for one in result["details"]["notices"]}


def outcome(channel: str, *, identity: str = "n1", reason: str = "", **more: Any) -> dict[str, Any]:
    return {"identity": identity, "channel": channel, "delivered": not reason, "tried": True, "reason": reason, **more}


def listed(root: Path) -> dict[str, dict[str, Any]]:
    return {one["identity"]: one for one in keep(root, "listed")["details"]["notices"]}


def states(root: Path, identity: str = "n1") -> dict[str, str]:
    return {name: one["state"] for name, one in listed(root)[identity]["channels"].items()}


def test_the_moment_of_these_tests_is_theirs() -> None:
    assert at() == START


def test_a_notice_goes_out_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    first = keep(tmp_path, "claim", notices=[notice()])
    assert due(first) == {"n1": ["mail", "chat"]}
    (lent,) = first["details"]["notices"]
    assert (lent["subject"], lent["body"], lent["data"]) == ("Subject of n1", "Text\n", {"a": [1]})
    settled = keep(tmp_path, "settle", outcomes=[outcome("mail"), outcome("chat")])
    assert settled["summary"]["worst"] == "ok"
    for hours in (0, 1, 24, 800):
        assert due(keep(tmp_path, "claim", notices=[notice()], now=at(hours))) == {}
    assert states(tmp_path) == {"mail": "delivered", "chat": "delivered"}


def test_two_at_once_do_not_both_get_it(tmp_path: Path) -> None:
    options = {"root": str(tmp_path), "state": "claim", "now": START}
    notices = [notice(f"n{number}") for number in range(20)]
    processes = [start_module("notice_ledger", {**options, "notices": notices}) for _one in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    results = [json.loads(output.splitlines()[-1]) for output in outputs]
    assert not any(result.get("failed") for result in results)
    got = [
        (one["identity"], name)
        for result in results
        for one in result["details"]["notices"]
        for name in one["channels"]
    ]
    assert len(got) == len(set(got)) == 40


def test_killed_between_sending_and_settling_it_is_tried_again_with_the_same_identity(tmp_path: Path) -> None:
    assert due(keep(tmp_path, "claim", notices=[notice()])) == {"n1": ["mail", "chat"]}
    # Nobody settles. Within the lease others let it be, after it they take it up.
    assert due(keep(tmp_path, "claim", now=at(seconds=299))) == {}
    again = keep(tmp_path, "claim", now=at(seconds=301))
    assert due(again) == {"n1": ["mail", "chat"]}


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_killed_in_the_middle_of_claiming_nothing_is_lost_or_spoilt(tmp_path: Path, pause: float) -> None:
    notices = [notice(f"n{number}") for number in range(200)]
    process = start_module(
        "notice_ledger", {"root": str(tmp_path), "state": "claim", "now": START, "notices": notices, "lease": 60}
    )
    deadline = time.monotonic() + 20
    folder = tmp_path / "notices"
    while time.monotonic() < deadline and not (folder.is_dir() and any(folder.glob("*.json"))):
        time.sleep(0.005)
    time.sleep(pause)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    later = keep(tmp_path, "claim", notices=notices, now=at(seconds=61))
    assert findings_of(later, "notice.ledger") == []
    assert len(due(later)) == 200


def test_a_channel_that_is_dead_for_an_hour_gets_it_then(tmp_path: Path) -> None:
    claimed = keep(tmp_path, "claim", notices=[notice()])
    attempts, seconds = 0, 0
    while seconds < 3600:
        if due(claimed):
            attempts += 1
            outcomes = [outcome("chat", reason="it is away")]
            outcomes += [outcome("mail")] if attempts == 1 else []
            settled = keep(tmp_path, "settle", outcomes=outcomes, now=at(seconds=seconds))
            (finding,) = findings_of(settled, "notice.delivery")
            assert finding["status"] == "warning"
            assert "tried again from" in finding["message"]
        seconds += 300
        claimed = keep(tmp_path, "claim", now=at(seconds=seconds))
        assert due(claimed) in ({}, {"n1": ["chat"]})
    assert 4 <= attempts <= 8
    while not due(claimed):
        seconds += 300
        claimed = keep(tmp_path, "claim", now=at(seconds=seconds))
    assert keep(tmp_path, "settle", outcomes=[outcome("chat")], now=at(seconds=seconds))["findings"] == []
    assert states(tmp_path) == {"mail": "delivered", "chat": "delivered"}


def test_what_nobody_takes_is_given_up_and_critical_once(tmp_path: Path) -> None:
    keep(tmp_path, "claim", notices=[notice()])
    keep(tmp_path, "settle", outcomes=[outcome("mail"), outcome("chat", reason="it is away")])
    result = keep(tmp_path, "claim", now=at(24))
    (finding,) = findings_of(result, "notice.delivery")
    assert finding["status"] == "critical"
    assert "Subject of n1" in finding["message"]
    assert "it is away" in finding["message"]
    assert due(result) == {}
    assert keep(tmp_path, "claim", now=at(25))["findings"] == []
    assert states(tmp_path)["chat"] == "given_up"


def test_a_notice_that_comes_too_late_is_not_sent(tmp_path: Path) -> None:
    keep(tmp_path, "claim", notices=[notice(expires=at(1))])
    result = keep(tmp_path, "claim", now=at(2))
    assert due(result) == {}
    assert result["summary"]["counts"]["critical"] == 2


def test_a_later_notice_takes_the_place_of_one_that_waits(tmp_path: Path) -> None:
    keep(tmp_path, "claim", notices=[notice()])
    keep(tmp_path, "settle", outcomes=[outcome("mail"), outcome("chat", reason="it is away")])
    result = keep(tmp_path, "claim", notices=[notice("n2", supersedes=["n1"])], now=at(1))
    assert due(result) == {"n2": ["mail", "chat"]}
    assert states(tmp_path) == {"mail": "delivered", "chat": "dropped"}


def test_where_the_later_notice_does_not_go_the_earlier_one_waits_on_unless_all_of_it_is_off(tmp_path: Path) -> None:
    keep(tmp_path, "claim", notices=[notice()])
    keep(tmp_path, "settle", outcomes=[outcome("mail"), outcome("chat", reason="it is away")])
    reminder = notice("n2", event="reminder", channels=["mail"], supersedes=["n1"])
    assert due(keep(tmp_path, "claim", notices=[reminder], now=at(1))) == {"n1": ["chat"], "n2": ["mail"]}
    keep(tmp_path, "settle", outcomes=[outcome("chat", reason="it is away")], now=at(1))
    cancel = notice("n3", event="cancel", channels=["mail"], supersedes=["n1", "n2"])
    assert due(keep(tmp_path, "claim", notices=[cancel], now=at(2))) == {"n3": ["mail"]}
    assert states(tmp_path) == {"mail": "delivered", "chat": "dropped"}


def test_a_notice_of_a_run_is_queued_for_the_channels_that_missed_it(tmp_path: Path) -> None:
    queued = notice(channels=["chat"], delivered=["mail"], reasons={"chat": "it is away"}, event="finish")
    result = keep(tmp_path, "add", notices=[queued])
    (finding,) = findings_of(result, "notice.delivery")
    assert finding["status"] == "warning"
    assert "it is away" in finding["message"]
    assert due(keep(tmp_path, "claim", now=at(seconds=59))) == {}
    assert due(keep(tmp_path, "claim", now=at(seconds=60))) == {"n1": ["chat"]}
    # The same again, as after a lost connection, changes nothing.
    again = keep(tmp_path, "add", notices=[queued])
    assert not again["changed"]


def test_what_shows_a_maintenance_is_not_told_of_a_beginning_once_the_run_is_over(tmp_path: Path) -> None:
    begun = notice("r1.start", event="start", data={"run": {"id": "r1"}}, channels=["page", "chat"])
    keep(tmp_path, "add", notices=[begun])
    folder = tmp_path / "logs" / "maintenance" / "r1"
    folder.mkdir(parents=True)
    assert due(keep(tmp_path, "claim", showing=["page"], check=True)) == {"r1.start": ["page", "chat"]}
    (folder / "record.json").write_text("{}")
    claimed = keep(tmp_path, "claim", showing=["page"])
    assert due(claimed) == {"r1.start": ["chat"]}
    assert [action["action"] for action in claimed["actions"]] == ["drop", "claim"]
    assert states(tmp_path, "r1.start") == {"page": "dropped", "chat": "waiting"}


def test_somebody_answers(tmp_path: Path) -> None:
    keep(tmp_path, "add", notices=[notice(channels=[], delivered=["mail"], escalate=True, event="emergency")])
    escalation = notice("n1.level-2", event="escalation", data={"escalation": {"notice": "n1"}})
    assert due(keep(tmp_path, "claim", notices=[escalation])) == {"n1.level-2": ["mail", "chat"]}
    keep(tmp_path, "settle", outcomes=[outcome("chat", identity="n1.level-2", reason="it is away")])
    plan = keep(tmp_path, "acknowledge", identity="n1", by="m.berger", check=True)
    assert {action["outcome"] for action in plan["actions"]} == {"planned"}
    assert "acknowledged" not in listed(tmp_path)["n1"]
    result = keep(tmp_path, "acknowledge", identity="n1", by="m.berger")
    assert [action["action"] for action in result["actions"]] == ["acknowledge", "drop"]
    assert listed(tmp_path)["n1"]["acknowledged"] == {"by": "m.berger", "at": "2026-11-21T02:00:00Z"}
    assert due(keep(tmp_path, "claim", now=at(9))) == {}
    second = keep(tmp_path, "acknowledge", identity="n1", by="else")
    assert not second["changed"]
    assert "m.berger" in second["actions"][0]["reason"]


def test_who_answered_in_the_meantime_leaves_nobody_else_to_be_told(tmp_path: Path) -> None:
    keep(tmp_path, "add", notices=[notice("n1", event="failure", channels=[], delivered=["mail"], escalate=True)])
    level = notice("n1.level-1", event="escalation", data={"escalation": {"notice": "n1"}})
    keep(tmp_path, "acknowledge", identity="n1", by="Anna")
    # Planned before, claimed after.
    assert due(keep(tmp_path, "claim", notices=[level, notice("n2")])) == {"n2": ["mail", "chat"]}


def test_what_cannot_be_answered_is_refused(tmp_path: Path) -> None:
    assert "no ledger" in keep(tmp_path, "acknowledge", identity="n1", by="m")["msg"]
    keep(tmp_path, "add", notices=[notice(escalate=True)])
    assert "wait for an answer are n1" in keep(tmp_path, "acknowledge", identity="n2", by="m")["msg"]
    assert "by" in keep(tmp_path, "acknowledge", identity="n1")["msg"]


def test_old_ones_go_and_what_is_needed_stays(tmp_path: Path) -> None:
    done = {"channels": [], "delivered": ["mail"]}
    rows = [
        notice("closed", **done),
        notice("waiting"),
        notice("asking", escalate=True, **done),
        notice("future", expires=at(24 * 4000), **done),
    ]
    keep(tmp_path, "add", notices=rows)
    late = at(24 * 3000)
    assert keep(tmp_path, "prune", now=at(24 * 2000))["actions"] == []
    assert len(keep(tmp_path, "prune", now=late, check=True)["actions"]) == 1
    assert len(listed(tmp_path)) == 4
    keep(tmp_path, "prune", now=late)
    assert set(listed(tmp_path)) == {"waiting", "asking", "future"}


def test_check_mode_writes_nothing_and_says_what_it_would(tmp_path: Path) -> None:
    result = keep(tmp_path, "claim", notices=[notice()], check=True)
    assert not (tmp_path / "notices").exists()
    assert due(result) == {"n1": ["mail", "chat"]}
    keep(tmp_path, "claim", notices=[notice()])
    before = {path.name: path.read_bytes() for path in (tmp_path / "notices").iterdir()}
    result = keep(tmp_path, "claim", notices=[notice("n2")], now=at(1), check=True)
    assert due(result) == {"n1": ["mail", "chat"], "n2": ["mail", "chat"]}
    assert {path.name: path.read_bytes() for path in (tmp_path / "notices").iterdir()} == before


@pytest.mark.parametrize("content", ["", "{", '{"identity": "n1"}', "[]"])
def test_a_spoilt_file_is_said_and_its_notice_is_not_sent_twice(tmp_path: Path, content: str) -> None:
    keep(tmp_path, "claim", notices=[notice(), notice("n2")])
    (tmp_path / "notices" / "n1.json").write_text(content)
    result = keep(tmp_path, "claim", notices=[notice(), notice("n2")], now=at(1))
    (finding,) = findings_of(result, "notice.ledger")
    assert finding["status"] == "critical"
    assert finding["subject"].endswith("n1.json")
    assert due(result) == {"n2": ["mail", "chat"]}


def test_strange_identities_get_files_of_their_own(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "..", "a/b", "a-b", ".hidden", "é", "x" * 400, "x" * 401]
    keep(tmp_path, "claim", notices=[notice(name) for name in names])
    assert set(listed(tmp_path)) == set(names)
    assert [path.name for path in tmp_path.iterdir()] == ["notices"]


def test_files_are_for_the_account_and_its_group(tmp_path: Path) -> None:
    keep(tmp_path, "claim", notices=[notice()])
    folder = tmp_path / "notices"
    assert oct((folder / "n1.json").stat().st_mode & 0o777) == "0o640"
    assert oct(folder.stat().st_mode & 0o027) == "0o0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"notices": [notice(), notice()]}, "identity of its own"),
        ({"notices": [{"event": "start"}]}, "identity of its own"),
        ({"lease": 0}, "greater than 0"),
        ({"now": "soon"}, "must be a moment"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    options = {"now": START, **options}
    assert words in run_module("notice_ledger", {"root": str(tmp_path), "state": "claim", **options})["msg"]


def test_a_root_that_is_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be used" in keep(tmp_path / "file", "claim", notices=[notice()])["msg"]


def test_systems_on_one_host_leave_each_others_notices_alone(tmp_path: Path) -> None:
    keep(tmp_path, "add", system="clinic", notices=[notice("a", escalate=True, channels=[]), notice("b")])
    keep(tmp_path, "add", notices=[notice("c")])
    later = at(seconds=1)
    assert set(due(keep(tmp_path, "claim", system="practice", now=later))) == {"c"}
    seen = keep(tmp_path, "listed", system="practice", open=True)["details"]["notices"]
    assert [one["identity"] for one in seen] == ["c"]
    assert set(due(keep(tmp_path, "claim", system="clinic", now=later))) == {"b"}
    assert set(listed(tmp_path)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keep_days": 1e12}, "keep_days"),
        ({"keep_days": -1}, "keep_days"),
        ({"keep_days": "nan"}, "keep_days"),
        ({"give_up_after": 1e30}, "give_up_after"),
        ({"lease": "inf"}, "lease"),
        ({"pause": 0}, "pause"),
    ],
)
def test_times_that_are_none_are_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    keep(tmp_path, "add", notices=[notice()])
    result = keep(tmp_path, "prune", **change)
    assert result["failed"]
    assert words in result["msg"]
