"""The schema of the record: what it takes, what it refuses, and that it agrees with the result contract."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.report import clinic

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "schema"
RECORD = json.loads((FOLDER / "record.schema.json").read_text())
RESULT = json.loads((FOLDER / "result.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(RECORD)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(RECORD)


@pytest.mark.parametrize("kind", ["finding", "action"])
def test_findings_and_actions_are_those_of_the_results(kind: str) -> None:
    theirs, ours = copy.deepcopy(RESULT["$defs"][kind]), copy.deepcopy(RECORD["$defs"][kind])
    for name in ("host", "procedure", "time"):
        del ours["properties"][name]
        ours["required"].remove(name)
    for definition in (theirs, ours):
        definition.pop("description", None)
    assert ours == theirs


@pytest.mark.parametrize(
    "record",
    [
        clinic.record(),
        clinic.record(check_mode=True),
        clinic.record(seen=[], done=[], ran=[], hosts=[], outcome="ok"),
        clinic.record(outcome="failed", interrupted="Stopped by Ctrl-C."),
    ],
)
def test_records_of_all_kinds_of_runs_are_valid(record: dict[str, Any]) -> None:
    VALIDATOR.validate(record)


def _set(*path: Any, to: Any) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("surprise", to=1),
        _set("run", "surprise", to=1),
        _set("attention", 0, "surprise", to=1),
        _set("actions", 0, "surprise", to=1),
        _set("timing", "tasks", 0, "surprise", to=1),
        _set("schema", to=2),
        _set("verdict", "outcome", to="good"),
        _set("verdict", "sentence", to="two\nlines"),
        _set("run", "started", to="2026-11-22 02:00"),
        _set("run", "ended", to="2026-11-22T02:00:00+01:00"),
        _set("run", "check_mode", to="no"),
        _set("run", "id", to="../elsewhere"),
        _set("interrupted", to=""),
        _set("summary", "worst", to="bad"),
        _set("summary", "counts", "fatal", to=1),
        _set("hosts", 0, "state", to="gone"),
        _set("procedures", 0, "state", to="skipped"),
        _set("procedures", 0, "seconds", to=-1),
        _set("attention", 0, "status", to="ok"),
        _set("attention", 0, "unit", to="furlongs"),
        _set("attention", 0, "host", to=""),
        _set("actions", 0, "outcome", to="failed"),
        _set("checks", 0, "counts", to={}),
        _set("timing", "wall_seconds", to="long"),
    ],
)
def test_a_record_that_is_wrong_anywhere_is_refused(change: Callable[[Any], None]) -> None:
    record = clinic.record()
    VALIDATOR.validate(record)
    change(record)
    assert not VALIDATOR.is_valid(record)


@pytest.mark.parametrize("name", list(RECORD["required"]))
def test_nothing_may_be_missing(name: str) -> None:
    record = clinic.record()
    del record[name]
    assert not VALIDATOR.is_valid(record)
