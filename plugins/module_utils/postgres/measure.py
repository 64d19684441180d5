# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bloat of the objects that are big enough to matter: read by pgstattuple, or estimated from statistics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional

from ..libraries import optional
from . import bloat
from .cluster import rows_of
from .connection import psycopg2
from .model import Bloat, Index, Table

sql = optional("psycopg2.sql")

_ALIGNMENT = "CASE a.attalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END"

# Columns of tables, in their order. Virtual generated columns take no room.
_TABLE_COLUMNS = f"""
SELECT a.attrelid, {_ALIGNMENT}, s.avg_width, coalesce(s.null_frac, 0), coalesce(s.n_distinct, -1)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
     AND s.attname = a.attname AND NOT s.inherited
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
ORDER BY a.attrelid, a.attnum
"""  # noqa: S608 - no value in it comes from outside

# Columns of B-trees; an expression has statistics under the index's own name. Whether keys are shared:
# nbtree's support function 4 (equalimage), deterministic collations, no INCLUDE columns.
_INDEX_COLUMNS = f"""
SELECT i.indexrelid, {_ALIGNMENT}, s.avg_width, coalesce(s.null_frac, 0), coalesce(s.n_distinct, -1),
       i.indnatts = i.indnkeyatts AND NOT i.indisunique
       AND coalesce(array_to_string(c.reloptions, ',') !~ 'deduplicate_items=(off|false|no|0)', true)
       AND EXISTS (SELECT FROM pg_opclass o JOIN pg_amproc p ON p.amprocfamily = o.opcfamily
                   WHERE o.oid = i.indclass[a.attnum - 1] AND p.amprocnum = 4 AND p.amproclefttype = o.opcintype)
       AND NOT EXISTS (SELECT FROM pg_collation l
                       WHERE l.oid = i.indcollation[a.attnum - 1] AND NOT l.collisdeterministic)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum > 0
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = i.indkey[a.attnum - 1] AND b.attnum > 0
LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND NOT s.inherited
     AND s.tablename = CASE WHEN b.attname IS NULL THEN c.relname ELSE t.relname END
     AND s.attname = coalesce(b.attname, a.attname)
WHERE i.indexrelid = ANY(%s)
ORDER BY i.indexrelid, a.attnum
"""  # noqa: S608 - no value in it comes from outside


def measure_bloat(
    connection: Any,
    tables: Sequence[Table],
    indexes: Sequence[Index],
    *,
    extensions: dict[str, str],
    known: dict[int, Bloat],
    minimum: int,
    suspicion: float,
    estimate_only: bool = False,
) -> dict[int, Bloat]:
    """Bloat by oid of every table, and every B-tree, of at least ``minimum`` bytes.

    known: what was measured already. suspicion: percent of estimated bloat from which pgstattuple, where
    it is installed, reads the object itself; as it does wherever no estimate is possible.
    """
    big_tables = [table for table in tables if table.size >= minimum and table.oid not in known]
    big_indexes = [
        index
        for index in indexes
        if index.size >= minimum and index.valid and index.live and index.kind == "i" and index.oid not in known
    ]
    found = {**known, **_estimates(connection, {table.oid: table for table in tables}, big_tables, big_indexes)}
    schema = extensions.get("pgstattuple", "")
    if not schema or estimate_only:
        return found
    for table in big_tables:
        if _suspicious(found[table.oid], suspicion):
            found[table.oid] = _read_table(connection, schema, table, found[table.oid])
    for index in big_indexes:
        if index.method == "btree" and _suspicious(found[index.oid], suspicion):
            found[index.oid] = _read_index(connection, schema, index, found[index.oid])
    return found


def _suspicious(estimate: Bloat, suspicion: float) -> bool:
    return estimate.percent is None or estimate.percent >= suspicion


