"""backup_restore_test against real servers and real archives: the intact passes first, then each mutation."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.lab.backups import as_another_account, children_of, is_gone, wait_for
from tests.lab.modules import findings_of, run_module, start_module
from tests.lab.postgres import PASSWORD, Server, bindirs, server

DATABASE = "clinic_restore"
SCRATCH = "SELECT datname FROM pg_database WHERE datname LIKE 'careops_restore%'"
SCHEMA = """
CREATE TABLE patients (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
INSERT INTO patients (name) SELECT md5(n::text) FROM generate_series(1, 5000) n;
CREATE SCHEMA "Odd schema";
CREATE TABLE "Odd schema"."Visits of" ("Id" serial PRIMARY KEY, patient bigint REFERENCES patients, "at" date);
CREATE INDEX visits_at ON "Odd schema"."Visits of" ("at");
INSERT INTO "Odd schema"."Visits of" (patient, "at") SELECT id, '2026-01-01' FROM patients WHERE id % 2 = 0;
CREATE TABLE audit (id int, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE audit_2026 PARTITION OF audit FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO audit VALUES (1, '2026-02-01');
CREATE VIEW names AS SELECT name FROM patients;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
CREATE TYPE mood AS ENUM ('well', 'ill');
SELECT lo_from_bytea(0, 'a scan');
"""


@pytest.fixture(scope="module")
def source(pg: Server) -> Iterator[Server]:
    pg.execute(f"CREATE DATABASE {DATABASE}")
    pg.execute(SCHEMA, DATABASE)
    yield pg
    pg.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture(scope="module")
def taken(source: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good backup with its sidecars, in a folder of its own."""
    folder = tmp_path_factory.mktemp("taken")
    result = run_module("pg_backup", source.options(database=DATABASE, directory=str(folder)))
    return Path(result["details"]["path"])


@pytest.fixture
def folder(taken: Path, tmp_path: Path) -> Path:
    """A folder of the test's own with that backup in it."""
    place = tmp_path / "backups"
    shutil.copytree(taken.parent, place)
    return place


@pytest.fixture
def dump(folder: Path) -> Path:
    (path,) = folder.glob("*.dump")
    return path


@pytest.fixture
def prove(source: Server, folder: Path) -> Callable[..., dict[str, Any]]:
    def run(*, check: bool = False, popen: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        given = source.options(database=DATABASE, backups=[str(folder)], days=1)
        return run_module("backup_restore_test", {**given, **options}, check=check, **(popen or {}))

    return run


def bare(dump: Path) -> None:
    """Without what pg_backup put beside it: as any other pg_dump archive."""
    for suffix in (".sha256", ".manifest.json"):
        dump.with_name(dump.name + suffix).unlink(missing_ok=True)


def not_ok(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding["check"], finding["status"]) for finding in result["findings"] if finding["status"] != "ok"]


def one(result: dict[str, Any], check: str) -> dict[str, Any]:
    (finding,) = findings_of(result, check)
    return finding


# The intact backup


def test_nothing_is_restored_after_the_deadline(source: Server, prove: Callable[..., dict[str, Any]]) -> None:
    before = source.execute("SELECT datname FROM pg_database ORDER BY 1")
    result = prove(deadline="2026-01-01T00:00:00Z")
    assert (
        one(result, "backup.restore")["status"] == "unknown" and "deadline" in one(result, "backup.restore")["message"]
    )
    assert [action["outcome"] for action in result["actions"]] == ["skipped"]
    assert source.execute("SELECT datname FROM pg_database ORDER BY 1") == before


def test_an_intact_backup_passes_and_nothing_is_left(source: Server, prove: Callable[..., dict[str, Any]]) -> None:
    databases = "SELECT datname FROM pg_database ORDER BY 1"
    before = source.execute(databases)
    result = prove(
        recovery_time_objective=600,
        min_rows={"patients": 5000, "Odd schema.Visits of": 2500},
        queries=[
            {"name": "twice", "sql": "SELECT public.twice(21)", "expect": "42"},
            {"name": "patients", "sql": "SELECT count(*) FROM public.patients", "min": 4000, "max": 6000},
        ],
    )
    assert not_ok(result) == []
    assert {finding["check"] for finding in result["findings"]} == {
        *("backup.presence", "backup.age", "backup.readable", "backup.checksum", "backup.roles", "backup.restore"),
        *("backup.objects", "backup.rows", "backup.sequences", "backup.constraints", "backup.queries"),
        "backup.recovery_time",
    }
    assert one(result, "backup.objects")["evidence"]["expected"] == {
        "TABLE": 4,
        "VIEW": 1,
        "SEQUENCE": 2,
        "INDEX": 1,
        "CONSTRAINT": 2,
        "FK CONSTRAINT": 1,
        "FUNCTION": 1,
        "TYPE": 1,
        "SCHEMA": 1,
        "LARGE OBJECT": 1,
    }
    assert result["details"]["rows"] == {
        "public.patients": 5000,
        "Odd schema.Visits of": 2500,
        "public.audit_2026": 1,
    }
    assert [(action["action"], action["outcome"]) for action in result["actions"]] == [("restore_test", "done")]
    assert result["details"]["recovery_seconds"] > 0
    assert result["changed"] is False
    assert source.execute(databases) == before


def test_check_mode_plans_the_restore_only(source: Server, prove: Callable[..., dict[str, Any]]) -> None:
    result = prove(check=True)
    assert [(action["action"], action["outcome"]) for action in result["actions"]] == [("restore_test", "planned")]
    assert not_ok(result) == []
    assert findings_of(result, "backup.restore") == []


def test_without_a_restore_no_server_is_asked(prove: Callable[..., dict[str, Any]]) -> None:
    result = prove(restore="none", read="full", login_port=1)
    assert not_ok(result) == []
    assert result["actions"] == []


# Every kind of damage


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    # Within the patients' names, which are most of the archive.
    content[len(content) // 2] ^= 0x20
    path.write_bytes(content)


MUTATIONS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "truncated": (lambda path: os.truncate(path, path.stat().st_size // 2), "truncated", "is truncated"),
    "truncated by one byte": (lambda path: os.truncate(path, path.stat().st_size - 1), "truncated", "is truncated"),
    "flipped bits": (flip, "corrupt", "is corrupt in the data of public.patients"),
    "empty": (lambda path: path.write_bytes(b""), "empty", "is empty: 0 bytes"),
    "plain text": (lambda path: path.write_text("-- PostgreSQL database dump\n"), "foreign", "is no pg_dump archive"),
    "zeros": (lambda path: path.write_bytes(bytes(9999)), "corrupt", "begins with zeros"),
    "appended": (lambda path: path.write_bytes(path.read_bytes() + b"more"), "appended", "4 foreign bytes"),
}


@pytest.mark.parametrize("mutate, damage, words", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_damage_is_named_and_nothing_is_restored(
    prove: Callable[..., dict[str, Any]], dump: Path, mutate: Callable[[Path], object], damage: str, words: str
) -> None:
    bare(dump)
    assert not_ok(prove(restore="none")) == []
    mutate(dump)
    result = prove()
    finding = one(result, "backup.readable")
    assert (finding["status"], finding["evidence"]["damage"]) == ("critical", damage)
    assert words in finding["message"]
    assert one(result, "backup.presence")["status"] == "critical"
    assert one(result, "backup.restore")["status"] == "critical"
    assert [action["outcome"] for action in result["actions"]] == ["skipped"]


def test_same_length_replacement_fails_its_checksum(prove: Callable[..., dict[str, Any]], dump: Path) -> None:
    # A name in the table of contents: still an archive that can be read from end to end.
    dump.write_bytes(dump.read_bytes().replace(b"CREATE VIEW", b"CREATE view"))
    result = prove()
    assert one(result, "backup.checksum")["status"] == "critical"
    assert "does not match its SHA-256" in one(result, "backup.checksum")["message"]
    assert "does not match the SHA-256" in one(result, "backup.readable")["message"]
    assert one(result, "backup.restore")["status"] == "critical"


def test_a_missing_checksum_is_a_warning_where_it_is_required(prove: Callable[..., dict[str, Any]], dump: Path) -> None:
    assert not_ok(prove(restore="none", require_checksum=True)) == []
    bare(dump)
    assert not_ok(prove(restore="none", require_checksum=True)) == [("backup.checksum", "warning")]


def test_the_backup_of_another_database_is_named(
    source: Server, prove: Callable[..., dict[str, Any]], dump: Path
) -> None:
    bare(dump)
    source.run("pg_dump", "--format=custom", f"--file={dump}", "postgres")
    finding = one(prove(restore="none"), "backup.readable")
    assert finding["evidence"]["damage"] == "wrong_database"
    assert f"is of the database postgres, not of {DATABASE}" in finding["message"]


def test_a_table_without_its_rows_is_a_missing_member(
    source: Server, prove: Callable[..., dict[str, Any]], dump: Path
) -> None:
    bare(dump)
    source.run("pg_dump", "--format=custom", f"--file={dump}", "--exclude-table-data=patients", DATABASE)
    finding = one(prove(restore="none"), "backup.readable")
    assert finding["evidence"]["damage"] == "missing_member"
    assert "lists the table public.patients but holds none of its rows" in finding["message"]
    assert not_ok(prove(restore="none", without_data=["public.pat*"])) == []


def test_an_unreadable_file_is_unknown_and_names_the_account(
    prove: Callable[..., dict[str, Any]], folder: Path, dump: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = Path("/var/tmp") / f"careops-{folder.parent.name}-{os.getpid()}"
    shutil.copytree(folder, place)
    try:
        place.chmod(0o755)
        (place / dump.name).chmod(0o000)
        result = prove(backups=[str(place)], restore="none", popen=as_another_account())
        finding = one(result, "backup.readable")
        assert finding["status"] == "unknown"
        assert "cannot be read by the account" in finding["message"]
        place.chmod(0o000)
        result = prove(backups=[str(place)], restore="none", popen=as_another_account())
        assert f"may not read the folder {place}" in result["msg"]
        assert "become_user" in result["msg"]
    finally:
        shutil.rmtree(place)


def test_a_damaged_newest_is_reported_and_the_one_before_restored(
    prove: Callable[..., dict[str, Any]], dump: Path, source: Server
) -> None:
    later = datetime.now(timezone.utc) + timedelta(seconds=2)
    newer = run_module(
        "pg_backup", source.options(database=DATABASE, directory=str(dump.parent), now=later.isoformat())
    )
    os.truncate(newer["details"]["path"], 5000)
    result = prove()
    assert not_ok(result) == [("backup.readable", "critical")]
    assert result["details"]["restored"] == str(dump)
    assert one(result, "backup.restore")["status"] == "ok"


# Age and presence


def test_an_empty_folder_is_critical(prove: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = prove(backups=[str(empty)])
    assert not_ok(result) == [("backup.presence", "critical"), ("backup.restore", "critical")]
    assert "There is no backup of" in one(result, "backup.presence")["message"]


def test_age_is_the_archives_own_not_the_files(prove: Callable[..., dict[str, Any]], dump: Path) -> None:
    now = datetime.now(timezone.utc)
    # A copy that was made later does not make the backup younger.
    os.utime(dump, ((now + timedelta(hours=29)).timestamp(),) * 2)
    result = prove(restore="none", now=(now + timedelta(hours=30)).isoformat())
    assert one(result, "backup.age")["status"] == "warning"
    assert 29.9 < one(result, "backup.age")["value"] < 30.1
    result = prove(restore="none", now=(now + timedelta(hours=50)).isoformat())
    assert one(result, "backup.age")["status"] == "critical"
    assert {status for check, status in not_ok(result) if check == "backup.presence"} == {"warning"}
    result = prove(restore="none", now=(now - timedelta(hours=5)).isoformat())
    assert one(result, "backup.age")["status"] == "unknown"


def test_the_dumpers_time_zone_is_taken_into_account(
    source: Server, prove: Callable[..., dict[str, Any]], dump: Path
) -> None:
    bare(dump)
    environment = {**os.environ, **source.environment(), "TZ": "America/Sao_Paulo"}
    program = source.bindir / "pg_dump"
    subprocess.run([program, "--format=custom", f"--file={dump}", DATABASE], env=environment, check=True)
    zone = {"restore": "none", "days": 0}
    assert abs(one(prove(archive_timezone="America/Sao_Paulo", **zone), "backup.age")["value"]) < 0.1
    wrong = one(prove(archive_timezone="UTC", **zone), "backup.age")
    assert 2.9 < wrong["value"] < 3.1


# What the restore shows


@pytest.mark.parametrize(
    ("options", "check", "words"),
    [
        ({"min_rows": {"patients": 5001}}, "backup.rows", "has only 5,000 rows"),
        ({"min_rows": {"surgeries": 1}}, "backup.rows", "is not in the database restored"),
        ({"queries": [{"sql": "SELECT 1", "expect": "2"}]}, "backup.queries", "returned '1', not '2'"),
        ({"queries": [{"sql": "SELECT 1", "min": 2}]}, "backup.queries", "less than 2"),
        ({"queries": [{"sql": "SELECT * FROM nowhere"}]}, "backup.queries", "does not exist"),
        ({"queries": [{"sql": "SELECT 1 WHERE false"}]}, "backup.queries", "returned no row"),
        ({"queries": [{"sql": "DELETE FROM public.patients"}]}, "backup.queries", "read-only transaction"),
        ({"queries": [{"sql": "SELECT pg_sleep(9)"}], "query_timeout": 1}, "backup.queries", "statement timeout"),
        ({"recovery_time_objective": 0.001}, "backup.recovery_time", "the objective is 0.001 s"),
    ],
)
def test_what_policy_asks_for_is_held_against_the_restored_database(
    prove: Callable[..., dict[str, Any]], options: dict[str, Any], check: str, words: str
) -> None:
    result = prove(**options)
    assert not_ok(result) == [(check, "critical")]
    assert words in findings_of(result, check, status="critical")[0]["message"]


def test_a_restore_that_restored_nothing_is_critical(
    source: Server, prove: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    script = tools / "pg_restore"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec {source.bindir}/pg_restore --version\nexit 0\n')
    script.chmod(0o755)
    result = prove(pg_bindir=str(tools))
    assert ("backup.objects", "critical") in not_ok(result)
    assert ("backup.rows", "critical") in not_ok(result)
    assert "were not restored" in one(result, "backup.objects")["message"]


@pytest.fixture
def dumped(source: Server, tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Makes a database of its own, dumps it, and tests that backup."""
    source.execute("CREATE DATABASE odd_clinic")
    path = tmp_path / "odd_clinic-1.dump"

    def run(schema: str, *, afterwards: str = "", **options: Any) -> dict[str, Any]:
        source.execute(schema, "odd_clinic")
        source.run("pg_dump", "--format=custom", f"--file={path}", "odd_clinic")
        if afterwards:
            source.execute(afterwards, "odd_clinic")
        given = source.options(database="odd_clinic", backups=[str(path)], days=0)
        return run_module("backup_restore_test", {**given, **options})

    yield run
    source.execute("DROP DATABASE odd_clinic WITH (FORCE)")


def test_a_database_without_tables_is_a_backup_of_nothing(dumped: Callable[..., dict[str, Any]]) -> None:
    result = dumped("SELECT 1")
    assert ("backup.objects", "critical") in not_ok(result)
    assert ("backup.rows", "critical") in not_ok(result)


def test_a_sequence_behind_its_column_is_a_warning(dumped: Callable[..., dict[str, Any]]) -> None:
    result = dumped("CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t VALUES (7)")
    assert not_ok(result) == [("backup.sequences", "warning")]
    assert "public.t_id_seq at 1, public.t.id has 7" in one(result, "backup.sequences")["message"]


def test_an_unproven_constraint_is_a_warning(dumped: Callable[..., dict[str, Any]]) -> None:
    result = dumped(
        "CREATE TABLE t (id int); INSERT INTO t VALUES (-1);"
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (id > 0) NOT VALID"
    )
    assert not_ok(result) == [("backup.constraints", "warning")]
    assert "constraint t positive (not valid)" in one(result, "backup.constraints")["message"]


def test_a_role_that_the_server_lacks_is_a_warning(dumped: Callable[..., dict[str, Any]]) -> None:
    result = dumped(
        "CREATE ROLE nurse; CREATE TABLE t AS SELECT 1 AS id; ALTER TABLE t OWNER TO nurse",
        afterwards="DROP OWNED BY nurse; DROP ROLE nurse",
    )
    assert not_ok(result) == [("backup.roles", "warning")]
    assert "(nurse)" in one(result, "backup.roles")["message"]


def test_data_that_breaks_its_own_constraint_cannot_be_restored(dumped: Callable[..., dict[str, Any]]) -> None:
    result = dumped(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p); INSERT INTO p VALUES (1);"
        "INSERT INTO c VALUES (1); SET session_replication_role = replica; DELETE FROM p"
    )
    assert not_ok(result) == [("backup.restore", "critical")]
    assert "violates foreign key constraint" in one(result, "backup.restore")["message"]
    assert [action["outcome"] for action in result["actions"]] == ["failed"]


# Least rights, and no harm to the source


@pytest.fixture
def restorer(source: Server) -> Iterator[str]:
    source.execute(f"CREATE ROLE restorer LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    yield "restorer"
    source.execute("DROP ROLE restorer")


def test_a_role_that_may_only_create_databases_is_enough(
    source: Server, prove: Callable[..., dict[str, Any]], restorer: str
) -> None:
    result = prove(restore_login_user=restorer, restore_login_password=PASSWORD)
    assert not_ok(result) == []
    assert one(result, "backup.restore")["evidence"] == {"role": "restorer", "superuser": False}
    source.execute("ALTER ROLE restorer NOCREATEDB")
    result = prove(restore_login_user=restorer, restore_login_password=PASSWORD)
    assert "ALTER ROLE restorer CREATEDB" in result["msg"]
    assert findings_of(result, "backup.age")


def test_what_an_archive_does_is_done_without_rights(
    dumped: Callable[..., dict[str, Any]], restorer: str, source: Server
) -> None:
    # Restoring this one would write to another database of the server, if it were allowed to.
    result = dumped(
        "CREATE TABLE t AS SELECT 1 AS id;"
        "CREATE FUNCTION evil() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_database() LIKE 'careops%' THEN COPY (SELECT 1) TO PROGRAM 'true'; END IF; RETURN 1; END $$;"
        "CREATE MATERIALIZED VIEW m AS SELECT public.evil()",
        restore_login_user=restorer,
        restore_login_password=PASSWORD,
    )
    assert not_ok(result) == [("backup.restore", "critical")]
    assert "external program" in one(result, "backup.restore")["message"]
    assert "give the restoring role what it needs" in one(result, "backup.restore")["message"]
    assert source.execute(SCRATCH) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scratch_prefix": "clinic"}, "Restore refused"),
        ({"maintenance_database": "careops_restore_x"}, "Restore refused"),
        ({"database": ""}, "The option database must name"),
        ({"scratch_prefix": "Clinic;"}, "scratch_prefix must be"),
        ({"login_password": "wrong"}, "login_password, PGPASSWORD or a .pgpass file"),
        ({"maintenance_database": "nowhere"}, "there is no such database"),
        ({"backups": ["/nowhere/at/all"]}, "is its volume mounted"),
        ({"backups": ["/var/tmp/nothing.dump"]}, "There is no backup /var/tmp/nothing.dump"),
        ({"restore": "/var/tmp/nothing.dump"}, "none of those found"),
        ({"pg_bindir": "/var/tmp"}, "has no program pg_restore"),
        ({"days": "a week"}, "days"),
        ({"read": "half"}, "read must be one of"),
    ],
)
def test_bad_input_is_one_clear_message(
    source: Server, prove: Callable[..., dict[str, Any]], options: dict[str, Any], words: str
) -> None:
    result = prove(**options)
    assert result["failed"] is True
    assert words in result["msg"]
    assert source.execute(SCRATCH) == []


def test_what_postgresql_refuses_is_one_sentence(
    source: Server, prove: Callable[..., dict[str, Any]], restorer: str
) -> None:
    # A leftover of somebody else's, which this role may be a member of but not drop while it is a template.
    name = "careops_restore_20260301t020000z_0123abcd"
    source.execute(f"CREATE DATABASE {name} OWNER restorer IS_TEMPLATE true")
    try:
        result = prove(restore_login_user=restorer, restore_login_password=PASSWORD)
        assert result["msg"].startswith("PostgreSQL refused what was asked of it: cannot drop a template database")
        assert findings_of(result, "backup.age")
    finally:
        source.execute(f"ALTER DATABASE {name} IS_TEMPLATE false")
        source.execute(f"DROP DATABASE {name}")


def test_missing_psycopg2_names_the_package(prove: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "psycopg2.py").write_text("raise ImportError('not here')\n")
    result = prove(popen={"cwd": str(tmp_path)})
    assert "install the package python3-psycopg2" in result["msg"]
    assert findings_of(result, "backup.age", status="ok")
    assert not_ok(prove(restore="none", popen={"cwd": str(tmp_path)})) == []


def test_missing_pg_restore_in_the_path_names_the_package(prove: Callable[..., dict[str, Any]]) -> None:
    result = prove(pg_bindir=None, popen={"env": {"PATH": "/nowhere"}})
    assert "package postgresql-client" in result["msg"]


# Interrupted


@pytest.fixture
def slow(source: Server, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A test of a backup whose restore does not end: in the scratch database, its view sleeps."""
    source.execute("CREATE DATABASE slow_clinic")
    source.execute(
        "CREATE TABLE t AS SELECT 1 AS id;"
        "CREATE FUNCTION wait() RETURNS int LANGUAGE sql AS"
        " 'SELECT CASE WHEN current_database() LIKE ''careops%'' THEN (SELECT 1 FROM pg_sleep(300)) END';"
        "CREATE MATERIALIZED VIEW m AS SELECT public.wait()",
        "slow_clinic",
    )
    path = tmp_path / "slow_clinic-1.dump"
    source.run("pg_dump", "--format=custom", f"--file={path}", "slow_clinic")
    options = source.options(database="slow_clinic", backups=[str(path)], days=0)
    process = start_module("backup_restore_test", options)
    try:
        asleep = "SELECT 1 FROM pg_stat_activity WHERE datname LIKE 'careops%' AND wait_event = 'PgSleep'"
        wait_for(lambda: source.execute(asleep))
        yield process
    finally:
        process.kill()
        process.communicate()
        source.execute("DROP DATABASE slow_clinic WITH (FORCE)")
        for (name,) in source.execute(SCRATCH):
            source.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_what_a_killed_test_left_is_dropped_by_the_next(
    slow: subprocess.Popen[str], source: Server, prove: Callable[..., dict[str, Any]]
) -> None:
    (leftover,) = source.execute(SCRATCH)[0]
    (program,) = children_of(slow.pid)
    slow.send_signal(signal.SIGKILL)
    slow.wait()
    wait_for(lambda: is_gone(program))
    wait_for(lambda: not source.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
    assert source.execute(SCRATCH) == [(leftover,)]
    planned = prove(check=True)
    assert (planned["actions"][0]["action"], planned["actions"][0]["target"]) == ("drop_leftover", leftover)
    assert one(planned, "backup.leftover")["status"] == "warning"
    assert source.execute(SCRATCH) == [(leftover,)]
    result = prove()
    assert result["changed"] is True
    assert (result["actions"][0]["action"], result["actions"][0]["outcome"]) == ("drop_leftover", "done")
    assert one(result, "backup.leftover")["subject"] == leftover
    assert not_ok(result) == []
    assert source.execute(SCRATCH) == []


def test_a_living_test_is_left_alone(
    slow: subprocess.Popen[str], source: Server, prove: Callable[..., dict[str, Any]]
) -> None:
    living = source.execute(SCRATCH)
    result = prove()
    assert findings_of(result, "backup.leftover") == []
    assert not_ok(result) == []
    assert source.execute(SCRATCH) == living
    assert slow.poll() is None


def test_sigterm_drops_the_scratch_database(slow: subprocess.Popen[str], source: Server) -> None:
    slow.send_signal(signal.SIGTERM)
    output, _errors = slow.communicate(timeout=60)
    result = json.loads(output.splitlines()[-1])
    assert "Interrupted by SIGTERM" in result["msg"]
    assert findings_of(result, "backup.age")
    assert source.execute(SCRATCH) == []


def test_a_restore_that_takes_too_long_is_stopped(slow: subprocess.Popen[str], source: Server, tmp_path: Path) -> None:
    before = source.execute(SCRATCH)
    options = source.options(database="slow_clinic", backups=[str(tmp_path / "slow_clinic-1.dump")], days=0, timeout=1)
    result = run_module("backup_restore_test", options)
    assert "pg_restore did not end within 1 seconds" in result["msg"]
    assert source.execute(SCRATCH) == before


@pytest.mark.soak
def test_killed_at_any_moment_the_next_run_drops_what_is_left(
    source: Server, prove: Callable[..., dict[str, Any]], folder: Path
) -> None:
    left = 0
    for attempt in range(60):
        process = start_module("backup_restore_test", source.options(database=DATABASE, backups=[str(folder)], days=1))
        time.sleep(0.2 + attempt * 0.01)
        process.kill()
        process.communicate()
        left += len(source.execute(SCRATCH))
        if attempt % 10 == 9:
            wait_for(lambda: not source.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
            assert not_ok(prove()) == []
            assert source.execute(SCRATCH) == []
    assert left


def test_a_database_of_that_name_that_is_not_ours_stays(source: Server, prove: Callable[..., dict[str, Any]]) -> None:
    name = "careops_restore_20260301t020000z_0123abcd"
    source.execute(f"CREATE DATABASE {name}")
    source.execute(f"COMMENT ON DATABASE {name} IS 'somebody''s own'")
    source.execute("CREATE DATABASE careops_restore_by_hand")
    try:
        assert findings_of(prove(), "backup.leftover") == []
        assert len(source.execute(SCRATCH)) == 2
    finally:
        source.execute(f"DROP DATABASE {name}")
        source.execute("DROP DATABASE careops_restore_by_hand")


# Versions


@pytest.fixture(scope="module")
def newest() -> Iterator[Server]:
    folders = bindirs()
    if max(folders) == min(folders):
        pytest.skip("one version of PostgreSQL only")
    with server(folders[max(folders)]) as running:
        running.execute("CREATE DATABASE clinic_new")
        running.execute(SCHEMA, "clinic_new")
        yield running


def test_each_version_passes_with_its_own_tools(newest: Server, tmp_path: Path) -> None:
    for bindir in bindirs().values():
        with server(bindir) as running:
            running.execute("CREATE DATABASE clinic_new")
            running.execute(SCHEMA, "clinic_new")
            folder = tmp_path / bindir.parent.name
            folder.mkdir()
            options = running.options(database="clinic_new")
            run_module("pg_backup", {**options, "directory": str(folder)})
            result = run_module("backup_restore_test", {**options, "backups": [str(folder)], "days": 1})
            assert not_ok(result) == []
            assert result["details"]["rows"]["public.patients"] == 5000


def test_tools_and_servers_that_do_not_fit_are_named(newest: Server, source: Server, tmp_path: Path) -> None:
    path = tmp_path / "clinic_new-1.dump"
    newest.run("pg_dump", "--format=custom", f"--file={path}", "clinic_new")
    archived = {"database": "clinic_new", "backups": [str(path)], "days": 0}
    assert not_ok(run_module("backup_restore_test", newest.options(**archived))) == []
    older = run_module("backup_restore_test", {**newest.options(**archived), "pg_bindir": str(source.bindir)})
    assert "install client tools of version" in older["msg"]
    # Newer tools against an older server.
    result = run_module("backup_restore_test", {**source.options(**archived), "pg_bindir": str(newest.bindir)})
    assert one(result, "backup.restore")["status"] == "critical"
    assert "set pg_bindir to tools of its version" in one(result, "backup.restore")["message"]
    # Another server to restore on.
    elsewhere = {"restore_login_host": "127.0.0.1", "restore_login_port": newest.port}
    assert not_ok(run_module("backup_restore_test", {**newest.options(**archived), "login_port": 1, **elsewhere})) == []


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_other_compressions_are_read_through_pg_restore(newest: Server, tmp_path: Path, compression: str) -> None:
    path = tmp_path / "clinic_new-1.dump"
    try:
        newest.run("pg_dump", "--format=custom", f"--compress={compression}", f"--file={path}", "clinic_new")
    except subprocess.CalledProcessError:
        pytest.skip(f"this pg_dump was built without {compression}")
    options = newest.options(database="clinic_new", backups=[str(path)], days=0)
    result = run_module("backup_restore_test", options)
    assert not_ok(result) == []
    assert "as many as the archive holds" in one(result, "backup.rows")["message"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    path.write_bytes(content)
    assert one(run_module("backup_restore_test", options), "backup.readable")["status"] == "critical"


def test_a_checksum_of_sha256sum_is_understood(prove: Callable[..., dict[str, Any]], dump: Path) -> None:
    digest = hashlib.sha256(dump.read_bytes()).hexdigest()
    sidecar = dump.with_name(dump.name + ".sha256")
    for text in (f"{digest.upper()} *{dump.name}\n", f"{digest}\n"):
        sidecar.write_text(text)
        assert one(prove(restore="none"), "backup.checksum")["status"] == "ok"
    sidecar.write_text("no checksum\n")
    assert one(prove(restore="none"), "backup.checksum")["status"] == "critical"
