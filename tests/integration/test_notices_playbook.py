"""playbooks/notices.yml through a week: each notice once on each channel, whatever is dead, late, killed or silent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.lab import mail, sms, statuspage, webhook
from tests.lab.alertmanager import eventually
from tests.lab.modules import ROOT, run_module
from tests.lab.notices import Controller, Done
from tests.lab.postgres import free_port

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
LEVELS = [
    {"level": 1, "role": "Administrator", "contact": "Anna", "respond_within": "PT30M", "channels": ["operations"]},
    {
        "level": 2,
        "role": "Lead",
        "contact": "Bert",
        "deputy": "Carla",
        "respond_within": "PT15M",
        "channels": ["phone"],
    },
]
PEOPLE = [
    {"name": "Anna", "role": "Administrator", "mail": "anna@clinic.example"},
    {"name": "Bert", "phone": "+31600000002"},
    {"name": "Carla", "phone": "+31600000003"},
]
SIGNING = "signing-Secret-61-long-enough"
BEARER = "bearer-Secret-62"


@dataclass
class Estate:
    """Every kind of channel, and the controller that uses them."""

    controller: Controller
    box: mail.Mailbox
    chat: webhook.Receiver
    gateway: sms.Gateway
    page: statuspage.Page

    def policy(self, **more: Any) -> dict[str, Any]:
        return {
            "policy_system": "clinic",
            "policy_time_zone": "Europe/Amsterdam",
            "policy_windows": [WINDOW],
            "policy_contacts": PEOPLE,
            "policy_escalation": LEVELS,
            "policy_channels": [
                self.box.options(username=mail.USER, password=mail.PASSWORD),
                self.chat.options(token=BEARER, signing_key=SIGNING),
                self.gateway.options(name="phone", events=["cancel", "escalation"]),
                self.page.options(),
            ],
            "notices_attempts": 1,
            "notices_deadline": 15,
            **more,
        }

    def run(self, hours: float, **more: Any) -> Done:
        """The playbook to its end, so many hours from the opening."""
        process = self.start(hours, **more)
        output, _errors = process.communicate(timeout=300)
        return Done(process.returncode, output)

    def start(self, hours: float, **more: Any) -> subprocess.Popen[str]:
        """Starts the playbook."""
        arguments = more.pop("arguments", ("-v",))
        records = more.pop("records", "local")
        settings = self.policy(notices_now=(OPENING + timedelta(hours=hours)).isoformat(), **more)
        playbook = str(ROOT / "playbooks" / "notices.yml")
        return self.controller.start(playbook, settings=settings, arguments=arguments, records=records)

    def told(self) -> dict[str, list[str]]:
        """What reached whom, by channel."""
        return {
            "operations": [str(message["Message-ID"]).partition("@")[0].strip("<") for message in self.box.messages],
            "chat": [post.headers["Idempotency-Key"] for post in self.chat.posts],
            "page": [status for _id, status, _text in self.page.updates],
            "phone": [f"{number} {text}" for number, text in self.gateway.sent],
        }


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    with contextlib.ExitStack() as stack:
        yield Estate(
            Controller(tmp_path),
            stack.enter_context(mail.server(login=True)),
            stack.enter_context(webhook.receiver()),
            stack.enter_context(sms.gateway()),
            stack.enter_context(statuspage.page()),
        )


def test_through_a_week_each_notice_goes_out_once_on_each_channel(estate: Estate) -> None:
    for hours in (-72.1, -72, -71.9, -24, -23.9, 1):
        done = estate.run(hours)
        assert done.code == 0, done.output
    once = [f"{KEY}.PT72H", f"{KEY}.PT24H"]
    told = estate.told()
    assert (told["operations"], told["chat"], told["page"]) == (once, once, ["scheduled", "scheduled"])
    assert told["phone"] == []
    first, second = estate.box.messages
    assert first["Subject"] == "clinic: maintenance 2026-07-12 02:00 Europe/Amsterdam, 4 h, downtime is possible"
    # Long subjects are folded after their name.
    reminder = "clinic: reminder, maintenance 2026-07-12 02:00 Europe/Amsterdam, 4 h, downtime is possible"
    assert second["Subject"].strip() == reminder
    for words in (
        "Sunday 12 July 2026 00:00 UTC",
        "02:00 Europe/Amsterdam",
        "at most 4 h",
        "Window:    primary",
        "Anna",
    ):
        assert words in first.get_content(), words


def test_a_dead_channel_gets_its_notice_later_and_the_others_do_not_get_it_twice(estate: Estate) -> None:
    estate.chat.answers[:] = [500]
    done = estate.run(-71)
    assert done.code == 0, done.output
    assert "tried again from" in done.words
    assert estate.run(-70.999).code == 0
    assert len(estate.chat.posts) == 1
    assert estate.run(-70.9).code == 0
    told = estate.told()
    # The first of the two was the one that the receiver did not take.
    assert told["chat"] == [f"{KEY}.PT72H"] * 2
    assert told["operations"] == [f"{KEY}.PT72H"]
    assert told["page"] == ["scheduled"]


def test_a_channel_that_stays_dead_is_given_up_and_that_is_no_quiet_end(estate: Estate) -> None:
    gone = {"name": "chat", "kind": "webhook", "url": f"http://127.0.0.1:{free_port()}{webhook.SECRET_PATH}"}
    channels = [estate.box.options(username=mail.USER, password=mail.PASSWORD), gone]
    escalation: dict[str, Any] = {"policy_escalation": []}
    assert estate.run(-71, policy_channels=channels, **escalation).code == 0
    assert estate.run(-60, policy_channels=channels, **escalation).code == 0
    done = estate.run(-46, policy_channels=channels, **escalation)
    assert done.code != 0
    assert "was given up: the channel chat did not take it" in done.words
    assert estate.run(-45.9, policy_channels=channels, **escalation).code == 0
    assert estate.told()["operations"] == [f"{KEY}.PT72H"]


def test_killed_between_sending_and_settling_the_same_identity_comes_again(estate: Estate) -> None:
    # The mail is out and the chat has its post in hand when the playbook dies.
    estate.chat.silent = True
    process = estate.start(-71, notices_deadline=60, notices_timeout=60)
    assert eventually(lambda: estate.chat.posts and estate.box.messages, seconds=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    estate.chat.silent = False
    estate.chat.released.set()
    entry = estate.controller.ledger()[f"{KEY}.PT72H"]
    assert {one["state"] for one in entry["channels"].values()} == {"waiting"}
    # Within the lease nobody takes it up.
    assert estate.run(-70.95).code == 0
    assert (len(estate.chat.posts), len(estate.box.messages)) == (1, 1)
    assert estate.run(-70.9).code == 0
    assert estate.run(-70.8).code == 0
    told = estate.told()
    assert told["chat"] == [f"{KEY}.PT72H"] * 2
    assert told["operations"] == [f"{KEY}.PT72H"] * 2
    # The page knows what it was told.
    assert told["page"] == ["scheduled"]


def test_a_timer_that_was_down_sends_one_and_not_two(estate: Estate) -> None:
    done = estate.run(-20)
    assert done.code == 0, done.output
    assert "should have gone out" in done.words
    assert estate.told()["operations"] == [f"{KEY}.PT24H"]
    assert estate.told()["page"] == ["scheduled"]


def test_what_was_announced_and_is_blacked_out_is_cancelled(estate: Estate) -> None:
    assert estate.run(-71).code == 0
    blackout = [{"name": "audit", "start": "2026-07-11", "end": "2026-07-12"}]
    for hours in (-40, -39):
        assert estate.run(hours, policy_blackouts=blackout).code == 0
    told = estate.told()
    assert told["operations"] == [f"{KEY}.PT72H", f"{KEY}.cancel"]
    assert told["page"] == ["scheduled", "completed"]
    # The telephone was not told of it, so it is not told of its end.
    assert told["phone"] == []


def test_what_was_announced_and_takes_longer_is_told_once_more_and_shown(estate: Estate) -> None:
    longer = [{**WINDOW, "duration": "PT8H", "impact": "planned_downtime"}]
    for hours, windows in ((-71, [WINDOW]), (-60, longer), (-59, longer), (-20, longer), (-19, longer)):
        done = estate.run(hours, policy_windows=windows)
        assert done.code == 0, done.output
    first, change, reminder = (message.get_content() for message in estate.box.messages)
    assert "This is a change: it ends Sunday 12 July 2026 08:00 UTC" in change
    assert "This is a change" not in first + reminder
    assert len(estate.chat.posts) == 3
    (entry,) = estate.page.entries
    assert entry["scheduled_until"] == "2026-07-12T08:00:00Z"


def test_a_wrong_policy_is_no_quiet_end_and_does_not_hold_what_waits(estate: Estate) -> None:
    queued = {"identity": "r1.finish", "event": "finish", "subject": "s", "body": "b", "channels": ["chat"]}
    options = {"root": str(estate.controller.records), "state": "add", "now": "2026-07-11T23:00:00Z"}
    run_module("notice_ledger", {**options, "notices": [queued]})
    done = estate.run(0, policy_windows=[{**WINDOW, "rule": "FREQ=SOMETIMES"}])
    assert done.code != 0
    assert "needs FREQ" in done.words
    assert estate.told()["chat"] == ["r1.finish"]


def test_an_emergency_goes_up_until_somebody_answers(estate: Estate) -> None:
    began = OPENING + timedelta(hours=10)
    entry = {
        "identity": "r9.emergency",
        "event": "emergency",
        "subject": "clinic: EMERGENCY maintenance",
        "body": "b",
        "data": {"run": {"id": "r9", "system": "clinic"}},
        "channels": [],
        "delivered": ["operations"],
        "escalate": True,
    }
    options = {"root": str(estate.controller.records), "state": "add", "now": began.isoformat(), "notices": [entry]}
    run_module("notice_ledger", options)
    for minutes in (1, 29, 31, 36):
        done = estate.run(10 + minutes / 60)
        assert done.code == 0, done.output
    (message,) = estate.box.messages
    assert message["To"] == "anna@clinic.example"
    assert "please answer within 30 min" in message["Subject"]
    assert "notices_acknowledge=r9.emergency" in message.get_content()
    assert [number for number, _text in estate.gateway.sent] == ["+31600000002", "+31600000003"]
    assert "NOBODY ANSWERED, level 2" in estate.gateway.sent[0][1]
    done = estate.run(10.8)
    assert done.code != 0
    assert "Nobody has answered" in done.words
    answer = {"notices_acknowledge": "r9.emergency", "notices_by": "Bert"}
    assert estate.run(10.9, **answer).code == 0
    assert estate.run(11).code == 0
    assert estate.controller.ledger()["r9.emergency"]["acknowledged"]["by"] == "Bert"
    assert len(estate.box.messages) == 1


def test_an_answer_without_a_name_or_to_nothing_is_refused(estate: Estate) -> None:
    done = estate.run(0, notices_acknowledge="r9.emergency")
    assert done.code != 0
    assert "notices_by=NAME" in done.words
    done = estate.run(0, notices_acknowledge="r9.emergency", notices_by="Bert")
    assert done.code != 0
    assert "There is no ledger" in done.words


def test_check_mode_says_what_it_would_send_and_sends_nothing(estate: Estate) -> None:
    done = estate.run(-71, arguments=("-v", "--check"))
    assert done.code == 0, done.output
    assert f"{KEY}.PT72H" in done.output
    assert not any(estate.told().values())
    assert not estate.controller.records.exists()


def test_a_records_host_that_is_away_is_no_quiet_end(estate: Estate) -> None:
    done = estate.run(-71, records="ssh")
    assert done.code != 0
    assert not any(estate.told().values())


def test_secrets_are_in_no_output_and_no_file_at_the_highest_verbosity(estate: Estate) -> None:
    estate.chat.answers[:] = [403]
    estate.gateway.answers[:] = [500]
    estate.page.answers[:] = [500]
    done = estate.run(
        -71,
        arguments=("-vvvv", "--diff"),
        policy_channels=[
            *estate.policy()["policy_channels"][:2],
            estate.gateway.options(name="phone"),
            estate.page.options(),
        ],
    )
    assert done.code == 0, done.output
    assert estate.told()["operations"] == [f"{KEY}.PT72H"]
    seen = [done.output, *(path.read_text() for path in estate.controller.records.rglob("*.json"))]
    assert len(seen) == 2
    secrets = (mail.PASSWORD, webhook.SECRET_PATH, BEARER, SIGNING, sms.TOKEN, sms.SECRET_PATH, statuspage.TOKEN)
    for text in seen:
        for hidden in secrets:
            assert hidden not in text
