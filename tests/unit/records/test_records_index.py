"""The index: the newest line of each run counts, and no damage hides the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.records.index import (
    append_lines,
    gone_line,
    hosts_of,
    line_of,
    moment_of,
    read_index,
    summarise,
)
from tests.lab.modules import ROOT

VALIDATOR = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "schema" / "index.schema.json").read_text()))
RUN = "20260301T023000Z-weekly-abcdef"
RECORD: dict[str, Any] = {
    "schema": 1,
    "run": {
        "id": RUN,
        "system": "clinic",
        "cadence": "weekly",
        "work_class": "maintenance",
        "check_mode": False,
        "operator": "ana",
        "ticket": "CHG-7",
        "started": "2026-03-01T02:30:00Z",
        "ended": "2026-03-01T02:40:00Z",
        "seconds": 600.0,
        "moment": "2026-03-01T02:30:00Z",
        "window": {"name": "primary"},
    },
    "verdict": {"outcome": "attention", "sentence": "The run went well; 1 finding needs attention.", "reasons": []},
    "interrupted": None,
    "summary": {"worst": "warning", "counts": {"ok": 3, "warning": 1, "unknown": 0, "critical": 0}},
    "hosts": [{"name": "db", "state": "ok"}, {"name": "web", "state": "unreachable"}],
    "procedures": [
        {"name": "run_open", "host": "localhost", "state": "ok"},
        {"name": "backups", "host": "db", "entry": "main", "state": "ok"},
        {"name": "backups", "host": "db2", "entry": "main", "state": "failed"},
        {"name": "records", "host": "rec", "entry": "check", "state": "ok"},
        {"name": "records", "host": "localhost", "state": "ok"},
    ],
    "actions": [{"changed": True}, {"changed": False}],
}


def row(record: dict[str, Any], **before: Any) -> dict[str, Any]:
    return summarise(RUN, record=record, before=before, documentation=[], documents=[])


def test_a_line_has_what_a_search_asks_for() -> None:
    line = row(RECORD)
    assert (line["run_id"], line["moment"], line["outcome"]) == (RUN, "2026-03-01T02:30:00Z", "attention")
    assert line["hosts"] == {"ok": ["db"], "unreachable": ["web"]}
    # The steps of the run itself are no procedures.
    assert line["procedures"] == [
        {"name": "backups", "entry": "main", "states": {"ok": ["db"], "failed": ["db2"]}},
        {"name": "records", "entry": "check", "states": {"ok": ["rec"]}},
    ]
    assert line["changed"] == 1
    assert hosts_of(line) == ["db", "web", "db2", "rec"]


def test_what_an_old_record_lacks_is_taken_from_what_was_written_before() -> None:
    old = {**RECORD, "run": {"id": RUN, "started": "2026-03-01T02:30:00Z"}}
    line = row(old, system="clinic", approval={"by": "eva"}, change={"summary": "x"})
    assert (line["system"], line["approval"], line["change"]) == ("clinic", {"by": "eva"}, {"summary": "x"})
    assert "approval" not in row(old)


@pytest.mark.parametrize("key", sorted(RECORD))
@pytest.mark.parametrize("value", [None, [], {}, "x", 3, [1], {"x": 1}], ids=repr)
def test_a_record_of_any_kind_gives_a_line(key: str, value: Any) -> None:
    for record in ({**RECORD, key: value}, {name: RECORD[name] for name in RECORD if name != key}):
        line = row(record)
        assert line["moment"] == "2026-03-01T02:30:00Z"
        VALIDATOR.validate(line)
        assert json.loads(line_of(line)) == line


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"moment": "2026-03-01T03:30:00.5+01:00"}, "2026-03-01T02:30:00Z"),
        ({"moment": "soon", "started": "2026-03-02T00:00:00Z"}, "2026-03-02T00:00:00Z"),
        ({"started": 7}, "2026-03-01T02:30:00Z"),
    ],
)
def test_the_time_of_a_run(run: dict[str, Any], expected: str) -> None:
    assert moment_of(RUN, run) == expected
    assert moment_of("by-hand", {}) == ""


def test_the_last_line_of_a_run_counts(tmp_path: Path) -> None:
    path = str(tmp_path / "index.jsonl")
    append_lines(path, [line_of(row(RECORD)), line_of({**row(RECORD), "run_id": "b"})])
    append_lines(path, [line_of({**row(RECORD), "outcome": "ok"})])
    index = read_index(path)
    assert (index.read(RUN)["outcome"], sorted(index.lines), index.damaged) == ("ok", [RUN, "b"], 0)
    append_lines(path, [gone_line(RUN)])
    VALIDATOR.validate(json.loads(gone_line(RUN)))
    assert list(read_index(path).lines) == ["b"]
    append_lines(path, [line_of(row(RECORD))])
    assert sorted(read_index(path).lines) == [RUN, "b"]


def test_newest_first(tmp_path: Path) -> None:
    path = str(tmp_path / "index.jsonl")
    times = {"b": "2026-03-02T00:00:00Z", "a": "2026-03-03T00:00:00Z", "c": "2026-03-01T00:00:00Z"}
    append_lines(path, [line_of({**row(RECORD), "run_id": name, "moment": time}) for name, time in times.items()])
    assert [run_id for _moment, run_id in read_index(path).newest_first()] == ["a", "b", "c"]


@pytest.mark.parametrize("torn", [b'{"run_id":"x","mom', b"{", b"\xff\xfe"])
def test_half_a_line_is_cut_off_by_the_next_writer(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "index.jsonl"
    for before in (b"", line_of(row(RECORD)) + b"\n", line_of({**row(RECORD), "sentence": "x" * 200_000}) + b"\n"):
        path.write_bytes(before + torn)
        append_lines(str(path), [line_of({**row(RECORD), "run_id": "b"})])
        index = read_index(str(path))
        assert index.damaged == 0
        assert sorted(index.lines) == ([RUN, "b"] if before else ["b"])


@pytest.mark.parametrize(
    "line",
    [b"rubbish", b'{"run_id":"x"', b"[]", b'{"run_id":"x","moment":7}', b'{"run_id":"x","moment":"\xff}', b'{"a":1}'],
)
def test_a_damaged_line_hides_no_other(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "index.jsonl"
    path.write_bytes(line + b"\n" + line_of(row(RECORD)) + b"\n" + line + b"\n")
    index = read_index(str(path))
    assert [one["run_id"] for one, _line in index.each()] == [RUN]
    assert index.damaged >= 1
    assert list(index.lines) == [RUN]
