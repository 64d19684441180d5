# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the calendar asks of the records: when each procedure ran on each host, and how that ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Optional

from ..glue import Outcome
from .index import read_index
from .query import Query
from .search import judge_index, unindexed
from .store import Row, Store, part, require_directory, rows, text

Key = tuple[str, str, str, str]


def evidence(store: Store, query: Query, *, since: Optional[str]) -> Outcome:
    """Every run of a procedure since that moment, and the newest of each procedure, entry, state and host before it.

    query: which runs and procedures count. since: as the index writes moments; only the newest where it is not given.
    Rehearsals are no evidence. Raises MaintenanceError where there are no records to look at.
    """
    require_directory(store)
    index = read_index(store.index)
    _begun, missing = unindexed(store, index)
    since_then: list[Row] = []
    newest: dict[Key, Row] = {}
    for row, _line in index.each():
        if row.get("check_mode") or not query.fits(row):
            continue
        for one in _of_run(row, query.takes_procedure):
            if since and one["moment"] >= since:
                since_then.append(one)
            else:
                key = (one["procedure"], one["entry"], one["state"], one["host"])
                if key not in newest or newest[key]["moment"] < one["moment"]:
                    newest[key] = one
    for one in since_then:
        newest.pop((one["procedure"], one["entry"], one["state"], one["host"]), None)
    found = sorted((*since_then, *newest.values()), key=lambda one: (one["moment"], one["run_id"]), reverse=True)
    return Outcome(findings=judge_index(store, index, missing), details={"evidence": found})


def _of_run(row: Row, takes: Callable[[str], bool]) -> Iterator[Row]:
    for procedure in rows(row, "procedures"):
        name = text(procedure, "name")
        for state, hosts in part(procedure, "states").items() if takes(name) else ():
            for host in hosts:
                yield {
                    "procedure": name,
                    "entry": text(procedure, "entry"),
                    "state": state,
                    "host": host,
                    "moment": row["moment"],
                    "run_id": row["run_id"],
                    "outcome": text(row, "outcome"),
                    "cadence": text(row, "cadence"),
                }
