"""The ledger of sign-offs held against what the log was told of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.calendars.ledger import path_of, read_ledger
from ansible_collections.careops.maintenance.plugins.module_utils.calendars.signing import Request, revoke, sign
from tests.lab.audit import Log, entry

# An hour after the log began.
SIGNED = datetime(2026, 11, 21, 3, tzinfo=timezone.utc)
LATER = "2026-11-21T06:00:00Z"


@pytest.fixture
def ledger(log: Log, tmp_path: Path) -> Path:
    """A ledger with a sign-off that the log was told of."""
    log.append(1)
    enter(log, add(tmp_path, "agreements"))
    return Path(path_of(str(tmp_path)))


def add(root: Path, task: str, *, at: datetime = SIGNED) -> dict[str, Any]:
    wish = Request(task=task, occurrence="2026-11-20T08:00:00Z", by="Zoë Berger", evidence="47")
    details = sign(str(root), wish, now=at, check_mode=False).details
    assert details is not None
    row: dict[str, Any] = details["entry"]
    return row


def enter(log: Log, row: dict[str, Any]) -> None:
    """As the role does it."""
    target = f"{row['task']} of {row['occurrence']}"
    log.run("append", entries=[entry(1, procedure="calendar", action="sign_off", target=target, details=row)])


def held(log: Log, ledger: Path, *, now: str = LATER) -> list[tuple[str, str]]:
    findings = log.verify(sign_offs=str(ledger), now=now).findings
    return [(row.status, row.message) for row in findings if row.check == "audit.sign_offs"]


def test_a_ledger_that_nobody_touched(log: Log, ledger: Path) -> None:
    assert held(log, ledger) == [("ok", "The sign-offs of people are as they were when the log was told of them.")]


@pytest.mark.parametrize("change", [("Berger", "Other"), ('"47"', '"48"'), ("2026-11-20T08", "2026-11-13T08")])
def test_a_sign_off_that_somebody_changed(log: Log, ledger: Path, change: tuple[str, str]) -> None:
    ledger.write_text(ledger.read_text().replace(*change))
    (gone, strange) = held(log, ledger)
    assert (gone[0], strange[0]) == ("critical", "warning")
    assert "(agreements of 2026-11-20T08:00:00Z)" in gone[1]


def test_a_ledger_that_somebody_removed(log: Log, ledger: Path) -> None:
    ledger.unlink()
    assert [status for status, _message in held(log, ledger)] == ["critical"]


def test_a_sign_off_that_the_log_was_never_told(log: Log, ledger: Path, tmp_path: Path) -> None:
    row = add(tmp_path, "training")
    ((status, message),) = held(log, ledger)
    assert (status, "(training of 2026-11-20T08:00:00Z) are not in the log" in message) == ("warning", True)
    # The log may be told of it any moment.
    assert held(log, ledger, now="2026-11-21T03:10:00Z")[0][0] == "ok"
    enter(log, row)
    assert held(log, ledger)[0][0] == "ok"


def test_what_was_signed_before_there_was_a_log_is_not_asked_for(log: Log, ledger: Path, tmp_path: Path) -> None:
    add(tmp_path, "training", at=datetime(2026, 11, 1, tzinfo=timezone.utc))
    assert held(log, ledger)[0][0] == "ok"


def test_a_sign_off_with_a_time_before_the_log_of_what_was_due_later_is_asked_for(log: Log, ledger: Path) -> None:
    """Or anybody who can write there could sign off, unseen, by an older date."""
    row = json.loads(ledger.read_text())
    forged = {**row, "task": "training", "occurrence": "2026-11-21T04:00:00Z", "at": "2026-11-01T00:00:00Z"}
    ledger.write_text(ledger.read_text() + json.dumps(forged) + "\n")
    ((status, message),) = held(log, ledger)
    assert (status, "training of 2026-11-21T04:00:00Z" in message) == ("warning", True)


@pytest.mark.parametrize("order", [(1, 0), (0, 1, 0)])
def test_a_sign_off_that_was_taken_back_and_stands_last_again(
    log: Log, ledger: Path, tmp_path: Path, order: tuple[int, ...]
) -> None:
    wish = Request(task="agreements", occurrence="2026-11-20T08:00:00Z", by="Zoë Berger", reason="The wrong year.")
    details = revoke(str(tmp_path), wish, now=SIGNED + timedelta(hours=1), check_mode=False).details
    assert details is not None
    log.run("append", entries=[entry(2, action="revoke_sign_off", procedure="calendar", details=details["entry"])])
    assert held(log, ledger)[0][0] == "ok"
    lines = ledger.read_text().splitlines()
    ledger.write_text("".join(f"{lines[place]}\n" for place in order))
    assert read_ledger(str(ledger)).newest(), "it counts again"
    ((status, message),) = held(log, ledger)
    assert (status, "stand behind what was said of them later" in message) == ("critical", True)


def test_where_nobody_signed_anything_nothing_is_said(log: Log, tmp_path: Path) -> None:
    log.append(1)
    assert held(log, tmp_path / "none.jsonl") == []
    lines = '{"kind":"signed"}\n' + json.dumps({"kind": "odd"})
    (tmp_path / "none.jsonl").write_text(lines)
    assert held(log, tmp_path / "none.jsonl") == []


def test_a_ledger_that_cannot_be_read_is_unknown(log: Log, tmp_path: Path) -> None:
    log.append(1)
    (tmp_path / "folder").mkdir()
    assert held(log, tmp_path / "folder")[0][0] == "unknown"
