# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to a PostgreSQL server, for psycopg2 and for the client programs alike."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Optional

from ..errors import MaintenanceError
from ..libraries import optional, require

psycopg2 = optional("psycopg2")

CONNECT_TIMEOUT = 10


class ConnectionFailed(MaintenanceError):
    """The server could not be reached, or did not let this role in."""


@dataclass(frozen=True)
class ConnectionSpec:
    """Where the server is and who asks. Without a host: the Unix socket."""

    host: str = ""
    port: int = 5432
    user: str = "postgres"
    password: Optional[str] = None
    socket_directory: str = ""
    sslmode: str = "prefer"
    sslrootcert: str = ""

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> ConnectionSpec:
        """From the module options of the doc fragment ``careops.maintenance.postgres``."""
        return cls(
            host=params["login_host"] or "",
            port=params["login_port"],
            user=params["login_user"],
            password=params["login_password"],
            socket_directory=params["login_unix_socket"] or "",
            sslmode=params["ssl_mode"],
            sslrootcert=params["ca_cert"] or "",
        )

    @property
    def address(self) -> str:
        """Host and port, or socket folder and port, for messages."""
        return f"{self.host or self.socket_directory or 'local socket'}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The same connection for pg_dump, pg_restore and their kin; the place for the password."""
        values = {
            "PGHOST": self.host or self.socket_directory,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password or "",
            "PGSSLMODE": self.sslmode,
            "PGSSLROOTCERT": self.sslrootcert,
            "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
        }
        return {name: value for name, value in values.items() if value}


def connect(spec: ConnectionSpec, database: str, *, autocommit: bool = True, application: str = "careops") -> Any:
    """A psycopg2 connection, autocommit unless told.

    Never use ``with connection:`` on it: since psycopg2 2.9 that opens a transaction even under
    autocommit, and VACUUM and REINDEX CONCURRENTLY fail in one.
    Raises MissingLibrary without psycopg2, ConnectionFailed with the server's reason.
    """
    require(psycopg2, "psycopg2", package="python3-psycopg2")
    arguments: dict[str, Any] = {
        "dbname": database,
        "user": spec.user,
        "port": spec.port,
        "host": spec.host or spec.socket_directory or None,
        "password": spec.password,
        "sslmode": spec.sslmode,
        "sslrootcert": spec.sslrootcert or None,
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": application,
    }
    try:
        connection = psycopg2.connect(**{name: value for name, value in arguments.items() if value is not None})
    except psycopg2.OperationalError as error:
        raise ConnectionFailed(explain_refusal(str(error), spec, database)) from None
    connection.autocommit = autocommit
    return connection


def explain_refusal(reason: str, spec: ConnectionSpec, database: str) -> str:
    """One sentence from libpq's words: what is wrong, and what to do about it."""
    first = " ".join(reason.split())
    what = f"PostgreSQL at {spec.address} refused {spec.user} on database {database}"
    if "password authentication failed" in reason or "no password supplied" in reason:
        return f"{what}: the password is wrong or missing; set login_password, PGPASSWORD or a .pgpass file."
    if "does not exist" in reason and f'database "{database}"' in reason:
        return f"{what}: there is no such database; check the name, or create it."
    if "Peer authentication failed" in reason:
        return f"{what}: peer authentication failed; run as the system account {spec.user} (become_user) or use a host."
    if "no pg_hba.conf entry" in reason:
        return f"{what}: pg_hba.conf has no line that lets it in; add one, or use another role or host."
    if "Connection refused" in reason or "No such file or directory" in reason or "could not connect" in reason:
        return f"No PostgreSQL server answers at {spec.address}; check that it runs and listens there ({first})."
    return f"{what}: {first}."


def tool_path(name: str, bindir: str) -> str:
    """The client program, from the given folder or from PATH.

    Raises MaintenanceError where the folder has no such program.
    """
    if not bindir:
        return name
    path = os.path.join(bindir, name)
    if not os.access(path, os.X_OK):
        raise MaintenanceError(
            f"The folder {bindir} has no program {name}: correct pg_bindir, or install the PostgreSQL client tools."
        )
    return path
