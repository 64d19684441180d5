"""The module audit_log as Ansible runs it: many writers, killed writers, a full disk, and every state once."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from tests.lab.audit import Log, entry, found
from tests.lab.modules import ROOT, findings_of, run_module, start_module

NAMES = {"clinic/operational", "clinic/security"}
ENTRY = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "schema" / "audit-entry.schema.json").read_text()))
KILLS = 40

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {"path": str(tmp_path / "audit"), "key_file": str(tmp_path / "etc" / "audit.key"), "origin": "clinic"}


@pytest.fixture
def call(options: dict[str, Any]) -> Call:
    def call(state: str, *, check: bool = False, popen: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        return run_module("audit_log", {**options, "state": state, **more}, check=check, **(popen or {}))

    return call


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_from_the_first_entry_to_the_export(call: Call, options: dict[str, Any], tmp_path: Path) -> None:
    anchors = str(tmp_path / "anchors")
    written = call("append", entries=[entry(1), entry(2, security=True, run="r1", ref="r1/1", details={"a": [1]})])
    assert (written["changed"], set(written["details"]["streams"])) == (True, NAMES)
    anchored = call("anchor", path=anchors, offers=written["details"]["streams"])
    assert anchored["changed"] and set(anchored["details"]["streams"]) == NAMES
    verified = call("verify", anchored=anchored["details"]["streams"])
    assert not verified["changed"]
    assert [(row["check"], row["status"]) for row in verified["findings"]] == [
        ("audit.key", "ok"),
        *[("audit.chain", "ok"), ("audit.anchor", "ok")] * 2,
    ]
    rotated = call("rotate", anchored=anchored["details"]["streams"])
    assert rotated["actions"][0]["action"] == "rotate_key"
    issued = call("checkpoint", anchored=anchored["details"]["streams"])
    assert not issued["changed"]
    assert findings_of(call("anchor", path=anchors, offers=issued["details"]["streams"]), "audit.anchor", status="ok")
    assert [action["outcome"] for action in call("prune")["actions"]] == ["skipped", "skipped"]
    exported = call("export", destination=str(tmp_path / "export"), run_id="r1")
    assert [action["after"]["entries"] for action in exported["actions"]] == [1, 1]
    again = call("append", entries=[entry(2, security=True, run="r1", ref="r1/1")])
    assert (again["changed"], [action["outcome"] for action in again["actions"]]) == (False, ["skipped", "skipped"])
    for name in ("operational", "security"):
        for row in rows(Path(options["path"], name)):
            ENTRY.validate(row)


def test_every_state_is_honest_in_check_mode(call: Call, options: dict[str, Any], tmp_path: Path) -> None:
    planned = call("append", entries=[entry(1)], check=True)
    assert (planned["changed"], planned["actions"][0]["outcome"]) == (True, "planned")
    assert list(tmp_path.iterdir()) == []
    written = call("append", entries=[entry(1)], now="2015-01-01T00:00:00Z")
    call("append", entries=[entry(2, security=True)], now="2026-11-21T00:00:00Z")
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    more: dict[str, dict[str, Any]] = {
        "append": {"entries": [entry(3)]},
        "verify": {},
        "checkpoint": {},
        "anchor": {"path": str(tmp_path / "anchors"), "offers": written["details"]["streams"]},
        "rotate": {},
        "prune": {"now": "2026-11-22T00:00:00Z"},
        "export": {"destination": str(tmp_path / "export")},
    }
    for state, extra in more.items():
        outcomes = {action["outcome"] for action in call(state, check=True, **extra)["actions"]}
        assert outcomes <= {"planned", "skipped"}, state
        assert "planned" in outcomes or state in ("verify", "checkpoint"), state
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


def test_a_log_that_was_tampered_with_is_critical_and_fails_nothing(call: Call, options: dict[str, Any]) -> None:
    call("append", entries=[entry(number) for number in range(5)])
    (path,) = Path(options["path"], "operational").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"clinic.table_3", b"clinic.table_9"))
    result = call("verify")
    assert not result.get("failed")
    (finding,) = findings_of(result, "audit.chain", status="critical")
    assert finding["evidence"] == {
        "stream": "operational",
        "first": 1,
        "last": 4,
        "kind": "changed",
        "entry": 5,
        "file": path.name,
        "line": 5,
    }


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"state": "append", "entries": [{"operator": "x"}]}, "missing required arguments"),
        ({"state": "append", "entries": [entry(1, outcome="well")]}, "value of outcome must be one of"),
        ({"state": "append", "entries": [entry(1, action="audit.rotated")]}, "small letters, digits and underscores"),
        ({"state": "append", "run": "/nowhere"}, "cannot be read"),
        ({"state": "append", "now": "today"}, "The option now"),
        ({"state": "verify", "checkpoints": ["x"]}, "This is no checkpoint"),
        ({"state": "anchor", "offers": {"x": {}}}, "has no checkpoint for x"),
        ({"state": "export"}, "destination"),
        ({"state": "rotate"}, "is missing"),
        ({"state": "prune", "keep_days": 0}, "a number from 1 to 36525"),
    ],
)
def test_bad_options_say_what_to_do(options: dict[str, Any], more: dict[str, Any], words: str) -> None:
    result = run_module("audit_log", {**options, **more})
    assert result["failed"] is True
    assert words in result["msg"]


# Many at once


ONE_OF_MANY = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from pathlib import Path
from tests.lab.audit import Log, entry
log, writer = Log(Path(sys.argv[2])), sys.argv[3]
for call in range(20):
    entries = [entry(number, ref=f"{writer}/{number}") for number in range(call * 10, call * 10 + 10)]
    log.run("append", segment_bytes=100000, entries=entries)
"""


