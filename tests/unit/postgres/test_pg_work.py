"""Workers: order, deadline, retries and lost connections, on connections that are told what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.sql
import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.deadline import LEFT, Deadline
from ansible_collections.careops.maintenance.plugins.module_utils.postgres import statements
from ansible_collections.careops.maintenance.plugins.module_utils.postgres import work as worker
from ansible_collections.careops.maintenance.plugins.module_utils.postgres.connection import ConnectionFailed
from ansible_collections.careops.maintenance.plugins.module_utils.postgres.plan import Job
from ansible_collections.careops.maintenance.plugins.module_utils.postgres.work import Limits, Workers

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


class Connection:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed = 1

    def cancel(self) -> None:
        pass


def job(table: int, *, verb: str = "vacuum", **more: Any) -> Job:
    return Job(verb, "clinic", "public", f"t{table}", table, "because", **more)


class Script:
    """Stands in for the statements: what each run of a table does, in turn; at the end nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **steps: list[Any]) -> None:
        self.steps = steps
        self.ran: list[str] = []
        self.busy: set[int] = set()
        self.overlaps = 0
        self.guard = threading.Lock()
        monkeypatch.setattr(statements, "prepare", lambda connection, **_: None)
        monkeypatch.setattr(statements, "run", self.run)
        self.waiting = ""
        self.limits: list[float] = []
        self.after: Callable[[], None] = lambda: None
        monkeypatch.setattr(statements, "old_transactions", lambda connection, seconds: self.waiting)
        monkeypatch.setattr(statements, "who_holds", lambda connection, job: "pid 7 (anna)")

    def run(self, connection: Connection, job: Job, **limits: Any) -> str:
        with self.guard:
            self.overlaps += job.table in self.busy
            self.busy.add(job.table)
            self.ran.append(job.name)
            self.limits.append(limits["statement_timeout"])
            self.after()
            step = self.steps.get(job.name, []) and self.steps[job.name].pop(0)
        time.sleep(0.002)
        with self.guard:
            self.busy.discard(job.table)
        if step == "lost":
            connection.closed = 2
            raise psycopg2.OperationalError("server closed the connection unexpectedly\n\tmore")
        if isinstance(step, Exception):
            raise step
        return step or ""


