"""The role notify: what a dead channel did not take is kept on the records host; silences come and go with a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import alertmanager, mail, webhook
from tests.lab.modules import ROOT, run_module
from tests.lab.postgres import free_port

RUN = {"id": "r1", "system": "clinic", "cadence": "weekly"}


@pytest.fixture(scope="module")
def box() -> Iterator[mail.Mailbox]:
    with mail.server() as running:
        yield running


class Playbook:
    """Runs the role in a folder of its own, with a records host that is this machine, or away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "records"

    def run(
        self, *, entry: str = "main", records: str = "local", arguments: tuple[str, ...] = (), **settings: Any
    ) -> str:
        hosts: dict[str, Any] = {
            "localhost": {"ansible_connection": "local"},
            "keeper": {
                "ansible_connection": records,
                "ansible_host": "127.0.0.1",
                "ansible_port": free_port(),
                "ansible_ssh_common_args": "-o ConnectTimeout=3 -o BatchMode=yes",
                "ansible_python_interpreter": sys.executable,
            },
        }
        inventory = {"all": {"hosts": hosts, "children": {"records": {"hosts": {"keeper": {}}}}}}
        settings = {
            "notify_queue_root": str(self.records),
            "notify_queue_become": False,
            "notify_attempts": 1,
            "notify_run_directory": "",
            "notify_run": RUN,
            **settings,
        }
        tasks = [{"ansible.builtin.include_role": {"name": "careops.maintenance.notify", "tasks_from": entry}}]
        play = [{"hosts": "localhost", "gather_facts": False, "vars": settings, "tasks": tasks}]
        (self.folder / "inventory.json").write_text(json.dumps(inventory))
        (self.folder / "play.yml").write_text(json.dumps(play))
        (self.folder / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {ROOT / '.collections'}\n")
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "play.yml",
            "-i",
            "inventory.json",
            *arguments,
        ]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        environment["ANSIBLE_CALLBACK_RESULT_FORMAT"] = "yaml"
        done = subprocess.run(
            [*command, "-v"], cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        return output

    def ledger(self) -> list[dict[str, Any]]:
        result = run_module("notice_ledger", {"root": str(self.records), "state": "list"})
        notices: list[dict[str, Any]] = result["details"]["notices"]
        return notices


@pytest.fixture
def playbook(tmp_path: Path) -> Playbook:
    return Playbook(tmp_path)


def dead() -> dict[str, Any]:
    return {"name": "chat", "kind": "webhook", "url": f"http://127.0.0.1:{free_port()}{webhook.SECRET_PATH}"}


def test_what_a_dead_channel_missed_is_kept_and_said(playbook: Playbook, box: mail.Mailbox) -> None:
    output = playbook.run(notify_event="start", notify_channels=[box.options(), dead()])
    (kept,) = playbook.ledger()
    assert kept["identity"] == "r1.start"
    assert {name: one["state"] for name, one in kept["channels"].items()} == {
        "operations": "delivered",
        "chat": "waiting",
    }
    assert "status: warning" in output
    assert "tried again from" in " ".join(output.split())
    assert "status: critical" not in output


def test_nothing_is_kept_where_all_went_well(playbook: Playbook, box: mail.Mailbox) -> None:
    playbook.run(notify_event="start", notify_channels=[box.options()])
    assert playbook.ledger() == []


@pytest.mark.parametrize("escalate", [True, False])
def test_a_failure_that_somebody_has_to_answer_is_kept_too(
    playbook: Playbook, box: mail.Mailbox, escalate: bool
) -> None:
    box.messages.clear()
    playbook.run(notify_event="failure", notify_channels=[box.options()], notify_escalate=escalate)
    text = box.messages[0].get_content()
    assert [entry.get("escalate", False) for entry in playbook.ledger()] == ([True] if escalate else [])
    assert ("notices_acknowledge=r1.failure" in text) is escalate


@pytest.mark.parametrize("records", ["ssh", "spoilt"])
def test_neither_delivered_nor_kept_is_critical_and_ends_nothing(playbook: Playbook, records: str) -> None:
    if records == "spoilt":
        playbook.records.write_text("no folder")
        records = "local"
    output = playbook.run(records=records, notify_event="start", notify_channels=[dead()])
    assert "status: critical" in output
    assert "tell its readers yourself" in " ".join(output.split())


def test_check_mode_keeps_nothing(playbook: Playbook) -> None:
    playbook.run(arguments=("--check",), notify_event="start", notify_channels=[dead()])
    assert not playbook.records.exists()


def test_without_a_records_host_it_is_as_before(playbook: Playbook) -> None:
    output = playbook.run(notify_event="start", notify_channels=[dead()], notify_queue_host="")
    assert "Nobody was told of this run by any channel." in " ".join(output.split())


def test_the_words_of_the_house_and_a_template_that_is_broken(playbook: Playbook, box: mail.Mailbox) -> None:
    box.messages.clear()
    own = playbook.folder / "words"
    own.mkdir()
    (own / "start.j2").write_text("Onderhoud van {{ run.system }} begint\n\nWij beginnen nu.\n{{ note }}\n")
    (own / "approval.j2").write_text("Approved\n\nBy {{ approval.by }}\nfor {{ approval.nobody_knows }}\n")
    common = {"notify_channels": [box.options()], "notify_templates": str(own)}
    playbook.run(notify_event="start", **common)
    output = playbook.run(notify_event="approval", **common)
    assert "notice.template" in output
    assert "approval.j2, line 4" in " ".join(output.split())
    # A file that is missing there is the shipped one.
    playbook.run(notify_event="emergency", **common)
    subjects = [message["Subject"] for message in box.messages]
    assert subjects == [
        "Onderhoud van clinic begint",
        "clinic, weekly: maintenance outside its window was approved",
        "clinic, weekly: EMERGENCY maintenance",
    ]
    assert "Wij beginnen nu." in box.messages[0].get_content()


def test_a_silence_comes_and_goes_with_the_run(playbook: Playbook) -> None:
    with alertmanager.server() as alerts:
        settings = {
            "notify_silence_url": alerts.url,
            "notify_silence_run_id": "r1",
            "notify_silence_matchers": [{"name": "system", "value": "clinic"}],
        }
        playbook.run(entry="silence", arguments=("--check",), **settings)
        assert alerts.silences() == []
        playbook.run(entry="silence", **settings)
        (silence,) = alerts.silences()
        assert silence["comment"] == "Maintenance [careops:r1]"
        playbook.run(entry="unsilence", **settings)
        assert alerts.silences() == []


@pytest.mark.parametrize("entry", ["silence", "unsilence"])
def test_trouble_with_alertmanager_ends_nothing(playbook: Playbook, entry: str) -> None:
    assert "notice.silence" not in playbook.run(entry=entry)
    away = {"notify_silence_url": f"http://127.0.0.1:{free_port()}", "notify_silence_run_id": "r1"}
    output = playbook.run(entry=entry, notify_silence_matchers=[{"name": "a", "value": "b"}], **away)
    assert "notice.silence" in output
    # Even where the policy is wrong.
    playbook.run(entry=entry, notify_silence_matchers=[], **away)
