"""Work over several processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.pool import in_processes
from tests.lab.backups import children_of


def squares(items: Iterable[int]) -> tuple[int, list[int]]:
    return os.getpid(), [item * item for item in items]


@pytest.mark.parametrize("count", [0, 1, 7, 100, 1001])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_item_once_and_in_order(count: int, workers: int) -> None:
    results, lost = in_processes(squares, range(count), workers=workers, chunk=10)
    assert [number for _unused, numbers in results for number in numbers] == [
        number * number for number in range(count)
    ]
    assert lost == []


def test_it_is_really_done_elsewhere() -> None:
    results, _unused = in_processes(squares, range(100), workers=3, chunk=10)
    pids = {pid for pid, _unused in results}
    assert len(pids) == 3
    assert os.getpid() not in pids


def test_big_results_arrive_whole() -> None:
    results, _unused = in_processes(lambda items: [bytes(300_000) for _unused in items], range(20), workers=2, chunk=4)
    assert sum(len(one) for part in results for one in part) == 20 * 300_000


def test_a_process_that_dies_loses_its_items_and_no_others() -> None:
    def deadly(items: Iterable[int]) -> list[int]:
        done = []
        for item in items:
            if item == 35:
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(item)
        return done

    results, lost = in_processes(deadly, range(100), workers=2, chunk=10)
    assert 35 in lost
    assert sorted([item for part in results for item in part] + lost) == list(range(100))
    assert set(range(40, 50)) <= {item for part in results for item in part}


def test_an_error_in_the_work_is_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def faulty(items: Iterable[int]) -> None:
        raise RuntimeError(list(items))

    results, lost = in_processes(faulty, range(20), workers=2, chunk=10)
    assert (results, lost) == ([], list(range(20)))
    assert capfd.readouterr() == ("", "")


def test_no_child_is_left() -> None:
    before = children_of(os.getpid())
    in_processes(squares, range(100), workers=2, chunk=10)
    assert set(children_of(os.getpid())) <= set(before)
