# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many pages rows need, from statistics alone.

The page layout is that of PostgreSQL's documentation, "Database Page Layout" and "B-Tree Implementation".
Every doubt is decided for more pages needed, so for less bloat: an index rebuilt for nothing costs
more than one left for another week.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from .model import Bloat

PAGE = 8192
PAGE_HEADER = 24
LINE_POINTER = 4
TUPLE_HEADER = 23
INDEX_TUPLE_HEADER = 8
BTREE_SPECIAL = 16
TUPLE_ID = 6
# A posting list made while an index is built fills at most a tenth of a page.
POSTING_LIMIT = PAGE // 10
# Pages above the leaves, and what a page cannot hold because the next row does not fit.
BTREE_OVERHEAD = 1.02


@dataclass(frozen=True)
class Column:
    """A column as pg_attribute and pg_stats know it. width: bytes on average, None without statistics.

    distinct: pg_stats.n_distinct (negative: share of the rows).
    """

    alignment: int
    width: Optional[float]
    null_share: float = 0.0
    distinct: float = -1.0


def unknown(reason: str) -> Bloat:
    return Bloat(percent=None, wasted=0, source="unknown", reason=reason)


def of_pages(*, needed: float, pages: int) -> Bloat:
    """Bloat of an object of that many pages that needs only so many."""
    share = max(0.0, 1.0 - needed / pages) if pages > 0 else 0.0
    return Bloat(percent=round(100 * share, 1), wasted=int(share * pages) * PAGE, source="estimate")


def heap_pages(rows: float, columns: Sequence[Column], *, fillfactor: int = 100) -> float:
    """Pages that a freshly written table of these rows has. Raises ValueError where a width is missing."""
    bitmap = (len(columns) + 7) // 8 if any(column.null_share > 0 for column in columns) else 0
    row = _aligned(TUPLE_HEADER + bitmap, 8) + _data(columns)
    row = _aligned(row, 8) + LINE_POINTER
    usable = (PAGE - PAGE_HEADER) * fillfactor / 100
    return rows / max(1.0, math.floor(usable / row)) if row < usable else rows * row / usable


def btree_pages(rows: float, columns: Sequence[Column], *, fillfactor: int = 90, deduplicates: bool = False) -> float:
    """Pages that a freshly built B-tree over these rows has.

    deduplicates: whether equal keys share one entry (since PostgreSQL 13, where the types allow it).
    Raises ValueError where a width is missing.
    """
    header = INDEX_TUPLE_HEADER + (8 if any(column.null_share > 0 for column in columns) else 0)
    entry = _aligned(header + _data(columns), 8)
    size = rows * (entry + LINE_POINTER)
    if deduplicates and rows > 0:
        keys = min(rows, _distinct_keys(rows, columns))
        in_one_posting = max(1.0, (POSTING_LIMIT - entry) // TUPLE_ID)
        postings = math.ceil(rows / keys / in_one_posting) * keys
        shared = postings * (entry + LINE_POINTER) + (rows * TUPLE_ID if rows > keys else 0)
        size = min(size, shared)
    usable = (PAGE - PAGE_HEADER - BTREE_SPECIAL) * fillfactor / 100
    return 1 + size / usable * BTREE_OVERHEAD


def _distinct_keys(rows: float, columns: Sequence[Column]) -> float:
    # The product is the most there can be; more keys mean more pages needed.
    keys = 1.0
    for column in columns:
        distinct = column.distinct if column.distinct > 0 else -column.distinct * rows
        keys *= max(1.0, distinct + (1 if column.null_share > 0 else 0))
    return keys


def _data(columns: Sequence[Column]) -> float:
    size = 0.0
    for column in columns:
        if column.width is None:
            raise ValueError("a column has no statistics")
        # Padding before each value, at its worst where widths vary.
        size = _aligned(size, column.alignment) + column.width * (1 - column.null_share)
    return size


def _aligned(size: float, alignment: int) -> float:
    return math.ceil(size / alignment) * alignment
