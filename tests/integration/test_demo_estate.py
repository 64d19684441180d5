"""The demo estate: built, finished after a kill, brought up to date, and gone without a trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import psycopg2
import pytest

from tests.lab.demo import Estate, an_estate
from tests.lab.modules import run_module, start_module


@pytest.fixture
def estate() -> Iterator[Estate]:
    with an_estate() as place:
        yield place


def test_check_mode_only_plans(estate: Estate) -> None:
    plan = run_module("demo_estate", estate.options(), check=True)
    assert {action["outcome"] for action in plan["actions"]} == {"planned"}
    assert not estate.root.exists()


def test_three_days_later_it_is_up_to_date_again(estate: Estate) -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
    estate.module(now=now.isoformat())
    first = estate.dumps()
    rows = estate.query("SELECT count(*) FROM clinic.audit_logs")[0][0]
    assert (first[0], first[-1], len(first)) == ("clinic-2026-03-03.dump", "clinic-2026-03-10.dump", 8)
    later = estate.module(now=(now + timedelta(days=3)).isoformat())
    assert [(action["action"], action["target"]) for action in later["actions"]] == [
        ("back_up", "nights"),
        ("prune", "outdated backups"),
        ("issue", "certificates"),
        ("start", "TLS endpoint"),
    ]
    assert estate.dumps()[-3:] == [f"clinic-2026-03-{day}.dump" for day in (11, 12, 13)]
    assert len(estate.dumps()) == 10
    assert estate.query("SELECT count(*) FROM clinic.audit_logs")[0][0] > rows
    sizes = {path.stat().st_size for path in (estate.root / "backups").glob("*.dump")}
    assert len(sizes) == 10, "each night changed something"
    assert estate.module(now=(now + timedelta(days=3)).isoformat())["actions"] == []


def test_a_dead_server_and_a_dead_endpoint_are_started_again(estate: Estate) -> None:
    estate.module()
    killed = estate.processes()
    assert len(killed) == 2
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not estate.processes())
    again = estate.module()
    assert [action["target"] for action in again["actions"]] == ["database", "TLS endpoint"]
    assert len(estate.processes()) == 2


def test_a_folder_deleted_under_its_processes_is_no_hindrance(estate: Estate) -> None:
    estate.module()
    shutil.rmtree(estate.root)
    old = estate.processes()
    assert len(old) == 2
    estate.module()
    assert not set(old) & set(estate.processes())
    assert len(estate.processes()) == 2


def test_a_port_that_is_taken_is_one_sentence(estate: Estate) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", estate.port))
        other.listen()
        result = estate.refused()
    assert f"cannot have port {estate.port}" in result["msg"]
    assert "demo_tls_port" in result["msg"]
    assert result["actions"][-1]["outcome"] == "failed"
    estate.module()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change to another account")
def test_a_folder_that_the_database_cannot_enter_is_one_sentence(estate: Estate) -> None:
    estate.root.parent.chmod(0o700)
    result = estate.refused()
    assert "set demo_root to a folder that every account may enter" in result["msg"]
    estate.root.parent.chmod(0o755)
    estate.module()


def test_somebody_elses_folder_stays(estate: Estate) -> None:
    estate.root.mkdir()
    precious = estate.root / "precious"
    precious.touch()
    for state in ("present", "absent"):
        result = estate.refused(state=state)
        assert "no demo estate" in result["msg"]
    assert precious.exists()
    precious.unlink()
    estate.module()


def being_made(estate: Estate) -> bool:
    return (estate.root / "database" / "data.partial").exists()


def being_loaded(estate: Estate) -> bool:
    with contextlib.suppress(psycopg2.OperationalError):
        names = estate.query("SELECT datname FROM pg_database", "postgres")
        return ("clinic_being_built",) in names
    return False


def being_dumped(estate: Estate) -> bool:
    return 2 <= len(estate.dumps()) < 8


@pytest.mark.parametrize("stage", [being_made, being_loaded, being_dumped])
def test_a_killed_build_is_finished_by_the_next(estate: Estate, stage: Callable[[Estate], bool]) -> None:
    process = start_module("demo_estate", estate.options(rows=400_000), start_new_session=True)
    wait_until(lambda: stage(estate))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert stage(estate), "the kill came too late to leave anything"
    estate.module()
    assert len(estate.dumps()) == 8
    assert list((estate.root / "backups").glob("*.partial")) == []
    assert ("clinic_being_built",) not in estate.query("SELECT datname FROM pg_database")
    assert estate.query("SELECT count(*) FROM clinic.nightly_jobs") == [(8,)]
    assert estate.module()["actions"] == []


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.005)