def test_eight_writers_leave_no_gap_and_no_double(call: Call, options: dict[str, Any]) -> None:
    """Each of eight processes appends 200 entries, in 20 calls of 10, while others verify."""
    folder = Path(options["path"]).parent
    paths = json.dumps([str(ROOT), str(ROOT / ".collections")])
    # The key file has to be where that log has it.
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_OF_MANY, paths, str(folder), str(number)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    options.update(key_file=str(folder / "keys" / "audit.key"), streams=["operational"])
    watched = []
    while any(writer.poll() is None for writer in writers):
        if (folder / "keys" / "audit.key").exists():
            watched.append(call("verify"))
        time.sleep(0.05)
    assert [writer.communicate()[1] for writer in writers] == [""] * 8
    log = rows(folder / "audit" / "operational")
    assert [row["n"] for row in log] == list(range(1, 1602))
    refs = [row["ref"] for row in log[1:]]
    assert sorted(refs) == sorted(f"{writer}/{number}" for writer in range(8) for number in range(200))
    for writer in range(8):
        own = [int(ref.split("/")[1]) for ref in refs if ref.startswith(f"{writer}/")]
        assert own == sorted(own)
    assert watched
    for result in [*watched, call("verify")]:
        assert {finding["status"] for finding in result["findings"]} <= {"ok", "unknown"}
        assert not findings_of(result, "audit.chain", status="critical")


def test_modules_that_begin_a_log_at_once_agree_on_its_key(call: Call, options: dict[str, Any]) -> None:
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda number: call("append", entries=[entry(number)]), range(6)))
    assert not any(result.get("failed") for result in results)
    assert len(json.loads(Path(options["key_file"]).read_text())["keys"]) == 1
    assert [row["n"] for row in rows(Path(options["path"], "operational"))] == list(range(1, 8))
    assert not findings_of(call("verify"), "audit.chain", status="critical")


# Killed

WRITER = """
import json, os, signal, sys
sys.path[:0] = json.loads(sys.argv[1])
from pathlib import Path
from tests.lab.audit import Log, entry
log, start, part = Log(Path(sys.argv[2])), int(sys.argv[3]), float(sys.argv[6])
left, writes = int(sys.argv[4]), int(sys.argv[5])

def mortal(real):
    def call(*args):
        # Killed before a step on the disk, or, where it writes, in the middle of it.
        global left, writes
        left, writes = left - 1, writes - (real is pwrite)
        if left == 0 or (real is pwrite and writes == 0):
            if real is pwrite:
                real(args[0], args[1][:int(len(args[1]) * part)], args[2])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args)
    return call

pwrite = os.pwrite
os.pwrite, os.fsync, os.replace = mortal(os.pwrite), mortal(os.fsync), mortal(os.replace)
print("ready", flush=True)
for call in range(start, start + 100000):
    # Calls of one entry and of many, in files small enough that a new one begins now and then.
    count = 1 if call % 3 else 60
    entries = [entry(number, ref=f"{call}/{number}") for number in range(count)]
    log.run("append", entries=entries, segment_bytes=60000)
    print(call, count, flush=True)
"""


