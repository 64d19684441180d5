"""docs/new-system.md: the inventory that it writes works as it stands, here with every host this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import certificates
from tests.lab.modules import ROOT, run_module
from tests.lab.postgres import PASSWORD, Server
from tests.lab.runs import read_record

GUIDE = ROOT / "docs" / "new-system.md"
HOSTS = ("web.clinic.example", "db.clinic.example", "records.clinic.example")
PROCEDURES = ("audit", "backups", "calendar", "certificates", "health", "patching", "postgresql_maintenance", "records")
NOTHING = dict.fromkeys(PROCEDURES, "skip")


def blocks() -> dict[str, str]:
    """The files of the guide: path and content."""
    found = re.findall(r"^```yaml\n# (inventories/clinic/\S+)\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    return dict(found)


@dataclass
class Clinic:
    """The system of the guide, made from its blocks."""

    folder: Path
    variables: dict[str, Any]

    def play(self, playbook: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Runs a playbook of the collection on it."""
        here = {"all": {"hosts": {host: {"ansible_connection": "local"} for host in HOSTS}}}
        (self.folder / "here.json").write_text(json.dumps(here))
        return subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook"),
                *("--inventory", self.folder / "inventories" / "clinic", "--inventory", self.folder / "here.json"),
                *("--extra-vars", json.dumps({**self.variables, **variables})),
                *(f"playbooks/{playbook}.yml", *arguments),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                "CAREOPS_RUNS_DIRECTORY": str(self.folder / "runs"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def record(self) -> dict[str, Any]:
        """The record of the last run."""
        return read_record(sorted((self.folder / "runs").glob("*/record.json"))[-1])


@pytest.fixture(scope="module")
def clinic(pg: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The inventory as the guide writes it, and what its hosts have."""
    folder = tmp_path_factory.mktemp("new-system")
    for name, content in blocks().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "backups").mkdir()
    (folder / "portal.pem").write_bytes(certificates.make("portal.clinic.example").pem)
    pg.execute("CREATE DATABASE clinic")
    pg.execute("CREATE TABLE patients AS SELECT generate_series(1, 200) AS id", "clinic")
    pg.run("pg_dump", "--format=custom", f"--file={folder / 'backups' / 'clinic-1.dump'}", "clinic")
    yield Clinic(
        folder=folder,
        variables={
            # What is different where every host is this machine and nobody is root.
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "policy_calendar_start": "2026-11-21",
            "policy_records_root": str(folder / "kept"),
            "certificates_paths": [str(folder / "portal.pem")],
            "certificates_now": certificates.NOW.isoformat(),
            "backups_directory": str(folder / "backups"),
            "backups_days": 1,
            "backups_login_host": "127.0.0.1",
            "backups_login_port": pg.port,
            "backups_login_password": PASSWORD,
            "backups_pg_bindir": str(pg.bindir),
            # How long this machine's own updates wait is not what is tried here.
            "patching_security_update_objective": 87600,
            "health_history_dir": str(folder / "health"),
            "audit_root": str(folder / "kept" / "audit"),
            "audit_key_file": str(folder / "audit.key"),
            "audit_anchor_root": str(folder / "anchors"),
        },
    )
    pg.execute("DROP DATABASE clinic WITH (FORCE)")


def test_the_guide_has_every_file() -> None:
    assert {Path(name).name for name in blocks()} == {
        *("hosts.yml", "system.yml", "people.yml", "access.yml", "calendar.yml", "timers.yml"),
        *("certificates.yml", "health.yml", "backups.yml", "postgresql_maintenance.yml", "patching.yml"),
    }


def test_the_timers_of_the_guide_are_such_as_systemd_can_keep() -> None:
    policy = yaml.safe_load(blocks()["inventories/clinic/group_vars/all/timers.yml"])["policy_timers"]
    assert all((ROOT / timer["playbook"]).is_file() for timer in policy)
    options = {"system": "clinic", "time_zone": "Europe/Amsterdam", "program": "/bin/true", "directory": str(ROOT)}
    result = run_module("calendar_timers", {**options, "user": "root", "timers": policy})
    assert not result.get("failed"), result["msg"]
    assert result["details"]["on_calendar"]["weekly"] == ["Sun *-*-* 03:03:00 Europe/Amsterdam"]


@pytest.fixture(scope="module")
def daily(clinic: Clinic) -> subprocess.CompletedProcess[str]:
    """The daily run, for real."""
    return clinic.play("daily", calendar_now="2026-11-21T12:00:00Z", run_open_now="2026-11-21T12:00:00Z")


def test_the_daily_run_does_what_the_guide_says(clinic: Clinic, daily: subprocess.CompletedProcess[str]) -> None:
    assert daily.returncode == 0, daily.stdout + daily.stderr
    record = clinic.record()
    assert (record["run"]["system"], record["run"]["cadence"]) == ("clinic", "daily")
    done = {(row["name"], row["entry"]) for row in record["procedures"] if row["state"] == "ok" and row.get("entry")}
    assert done == {
        ("health", "main"),
        ("backups", "check"),
        ("certificates", "main"),
        ("patching", "check"),
        ("audit", "check"),
        ("records", "check"),
        ("calendar", "check"),
    }
    assert (clinic.folder / "kept" / "logs" / "maintenance" / record["run"]["id"] / "report.html").exists()


def test_the_calendar_knows_what_was_done(clinic: Clinic, daily: subprocess.CompletedProcess[str]) -> None:
    done = clinic.play("calendar", calendar_now="2026-11-21T12:10:00Z")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^ *([a-z]+) +\w{3} \d{4}-\d\d-\d\d \d\d:\d\d +(\S+)", done.stdout, re.MULTILINE)
    assert {task: state for state, task in rows} == {
        "system-health": "done",
        "database-maintenance": "upcoming",
        "vendor-agreements": "upcoming",
    }


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-03-01T02:30:00+01:00", ""),
        ("2026-03-02T12:00:00+01:00", "Sunday 8 March 2026 01:00 UTC, 02:00 Europe/Amsterdam"),
        # The blackout of the year's end.
        ("2026-12-27T02:30:00+01:00", "year end"),
    ],
)
def test_a_weekly_run_is_let_through_on_a_sunday_night(clinic: Clinic, moment: str, words: str) -> None:
    # Rehearsed, and without the procedures: what is asked is the window, and a rehearsal says what would refuse it.
    done = clinic.play(
        "weekly",
        "--check",
        run_open_now=moment,
        calendar_now=moment,
        run_open_entries=NOTHING,
    )
    said = re.sub(r"\s+", " ", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("would be refused" in said) is bool(words)
    assert words in said
