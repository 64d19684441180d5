# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is what was restored right? Rows, sequences, constraints, indexes, and sample queries."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..findings import Finding
from ..libraries import optional
from ..postgres.connection import psycopg2
from .archive import Archive
from .policy import Query

sql = optional("psycopg2.sql")

_TABLES = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
    " AND d.deptype = 'e') ORDER BY 1, 2"
)
_UNPROVEN = (
    "SELECT 'constraint ' || conrelid::regclass || ' ' || conname, 'not valid' FROM pg_constraint"
    " WHERE NOT convalidated AND conrelid <> 0"
    " UNION ALL SELECT 'index ' || indexrelid::regclass, 'invalid' FROM pg_index"
    " WHERE NOT (indisvalid AND indisready) ORDER BY 1"
)
_VALID = (
    "SELECT (SELECT count(*) FROM pg_constraint WHERE convalidated AND conrelid <> 0),"
    " (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid AND c.oid >= 16384)"
)
_OWNED_SEQUENCES = (
    "SELECT sn.nspname, s.relname, tn.nspname, t.relname, a.attname FROM pg_depend d"
    " JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace"
    " JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace"
    " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid"
    " JOIN pg_sequence q ON q.seqrelid = s.oid"
    " WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"
    " AND q.seqincrement > 0 AND NOT q.seqcycle AND a.atttypid IN (20, 21, 23) ORDER BY 1, 2"
)


def count_restored(connection: Any) -> dict[str, int]:
    """Rows of every table, by schema.table; partitions each by itself. Raises psycopg2.Error."""
    rows = {}
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for schema, table in cursor.fetchall():
            cursor.execute(_sql("SELECT count(*) FROM ONLY {}", (schema, table)))
            rows[f"{schema}.{table}"] = int(cursor.fetchone()[0])
    return rows


def judge_rows(
    restored: Mapping[str, int], archived: Mapping[str, int], *, min_rows: Mapping[str, int], subject: str
) -> list[Finding]:
    """Restored rows against those in the archive, and against the least that policy asks for."""
    findings = [
        Finding(
            "backup.rows",
            f"{subject} {table}",
            "critical",
            f"The table {table} has {restored.get(table, 0):,} rows after the restore of {subject}, "
            f"which holds {number:,}.",
            value=restored.get(table, 0),
            unit="rows",
            threshold=number,
        )
        for table, number in sorted(archived.items())
        if restored.get(table, 0) != number
    ]
    findings += [_least(restored, table, number, subject=subject) for table, number in sorted(min_rows.items())]
    total = sum(restored.values())
    if not total:
        message = f"The database restored from {subject} holds no row at all: it is a backup of nothing."
        findings.append(Finding("backup.rows", subject, "critical", message, value=0, unit="rows"))
    elif not findings or all(finding.status == "ok" for finding in findings):
        how = "as many as the archive holds" if archived else "the archive's own could not be counted"
        message = f"{total:,} rows of {len(restored)} tables were restored from {subject}, {how}."
        findings.insert(0, Finding("backup.rows", subject, "ok", message, value=total, unit="rows"))
    return findings


def _least(restored: Mapping[str, int], table: str, least: int, *, subject: str) -> Finding:
    found = {name: rows for name, rows in restored.items() if name == table or name.split(".", 1)[1] == table}
    name = f"{subject} {table}"
    if not found:
        message = f"The table {table}, which must have {least:,} rows, is not in the database restored from {subject}."
        return Finding("backup.rows", name, "critical", message, value=0, unit="rows", threshold=least)
    rows = sum(found.values())
    status, verb = ("ok", "has") if rows >= least else ("critical", "has only")
    message = f"The table {table} {verb} {rows:,} rows after the restore; at least {least:,} are expected."
    return Finding("backup.rows", name, status, message, value=rows, unit="rows", threshold=least)


