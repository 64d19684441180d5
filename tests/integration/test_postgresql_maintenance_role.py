"""The role postgresql_maintenance against a real server: nothing is changed without a verified backup."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import postgres
from tests.lab.modules import ROOT

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: careops.maintenance.postgresql_maintenance
        tasks_from: "{{ entry }}"
"""
VISITS = """
CREATE TABLE IF NOT EXISTS visits (id int PRIMARY KEY, note text);
INSERT INTO visits SELECT g, repeat('x', 40) FROM generate_series(1, 20000) g
"""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as server:
        server.execute("CREATE DATABASE clinic")
        server.execute(VISITS, "clinic")
        yield server


def play(
    server: postgres.Server, folder: Path, *, entry: str = "main", check: bool = False, **more: Any
) -> tuple[int, list[dict[str, Any]]]:
    """Runs the role and returns the exit status and the result of every task of this collection."""
    playbook = folder / "play.yml"
    playbook.write_text(PLAY)
    options = server.options(databases=["clinic"], become=False, backup_dir=str(folder / "backups"), **more)
    variables = {"entry": entry, "ansible_python_interpreter": sys.executable}
    variables |= {f"postgresql_maintenance_{name}": value for name, value in options.items()}
    (folder / "variables.json").write_text(json.dumps(variables))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "ANSIBLE"))}
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", playbook),
            *("-e", f"@{folder / 'variables.json'}", *(["--check"] if check else [])),
        ],
        env={
            **environment,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout[done.stdout.index("{") :])
    tasks = [task for run in report["plays"] for task in run["tasks"]]
    return done.returncode, [
        {"name": task["task"]["name"], **task["hosts"]["localhost"]}
        for task in tasks
        if not task["hosts"]["localhost"].get("skipped")
    ]


def deeds(results: list[dict[str, Any]]) -> list[tuple[str, str]]:
    rows = [
        action
        for result in results
        for part in (result, *result.get("results", ()))
        for action in part.get("actions", ())
    ]
    return [(action["action"], action["outcome"]) for action in rows]


def analyzed(server: postgres.Server) -> Any:
    return server.execute("SELECT last_analyze FROM pg_stat_user_tables WHERE relname = 'visits'", "clinic")[0][0]


def test_check_mode_prints_the_plan_and_takes_no_backup(server: postgres.Server, tmp_path: Path) -> None:
    before = analyzed(server)
    status, results = play(server, tmp_path, check=True)
    assert status == 0, results
    assert ("vacuum_analyze", "planned") in deeds(results)
    assert not (tmp_path / "backups").exists()
    assert analyzed(server) == before


def test_the_entry_check_only_looks(server: postgres.Server, tmp_path: Path) -> None:
    before = analyzed(server)
    status, results = play(server, tmp_path, entry="check")
    assert status == 0 and deeds(results) == []
    assert any(
        finding["check"] == "postgres.statistics" for result in results for finding in result.get("findings", ())
    )
    assert analyzed(server) == before and not (tmp_path / "backups").exists()


def test_a_backup_that_cannot_be_taken_keeps_everything_as_it_is(server: postgres.Server, tmp_path: Path) -> None:
    before = analyzed(server)
    # pg_dump comes from a folder that does not have it.
    status, results = play(server, tmp_path, pg_bindir=str(tmp_path))
    assert status != 0
    assert ("vacuum_analyze", "done") not in deeds(results)
    assert analyzed(server) == before


def test_backup_verification_maintenance_then_nothing(server: postgres.Server, tmp_path: Path) -> None:
    server.execute("TRUNCATE visits", "clinic")
    server.execute(VISITS, "clinic")
    status, results = play(server, tmp_path, backup_restore=True)
    assert status == 0, results
    done = deeds(results)
    assert done.index(("backup", "done")) < done.index(("vacuum_analyze", "done"))
    assert ("restore_test", "done") in done
    (backup,) = (tmp_path / "backups").glob("*.dump")
    assert backup.stat().st_mode & 0o077 == 0

    status, results = play(server, tmp_path)
    assert (status, deeds(results)) == (0, [])
    assert list((tmp_path / "backups").glob("*.dump")) == [backup], "nothing to do, no backup"
