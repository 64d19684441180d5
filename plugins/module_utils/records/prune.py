# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention: what is older than policy asks for goes, but for what must stay whatever its age.

A run goes in three steps: its folder gets a name that no run has, its line leaves the index, its files are removed.
Whatever was interrupted in between is ended by the next pruning.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..clock import to_text
from ..errors import MaintenanceError
from ..files import names_in, sync_folder
from ..findings import Action
from ..glue import Outcome
from .attached import attached, documented_at
from .check import is_explained, needs_documentation
from .confirm import row_in
from .index import Index, append_lines, gone_line, moment_of, read_index, write_index
from .search import unindexed
from .store import GOING, RECORD, Row, Store, require_directory, text, writing

_ASKED = ("run_id", "moment", "started", "ended", "system", "cadence", "work_class", "check_mode", "approval", "window")
_ASKED_OF_EMERGENCIES = ("outcome", "changed", "procedures")
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})-(?:(\d{4})(\d\d)(\d\d)T)?.+\.(?:json|txt)")


@dataclass(frozen=True)
class Retention:
    """Days that each kind of record is kept. observe: runs that only looked."""

    maintenance: float
    observe: float
    backup_verification: float
    security_reviews: float


def prune(store: Store, *, retention: Retention, now: datetime, check_mode: bool) -> Outcome:
    """Removes what is older than that, and ends what an earlier pruning left. Check mode says what would go.

    Raises MaintenanceError where there are no records, or they cannot be written.
    """
    require_directory(store)
    if check_mode:
        return _outcome(*_plan(store, read_index(store.index), retention=retention, now=now), outcome="planned")
    with writing(store):
        _put_back(store, retention=retention, now=now)
        index = read_index(store.index)
        runs, files = _plan(store, index, retention=retention, now=now)
        for name in runs:
            _set_aside(store, name)
        # A run that was pruned and came again is there with its line.
        gone = [name for name in runs if name in index.lines and not os.path.exists(store.folder(name))]
        if gone:
            append_lines(store.index, [gone_line(name) for name in gone])
        if runs:
            _tidy(store)
        for name in runs:
            if os.path.isdir(os.path.join(store.directory, GOING + name)):
                shutil.rmtree(os.path.join(store.directory, GOING + name))
        for path in files:
            os.unlink(path)
        for folder in {os.path.dirname(path) for path in files}:
            sync_folder(folder)
    return _outcome(runs, files, outcome="done")


def _outcome(runs: list[str], files: list[str], *, outcome: str) -> Outcome:
    targets = [*runs, *files]
    actions = [Action(action="prune", target=target, changed=True, outcome=outcome) for target in targets]
    return Outcome(actions=actions, details={"runs": runs, "documents": files})


def _plan(store: Store, index: Index, *, retention: Retention, now: datetime) -> tuple[list[str], list[str]]:
    """The runs and the documents that go."""
    begun, _missing = unindexed(store, index)
    # No more of each than is asked for: whole lines of a hundred thousand runs take their time.
    known = [{key: row[key] for key in _asked_of(row) if key in row} for row, _line in index.each()]
    for row in (*(row for row in known if needs_documentation(row)), *begun):
        # The folder knows better where an interruption kept the index from it.
        row["documentation"] = attached(store.folder(row["run_id"]))
    runs = [
        name
        for name in expired(known, begun, retention=retention, now=now)
        # What the index says, anybody who may write there could have written.
        if name not in index.lines or _may_go(store.folder(name), name, retention=retention, now=now)
    ]
    files = [
        os.path.join(folder, name)
        for folder, days in (
            (store.backup_verification, retention.backup_verification),
            (store.security_reviews, retention.security_reviews),
        )
        for name in sorted(names_in(folder))
        if _is_old(name, before=now - timedelta(days=days))
    ]
    left = sorted(name for name, path in _aside(store) if _may_be_left(path, name, retention=retention, now=now))
    return [*left, *(name for name in runs if name not in left)], files


