# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job of pg_maintenance: database by database, observe, plan, do, observe again, judge."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Optional, Union

from ..deadline import Deadline
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from . import account, catalog, cluster, integrity, judge, sessions, statements
from .connection import ConnectionFailed, ConnectionSpec, connect, psycopg2
from .model import Bloat, Database, Index, Policy, Table
from .plan import Job, plan_indexes, plan_leftovers, plan_tables, version_text
from .work import Done, Limits, Workers


@dataclass(frozen=True)
class Request:
    """What to do.

    databases: empty for all. mode: maintain, observe (no plan) or pending (no findings either).
    act_on: of the databases, those that may be changed; None for all. top: how many of the largest tables
    go into the details.
    """

    spec: ConnectionSpec
    databases: list[str]
    maintenance_db: str
    policy: Policy
    limits: Limits
    check_mode: bool
    deadline: Deadline
    mode: str = "maintain"
    act_on: Optional[frozenset[str]] = None
    integrity: bool = False
    estimate_only: bool = False
    top: int = 10


@dataclass
class _Progress:
    """What was seen and done so far, so that an error loses nothing of it."""

    findings: list[Finding] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    databases: list[dict[str, Any]] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)


def maintain(request: Request) -> Outcome:
    """Maintains the databases. Raises MaintenanceError, with all that was seen and done until then."""
    progress = _Progress()
    try:
        first = request.databases[0] if request.databases else request.maintenance_db
        with _session(request, first) as connection:
            cluster.refuse_standby(connection)
            version = int(cluster.rows_of(connection, "SHOW server_version_num")[0][0])
            chosen = cluster.choose(cluster.databases(connection), request.databases)
        _require_tables(request, chosen)
        for name in chosen:
            _one_database(request, name, progress)
        if request.mode != "pending":
            with _session(request, first) as connection:
                progress.findings += judge.judge_ages(cluster.databases(connection), request.policy)
            progress.findings += judge.judge_version(version)
    except MaintenanceError as error:
        error.findings, error.actions = progress.findings, progress.actions
        raise
    except _database_error() as error:
        raise MaintenanceError(
            f"PostgreSQL at {request.spec.address} ended the work: {statements.sentence(error)}; "
            "look at its log, then run this again: it takes up what is left.",
            findings=progress.findings,
            actions=progress.actions,
        ) from None
    details = {
        "server_version": version_text(version),
        "databases": progress.databases,
        "pending": progress.pending,
    }
    return Outcome(findings=progress.findings, actions=progress.actions, details=details)


def _database_error() -> Any:
    return psycopg2.Error if psycopg2 is not None else MaintenanceError


@contextmanager
def _session(request: Request, database: str) -> Iterator[Any]:
    connection = connect(request.spec, database, application=sessions.APPLICATION)
    try:
        yield connection
    finally:
        connection.close()


def _one_database(request: Request, name: str, progress: _Progress) -> None:
    try:
        connection = connect(request.spec, name, application=sessions.APPLICATION)
    except ConnectionFailed as error:
        if request.databases:
            raise
        # One of "all databases" may be closed to this role; the others are not to suffer for it.
        progress.findings.append(Finding("postgres.maintenance", name, "critical", str(error)))
        return
    run = _Run(request, name, connection, progress)
    try:
        if request.mode != "maintain" or request.check_mode:
            run.look()
        elif request.act_on is None or name in request.act_on:
            run.act()
        else:
            run.report(run.observe())
    finally:
        run.connection.close()


