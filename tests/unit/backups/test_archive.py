"""Reading archives: what is in them, and every kind of damage by its name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.backups.archive import Archive, Damage
from ansible_collections.careops.maintenance.plugins.module_utils.backups.blocks import (
    hash_file,
    look,
    read_through,
)
from tests.unit.backups.forge import GZIP, NONE, ZSTD, Table, archive

TABLES = [
    Table("patients", [f"{n}\tpatient number {n}" for n in range(400)]),
    Table("empty"),
    Table("visits", ["1", "2", "3"], schema="Odd schema"),
]


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / "clinic.dump"
        path.write_bytes(content)
        return str(path)

    return write


@pytest.mark.parametrize("placed", [True, False], ids=["to a file", "to a pipe"])
@pytest.mark.parametrize("compression", [NONE, GZIP])
@pytest.mark.parametrize("version", [(1, 12), (1, 13), (1, 14), (1, 15), (1, 16)])
def test_intact_archive_is_read(
    put: Callable[[bytes], str], version: tuple[int, int], compression: int, placed: bool
) -> None:
    content = archive(TABLES, version=version, compression=compression, placed=placed)
    path = put(content)
    reading, damage, sha256 = read_through(path)
    assert damage is None
    assert reading is not None
    assert reading.rows == {"public.patients": 400, "public.empty": 0, "Odd schema.visits": 3}
    assert sha256 == hashlib.sha256(content).hexdigest() == hash_file(path)
    for found in (look(path), reading.archive):
        assert isinstance(found, Archive)
        assert found.created == datetime(2026, 3, 1, 2, 0)
        assert (found.database, found.server_version) == ("clinic", "15.4")
        assert [entry.name for entry in found.of_kind("TABLE")] == [
            "public.patients",
            "public.empty",
            "Odd schema.visits",
        ]
        assert {entry.owner for entry in found.entries} == {"postgres"}


def test_what_python_cannot_inflate_is_still_measured(put: Callable[[bytes], str]) -> None:
    path = put(archive(TABLES, version=(1, 15), compression=ZSTD))
    reading, damage, _sha256 = read_through(path)
    assert damage is None
    assert reading is not None
    assert reading.inflated is False
    assert reading.rows == {}


WHOLE = archive(TABLES)
PATIENTS = TABLES[0].block(100, GZIP)
START = WHOLE.index(PATIENTS)
EMPTY = TABLES[1].block(101, GZIP)
LAST = TABLES[2].block(102, GZIP)


def flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :]


DAMAGES = {
    "empty": (b"", "empty", "is empty"),
    "text": (b"-- PostgreSQL database dump\n", "foreign", "no pg_dump archive"),
    "zeros": (bytes(4096), "corrupt", "begins with zeros"),
    "three bytes": (b"PGD", "truncated", "less than an archive's head"),
    "head only": (WHOLE[:9], "truncated", "ends at byte 9"),
    "half the contents": (WHOLE[: START // 2], "truncated", "is truncated"),
    "in the first block": (WHOLE[: START + len(PATIENTS) // 2], "truncated", "is truncated"),
    "after the first block": (WHOLE[: START + len(PATIENTS)], "truncated", "before the data of public.empty"),
    "last byte": (WHOLE[:-1], "truncated", "within the data of Odd schema.visits"),
    "appended": (WHOLE + b"xyz", "appended", "3 foreign bytes behind its end"),
    "appended more": (WHOLE + b"x" * 100, "appended", "100 foreign bytes behind its end"),
    "newer version": (flipped(WHOLE, 6), "unsupported", "versions 1.12 to 1.16"),
    "tar": (WHOLE[:10] + b"\x03" + WHOLE[11:], "unsupported", "tar format"),
    "wrong flag": (WHOLE.replace(b"\x03" + bytes(8), b"\x07" + bytes(8)), "corrupt", "wrong flag"),
    "no such date": (WHOLE[:32] + b"\x63" + WHOLE[33:], "corrupt", "is no date"),
}


@pytest.mark.parametrize("content, kind, words", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_named(put: Callable[[bytes], str], content: bytes, kind: str, words: str) -> None:
    path = put(content)
    with pytest.raises(Damage) as caught:
        look(path)
    reading, damage, sha256 = read_through(path)
    assert reading is None
    assert damage is not None
    assert caught.value.kind == damage.kind == kind
    assert words in str(caught.value) or words in str(damage)
    assert sha256 == hashlib.sha256(content).hexdigest()


def test_missing_member_is_named(put: Callable[[bytes], str]) -> None:
    path = put(WHOLE.replace(EMPTY, b""))
    with pytest.raises(Damage, match=r"misses the data of public\.empty") as caught:
        look(path)
    assert caught.value.kind == "missing_member"
    reading, damage, _sha256 = read_through(path)
    assert reading is None
    assert damage is not None
    assert damage.kind == "missing_member"
    assert "public.empty" in str(damage)


@pytest.mark.parametrize("compression", [GZIP, NONE])
def test_flipped_bits_in_the_data_need_the_full_reading(put: Callable[[bytes], str], compression: int) -> None:
    content = archive(TABLES, compression=compression)
    end = content.index(b"\\.\n\n\n") if compression == NONE else START + 200
    path = put(flipped(content, end))
    look(path)
    reading, damage, _sha256 = read_through(path)
    assert reading is None
    assert damage is not None
    assert damage.kind == "corrupt"
    assert "public.patients" in str(damage)


@pytest.mark.parametrize("compression", [GZIP, NONE])
@pytest.mark.parametrize("placed", [True, False])
def test_every_truncation_is_seen_by_the_quick_look(
    put: Callable[[bytes], str], compression: int, placed: bool
) -> None:
    content = archive([Table("a", ["1", "2"]), Table("b", ["3"])], compression=compression, placed=placed)
    for length in [*range(0, len(content) - 60, 3), *range(len(content) - 60, len(content))]:
        path = put(content[:length])
        with pytest.raises(Damage):
            look(path)
        _reading, damage, _sha256 = read_through(path)
        assert damage is not None, length


def test_no_mutated_byte_ends_in_another_exception(put: Callable[[bytes], str]) -> None:
    content = archive([Table("a", ["1", "2"])], version=(1, 16))
    for position in range(len(content)):
        for value in (0x00, 0x7F, 0xFF):
            path = put(content[:position] + bytes([value]) + content[position + 1 :])
            read_through(path)
            try:
                look(path)
            except Damage as damage:
                assert str(damage)
