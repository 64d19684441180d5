# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be broken on purpose. Each break is real, and each can be found and repaired by looking at the estate."""

from __future__ import annotations

import contextlib
import inspect
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..errors import MaintenanceError
from ..files import write_atomic
from ..libraries import optional
from . import clinic, open_transaction, processes
from .cluster import Cluster
from .endpoint import Endpoint
from .layout import Layout
from .nights import Nights, wanted_nights
from .pki import SITES, Leaf, Pki, key_pem, new_key

psycopg2 = optional("psycopg2")
sql = optional("psycopg2.sql")

APPLICATION = "month-end report"
INVALID_INDEX = "medical_transcriptions_author_idx"
# How much of the newest dump is left, and which night goes missing: three before the newest.
LEFT_OF_DUMP = 0.6
MISSING_NIGHT = -4


@dataclass(frozen=True)
class Break:
    """One way to break the estate. what: told to the user; watch: where it will be caught."""

    what: str
    watch: str


BREAKS = {
    "truncated_backup": Break("the newest backup ends in the middle", "backups"),
    "missing_night": Break("the backup of one night of the week is missing", "backups"),
    "expired_certificate": Break("the portal serves a certificate that has expired", "certificates"),
    "key_mismatch": Break("the api's private key is not that of its certificate", "certificates"),
    "invalid_index": Break("a concurrent index build was cancelled half-way", "postgresql_maintenance"),
    "vacuum_blocked": Break("a report left its transaction open", "postgresql_maintenance"),
    "unreachable_host": Break("the way to the host clinic-web is closed", "the run itself"),
}


def leaf(name: str) -> Leaf:
    """The site of that name."""
    return next(site for site in SITES if site.name == name)


