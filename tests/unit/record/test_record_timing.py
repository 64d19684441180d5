"""Work that hosts share counts once."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.record.timing import Interval, covered


@pytest.mark.parametrize(
    ("intervals", "seconds"),
    [
        ([], 0.0),
        ([(0, 5)], 5.0),
        ([(0, 5), (5, 8)], 8.0),
        ([(0, 5), (2, 8)], 8.0),
        ([(0, 10), (2, 3), (4, 5)], 10.0),
        ([(7, 9), (0, 2)], 4.0),
    ],
)
def test_covered(intervals: list[Interval], seconds: float) -> None:
    assert covered(intervals) == seconds
