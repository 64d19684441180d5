"""Custom-format archives made by hand, so that every byte of them is known."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime

GZIP, NONE, ZSTD = 1, 0, 3


def number(value: int) -> bytes:
    return bytes([1 if value < 0 else 0]) + abs(value).to_bytes(4, "little")


def text(value: str | None) -> bytes:
    if value is None:
        return number(-1)
    data = value.encode()
    return number(len(data)) + data


@dataclass
class Table:
    name: str
    rows: list[str] = field(default_factory=list)
    schema: str = "public"
    with_data: bool = True

    def block(self, dump_id: int, compression: int) -> bytes:
        data = "".join(f"{row}\n" for row in self.rows).encode() + b"\\.\n\n\n"
        stream = zlib.compress(data) if compression == GZIP else data
        # Two chunks, as pg_dump writes many.
        half = max(1, len(stream) // 2)
        chunks = [stream[:half], stream[half:]]
        body = b"".join(number(len(chunk)) + chunk for chunk in chunks if chunk)
        return b"\x01" + number(dump_id) + body + number(0)


def archive(
    tables: list[Table],
    *,
    version: tuple[int, int] = (1, 14),
    compression: int = GZIP,
    created: datetime = datetime(2026, 3, 1, 2, 0, 0),
    daylight_saving: bool = False,
    database: str = "clinic",
    placed: bool = True,
) -> bytes:
    """placed: with the place of each block in the table of contents, as in a file; without, as in a pipe."""
    head = b"PGDMP" + bytes([*version, 0, 4, 8, 1])
    head += bytes([compression]) if version >= (1, 15) else number(-1 if compression else 0)
    stamp = [created.second, created.minute, created.hour, created.day, created.month - 1, created.year - 1900]
    head += b"".join(number(part) for part in [*stamp, int(daylight_saving)])
    head += text(database) + text("15.4") + text("15.4")
    blocks = {index: table.block(100 + index, compression) for index, table in enumerate(tables) if table.with_data}
    size = len(head) + len(_contents(tables, version, {}))
    places = {}
    for index, block in blocks.items():
        places[index] = size
        size += len(block)
    return head + _contents(tables, version, places if placed else {}) + b"".join(blocks.values())


def _contents(tables: list[Table], version: tuple[int, int], places: dict[int, int]) -> bytes:
    entries = []
    for index, table in enumerate(tables):
        entries.append(_entry(index + 1, table, "TABLE", version, copy="", data=b"\x03" + bytes(8)))
        if table.with_data:
            place = places.get(index)
            data = b"\x01" + bytes(8) if place is None else b"\x02" + place.to_bytes(8, "little")
            copy = f"COPY {table.schema}.{table.name} (id) FROM stdin;\n"
            entries.append(_entry(100 + index, table, "TABLE DATA", version, copy=copy, data=data))
    return number(len(entries)) + b"".join(entries)


def _entry(dump_id: int, table: Table, kind: str, version: tuple[int, int], *, copy: str, data: bytes) -> bytes:
    entry = number(dump_id) + number(1 if copy else 0) + text("1259") + text("16400") + text(table.name) + text(kind)
    entry += number(2) + text(f"CREATE TABLE {table.name} ();") + text("DROP TABLE x;") + text(copy)
    entry += text(table.schema) + text("")
    if version >= (1, 14):
        entry += text("heap")
    if version >= (1, 16):
        entry += number(ord("r"))
    return entry + text("postgres") + text("false") + text("1") + text(None) + data
