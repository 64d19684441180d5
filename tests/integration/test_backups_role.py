"""The role backups, as a user runs it alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.modules import ROOT
from tests.lab.postgres import PASSWORD, Server

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: careops.maintenance.backups
        tasks_from: "{{ entry }}"
"""


@pytest.fixture
def play(pg: Server, tmp_path: Path) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Runs an entry point of the role and gives the results of its modules."""
    pg.execute("CREATE DATABASE clinic_role")
    pg.execute("CREATE TABLE patients AS SELECT generate_series(1, 1000) AS id", "clinic_role")
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "backups").mkdir()

    def run(entry: str, *arguments: str, **more: Any) -> list[dict[str, Any]]:
        variables = {
            "entry": entry,
            "ansible_python_interpreter": sys.executable,
            "backups_database": "clinic_role",
            "backups_directory": str(tmp_path / "backups"),
            "backups_login_host": "127.0.0.1",
            "backups_login_port": pg.port,
            "backups_login_password": PASSWORD,
            "backups_pg_bindir": str(pg.bindir),
            "backups_become": False,
            "backups_days": 1,
            **more,
        }
        done = subprocess.run(
            [
                *(Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "play.yml"),
                *("-e", json.dumps(variables), *arguments),
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        document = json.loads(done.stdout[done.stdout.index("{") :])
        tasks = [task["hosts"]["localhost"] for part in document["plays"] for task in part["tasks"]]
        return [result for result in tasks if "summary" in result or result.get("failed")]

    yield run
    pg.execute("DROP DATABASE clinic_role WITH (FORCE)")


def outcomes(results: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(action["action"], action["outcome"]) for result in results for action in result["actions"]]


def test_taken_verified_restored_and_nothing_to_do_again(
    play: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    planned = play("main", "--check", backups_take=True)
    assert outcomes(planned)[0] == ("backup", "planned")
    assert list((tmp_path / "backups").iterdir()) == []
    first = play("main", backups_take=True, backups_min_rows={"patients": 1000})
    assert outcomes(first) == [("backup", "done"), ("restore_test", "done")]
    assert [result["summary"]["worst"] for result in first] == ["ok", "ok"]
    again = play("main", backups_take=True)
    assert outcomes(again) == [("backup", "skipped"), ("restore_test", "done")]
    assert [result["changed"] for result in again] == [False, False]
    # Only looks, and needs no server.
    looked = play("check", backups_take=True, backups_login_port=1)
    assert outcomes(looked) == []
    assert [result["summary"]["worst"] for result in looked] == ["ok"]


def test_a_wrong_option_type_is_one_clear_message(play: Callable[..., list[dict[str, Any]]]) -> None:
    (result,) = play("main", backups_days="weekly")
    assert result["failed"] is True
    assert "backups_days" in result["argument_errors"][0]
