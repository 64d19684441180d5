# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: which job does what to which table or index, and why. Pure; the same for check mode and the real run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

from . import needs
from .model import KIND_PARTITIONED, Database, Index, Policy, Table
from .needs import Need

LEFTOVER = re.compile(r"_cc(?:new|old)\d*$")
# 14.0 to 14.3 can leave rows out of an index that is built concurrently; 14.4 mended it.
UNSAFE_CONCURRENTLY = range(140000, 140004)


@dataclass(frozen=True)
class Job:
    """One statement on one object.

    verb: vacuum, vacuum_analyze, analyze, reindex, drop_index. table: oid whose jobs must not overlap.
    whole: REINDEX TABLE rather than INDEX. urgency: the greater, the sooner. skip: why it is not done after all.
    """

    verb: str
    database: str
    schema: str
    name: str
    table: int
    reason: str
    urgency: float = 1.0
    size: int = 0
    before: dict[str, Any] = field(default_factory=dict)
    freeze: bool = False
    whole: bool = False
    partitioned: bool = False
    concurrently: bool = False
    skip: str = ""

    @property
    def target(self) -> str:
        return f"{self.database}.{self.schema}.{self.name}"


def plan_tables(database: Database, policy: Policy, now: datetime) -> list[Job]:
    """VACUUM and ANALYZE of what needs it, the most urgent first; of everything where policy says always."""
    jobs = []
    covered = _covered_leaves(database, policy, now)
    for table in database.tables.values():
        if policy.chosen(table.label) and (table.permitted or not table.catalog):
            jobs += _table_jobs(table, database, policy, now, covered)
    return sorted(jobs, key=_order)


def plan_leftovers(database: Database, policy: Policy) -> list[Job]:
    """Drops of what interrupted REINDEX and DROP INDEX CONCURRENTLY left behind."""
    if not _reindexes(policy):
        return []
    return [
        Job(
            verb="drop_index",
            database=database.name,
            schema=index.schema,
            name=index.name,
            table=index.owner,
            reason=_leftover_reason(index),
            size=index.size,
            before={"bytes": index.size, "valid": index.valid},
            concurrently=True,
        )
        for index in database.indexes
        if policy.chosen(index.owner_label) and is_leftover(index)
    ]


def plan_indexes(database: Database, policy: Policy) -> list[Job]:
    """REINDEX of invalid and bloated indexes; of every table's where policy says always."""
    if not _reindexes(policy):
        return []
    concurrently = policy.reindex == "concurrently"
    skip = _why_no_reindex(database, policy) if concurrently else ""
    jobs = []
    whole: dict[int, int] = {}
    for index in database.indexes:
        table = database.tables.get(index.owner)
        if not policy.chosen(index.owner_label) or index.kind != "i" or index.builder or table is None:
            continue
        if index.catalog and (concurrently or not table.permitted):
            continue
        if is_leftover(index) or not index.live:
            continue
        if policy.always and index.valid:
            whole[table.oid] = whole.get(table.oid, 0) + index.size
            continue
        reason = _reindex_reason(index, policy)
        if reason:
            hindrance = skip or _hindrance(index, table, database, policy)
            jobs.append(_index_job(database, index, reason, concurrently=concurrently, skip=hindrance))
    for oid, size in whole.items():
        jobs.append(_whole_job(database, database.tables[oid], size, concurrently=concurrently, skip=skip))
    return sorted(jobs, key=_order)


def is_leftover(index: Index) -> bool:
    """Whether the index serves nobody and may go.

    By the catalogue, not by name alone: not valid, nobody is building it, no constraint or replica identity
    stands on it, and an index with the same definition stands beside it. Or its DROP was begun already.
    """
    if index.kind != "i" or index.builder or index.constraint:
        return False
    if not index.live:
        return True
    if index.valid or not LEFTOVER.search(index.name) or not index.twin:
        return False
    # Names are cut near 63 bytes before the suffix is added.
    return index.twin_valid or index.twin.startswith(LEFTOVER.sub("", index.name))


def unsafe_concurrently(version: int) -> bool:
    return version in UNSAFE_CONCURRENTLY


def version_text(version: int) -> str:
    return f"{version // 10000}.{version % 10000}"


def _reindexes(policy: Policy) -> bool:
    return "reindex" in policy.operations and policy.reindex != "none"


def _order(job: Job) -> tuple[float, int, str]:
    return (-job.urgency, -job.size, job.target)


def _covered_leaves(database: Database, policy: Policy, now: datetime) -> frozenset[int]:
    """Leaves that the ANALYZE of their parent reads as well: since PostgreSQL 18 ONLY spares them."""
    if database.version >= 180000 or "analyze" not in policy.operations:
        return frozenset()
    return frozenset(
        oid
        for table in database.tables.values()
        if table.kind == KIND_PARTITIONED and policy.chosen(table.label)
        if policy.always or needs.analyze_needs(table, database, policy, now)
        for oid in table.leaves
    )


