"""The folder of runs: what lives, what was cut off, what is delivered; and one claim at a time."""

from __future__ import annotations

import multiprocessing
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.record import lifecycle, runs
from ansible_collections.careops.maintenance.plugins.module_utils.record.journal import (
    RECORD,
    JournalWriter,
    read_journal,
)

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=timezone.utc)
TIME = "2026-03-01T02:30:00Z"
FACTS = {"system": "clinic", "cadence": "weekly", "work_class": "maintenance", "operator": "", "ticket": ""}


def make(directory: Path, name: str = "run", *, check_mode: bool = False, **identity: Any) -> Path:
    folder = directory / name
    folder.mkdir(parents=True)
    facts = {**runs.process_identity(os.getpid()), **identity}
    writer = JournalWriter(str(folder))
    writer.append("started", TIME, run_id=name, check_mode=check_mode, **facts)
    writer.close()
    return folder


def state(folder: Path, *, now: datetime = NOW) -> str:
    return runs.state_of(str(folder), read_journal(str(folder)), now=now)


def append(folder: Path, kind: str) -> None:
    writer = JournalWriter(str(folder))
    writer.append(kind, TIME)
    writer.close()


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({}, "live"),
        ({"pid_start": "1"}, "cut_off"),
        ({"boot_id": "another boot"}, "cut_off"),
        ({"pid": 2**22 + 1}, "cut_off"),
    ],
)
def test_a_run_lives_as_long_as_its_very_process(tmp_path: Path, identity: dict[str, Any], expected: str) -> None:
    assert state(make(tmp_path, **identity)) == expected


def test_a_run_of_another_controller_is_given_a_day(tmp_path: Path) -> None:
    folder = make(tmp_path, controller="elsewhere.example")
    assert state(folder) == "live"
    assert state(folder, now=NOW + timedelta(days=1, seconds=1)) == "cut_off"


def test_delivered_means_the_record_as_it_is_now(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / RECORD).write_text("{}")
    runs.note_delivery(str(folder))
    assert state(folder) == "live"
    append(folder, "closed")
    assert state(folder) == "delivered"
    (folder / RECORD).write_text('{"verdict": "another"}')
    assert state(folder) == "closed"


def test_a_rehearsal_has_nothing_to_deliver(tmp_path: Path) -> None:
    folder = make(tmp_path, check_mode=True)
    (folder / RECORD).write_text("{}")
    append(folder, "closed")
    assert state(folder) == "delivered"


def test_only_delivered_runs_are_pruned_the_oldest_first(tmp_path: Path) -> None:
    for name in ("1", "2", "3", "4"):
        folder = make(tmp_path, name)
        if name != "1":
            (folder / RECORD).write_text("{}")
            append(folder, "closed")
            runs.note_delivery(str(folder))
    assert runs.prune(runs.find_runs(str(tmp_path), now=NOW), keep=1) == ["2", "3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "4"]


def test_a_second_run_of_the_system_is_refused_and_one_of_another_is_not(tmp_path: Path) -> None:
    first, second = make(tmp_path, "1"), make(tmp_path, "2")
    lifecycle.open_run(str(first), facts=FACTS, keep=5, now=NOW, recorder_error="")
    with pytest.raises(MaintenanceError, match="Another run of clinic is under way"):
        lifecycle.open_run(str(second), facts=FACTS, keep=5, now=NOW, recorder_error="")
    lifecycle.open_run(str(second), facts={**FACTS, "system": "lab"}, keep=5, now=NOW, recorder_error="")


def test_one_that_only_looks_runs_beside_any(tmp_path: Path) -> None:
    first, second = make(tmp_path, "1"), make(tmp_path, "2")
    lifecycle.open_run(str(first), facts=FACTS, keep=5, now=NOW, recorder_error="")
    looks = {**FACTS, "work_class": "observe"}
    opened = lifecycle.open_run(str(second), facts=looks, keep=5, now=NOW, recorder_error="")
    assert opened.details is not None
    assert opened.details["run"]["work_class"] == "observe"


def _open_at_once(folder: str, gate: Any, answers: Any) -> None:
    gate.wait()
    try:
        lifecycle.open_run(folder, facts=FACTS, keep=5, now=NOW, recorder_error="")
        answers.put("opened")
    except MaintenanceError:
        answers.put("refused")


def test_of_runs_that_open_at_once_one_wins(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(4), context.Queue()
    folders = [str(make(tmp_path, str(number))) for number in range(4)]
    processes = [context.Process(target=_open_at_once, args=(folder, gate, answers)) for folder in folders]
    for process in processes:
        process.start()
    got = sorted(answers.get(timeout=30) for _process in processes)
    for process in processes:
        process.join()
    assert got == ["opened", "refused", "refused", "refused"]
