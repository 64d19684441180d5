"""The demo estate: built, finished after a kill, brought up to date; and every break is caught by the weekly run."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.demo import processes
from tests.lab.modules import ROOT, run_module, start_module
from tests.lab.postgres import free_port
from tests.lab.runs import read_record

# Enough for an index whose bloat matters, and few enough to be quick.
ROWS = 100_000


@dataclass
class Estate:
    """An estate of its own, with the records of its runs."""

    root: Path
    port: int
    runs: Path

    def options(self, **more: Any) -> dict[str, Any]:
        return {"root": str(self.root), "rows": ROWS // 5, "tls_port": self.port, **more}

    def module(self, **more: Any) -> dict[str, Any]:
        result = run_module("demo_estate", self.options(**more))
        assert not result.get("failed"), result["msg"]
        return result

    def refused(self, **more: Any) -> dict[str, Any]:
        result = run_module("demo_estate", self.options(**more))
        assert result.get("failed"), result
        return result

    def dumps(self) -> list[str]:
        return sorted(path.name for path in (self.root / "backups").glob("*.dump"))

    def query(self, sql: str, database: str = "clinic") -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(host=self.root / "database" / "socket", user="postgres", dbname=database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def processes(self) -> list[int]:
        places = ("database/data", "endpoint/server.py", "open_transaction.py")
        return [pid for place in places for pid in processes.running(str(self.root / place))]

    def playbook(self, name: str, *arguments: str) -> Run:
        """Runs a playbook of the collection on this estate, as a user does."""
        before = set(self.runs.glob("*/record.json"))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook", f"playbooks/{name}.yml"),
                *("-e", f"demo_root={self.root}", "-e", f"demo_rows={ROWS}", "-e", f"demo_tls_port={self.port}"),
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, "CAREOPS_RUNS_DIRECTORY": str(self.runs), "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        records = sorted(set(self.runs.glob("*/record.json")) - before)
        return Run(done.returncode, done.stdout + done.stderr, read_record(records[0]) if records else {})


@dataclass
class Run:
    """How a playbook ended, and what was written down of it."""

    status: int
    output: str
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return str(self.record["verdict"]["outcome"])

    def attention(self) -> set[tuple[str, str]]:
        """Check and status of what needs attention, without what apt says of the tests' own machine."""
        rows = self.record["attention"]
        return {(row["check"], row["status"]) for row in rows if not row["check"].startswith("apt.")}

    def done(self) -> set[str]:
        return {row["action"] for row in self.record["actions"] if row["outcome"] == "done"}


@contextlib.contextmanager
def an_estate() -> Iterator[Estate]:
    """A place for one, which is gone afterwards with all of its processes."""
    # Not pytest's folder: its path is too long for a socket, and other accounts may not enter it.
    root = Path(tempfile.mkdtemp(prefix="careops-test-", dir="/var/tmp"))
    root.chmod(0o755)
    runs = Path(tempfile.mkdtemp(prefix="careops-runs-"))
    estate = Estate(root=root / "estate", port=free_port(), runs=runs)
    try:
        yield estate
        estate.module(state="absent")
        assert estate.processes() == []
        assert not estate.root.exists()
    finally:
        for pid in estate.processes():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(root)
        shutil.rmtree(runs)


@pytest.fixture
def estate() -> Iterator[Estate]:
    with an_estate() as place:
        yield place


@dataclass
class Clinic:
    """An estate that was built and maintained once."""

    estate: Estate
    first_demo: Run
    first_weekly: Run


@pytest.fixture(scope="module")
def clinic() -> Iterator[Clinic]:
    with an_estate() as place:
        first_demo = place.playbook("demo")
        yield Clinic(place, first_demo, place.playbook("weekly"))


# The bloat is that of a table, which only downtime could repair.
PLANTED = {("certificate.expiry", "warning"), ("postgres.bloat", "warning"), ("postgres.integrity", "unknown")}


def test_a_new_estate_is_healthy_but_for_what_is_planted(clinic: Clinic) -> None:
    assert clinic.first_demo.status == 0, clinic.first_demo.output
    assert "The demo estate stands in" in clinic.first_demo.output
    weekly = clinic.first_weekly
    assert weekly.status == 0, weekly.output
    assert weekly.outcome == "attention"
    assert weekly.attention() == PLANTED
    (warned,) = [row for row in weekly.record["attention"] if row["check"] == "certificate.expiry"]
    assert "fax.clinic.example" in warned["message"]
    assert {"backup", "restore_test", "vacuum_analyze", "reindex"} <= weekly.done()
    assert {row["state"] for row in weekly.record["hosts"]} == {"ok"}


