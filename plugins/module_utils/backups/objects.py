# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is everything that the archive lists in the restored database? By name, kind by kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..findings import Finding
from .archive import Archive, Entry

# pg_dump names what belongs to a table "<table> <name>".
_PRESENT = """
SELECT kind, schema, name FROM (
  SELECT CASE c.relkind WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
           WHEN 'S' THEN 'SEQUENCE' WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX' ELSE 'TABLE' END,
         c.relnamespace, c.relname::text
    FROM pg_class c WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I')
  UNION ALL
  SELECT CASE o.contype WHEN 'f' THEN 'FK CONSTRAINT' WHEN 'c' THEN 'CHECK CONSTRAINT' ELSE 'CONSTRAINT' END,
         o.connamespace, coalesce(c.relname, t.typname) || ' ' || o.conname
    FROM pg_constraint o LEFT JOIN pg_class c ON c.oid = o.conrelid LEFT JOIN pg_type t ON t.oid = o.contypid
  UNION ALL
  SELECT 'TRIGGER', c.relnamespace, c.relname || ' ' || g.tgname
    FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE NOT g.tgisinternal
  UNION ALL
  SELECT 'POLICY', c.relnamespace, c.relname || ' ' || p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  UNION ALL
  SELECT CASE p.prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
         p.pronamespace, p.proname::text
    FROM pg_proc p
  UNION ALL
  SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.typnamespace, t.typname::text FROM pg_type t
) AS object (kind, namespace, name)
JOIN (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
  AS visible (oid, schema) ON visible.oid = namespace
UNION ALL SELECT 'SCHEMA', '', nspname FROM pg_namespace
UNION ALL SELECT 'EXTENSION', '', extname FROM pg_extension
"""
_LARGE_OBJECTS = "SELECT count(*) FROM pg_largeobject_metadata"
KINDS = (
    *("TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "INDEX"),
    *("CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT", "TRIGGER", "POLICY"),
    *("FUNCTION", "PROCEDURE", "AGGREGATE", "TYPE", "DOMAIN", "SCHEMA", "EXTENSION"),
)
_Key = tuple[str, str, str]


def check_objects(connection: Any, archive: Archive, *, subject: str) -> Finding:
    """Objects that the archive lists, held against the catalogue of the restored database."""
    present: Counter[_Key] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(_PRESENT)
        present.update((kind, schema, name) for kind, schema, name in cursor)
        cursor.execute(_LARGE_OBJECTS)
        large_objects = cursor.fetchone()[0]
    return compare_objects(archive, present, large_objects=large_objects, subject=subject)


def compare_objects(archive: Archive, present: Counter[_Key], *, large_objects: int, subject: str) -> Finding:
    """The same with what the catalogue holds handed in: kind, schema, name, and how many there are of it."""
    expected = Counter(_key(entry) for entry in archive.of_kind(*KINDS))
    missing = expected - present
    counts = {kind: number for kind in KINDS if (number := _of_kind(expected, kind))}
    expected_large = _large_objects(archive.of_kind("BLOB", "BLOB METADATA"))
    if expected_large:
        counts["LARGE OBJECT"] = expected_large
    lost = sum(missing.values()) + max(0, expected_large - large_objects)
    evidence: dict[str, Any] = {"expected": counts, "missing": _names(missing)}
    status, message = "ok", f"All {sum(counts.values()):,} objects that {subject} lists were restored."
    if not _of_kind(expected, "TABLE"):
        status, message = "critical", f"The backup {subject} lists no table at all: it is a backup of nothing."
    elif lost:
        names = "; ".join(evidence["missing"][:3]) or f"{expected_large - large_objects} large objects"
        status, message = "critical", f"{lost} objects that {subject} lists were not restored: {names}."
    return Finding("backup.objects", subject, status, message[:1000], value=lost, unit="count", evidence=evidence)


def _key(entry: Entry) -> _Key:
    if entry.kind in ("FUNCTION", "PROCEDURE", "AGGREGATE"):
        # Overloaded ones are counted: how their arguments are spelled depends on the version.
        return entry.kind, entry.schema, entry.tag.split("(")[0]
    return entry.kind, entry.schema, entry.tag


def _of_kind(counter: Counter[_Key], kind: str) -> int:
    return sum(number for key, number in counter.items() if key[0] == kind)


def _large_objects(entries: Iterable[Entry]) -> int:
    # Since PostgreSQL 17 one entry stands for many, its definition has their numbers.
    return sum(1 if entry.kind == "BLOB" else len(re.findall(r"\d+", entry.definition)) for entry in entries)


def _names(missing: Counter[_Key]) -> list[str]:
    return [f"{kind.lower()} {schema + '.' if schema else ''}{name}" for kind, schema, name in sorted(missing)][:20]
