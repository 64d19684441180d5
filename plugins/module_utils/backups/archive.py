# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads header and table of contents of a pg_dump custom-format archive.

The layout is PostgreSQL's own, archive versions 1.12 to 1.16 (pg_dump 9.6 to 18): a head, the table
of contents, then one data block for every entry that has data, and nothing behind the last one.
No library is needed, and damage is named more exactly than pg_restore does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Optional, Protocol

MAGIC = b"PGDMP"
OLDEST, NEWEST = (1, 12), (1, 16)
CUSTOM_FORMAT = 1
COMPRESSIONS = ("none", "gzip", "lz4", "zstd")
_FORMATS = {1: "custom", 3: "tar", 5: "directory"}
_OFFSET_SET, _NO_DATA = 2, 3
_LONGEST = 1 << 30  # PostgreSQL's own limit of a text value


class Damage(Exception):
    """The archive is not what pg_dump wrote.

    kind: empty, foreign (no such archive), unsupported, truncated, corrupt, missing_member, appended.
    The text continues the sentence "The backup <path> ...".
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Entry:
    """One object of the table of contents. offset: where its data is, in bytes; None where not recorded."""

    dump_id: int
    tag: str
    kind: str
    definition: str
    copy: str
    schema: str
    owner: str
    has_data: bool
    offset: Optional[int]
    partitioned: bool = False

    @property
    def name(self) -> str:
        """With its schema, where it has one."""
        return f"{self.schema}.{self.tag}" if self.schema else self.tag


@dataclass(frozen=True)
class Archive:
    """Head and table of contents. created: local time of the host that dumped, without its zone."""

    version: tuple[int, int]
    int_size: int
    offset_size: int
    compression: str
    created: datetime
    daylight_saving: bool
    database: str
    server_version: str
    dump_version: str
    data_start: int
    entries: Sequence[Entry] = field(default=(), repr=False)

    def of_kind(self, *kinds: str) -> list[Entry]:
        """The entries of these kinds, TABLE or INDEX for instance."""
        return [entry for entry in self.entries if entry.kind in kinds]


class Source(Protocol):
    """What is read from: a file, or one that is hashed on the way."""

    def read(self, size: int, /) -> bytes: ...


class Reader:
    """Reads the archive's own numbers and texts. position and size in bytes."""

    def __init__(self, stream: Source, *, size: int) -> None:
        self.stream = stream
        self.size = size
        self.position = 0
        self.int_size = 4
        self.offset_size = 8

    def take(self, count: int) -> bytes:
        """The next bytes. Raises Damage where the file ends before."""
        data = self.stream.read(count)
        self.position += len(data)
        if len(data) < count:
            raise Damage("truncated", f"is truncated: it ends at byte {self.position:,}, in the middle of an item")
        return data

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        data = self.take(1 + self.int_size)
        value = int.from_bytes(data[1:], "little")
        if data[0] > 1:
            raise Damage("corrupt", f"is corrupt: byte {self.position - len(data):,} begins no number")
        return -value if data[0] else value

    def text(self) -> Optional[str]:
        length = self.integer()
        if length < 0:
            return None
        if length > min(self.size, _LONGEST):
            raise Damage("corrupt", f"is corrupt: the text at byte {self.position:,} claims {length:,} bytes")
        return self.take(length).decode("utf-8", "replace")

    def offset(self) -> tuple[bool, Optional[int]]:
        """Whether there is data, and where."""
        flag = self.byte()
        value = int.from_bytes(self.take(self.offset_size), "little")
        if flag not in (1, _OFFSET_SET, _NO_DATA):
            raise Damage("corrupt", f"is corrupt: its table of contents has a wrong flag at byte {self.position:,}")
        return flag != _NO_DATA, value if flag == _OFFSET_SET else None