def _asked_of(row: Row) -> tuple[str, ...]:
    return (*_ASKED, *_ASKED_OF_EMERGENCIES) if row.get("work_class") == "emergency" else _ASKED


def expired(known: list[Row], begun: list[Row], *, retention: Retention, now: datetime) -> list[str]:
    """The runs that may go, oldest first.

    known: lines of the index. begun: runs without a record. What stays whatever its age: the newest run of a system
    and cadence, an emergency that nobody documented, a run without a record that nobody explained, and a run of
    which nobody knows when it was.
    """
    newest: dict[tuple[str, str], tuple[str, str]] = {}
    for row in known:
        if not row.get("check_mode"):
            key, place = (text(row, "system"), text(row, "cadence")), (row["moment"], row["run_id"])
            newest[key] = max(newest.get(key, place), place)
    stays = {run_id for _moment, run_id in newest.values()}
    old = [
        row
        for row in known
        if row["run_id"] not in stays
        and _is_past(row, retention=retention, now=now)
        and not (needs_documentation(row) and not documented_at(row))
    ]
    old += [row for row in begun if is_explained(row) and _is_past(row, retention=retention, now=now)]
    return [row["run_id"] for row in sorted(old, key=lambda row: (row["moment"], row["run_id"]))]


def _is_past(row: Mapping[str, object], *, retention: Retention, now: datetime) -> bool:
    days = retention.observe if row.get("work_class") == "observe" else retention.maintenance
    # Who gives a run another time for its own does not thereby make its record old.
    moment = max(str(row.get(key) or "") for key in ("moment", "started", "ended"))
    moment = max(moment, moment_of(str(row["run_id"]), {}))
    return bool(row.get("moment")) and moment < to_text(now - timedelta(days=days))


def _may_go(folder: str, run_id: str, *, retention: Retention, now: datetime) -> bool:
    """Whether its own record says that it is old and needs no documentation. One that cannot be read says nothing."""
    try:
        row = row_in(folder, run_id)
    except MaintenanceError:
        return False
    return _is_past(row, retention=retention, now=now) and not (needs_documentation(row) and not documented_at(row))


def _may_be_left(path: str, run_id: str, *, retention: Retention, now: datetime) -> bool:
    """Whether an earlier pruning set it aside, rather than somebody who wants it pruned."""
    if os.path.exists(os.path.join(path, RECORD)):
        try:
            return _is_past(row_in(path, run_id), retention=retention, now=now)
        except MaintenanceError:
            return False
    named = moment_of(run_id, {})
    return named < to_text(now - timedelta(days=min(retention.observe, retention.maintenance)))


def _is_old(name: str, *, before: datetime) -> bool:
    match = _DATED.fullmatch(name)
    if match is None:
        return False
    # The date of the run, and the one in its name, where somebody gave it another time for its own.
    named = "-".join(match.groups()[1:]) if match[2] else ""
    return max(match[1], named) < to_text(before)[:10]


def _aside(store: Store) -> list[tuple[str, str]]:
    """The runs on their way out, and where they are."""
    names = (name for name in names_in(store.directory) if name.startswith(GOING))
    return [(name[len(GOING) :], os.path.join(store.directory, name)) for name in names]


def _put_back(store: Store, *, retention: Retention, now: datetime) -> None:
    """Gives runs their names again that no pruning of ours set aside."""
    for name, path in _aside(store):
        is_free = not os.path.exists(os.path.join(store.directory, name))
        if is_free and not _may_be_left(path, name, retention=retention, now=now):
            os.rename(path, os.path.join(store.directory, name))


def _set_aside(store: Store, run_id: str) -> None:
    folder, aside = store.folder(run_id), os.path.join(store.directory, GOING + run_id)
    if os.path.isdir(folder) and not os.path.isdir(aside):
        os.rename(folder, aside)
        sync_folder(store.directory)


def _tidy(store: Store) -> None:
    """Writes the index without what was said before and no longer counts."""
    index = read_index(store.index)
    lines = [line for _row, line in index.each()]
    # A line that cannot be read is for a person to look at first.
    if not index.damaged:
        write_index(store.index, lines)
