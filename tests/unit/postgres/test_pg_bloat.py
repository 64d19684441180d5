"""Estimates of the pages that rows need."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.postgres import bloat
from ansible_collections.careops.maintenance.plugins.module_utils.postgres.bloat import Column

BIGINT = Column(alignment=8, width=8)
TEXT_40 = Column(alignment=4, width=41)  # a short text has a header of one byte
FEW_VALUES = Column(alignment=4, width=4, distinct=100)


# Page counts of fresh objects as PostgreSQL 15 made them: CREATE TABLE AS or CREATE INDEX over so many rows.
@pytest.mark.parametrize(
    ("rows", "columns", "real"),
    [(1_000_000, [BIGINT], 4425), (1_000_000, [BIGINT, BIGINT], 5406), (100_000, [BIGINT, TEXT_40], 1031)],
)
def test_a_fresh_table_has_next_to_no_bloat(rows: int, columns: list[Column], real: int) -> None:
    assert bloat.heap_pages(rows, columns) == pytest.approx(real, rel=0.05)


def test_a_fresh_index_of_unique_keys_has_no_bloat() -> None:
    assert bloat.btree_pages(1_000_000, [BIGINT]) == pytest.approx(2745, rel=0.02)


def test_shared_keys_need_less_room() -> None:
    shared = bloat.btree_pages(1_000_000, [FEW_VALUES], deduplicates=True)
    assert shared == pytest.approx(850, rel=0.1)
    assert bloat.btree_pages(1_000_000, [FEW_VALUES]) > 3 * shared


def test_more_columns_never_need_fewer_pages() -> None:
    one = bloat.btree_pages(1_000_000, [FEW_VALUES], deduplicates=True)
    two = bloat.btree_pages(1_000_000, [FEW_VALUES, FEW_VALUES], deduplicates=True)
    assert two >= one


def test_rows_larger_than_a_page_are_counted_by_bytes() -> None:
    assert bloat.heap_pages(10, [Column(alignment=4, width=20_000)]) > 20


def test_a_column_without_statistics_is_no_estimate() -> None:
    with pytest.raises(ValueError, match="no statistics"):
        bloat.btree_pages(1000, [Column(alignment=4, width=None)])


@pytest.mark.parametrize(
    ("needed", "pages", "percent", "wasted_pages"),
    [(100, 100, 0.0, 0), (100, 400, 75.0, 300), (100, 50, 0.0, 0), (0, 0, 0.0, 0)],
)
def test_bloat_of_pages(needed: float, pages: int, percent: float, wasted_pages: int) -> None:
    found = bloat.of_pages(needed=needed, pages=pages)
    assert (found.percent, found.wasted) == (percent, wasted_pages * bloat.PAGE)


def test_nulls_take_no_room_in_an_index_beyond_their_bitmap() -> None:
    nulls = Column(alignment=8, width=8, null_share=1.0)
    assert bloat.btree_pages(1_000_000, [nulls]) <= bloat.btree_pages(1_000_000, [BIGINT])
