"""Archives that only pg_restore can inflate: its output is counted, its complaints are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.backups.archive import Archive
from ansible_collections.careops.maintenance.plugins.module_utils.backups.blocks import look
from ansible_collections.careops.maintenance.plugins.module_utils.backups.outside import count_rows
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from tests.unit.backups.forge import ZSTD, Table, archive


@pytest.fixture
def whole(tmp_path: Path) -> tuple[str, Archive]:
    path = tmp_path / "clinic.dump"
    path.write_bytes(archive([Table("a"), Table("b")], version=(1, 16), compression=ZSTD))
    return str(path), look(str(path))


def pretend(folder: Path, script: str) -> str:
    program = folder / "pg_restore"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(folder)


def test_rows_are_counted(tmp_path: Path, whole: tuple[str, Archive]) -> None:
    end = r"\\.\n"
    begin = r"COPY public.{} (id) FROM stdin;\n"
    text = r"SET x;\n" + begin.format("a") + r"1\n" + begin.format("b") + end + begin.format("b") + end
    bindir = pretend(tmp_path, f"printf '{text}'")
    # A row that looks like the beginning of a table is a row.
    assert count_rows(*whole, bindir=bindir, timeout=30) == ({"public.a": 2, "public.b": 0}, "")


def test_damage_is_told_in_its_words(tmp_path: Path, whole: tuple[str, Archive]) -> None:
    bindir = pretend(tmp_path, "echo 'pg_restore: error: could not decompress data: bad block' >&2; exit 1")
    rows, problem = count_rows(*whole, bindir=bindir, timeout=30)
    assert rows == {}
    assert problem == "is corrupt: pg_restore cannot read it (could not decompress data: bad block)"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'pg_restore: error: unsupported version (1.16) in file header' >&2; exit 1",
            "install newer client tools",
        ),
        ("exec sleep 60", "did not end within 1 seconds"),
    ],
)
def test_tools_that_cannot_are_no_damage(tmp_path: Path, whole: tuple[str, Archive], script: str, words: str) -> None:
    with pytest.raises(MaintenanceError, match=words):
        count_rows(*whole, bindir=pretend(tmp_path, script), timeout=1)
