# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package blocklist of unattended-upgrades: regular expressions that match at the start of a name.

``re.match`` it is, so ``libx`` blocks libxml2 as well; that is seldom meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from ..errors import MaintenanceError


@dataclass(frozen=True)
class WideEntry:
    """An entry that blocks more than it says. blocks: installed packages that it likely does not mean."""

    entry: str
    why: str
    blocks: tuple[str, ...]


def compile_entry(entry: str) -> re.Pattern[str]:
    """Raises MaintenanceError where the entry is no regular expression."""
    try:
        return re.compile(entry)
    except re.error as error:
        raise MaintenanceError(
            f"The package blocklist entry {entry!r} is not a regular expression ({error}): "
            "unattended-upgrades would stop at it and install nothing; correct it."
        ) from None


def _pattern(entry: str) -> Optional[re.Pattern[str]]:
    try:
        return re.compile(entry)
    except re.error:
        return None


def broken_entries(entries: Iterable[str]) -> list[str]:
    """Entries at which unattended-upgrades would stop with an error."""
    return [entry for entry in entries if _pattern(entry) is None]


def blocking_entry(name: str, entries: Sequence[str]) -> str:
    """The first entry that keeps this package back; empty where none does. Entries that are broken block nothing."""
    for entry in entries:
        pattern = _pattern(entry)
        if pattern and pattern.match(name):
            return entry
    return ""


def wide_entries(entries: Sequence[str], installed: Sequence[str]) -> list[WideEntry]:
    """Entries that block every package, or cut a name in the middle of a word."""
    wide = []
    for entry in entries:
        pattern = _pattern(entry)
        if pattern is None:
            continue
        if pattern.match(""):
            wide.append(WideEntry(entry, "it matches every name", tuple(installed[:10])))
            continue
        cut = [name for name in installed if _cuts_word(pattern, name)]
        if cut:
            wide.append(WideEntry(entry, "it matches the beginning of other names", tuple(cut[:10])))
    return wide


def _cuts_word(pattern: re.Pattern[str], name: str) -> bool:
    found = pattern.match(name)
    if not found or found.end() == len(name):
        return False
    return name[found.end() - 1].isalnum() and name[found.end()].isalnum()
