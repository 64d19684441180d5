# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server as a whole: version, databases, and what keeps VACUUM from removing dead rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Optional

from ..errors import MaintenanceError
from .model import Blocker, DatabaseAge

_DATABASES = """
SELECT datname, age(datfrozenxid), mxid_age(datminmxid),
       CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) ELSE 0 END,
       datallowconn AND NOT datistemplate
FROM pg_database ORDER BY datname
"""

# VACUUM itself holds nothing back. Walsenders (hot standby feedback) belong to no database.
_TRANSACTIONS = """
SELECT pid, usename, application_name, state, backend_type,
       greatest(coalesce(age(backend_xmin), 0), coalesce(age(backend_xid), 0)),
       xact_start, CASE WHEN state = 'active' THEN query_start ELSE state_change END,
       extract(epoch FROM clock_timestamp() - coalesce(xact_start, backend_start))::float8
FROM pg_stat_activity
WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
  AND (datname = current_database() OR datname IS NULL)
  AND pid <> pg_backend_pid()
  AND NOT starts_with(application_name, %s)
  AND backend_type IN ('client backend', 'walsender')
  AND query !~* '^\\s*vacuum'
ORDER BY 6 DESC
"""

_PREPARED = """
SELECT gid, owner, prepared, age(transaction), extract(epoch FROM clock_timestamp() - prepared)::float8
FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 4 DESC
"""

_SLOTS = """
SELECT slot_name, active, greatest(coalesce(age(xmin), 0), coalesce(age(catalog_xmin), 0)), xmin IS NULL
FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL ORDER BY 3 DESC
"""


def rows_of(connection: Any, query: Any, parameters: Any = None) -> list[tuple[Any, ...]]:
    """The rows of one query."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def refuse_standby(connection: Any) -> None:
    """Raises MaintenanceError on a standby, where nothing can be maintained."""
    if rows_of(connection, "SELECT pg_is_in_recovery()")[0][0]:
        raise MaintenanceError(
            "This PostgreSQL server is a standby and takes no changes: run the maintenance on its primary."
        )


def databases(connection: Any) -> list[DatabaseAge]:
    """Every database of the server with its age, templates too."""
    return [DatabaseAge(*row) for row in rows_of(connection, _DATABASES)]


def choose(existing: list[DatabaseAge], wanted: list[str]) -> list[str]:
    """Names of the databases to work on: those wanted, or all that are no templates.

    Raises MaintenanceError for one that the server does not have.
    """
    workable = [database.name for database in existing if database.workable]
    if not wanted:
        return workable
    for name in wanted:
        if name not in {database.name for database in existing}:
            raise MaintenanceError(
                f"The server has no such database: {name}. It has {', '.join(workable)}; correct the option databases."
            )
    return list(dict.fromkeys(wanted))


def blockers(connection: Any, *, own_application: str) -> tuple[Blocker, ...]:
    """What holds VACUUM's horizon back in this database, the oldest first."""
    found = [_transaction(row) for row in rows_of(connection, _TRANSACTIONS, (own_application,))]
    found += [
        Blocker(
            kind="prepared",
            name=f"prepared transaction {gid!r} of {owner}",
            xid_age=age,
            seconds=seconds,
            since=prepared,
            remedy="commit or roll it back (COMMIT PREPARED, ROLLBACK PREPARED)",
        )
        for gid, owner, prepared, age, seconds in rows_of(connection, _PREPARED)
    ]
    found += [
        Blocker(
            kind="slot",
            name=f"{'active' if active else 'inactive'} replication slot {name}"
            + (" (catalogue tables only)" if catalog_only else ""),
            catalog_only=catalog_only,
            xid_age=age,
            seconds=None,
            since=None,
            remedy="bring its consumer back, or drop it with pg_drop_replication_slot",
        )
        for name, active, age, catalog_only in rows_of(connection, _SLOTS)
        if not active
    ]
    return tuple(sorted(found, key=lambda blocker: -blocker.xid_age))


def _transaction(row: tuple[Any, ...]) -> Blocker:
    pid, user, application, state, backend_type, age, started, fixed_since, seconds = row
    since: Optional[datetime] = fixed_since or started
    if backend_type == "walsender":
        name, remedy = f"standby {application or pid} (hot standby feedback)", "look for long queries on that standby"
    else:
        who = f"pid {pid}, {user or 'unknown user'}" + (f", {application}" if application else "")
        name = f"transaction of {who}, {state or 'state unknown'}"
        remedy = f"end it there, or with SELECT pg_terminate_backend({pid})"
    return Blocker(kind="transaction", name=name, xid_age=age, seconds=seconds, since=since, remedy=remedy)
