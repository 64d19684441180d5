"""Which nights have a backup, at any hour and across a change of the clocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.demo.cluster import Cluster
from ansible_collections.careops.maintenance.plugins.module_utils.demo.layout import Layout
from ansible_collections.careops.maintenance.plugins.module_utils.demo.nights import NIGHTS, Nights, wanted_nights


@pytest.fixture(params=["UTC", "America/Sao_Paulo", "Europe/Berlin"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("hour", [0, 1, 2, 3, 12, 23])
@pytest.mark.parametrize("month", [3, 7, 10])
def test_nights_are_whole_dates_in_a_row(zone: str, hour: int, month: int) -> None:
    now = datetime(2026, month, 29, hour, 30, tzinfo=timezone.utc)
    nights = wanted_nights(now)
    assert len(nights) == NIGHTS
    assert {night.astimezone().hour for night in nights} == {4}
    days = [night.astimezone().date().toordinal() for night in nights]
    assert days == list(range(days[0], days[0] + NIGHTS))
    age = now - nights[-1]
    assert 0 <= age.total_seconds() <= 25 * 3600


def test_what_is_missing_and_what_is_outdated(tmp_path: Path) -> None:
    now = datetime(2026, 3, 20, 12, tzinfo=timezone.utc)
    layout = Layout(str(tmp_path))
    nights = Nights(layout, Cluster(layout), now)
    assert len(nights.missing()) == NIGHTS
    assert nights.outdated() == []
    folder = tmp_path / "backups"
    folder.mkdir()
    wanted = [Path(nights.file(night)) for night in wanted_nights(now)]
    for path in wanted[1:]:
        path.touch()
    old = ["clinic-2026-01-01.dump", "clinic-2026-01-01.dump.sha256", "clinic-2026-03-20.dump.partial"]
    for name in (*old, "clinic-20260320T100000Z.dump", "other.dump"):
        (folder / name).touch()
    assert [Path(nights.file(night)) for night in nights.missing()] == wanted[:1]
    assert sorted(Path(path).name for path in nights.outdated()) == old
    nights.prune()
    assert nights.outdated() == []
    assert (folder / "other.dump").exists()
