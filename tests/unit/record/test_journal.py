"""The journal: what is written is read, and what is missing is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.record.journal import (
    JOURNAL,
    JournalWriter,
    read_journal,
)

TIME = "2026-03-01T02:30:00Z"


def write(folder: Path, kinds: str = "abc") -> Path:
    writer = JournalWriter(str(folder))
    for kind in kinds:
        writer.append(kind, TIME, text="é\nsecond line")
    writer.close()
    return folder / JOURNAL


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    journal = read_journal(str(tmp_path))
    assert [entry["kind"] for entry in journal.entries] == ["a", "b", "c"]
    assert journal.entries[0]["text"] == "é\nsecond line"
    assert journal.problems == []


def test_a_second_writer_goes_on_numbering(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "d")
    journal = read_journal(str(tmp_path))
    assert [entry["n"] for entry in journal.entries] == [1, 2, 3, 4]
    assert journal.problems == []


def test_the_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert write(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_line_cut_off_by_a_kill_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    journal = read_journal(str(tmp_path))
    assert [entry["kind"] for entry in journal.entries] == ["a", "b"]
    assert journal.problems == ["Line 3 of the journal is torn or damaged."]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (0, "The journal lacks the entries 1 to 1."),
        (1, "The journal lacks the entries 2 to 2."),
    ],
)
def test_an_entry_taken_out_is_told(tmp_path: Path, line: int, problem: str) -> None:
    path = write(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:line] + lines[line + 1 :]))
    assert read_journal(str(tmp_path)).problems == [problem]


def test_no_journal_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(MaintenanceError, match="cannot be read: No such file"):
        read_journal(str(tmp_path))


def test_an_entry_after_a_torn_line_is_not_glued_to_it(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    write(tmp_path, "d")
    journal = read_journal(str(tmp_path))
    assert [entry["kind"] for entry in journal.entries] == ["a", "b", "d"]


def test_a_line_that_was_written_and_not_counted_is_no_gap(tmp_path: Path) -> None:
    path = write(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))
    assert read_journal(str(tmp_path)).problems == []
