"""pg_backup against real servers: taken, kept, interrupted, refused."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.backups import as_another_account, children_of, is_gone, wait_for
from tests.lab.modules import findings_of, run_module, start_module
from tests.lab.postgres import Server, bindirs, server

DATABASE = "clinic_backup"
NIGHT = "2026-03-0{}T02:00:00+00:00"


@pytest.fixture(scope="module")
def source(pg: Server) -> Iterator[Server]:
    pg.execute(f"CREATE DATABASE {DATABASE}")
    pg.execute(
        "CREATE TABLE patients (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);"
        "INSERT INTO patients (name) SELECT md5(n::text) FROM generate_series(1, 20000) n;"
        "CREATE TABLE visits (id serial PRIMARY KEY, patient bigint REFERENCES patients);"
        "INSERT INTO visits (patient) SELECT id FROM patients WHERE id % 2 = 0",
        DATABASE,
    )
    yield pg
    pg.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def backup(source: Server, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(*, check: bool = False, popen: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        given = source.options(database=DATABASE, directory=str(tmp_path))
        return run_module("pg_backup", {**given, **options}, check=check, **(popen or {}))

    return run


def dumps(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".dump")


def test_a_backup_is_taken_verified_and_described(backup: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    result = backup()
    path = Path(result["details"]["path"])
    assert result["changed"] is True
    assert [(action["action"], action["outcome"]) for action in result["actions"]] == [("backup", "done")]
    after = result["actions"][0]["after"]
    assert after["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() == result["details"]["sha256"]
    assert after["bytes"] == path.stat().st_size > 0
    assert findings_of(result, "backup.taken", status="ok")
    beside = [path, path.with_name(path.name + ".sha256"), path.with_name(path.name + ".manifest.json")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in beside} == {0o600}
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in beside} | {f".{DATABASE}.lock"}
    subprocess.run(["sha256sum", "--check", "--quiet", beside[1]], cwd=tmp_path, check=True)
    manifest = json.loads(beside[2].read_text())
    assert manifest["rows"] == {"public.patients": 20000, "public.visits": 10000}


def test_check_mode_plans_and_writes_nothing(backup: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    result = backup(check=True)
    assert result["changed"] is True
    assert [(action["action"], action["outcome"]) for action in result["actions"]] == [("backup", "planned")]
    assert list(tmp_path.iterdir()) == []


def test_a_recent_good_backup_is_enough_and_a_damaged_one_is_not(
    backup: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    first = backup(now=NIGHT.format(1))
    second = backup(now="2026-03-01T05:00:00+00:00", interval_hours=6)
    assert second["changed"] is False
    assert [action["outcome"] for action in second["actions"]] == ["skipped"]
    assert second["details"]["path"] == first["details"]["path"]
    path = Path(first["details"]["path"])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    third = backup(now="2026-03-01T05:00:00+00:00", interval_hours=6)
    assert third["details"]["taken"] is True
    assert len(dumps(tmp_path)) == 2


def test_retention_keeps_the_newest_good_ones(backup: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    for day in (1, 2, 3):
        backup(now=NIGHT.format(day))
    third = tmp_path / f"{DATABASE}-20260303T020000Z.dump"
    third.write_bytes(third.read_bytes()[:-7])
    planned = backup(now=NIGHT.format(4), keep=2, check=True)
    assert [action["action"] for action in planned["actions"]] == ["backup", "prune"]
    assert len(dumps(tmp_path)) == 3
    result = backup(now=NIGHT.format(4), keep=2)
    assert [(action["action"], action["outcome"]) for action in result["actions"]] == [
        ("backup", "done"),
        ("prune", "done"),
    ]
    # The damaged one is neither counted nor removed.
    assert dumps(tmp_path) == [f"{DATABASE}-2026030{day}T020000Z.dump" for day in (2, 3, 4)]
    assert "is truncated" in findings_of(result, "backup.damaged", status="warning")[0]["message"]
    assert not [path for path in tmp_path.iterdir() if "0301T" in path.name]
    assert (result["details"]["kept"], result["details"]["removed"]) == (2, 1)


@pytest.fixture
def stuck(source: Server, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A pg_backup whose pg_dump waits for a table that somebody has locked, its partial file begun."""
    holder = source.connect(DATABASE, autocommit=False)
    holder.cursor().execute("LOCK TABLE patients IN ACCESS EXCLUSIVE MODE")
    process = start_module("pg_backup", source.options(database=DATABASE, directory=str(tmp_path), now=NIGHT.format(1)))
    try:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
        wait_for(lambda: source.execute(waiting))
        assert [path.name for path in tmp_path.glob("*.partial")] == [f"{DATABASE}-20260301T020000Z.dump.partial"]
        yield process
    finally:
        holder.close()
        process.kill()
        process.communicate()