def test_a_second_run_finds_nothing_to_do(clinic: Clinic) -> None:
    again = clinic.estate.playbook("demo")
    assert again.status == 0, again.output
    assert "it was complete already" in again.output
    assert "changed=0" in again.output
    weekly = clinic.estate.playbook("weekly")
    assert weekly.status == 0, weekly.output
    assert weekly.attention() == PLANTED
    assert weekly.done() == {"restore_test"}


@dataclass(frozen=True)
class Caught:
    """What the weekly run makes of a break."""

    finding: tuple[str, str]
    subject: str
    outcome: str
    repaired: str


CAUGHT = {
    "truncated_backup": Caught(("backup.readable", "critical"), "backups/clinic-", "failed", "was changed"),
    "missing_night": Caught(("backup.presence", "warning"), "clinic 20", "attention", "was changed"),
    "expired_certificate": Caught(("certificate.expiry", "critical"), "live/portal", "failed", "was changed"),
    "key_mismatch": Caught(("certificate.key_match", "critical"), "live/api", "failed", "was changed"),
    "vacuum_blocked": Caught(
        ("postgres.vacuum_blocked", "warning"), "month-end report", "attention", "a transaction was open"
    ),
}


@pytest.mark.parametrize("name", CAUGHT)
def test_a_break_is_caught_and_repaired(clinic: Clinic, name: str) -> None:
    expected = CAUGHT[name]
    broken = clinic.estate.playbook("demo", "-e", f"demo_break={name}")
    assert broken.status == 0, broken.output
    assert f"({name})" in broken.output
    weekly = clinic.estate.playbook("weekly")
    assert expected.finding in weekly.attention(), weekly.output
    rows = [row for row in weekly.record["attention"] if (row["check"], row["status"]) == expected.finding]
    assert any(expected.subject in row["subject"] for row in rows)
    assert weekly.outcome == expected.outcome
    assert (weekly.status == 0) == (expected.outcome == "attention"), weekly.output
    repaired = clinic.estate.module()
    assert expected.repaired in repaired["actions"][0]["reason"]
    assert repaired["summary"]["worst"] == "ok"
    assert clinic.estate.module()["actions"] == []


def test_an_invalid_index_is_found_and_rebuilt(clinic: Clinic) -> None:
    assert clinic.estate.playbook("demo", "-e", "demo_break=invalid_index").status == 0
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    assert clinic.estate.query(invalid) == [("clinic.medical_transcriptions_author_idx",)]
    plan = clinic.estate.playbook("weekly", "--check")
    assert plan.status == 0, plan.output
    found = [row for row in plan.record["attention"] if row["check"] == "postgres.invalid_index"]
    assert "medical_transcriptions_author_idx" in found[0]["subject"]
    assert clinic.estate.query(invalid) != [], "check mode changes nothing"
    weekly = clinic.estate.playbook("weekly")
    assert weekly.status == 0, weekly.output
    assert weekly.outcome == "attention"
    (action,) = [row for row in weekly.record["actions"] if row["action"] == "reindex"]
    assert "medical_transcriptions_author_idx" in action["target"]
    assert (action["before"]["valid"], action["after"]["valid"]) == (False, True)
    assert clinic.estate.query(invalid) == []
    assert "medical_transcriptions_author_idx" in clinic.estate.module()["actions"][0]["reason"]


def test_an_unreachable_host_fails_the_run_and_lets_the_others_go_on(clinic: Clinic) -> None:
    assert clinic.estate.playbook("demo", "-e", "demo_break=unreachable_host").status == 0
    weekly = clinic.estate.playbook("weekly")
    assert weekly.status != 0
    assert weekly.outcome == "failed"
    states = {row["name"]: row["state"] for row in weekly.record["hosts"]}
    assert (states["clinic-web"], states["clinic-db"]) == ("unreachable", "ok")
    assert "restore_test" in weekly.done()
    repaired = clinic.estate.playbook("demo")
    assert repaired.status == 0
    assert "clinic-web was unreachable" in repaired.output
    assert "BROKEN" not in repaired.output


def test_a_break_that_there_is_not_lists_those_there_are(clinic: Clinic) -> None:
    run = clinic.estate.playbook("demo", "-e", "demo_break=everything")
    assert run.status != 0
    for name in (*CAUGHT, "invalid_index", "unreachable_host"):
        assert name in run.output


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