def check_sequences(connection: Any, archive: Archive, *, subject: str) -> list[Finding]:
    """Each sequence stands where the archive has it, and not behind the column that it feeds."""
    wrong = []
    entries = archive.of_kind("SEQUENCE SET")
    with connection.cursor() as cursor:
        for entry in entries:
            match = re.search(r", (-?\d+), (true|false)\);", entry.definition)
            cursor.execute(_sql("SELECT last_value, is_called FROM {}", (entry.schema, entry.tag)))
            value, called = cursor.fetchone()
            if match and (int(match.group(1)), match.group(2) == "true") != (value, called):
                wrong.append(f"{entry.name} stands at {value} instead of {match.group(1)}")
        behind = _sequences_behind(cursor)
    if wrong:
        message = f"Sequences differ from {subject} after the restore: {'; '.join(wrong[:3])}."
        return [Finding("backup.sequences", subject, "critical", message, value=len(wrong), unit="count")]
    if behind:
        message = f"Sequences stand behind their columns, so inserts will collide: {'; '.join(behind[:3])}."
        return [Finding("backup.sequences", subject, "warning", message, value=len(behind), unit="count")]
    if not entries:
        return []
    message = f"All {len(entries)} sequences stand where {subject} has them, and none behind its column."
    return [Finding("backup.sequences", subject, "ok", message, value=0, unit="count")]


def _sequences_behind(cursor: Any) -> list[str]:
    behind = []
    cursor.execute(_OWNED_SEQUENCES)
    for schema, sequence, table_schema, table, column in cursor.fetchall():
        cursor.execute(
            _sql(
                "SELECT (SELECT max({}) FROM {}), last_value FROM {}", column, (table_schema, table), (schema, sequence)
            )
        )
        highest, last = cursor.fetchone()
        if highest is not None and highest > last:
            behind.append(f"{schema}.{sequence} at {last}, {table_schema}.{table}.{column} has {highest}")
    return behind


def check_constraints(connection: Any, *, subject: str) -> Finding:
    """Constraints that were never proven, and indexes that are not valid, after the restore."""
    with connection.cursor() as cursor:
        cursor.execute(_UNPROVEN)
        unproven = cursor.fetchall()
        cursor.execute(_VALID)
        constraints, indexes = cursor.fetchone()
    if not unproven:
        message = f"All {constraints:,} constraints and {indexes:,} indexes restored from {subject} are valid."
        return Finding("backup.constraints", subject, "ok", message, value=0, unit="count")
    names = [f"{name} ({state})" for name, state in unproven]
    # A constraint that is NOT VALID was so in the source: restoring tells nothing new about it.
    status = "critical" if any(state == "invalid" for _name, state in unproven) else "warning"
    return Finding(
        "backup.constraints",
        subject,
        status,
        f"Not valid after the restore of {subject}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}; "
        "validate the constraint, or rebuild the index, in the source.",
        value=len(names),
        unit="count",
        evidence={"names": names[:20]},
    )


def check_query(connection: Any, query: Query, *, seconds: int) -> Finding:
    """Runs the query read-only within its time, and holds its first value against what is expected."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN READ ONLY")
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])
            cursor.execute(query.sql)
            row = cursor.fetchone() if cursor.description else None
    except psycopg2.Error as error:
        message = f"The sample query {query.name!r} failed: {' '.join(str(error).split())[:300]}."
        return Finding("backup.queries", query.name, "critical", message)
    finally:
        connection.rollback()
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
    if row is None:
        return Finding("backup.queries", query.name, "critical", f"The sample query {query.name!r} returned no row.")
    problem = _unexpected(row[0], query)
    value = row[0] if isinstance(row[0], (int, float)) and not isinstance(row[0], bool) else None
    if problem:
        message = f"The sample query {query.name!r} returned {str(row[0])[:100]!r}, {problem}."
        return Finding("backup.queries", query.name, "critical", message, value=value)
    message = f"The sample query {query.name!r} returned what is expected ({str(row[0])[:100]})."
    return Finding("backup.queries", query.name, "ok", message, value=value)


def _unexpected(value: Any, query: Query) -> str:
    if query.expect is not None and str(value) != query.expect:
        return f"not {query.expect!r}"
    if query.least is None and query.most is None:
        return ""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "which is no number"
    if query.least is not None and number < query.least:
        return f"less than {query.least:g}"
    if query.most is not None and number > query.most:
        return f"more than {query.most:g}"
    return ""


def _sql(text: str, *names: Any) -> Any:
    """Names quoted by psycopg2; a tuple is qualified."""
    parts: Sequence[Any] = [
        sql.Identifier(*name) if isinstance(name, tuple) else sql.Identifier(name) for name in names
    ]
    return sql.SQL(text).format(*parts)
