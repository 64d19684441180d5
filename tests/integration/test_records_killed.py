"""The records host's folders, whoever is killed in between, and two at once."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.clock import to_text
from tests.lab.modules import start_module
from tests.lab.records import (
    BEFORE,
    MODULE,
    NOW,
    Host,
    Row,
    details_of,
    finding,
    no_leftovers,
    steps_until_done,
)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "careops")
    made.runs.mkdir(parents=True)
    return made


def test_a_killed_filing_is_mended_by_the_next_call(host: Host, tmp_path: Path) -> None:
    host.filed(timedelta(days=3), name="earlier")
    run_id = host.deliver(findings=[finding("backup.age"), finding("certificate.expiry")])
    fresh = tmp_path / "fresh"
    shutil.copytree(host.root, fresh)
    host.call("file", run=run_id)
    expected, lines = host.files(), host.index()
    for step in steps_until_done(host, fresh, "file", run=run_id):
        # Another run's filing, not this one's.
        host.work("file", run="earlier")
        assert host.index() == lines, step
        assert host.files() == expected, step
        assert no_leftovers(host), step
        assert host.work("file", run=run_id).actions == [], step


def test_a_killed_pruning_is_ended_by_the_next(host: Host, tmp_path: Path) -> None:
    for days in (1, 3000, 3001, 3002):
        host.filed(timedelta(days=days), findings=[finding("backup.age")])
    fresh = tmp_path / "fresh"
    shutil.copytree(host.root, fresh)
    host.call("prune")
    expected, lines = host.files(), host.index()
    assert len(lines) == 1
    for step in steps_until_done(host, fresh, "prune"):
        search = host.work("search")
        assert search.findings == [], step
        assert {run["run_id"] for run in details_of(search)["runs"]} >= set(lines), step
        host.work("prune")
        assert host.index() == lines, step
        assert host.files() == expected, step
        assert no_leftovers(host), step


def test_a_killed_writer_of_documentation_leaves_a_whole_document_or_none(host: Host, tmp_path: Path) -> None:
    run_id = host.filed(work_class="emergency")
    fresh = tmp_path / "fresh"
    shutil.copytree(host.root, fresh)
    options: Row = {"run": run_id, "by": "ana", "kind": "post_mortem", "documentation": "Why, and how."}
    for step in steps_until_done(host, fresh, "document", **options):
        # The check sees what is there, whatever the index says, and a filing brings the two together.
        there = (host.runs / run_id / "documentation-1.md").exists()
        late = details_of(host.work("check", now=to_text(NOW + timedelta(days=3))))["late"]
        assert late == ([] if there else [run_id]), step
        host.work("file", run=run_id)
        assert len(host.index()[run_id]["documentation"]) == there, step
        assert no_leftovers(host), step
        host.work("document", **options)
        (attached,) = host.index()[run_id]["documentation"]
        assert attached["file"] == "documentation-1.md", step


def test_a_killed_beginning_can_begin_again(tmp_path: Path) -> None:
    host, fresh = Host(tmp_path / "careops"), tmp_path / "fresh"
    host.runs.mkdir(parents=True)
    shutil.copytree(host.root, fresh)
    for step in steps_until_done(host, fresh, "begin", before=BEFORE):
        host.work("begin", before=BEFORE)
        assert host.files() == {f"logs/maintenance/{BEFORE['id']}/before.json"}, step


def test_filings_at_once_lose_nothing(host: Host) -> None:
    runs = [host.deliver(timedelta(hours=hours), findings=[finding("backup.age")]) for hours in range(1, 7)]
    started = [
        start_module(MODULE, {"state": "file", "root": str(host.root), "run": run_id})
        for run_id in (*runs, runs[0], runs[0])
    ]
    results = [json.loads(process.communicate(timeout=60)[0]) for process in started]
    assert [result.get("msg") for result in results] == [None] * len(started)
    assert set(host.index()) == set(runs)
    lines = (host.runs / "index.jsonl").read_text().splitlines()
    assert len(lines) == len(runs)
    assert len(list((host.root / "logs" / "backup-verification").glob("*.json"))) == len(runs)
    assert no_leftovers(host)


def test_a_folder_that_may_not_be_written_is_one_sentence(host: Host) -> None:
    run_id = host.deliver()
    (host.runs / "index.jsonl").mkdir()
    assert "cannot be" in host.call("file", run=run_id)["msg"]
    shutil.rmtree(host.root)
    host.root.write_text("a file")
    assert "cannot be written" in host.call("begin", before=BEFORE)["msg"]
