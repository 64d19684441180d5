"""An estate of the demo for tests: its own folder and port, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from ansible_collections.careops.maintenance.plugins.module_utils.demo import processes

from .modules import ROOT, run_module
from .postgres import free_port
from .runs import read_record

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
