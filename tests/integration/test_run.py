"""A run is always closed, and its exit status, record and report say the same, whatever happens in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.record.journal import read_journal
from tests.lab import webhook
from tests.lab.runs import AWAY, PLAYBOOKS, Platform, ended, read_record, wait_until


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(folder=tmp_path)


def checks(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    return sorted((row["check"], row["host"], row["status"]) for row in record["attention"])


def procedures(record: dict[str, Any]) -> dict[tuple[str, str], str]:
    own = ("Open the run", "run_open", "run_close", "notify")
    return {(row["name"], row["host"]): row["state"] for row in record["procedures"] if row["name"] not in own}


def closed(platform: Platform) -> bool:
    return all('"kind":"closed"' in journal.read_text() for journal in platform.journals())


def test_a_good_run_is_closed_delivered_and_ends_with_0(platform: Platform) -> None:
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 0, run.output
    assert record["verdict"]["outcome"] == "ok"
    assert procedures(record) == {("quiet", "a"): "ok", ("quiet", "b"): "ok"}
    assert record["run"]["operator"]
    assert closed(platform)
    (delivered,) = platform.taken()
    assert {path.name for path in delivered.iterdir()} >= {
        "record.json",
        "findings.jsonl",
        "report.html",
        "metrics.prom",
    }
    assert read_record(delivered / "record.json")["verdict"] == record["verdict"]
    assert "The run went well" in run.output


def test_a_check_run_leaves_nothing_on_the_records_host(platform: Platform) -> None:
    run = platform.run("quiet", arguments=("--check",))
    assert run.status == 0, run.output
    assert platform.record()["run"]["check_mode"] is True
    assert not platform.delivered.exists()


def test_a_procedure_that_fails_everywhere_lets_the_others_go_on(platform: Platform) -> None:
    run = platform.run("breaks", "quiet")
    record = platform.record()
    assert run.status == 2
    assert checks(record) == [("run.task", "a", "critical"), ("run.task", "b", "critical")]
    assert "The disk of a is on fire" in " ".join(record["verdict"]["reasons"])
    assert procedures(record) == {
        ("breaks", "a"): "failed",
        ("breaks", "b"): "failed",
        ("quiet", "a"): "ok",
        ("quiet", "b"): "ok",
    }
    assert closed(platform)
    assert "The run failed" in run.output


def test_a_handler_that_fails_fails_the_run(platform: Platform) -> None:
    run = platform.run("handler_breaks", "quiet")
    assert run.status == 2
    assert ("run.task", "a", "critical") in checks(platform.record())
    assert procedures(platform.record())[("quiet", "a")] == "ok"


def test_what_a_role_recovers_from_is_a_warning(platform: Platform) -> None:
    run = platform.run("recovers")
    record = platform.record()
    assert run.status == 0, run.output
    assert record["verdict"]["outcome"] == "attention"
    assert checks(record) == [("run.task", "a", "warning"), ("run.task", "b", "warning")]


@pytest.mark.parametrize("away", [["a"], ["a", "b"]], ids=["one", "every"])
def test_an_unreachable_host_fails_the_run_and_is_reported(platform: Platform, away: list[str]) -> None:
    platform.hosts = {name: AWAY if name in away else {} for name in ("a", "b")}
    run = platform.run("quiet")
    record = platform.record()
    assert run.status != 0
    assert checks(record) == [("run.unreachable", name, "critical") for name in away]
    assert {row["name"]: row["state"] for row in record["hosts"]}["a"] == "unreachable"
    assert closed(platform)


def test_hosts_that_vanish_in_mid_role_are_not_run_later(platform: Platform) -> None:
    run = platform.run("vanishes", "quiet")
    record = platform.record()
    assert run.status != 0
    assert procedures(record)[("vanishes", "a")] == "unreachable"
    assert procedures(record)[("quiet", "a")] == "not run"
    assert closed(platform)


def test_an_empty_group_is_told(platform: Platform) -> None:
    platform.groups = {"quiet": []}
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 0, run.output
    assert checks(record) == [("run.procedure", "localhost", "unknown")]
    assert "No host is in the inventory group quiet" in run.output


def test_findings_hidden_by_no_log_are_unknown(platform: Platform) -> None:
    platform.groups = {"hides": ["a"]}
    platform.run("hides")
    assert ("run.hidden", "a", "unknown") in checks(platform.record())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_is_closed_before_it_ends(platform: Platform, number: signal.Signals) -> None:
    platform.groups = {"slow": ["a"]}
    process = platform.start("slow", "quiet")
    wait_until(lambda: any("Take long" in path.read_text() for path in platform.journals()))
    process.send_signal(number)
    run = ended(process)
    record = platform.record()
    # 99, or what Ansible makes of an interrupt that comes while it starts a worker.
    assert run.status != 0, run.output
    assert record["interrupted"].startswith(
        f"The run was interrupted by {number.name} in the procedure slow during the task 'slow : Take long'"
    )
    assert record["verdict"]["outcome"] == "failed"
    assert closed(platform)
    assert list(platform.delivered.glob("*/report.html"))
    assert "The run was interrupted" in run.output


def test_a_killed_run_is_closed_by_the_next_one(platform: Platform) -> None:
    platform.groups = {"slow": ["a"]}
    process = platform.start("slow")
    wait_until(lambda: any("Take long" in path.read_text() for path in platform.journals()))
    process.kill()
    ended(process)
    # The leftover: a journal that nobody closed.
    assert not closed(platform)
    (killed,) = platform.runs.iterdir()
    run = platform.run("quiet")
    assert run.status == 0, run.output
    assert closed(platform)
    record = read_record(killed / "record.json")
    assert record["interrupted"] == "The run was killed during the task 'slow : Take long'."
    assert record["verdict"]["outcome"] == "failed"
    assert (platform.delivered / killed.name / "report.html").exists()
    assert "An earlier run was killed" in run.output
    # And only once.
    assert "An earlier run was killed" not in platform.run("quiet").output


def test_a_second_run_beside_a_live_one_is_refused(platform: Platform) -> None:
    platform.groups = {"slow": ["a"]}
    process = platform.start("slow")
    try:
        wait_until(lambda: any("Take long" in path.read_text() for path in platform.journals()))
        refused = platform.run("breaks")
    finally:
        process.send_signal(signal.SIGINT)
        ended(process)
    assert refused.status != 0
    assert "Another run of toy is under way" in refused.output
    assert "on fire" not in refused.output


@pytest.mark.parametrize("setting", ["careops.maintenance.none", "ansible.posix.profile_tasks"])
def test_without_the_recorder_nothing_starts(platform: Platform, setting: str) -> None:
    run = platform.run("breaks", environment={"ANSIBLE_CALLBACKS_ENABLED": setting})
    assert run.status == 2
    assert "The recorder is not active, so nothing of this run would be written down" in run.output
    assert "on fire" not in run.output


def test_a_limit_without_localhost_is_refused_with_the_right_one(platform: Platform) -> None:
    run = platform.run("breaks", arguments=("--limit", "a"))
    assert run.status == 2
    assert "Use --limit 'a:localhost'" in run.output
    assert "on fire" not in run.output


def test_a_limit_with_localhost_is_a_run_like_any(platform: Platform) -> None:
    run = platform.run("quiet", arguments=("--limit", "a:localhost"))
    assert run.status == 0, run.output
    assert procedures(platform.record())[("quiet", "a")] == "ok"


def test_without_the_records_host_nothing_is_changed(platform: Platform) -> None:
    platform.records = AWAY
    run = platform.run("breaks")
    record = platform.record()
    assert run.status != 0
    assert "The records host rec does not answer" in run.output
    assert "on fire" not in run.output
    assert ("run.unreachable", "rec", "critical") in checks(record)
    assert procedures(record)[("breaks", "a")] == "not run"
    assert closed(platform)


def test_a_records_host_without_python_keeps_no_run_open(platform: Platform) -> None:
    platform.records = {"ansible_python_interpreter": "/usr/bin/python9"}
    run = platform.run("breaks")
    assert run.status != 0
    assert "The records host rec runs no module" in run.output
    assert "on fire" not in run.output
    assert closed(platform)
    platform.variables = {"run_open_needs_records_host": False}
    late = platform.run("quiet")
    assert late.status != 0
    record = read_record(platform.newest())
    assert procedures(record)[("quiet", "a")] == "ok"
    assert "python9" in " ".join(record["verdict"]["reasons"])


def test_what_could_not_be_delivered_is_delivered_by_the_next_run(platform: Platform) -> None:
    platform.variables = {"run_open_needs_records_host": False}
    platform.records = AWAY
    first = platform.run("quiet")
    assert first.status != 0
    assert procedures(platform.record())[("quiet", "a")] == "ok"
    assert not platform.delivered.exists()
    platform.records = {}
    second = platform.run("quiet")
    assert second.status == 0, second.output
    assert len(list(platform.delivered.glob("*/record.json"))) == 2


def test_a_records_folder_that_cannot_be_written_fails_the_run(platform: Platform) -> None:
    platform.variables = {"run_open_needs_records_host": False}
    platform.delivered.parent.mkdir(parents=True)
    platform.delivered.write_text("a file where the folder should be")
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 2
    assert ("run.record", "localhost", "critical") in checks(record)
    assert "did not take all of this run" in " ".join(record["verdict"]["reasons"])


def test_an_inventory_without_a_system_is_refused(platform: Platform) -> None:
    platform.variables = {"policy_system": ""}
    run = platform.run("breaks")
    assert run.status != 0
    assert "The inventory must name the system (policy_system)" in run.output
    assert "on fire" not in run.output


def test_a_summary_of_which_only_a_word_arrived_is_refused(platform: Platform) -> None:
    run = platform.run("breaks", arguments=("-e", "run_open_summary=Move of the portal"))
    assert run.status != 0
    assert "The words 'of the portal' on the command line belong to no variable" in run.output
    assert "on fire" not in run.output


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root to mount it")
    folder = tmp_path / "runs"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_on_the_controller_never_ends_with_0(platform: Platform, small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (64 * 1024 - 12 * 1024))
    run = platform.run("quiet")
    assert run.status != 0
    assert "No space left on device" in run.output
    assert "Traceback" not in run.output


def test_old_runs_leave_the_controller_once_the_records_host_has_them(platform: Platform) -> None:
    platform.variables = {"run_open_keep_runs": 1}
    for _number in range(3):
        assert platform.run("quiet").status == 0
    assert len(list(platform.runs.iterdir())) == 2
    assert len(platform.taken()) == 3


def test_the_journal_keeps_no_secret(platform: Platform) -> None:
    platform.variables = {"notify_channels": [], "secret_for_test": "Corr3ct-Horse"}
    platform.run("quiet", arguments=("-e", "another_secret=Corr3ct-Horse"))
    (folder,) = platform.runs.iterdir()
    for path in folder.iterdir():
        assert "Corr3ct-Horse" not in path.read_text()


def test_the_nested_close_of_a_folder_that_is_gone_says_so(platform: Platform) -> None:
    assert platform.run("quiet").status == 0
    shutil.rmtree(platform.runs)
    process = platform.playbook(
        PLAYBOOKS / "close.yml", environment={"CAREOPS_CLOSING_RUN": str(platform.folder / "gone")}
    )
    run = ended(process)
    assert run.status != 0
    assert "Traceback" not in run.output


def test_the_journal_is_valid_json_lines(platform: Platform) -> None:
    platform.run("recovers", "quiet")
    (journal,) = platform.journals()
    numbers = [json.loads(line)["n"] for line in journal.read_text().splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_people_are_told_of_start_and_end(platform: Platform) -> None:
    with webhook.receiver() as receiver:
        platform.variables = {
            "notify_channels": [receiver.options()],
        }
        run = platform.run("quiet")
    assert run.status == 0, run.output
    assert [post.content["event"] for post in receiver.posts] == ["start", "finish"]
    assert {action["outcome"] for action in platform.record()["actions"]} == {"done"}
    (delivered,) = platform.delivered.glob("*/record.json")
    assert read_record(delivered)["actions"] == platform.record()["actions"]


def test_a_dead_channel_is_a_finding_of_the_record_and_no_more(platform: Platform) -> None:
    platform.variables = {
        "notify_channels": [{"name": "chat", "kind": "webhook", "url": "http://127.0.0.1:1/hook", "format": "json"}],
        "notify_attempts": 1,
        "run_close_fail_on": [],
    }
    run = platform.run("quiet")
    assert run.status == 0, run.output
    assert {row["check"] for row in platform.record()["attention"]} == {"notice.delivery"}
    assert "/hook" not in run.output


def test_a_records_host_that_goes_away_before_the_delivery_fails_the_run_closed(platform: Platform) -> None:
    # It answered when it was asked whether it is there.
    reported = "(lookup('ansible.builtin.env', 'CAREOPS_RUN_DIRECTORY') ~ '/report.html') is exists"
    platform.records = {**AWAY, "ansible_connection": f"{{{{ 'ssh' if {reported} else 'local' }}}}"}
    platform.variables = {"run_open_needs_records_host": False}
    run = platform.run("quiet")
    assert run.status != 0
    assert closed(platform)
    assert procedures(platform.record())[("quiet", "a")] == "ok"
    assert not list(platform.delivered.glob("*/record.json"))
    platform.records = {}
    again = platform.run("quiet")
    assert again.status == 0, again.output
    assert len(list(platform.delivered.glob("*/record.json"))) == 2


# What Ansible hides


def test_failures_of_delegated_tasks_count_where_they_happened(platform: Platform) -> None:
    platform.groups = {"delegates_each": ["a"]}
    run = platform.run("delegates_each")
    assert run.status == 2
    assert checks(platform.record()) == [("run.task", "a", "critical"), ("run.task", "b", "critical")]


def test_a_task_that_cannot_even_be_delegated_counts(platform: Platform) -> None:
    platform.groups = {"delegates_nowhere": ["a"]}
    run = platform.run("delegates_nowhere")
    assert run.status == 2
    assert ("run.task", "a", "critical") in checks(platform.record())


def test_a_play_that_a_role_ended_did_not_go_well(platform: Platform) -> None:
    run = platform.run("ends_play", "quiet")
    assert run.status == 2
    assert ("run.procedure", "a", "critical") in checks(platform.record())
    assert "did not come to its end" in run.output


def test_a_role_that_lacks_a_file_fails_the_run_closed(platform: Platform) -> None:
    platform.groups = {"lacks_file": ["a"]}
    platform.add_role("lacks_file", "- ansible.builtin.include_tasks: nowhere.yml\n")
    run = platform.run("lacks_file", "quiet")
    record = platform.record()
    assert run.status != 0
    assert closed(platform)
    assert record["verdict"]["outcome"] == "failed"
    assert procedures(record)[("quiet", "b")] == "ok"


def test_a_role_that_cannot_be_read_ends_the_run_closed(platform: Platform) -> None:
    platform.add_role("cannot_be_read", "- ansible.builtin.ping: [\n")
    run = platform.run("cannot_be_read", "quiet")
    record = platform.record()
    assert run.status != 0
    assert closed(platform)
    assert "in the procedure cannot_be_read" in record["interrupted"]


def test_what_other_modules_call_findings_is_left_alone(platform: Platform) -> None:
    run = platform.run("foreign")
    assert run.status == 0, run.output
    assert platform.record()["verdict"]["outcome"] == "ok"


def test_localhost_may_not_be_the_host_of_a_procedure(platform: Platform) -> None:
    platform.hosts = {"localhost": {}, "b": {}}
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 2
    assert "give this machine another name" in run.output
    assert procedures(record) == {("quiet", "localhost"): "failed", ("quiet", "b"): "ok"}


# Command lines that leave something out


@pytest.mark.parametrize("arguments", [("--skip-tags", "always"), ("--limit", "rec")], ids=["skip-tags", "limit"])
def test_a_run_that_never_opened_does_not_end_with_0(platform: Platform, arguments: tuple[str, ...]) -> None:
    run = platform.run("quiet", arguments=arguments)
    assert run.status == 2
    assert "The run was never opened" in run.output


def test_tags_choose_nothing(platform: Platform) -> None:
    run = platform.run("quiet", arguments=("--tags", "certificates"))
    assert run.status == 0, run.output
    assert procedures(platform.record()) == {("quiet", "a"): "ok", ("quiet", "b"): "ok"}


def test_a_run_that_starts_in_the_middle_did_not_go_well(platform: Platform) -> None:
    run = platform.run("quiet", arguments=("--start-at-task", "Run the procedure"))
    assert run.status == 2
    assert "was not opened" in run.output


def test_without_our_configuration_nothing_starts(platform: Platform) -> None:
    other = platform.folder / "other.cfg"
    other.write_text("[defaults]\n")
    run = platform.run("breaks", environment={"ANSIBLE_CONFIG": str(other), "HOME": str(platform.folder)})
    assert run.status == 2
    assert "run from the root of the checkout" in " ".join(run.output.split())
    assert "on fire" not in run.output


def test_two_playbooks_on_one_command_line_are_two_runs(platform: Platform) -> None:
    assert platform.run("quiet").status == 0
    second = platform.folder / "toy.yml"
    run = ended(platform.playbook(second, arguments=(str(second),)))
    assert run.status == 0, run.output
    assert closed(platform)
    assert len(list(platform.journals())) == 3
    for journal in platform.journals():
        assert read_journal(str(journal.parent)).problems == []


# A closing that meets trouble


def test_a_report_that_cannot_be_made_does_not_keep_the_run_open(platform: Platform) -> None:
    platform.variables = {"run_close_report_template": "/nonexistent"}
    run = platform.run("quiet")
    record = platform.record()
    assert run.status == 2
    assert closed(platform)
    assert "template /nonexistent could not be read" in " ".join(record["verdict"]["reasons"])
    assert list(platform.delivered.glob("*/record.json"))


def test_channels_that_are_wrong_do_not_keep_the_run_open(platform: Platform) -> None:
    platform.variables = {"notify_channels": [{"name": "x"}], "run_open_needs_records_host": True}
    run = platform.run("quiet")
    assert run.status == 0, run.output
    assert closed(platform)
    # What it should have been told is kept until the channel is mended.
    told = [row for row in platform.record()["attention"] if row["check"] == "notice.delivery"]
    assert told and {row["subject"] for row in told} == {"x"}


def test_a_record_that_changed_after_its_delivery_is_delivered_again(platform: Platform) -> None:
    assert platform.run("quiet").status == 0
    (folder,) = platform.runs.iterdir()
    changed = json.loads((folder / "record.json").read_text())
    changed["run"]["ticket"] = "CHG-1"
    (folder / "record.json").write_text(json.dumps(changed))
    assert platform.run("quiet").status == 0
    assert read_record(platform.delivered / folder.name / "record.json")["run"]["ticket"] == "CHG-1"
