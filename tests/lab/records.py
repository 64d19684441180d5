"""A records host: its folders, runs that were delivered to them, and a module that is killed at work on them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema

from ansible_collections.careops.maintenance.plugins.module_utils.clock import to_text
from ansible_collections.careops.maintenance.plugins.module_utils.glue import Outcome
from ansible_collections.careops.maintenance.plugins.module_utils.record.journal import Journal
from ansible_collections.careops.maintenance.plugins.module_utils.record.record import compile_record
from ansible_collections.careops.maintenance.plugins.module_utils.records.states import ARGUMENTS, work
from tests.lab.modules import ROOT, run_module

MODULE = "maintenance_records"
INDEX_SCHEMA = json.loads((ROOT / "docs" / "schema" / "index.schema.json").read_text())
INDEX_VALIDATOR = jsonschema.Draft202012Validator(INDEX_SCHEMA)
NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
APPROVAL = {"by": "Eva", "kind": "recovery", "reason": "The disk is full.", "given_at": "2026-03-01T02:00:00Z"}
Row = dict[str, Any]


def finding(check: str, status: str = "ok", message: str = "All is well.", subject: str = "clinic") -> Row:
    return {"check": check, "subject": subject, "status": status, "message": message}


class Host:
    """A records host: folders beneath a temporary one, and the module at work on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "logs" / "maintenance"

    def call(self, state: str, *, check: bool = False, **options: Any) -> Row:
        given = {"state": state, "root": str(self.root), "now": to_text(NOW), **options}
        return run_module(MODULE, given, check=check)

    def work(self, state: str, **options: Any) -> Outcome:
        """As ``call`` without a process of its own, for what is done very often."""
        defaults = {key: option.get("default") for key, option in ARGUMENTS.items()}
        given = {"state": state, "root": str(self.root), "now": to_text(NOW), **options}
        return work({**defaults, **given}, check_mode=False)

    def ask(self, query: str = "", **options: Any) -> list[str]:
        """The names of the runs that a search finds."""
        return [run["run_id"] for run in details_of(self.work("search", query=query, **options))["runs"]]

    def deliver(self, ago: timedelta = timedelta(hours=1), *, name: str = "", **more: Any) -> str:
        """Makes a run's folder there, its record made of a journal. Returns its name."""
        return a_run(self.runs, ago, name=name, **more).name

    def filed(self, *args: Any, **more: Any) -> str:
        """Delivers a run and files it."""
        run_id = self.deliver(*args, **more)
        self.work("file", run=run_id)
        return run_id

    def index(self) -> dict[str, Row]:
        """The index as it stands, every line whole and none of them twice."""
        rows = [json.loads(line) for line in (self.runs / "index.jsonl").read_text().splitlines()]
        for row in rows:
            INDEX_VALIDATOR.validate(row)
        return {row["run_id"]: row for row in rows if not row.get("gone")}

    def files(self) -> set[str]:
        """Every file there is."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


def a_run(folder: Path, ago: timedelta = timedelta(hours=1), *, name: str = "", **more: Any) -> Path:
    """A closed run in a folder of its own, its record made of a journal."""
    started = NOW - ago
    run_id = name or f"{started:%Y%m%dT%H%M%SZ}-weekly-abcdef"
    record, findings = compile_record(
        Journal(entries=journal(run_id, to_text(started), **more)),
        ended=started + timedelta(minutes=10),
        fail_on=["critical"],
    )
    run = folder / run_id
    run.mkdir(parents=True, exist_ok=True)
    (run / "record.json").write_text(json.dumps(record))
    (run / "findings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in findings))
    return run


def details_of(outcome: Outcome) -> Row:
    assert outcome.details is not None
    return outcome.details


def journal(
    run_id: str,
    time: str,
    *,
    findings: Sequence[Row] = (),
    actions: Sequence[Row] = (),
    check_mode: bool = False,
    procedure: str = "backups",
    entry: str = "main",
    gate: Row | None = None,
    **opened: Any,
) -> list[Row]:
    """The entries that a recorder writes of a run of one procedure on one host."""
    place = {"time": time, "started": time, "host": "clinic-db", "procedure": procedure}
    facts = {"system": "clinic", "cadence": "weekly", "work_class": "maintenance", "operator": "ana", "ticket": "CHG-7"}
    entries: list[Row] = [
        {
            "kind": "started",
            "run_id": run_id,
            "playbook": "weekly.yml",
            "controller": "control",
            "ansible_version": "2.19.14",
            "collection_version": "0.1.0",
            "check_mode": check_mode,
        },
        {"kind": "opened", **facts, **opened},
        *([{"kind": "window", **gate}] if gate else []),
        {"kind": "play", "procedure": procedure, "entry": entry, "members": 1, "hosts": ["clinic-db"]},
        {
            "kind": "result",
            **place,
            "task": "Look",
            "action": "m",
            "state": "ok",
            "rescued": False,
            "ignored": False,
            "seconds": 1.0,
            "work_seconds": 1.0,
            "findings": list(findings),
            "actions": list(actions),
        },
        {"kind": "finished", **place},
    ]
    return [{"n": number, "time": time, **entry} for number, entry in enumerate(entries, 1)]


BEFORE: Row = {
    "id": "20260302T120000Z-weekly-abcdef",
    "system": "clinic",
    "cadence": "weekly",
    "work_class": "maintenance",
    "operator": "ana",
    "ticket": "CHG-7",
    "moment": "2026-03-02T12:00:00Z",
    "change": {"summary": "Update the clinic", "rollback_plan": "Restore last night's backup"},
    "procedures": ["backups", "patching"],
}

# Runs the module, and kills it at its Nth step on the disk. Half of what is written then is there.
KILLER = """
import json, os, runpy, signal, sys
from ansible.module_utils.testing import patch_module_args
left = int(sys.argv[1])
def steps(name):
    do = getattr(os, name)
    def step(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            if name == "write":
                do(args[0], args[1][: len(args[1]) // 2])
            os.kill(os.getpid(), 9)
        return do(*args, **kwargs)
    setattr(os, name, step)
arguments = json.loads(sys.argv[2])
import ansible_collections.careops.maintenance.plugins.module_utils.records.states
for name in ("write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "ftruncate"):
    steps(name)
with patch_module_args(arguments):
    runpy.run_module("ansible_collections.careops.maintenance.plugins.modules.maintenance_records", run_name="__main__")
"""


def killed_at(step: int, host: Host, state: str, **options: Any) -> bool:
    """Whether the module was killed at that step; it came to its end where it has not so many."""
    given = {"state": state, "root": str(host.root), "now": to_text(NOW), **options}
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(step), json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stdout + done.stderr
    return done.returncode != 0


def steps_until_done(host: Host, fresh: Path, state: str, **options: Any) -> Iterator[int]:
    """Kills at every step, each time on a fresh copy, and yields after each kill."""
    step = 0
    while True:
        step += 1
        shutil.rmtree(host.root)
        shutil.copytree(fresh, host.root)
        if not killed_at(step, host, state, **options):
            assert step > 5, "nothing was killed"
            return
        yield step


def no_leftovers(host: Host) -> bool:
    return not list(host.root.rglob(".*"))
