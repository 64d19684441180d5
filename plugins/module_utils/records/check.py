# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the records are short of: documentation that is due, runs that never came to an end, runs out of the index."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import parse_moment
from ..errors import MaintenanceError
from ..findings import Finding
from ..glue import Outcome
from ..report.humanise import count
from .attached import DOCUMENTING, attached, documented_at
from .confirm import told_otherwise
from .index import Index, read_index
from .search import judge_index, unindexed
from .store import Row, Store, part, require_directory, rows, text

DOCUMENTATION = "records.documentation"
UNFINISHED = "records.unfinished"
# An emergency that is documented is told of for so long.
REMEMBERED = timedelta(days=31)
# When this share of the time for documentation is left, it is a warning.
LAST_SHARE = 0.25


def check(
    store: Store, *, now: datetime, documentation_hours: float, unfinished_warning: float, unfinished_critical: float
) -> Outcome:
    """One finding for each that is due, late or was documented lately, and one in order where there is none.

    Raises MaintenanceError where there are no records to look at.
    """
    require_directory(store)
    index = read_index(store.index)
    begun, missing = unindexed(store, index)
    documentation = []
    for row, _line in index.each():
        if needs_documentation(row):
            # The folder knows better where an interruption kept the index from it.
            fresh = {**row, "documentation": attached(store.folder(row["run_id"]))}
            documentation.extend(judge_documentation(fresh, now=now, hours=documentation_hours))
    unfinished = []
    for row in begun:
        known = {**row, "documentation": attached(store.folder(row["run_id"]))}
        unfinished.extend(judge_unfinished(known, now=now, warning=unfinished_warning, critical=unfinished_critical))
    findings = [
        *(documentation or [Finding(DOCUMENTATION, "records", "ok", "No emergency waits for its documentation.")]),
        *(unfinished or [Finding(UNFINISHED, "records", "ok", "Every run that began has a record of its end.")]),
        *(_judged_index(store, index, missing, now=now) or [_in_order(len(index.lines))]),
    ]
    late = [finding.subject for finding in documentation if finding.status == "critical"]
    return Outcome(
        findings=findings,
        details={"runs": len(index.lines), "unfinished": [row["run_id"] for row in begun], "late": late},
    )


def _judged_index(store: Store, index: Index, missing: list[str], *, now: datetime) -> list[Finding]:
    findings = judge_index(store, index, missing)
    names = told_otherwise(store, index, now=now)
    if names:
        some = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
        findings.append(
            Finding(
                "records.index",
                "records",
                "warning",
                f"The index does not say what the records of {count(len(names), 'run')} say ({some}), or they cannot "
                "be read: find out who changed it, then run maintenance_records with the state reindex.",
                value=len(names),
                unit="count",
            )
        )
    return findings


def _in_order(number: int) -> Finding:
    message = f"The index knows {count(number, 'run')}, which is all there are."
    return Finding("records.index", "index", "ok", message, value=number, unit="count")


def needs_documentation(row: Mapping[str, Any]) -> bool:
    """Whether the run went ahead without a window: an emergency, or with somebody's approval."""
    if row.get("check_mode"):
        return False
    if row.get("work_class") == "emergency":
        return not _was_refused(row)
    return bool(row.get("approval") and not row.get("window"))


def _was_refused(row: Mapping[str, Any]) -> bool:
    """Whether an emergency went no further than asking. Of a record that does not say, it is taken that it went on."""
    if row.get("approval") or row.get("outcome") != "failed" or row.get("changed") != 0:
        return False
    return all(set(part(procedure, "states")) <= {"not run"} for procedure in rows(dict(row), "procedures"))


def judge_documentation(row: Row, *, now: datetime, hours: float) -> list[Finding]:
    """Whether the run was documented in time, or still can be. row: its line in the index."""
    ended = _moment(text(row, "ended") or row["moment"])
    if ended is None:
        return [_documentation(row, "unknown", "The record does not say when this emergency ended: look at it.")]
    due = ended + timedelta(hours=hours)
    at = _moment(documented_at(row))
    if at is not None:
        late = _hours(at - due)
        if now - at > REMEMBERED:
            return []
        when = f"{late:.1f} hours after it was due" if late > 0 else "in time"
        value = round(_hours(at - ended), 2)
        return [_documentation(row, "ok", f"The run was documented {when}.", value=value, threshold=hours)]
    passed = _hours(now - ended)
    left = _hours(due - now)
    what = "write a post-mortem and attach it with playbooks/records.yml"
    if left < 0:
        status, message = (
            "critical",
            f"This run went ahead without a window, and its documentation is late by {-left:.1f} hours: {what} now.",
        )
    else:
        status = "warning" if left <= hours * LAST_SHARE else "ok"
        message = f"This run went ahead without a window, and its documentation is due in {left:.1f} hours: {what}."
    return [_documentation(row, status, message, value=round(passed, 2), threshold=hours)]


def _documentation(row: Row, status: str, message: str, **figures: Any) -> Finding:
    evidence = {key: text(row, key) for key in ("operator", "ticket", "cadence", "ended") if text(row, key)}
    return Finding(
        DOCUMENTATION, row["run_id"], status, message, evidence=evidence, unit="hours" if figures else None, **figures
    )


def is_explained(row: Row) -> bool:
    """Whether somebody wrote down what became of a run without a record; an emergency asks for more than a note."""
    kinds = [text(document, "kind") for document in row["documentation"]]
    return any(kind in DOCUMENTING if needs_documentation(row) else kind for kind in kinds)


def judge_unfinished(row: Row, *, now: datetime, warning: float, critical: float) -> list[Finding]:
    """A run that began so many hours ago and never delivered a record, unless somebody wrote down why."""
    if is_explained(row):
        return []
    began = _moment(row["moment"])
    if began is None:
        message = "It is not known when this run began, and it has no record: look at its before.json."
        return [Finding(UNFINISHED, row["run_id"], "unknown", message)]
    hours = _hours(now - began)
    if hours < warning:
        return []
    message = (
        f"The run began {hours:.0f} hours ago and its record never arrived: start a run on its controller, which "
        "brings the record, or attach a note that says what became of it."
    )
    status = "critical" if hours >= critical else "warning"
    threshold = critical if status == "critical" else warning
    evidence = {key: text(row, key) for key in ("operator", "ticket", "cadence") if text(row, key)}
    return [
        Finding(
            UNFINISHED,
            row["run_id"],
            status,
            message,
            value=round(hours, 2),
            unit="hours",
            threshold=threshold,
            evidence=evidence,
        )
    ]


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


def _moment(said: str) -> Optional[datetime]:
    try:
        return parse_moment(said, option="time")
    except MaintenanceError:
        return None