def test_what_a_killed_run_left_is_removed_by_the_next(
    stuck: subprocess.Popen[str], backup: Callable[..., dict[str, Any]], source: Server, tmp_path: Path
) -> None:
    (dump,) = children_of(stuck.pid)
    stuck.send_signal(signal.SIGKILL)
    stuck.wait()
    partial = tmp_path / f"{DATABASE}-20260301T020000Z.dump.partial"
    assert partial.exists()
    wait_for(lambda: is_gone(dump))
    planned = backup(now=NIGHT.format(2), check=True)
    assert (planned["actions"][0]["action"], planned["actions"][0]["outcome"]) == ("remove", "planned")
    assert partial.exists()
    source.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")
    result = backup(now=NIGHT.format(2))
    assert (result["actions"][0]["action"], result["actions"][0]["target"]) == ("remove", str(partial))
    assert findings_of(result, "backup.leftover")[0]["subject"] == str(partial)
    assert dumps(tmp_path) == [f"{DATABASE}-20260302T020000Z.dump"]
    assert list(tmp_path.glob("*.partial")) == []


def test_a_living_run_is_left_alone(
    stuck: subprocess.Popen[str], backup: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    assert [action["action"] for action in backup(now=NIGHT.format(2), check=True)["actions"]] == ["backup"]
    result = backup(now=NIGHT.format(2))
    assert result["failed"] is True
    assert f"Another backup of {DATABASE}" in result["msg"]
    assert f"(process {stuck.pid})" in result["msg"]
    assert len(list(tmp_path.glob("*.partial"))) == 1


def test_sigterm_cleans_up(stuck: subprocess.Popen[str], tmp_path: Path) -> None:
    stuck.send_signal(signal.SIGTERM)
    output, _errors = stuck.communicate(timeout=30)
    result = json.loads(output.splitlines()[-1])
    assert "Interrupted by SIGTERM" in result["msg"]
    assert [path.name for path in tmp_path.iterdir()] == [f".{DATABASE}.lock"]


def test_nothing_begins_after_the_deadline(backup: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    late = backup(now=NIGHT.format(2), deadline=NIGHT.format(1))
    assert [(action["outcome"], late["changed"]) for action in late["actions"]] == [("skipped", False)]
    assert findings_of(late, "backup.taken", status="critical") and dumps(tmp_path) == []
    in_time = backup(now=NIGHT.format(1), deadline=NIGHT.format(2))
    assert in_time["changed"] and len(dumps(tmp_path)) == 1


def test_a_dump_that_runs_at_the_deadline_is_stopped_and_removed(
    source: Server, backup: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    holder = source.connect(DATABASE, autocommit=False)
    holder.cursor().execute("LOCK TABLE patients IN ACCESS EXCLUSIVE MODE")
    try:
        late = backup(now="2026-03-01T01:59:59Z", deadline="2026-03-01T02:00:00Z")
    finally:
        holder.close()
    assert "pg_dump did not end within 1 seconds" in late["msg"] and dumps(tmp_path) == []
    assert not list(tmp_path.glob("*.partial*"))


def test_a_locked_table_is_waited_for_only_so_long(
    stuck: subprocess.Popen[str], source: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("other")
    result = run_module("pg_backup", source.options(database=DATABASE, directory=str(folder), lock_wait_seconds=1))
    assert "somebody else holds a lock" in result["msg"]
    assert dumps(folder) == []


def test_full_disk_leaves_nothing(backup: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    result = backup(popen={"preexec_fn": limit})
    assert result["failed"] is True
    assert "there is no room" in result["msg"]
    assert [action["outcome"] for action in result["actions"]] == ["failed"]
    assert [path.name for path in tmp_path.iterdir()] == [f".{DATABASE}.lock"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_volume_without_room_is_refused_before(backup: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", volume], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        result = backup(directory=str(volume))
        assert "bytes free and the backup of" in result["msg"]
        assert "nothing was written" in result["msg"]
        assert dumps(volume) == []
    finally:
        subprocess.run(["umount", volume], check=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"login_password": "wrong"}, "login_password, PGPASSWORD or a .pgpass file"),
        ({"database": ""}, "The option database must name"),
        ({"database": "nowhere"}, "there is no such database"),
        ({"directory": "/nowhere/at/all"}, "is its volume mounted"),
        ({"pg_bindir": "/var/tmp"}, "has no program pg_dump"),
        ({"keep": "many"}, "keep"),
        ({"keep": -1}, "keep must not be below 0"),
        ({"compress": 12}, "compress must be 0 to 9"),
        ({"name": "latest.dump"}, "option name must be a file name"),
        ({"now": "yesterday"}, "The option now must be a moment"),
    ],
)
def test_bad_input_is_one_clear_message(
    backup: Callable[..., dict[str, Any]], tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    result = backup(**options)
    assert result["failed"] is True
    assert words in result["msg"]
    assert dumps(tmp_path) == []


def test_missing_psycopg2_names_the_package(backup: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "psycopg2.py").write_text("raise ImportError('not here')\n")
    result = backup(popen={"cwd": str(tmp_path)})
    assert "install the package python3-psycopg2" in result["msg"]


def test_missing_pg_dump_in_the_path_names_the_package(source: Server, tmp_path: Path) -> None:
    options = {**source.options(database=DATABASE, directory=str(tmp_path)), "pg_bindir": None}
    result = run_module("pg_backup", options, env={"PATH": "/nowhere"})
    assert "install the PostgreSQL client tools" in result["msg"]


def test_a_folder_of_another_account_is_named(source: Server, tmp_path: Path) -> None:
    locked = Path("/var/tmp") / f"careops-{tmp_path.parent.name}-{os.getpid()}"
    locked.mkdir(mode=0o500)
    try:
        options = source.options(database=DATABASE, directory=str(locked))
        result = run_module("pg_backup", options, **as_another_account())
        assert f"folder {locked}" in result["msg"]
        assert "become_user" in result["msg"]
    finally:
        shutil.rmtree(locked)


def test_an_older_pg_dump_is_told_so(source: Server, tmp_path: Path) -> None:
    folders = bindirs()
    newest, oldest = max(folders), min(folders)
    if newest == oldest:
        pytest.skip("one version of PostgreSQL only")
    with server(folders[newest]) as newer:
        options = newer.options(database="postgres", directory=str(tmp_path))
        result = run_module("pg_backup", {**options, "pg_bindir": str(folders[oldest])})
        assert "server version mismatch" in result["msg"]
        assert "set pg_bindir" in result["msg"]
        assert run_module("pg_backup", options)["details"]["taken"] is True


@pytest.mark.soak
def test_killed_at_any_moment_the_next_run_puts_it_right(
    source: Server, backup: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    left = 0
    for attempt in range(60):
        night = f"2026-03-01T02:{attempt:02}:00+00:00"
        process = start_module("pg_backup", source.options(database=DATABASE, directory=str(tmp_path), now=night))
        time.sleep(0.15 + attempt * 0.008)
        process.kill()
        process.communicate()
        left += bool(list(tmp_path.glob("*.partial")))
        for name in dumps(tmp_path):
            # Whatever has its name is whole.
            subprocess.run(["sha256sum", "--check", "--quiet", f"{name}.sha256"], cwd=tmp_path, check=True)
    assert left
    wait_for(lambda: not source.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump'"))
    assert backup()["details"]["taken"] is True
    assert list(tmp_path.glob("*.partial")) == []
    assert len(list(tmp_path.glob("*.sha256"))) == len(dumps(tmp_path)) == len(list(tmp_path.glob("*.json")))
