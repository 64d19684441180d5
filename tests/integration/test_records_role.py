"""The role records and its playbook, on the record of a run that really ran."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.runs import AWAY, PLAYBOOKS, Ended, Platform, ended, read_record

LOOKS = """
- name: Look at a certificate that is not there
  careops.maintenance.cert_expiry:
    paths: [/nowhere/at-all.pem]
"""
BEFORE: dict[str, Any] = {
    "id": "20260301T023000Z-weekly-abcdef",
    "system": "toy",
    "work_class": "maintenance",
    "moment": "2026-03-01T02:30:00Z",
    "change": {"rollback_plan": "Switch it off and on again."},
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves on the records host."""
    made = Platform(folder=tmp_path_factory.mktemp("run"), hosts={"a": {}})
    made.add_role("looks", LOOKS)
    run = made.run("looks")
    assert len(made.taken()) == 1, run.output
    return made.kept


@pytest.fixture
def platform(kept: Path, tmp_path: Path) -> Platform:
    """A platform of its own with that run."""
    made = Platform(folder=tmp_path, hosts={"a": {}})
    shutil.copytree(kept, made.kept)
    made._write_inventory(())
    return made


Play = Callable[..., Ended]


@pytest.fixture
def play(platform: Platform) -> Play:
    """Runs entry points of the role from localhost, one after the other."""

    def run(*entries: str, host: str = "rec", check: bool = False, **inputs: Any) -> Ended:
        tasks = [
            {
                "ansible.builtin.include_role": {"name": "careops.maintenance.records", "tasks_from": entry},
                "vars": {"records_host": host, **inputs},
            }
            for entry in entries
        ]
        told = [{"ansible.builtin.debug": {"msg": "RESCUED: {{ ansible_failed_result.msg }}"}}]
        content = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"block": tasks, "rescue": told}]}]
        path = platform.folder / "play.yml"
        path.write_text(json.dumps(content))
        return ended(platform.playbook(path, arguments=("--check",) if check else ()))

    return run


def run_of(platform: Platform) -> str:
    """The name of the first run."""
    return platform.taken()[0].name


def index_of(platform: Platform) -> dict[str, dict[str, Any]]:
    lines = (platform.delivered / "index.jsonl").read_text().splitlines()
    return {row["run_id"]: row for row in map(json.loads, lines)}


def changed(run: Ended) -> int:
    match = re.search(r"^localhost .*changed=(\d+)", run.output, flags=re.MULTILINE)
    assert match, run.output
    return int(match[1])


def test_from_what_was_planned_to_what_is_found(platform: Platform, play: Play) -> None:
    run_id, runs = run_of(platform), platform.delivered
    # The run itself wrote down what it was about to do, and was filed.
    assert json.loads((runs / run_id / "before.json").read_text())["system"] == "toy"
    assert index_of(platform)[run_id]["outcome"] == "attention"
    (review,) = (platform.kept / "compliance" / "security-reviews").glob(f"*-{run_id}.json")
    assert {row["host"] for row in json.loads(review.read_text())["findings"]} == {"a"}
    (runs / "index.jsonl").unlink()
    rehearsed = play("begin", "file", check=True, records_before=BEFORE, records_run=run_id)
    assert (rehearsed.status, changed(rehearsed)) == (0, 2), rehearsed.output
    assert not (runs / BEFORE["id"]).exists()
    assert not (runs / "index.jsonl").exists()
    done = play("begin", "file", "search", records_before=BEFORE, records_run=run_id)
    assert done.status == 0, done.output
    assert json.loads((runs / BEFORE["id"] / "before.json").read_text())["change"] == BEFORE["change"]
    assert list(index_of(platform)) == [run_id]
    lines = [line.strip() for line in done.output.splitlines()]
    (found,) = [line for line in lines if line.endswith(run_id) and " attention " in line]
    (begun,) = [line for line in lines if line.endswith(BEFORE["id"]) and " unfinished " in line]
    assert found.index(run_id) == begun.index(BEFORE["id"])
    again = play("begin", "file", "main", records_before=BEFORE, records_run=run_id)
    assert (again.status, changed(again)) == (0, 0), again.output


