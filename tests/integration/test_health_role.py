"""The role health, alone, against a real portal: main remembers, check leaves no trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import health
from tests.lab.modules import ROOT, findings_of, hold_against_contract

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: careops.maintenance.health
        tasks_from: "{{ entry }}"
"""


@pytest.fixture
def portal() -> Iterator[health.Portal]:
    with health.portal() as running:
        yield running


def play(folder: Path, *, entry: str = "main", check: bool = False, **inputs: Any) -> tuple[int, dict[str, Any], str]:
    """Exit status, result of the look, and everything that was printed."""
    (folder / "play.yml").write_text(PLAY)
    variables = {"entry": entry, "ansible_python_interpreter": sys.executable}
    given = {"become": False, "history_dir": str(folder / "history"), "resources": [], **inputs}
    variables |= {f"health_{name}": value for name, value in given.items()}
    (folder / "variables.json").write_text(json.dumps(variables))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE")}
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", folder / "play.yml"),
            *("-e", f"@{folder / 'variables.json'}", "-vvv", *(["--check"] if check else [])),
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
    report = json.loads(done.stdout[done.stdout.index("\n{") if not done.stdout.startswith("{") else 0 :])
    results = [task["hosts"]["localhost"] for run in report["plays"] for task in run["tasks"]]
    looks = [result for result in results if "findings" in result or result.get("failed")]
    assert len(looks) == 1, done.stdout + done.stderr
    return done.returncode, looks[0], done.stdout + done.stderr


def inputs(portal: health.Portal, **more: Any) -> dict[str, Any]:
    endpoint = {"name": "portal", "url": f"{portal.url}/health", "expect": {"status": "healthy"}, "uptime": "uptime"}
    guarded = {"name": "guarded", "url": f"{portal.url}/guarded", "headers": {"X-Api-Key": "${key}"}}
    secrets = [{"name": "key", "value": health.PASSWORD}]
    hours = {"time_zone": "Europe/Amsterdam", "start": "08:00", "end": "18:00"}
    return {"endpoints": [endpoint, guarded], "secrets": secrets, "business_hours": hours, **more}


def result_of(look: dict[str, Any]) -> dict[str, Any]:
    plain = {
        key: value for key, value in look.items() if key in ("findings", "actions", "summary", "details", "changed")
    }
    hold_against_contract(plain)
    return plain


def test_main_looks_and_remembers(portal: health.Portal, tmp_path: Path) -> None:
    status, look, printed = play(tmp_path, **inputs(portal))
    result = result_of(look)
    assert (status, result["changed"]) == (0, False)
    assert len(findings_of(result, "health.endpoint", status="ok")) == 2, result["findings"]
    assert [row["outcome"] for row in result["actions"]] == ["done"]
    assert (tmp_path / "history" / "localhost.jsonl").exists()
    assert health.PASSWORD not in printed

    portal.health["status"] = "down"
    status, look, _printed = play(tmp_path, **inputs(portal))
    assert status == 0, "a finding fails nothing by itself"
    assert len(findings_of(result_of(look), "health.endpoint", status="critical")) == 1
    assert len((tmp_path / "history" / "localhost.jsonl").read_text().splitlines()) == 3


def test_check_and_check_mode_leave_no_trace(portal: health.Portal, tmp_path: Path) -> None:
    status, look, _printed = play(tmp_path, entry="check", **inputs(portal))
    assert (status, look["actions"]) == (0, [])
    status, look, _printed = play(tmp_path, check=True, **inputs(portal))
    assert [row["outcome"] for row in look["actions"]] == ["planned"]
    assert findings_of(look, "health.endpoint", status="ok"), "check mode looks for real"
    assert not (tmp_path / "history").exists()


def test_with_its_defaults_it_looks_at_the_host(tmp_path: Path) -> None:
    status, look, _printed = play(tmp_path, resources=["disk", "memory", "load"], history_dir="")
    assert status == 0
    assert {row["check"] for row in look["findings"]} >= {"health.memory", "health.load"}
    assert look["actions"] == []


def test_bad_inputs_are_refused_in_one_sentence(portal: health.Portal, tmp_path: Path) -> None:
    status, look, _printed = play(tmp_path, endpoints=[{"name": "portal", "url": "portal/health"}])
    assert status != 0
    assert "The option endpoints[portal].url must be an http or https address" in look["msg"]
    status, look, _printed = play(tmp_path, disk_warning="much")
    assert status != 0 and "health_disk_warning" in look["msg"]
