# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrity of heaps and B-trees, read page by page by the extension amcheck."""

from __future__ import annotations

from typing import Any

from ..findings import Finding
from ..libraries import optional
from .cluster import rows_of
from .connection import psycopg2
from .model import Database, Policy
from .statements import sentence

sql = optional("psycopg2.sql")

CHECK = "postgres.integrity"
HEAP_SINCE = 140000


def check(connection: Any, database: Database, policy: Policy, *, asked: bool) -> list[Finding]:
    """What amcheck finds in every chosen heap and B-tree; ``unknown`` where the extension is not installed.

    asked: whether to read them at all. The locks it takes (AccessShareLock) keep no one from writing.
    """
    schema = database.extensions.get("amcheck")
    if schema is None:
        message = (
            f"No heap page and no index of database {database.name} could be verified: its extension amcheck is "
            "missing; install the contrib package and run CREATE EXTENSION amcheck."
        )
        return [Finding(CHECK, database.name, "unknown", message)]
    if not asked:
        return []
    findings = []
    looked_at = 0
    for index in database.indexes:
        if index.method != "btree" or index.kind != "i" or not (index.valid and index.live):
            continue
        if policy.chosen(index.owner_label):
            looked_at += 1
            query = sql.SQL("SELECT {}.bt_index_check(%s::oid::regclass, true)").format(sql.Identifier(schema))
            findings += _look(connection, query, index.oid, f"{database.name}.{index.label}", "index")
    if database.version >= HEAP_SINCE:
        for table in database.tables.values():
            if table.kind in ("r", "m") and table.size and policy.chosen(table.label):
                looked_at += 1
                query = sql.SQL("SELECT blkno, msg FROM {}.verify_heapam(%s::oid::regclass) LIMIT 1").format(
                    sql.Identifier(schema)
                )
                findings += _look(connection, query, table.oid, f"{database.name}.{table.label}", "table")
    if not findings:
        message = f"amcheck read {looked_at} tables and indexes of database {database.name} and found no damage."
        findings.append(Finding(CHECK, database.name, "ok", message, value=looked_at, unit="count"))
    return findings


def _look(connection: Any, query: Any, oid: int, subject: str, kind: str) -> list[Finding]:
    try:
        rows = rows_of(connection, query, (oid,))
    except psycopg2.Error as error:
        if connection.closed:
            raise
        if getattr(error, "pgcode", None) in ("XX001", "XX002"):
            return [_damage(subject, kind, sentence(error))]
        message = f"The {kind} {subject} could not be verified: {sentence(error)}."
        return [Finding(CHECK, subject, "unknown", message)]
    if kind == "table" and rows:
        return [_damage(subject, kind, f"block {rows[0][0]}: {rows[0][1]}")]
    return []


def _damage(subject: str, kind: str, words: str) -> Finding:
    remedy = "rebuild it (REINDEX) and look for the cause" if kind == "index" else "stop writing and restore a backup"
    return Finding(CHECK, subject, "critical", f"The {kind} {subject} is damaged: {words}; {remedy}.")