@dataclass(frozen=True)
class Wrecker:
    """Breaks and repairs."""

    layout: Layout
    cluster: Cluster
    nights: Nights
    pki: Pki
    endpoint: Endpoint

    def do(self, name: str) -> None:
        """Breaks it. The estate is whole before."""
        ways: dict[str, Callable[[], None]] = {
            "truncated_backup": self._truncate_backup,
            "missing_night": self._lose_night,
            "expired_certificate": self._expire_certificate,
            "key_mismatch": self._mismatch_key,
            "invalid_index": self._fail_index,
            "vacuum_blocked": self._block_vacuum,
            "unreachable_host": self._close_way,
        }
        ways[name]()

    def damage(self) -> list[str]:
        """What was broken before and is to be repaired, in words. The database may be down: then see damage_inside."""
        found = [f"{name} was changed" for name in self._aside()]
        if os.path.exists(self.layout.unreachable):
            found.append("clinic-web was unreachable")
        if processes.running(self._script):
            found.append("a transaction was open")
        return found

    def repair(self) -> None:
        """Undoes every break but those inside the database."""
        for name in self._aside():
            os.replace(self.layout.path("aside", name), self.layout.path(name))
        shutil.rmtree(self.layout.aside, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.layout.unreachable)
        self.stop()

    def stop(self) -> None:
        """Ends the process that a break left running."""
        processes.stop(self._script)

    def damage_inside(self) -> list[str]:
        """Indexes that are not the clinic's own, or are not valid."""
        connection = self.cluster.connect(clinic.DATABASE)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                    "WHERE c.relnamespace = 'clinic'::regnamespace AND (NOT i.indisvalid OR c.relname = %s)",
                    (INVALID_INDEX,),
                )
                return [name for (name,) in cursor.fetchall()]
        finally:
            connection.close()

    def repair_inside(self) -> None:
        """Drops them."""
        connection = self.cluster.connect(clinic.DATABASE)
        try:
            with connection.cursor() as cursor:
                for name in self.damage_inside():
                    statement = sql.SQL("DROP INDEX IF EXISTS {}")
                    cursor.execute(statement.format(sql.Identifier(clinic.SCHEMA, name)))
        finally:
            connection.close()

    @property
    def _script(self) -> str:
        return self.layout.path("open_transaction.py")

    def _aside(self) -> list[str]:
        """Paths relative to the root of what lies aside."""
        return sorted(
            os.path.relpath(os.path.join(folder, name), self.layout.aside)
            for folder, _folders, names in os.walk(self.layout.aside)
            for name in names
        )

    def _put_aside(self, path: str) -> str:
        """Takes the file away, and says where it is now."""
        target = os.path.join(self.layout.aside, os.path.relpath(path, self.layout.root))
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        os.replace(path, target)
        return target

    def _truncate_backup(self) -> None:
        path = self.nights.file(wanted_nights(self.nights.now)[-1])
        whole = self._put_aside(path)
        with open(whole, "rb") as source, open(path, "wb") as target:
            os.fchmod(target.fileno(), 0o600)
            target.write(source.read(int(os.path.getsize(whole) * LEFT_OF_DUMP)))
        shutil.copystat(whole, path)

    def _lose_night(self) -> None:
        path = self.nights.file(wanted_nights(self.nights.now)[MISSING_NIGHT])
        for name in (path, f"{path}.sha256"):
            self._put_aside(name)

    def _expire_certificate(self) -> None:
        portal = leaf("portal")
        self._put_aside(self.pki.key_of(portal))
        self._put_aside(self.pki.certificate_of(portal))
        self.pki.write_pair(portal, lifetime=portal.lifetime, age=portal.lifetime + timedelta(days=2))
        self.endpoint.restart()

    def _mismatch_key(self) -> None:
        # The endpoint goes on with what it has in memory, as a real one does until its next reload.
        api = leaf("api")
        self._put_aside(self.pki.key_of(api))
        write_atomic(self.pki.key_of(api), key_pem(new_key(api.key)), mode=0o600)

    def _fail_index(self) -> None:
        """A concurrent build waits for older transactions to end; cancelled while waiting, it leaves its index."""
        writer = self.cluster.connect(clinic.DATABASE, autocommit=False)
        builder = self.cluster.connect(clinic.DATABASE)
        try:
            with writer.cursor() as cursor:
                cursor.execute("LOCK TABLE clinic.medical_transcriptions IN ROW EXCLUSIVE MODE")
            with builder.cursor() as cursor:
                cursor.execute("SET statement_timeout = '1s'")
                with contextlib.suppress(psycopg2.errors.QueryCanceled):
                    cursor.execute(
                        f"CREATE INDEX CONCURRENTLY {INVALID_INDEX} ON clinic.medical_transcriptions (author)"
                    )
        finally:
            builder.close()
            writer.close()
        if INVALID_INDEX not in self.damage_inside():
            raise MaintenanceError("The index build was not cancelled in time; try again.")

    def _block_vacuum(self) -> None:
        write_atomic(self._script, inspect.getsource(open_transaction).encode(), mode=0o600)
        log = self.layout.path("open_transaction.log")
        connection = self.cluster.connection
        processes.start(
            self._script,
            [connection.socket_directory, str(connection.port), clinic.DATABASE, APPLICATION],
            log=log,
        )
        watcher = self.cluster.connect(clinic.DATABASE)
        try:
            with watcher.cursor() as cursor:
                self._await_snapshot(cursor, log)
                # Rows that die from now on must stay: the open transaction may still look at them.
                cursor.execute("UPDATE clinic.audit_logs SET hash = md5(hash) WHERE id % 4 = 1")
                cursor.execute("ANALYZE clinic.audit_logs")
        finally:
            watcher.close()

    @staticmethod
    def _await_snapshot(cursor: Any, log: str) -> None:
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = %s "
                "AND state = 'idle in transaction' AND backend_xmin IS NOT NULL",
                (APPLICATION,),
            )
            if cursor.fetchone():
                return
            time.sleep(0.05)
        raise MaintenanceError(f"The open transaction could not be made: see {log}.")

    def _close_way(self) -> None:
        if shutil.which("ssh") is None:
            raise MaintenanceError("The break unreachable_host needs the program ssh: install openssh-client.")
        write_atomic(
            self.layout.unreachable, b"The inventory leads to a closed port while this file exists.\n", mode=0o644
        )
