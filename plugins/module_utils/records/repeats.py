# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run that only looked says what the one before it said, so that people need not be told again."""

from __future__ import annotations

from typing import Any

from ..clock import parse_moment
from .index import Index

Row = dict[str, Any]
_SERIES = ("system", "cadence", "work_class", "check_mode")
_SAME = ("outcome", "trouble")


def repeats(row: Row, index: Index, *, hours: float) -> bool:
    """Whether the newest run before this one, of the same system and cadence, saw the same trouble.

    Only of class observe: what changes something is always worth telling. hours: once in that many, counted from
    1970 in UTC, the same is told again; 0 for every time.
    """
    if row["work_class"] != "observe" or not row["moment"] or hours <= 0:
        return False
    for moment, run_id in index.newest_first():
        # The moment before the name: of two runs in one second the name decides.
        if (moment, run_id) >= (row["moment"], row["run_id"]) or not moment:
            continue
        if _period(moment, hours) != _period(row["moment"], hours):
            return False
        earlier = index.read(run_id)
        if earlier and all(earlier.get(key) == row[key] for key in _SERIES):
            return all(earlier.get(key) == row[key] for key in _SAME)
    return False


def _period(moment: str, hours: float) -> int:
    return int(parse_moment(moment, option="moment").timestamp() // (hours * 3600))
