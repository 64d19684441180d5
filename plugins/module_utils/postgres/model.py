# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What maintenance knows of a server: tables, indexes, what keeps VACUUM back, and the policy they are held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Optional

KIND_PARTITIONED = "p"


@dataclass(frozen=True)
class Bloat:
    """Share of an object's pages that its rows do not need.

    percent: None where it is not known; ``reason`` says why. wasted: bytes.
    source: ``pgstattuple`` (measured), ``estimate`` (from statistics), ``small`` (too small to
    matter, not looked at) or ``unknown``.
    """

    percent: Optional[float]
    wasted: int
    source: str
    reason: str = ""


SMALL = Bloat(percent=None, wasted=0, source="small")


@dataclass(frozen=True)
class Table:
    """A table, materialized view or partitioned table as the catalogue and the statistics show it.

    kind: pg_class.relkind. size: bytes of its own pages, TOAST in ``toast_size``. rows: pg_class.reltuples,
    -1 where it was never counted. changed, inserted: rows since the last ANALYZE, VACUUM.
    vacuumed, analyzed: the last time, by hand or by autovacuum. permitted: whether this role may maintain it.
    leaves: oids of all descendants of a partitioned table; root: its topmost ancestor, or itself.
    """

    oid: int
    schema: str
    name: str
    kind: str
    size: int
    pages: int
    rows: float
    visible_pages: int
    xid_age: int
    mxid_age: int
    live: int
    dead: int
    changed: int
    inserted: int
    vacuumed: Optional[datetime]
    analyzed: Optional[datetime]
    toast_oid: int
    toast_size: int
    toast_live: int
    toast_dead: int
    permitted: bool
    fillfactor: int = 100
    leaves: tuple[int, ...] = ()
    root: int = 0
    bloat: Bloat = SMALL

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def catalog(self) -> bool:
        return self.schema in ("pg_catalog", "information_schema")

    @property
    def dead_percent(self) -> float:
        return _share(self.dead, self.live + self.dead)

    @property
    def toast_dead_percent(self) -> float:
        return _share(self.toast_dead, self.toast_live + self.toast_dead)

    @property
    def changed_percent(self) -> float:
        """Share of rows changed since the last ANALYZE; 100 at most."""
        return min(100.0, _share(self.changed, max(self.live, int(self.rows), 1)))


@dataclass(frozen=True)
class Index:
    """An index. ``table`` is the oid of the table it stands on, ``owner`` of the one whose TOAST that is (or the same).

    method: btree, gin ... live: False while, or after, an interrupted DROP INDEX CONCURRENTLY.
    builder: pid of the session that is building it now. twin: the index beside it with the same
    definition, twin_valid whether that one serves queries.
    """

    oid: int
    schema: str
    name: str
    kind: str
    table: int
    owner: int
    owner_label: str
    method: str
    size: int
    pages: int
    rows: float
    valid: bool
    live: bool
    exclusion: bool
    partial: bool
    fillfactor: int
    constraint: bool = False
    builder: Optional[int] = None
    twin: str = ""
    twin_valid: bool = False
    bloat: Bloat = SMALL

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def catalog(self) -> bool:
        return self.owner_label.startswith("pg_catalog.")


@dataclass(frozen=True)
class Blocker:
    """What keeps VACUUM from removing dead rows.

    kind: transaction, prepared, slot. name: who or what, in words. seconds: its age where known.
    since: from this moment on its horizon has not moved; None for "as far back as is known".
    catalog_only: whether it spares ordinary tables.
    """

    kind: str
    name: str
    xid_age: int
    seconds: Optional[float]
    since: Optional[datetime]
    remedy: str
    catalog_only: bool = False


@dataclass(frozen=True)
class CronJob:
    """A pg_cron job that does maintenance as well."""

    job: int
    schedule: str
    command: str


@dataclass(frozen=True)
class DatabaseAge:
    """A database of the server and the age of its oldest transaction and multixact ids."""

    name: str
    xid_age: int
    mxid_age: int
    size: int
    workable: bool


@dataclass(frozen=True)
class Database:
    """Everything seen of one database at one moment. extensions: name to schema."""

    name: str
    version: int
    size: int
    tables: dict[int, Table]
    indexes: tuple[Index, ...]
    extensions: dict[str, str] = field(default_factory=dict)
    blockers: tuple[Blocker, ...] = ()
    cron_jobs: tuple[CronJob, ...] = ()
    cron_problem: str = ""


@dataclass(frozen=True)
class Policy:
    """The thresholds and limits of pg_maintenance; its options describe them. Percent, bytes, rows, seconds, days."""

    operations: frozenset[str] = frozenset({"analyze", "vacuum", "reindex"})
    always: bool = False
    reindex: str = "concurrently"
    tables: frozenset[str] = frozenset()
    reindex_tables: frozenset[str] = frozenset()
    dead_rows_percent: float = 10.0
    dead_rows_min: int = 1000
    dead_rows_max: int = 10_000_000
    changed_rows_percent: float = 10.0
    changed_rows_min: int = 1000
    analyze_max_days: int = 30
    inserted_rows_percent: float = 20.0
    inserted_rows_min: int = 1000
    freeze_age: int = 150_000_000
    xid_age_warning: int = 500_000_000
    xid_age_critical: int = 1_000_000_000
    table_bloat_percent: float = 50.0
    index_bloat_percent: float = 40.0
    critical_index_bloat_percent: float = 20.0
    bloat_min_bytes: int = 10 * 1024 * 1024
    blocker_seconds: float = 900.0
    reindex_wait: float = 60.0

    def chosen(self, label: str) -> bool:
        """Whether the work is limited to tables among which this one is."""
        return not self.tables or _named(label, self.tables)

    def index_threshold(self, owner_label: str) -> float:
        """Percent of bloat from which the indexes of this table are rebuilt."""
        if _named(owner_label, self.reindex_tables):
            return self.critical_index_bloat_percent
        return self.index_bloat_percent


def _named(label: str, names: frozenset[str]) -> bool:
    return label in names or label.split(".", 1)[1] in names


def _share(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole > 0 else 0.0
