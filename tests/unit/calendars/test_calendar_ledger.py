"""The ledger of sign-offs: only added to, read whatever its last line looks like."""

from __future__ import annotations

import json
import multiprocessing
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.calendars.ledger import TOLD, appending, path_of
from ansible_collections.careops.maintenance.plugins.module_utils.calendars.signing import (
    Request,
    list_sign_offs,
    revoke,
    sign,
)
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)
SLOT = "2026-11-20T08:00:00Z"


def signed(root: Path, *, check_mode: bool = False, **more: Any) -> Any:
    wish = {"task": "agreements", "occurrence": SLOT, "by": "M. Berger", "evidence": "minutes.pdf", **more}
    return sign(str(root), Request(**wish), now=NOW, check_mode=check_mode)


def revoked(root: Path, **more: Any) -> Any:
    wish = {"task": "agreements", "occurrence": SLOT, "by": "J. de Vries", "reason": "Two were left out", **more}
    return revoke(str(root), Request(**wish), now=NOW, check_mode=False)


def lines(root: Path) -> list[str]:
    return Path(path_of(str(root))).read_text().splitlines()


def in_force(root: Path) -> list[tuple[str, str, str]]:
    details = list_sign_offs(str(root)).details
    assert details is not None
    return [(row["task"], row["by"], row["outcome"]) for row in details["sign_offs"]]


def test_a_sign_off_is_written_and_listed(tmp_path: Path) -> None:
    outcome = signed(tmp_path, remark="  with\nthe auditor ")
    assert (outcome.actions[0].outcome, outcome.actions[0].changed) == ("done", True)
    assert [json.loads(line) for line in lines(tmp_path)] == [
        {
            "kind": "signed",
            "task": "agreements",
            "occurrence": SLOT,
            "by": "M. Berger",
            "at": "2026-11-20T12:00:00Z",
            "evidence": "minutes.pdf",
            "outcome": "done",
            "remark": "with the auditor",
        }
    ]
    assert in_force(tmp_path) == [("agreements", "M. Berger", "done")]
    assert Path(path_of(str(tmp_path))).stat().st_mode & 0o777 == 0o640


def test_where_nothing_was_signed_there_is_nothing(tmp_path: Path) -> None:
    assert in_force(tmp_path) == []
    assert not (tmp_path / "calendar").exists()


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    first = signed(tmp_path)
    again = signed(tmp_path, evidence="other.pdf", occurrence="2026-11-20T09:00:00+01:00")
    assert (again.actions[0].outcome, again.actions[0].changed) == ("skipped", False)
    assert "revoke that to say it anew" in again.actions[0].reason
    assert again.details["entry"] == first.details["entry"]
    assert len(lines(tmp_path)) == 1


def test_another_person_or_another_outcome_is_something_new(tmp_path: Path) -> None:
    signed(tmp_path, outcome="failed")
    assert in_force(tmp_path) == [("agreements", "M. Berger", "failed")]
    assert signed(tmp_path).actions[0].changed
    assert signed(tmp_path, by="A. Jansen").actions[0].changed
    assert in_force(tmp_path) == [("agreements", "A. Jansen", "done")]


def test_a_revoked_sign_off_counts_no_more_and_may_be_given_anew(tmp_path: Path) -> None:
    signed(tmp_path)
    signed(tmp_path, task="other")
    assert revoked(tmp_path).actions[0].changed
    assert in_force(tmp_path) == [("other", "M. Berger", "done")]
    again = revoked(tmp_path)
    assert (again.actions[0].outcome, again.details["entry"]) == ("skipped", {})
    assert signed(tmp_path).actions[0].changed
    assert len(lines(tmp_path)) == 4


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    outcome = signed(tmp_path, check_mode=True)
    assert (outcome.actions[0].outcome, outcome.actions[0].changed) == ("planned", True)
    assert not (tmp_path / "calendar").exists()


@pytest.mark.parametrize(
    "torn", [b'{"kind":"signed","task":"x', b"\x00\xff\n", b"[1]\n", b'{"kind":"odd"}\n', b"null\n"]
)
def test_a_damaged_line_is_told_and_harms_no_other(tmp_path: Path, torn: bytes) -> None:
    signed(tmp_path)
    with open(path_of(str(tmp_path)), "ab") as stream:
        stream.write(torn)
    outcome = signed(tmp_path, task="other")
    assert [finding.check for finding in outcome.findings] == ["calendar.sign_offs"]
    assert in_force(tmp_path) == [("agreements", "M. Berger", "done"), ("other", "M. Berger", "done")]
    listed = list_sign_offs(str(tmp_path))
    assert "Line 2 of the sign-offs is torn or damaged" in listed.findings[0].message
    assert listed.findings[0].status == "warning"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"by": "  "}, "The option by"),
        ({"evidence": ""}, "The option evidence"),
        ({"task": ""}, "The option task"),
        ({"occurrence": "friday"}, "option occurrence must be a moment"),
        ({"remark": "x" * 2001}, "2000 at most"),
    ],
)
def test_what_is_missing_is_refused_and_nothing_is_written(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    with pytest.raises(MaintenanceError, match=words):
        signed(tmp_path, **more)
    with pytest.raises(MaintenanceError, match="The option reason"):
        revoked(tmp_path, reason="")
    assert not (tmp_path / "calendar").exists()


def test_of_a_sign_off_that_a_full_disk_cut_short_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed(tmp_path)
    before = Path(path_of(str(tmp_path))).read_bytes()
    write = os.write

    def half(descriptor: int, content: bytes) -> int:
        if len(content) < 20:
            raise OSError(28, os.strerror(28))
        return write(descriptor, content[: len(content) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(MaintenanceError, match="No space left on device"):
        signed(tmp_path, task="other")
    monkeypatch.undo()
    assert Path(path_of(str(tmp_path))).read_bytes() == before
    assert not signed(tmp_path, task="other").findings


def test_only_the_newest_occurrences_are_told(tmp_path: Path) -> None:
    for day in range(1, 20):
        signed(tmp_path, occurrence=f"2026-10-{day:02}T08:00:00Z")
    details = list_sign_offs(str(tmp_path)).details
    assert details is not None
    assert [row["occurrence"][:10] for row in details["sign_offs"]] == [
        f"2026-10-{day}" for day in range(20 - TOLD, 20)
    ]


def _sign_many(root: str, person: str) -> None:
    for number in range(20):
        signed(Path(root), by=person, task=f"task-{number}")


def test_two_at_once_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    people = ["A", "B", "A"]
    workers = [context.Process(target=_sign_many, args=(str(tmp_path), person)) for person in people]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rows = [json.loads(line) for line in lines(tmp_path)]
    assert sorted((row["task"], row["by"]) for row in rows) == sorted(
        (f"task-{number}", person) for number in range(20) for person in "AB"
    )


def _sign_and_tell(root: str, begun: Any) -> None:
    begun.set()
    signed(Path(root))


def test_who_writes_second_sees_what_the_first_wrote(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    with appending(path_of(str(tmp_path))) as held:
        second = context.Process(target=_sign_and_tell, args=(str(tmp_path), begun))
        second.start()
        assert begun.wait(60)
        # Time for it to be at the lock; without one, it would have written by then.
        second.join(0.5)
        row = {"kind": "signed", "task": "agreements", "occurrence": SLOT, "by": "M. Berger", "at": SLOT}
        held.append({**row, "evidence": "minutes.pdf", "outcome": "done"})
    second.join(60)
    assert len(lines(tmp_path)) == 1


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "calendar").write_text("no folder")
    with pytest.raises(MaintenanceError, match="so it does not count"):
        signed(tmp_path)
