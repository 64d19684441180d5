"""Trouble that goes on is told once in a while, and not every five minutes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.records.index import Index, line_of
from ansible_collections.careops.maintenance.plugins.module_utils.records.repeats import repeats

Row = dict[str, Any]


def run(minute: int, **facts: Any) -> Row:
    moment = f"2026-03-01T02:{minute:02}:00Z"
    return {
        "run_id": f"20260301T02{minute:02}00Z-sub_daily-abcdef",
        "moment": moment,
        "system": "clinic",
        "cadence": "every_5_minutes",
        "work_class": "observe",
        "check_mode": False,
        "outcome": "failed",
        "trouble": "disk",
        **facts,
    }


def index_of(*rows: Row) -> Index:
    return Index(lines={row["run_id"]: line_of(row) for row in rows})


@pytest.mark.parametrize(
    ("earlier", "now", "expected"),
    [
        ([], run(10), False),
        ([run(5)], run(10), True),
        ([run(5, trouble="memory")], run(10), False),
        ([run(5, outcome="ok", trouble="")], run(10), False),
        # What is well again is news once.
        ([run(5)], run(10, outcome="ok", trouble=""), False),
        ([run(5, outcome="ok", trouble="")], run(10, outcome="ok", trouble=""), True),
        # Only the newest of its own kind counts.
        ([run(1), run(5, trouble="memory")], run(10), False),
        ([run(1), run(5, cadence="daily", trouble="memory")], run(10), True),
        ([run(1), run(5, system="other", trouble="memory")], run(10), True),
        ([run(5, check_mode=True)], run(10), False),
        ([run(15)], run(10), False),
        # Itself, filed before.
        ([run(10)], run(10), False),
        ([run(5, work_class="maintenance")], run(10, work_class="maintenance"), False),
    ],
)
def test_the_same_trouble_again(earlier: list[Row], now: Row, expected: bool) -> None:
    assert repeats(now, index_of(*earlier, now), hours=24) is expected


def test_once_in_a_period_it_is_told_again() -> None:
    # Half past two begins a period of half an hour.
    assert repeats(run(29), index_of(run(5)), hours=0.5) is True
    assert repeats(run(31), index_of(run(29)), hours=0.5) is False
    assert repeats(run(29), index_of(run(5)), hours=0) is False
