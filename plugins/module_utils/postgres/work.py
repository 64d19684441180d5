# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing a plan: jobs side by side over several connections, never two on one table, nothing after the deadline."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Optional

from ..deadline import LEFT, Deadline
from . import statements
from .connection import ConnectionFailed, psycopg2
from .plan import Job

STOPPED = "it was stopped at the deadline; the next run goes on with it"


@dataclass(frozen=True)
class Done:
    """How a job ended. outcome: done, skipped or failed; the latter two with their reason."""

    job: Job
    outcome: str
    reason: str
    seconds: float

    @property
    def begun(self) -> bool:
        """Whether it may have left something behind."""
        return self.outcome != "skipped" or self.reason == STOPPED


@dataclass(frozen=True)
class Limits:
    """How the work is done. Seconds; retries: after a lock was not got."""

    jobs: int = 2
    lock_timeout: float = 5.0
    reindex_wait: float = 60.0
    lock_retries: int = 2
    retry_pause: float = 2.0
    statement_timeout: float = 0.0


@dataclass
class _Unit:
    """The jobs on one table, in their order."""

    jobs: list[Job]
    attempts: int = 0
    not_before: float = 0.0


@dataclass
class Workers:
    """Connections that do a plan.

    connect: a new connection to the database. deadline: nothing starts after it, and what runs is stopped.
    version: of the server.
    """

    connect: Callable[[], Any]
    deadline: Deadline
    limits: Limits
    version: int
    _units: collections.deque[_Unit] = field(default_factory=collections.deque)
    _done: list[Done] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _idle: list[Any] = field(default_factory=list)
    _open: list[Any] = field(default_factory=list)

    def work(self, jobs: Sequence[Job]) -> list[Done]:
        """Does the jobs, those given first earlier. Every job is in the answer.

        Raises ConnectionFailed where no connection can be made at all.
        """
        self._done = [Done(job, "skipped", job.skip, 0.0) for job in jobs if job.skip]
        units: dict[int, _Unit] = {}
        for job in jobs:
            if not job.skip:
                units.setdefault(job.table, _Unit([])).jobs.append(job)
        self._units = collections.deque(units.values())
        count = min(self.limits.jobs, len(units))
        if count:
            try:
                with ThreadPoolExecutor(count) as pool:
                    for running in [pool.submit(self._serve) for _worker in range(count)]:
                        running.result()
            except BaseException:
                self.cancel()
                raise
        return self._done

    def cancel(self) -> None:
        """Stops what is running: nothing goes on unseen when this process ends."""
        self._units.clear()
        for connection in list(self._open):
            with contextlib.suppress(psycopg2.Error):
                connection.cancel()

    def close(self) -> None:
        """Closes the connections."""
        for connection in self._open:
            if not connection.closed:
                connection.close()
        self._open.clear()
        self._idle.clear()

    def _serve(self) -> None:
        connection = None
        while True:
            try:
                unit = self._units.popleft()
            except IndexError:
                break
            pause = unit.not_before - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            try:
                connection = self._ready(connection)
            except (ConnectionFailed, psycopg2.Error) as error:
                for job in unit.jobs:
                    self._note(Done(job, "failed", f"no connection to the server: {statements.sentence(error)}", 0.0))
                continue
            self._do_unit(connection, unit)
        if connection is not None and not connection.closed:
            with self._guard:
                self._idle.append(connection)

    def _ready(self, connection: Any) -> Any:
        if connection is not None and not connection.closed:
            return connection
        with self._guard:
            while self._idle:
                idle = self._idle.pop()
                if not idle.closed:
                    return idle
        fresh = self.connect()
        statements.prepare(fresh, version=self.version)
        with self._guard:
            self._open.append(fresh)
        return fresh

    def _do_unit(self, connection: Any, unit: _Unit) -> None:
        while unit.jobs:
            job = unit.jobs[0]
            result = self._do(connection, job, last=unit.attempts >= self.limits.lock_retries)
            if result is None:
                # Others go first; this table comes again when they are done.
                unit.attempts += 1
                unit.not_before = time.monotonic() + self.limits.retry_pause
                self._units.append(unit)
                return
            self._note(result)
            unit.jobs.pop(0)
            if connection.closed:
                for rest in unit.jobs:
                    self._note(Done(rest, "failed", "the connection was lost in the job before it", 0.0))
                return

    def _do(self, connection: Any, job: Job, *, last: bool) -> Optional[Done]:
        """The job's end, or None where it should be tried again later."""
        # What an interrupted REINDEX leaves behind slows the application down, and goes quickly.
        tidies = job.verb == "drop_index"
        if self.deadline.passed and not tidies:
            return Done(job, "skipped", LEFT, 0.0)
        if job.verb == "reindex" and job.concurrently:
            waiting = statements.old_transactions(connection, seconds=self.limits.reindex_wait)
            if waiting:
                return Done(job, "skipped", f"it would wait for older transactions: {waiting}", 0.0)
        patience = self.limits.lock_timeout
        if job.concurrently:
            # It waits for older transactions, and meanwhile keeps no one from reading or writing.
            patience = max(patience, self.limits.reindex_wait)
        limit = self.limits.statement_timeout
        started = time.monotonic()
        try:
            warning = statements.run(
                connection,
                job,
                version=self.version,
                lock_timeout=patience,
                statement_timeout=limit if tidies else self.deadline.bound(limit),
            )
        except psycopg2.Error as error:
            return self._explain(connection, job, error, time.monotonic() - started, last=last)
        seconds = time.monotonic() - started
        return Done(job, "failed" if warning else "done", warning, seconds)

    def _explain(self, connection: Any, job: Job, error: Any, seconds: float, *, last: bool) -> Optional[Done]:
        code = statements.code_of(error)
        if code in (statements.LOCK_NOT_AVAILABLE, statements.DEADLOCK):
            if not last and (not job.concurrently or code == statements.DEADLOCK):
                return None
            holders = statements.who_holds(connection, job) or "another session"
            return Done(job, "skipped", f"its lock was not to be had in time: held by {holders}", seconds)
        if code in statements.UNDEFINED:
            return Done(job, "skipped", "it was dropped in the meantime", seconds)
        if code == statements.CANCELED and self.deadline.passed:
            return Done(job, "skipped", STOPPED, seconds)
        if connection.closed:
            prefix = "the connection was lost: "
        else:
            prefix = "it was cancelled: " if code == statements.CANCELED else ""
        return Done(job, "failed", prefix + statements.sentence(error), seconds)

    def _note(self, result: Done) -> None:
        with self._guard:
            self._done.append(result)
