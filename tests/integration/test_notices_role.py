"""The role notify: what a dead channel did not take is kept on the records host; silences come and go with a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import alertmanager, mail, webhook
from tests.lab.notices import Controller, Done
from tests.lab.postgres import free_port

RUN = {"id": "r1", "system": "clinic", "cadence": "weekly"}


@pytest.fixture(scope="module")
def box() -> Iterator[mail.Mailbox]:
    with mail.server() as running:
        yield running


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def run(controller: Controller, *, entry: str = "main", records: str = "local", **settings: Any) -> Done:
    """An entry point of the role; whatever happens, it ends nothing."""
    arguments = settings.pop("arguments", ("-v",))
    common = {"notify_attempts": 1, "notify_run_directory": "", "notify_run": RUN}
    done = controller.role("notify", entry=entry, records=records, arguments=arguments, settings={**common, **settings})
    assert done.code == 0, done.output
    return done


def dead() -> dict[str, Any]:
    return {"name": "chat", "kind": "webhook", "url": f"http://127.0.0.1:{free_port()}{webhook.SECRET_PATH}"}


def test_what_a_dead_channel_missed_is_kept_and_said(controller: Controller, box: mail.Mailbox) -> None:
    output = run(controller, notify_event="start", notify_channels=[box.options(), dead()])
    (kept,) = controller.ledger().values()
    assert kept["identity"] == "r1.start"
    assert {name: one["state"] for name, one in kept["channels"].items()} == {
        "operations": "delivered",
        "chat": "waiting",
    }
    assert "status: warning" in output.output
    assert "tried again from" in output.words
    assert "status: critical" not in output.output


def test_policy_that_is_named_and_left_empty_keeps_nobody_from_being_told(
    controller: Controller, box: mail.Mailbox
) -> None:
    box.messages.clear()
    empty: dict[str, Any] = dict.fromkeys(
        ("policy_contacts", "policy_escalation", "policy_windows", "policy_blackouts")
    )
    run(controller, notify_event="failure", policy_channels=[box.options()], **empty)
    assert len(box.messages) == 1
    notices = {"policy_system": "clinic", "policy_channels": None, "policy_time_zone": None, **empty}
    done = controller.role("notices", settings=notices)
    assert done.code == 0, done.output


def test_nothing_is_kept_where_all_went_well(controller: Controller, box: mail.Mailbox) -> None:
    run(controller, notify_event="start", notify_channels=[box.options()])
    assert controller.ledger() == {}


@pytest.mark.parametrize("escalate", [True, False])
def test_a_failure_that_somebody_has_to_answer_is_kept_too(
    controller: Controller, box: mail.Mailbox, escalate: bool
) -> None:
    box.messages.clear()
    run(controller, notify_event="failure", notify_channels=[box.options()], notify_escalate=escalate)
    text = box.messages[0].get_content()
    assert [entry.get("escalate", False) for entry in controller.ledger().values()] == ([True] if escalate else [])
    assert ("notices_acknowledge=r1.failure" in text) is escalate


def test_a_failure_that_no_channel_takes_is_answered_all_the_same(controller: Controller, box: mail.Mailbox) -> None:
    channels = [box.options(events=["escalation"])]
    run(controller, notify_event="failure", notify_channels=channels, notify_escalate=True)
    (kept,) = controller.ledger().values()
    assert (kept["escalate"], kept["channels"]) == (True, {})


def test_a_slip_in_one_channel_keeps_no_other_from_telling_and_shows_no_secret(
    controller: Controller, box: mail.Mailbox
) -> None:
    box.messages.clear()
    slips = [{**dead(), "pasword": "hunter-Secret-7"}, {"kind": "mail"}, "phone"]
    done = run(
        controller,
        notify_event="start",
        notify_channels=[box.options(), *slips],
        notify_contacts=["Anna"],
        arguments=("-vvvv",),
    )
    assert len(box.messages) == 1
    (kept,) = controller.ledger().values()
    states = {name: one["state"] for name, one in kept["channels"].items()}
    assert states == {"operations": "delivered", "chat": "waiting", "number 3": "waiting", "number 4": "waiting"}
    assert "it has the field pasword, which nobody reads" in done.words
    assert "hunter-Secret-7" not in done.output + str(kept)


@pytest.mark.parametrize("records", ["ssh", "spoilt"])
def test_neither_delivered_nor_kept_is_critical_and_ends_nothing(controller: Controller, records: str) -> None:
    if records == "spoilt":
        controller.records.write_text("no folder")
        records = "local"
    output = run(controller, records=records, notify_event="start", notify_channels=[dead()])
    assert "status: critical" in output.output
    assert "tell its readers yourself" in output.words


def test_check_mode_keeps_nothing(controller: Controller) -> None:
    run(controller, arguments=("-v", "--check"), notify_event="start", notify_channels=[dead()])
    assert not controller.records.exists()


def test_without_a_records_host_it_is_as_before(controller: Controller) -> None:
    output = run(controller, notify_event="start", notify_channels=[dead()], notify_queue_host="")
    assert "Nobody was told of this run by any channel." in output.words


def test_the_words_of_the_house_and_a_template_that_is_broken(controller: Controller, box: mail.Mailbox) -> None:
    box.messages.clear()
    own = controller.folder / "words"
    own.mkdir()
    (own / "start.j2").write_text("Onderhoud van {{ run.system }} begint\n\nWij beginnen nu.\n{{ note }}\n")
    (own / "approval.j2").write_text("Approved\n\nBy {{ approval.by }}\nfor {{ approval.nobody_knows }}\n")
    common: dict[str, Any] = {"notify_channels": [box.options()], "notify_templates": str(own)}
    run(controller, notify_event="start", **common)
    output = run(controller, notify_event="approval", **common)
    assert "notice.template" in output.output
    assert "approval.j2, line 4" in output.words
    # A file that is missing there is the shipped one.
    run(controller, notify_event="emergency", **common)
    subjects = [message["Subject"] for message in box.messages]
    assert subjects == [
        "Onderhoud van clinic begint",
        "clinic, weekly: maintenance outside its window was approved",
        "clinic, weekly: EMERGENCY maintenance",
    ]
    assert "Wij beginnen nu." in box.messages[0].get_content()


def test_a_silence_comes_and_goes_with_the_run(controller: Controller) -> None:
    with alertmanager.server() as alerts:
        settings: dict[str, Any] = {
            "notify_silence_url": alerts.url,
            "notify_silence_run_id": "r1",
            "notify_silence_matchers": [{"name": "system", "value": "clinic"}],
        }
        run(controller, entry="silence", arguments=("-v", "--check"), **settings)
        assert alerts.silences() == []
        run(controller, entry="silence", **settings)
        (silence,) = alerts.silences()
        assert silence["comment"] == "Maintenance [careops:r1]"
        run(controller, entry="unsilence", **settings)
        assert alerts.silences() == []


@pytest.mark.parametrize("entry", ["silence", "unsilence"])
def test_trouble_with_alertmanager_ends_nothing(controller: Controller, entry: str) -> None:
    assert "notice.silence" not in run(controller, entry=entry).output
    away: dict[str, Any] = {"notify_silence_url": f"http://127.0.0.1:{free_port()}", "notify_silence_run_id": "r1"}
    output = run(controller, entry=entry, notify_silence_matchers=[{"name": "a", "value": "b"}], **away)
    assert "notice.silence" in output.output
    # Even where the policy is wrong.
    run(controller, entry=entry, notify_silence_matchers=[], **away)


def test_the_timer_tells_whom_it_can_says_what_is_wrong_and_makes_up_for_it(
    controller: Controller, box: mail.Mailbox, tmp_path: Path
) -> None:
    box.messages.clear()
    window = {"name": "primary", "rule": "FREQ=WEEKLY;BYDAY=SU", "start": "2026-01-04T02:00", "duration": "PT4H"}
    slip = box.options(name="second", recipints=["b@clinic.example"])
    settings: dict[str, Any] = {
        "policy_system": "clinic",
        "policy_time_zone": "Europe/Amsterdam",
        "policy_windows": [{**window, "announce": ["PT72H"]}, {**window, "name": "other", "announce": ["soon"]}],
        "policy_contacts": [{"name": "Anna"}, "Bert"],
        "policy_channels": [box.options(), slip],
        "notices_templates": str(tmp_path / "gone"),
        "notices_now": "2026-11-19T02:00:00+00:00",
    }
    done = controller.role("notices", settings=settings, arguments=())
    assert done.code != 0
    words = ("field recipints", "An announce of window 'other'", "mapping with a name", "gone is not there")
    assert [text for text in words if text not in done.words.replace("''", "'")] == []
    assert [message["To"] for message in box.messages] == ["operations@clinic.example"]

    del slip["recipints"]
    settings |= {"policy_contacts": [], "policy_windows": settings["policy_windows"][:1], "notices_templates": ""}
    mended = controller.role("notices", settings={**settings, "notices_now": "2026-11-19T02:05:00+00:00"})
    assert mended.code == 0, mended.output
    assert len(box.messages) == 2


def test_the_timer_needs_a_host_that_keeps_the_ledger(controller: Controller) -> None:
    done = controller.role("notices", settings={"policy_system": "clinic", "notices_host": ""})
    assert done.code != 0
    assert "put one into the group records" in done.words
