# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every table and index of one database, read from the catalogue and the statistics in a few queries."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Optional

from . import measure
from .cluster import blockers, rows_of
from .connection import psycopg2
from .model import KIND_PARTITIONED, Bloat, CronJob, Database, Index, Table

LOCK_NOT_AVAILABLE = "55P03"
LOCK_TIMEOUT_MS = 2000

# pg_stat_all_tables groups and joins; its functions alone cost a tenth of that for thousands of tables.
_TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, {size of c},
       c.relpages, c.reltuples::float8, c.relallvisible,
       greatest(CASE WHEN c.relfrozenxid = '0' THEN 0 ELSE age(c.relfrozenxid) END,
                CASE WHEN t.relfrozenxid IS NULL THEN 0 ELSE age(t.relfrozenxid) END),
       greatest(CASE WHEN c.relminmxid = '0' THEN 0 ELSE mxid_age(c.relminmxid) END,
                CASE WHEN t.relminmxid IS NULL THEN 0 ELSE mxid_age(t.relminmxid) END),
       pg_stat_get_live_tuples(c.oid), pg_stat_get_dead_tuples(c.oid), pg_stat_get_mod_since_analyze(c.oid),
       pg_stat_get_ins_since_vacuum(c.oid),
       greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)),
       greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)),
       c.reltoastrelid, {size of t},
       coalesce(pg_stat_get_live_tuples(t.oid), 0), coalesce(pg_stat_get_dead_tuples(t.oid), 0),
       {permitted},
       coalesce(substring(array_to_string(c.reloptions, ',') FROM 'fillfactor=([0-9]+)')::int, 100)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid AND c.reltoastrelid <> 0
WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
"""

# Asking for a size takes a lock. What somebody has locked altogether is described by what was last written down.
_SIZE = """
coalesce(CASE WHEN {0}.oid IN (SELECT l.relation FROM pg_locks l
                               WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock')
         THEN {0}.relpages * 8192::bigint ELSE pg_relation_size({0}.oid) END, 0)
"""

_PERMITTED = """
(pg_has_role(c.relowner, 'USAGE')
 OR NOT c.relisshared
    AND (SELECT pg_has_role(d.datdba, 'USAGE') FROM pg_database d WHERE d.datname = current_database()))
"""
# The privilege MAINTAIN is new in PostgreSQL 17.
_PERMITTED_17 = _PERMITTED.rstrip()[:-1] + " OR has_table_privilege(c.oid, 'MAINTAIN'))"

_INHERITANCE = """
SELECT inhparent, inhrelid FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind IN ('r', 'm', 'p')
"""

_INDEXES = """
SELECT i.indexrelid, n.nspname, c.relname, c.relkind::text, i.indrelid, coalesce(o.oid, t.oid),
       coalesce(o_n.nspname || '.' || o.relname, t_n.nspname || '.' || t.relname),
       a.amname, {size of c}, c.relpages, c.reltuples::float8,
       i.indisvalid AND i.indisready, i.indislive, i.indisexclusion, i.indpred IS NOT NULL,
       coalesce(substring(array_to_string(c.reloptions, ',') FROM 'fillfactor=([0-9]+)')::int, 90)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am a ON a.oid = c.relam
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace t_n ON t_n.oid = t.relnamespace
LEFT JOIN pg_class o ON o.reltoastrelid = t.oid AND t.relkind = 't'
LEFT JOIN pg_namespace o_n ON o_n.oid = o.relnamespace
WHERE t.relkind IN ('r', 'm', 't', 'p') AND c.relpersistence <> 't'
"""

# What is beside an index that is not valid: a constraint on it, a session that is building it (such a
# session holds ShareUpdateExclusiveLock on it), and an index with the same definition.
_INVALID = """
SELECT i.indexrelid,
       i.indisreplident OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid),
       (SELECT min(l.pid) FROM pg_locks l
        WHERE l.locktype = 'relation' AND l.relation = i.indexrelid AND l.mode = 'ShareUpdateExclusiveLock'
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())),
       w.relname, coalesce(w.valid, false)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
LEFT JOIN LATERAL (
    SELECT s.relname, x.indisvalid AND x.indisready AND x.indislive AS valid
    FROM pg_index x JOIN pg_class s ON s.oid = x.indexrelid
    WHERE x.indrelid = i.indrelid AND x.indexrelid <> i.indexrelid
      AND (x.indisvalid OR s.relname !~ '_cc(new|old)[0-9]*$')
      AND s.relam = c.relam AND x.indisunique = i.indisunique AND x.indnkeyatts = i.indnkeyatts
      AND x.indkey::text = i.indkey::text AND x.indclass::text = i.indclass::text
      AND x.indcollation::text = i.indcollation::text AND x.indoption::text = i.indoption::text
      AND pg_get_expr(x.indexprs, x.indrelid) IS NOT DISTINCT FROM pg_get_expr(i.indexprs, i.indrelid)
      AND pg_get_expr(x.indpred, x.indrelid) IS NOT DISTINCT FROM pg_get_expr(i.indpred, i.indrelid)
    ORDER BY valid DESC, s.relname LIMIT 1) w ON true
