"""The head of a dump gets another date, and nothing else of it changes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.demo import archive
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

NIGHT = datetime(2026, 3, 1, 2, 0, 30, tzinfo=timezone(timedelta(hours=-3)))
TAIL = b"\0\x06\0\0\0clinic" + b"x" * 200


def head(version: tuple[int, int], *, compression: bytes) -> bytes:
    return b"PGDMP" + bytes((*version, 0)) + b"\4\x08\1" + compression


def integers(*values: int) -> bytes:
    return b"".join(b"\0" + value.to_bytes(4, "little") for value in values)


@pytest.mark.parametrize(
    ("version", "compression"),
    [((1, 14), b"\0\x06\0\0\0"), ((1, 15), b"\1"), ((1, 16), b"\1"), ((2, 0), b"\1")],
)
def test_only_the_date_changes(tmp_path: Path, version: tuple[int, int], compression: bytes) -> None:
    dump = tmp_path / "clinic.dump"
    begin = head(version, compression=compression)
    dump.write_bytes(begin + integers(44, 27, 1, 21, 10, 126, 0) + TAIL)
    archive.redate(str(dump), NIGHT)
    local = NIGHT.astimezone()
    summer = 1 if local.dst() else 0
    date = integers(local.second, local.minute, local.hour, local.day, local.month - 1, 126, summer)
    assert dump.read_bytes() == begin + date + TAIL
    assert dump.stat().st_mtime == NIGHT.timestamp()


@pytest.mark.parametrize("content", [b"", b"PGDMP", b"-- a plain dump\n" * 20])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other.dump"
    other.write_bytes(content)
    with pytest.raises(MaintenanceError, match="no dump in pg_dump's custom format"):
        archive.redate(str(other), NIGHT)
    assert other.read_bytes() == content
