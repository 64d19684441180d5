"""pg_maintenance beside the client programs that do the same work: vacuumdb and reindexdb."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from tests.bench.harness import Table, compare, program_version
from tests.lab import postgres
from tests.lab.modules import run_module

TABLES = 8


def tables(*, quick: bool) -> Iterator[Table]:
    rows = 100_000 if quick else 500_000
    with postgres.server(settings={"max_wal_size": "4GB", "maintenance_work_mem": "64MB"}) as server:
        fill(server, rows=rows)
        versions = {"PostgreSQL": program_version(str(server.bindir / "postgres"), "--version").split()[2]}
        yield compare(
            f"Vacuum, analyse and reindex everything: {TABLES} tables of {rows:,} rows, 2 connections",
            {
                "vacuumdb -j2 -z, then reindexdb -j2 --concurrently": lambda: programs(server),
                "pg_maintenance, when: always (the work)": lambda: module(server, when="always"),
                "pg_maintenance, when: always (with the start of Python and Ansible)": lambda: process(
                    server, when="always"
                ),
            },
            baseline="vacuumdb -j2 -z, then reindexdb -j2 --concurrently",
            runs=3 if quick else 5,
            goals={"pg_maintenance, when: always (the work)": 1.1},
            versions=versions,
        )
        yield compare(
            f"By need: {TABLES} tables of {rows:,} rows with 40 % dead rows and bloated indexes, then once more",
            {
                "first run": lambda: needed(server, rows=rows),
                "second run right after": lambda: module(server),
            },
            baseline="first run",
            runs=3 if quick else 5,
            goals={"second run right after": 0.05},
            versions=versions,
        )


def fill(server: postgres.Server, *, rows: int) -> None:
    server.execute("CREATE DATABASE clinic")
    for number in range(TABLES):
        server.execute(
            f"CREATE TABLE visits_{number} (id bigint PRIMARY KEY, patient int NOT NULL, at timestamptz, note text);"
            f"INSERT INTO visits_{number} SELECT g, (g::bigint * 7919) % 20000, now() - g * interval '1 minute',"
            f" md5(g::text) || md5((g + 1)::text) FROM generate_series(1, {rows}) g;"
            f"CREATE INDEX ON visits_{number} (patient); CREATE INDEX ON visits_{number} (note)",
            "clinic",
        )


def spoil(server: postgres.Server, *, rows: int) -> None:
    """Real dead rows, and indexes that real updates have bloated."""
    for number in range(TABLES):
        server.execute(
            f"UPDATE visits_{number} SET note = md5(random()::text) || note WHERE id <= {rows * 2 // 3}", "clinic"
        )


def programs(server: postgres.Server) -> float:
    started = time.perf_counter()
    server.run("vacuumdb", "-j2", "-z", "-q", "clinic")
    server.run("reindexdb", "-j2", "--concurrently", "-q", "clinic")
    return time.perf_counter() - started


def module(server: postgres.Server, **options: Any) -> float:
    """Seconds of the work alone, as the module reports them."""
    result = maintain(server, **options)
    seconds: float = result["summary"]["seconds"]
    return seconds


def process(server: postgres.Server, **options: Any) -> float:
    started = time.perf_counter()
    maintain(server, **options)
    return time.perf_counter() - started


def needed(server: postgres.Server, *, rows: int) -> float:
    spoil(server, rows=rows)
    seconds = module(server)
    assert not maintain(server)["actions"], "the second run must find nothing to do"
    return seconds


def maintain(server: postgres.Server, **options: Any) -> dict[str, Any]:
    result = run_module("pg_maintenance", server.options(databases=["clinic"], jobs=2, **options))
    assert not result.get("failed"), result
    assert all(action["outcome"] == "done" for action in result["actions"]), result["actions"]
    return result
