"""A run on its way from the controller to the records host: all of it, once, whoever is killed in between."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.record.parcel import pack
from tests.lab.records import Host, Row, a_run, finding, no_leftovers, steps_until_done


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "careops")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A closed run on the controller, with something to make a document of."""
    made = a_run(tmp_path / "controller", findings=[finding("backup.age")])
    (made / "journal.jsonl").write_bytes(b'{"n":1}\n{"n":2,"cut o\xff')
    (made / "delivered").write_text("x")
    return made


def given(run: Path) -> Row:
    return {"run": run.name, "parcel": pack(str(run))}


def outcomes(result: Row) -> list[tuple[str, str]]:
    return [(action["action"], action["outcome"]) for action in result["actions"]]


def test_a_run_is_brought_and_filed_in_one_call_and_no_second_time(host: Host, run: Path) -> None:
    planned = host.call("file", check=True, **given(run))
    assert outcomes(planned) == [("deliver", "planned")]
    assert not host.root.exists()
    done = host.call("file", **given(run))
    assert outcomes(done) == [("deliver", "done"), ("document", "done"), ("document", "done"), ("index", "done")]
    there = host.runs / run.name
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {
        path.name: path.read_bytes() for path in run.iterdir() if path.name != "delivered"
    }
    assert {oct(path.stat().st_mode & 0o777) for path in there.iterdir()} == {"0o640"}
    assert set(host.index()) == {run.name}
    again = host.call("file", **given(run))
    assert (again["changed"], again["actions"]) == (False, [])


def test_a_record_that_has_news_is_brought_again_and_what_people_attached_stays(host: Host, run: Path) -> None:
    host.call("file", **given(run))
    host.call("document", run=run.name, by="Ana", documentation="Why, and how.\n")
    record = json.loads((run / "record.json").read_text())
    record["verdict"]["outcome"] = "failed"
    (run / "record.json").write_text(json.dumps(record))
    assert ("deliver", "done") in outcomes(host.call("file", **given(run)))
    assert host.index()[run.name]["outcome"] == "failed"
    assert len(host.index()[run.name]["documentation"]) == 1


def test_a_parcel_of_another_run_is_refused_and_changes_nothing(host: Host, run: Path) -> None:
    other = a_run(run.parent, timedelta(hours=9))
    host.call("file", **given(run))
    before = host.files()
    assert f"is of the run {other.name}, not of" in host.call("file", run=run.name, parcel=pack(str(other)))["msg"]
    (other / "record.json").write_text("[" * 100_000)
    assert "is damaged" in host.call("file", run=other.name, parcel=pack(str(other)))["msg"]
    assert f"not of ../{run.name}" in host.call("file", run=f"../{run.name}", parcel=pack(str(run)))["msg"]
    assert "required by 'parcel'" in host.call("file", parcel=pack(str(run)))["msg"]
    assert host.files() == before


def test_a_killed_delivery_is_no_delivered_run_and_the_next_ends_it(host: Host, run: Path, tmp_path: Path) -> None:
    host.filed(timedelta(days=3), name="earlier")
    fresh = tmp_path / "fresh"
    shutil.copytree(host.root, fresh)
    host.call("file", **given(run))
    expected, lines = host.files(), host.index()
    for step in steps_until_done(host, fresh, "file", **given(run)):
        # Whoever works there meanwhile takes a part of a run for no run that ended.
        host.work("file", run="earlier")
        whole = (host.runs / run.name / "record.json").exists()
        assert set(host.index()) == ({"earlier", run.name} if whole else {"earlier"}), step
        host.work("file", **given(run))
        assert host.index() == lines, step
        assert host.files() == expected, step
        assert no_leftovers(host), step


def test_a_folder_that_cannot_be_written_is_one_sentence(host: Host, run: Path) -> None:
    host.runs.mkdir(parents=True)
    (host.runs / run.name).write_text("a file")
    said = host.call("file", **given(run))["msg"]
    assert "cannot be written" in said
    assert run.name in said
