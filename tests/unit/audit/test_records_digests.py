"""The records of runs held against what the log was told of them."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.audit import records
from ansible_collections.careops.maintenance.plugins.module_utils.records import turns
from tests.lab.audit import Log, entry, found

RUN = "20261120T020000Z-weekly-3f9a1c"
# Long after anything was delivered.
NOW = "2026-11-21T02:00:00Z"
DELIVERED = datetime(2026, 11, 20, 3, tzinfo=timezone.utc).timestamp()


@pytest.fixture
def runs(log: Log, tmp_path: Path) -> Path:
    """The folder of runs, with one that the log was told of."""
    folder = tmp_path / "maintenance"
    deliver(folder, log)
    return folder


def deliver(folder: Path, log: Log, *, outcome: str = "ok", **options: Any) -> None:
    run = {"id": RUN, "started": "2026-11-20T02:00:00Z", "ended": "2026-11-20T02:10:00Z", "system": "clinic"}
    (folder / RUN).mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("before.json", '{"cadence": "weekly ok"}'),
        ("report.html", "<p>ok</p>"),
        ("record.json", json.dumps({"run": run, "verdict": {"outcome": outcome}})),
        ("findings.jsonl", '{"check": "backup.age"}\n'),
        ("journal.jsonl", '{"kind": "ok"}\n'),
        ("metrics.prom", "careops_run_seconds_of_weekly 12\ncareops_run_ok 1\n"),
    ):
        write(folder / RUN / name, content)
    log.run("append", run=str(folder / RUN), **options)


def write(path: Path, content: str, *, moment: float = DELIVERED) -> None:
    path.write_text(content)
    os.utime(path, (moment, moment))


def held(log: Log, runs: Path) -> tuple[str, str]:
    finding = found(log.verify(records=str(runs), now=NOW), "audit.records")
    return finding.status, finding.message


def test_records_that_nobody_touched(log: Log, runs: Path) -> None:
    assert held(log, runs) == ("ok", "The records of 1 run are as they were when the log was told of them.")
    # What was delivered again with more in it holds from then on, and is one more entry.
    deliver(runs, log, outcome="attention")
    assert held(log, runs)[0] == "ok"


@pytest.mark.parametrize("name", records.FILES)
def test_a_record_that_somebody_changed(log: Log, runs: Path, name: str) -> None:
    path = runs / RUN / name
    write(path, path.read_text().replace("ok", "OK").replace("age", "AGE"))
    assert held(log, runs) == (
        "critical",
        f"{name} is not what it was when the log was told of it: somebody changed or removed it. Keep it as evidence, "
        "and put it back from a copy.",
    )
    path.unlink()
    assert held(log, runs)[0] == "critical"


def test_a_record_that_is_being_delivered_is_no_alarm(log: Log, runs: Path) -> None:
    moment = datetime(2026, 11, 21, 1, 59, tzinfo=timezone.utc).timestamp()
    write(runs / RUN / "record.json", "{}", moment=moment)
    assert held(log, runs)[0] == "warning"
    # A time ahead is no excuse.
    write(runs / RUN / "record.json", "{}", moment=moment + 86400)
    assert held(log, runs)[0] == "critical"


def test_a_time_that_somebody_sets_again_and_again_is_no_excuse(log: Log, runs: Path) -> None:
    later = {"records": str(runs), "now": "2026-11-23T02:00:00Z"}
    moment = datetime(2026, 11, 23, 1, 59, tzinfo=timezone.utc).timestamp()
    forged = runs / RUN.replace("20261120", "20261121")
    shutil.copytree(runs / RUN, forged)
    os.utime(forged / "record.json", (moment, moment))
    assert "knows no end of 1 run" in found(log.verify(**later), "audit.records").message
    shutil.rmtree(forged)
    write(runs / RUN / "record.json", "{}", moment=moment)
    assert found(log.verify(**later), "audit.records").status == "critical"


def test_a_run_that_is_gone_is_told_unless_retention_took_it(log: Log, runs: Path) -> None:
    shutil.rmtree(runs / RUN)
    assert held(log, runs) == (
        "warning",
        f"None of the 1 run that the log was told of is in {runs}: put them back from a copy, or name the folder where "
        "they are.",
    )
    log.run("append", entries=[entry(1, action="prune", target=RUN, procedure="patching")])
    assert held(log, runs)[0] == "warning"
    log.run("append", entries=[entry(2, action="prune", target=RUN, procedure="records")])
    assert held(log, runs)[0] == "ok"


def test_one_of_several_runs_that_is_gone_is_named(log: Log, runs: Path) -> None:
    details = {"files": {"documentation-1.md": "0" * 64}}
    log.run("append", entries=[entry(1, run="20261119T020000Z-daily-01", action="attach_document", details=details)])
    assert held(log, runs)[1].startswith(
        "1 of the 2 runs that the log was told of is gone (20261119T020000Z-daily-01), and no entry says"
    )


@pytest.mark.parametrize("name", ["record.json", "journal.jsonl"])
def test_a_pipe_in_the_place_of_a_file_does_not_keep_us_waiting(log: Log, runs: Path, name: str) -> None:
    (runs / RUN / name).unlink()
    os.mkfifo(runs / RUN / name)
    os.utime(runs / RUN / name, (DELIVERED, DELIVERED))
    assert held(log, runs)[0] == "critical"


def test_a_run_that_was_killed_and_removed_is_told_too(log: Log, runs: Path) -> None:
    killed = RUN.replace("weekly", "daily")
    log.run("append", entries=[entry(1, run=killed, action="open_run")])
    (runs / killed).mkdir()
    assert held(log, runs)[0] == "ok"
    (runs / killed).rmdir()
    status, message = held(log, runs)
    assert (status, f"1 of the 2 runs that the log was told of is gone ({killed})" in message) == ("warning", True)


def test_of_very_many_runs_each_is_read_within_four_weeks(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "ALL_UP_TO", 10)
    now = datetime(2026, 11, 21, tzinfo=timezone.utc)
    old = [f"20260101T02{number:04d}Z-every_5_minutes-abcdef" for number in range(100)]
    told = records.Told(digests={run: {"record.json": "0" * 64} for run in [*old, RUN]})
    for run in told.digests:
        (tmp_path / run).mkdir()
    days = [
        {row.subject for row in records.judge(str(tmp_path), told, now=now + timedelta(days=day))} for day in range(28)
    ]
    assert all(RUN in day for day in days[:20])
    assert max(map(len, days)) < 20
    assert set().union(*days) == {*old, RUN}


def test_a_document_that_was_changed(log: Log, runs: Path) -> None:
    document = runs / RUN / "documentation-1.md"
    write(document, "The disk was full.")
    files = {document.name: records.digest_of(str(document))}
    log.run("append", entries=[entry(1, run=RUN, action="attach_document", details={"files": files})])
    assert held(log, runs)[0] == "ok"
    write(document, "Nobody knows.")
    assert "documentation-1.md is not what it was" in held(log, runs)[1]


def test_what_the_log_is_told_when_a_run_is_long_over_does_not_pass_unseen(log: Log, runs: Path) -> None:
    """Who has the key can have a changed record entered as if it had been delivered again."""
    whole = (runs / RUN / "record.json").read_bytes()
    deliver(runs, log, outcome="attention", now="2026-11-23T02:00:00Z")
    later = {"records": str(runs), "now": "2026-11-24T02:00:00Z"}
    told = found(log.verify(**later), "audit.records")
    assert told.status == "warning"
    assert told.message.startswith(
        "The log was told of record.json anew on 2026-11-23T02:00:00Z, when the run was long"
    )
    assert found(log.verify(**{**later, "now": "2027-01-24T02:00:00Z"}), "audit.records").status == "ok"
    # Something else than either is no more believed than before, and what was there first may be put back.
    write(runs / RUN / "record.json", "{}")
    assert found(log.verify(**later), "audit.records").status == "critical"
    (runs / RUN / "record.json").write_bytes(whole)
    assert found(log.verify(**later), "audit.records").status == "ok"


def test_only_documents_are_attached_and_they_never_change(log: Log, runs: Path) -> None:
    record, document = runs / RUN / "record.json", runs / RUN / "documentation-1.md"
    for path, content in ((record, "{}"), (document, "The disk was full."), (document, "Nobody knows.")):
        write(path, content)
        details = {"files": {path.name: records.digest_of(str(path))}}
        log.run("append", entries=[entry(1, run=RUN, action="attach_document", details=details)])
        if path == record:
            assert held(log, runs)[0] == "critical"
            deliver(runs, log)
    assert held(log, runs)[1].startswith("The log was told of documentation-1.md anew")


def test_what_was_made_of_a_run_for_reviews(log: Log, runs: Path) -> None:
    document = runs.parent / "security-reviews" / f"2026-11-20-{RUN}.json"
    document.parent.mkdir()
    for path in (document, document.with_suffix(".txt")):
        write(path, "ok")
    deliver(runs, log, documents=[str(document)])
    assert held(log, runs)[0] == "ok"
    write(document.with_suffix(".txt"), "OK")
    said = f"1 document made of runs ({document.stem}.txt) is not what the log was told of: somebody changed"
    assert (held(log, runs)[0], held(log, runs)[1].startswith(said)) == ("critical", True)
    # It outlives the run.
    shutil.rmtree(runs / RUN)
    prune = {"action": "prune", "procedure": "records"}
    log.run("append", entries=[entry(1, **{**prune, "target": RUN})])
    assert held(log, runs)[0] == "critical"
    files = [str(document), str(document.with_suffix(".txt"))]
    log.run("append", entries=[entry(2, **{**prune, "target": path}) for path in files])
    assert held(log, runs)[0] == "ok"


def test_a_run_or_a_document_that_the_log_was_never_told_of(log: Log, runs: Path) -> None:
    """Otherwise anybody who can write there makes up a run that went well, or the post-mortem that is late."""
    forged = runs / RUN.replace("20261120", "20261122")
    shutil.copytree(runs / RUN, forged)
    assert found(log.verify(records=str(runs), now="2026-11-23T02:00:00Z"), "audit.records").message.startswith(
        f"The log knows no end of 1 run whose record is there ({forged.name}):"
    )
    # A delivery may be under way, and what was before the log it was never told.
    moment = datetime(2026, 11, 23, 1, 59, tzinfo=timezone.utc).timestamp()
    os.utime(forged / "record.json", (moment, moment))
    assert found(log.verify(records=str(runs), now="2026-11-23T02:00:00Z"), "audit.records").status == "ok"
    old = forged.rename(runs / RUN.replace("20261120", "20261020"))
    assert held(log, runs)[0] == "ok"
    late = old.rename(runs / RUN.replace("20261120", "20261121"))
    details = {"files": {"record.json": records.digest_of(str(late / "record.json"))}}
    log.run("append", entries=[entry(1, run=late.name, action="close_run", details=details)])
    write(late / "documentation-1.md", "Nobody knows.")
    assert held(log, runs)[1].startswith(
        f"The log was never told of 1 document attached to runs ({late.name}/documentation-1.md): attach the same again"
    )


def test_no_file_outside_of_the_run_is_looked_at(log: Log, runs: Path) -> None:
    for run, name in ((RUN, "../../etc/passwd"), (RUN, ".."), ("..", "passwd"), ("", "passwd"), ("/", "passwd")):
        details: dict[str, Any] = {"files": {name: "0" * 64}}
        log.run("append", entries=[entry(1, run=run, action="attach_document", details=details)])
    assert held(log, runs)[0] == "ok"


def test_a_log_that_does_not_verify_says_nothing_of_records(log: Log, runs: Path) -> None:
    log.rewrite(lambda lines: lines.append(lines[-1]))
    assert held(log, runs)[0] == "unknown"
    assert not [row for row in log.verify().findings if row.check == "audit.records"]