def _estimates(
    connection: Any, tables: dict[int, Table], big_tables: Sequence[Table], big_indexes: Sequence[Index]
) -> dict[int, Bloat]:
    found = {}
    if big_tables:
        rows = rows_of(connection, _TABLE_COLUMNS, ([table.oid for table in big_tables],))
        columns = _grouped(rows)
        for table in big_tables:
            found[table.oid] = _estimate_table(table, columns.get(table.oid, []))
    if big_indexes:
        rows = rows_of(connection, _INDEX_COLUMNS, ([index.oid for index in big_indexes],))
        columns = _grouped(rows)
        shared: dict[int, bool] = {}
        for row in rows:
            shared[row[0]] = shared.get(row[0], True) and bool(row[5])
        for index in big_indexes:
            found[index.oid] = _estimate_index(
                index, tables.get(index.table), columns.get(index.oid, []), deduplicates=shared.get(index.oid, False)
            )
    return found


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[int, list[bloat.Column]]:
    columns: dict[int, list[bloat.Column]] = {}
    for oid, alignment, width, null_share, distinct, *_rest in rows:
        columns.setdefault(oid, []).append(bloat.Column(alignment, width, null_share, distinct))
    return columns


def _estimate_table(table: Table, columns: Sequence[bloat.Column]) -> Bloat:
    if table.rows <= 0 or table.pages <= 0:
        return bloat.unknown("it was never analysed")
    if table.size < 0.9 * table.pages * bloat.PAGE:
        return bloat.unknown("it shrank since it was last analysed")
    try:
        return bloat.of_pages(
            needed=bloat.heap_pages(table.rows, columns, fillfactor=table.fillfactor), pages=table.pages
        )
    except ValueError:
        return bloat.unknown("statistics of some columns are missing, or this role may not read them")


def _estimate_index(
    index: Index, table: Optional[Table], columns: Sequence[bloat.Column], *, deduplicates: bool
) -> Bloat:
    if index.method != "btree":
        return bloat.unknown(f"there is no estimate for indexes of the kind {index.method}")
    rows, pages = index.rows, index.pages
    if rows <= 0 or pages <= 0 or index.size < 0.9 * pages * bloat.PAGE:
        # Never counted itself, or older than the index is now: the table's count serves, if it is fresh.
        if table is None or index.partial or table.rows <= 0 or table.changed_percent > 20:
            return bloat.unknown("its rows were not counted since it was filled")
        rows, pages = table.rows, index.size // bloat.PAGE
    try:
        needed = bloat.btree_pages(rows, columns, fillfactor=index.fillfactor, deduplicates=deduplicates)
    except ValueError:
        return bloat.unknown("statistics of some columns are missing, or this role may not read them")
    return bloat.of_pages(needed=needed, pages=pages)


def _read_table(connection: Any, schema: str, table: Table, estimate: Bloat) -> Bloat:
    """Free space as pgstattuple finds it; the estimate stays where this role may not ask."""
    query = "SELECT approx_free_percent + dead_tuple_percent FROM {}.pgstattuple_approx(%s)"
    try:
        free = rows_of(connection, sql.SQL(query).format(sql.Identifier(schema)), (table.oid,))[0][0]
    except psycopg2.Error:
        return estimate
    return _as_read(float(free) / 100 - (1 - table.fillfactor / 100), table.size)


def _read_index(connection: Any, schema: str, index: Index, estimate: Bloat) -> Bloat:
    """How full the leaves are, of what a new index would fill them to."""
    query = "SELECT avg_leaf_density, leaf_pages, empty_pages + deleted_pages FROM {}.pgstatindex(%s::oid::regclass)"
    try:
        density, leaves, idle = rows_of(connection, sql.SQL(query).format(sql.Identifier(schema)), (index.oid,))[0]
    except psycopg2.Error:
        return estimate
    # An index without leaves has the density NaN.
    filled = leaves * min(1.0, float(density) / index.fillfactor) if leaves else 0.0
    return _as_read(1 - filled / max(1, leaves + idle), index.size)


def _as_read(share: float, size: int) -> Bloat:
    share = min(1.0, max(0.0, share))
    return Bloat(percent=round(100 * share, 1), wasted=int(share * size), source="pgstattuple")
