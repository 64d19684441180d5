# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scratch database: always a new one, always known as ours, always gone in the end.

Its name carries a prefix, the moment and a random part; its comment says who made it. While a test works
with it, the test's session holds an advisory lock on the name. A name whose lock can be had belongs to a
test that was killed, on whatever host that was.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import socket
from datetime import datetime, timezone
from typing import Any, Optional

from ..clock import to_text
from ..errors import MaintenanceError
from ..libraries import optional
from ..postgres.connection import ConnectionSpec, connect, psycopg2
from .archive import Archive

sql = optional("psycopg2.sql")

OWNER = "careops.maintenance backup_restore_test"
_LOCALE_KEYS = ("LOCALE_PROVIDER", "LOCALE", "LC_COLLATE", "LC_CTYPE", "ICU_LOCALE", "BUILTIN_LOCALE", "ICU_RULES")


class ScratchServer:
    """A session in the maintenance database of the server to restore on, which holds the locks."""

    def __init__(self, spec: ConnectionSpec, *, maintenance_database: str, prefix: str) -> None:
        self.spec = spec
        self.prefix = prefix
        self.maintenance_database = maintenance_database
        self.connection = connect(spec, maintenance_database, application="careops restore test")

    def close(self) -> None:
        self.connection.close()

    def facts(self) -> dict[str, Any]:
        """Version, whether it can be written to, whether the role is a superuser, where its data is if told."""
        major, standby, superuser, may_read = self._fetch(
            "SELECT current_setting('server_version_num')::int / 10000, pg_is_in_recovery(), rolsuper,"
            " pg_has_role(current_user, 'pg_read_all_settings', 'MEMBER')"
            " FROM pg_roles WHERE rolname = current_user"
        )[0]
        folder = self._fetch("SELECT current_setting('data_directory')")[0][0] if may_read else ""
        return {"major": major, "standby": standby, "superuser": superuser, "data_directory": folder}

    def database_bytes(self, database: str) -> int:
        """Size of that database on this server; 0 where it is not here or may not be asked for."""
        rows = self._fetch(
            "SELECT pg_database_size(oid) FROM pg_database"
            " WHERE datname = %s AND has_database_privilege(oid, 'CONNECT')",
            [database],
        )
        return int(rows[0][0]) if rows else 0

    def roles(self) -> set[str]:
        """The names of all roles."""
        return {name for (name,) in self._fetch("SELECT rolname FROM pg_roles")}

    def leftovers(self) -> list[str]:
        """Scratch databases that no living test holds. Their locks are ours from now on."""
        rows = self._fetch(
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE starts_with(datname, %s) AND pg_has_role(datdba, 'USAGE') ORDER BY 1",
            [self.prefix],
        )
        pattern = re.compile(re.escape(self.prefix) + r"_\d{8}t\d{6}z_[0-9a-f]{8}")
        # Without a comment: killed between creating and describing it.
        ours = [name for name, comment in rows if pattern.fullmatch(name) and (not comment or OWNER in comment)]
        return [name for name in ours if self._lock(name)]

    def reserve(self, *, now: datetime) -> str:
        """A name that no database has, locked for us. Raises MaintenanceError."""
        stamp = now.astimezone(timezone.utc).strftime("%Y%m%dt%H%M%Sz")
        name = f"{self.prefix}_{stamp}_{secrets.token_hex(4)}"
        if self._fetch("SELECT 1 FROM pg_database WHERE datname = %s", [name]) or not self._lock(name):
            raise MaintenanceError(f"The scratch database {name} is there already; restore refused: start again.")
        return name

    def create(self, name: str, archive: Archive, *, now: datetime, source: str) -> None:
        """A new, empty database with the archive's encoding, and its locale where the server has it."""
        self._create(name, archive)
        comment = {"owner": OWNER, "created": to_text(now), "host": socket.gethostname(), "pid": os.getpid()}
        self._execute("REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
        self._execute("COMMENT ON DATABASE {} IS %s", name, [json.dumps({**comment, "backup": source})])

    def drop(self, name: str) -> None:
        """Drops the scratch database, whoever is connected to it. On a new session where this one is broken."""
        try:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        except psycopg2.Error:
            self.connection.close()
            self.connection = connect(self.spec, self.maintenance_database, application="careops restore test")
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self._fetch("SELECT pg_advisory_unlock(%s)", [_lock_key(name)])

    def _create(self, name: str, archive: Archive) -> None:
        encoding, locale = wanted_locale(archive)
        plain = "CREATE DATABASE {} TEMPLATE template0"
        encoded = f"{plain} ENCODING %s" if encoding else plain
        arguments = [encoding] if encoding else []
        keys = "".join(f" {key} %s" for key in locale)
        try:
            self._execute(encoded + keys, name, [*arguments, *locale.values()])
        except psycopg2.Error as error:
            if error.pgcode == "42501":
                raise MaintenanceError(
                    f"The role {self.spec.user} may not create databases at {self.spec.address}: "
                    f"ALTER ROLE {self.spec.user} CREATEDB, or use another restore_login_user."
                ) from None
            # The server lacks that locale; C sorts otherwise, and everything is still checked.
            self._execute(f"{encoded} LOCALE 'C'", name, arguments)

    def _lock(self, name: str) -> bool:
        return bool(self._fetch("SELECT pg_try_advisory_lock(%s)", [_lock_key(name)])[0][0])

    def _fetch(self, query: str, arguments: Optional[list[Any]] = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, arguments)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _execute(self, command: str, name: str, arguments: Optional[list[Any]] = None) -> None:
        statement = sql.SQL(command).format(sql.Identifier(name))
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments)


def wanted_locale(archive: Archive) -> tuple[str, dict[str, str]]:
    """Encoding of the dumped database, and its locale as options of CREATE DATABASE."""
    definition = next((entry.definition for entry in archive.of_kind("DATABASE")), "")
    values = {key: value or bare for key, value, bare in re.findall(r"\b([A-Z_]+) = (?:'([^']*)'|(\w+))", definition)}
    encoding = values.get("ENCODING", "")
    for entry in archive.of_kind("ENCODING"):
        encoding = encoding or "".join(re.findall(r"client_encoding = '([^']*)'", entry.definition))
    return encoding, {key: values[key] for key in _LOCALE_KEYS if key in values}


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