class Moment:
    """A clock that is set forward by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class Locked(psycopg2.errors.LockNotAvailable):
    pgcode = "55P03"


class Cancelled(psycopg2.errors.QueryCanceled):
    pgcode = "57014"


def workers(
    *, clock: Any = None, connect: Any = Connection, deadline: datetime | None = None, **limits: Any
) -> Workers:
    limits = {"jobs": 2, "retry_pause": 0.01, **limits}
    until = Deadline(deadline, clock or (lambda: NOW))
    return Workers(connect=connect, deadline=until, limits=Limits(**limits), version=150000)


def outcomes(done: list[worker.Done]) -> dict[str, str]:
    return {result.job.name: result.outcome for result in done}


def test_all_is_done_and_never_two_jobs_on_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch)
    done = workers(jobs=4).work([job(number % 5) for number in range(40)])
    assert len(done) == 40
    assert {result.outcome for result in done} == {"done"}
    assert script.overlaps == 0


def test_those_given_first_are_begun_first(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch)
    workers(jobs=1).work([job(3), job(1), job(2)])
    assert script.ran == ["t3", "t1", "t2"]


def test_nothing_starts_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch)
    # Every job takes a minute.
    moment = Moment(NOW)
    script.after = lambda: moment.advance(timedelta(minutes=1))
    done = workers(jobs=1, clock=moment, deadline=NOW + timedelta(minutes=2)).work([job(number) for number in range(4)])
    assert script.ran == ["t0", "t1"]
    assert [result.outcome for result in done] == ["done", "done", "skipped", "skipped"]
    assert "deadline" in done[-1].reason
    assert script.limits == [120, 60]


def test_what_runs_at_the_deadline_is_stopped_and_its_leftovers_still_go(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = Moment(NOW)
    script = Script(monkeypatch, t0=[Cancelled()])
    script.after = lambda: moment.advance(timedelta(minutes=5))
    done = workers(jobs=1, clock=moment, deadline=NOW + timedelta(minutes=2)).work(
        [job(0, verb="reindex", concurrently=True), job(1), job(2, verb="drop_index")]
    )
    assert [(result.outcome, result.reason) for result in done] == [
        ("skipped", worker.STOPPED),
        ("skipped", LEFT),
        ("done", ""),
    ]
    assert script.limits == [120, 0]


def test_a_locked_table_waits_until_the_others_are_done_and_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, t1=[Locked(), Locked()])
    done = workers(jobs=1).work([job(1), job(2)])
    assert script.ran == ["t1", "t2", "t1", "t1"]
    assert outcomes(done) == {"t1": "done", "t2": "done"}


def test_a_table_that_stays_locked_is_skipped_and_its_holder_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, t1=[Locked()] * 3)
    done = workers(jobs=1).work([job(1), job(2)])
    assert outcomes(done) == {"t1": "skipped", "t2": "done"}
    assert "pid 7 (anna)" in done[-1].reason


def test_reindex_does_not_queue_behind_old_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch)
    script.waiting = "pid 7 (anna)"
    (done,) = workers().work([job(1, verb="reindex", concurrently=True)])
    assert (done.outcome, script.ran) == ("skipped", [])
    assert "pid 7 (anna)" in done.reason
    (done,) = workers().work([job(1, verb="reindex")])
    assert done.outcome == "done"


def test_a_warning_of_the_server_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, t1=["only the owner may vacuum it"])
    (done,) = workers().work([job(1)])
    assert (done.outcome, done.reason) == ("failed", "only the owner may vacuum it")


def test_a_lost_connection_fails_its_table_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, t1=["lost"])
    done = workers(jobs=1).work([job(1), job(1, verb="analyze"), job(2)])
    assert [(result.job.verb, result.outcome) for result in done] == [
        ("vacuum", "failed"),
        ("analyze", "failed"),
        ("vacuum", "done"),
    ]
    assert "connection was lost: server closed the connection unexpectedly" in done[0].reason


def test_without_a_server_every_job_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch)

    def refuse() -> Connection:
        raise ConnectionFailed("No server answers.")

    done = workers(connect=refuse).work([job(1), job(2)])
    assert {result.outcome for result in done} == {"failed"}
    assert all("No server answers" in result.reason for result in done)


def test_a_job_planned_to_be_skipped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch)
    (done,) = workers().work([job(1, skip="held")])
    assert (done.outcome, done.reason, script.ran) == ("skipped", "held", [])


def test_an_error_of_our_own_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, t1=[ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        workers().work([job(1)])


@pytest.mark.parametrize(
    ("changes", "version", "text"),
    [
        ({"verb": "vacuum"}, 150000, 'VACUUM "public"."t1"'),
        ({"verb": "vacuum", "freeze": True}, 150000, 'VACUUM (FREEZE) "public"."t1"'),
        ({"verb": "vacuum_analyze", "freeze": True}, 150000, 'VACUUM (FREEZE, ANALYZE) "public"."t1"'),
        ({"verb": "vacuum_analyze"}, 180000, 'VACUUM (ANALYZE) ONLY "public"."t1"'),
        ({"verb": "analyze"}, 170000, 'ANALYZE "public"."t1"'),
        ({"verb": "analyze"}, 180000, 'ANALYZE ONLY "public"."t1"'),
        ({"verb": "reindex", "concurrently": True}, 150000, 'REINDEX INDEX CONCURRENTLY "public"."t1"'),
        ({"verb": "reindex", "whole": True}, 150000, 'REINDEX TABLE "public"."t1"'),
        ({"verb": "drop_index"}, 150000, 'DROP INDEX CONCURRENTLY "public"."t1"'),
    ],
)
def test_statements(changes: dict[str, Any], version: int, text: str) -> None:
    composed = statements.statement(job(1, **changes), version=version)
    assert plain(composed) == text


def plain(composed: Any) -> str:
    """The statement with names quoted as psycopg2 does, without the connection it would ask."""
    if isinstance(composed, psycopg2.sql.Composed):
        return "".join(plain(part) for part in composed.seq)
    if isinstance(composed, psycopg2.sql.Identifier):
        return ".".join('"' + name.replace('"', '""') + '"' for name in composed.strings)
    return str(composed.string)
