# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data blocks of a custom-format archive: a quick look at where they are, or every byte read through.

The quick look finds each block at its recorded place and the end of the last one at the end of the file,
which catches every truncation for the price of a few seeks. The full reading inflates every block (zlib's
own checksum catches flipped bits), counts the rows, and hashes the file on the way.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Optional

from .archive import Archive, Damage, Entry, Reader, open_archive, read_archive

_DATA, _LARGE_OBJECTS = 1, 3
_END_OF_COPY = b"\\.\n\n\n"
_BUFFER = 1 << 20
_SMALL_BUFFER = 1 << 16


@dataclass
class Reading:
    """What reading the whole archive showed.

    rows: by the table's name, where its data is in COPY form. inflated: whether the data was
    decompressed; lz4 and zstd can only be by pg_restore.
    """

    archive: Archive
    rows: dict[str, int] = field(default_factory=dict)
    inflated: bool = True


@dataclass
class _Hashed:
    """A file that is hashed while it is read."""

    stream: BinaryIO
    digest: Any

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.digest.update(data)
        return data


def look(path: str) -> Archive:
    """Head, table of contents, and the place of every data block. Raises Damage, OSError."""
    with open(path, "rb", buffering=_SMALL_BUFFER) as stream:
        size = os.fstat(stream.fileno()).st_size
        archive = open_archive(stream, size=size)
        with_data = [entry for entry in archive.entries if entry.has_data]
        placed = sorted((entry.offset, entry) for entry in with_data if entry.offset is not None)
        if len(placed) < len(with_data):
            # Written to a pipe: nothing is recorded, so every block is walked over.
            _walk(archive, stream, size=size)
            return archive
        for offset, entry in placed:
            if offset >= size:
                raise Damage("truncated", f"is truncated: it ends at byte {size:,}, before the data of {entry.name}")
        for offset, entry in placed:
            _check_place(archive, stream, offset=offset, entry=entry, size=size)
        end = placed[-1][0] if placed else archive.data_start
        _walk(archive, stream, size=size, start=end)
    return archive


def read_through(path: str) -> tuple[Optional[Reading], Optional[Damage], str]:
    """Reads every byte. The reading, or the damage that was found; and the file's SHA-256 in any case.

    Raises OSError.
    """
    digest = hashlib.sha256()
    reading: Optional[Reading] = None
    damage: Optional[Damage] = None
    with open(path, "rb", buffering=_BUFFER) as stream:
        size = os.fstat(stream.fileno()).st_size
        source = _Hashed(stream, digest)
        try:
            reader = Reader(source, size=size)
            archive = read_archive(reader)
            reading = Reading(archive, inflated=archive.compression in ("none", "gzip"))
            _read_blocks(reader, reading)
        except Damage as found:
            reading, damage = None, found
        while source.read(_BUFFER):
            pass
    return reading, damage, digest.hexdigest()