WHERE i.indexrelid = ANY(%s)
"""

_FACTS = """
SELECT current_database(), current_setting('server_version_num')::int, pg_database_size(current_database()),
       (SELECT json_object_agg(e.extname, n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace),
       to_regclass('cron.job') IS NOT NULL
"""

_CRON = """
SELECT jobid, schedule, command FROM cron.job
WHERE active AND database = current_database() AND command ~* '\\m(vacuum|analyze|reindex)\\M' ORDER BY jobid
"""


def observe(
    connection: Any, *, own_application: str, measured: Optional[dict[int, Bloat]] = None, **bloat_options: Any
) -> Database:
    """The database as it is now.

    own_application: sessions of a name that begins so are not taken for blockers. measured: bloat by oid
    that is known already, so that nothing is read twice. bloat_options: see ``measure.measure_bloat``.
    Raises psycopg2.Error.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = %s", (LOCK_TIMEOUT_MS,))
    name, version, size, extensions, has_cron = rows_of(connection, _FACTS)[0]
    tables = _tables(connection, version)
    indexes = _indexes(connection)
    bloat = measure.measure_bloat(
        connection, list(tables.values()), indexes, extensions=extensions or {}, known=measured or {}, **bloat_options
    )
    cron_jobs, cron_problem = _cron_jobs(connection) if has_cron else ((), "")
    return Database(
        name=name,
        version=version,
        size=size,
        tables={oid: dataclasses.replace(table, bloat=bloat.get(oid, table.bloat)) for oid, table in tables.items()},
        indexes=tuple(dataclasses.replace(index, bloat=bloat.get(index.oid, index.bloat)) for index in indexes),
        extensions=extensions or {},
        blockers=blockers(connection, own_application=own_application),
        cron_jobs=cron_jobs,
        cron_problem=cron_problem,
    )


def existing_tables(connection: Any, names: Iterable[str]) -> set[str]:
    """Those of the names (``schema.table`` or ``table``) that this database has. Raises psycopg2.Error."""
    query = """
    SELECT unnest(ARRAY[c.relname::text, n.nspname || '.' || c.relname])
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
    """
    return set(names) & {row[0] for row in rows_of(connection, query)}


def _tables(connection: Any, version: int) -> dict[int, Table]:
    query = _TABLES.replace("{permitted}", _PERMITTED_17 if version >= 170000 else _PERMITTED)
    tables = {row[0]: Table(*row) for row in _rows_with_sizes(connection, query)}
    children: dict[int, list[int]] = {}
    parents = {}
    for parent, child in rows_of(connection, _INHERITANCE):
        children.setdefault(parent, []).append(child)
        parents[child] = parent
    for oid, table in tables.items():
        if table.kind == KIND_PARTITIONED:
            tables[oid] = dataclasses.replace(
                table, leaves=tuple(_descendants(oid, children)), root=_topmost(oid, parents)
            )
    return tables


def _rows_with_sizes(connection: Any, query: str, *, attempts: int = 3) -> list[tuple[Any, ...]]:
    filled = query
    for alias in ("c", "t"):
        filled = filled.replace(f"{{size of {alias}}}", _SIZE.format(alias))
    try:
        return rows_of(connection, filled)
    except psycopg2.Error as error:
        # A lock may be taken between looking for it and asking for the size.
        if error.pgcode != LOCK_NOT_AVAILABLE or attempts <= 1:
            raise
    return _rows_with_sizes(connection, query, attempts=attempts - 1)


def _descendants(oid: int, children: dict[int, list[int]]) -> list[int]:
    below = []
    for child in children.get(oid, ()):
        below.append(child)
        below += _descendants(child, children)
    return below


def _topmost(oid: int, parents: dict[int, int]) -> int:
    while oid in parents:
        oid = parents[oid]
    return oid


def _indexes(connection: Any) -> list[Index]:
    indexes = {row[0]: Index(*row) for row in _rows_with_sizes(connection, _INDEXES)}
    invalid = [index.oid for index in indexes.values() if not index.valid or not index.live]
    if invalid:
        for oid, constraint, builder, twin, twin_valid in rows_of(connection, _INVALID, (invalid,)):
            indexes[oid] = dataclasses.replace(
                indexes[oid], constraint=constraint, builder=builder, twin=twin or "", twin_valid=twin_valid
            )
    return list(indexes.values())


def _cron_jobs(connection: Any) -> tuple[tuple[CronJob, ...], str]:
    try:
        return tuple(CronJob(*row) for row in rows_of(connection, _CRON)), ""
    except psycopg2.Error as error:
        return (), str(error).split("\n", maxsplit=1)[0]
