"""The end of the window, on a clock that is set by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.deadline import Deadline
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("left", "limit", "bound", "passed"),
    [
        (None, 0, 0, False),
        (None, 60, 60, False),
        (90.0, 0, 90, False),
        (90.0, 60, 60, False),
        (30.0, 60, 30, False),
        (30.2, 0, 31, False),
        (0.0, 0, 1, True),
        (-5.0, 60, 1, True),
    ],
)
def test_time_that_is_left(left: float | None, limit: float, bound: float, passed: bool) -> None:
    moment = None if left is None else NOW + timedelta(seconds=left)
    deadline = Deadline(moment, lambda: NOW)
    assert (deadline.bound(limit), deadline.passed) == (bound, passed)


def test_time_goes_on_from_the_moment_given() -> None:
    assert not Deadline.from_options("2026-03-01T03:00:00+01:00", "2026-03-01T01:00:00Z").passed
    assert Deadline.from_options("2026-03-01T03:00:00+01:00", "2026-03-01T02:00:00Z").passed
    assert not Deadline.from_options("", None).passed


def test_a_deadline_without_offset_is_refused() -> None:
    with pytest.raises(MaintenanceError, match="option deadline must be a moment with its offset"):
        Deadline.from_options("2026-03-01T03:00:00", None)
