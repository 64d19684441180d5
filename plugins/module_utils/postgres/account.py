# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs and databases as actions and details of a result."""

from __future__ import annotations

from typing import Any

from ..findings import Action
from .model import KIND_PARTITIONED, Database
from .plan import Job, index_figures, table_figures
from .work import Done


def planned(job: Job) -> Action:
    """The job as check mode shows it."""
    if job.skip:
        return Action(job.verb, job.target, False, "skipped", before=job.before, reason=job.skip)
    return Action(job.verb, job.target, True, "planned", before=job.before, reason=job.reason)


def finished(result: Done, state: Database) -> Action:
    """The job as it ended, with its figures in the state after it."""
    job = result.job
    return Action(
        job.verb,
        job.target,
        result.outcome == "done",
        result.outcome,
        before=job.before,
        after=_figures(job, state) if result.outcome == "done" else {},
        seconds=round(result.seconds, 3),
        reason=result.reason or job.reason,
    )


def _figures(job: Job, state: Database) -> dict[str, Any]:
    if job.verb == "drop_index":
        return {}
    if job.verb == "reindex" and not job.whole:
        found = [index for index in state.indexes if (index.schema, index.name) == (job.schema, job.name)]
        return index_figures(found[0]) if found else {}
    table = state.tables.get(job.table)
    if table is None:
        return {}
    if job.whole:
        return {"index_bytes": sum(index.size for index in state.indexes if index.owner == table.oid and index.valid)}
    return table_figures(table)


def database_details(state: Database, top: int) -> dict[str, Any]:
    """Sizes of a database and of its ``top`` largest tables."""
    tables = [table for table in state.tables.values() if table.kind != KIND_PARTITIONED]
    index_sizes: dict[int, int] = {}
    for index in state.indexes:
        index_sizes[index.owner] = index_sizes.get(index.owner, 0) + index.size
    return {
        "name": state.name,
        "bytes": state.size,
        "tables": len(tables),
        "indexes": len(state.indexes),
        "dead_rows": sum(table.dead for table in tables),
        "largest": [
            {
                "name": table.label,
                "bytes": table.size + table.toast_size,
                "index_bytes": index_sizes.get(table.oid, 0),
                "live_rows": table.live,
                "dead_rows": table.dead,
                "bloat_percent": table.bloat.percent,
            }
            for table in sorted(tables, key=lambda table: -table.size - table.toast_size)[:top]
        ],
    }