def _table_jobs(table: Table, database: Database, policy: Policy, now: datetime, covered: frozenset[int]) -> list[Job]:
    vacuum: list[Need] = []
    analyze: list[Need] = []
    if "vacuum" in policy.operations and table.kind != KIND_PARTITIONED:
        vacuum = needs.vacuum_needs(table, policy) or _always(policy)
    if "analyze" in policy.operations and table.oid not in covered:
        analyze = needs.analyze_needs(table, database, policy, now) or _always(policy)
    if table.kind == KIND_PARTITIONED and not any(
        database.tables[oid].size for oid in table.leaves if oid in database.tables
    ):
        return []
    jobs = []
    skip = "" if policy.always else _why_no_vacuum(table, vacuum, database, policy)
    if skip:
        jobs.append(_table_job("vacuum", table, database, vacuum, skip=skip))
        vacuum = []
    if vacuum or analyze:
        verb = "_".join(name for name, wanted in (("vacuum", vacuum), ("analyze", analyze)) if wanted)
        jobs.append(_table_job(verb, table, database, vacuum + analyze))
    return jobs


def _always(policy: Policy) -> list[Need]:
    return [Need("always", "asked for whether needed or not", 0.0)] if policy.always else []


def _table_job(verb: str, table: Table, database: Database, reasons: list[Need], *, skip: str = "") -> Job:
    return Job(
        verb=verb,
        database=database.name,
        schema=table.schema,
        name=table.name,
        table=table.oid,
        reason="; ".join(dict.fromkeys(need.text for need in reasons)),
        urgency=max(need.urgency for need in reasons),
        size=table.size,
        before=table_figures(table),
        freeze=any(need.kind == "freeze" for need in reasons),
        partitioned=table.kind == KIND_PARTITIONED,
        skip=skip,
    )


def _why_no_vacuum(table: Table, reasons: list[Need], database: Database, policy: Policy) -> str:
    """A VACUUM that can gain nothing is not tried again: the blocker must go first."""
    kinds = {need.kind for need in reasons}
    if not kinds:
        return ""
    held = needs.holder(table, database.blockers)
    old = needs.freeze_limit(table, database.blockers, policy)
    gains = kinds - ({"dead", "inserted"} if held else set()) - ({"freeze"} if old else set())
    blocker = held or old
    if gains or blocker is None:
        return ""
    return f"nothing can be removed or frozen before the {blocker.name} ends: {blocker.remedy}"


def table_figures(table: Table) -> dict[str, Any]:
    """What an action shows of a table, before and after."""
    figures: dict[str, Any] = {"bytes": table.size, "live_rows": table.live, "dead_rows": table.dead}
    if table.toast_dead:
        figures["toast_dead_rows"] = table.toast_dead
    figures["changed_rows"] = table.changed
    if table.kind != KIND_PARTITIONED:
        figures["xid_age"] = table.xid_age
    return figures


def index_figures(index: Index) -> dict[str, Any]:
    """What an action shows of an index, before and after."""
    figures: dict[str, Any] = {"bytes": index.size, "valid": index.valid}
    if index.bloat.percent is not None:
        figures["bloat_percent"] = index.bloat.percent
    return figures


def _leftover_reason(index: Index) -> str:
    if not index.live:
        return "its DROP INDEX CONCURRENTLY was interrupted"
    return f"left behind by an interrupted REINDEX CONCURRENTLY; {index.twin} has the same definition"


def _reindex_reason(index: Index, policy: Policy) -> str:
    if not index.valid:
        # Something that looks like a leftover but has no twin is for a person to judge.
        return "" if LEFTOVER.search(index.name) else "it is invalid: no query uses it, yet every write pays for it"
    percent = index.bloat.percent
    threshold = policy.index_threshold(index.owner_label)
    if percent is None or percent < threshold or index.bloat.wasted < policy.bloat_min_bytes:
        return ""
    return f"{percent:.0f} % of it is bloat ({index.bloat.wasted // 1024 // 1024} MiB, {index.bloat.source})"


def _why_no_reindex(database: Database, policy: Policy) -> str:
    if unsafe_concurrently(database.version):
        return (
            f"PostgreSQL {version_text(database.version)} can leave rows out of an index built CONCURRENTLY: "
            "update to 14.4 or newer, or choose reindex=offline in a window that allows downtime"
        )
    for blocker in database.blockers:
        if blocker.kind != "slot" and (blocker.seconds or 0) > policy.reindex_wait:
            return f"REINDEX CONCURRENTLY would wait for the {blocker.name}: {blocker.remedy}"
    return ""


def _hindrance(index: Index, table: Table, database: Database, policy: Policy) -> str:
    if index.exclusion and policy.reindex == "concurrently":
        return "PostgreSQL cannot rebuild the index of an exclusion constraint concurrently: use reindex=offline"
    held: Optional[Any] = needs.holder(table, database.blockers)
    if held and index.valid and any(need.kind == "dead" for need in needs.vacuum_needs(table, policy)):
        return f"a new index would carry the same dead rows until the {held.name} ends: {held.remedy}"
    return ""


def _index_job(database: Database, index: Index, reason: str, *, concurrently: bool, skip: str) -> Job:
    return Job(
        verb="reindex",
        database=database.name,
        schema=index.schema,
        name=index.name,
        table=index.owner,
        reason=reason,
        urgency=2.0 if not index.valid else 1.0,
        size=index.size,
        before=index_figures(index),
        concurrently=concurrently,
        skip=skip,
    )


def _whole_job(database: Database, table: Table, size: int, *, concurrently: bool, skip: str) -> Job:
    return Job(
        verb="reindex",
        database=database.name,
        schema=table.schema,
        name=table.name,
        table=table.oid,
        reason="asked for whether needed or not",
        urgency=0.0,
        size=table.size,
        before={"index_bytes": size},
        whole=True,
        concurrently=concurrently,
        skip=skip,
    )
