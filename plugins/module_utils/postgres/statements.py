# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of a plan, and what the server says about them."""

from __future__ import annotations

import contextlib
from typing import Any, Optional

from ..libraries import optional
from .cluster import rows_of
from .connection import psycopg2
from .plan import Job

sql = optional("psycopg2.sql")

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"
UNDEFINED = ("42P01", "42704")
CANCELED = "57014"

# Warnings of VACUUM that are no failure to do it; blockers have findings of their own.
_HARMLESS = ("oldest xmin is far in the past", "cutoff for removing and freezing tuples is far in the past")

_HOLDERS = """
SELECT a.pid, coalesce(a.usename, '?'), a.application_name, a.state, a.backend_type
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND a.pid IN (
    SELECT l.pid FROM pg_locks l WHERE l.relation = %s AND l.granted
      AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                     'ExclusiveLock', 'AccessExclusiveLock'))
"""

_OLD_TRANSACTIONS = """
SELECT a.pid, coalesce(a.usename, '?'), a.application_name, a.state, a.backend_type
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() AND a.backend_type = 'client backend'
  AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
  AND NOT starts_with(a.application_name, 'careops_maintenance')
  AND a.xact_start < clock_timestamp() - %s * interval '1 second'
ORDER BY a.xact_start LIMIT 3
"""


def statement(job: Job, *, version: int) -> Any:
    """The job as SQL, every name quoted by psycopg2.sql."""
    name = sql.Identifier(job.schema, job.name)
    if job.verb == "drop_index":
        return sql.SQL("DROP INDEX CONCURRENTLY {}").format(name)
    if job.verb == "reindex":
        kind = sql.SQL("TABLE" if job.whole else "INDEX")
        how = sql.SQL("CONCURRENTLY " if job.concurrently else "")
        return sql.SQL("REINDEX {} {}{}").format(kind, how, name)
    # Since 18 a parent takes its children along unless told otherwise; each is a job of its own here.
    only = sql.SQL("ONLY " if version >= 180000 else "")
    if job.verb == "analyze":
        return sql.SQL("ANALYZE {}{}").format(only, name)
    options = [word for word, wanted in (("FREEZE", job.freeze), ("ANALYZE", job.verb == "vacuum_analyze")) if wanted]
    with_options = sql.SQL("({}) ").format(sql.SQL(", ").join(map(sql.SQL, options))) if options else sql.SQL("")
    return sql.SQL("VACUUM {}{}{}").format(with_options, only, name)


def prepare(connection: Any, *, version: int) -> None:
    """Makes a session ready for maintenance: only warnings arrive, in English where that may be asked for."""
    with connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = warning")
        if version >= 140000:
            # A session whose client was killed ends by itself, instead of working on unseen.
            cursor.execute("SET client_connection_check_interval = '2s'")
    # Only superusers may; without it warnings arrive in the server's language.
    with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("SET lc_messages = 'C'")


def run(connection: Any, job: Job, *, version: int, lock_timeout: float, statement_timeout: float) -> str:
    """Does the job. Returns what the server warned of, where that means it did not do it.

    lock_timeout, statement_timeout: seconds; 0 for none. Raises psycopg2.Error.
    """
    del connection.notices[:]
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = %s", (int(statement_timeout * 1000),))
        cursor.execute("SET lock_timeout = %s", (int(lock_timeout * 1000),))
        cursor.execute(statement(job, version=version))
    # A missing privilege is a mere warning, and the statement a success.
    said = [notice.split(":", 1)[-1].strip() for notice in connection.notices]
    return "; ".join(text.split("\n")[0] for text in said if not text.startswith(_HARMLESS))


def code_of(error: Any) -> Optional[str]:
    """SQLSTATE of the error, None where the connection itself broke."""
    code: Optional[str] = getattr(error, "pgcode", None)
    return code


def sentence(error: Any) -> str:
    """The server's own words, on one line."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    return lines[0] if lines else type(error).__name__


def old_transactions(connection: Any, *, seconds: float) -> str:
    """Transactions of others that are older than that, by name; REINDEX CONCURRENTLY waits for them to end."""
    try:
        return _named(rows_of(connection, _OLD_TRANSACTIONS, (seconds,)))
    except psycopg2.Error:
        return ""


def who_holds(connection: Any, job: Job) -> str:
    """The sessions in the way of the job, by name; empty where they are gone again."""
    try:
        holders = _named(rows_of(connection, _HOLDERS, (job.table,)))
    except psycopg2.Error:
        return ""
    if not holders and job.verb in ("reindex", "drop_index"):
        return old_transactions(connection, seconds=1)
    return holders


def _named(rows: list[tuple[Any, ...]]) -> str:
    return ", ".join(
        f"pid {pid} ({user}{', ' + application if application else ''}, {state or backend})"
        for pid, user, application, state, backend in rows
    )
