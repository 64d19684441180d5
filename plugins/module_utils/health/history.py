# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier looks saw: a file of JSON lines that looks are added to, and that forgets what is too old.

A line names the things that are looked at; the line of a look says which of those lines it goes by, and has a moment
and a character for each thing: ``1`` up, ``0`` down, ``-`` not known. So a month of looks at a hundred things is small.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import math
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ..files import text_of, write_atomic

UP, DOWN, UNKNOWN = "1", "0", "-"
_MODE = 0o640
_FOLDER_MODE = 0o750
# Rewritten when more than this share of its lines is too old, not at every look.
_STALE = 0.1
_LAST = ".last"


@dataclass(frozen=True)
class Seen:
    """One look. at: seconds since 1970. states: a character for each key. seconds: by key, where it was measured."""

    at: float
    keys: tuple[str, ...]
    states: str
    seconds: Mapping[str, float] = field(default_factory=dict)


def seen(at: float, states: Mapping[str, Optional[bool]], seconds: Mapping[str, float]) -> Seen:
    """A look as it is kept."""
    keys = tuple(sorted(states))
    marks = {True: UP, False: DOWN, None: UNKNOWN}
    return Seen(at, keys, "".join(marks[states[key]] for key in keys), seconds)


def parse(text: str) -> list[Seen]:
    """The looks of a file, by time. A line that is damaged, such as one that a crash cut off, is passed over."""
    looks = []
    named: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        row = _row(line)
        if isinstance(row.get("keys"), list):
            keys = tuple(map(str, row["keys"]))
            named[_mark(keys)] = keys
            continue
        keys = named.get(str(row.get("of")), ())
        if _is_look(row, keys):
            times = row.get("seconds")
            pairs = zip(keys, times) if isinstance(times, list) else ()
            looks.append(Seen(float(row["at"]), keys, row["states"], {key: value for key, value in pairs if value}))
    return sorted(looks, key=lambda look: look.at)


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


def render(looks: Sequence[Seen], *, named: Iterable[Sequence[str]] = ()) -> str:
    """The looks as the lines of a file. named: keys that the file names already."""
    lines = []
    known = {_mark(keys) for keys in named}
    for look in looks:
        mark = _mark(look.keys)
        if mark not in known:
            known.add(mark)
            lines.append(json.dumps({"keys": list(look.keys)}))
        row: dict[str, Any] = {"at": round(look.at, 3), "of": mark, "states": look.states}
        if look.seconds:
            row["seconds"] = [look.seconds.get(key) for key in look.keys]
        lines.append(json.dumps(row))
    return "".join(f"{line}\n" for line in lines)


def read(path: str) -> list[Seen]:
    """The looks in the file; none where there is no file. Raises OSError where it may not be read."""
    if not os.path.lexists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as stream:
        return parse(stream.read())


def read_facts(path: str) -> Mapping[str, Any]:
    """What the last look left for the next one to compare with."""
    return _row(text_of(path + _LAST))


def record(path: str, look: Seen, facts: Mapping[str, Any], *, oldest: float) -> None:
    """Adds the look, durably, and drops what is older than ``oldest`` once that is worth it. Raises OSError.

    Two at the same time wait for each other. A look that could not be written as a whole is taken back.
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=_FOLDER_MODE, exist_ok=True)
    with _locked(path):
        looks = read(path)
        kept = [one for one in looks if one.at >= oldest]
        if len(looks) - len(kept) > _STALE * len(looks):
            write_atomic(path, render(sorted([*kept, look], key=lambda one: one.at)).encode(), mode=_MODE)
        else:
            _append(path, render([look], named={one.keys for one in looks}).encode())
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


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    descriptor = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
