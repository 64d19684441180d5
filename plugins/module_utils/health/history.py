# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier looks saw: a file of JSON lines that looks are added to, and that forgets what is too old.

A line names the things that are looked at; the line of a look says which of those lines it goes by, and has a moment
and a character for each thing: ``1`` up, ``0`` down, ``-`` not known. So a month of looks at a hundred things is small.
"""

from __future__ import annotations

import errno
import json
import math
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..files import locked, text_of, write_atomic

UP, DOWN, UNKNOWN = "1", "0", "-"
_MODE = 0o640
_FOLDER_MODE = 0o750
# Rewritten when this share of the time that is kept lies beyond it, not at every look.
_STALE = 0.1
_KEYS = '{"keys"'
_LAST = ".last"


@dataclass(frozen=True)
class Seen:
    """One look. at: seconds since 1970. states: a character for each key.

    times: milliseconds that each took to answer, as text with commas, so that nobody pays for what is not asked.
    """

    at: float
    keys: tuple[str, ...]
    states: str
    times: str = ""

    @property
    def seconds(self) -> dict[str, float]:
        """How long each took to answer, where it was measured."""
        return {key: int(text) / 1000 for key, text in zip(self.keys, self.times.split(",")) if text.isdigit()}


def seen(at: float, states: Mapping[str, Optional[bool]], seconds: Mapping[str, float]) -> Seen:
    """A look as it is kept."""
    keys = tuple(sorted(states))
    marks = {True: UP, False: DOWN, None: UNKNOWN}
    times = ",".join(str(round(seconds[key] * 1000)) if key in seconds else "" for key in keys) if seconds else ""
    return Seen(at, keys, "".join(marks[states[key]] for key in keys), times)


def parse(text: str) -> list[Seen]:
    """The looks of a file, by time. A line that is damaged, such as one that a crash cut off, is passed over."""
    return sorted(_looks(text, _named(text)), key=lambda look: look.at)


def _looks(text: str, named: Mapping[str, tuple[str, ...]]) -> Iterator[Seen]:
    for line in text.splitlines():
        row = _row(line)
        keys = named.get(str(row.get("of")), ())
        if _is_look(row, keys):
            yield Seen(float(row["at"]), keys, row["states"], str(row.get("ms", "")))


def _named(text: str) -> dict[str, tuple[str, ...]]:
    """The things that lines name, by what looks call the line."""
    rows = (_row(line) for line in text.splitlines() if line.startswith(_KEYS))
    named = (tuple(map(str, row["keys"])) for row in rows if isinstance(row.get("keys"), list))
    return {_mark(keys): keys for keys in named}


def _row(line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _mark(keys: Sequence[str]) -> str:
    """What a look says of whose states it has."""
    return f"{zlib.crc32(json.dumps(list(keys)).encode()):08x}"


def _is_look(row: Mapping[str, Any], keys: Sequence[str]) -> bool:
    at, states = row.get("at"), row.get("states")
    return (
        isinstance(at, (int, float))
        and not isinstance(at, bool)
        and math.isfinite(at)
        and isinstance(states, str)
        and len(states) == len(keys) > 0
        and set(states) <= {UP, DOWN, UNKNOWN}
    )


def render(looks: Sequence[Seen], *, named: Iterable[str] = ()) -> str:
    """The looks as the lines of a file. named: the lines of names that the file has already."""
    lines = []
    known = set(named)
    for look in looks:
        mark = _mark(look.keys)
        if mark not in known:
            known.add(mark)
            lines.append(json.dumps({"keys": list(look.keys)}))
        row: dict[str, Any] = {"at": round(look.at, 3), "of": mark, "states": look.states}
        if look.times:
            row["ms"] = look.times
        lines.append(json.dumps(row))
    return "".join(f"{line}\n" for line in lines)


def read(path: str) -> list[Seen]:
    """The looks in the file; none where there is no file. Raises OSError where it may not be read."""
    return parse(_content(path))


def _content(path: str) -> str:
    if not os.path.lexists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def read_facts(path: str) -> Mapping[str, Any]:
    """What the last look left for the next one to compare with."""
    return _row(text_of(path + _LAST))


def record(path: str, look: Seen, facts: Mapping[str, Any], *, oldest: float) -> None:
    """Adds the look, durably, and drops what is older than ``oldest`` once that is worth it. Raises OSError.

    Two at the same time wait for each other. A look that could not be written as a whole is taken back.
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=_FOLDER_MODE, exist_ok=True)
    with locked(path + ".lock", mode=_MODE):
        text = _content(path)
        named = _named(text)
        first = next(_looks(text, named), look)
        if first.at < oldest - _STALE * (look.at - oldest):
            kept = [one for one in (*parse(text), look) if one.at >= oldest]
            write_atomic(path, render(kept).encode(), mode=_MODE)
        else:
            _append(path, render([look], named=named).encode())
        write_atomic(path + _LAST, json.dumps(facts).encode(), mode=_MODE)


def _append(path: str, lines: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "r+b", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(size - 1)
            if stream.read(1) != b"\n":  # a crash cut the last line off
                lines = b"\n" + lines
        try:
            if stream.write(lines) != len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
