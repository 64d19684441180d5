"""The folder that pg_backup keeps: names, leftovers, retention, and the lock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.backups import folder
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from tests.unit.backups.forge import Table, archive

NAMING = folder.Naming("clinic")
FIRST = datetime(2026, 3, 1, 2, tzinfo=timezone.utc)


def kept(day: int, problem: str = "") -> folder.Kept:
    moment = FIRST + timedelta(days=day)
    return folder.Kept(f"/b/{NAMING.name_at(moment)}", moment, 1000, problem)


@pytest.mark.parametrize(
    ("name", "is_backup"),
    [
        ("clinic-20260301T020000Z.dump", True),
        ("clinic-20260301T020000Z.dump.partial", False),
        ("clinic-20260301T020000Z.dump.sha256", False),
        ("clinic-20261301T020000Z.dump", False),
        ("clinic-old.dump", False),
        ("clinic2-20260301T020000Z.dump", False),
        ("my-clinic-20260301T020000Z.dump", False),
    ],
)
def test_only_own_names_are_backups(name: str, is_backup: bool) -> None:
    assert (NAMING.moment_of(name) is not None) is is_backup


def test_name_and_moment_are_the_same() -> None:
    naming = folder.Naming("a/b c", "nightly_{timestamp}_{database}.pgdump")
    name = naming.name_at(FIRST)
    assert name == "nightly_20260301T020000Z_a%2Fb%20c.pgdump"
    assert naming.moment_of(name) == FIRST


@pytest.mark.parametrize("template", ["{database}.dump", "x-{timestamp}", "a/{database}-{timestamp}"])
def test_a_name_that_would_not_be_known_again_is_refused(template: str) -> None:
    with pytest.raises(MaintenanceError, match="option name must be a file name"):
        folder.Naming("clinic", template)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("clinic-20260301T020000Z.dump.partial", True),
        (".clinic-20260301T020000Z.dump.sha256.abcd12_x.partial", True),
        ("clinic-20260301T020000Z.dump.sha256", True),
        ("clinic-20260301T020000Z.dump.manifest.json", True),
        ("clinic-20260302T020000Z.dump.sha256", False),
        ("other-20260301T020000Z.dump.partial", False),
        ("clinic.partial", False),
        (".clinic.lock", False),
        ("notes.sha256", False),
    ],
)
def test_leftovers_are_only_ours(tmp_path: Path, name: str, left: bool) -> None:
    (tmp_path / "clinic-20260302T020000Z.dump").write_bytes(b"")
    (tmp_path / name).write_bytes(b"")
    assert (str(tmp_path / name) in folder.leftovers(str(tmp_path), NAMING)) is left


@pytest.mark.parametrize(
    ("backups", "keep", "days"),
    [
        ([kept(0), kept(1), kept(2)], 0, []),
        ([kept(0), kept(1), kept(2)], 2, [0]),
        ([kept(0), kept(1), kept(2)], 5, []),
        ([kept(0), kept(1, "is truncated"), kept(2, "is truncated")], 1, []),
        ([kept(0), kept(1), kept(2, "is truncated")], 1, [0]),
        ([kept(2), kept(0), kept(1, "is empty"), kept(3)], 2, [0]),
        ([kept(0, "is empty")], 1, []),
        ([], 3, []),
    ],
)
def test_retention_counts_the_good_ones_only(backups: list[folder.Kept], keep: int, days: list[int]) -> None:
    gone = folder.removable(backups, keep=keep)
    assert [backup.moment for backup in gone] == [FIRST + timedelta(days=day) for day in days]
    good = [backup for backup in backups if not backup.problem]
    assert not good or set(good) - set(gone)


def test_what_is_kept_is_looked_at(tmp_path: Path) -> None:
    whole = archive([Table("patients", ["1"])])
    for day, content in enumerate([whole, whole[:-4], archive([Table("x")], database="other")]):
        (tmp_path / NAMING.name_at(FIRST + timedelta(days=day))).write_bytes(content)
    problems = [backup.problem for backup in folder.kept_backups(str(tmp_path), NAMING)]
    assert problems[0] == "is of the database other"
    assert "is truncated" in problems[1]
    assert problems[2] == ""


def test_two_runs_never_write_at_a_time(tmp_path: Path) -> None:
    assert not folder.is_locked(str(tmp_path), "clinic")
    with folder.locked(str(tmp_path), "clinic"):
        assert folder.is_locked(str(tmp_path), "clinic")
        with (
            pytest.raises(MaintenanceError, match=r"Another backup of clinic .* is running"),
            folder.locked(str(tmp_path), "clinic"),
        ):
            pass
        with folder.locked(str(tmp_path), "other"):
            pass
    with folder.locked(str(tmp_path), "clinic"):
        pass
    assert not folder.is_locked(str(tmp_path), "clinic")