def test_a_records_host_that_is_away_fails_and_does_not_end_the_play(platform: Platform, play: Play) -> None:
    content = json.loads((platform.folder / "inventory.json").read_text())
    content["all"]["children"]["records"]["hosts"]["gone"] = AWAY
    (platform.folder / "inventory.json").write_text(json.dumps(content))
    for entry in ("begin", "file"):
        run = play(entry, host="gone", records_before=BEFORE, records_run=run_of(platform))
        assert "RESCUED: The records host gone went away: " in run.output


def test_the_procedure_runs_on_its_group(platform: Platform) -> None:
    """As a cadence runs it, and what it finds is in the record of that run."""
    begun = platform.delivered / BEFORE["id"]
    begun.mkdir()
    (begun / "before.json").write_text(json.dumps(BEFORE))
    platform.groups = {"records": ["rec"]}
    platform.own_roles = ("records",)
    platform.variables["records_now"] = "2026-03-05T00:00:00Z"
    run = platform.run("records")
    record = read_record(platform.newest())
    told = [(row["check"], row["subject"], row["host"]) for row in record["attention"] if row["status"] == "critical"]
    assert told == [("records.unfinished", BEFORE["id"], "rec")], run.output
    assert run.status == 2
    named = {row["name"]: row["entry"] for row in index_of(platform)[platform.taken()[-1].name]["procedures"]}
    assert named == {"records": "main"}


# The playbook


def records(platform: Platform, **variables: str) -> Ended:
    return ended(platform.playbook(PLAYBOOKS / "records.yml", arguments=("-e", json.dumps(variables))))


def test_the_playbook_finds_shows_and_documents(platform: Platform) -> None:
    run_id = run_of(platform)
    newest = records(platform)
    assert newest.status == 0, newest.output
    assert f"-e records_show={run_id}" in newest.output
    found = records(platform, records_search="outcome=attention host=a text='at-all'")
    assert "/nowhere/at-all.pem" in found.output
    assert "No run fits" in records(platform, records_search="outcome=failed host=a").output
    source = platform.folder / "post-mortem.md"
    source.write_text("Why, and how.\n\n")
    attached = records(
        platform, records_document=run_id, records_file=str(source), records_by="Ana Jansen", records_kind="post_mortem"
    )
    assert (attached.status, changed(attached)) == (0, 1), attached.output
    written = platform.delivered / run_id / "documentation-1.md"
    assert written.read_text().endswith("\n\nWhy, and how.\n\n")
    shown = records(platform, records_show=run_id)
    assert "toy, toy: Needs attention" in shown.output
    assert "documentation-1.md, post_mortem, by Ana Jansen" in shown.output


def words(run: Ended) -> str:
    """What was printed, without the quotation marks and line breaks that older ansible-core puts into a message."""
    return " ".join(run.output.replace("''", "'").split())


def test_the_playbook_refuses_what_it_cannot_understand(platform: Platform) -> None:
    wrong = records(platform, records_search="colour=red")
    assert (wrong.status, "The search does not know 'colour=red'" in words(wrong)) == (2, True)
    assert "There is no" in records(platform, records_show="nobody").output
    alone = records(platform, records_document="x")
    assert (alone.status, "say which file and who wrote it" in words(alone)) == (2, True)
    # As a shell hands it over with one pair of quotation marks.
    torn = ended(
        platform.playbook(PLAYBOOKS / "records.yml", arguments=("-e", 'records_search=outcome=ok host=db text="a b"'))
    )
    assert torn.status == 2
    assert "Only 'outcome=ok' arrived as the search, and host, text as variables" in words(torn)
    wish = ("-e", "records_document=x records_file=y", "-e", "records_by=Ana Jansen")
    half = ended(platform.playbook(PLAYBOOKS / "records.yml", arguments=wish))
    assert (half.status, "The words 'Jansen' on the command line belong to no" in words(half)) == (2, True)