def test_a_writer_that_is_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Every other kill comes from outside at some moment, the others before a step on the disk or within a write."""
    dice = random.Random(20261121)
    log = Log(tmp_path)
    acknowledged: list[str] = []
    next_call = torn = 0
    for kill in range(KILLS):
        steps = dice.randint(1, 40) if kill % 4 == 1 else 0
        writes = dice.randint(1, 6) if kill % 4 == 3 else 0
        arguments = [json.dumps([str(ROOT), str(ROOT / ".collections")]), str(tmp_path), str(next_call)]
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, *arguments, str(steps), str(writes), str(dice.random())],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        if not steps and not writes:
            time.sleep(dice.uniform(0.0, 0.1))
            writer.send_signal(signal.SIGKILL)
        said, _errors = writer.communicate(timeout=60)
        assert writer.returncode == -signal.SIGKILL
        for line in said.splitlines():
            call_number, count = map(int, line.split())
            acknowledged += [f"{call_number}/{number}" for number in range(count)]
            next_call = call_number + 1
        looked = log.verify()
        assert [finding for finding in looked.findings if finding.status == "critical"] == []
        torn += any(finding.check == "audit.torn" for finding in looked.findings)
        # The call that was killed is made again, as the next run would.
        count = 1 if next_call % 3 else 60
        log.run("append", entries=[entry(number, ref=f"{next_call}/{number}") for number in range(count)])
        acknowledged += [f"{next_call}/{number}" for number in range(count)]
        next_call += 1
        assert found(log.verify(), "audit.chain").status == "ok"
    refs = [row["ref"] for row in rows(log.folder) if "ref" in row]
    assert len(refs) == len(set(refs))
    assert set(acknowledged) == set(refs)
    # Some of them were in the middle of an entry, or this proved less than it says.
    assert torn >= 5


# No room


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root to mount it")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_whole_entries_and_names_the_folder(
    call: Call, options: dict[str, Any], small_disk: Path
) -> None:
    log = Log(small_disk)
    options.update(path=str(log.root), key_file=str(log.key_file), streams=["operational"])
    written = 1
    with pytest.raises(MaintenanceError):
        for number in itertools.count():
            count = 30 if number % 2 else 3
            log.append(count)
            written += count
    assert [row["n"] for row in rows(log.folder)] == list(range(1, written + 1))
    # One entry at a time until not even that fits: never half of one.
    with pytest.raises(MaintenanceError):
        while True:
            log.append(1)
            written += 1
    result = call("append", entries=[entry(1)])
    assert result["failed"] is True
    assert f"The audit log {log.folder} could not be written: No space left on device." in result["msg"]
    assert "Nothing of this call counts as an entry" in result["msg"]
    assert not findings_of(call("verify"), "audit.chain", status="critical")
    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    assert not call("append", entries=[entry(1)]).get("failed")
    verified = call("verify")
    assert findings_of(verified, "audit.chain", status="ok")[0]["value"] == written + 1
    assert not findings_of(verified, "audit.torn")


def test_a_folder_that_may_not_be_written_is_named(call: Call, options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    result = call("append", entries=[entry(1)])
    assert result["failed"] is True
    assert f"{tmp_path}/audit/operational" in result["msg"]


def test_a_lock_that_another_holds_is_waited_for(call: Call, options: dict[str, Any]) -> None:
    call("append", entries=[entry(1)])
    with Path(options["path"], "operational", ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        writer = start_module("audit_log", {**options, "state": "append", "entries": [entry(2)]})
        with pytest.raises(subprocess.TimeoutExpired):
            writer.communicate(timeout=2)
    output, _errors = writer.communicate(timeout=30)
    assert json.loads(output.splitlines()[-1])["changed"] is True