class _Run:
    """The work on one database."""

    def __init__(self, request: Request, name: str, connection: Any, progress: _Progress) -> None:
        self.request = request
        self.name = name
        self.connection = connection
        self.progress = progress
        self.measured: dict[int, Bloat] = {}

    def look(self) -> None:
        """Only plans, or only looks."""
        state = self.observe()
        policy = self.request.policy
        jobs = [
            *plan_leftovers(state, policy),
            *plan_tables(state, policy, self.request.deadline.clock()),
            *plan_indexes(state, policy),
        ]
        if any(not job.skip for job in jobs):
            self.progress.pending.append(self.name)
        if self.request.mode == "maintain":
            self.progress.actions += [account.planned(job) for job in jobs]
        if self.request.mode != "pending":
            self.report(state)

    def act(self) -> None:
        """Plans and does it."""
        sessions.take_lock(self.connection, self.name)
        self.progress.actions += sessions.stop_orphans(self.connection, self.name)
        state = self.observe()
        done: list[Done] = []
        workers = Workers(
            connect=lambda: connect(self.request.spec, self.name, application=sessions.WORKER),
            deadline=self.request.deadline,
            limits=self.request.limits,
            version=state.version,
        )
        try:
            state = self._work(workers, state, done)
        finally:
            workers.close()
            self.progress.actions += [account.finished(result, state) for result in done]
        self.progress.findings += judge.judge_work(self.name, done)
        self.report(state)

    def _work(self, workers: Workers, state: Database, done: list[Done]) -> Database:
        """Does the plan in its stages, each planned from what the one before it left; returns the last state."""
        policy = self.request.policy
        jobs = [*plan_leftovers(state, policy), *plan_tables(state, policy, self.request.deadline.clock())]
        # A parent reads its leaves, so it comes when they are done.
        for stage in (False, True):
            done += workers.work([job for job in jobs if job.partitioned is stage])
        if done:
            # VACUUM changes what is known of the indexes.
            state = self._observe_again(done)
        done += workers.work(plan_indexes(state, policy))
        if any(result.begun for result in done):
            workers.close()
            state = self._observe_again(done, ended=True)
            last = self._last_jobs(state, done)
            if last:
                done += workers.work(last)
                state = self._observe_again(done)
        return state

    def _last_jobs(self, state: Database, done: Sequence[Done]) -> list[Job]:
        """What the work itself made necessary: leftovers of a REINDEX that failed, dead rows in the catalogue."""
        policy = replace(self.request.policy, always=False)
        jobs = plan_tables(state, policy, self.request.deadline.clock())
        tidy = [job for job in jobs if state.tables[job.table].catalog and not job.skip]
        if any(result.job.verb == "reindex" and result.outcome != "done" for result in done):
            return [*plan_leftovers(state, policy), *tidy]
        return tidy

    def observe(self) -> Database:
        """The database as it is now."""
        policy = self.request.policy
        state = catalog.observe(
            self.connection,
            own_application=sessions.APPLICATION,
            measured=self.measured,
            minimum=policy.bloat_min_bytes,
            suspicion=min(policy.index_bloat_percent, policy.critical_index_bloat_percent, policy.table_bloat_percent)
            / 2,
            estimate_only=self.request.estimate_only,
        )
        things: list[Union[Table, Index]] = [*state.tables.values(), *state.indexes]
        self.measured = {thing.oid: thing.bloat for thing in things if thing.bloat.source == "pgstattuple"}
        return state

    def _observe_again(self, done: Sequence[Done], *, ended: bool = False) -> Database:
        try:
            cluster.rows_of(self.connection, "SELECT 1")
        except psycopg2.Error:
            self.connection = connect(self.request.spec, self.name, application=sessions.APPLICATION)
            sessions.take_lock(self.connection, self.name)
        if ended:
            sessions.wait_for_end(self.connection)
        touched = {result.job.table for result in done}
        version = int(cluster.rows_of(self.connection, "SHOW server_version_num")[0][0])
        if version < 150000:
            time.sleep(1.0)  # until 15 a collector process writes the counters down, twice a second
        of_indexes = dict(cluster.rows_of(self.connection, "SELECT indexrelid, indrelid FROM pg_index"))
        self.measured = {
            oid: bloat
            for oid, bloat in self.measured.items()
            if oid not in touched and of_indexes.get(oid) not in touched
        }
        return self.observe()

    def report(self, state: Database) -> None:
        """Findings and details of that state."""
        request = self.request
        self.progress.findings += judge.judge_database(state, request.policy, request.deadline.clock())
        self.progress.findings += integrity.check(self.connection, state, request.policy, asked=request.integrity)
        self.progress.databases.append(account.database_details(state, request.top))


def _require_tables(request: Request, databases: Sequence[str]) -> None:
    """Raises MaintenanceError for a named table that no database has; before anything is changed."""
    missing = set(request.policy.tables | request.policy.reindex_tables)
    for database in databases:
        if not missing:
            return
        with _session(request, database) as connection:
            missing -= catalog.existing_tables(connection, missing)
    if missing:
        raise MaintenanceError(
            f"None of the databases {', '.join(databases)} has a table {', '.join(sorted(missing))}: "
            "correct the options tables and reindex_tables."
        )
