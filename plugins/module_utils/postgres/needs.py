# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a table needs, judged by figures alone: the rules behind both the plan and the findings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional

from .model import KIND_PARTITIONED, Blocker, Database, Policy, Table

# A table this small is read as a whole whatever its visibility map says.
VISIBILITY_PAGES = 1280
# The table of the statistics has none of its own: ANALYZE passes it over without a word.
NEVER_ANALYZED = ("pg_statistic",)
# Analysing a parent analyses its leaves after it, up to this much later.
PARENT_SLACK = timedelta(hours=1)


@dataclass(frozen=True)
class Need:
    """One reason to work on a table. kind: dead, freeze, inserted, changed, never, old. urgency: 1 is the threshold."""

    kind: str
    text: str
    urgency: float = 1.0
    value: Optional[float] = None


def vacuum_needs(table: Table, policy: Policy) -> list[Need]:
    """Why this table needs a VACUUM; empty where it does not."""
    if table.kind == KIND_PARTITIONED:
        return []
    needs = []
    for where, dead, percent in (
        ("", table.dead, table.dead_percent),
        (" in its TOAST table", table.toast_dead, table.toast_dead_percent),
    ):
        if (dead >= policy.dead_rows_min and percent >= policy.dead_rows_percent) or dead >= policy.dead_rows_max:
            urgency = max(percent / policy.dead_rows_percent if policy.dead_rows_percent else 1.0, 1.0)
            needs.append(Need("dead", f"{dead} dead rows{where}, {percent:.0f} %", urgency, round(percent, 1)))
    for what, age in (("transaction", table.xid_age), ("multixact", table.mxid_age)):
        if age >= policy.freeze_age:
            # Wraparound stops the whole server, so it comes before everything else.
            needs.append(Need("freeze", f"its oldest {what} id is {age} old", 1000.0 * age / policy.freeze_age, age))
    inserted = 100.0 * table.inserted / max(1, table.live)
    if table.inserted >= policy.inserted_rows_min and inserted >= policy.inserted_rows_percent:
        needs.append(Need("inserted", f"{table.inserted} rows inserted since it was last vacuumed"))
    elif table.vacuumed is None and table.pages >= VISIBILITY_PAGES and table.visible_pages < table.pages / 2:
        needs.append(Need("inserted", "most of its pages are not marked as visible to all"))
    return needs


def analyze_needs(table: Table, database: Database, policy: Policy, now: datetime) -> list[Need]:
    """Why this table needs an ANALYZE; empty where it does not."""
    if table.kind == KIND_PARTITIONED:
        return _parent_needs(table, database, policy, now)
    if table.catalog and table.name in NEVER_ANALYZED:
        return []
    # The catalogue is analysed when a server is made, which leaves no date.
    if table.analyzed is None and table.size > 0 and not table.catalog:
        return [Need("never", "it was never analysed")]
    if table.changed >= policy.changed_rows_min and table.changed_percent >= policy.changed_rows_percent:
        urgency = table.changed_percent / policy.changed_rows_percent if policy.changed_rows_percent else 1.0
        text = f"{table.changed} rows changed since it was last analysed, {table.changed_percent:.0f} %"
        return [Need("changed", text, urgency, round(table.changed_percent, 1))]
    if table.changed > 0 and table.analyzed and now - table.analyzed > timedelta(days=policy.analyze_max_days):
        return [Need("old", f"last analysed {(now - table.analyzed).days} days ago, and changed since")]
    return []


def _parent_needs(table: Table, database: Database, policy: Policy, now: datetime) -> list[Need]:
    # Autovacuum never analyses a partitioned parent, so its statistics are held against its leaves.
    leaves = [
        database.tables[oid]
        for oid in table.leaves
        if oid in database.tables and database.tables[oid].kind != KIND_PARTITIONED
    ]
    if not any(leaf.size for leaf in leaves):
        return []
    if table.analyzed is None:
        return [Need("never", "this partitioned table was never analysed as a whole")]
    if any(analyze_needs(leaf, database, policy, now) for leaf in leaves):
        return [Need("changed", "partitions of it changed since they were last analysed")]
    latest = max((leaf.analyzed for leaf in leaves if leaf.analyzed), default=table.analyzed)
    if latest - table.analyzed > PARENT_SLACK:
        return [Need("changed", "partitions of it were analysed since it was itself")]
    return []


def holder(table: Table, blockers: tuple[Blocker, ...]) -> Optional[Blocker]:
    """What makes another VACUUM of this table useless: a blocker that the last one already had to stop at."""
    if table.vacuumed is None:
        return None
    for blocker in blockers:
        if blocker.catalog_only and not table.catalog:
            continue
        if blocker.since is None or blocker.since <= table.vacuumed:
            return blocker
    return None


def freeze_limit(table: Table, blockers: tuple[Blocker, ...], policy: Policy) -> Optional[Blocker]:
    """The blocker that is itself so old that freezing cannot bring the table below the threshold."""
    for blocker in blockers:
        if blocker.xid_age >= policy.freeze_age and (table.catalog or not blocker.catalog_only):
            return blocker
    return None