def read_archive(reader: Reader) -> Archive:
    """Head and table of contents, from the beginning of a file. Raises Damage."""
    version = _read_signature(reader)
    reader.int_size, reader.offset_size = reader.byte(), reader.byte()
    form = reader.byte()
    if form != CUSTOM_FORMAT:
        raise Damage(
            "unsupported",
            f"is a pg_dump archive of the {_FORMATS.get(form, 'unknown')} format; only the custom format is read here",
        )
    if not (reader.int_size == 4 and reader.offset_size == 8):
        raise Damage("corrupt", "is corrupt: its head claims number sizes that no pg_dump writes")
    if version >= (1, 15):
        algorithm = reader.byte()
        if algorithm >= len(COMPRESSIONS):
            raise Damage("corrupt", f"is corrupt: its head names the unknown compression {algorithm}")
        compression = COMPRESSIONS[algorithm]
    else:
        compression = "gzip" if reader.integer() else "none"
    created, daylight_saving = _read_created(reader)
    database, server, dumper = (reader.text() or "" for repeat in range(3))
    count = reader.integer()
    if not 0 <= count <= reader.size:
        raise Damage("corrupt", f"is corrupt: its table of contents claims {count:,} entries")
    entries = [_read_entry(reader, version) for repeat in range(count)]
    return Archive(
        version=version,
        int_size=reader.int_size,
        offset_size=reader.offset_size,
        compression=compression,
        created=created,
        daylight_saving=daylight_saving,
        database=database,
        server_version=server,
        dump_version=dumper,
        data_start=reader.position,
        entries=entries,
    )


def open_archive(stream: BinaryIO, *, size: int) -> Archive:
    """The same for a file that is open at its beginning. size: its bytes. Raises Damage, OSError."""
    return read_archive(Reader(stream, size=size))


def _read_signature(reader: Reader) -> tuple[int, int]:
    if reader.size == 0:
        raise Damage("empty", "is empty: 0 bytes")
    start = reader.stream.read(len(MAGIC))
    reader.position = len(start)
    if start != MAGIC:
        if MAGIC.startswith(start):
            raise Damage("truncated", f"is truncated: it has {reader.size} bytes, less than an archive's head")
        if not start.strip(b"\0"):
            raise Damage("corrupt", "is corrupt: it begins with zeros, as after a crash before its blocks were written")
        raise Damage("foreign", f"is no pg_dump archive: it begins with {_shown(start)}, not with PGDMP")
    major, minor, _revision = reader.take(3)
    version = (major, minor)
    if not OLDEST <= version <= NEWEST:
        raise Damage(
            "unsupported",
            f"has the archive version {major}.{minor}; versions {_dotted(OLDEST)} to {_dotted(NEWEST)} can be read, "
            "so it is corrupt or from a newer PostgreSQL",
        )
    return version


def _read_created(reader: Reader) -> tuple[datetime, bool]:
    second, minute, hour, day, month, year, daylight = (reader.integer() for repeat in range(7))
    try:
        # tm_mon counts from 0, tm_year from 1900, and second 60 is a leap second.
        return datetime(year + 1900, month + 1, day, hour, minute, min(second, 59)), daylight > 0
    except (ValueError, OverflowError):
        raise Damage("corrupt", "is corrupt: the moment of creation in its head is no date") from None


def _read_entry(reader: Reader, version: tuple[int, int]) -> Entry:
    dump_id = reader.integer()
    reader.integer()
    reader.text()
    reader.text()
    tag, kind = reader.text() or "", reader.text() or ""
    reader.integer()
    definition, _drop, copy = reader.text() or "", reader.text(), reader.text() or ""
    schema, _tablespace = reader.text() or "", reader.text()
    if version >= (1, 14):
        reader.text()
    relkind = reader.integer() if version >= (1, 16) else 0
    owner = reader.text() or ""
    reader.text()
    while reader.text() is not None:
        pass
    has_data, offset = reader.offset()
    return Entry(
        dump_id=dump_id,
        tag=tag,
        kind=kind,
        definition=definition,
        copy=copy,
        schema=schema,
        owner=owner,
        has_data=has_data,
        offset=offset,
        partitioned=kind == "TABLE" and (relkind == ord("p") or "\nPARTITION BY " in definition),
    )


def _shown(start: bytes) -> str:
    text = start.decode("ascii", "replace")
    return repr(text) if text.isprintable() else "0x" + start.hex()


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