def hash_file(path: str) -> str:
    """SHA-256 of the file, in hex. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        while data := stream.read(_BUFFER):
            digest.update(data)
    return digest.hexdigest()


def _check_place(archive: Archive, stream: BinaryIO, *, offset: int, entry: Entry, size: int) -> None:
    stream.seek(offset)
    reader = _reader_at(archive, stream, offset, size)
    kind, dump_id = reader.byte(), reader.integer()
    if kind not in (_DATA, _LARGE_OBJECTS) or dump_id != entry.dump_id:
        raise Damage(
            "missing_member",
            f"misses the data of {entry.name}: byte {offset:,} does not begin it, as the table of contents says",
        )


def _reader_at(archive: Archive, stream: BinaryIO, position: int, size: int) -> Reader:
    reader = Reader(stream, size=size)
    reader.int_size, reader.offset_size, reader.position = archive.int_size, archive.offset_size, position
    return reader


def _walk(archive: Archive, stream: BinaryIO, *, size: int, start: Optional[int] = None) -> None:
    """Steps over the blocks from start to the end of the file without reading what is in them."""
    position = archive.data_start if start is None else start
    stream.seek(position)
    reader = _reader_at(archive, stream, position, size)
    entries = {entry.dump_id: entry for entry in archive.entries if entry.has_data}
    seen: set[int] = set()
    while reader.position < size:
        # From the last block on, one is all there is.
        complete = len(seen) == (len(entries) if start is None else min(1, len(entries)))
        kind, entry = _begin_block(reader, entries, complete=complete)
        seen.add(entry.dump_id)
        for _large_object in _streams(reader, kind):
            while length := _chunk_length(reader, entry):
                reader.position += length
                if reader.position > size:
                    raise _cut_off(size, entry)
                stream.seek(length, os.SEEK_CUR)
    if start is None:
        _check_members(entries, seen, size=size)


def _read_blocks(reader: Reader, reading: Reading) -> None:
    entries = {entry.dump_id: entry for entry in reading.archive.entries if entry.has_data}
    seen: set[int] = set()
    while reader.position < reader.size:
        kind, entry = _begin_block(reader, entries, complete=len(seen) == len(entries))
        seen.add(entry.dump_id)
        for _large_object in _streams(reader, kind):
            rows = _read_stream(reader, entry, compression=reading.archive.compression)
            if kind == _DATA and rows is not None and entry.copy:
                reading.rows[entry.name] = rows
    _check_members(entries, seen, size=reader.size)


def _begin_block(reader: Reader, entries: dict[int, Entry], *, complete: bool) -> tuple[int, Entry]:
    """complete: whether every block has been there, so that another one is none of the archive's."""
    start = reader.position
    if complete:
        raise Damage("appended", f"has {reader.size - start:,} foreign bytes behind its end at byte {start:,}")
    kind = reader.byte()
    if kind in (_DATA, _LARGE_OBJECTS):
        dump_id = reader.integer()
        if dump_id in entries:
            return kind, entries[dump_id]
    raise Damage("corrupt", f"is corrupt: byte {start:,} begins no data block that its table of contents lists")


def _streams(reader: Reader, kind: int) -> Iterator[int]:
    """One for table data, one for each large object."""
    if kind == _DATA:
        yield 0
        return
    while oid := reader.integer():
        yield oid


def _chunk_length(reader: Reader, entry: Entry) -> int:
    try:
        length = reader.integer()
    except Damage as damage:
        raise (_cut_off(reader.size, entry) if damage.kind == "truncated" else damage) from None
    if length < 0:
        raise Damage("corrupt", f"is corrupt: a piece of the data of {entry.name} claims {length:,} bytes")
    return length


def _read_stream(reader: Reader, entry: Entry, *, compression: str) -> Optional[int]:
    """Reads one stream to its end; the rows in it, or None where it could not be decompressed here."""
    inflate = zlib.decompressobj() if compression == "gzip" else None
    newlines, tail = 0, b""
    while length := _chunk_length(reader, entry):
        if reader.position + length > reader.size:
            raise _cut_off(reader.size, entry)
        data = reader.take(length)
        if inflate is not None:
            try:
                data = inflate.decompress(data)
            except zlib.error as error:
                raise _flipped(entry, str(error)) from None
        newlines += data.count(b"\n")
        tail = (tail + data)[-len(_END_OF_COPY) :]
    if inflate is not None and (not inflate.eof or inflate.unused_data):
        raise _flipped(entry, "its compressed stream does not end where its data does")
    if compression not in ("none", "gzip"):
        return None
    if entry.copy and tail != _END_OF_COPY:
        raise _flipped(entry, "its rows do not end as COPY ends them")
    return newlines - _END_OF_COPY.count(b"\n")


def _check_members(entries: dict[int, Entry], seen: set[int], *, size: int) -> None:
    missing = [entry for dump_id, entry in entries.items() if dump_id not in seen]
    if not missing:
        return
    names = ", ".join(entry.name for entry in missing[:3]) + (" ..." if len(missing) > 3 else "")
    if missing == list(entries.values())[-len(missing) :]:
        # pg_dump writes the data in the order of the table of contents.
        raise Damage("truncated", f"is truncated: it ends at byte {size:,}, before the data of {names}")
    raise Damage("missing_member", f"misses the data of {names}, which its table of contents lists ({size:,} bytes)")


def _cut_off(size: int, entry: Entry) -> Damage:
    return Damage("truncated", f"is truncated: it ends at byte {size:,}, within the data of {entry.name}")


def _flipped(entry: Entry, reason: str) -> Damage:
    return Damage("corrupt", f"is corrupt in the data of {entry.name}: {reason}")
