# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures and words as a person reads them. Everything that comes from outside passes ``clean`` first."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional, Union

Number = Union[int, float]

STATUS_SYMBOLS = {"critical": "✖", "unknown": "?", "warning": "▲", "ok": "✔"}
OUTCOME_SYMBOLS = {"done": "✔", "planned": "○", "skipped": "-", "failed": "✖"}
VERDICT_WORDS = {"ok": "OK", "attention": "Needs attention", "failed": "Failed"}
VERDICT_SYMBOLS = {"ok": "✔", "attention": "▲", "failed": "✖"}

# Control characters could drive a terminal, lone surrogates cannot be written as UTF-8, and direction
# overrides make a name look like another one.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_PROPER = {
    "postgres": "PostgreSQL",
    "tls": "TLS",
    "apt": "apt",
    "dns": "DNS",
    "wal": "WAL",
    "pem": "PEM",
    "id": "ID",
    "xid": "XID",
}
# A checksum in full is for machines, and they have the record.
_DIGEST = re.compile("[0-9a-f]{40,}")
_NUMBER_WORDS = {"count": "", "rows": " rows", "transactions": " transactions", "bits": " bits", "ratio": ""}


def clean(text: object) -> str:
    """The text on one line and without characters that could do more than be read."""
    words = text if isinstance(text, str) else str(text)
    return _UNFIT.sub(lambda match: " " if match.group() in "\n\r\t" else "\ufffd", words)


def shorten(text: str, limit: int) -> str:
    """The text in at most that many characters: its middle gives way, since both ends tell things apart."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return text[: limit - 1 - tail] + "…" + text[len(text) - tail :]


def number(value: Number) -> str:
    """12,345 or 0.25: thousands separated, no more digits than tell something."""
    if isinstance(value, int) or (math.isfinite(value) and value == int(value)):
        return f"{int(value):,}"
    size = abs(value)
    places = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 0.1 else 4
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if places and "." in text else text


def count(amount: int, singular: str, plural: str = "") -> str:
    """1 host, 2 hosts."""
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"


def size(value: Number) -> str:
    """Bytes in the binary unit that fits: 31.2 MiB."""
    amount = float(value)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{number(int(value))} bytes" if unit == "bytes" else f"{number(round(amount, 1))} {unit}"


def duration(seconds: Number) -> str:
    """Seconds in the two units that fit: 420 ms, 41.2 s, 3 min 12 s, 2 h 5 min, 3 d 4 h."""
    if not math.isfinite(seconds):
        return f"{number(seconds)} s"
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms" if seconds else "0 s"
    if seconds < 59.95:
        return f"{number(round(seconds, 1))} s"
    whole = round(seconds)
    for name, length, lesser, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {name}" + (f" {rest} {lesser}" if rest else "")
    return f"{whole} s"


def quantity(value: Number, unit: Optional[str]) -> str:
    """A figure with its unit, in words: 4.2 days, 31.2 MiB, 43 %."""
    if unit in _IN_WORDS:
        return _IN_WORDS[unit](value)
    return number(value) + _NUMBER_WORDS.get(unit or "", "")


def percent(value: Number) -> str:
    """43.2 %."""
    return f"{number(round(value, 1))} %"


def days(value: Number) -> str:
    """4.2 days. Rounded down: what has 17.98 days left has not 18."""
    rounded = _down(value)
    return f"{number(rounded)} {'day' if rounded == 1 else 'days'}"


def hours(value: Number) -> str:
    """3.4 hours; from four days on, days."""
    if abs(value) >= 96:
        return days(value / 24)
    rounded = _down(value)
    return f"{number(rounded)} {'hour' if rounded == 1 else 'hours'}"


def _down(value: Number) -> Number:
    return math.floor(value * 10 + 1e-9) / 10 if math.isfinite(value) else value


_IN_WORDS: dict[Optional[str], Callable[[Number], str]] = {
    "bytes": size,
    "seconds": duration,
    "milliseconds": lambda value: duration(value / 1000),
    "percent": percent,
    "days": days,
    "hours": hours,
}


def moment(text: Optional[str]) -> str:
    """2026-11-21 02:00:13 UTC, from ISO 8601; the text as it is where it is no moment."""
    if not text:
        return "-"
    try:
        read = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
    except ValueError:
        return clean(text)
    return read.strftime("%Y-%m-%d %H:%M:%S UTC")


def words(name: str) -> str:
    """A check's or verb's name as words: certificate.expiry -> Certificate expiry."""
    parts = clean(name).replace(".", " ").replace("_", " ").split()
    if parts and parts[0] not in _PROPER:
        parts[0] = parts[0][:1].upper() + parts[0][1:]
    return " ".join(_PROPER.get(part, part) for part in parts)


def key_words(key: str) -> str:
    """The name of a figure as words, without the unit that its value is shown with: size_bytes -> Size."""
    if key == "bytes":
        return "Size"
    stem = key.rpartition("_")[0]
    return words(stem if stem and unit_of(key) and not key.endswith("_size") else key)


def unit_of(key: str) -> Optional[str]:
    """The unit that the name of a figure tells: size_bytes -> bytes, restore_seconds -> seconds."""
    last = key.rsplit("_", 1)[-1]
    if last in ("bytes", "size"):
        return "bytes"
    return last if last in ("seconds", "milliseconds", "percent", "days", "hours", "bits") else None


def figure(key: str, value: Any) -> str:
    """A value of before, after or evidence in words, at most 300 characters."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, (int, float)):
        return quantity(value, unit_of(key))
    if isinstance(value, Mapping):
        text = ", ".join(f"{clean(name)}: {figure(str(name), item)}" for name, item in list(value.items())[:20])
        return shorten(text or "none", 300)
    if isinstance(value, Sequence) and not isinstance(value, str):
        shown = ", ".join(figure(key, item) for item in value[:10])
        return shorten(shown or "none", 280) + (f" and {len(value) - 10:,} more" if len(value) > 10 else "")
    text = clean(value)
    return f"{text[:16]}…" if _DIGEST.fullmatch(text) else shorten(text, 300)


def as_json(value: Any) -> str:
    """The value as compact JSON, cleaned."""
    return clean(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
