"""pg_maintenance against real servers: what it sees, plans, does, and leaves alone."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab import modules, postgres
from tests.lab.modules import findings_of, run_module

# Small enough for a test to build what is bloated by these measures.
SMALL = {"bloat_min_bytes": 200_000}
VISITS = """
CREATE TABLE visits (id bigserial PRIMARY KEY, patient int NOT NULL, note text);
CREATE INDEX visits_patient ON visits (patient);
INSERT INTO visits (patient, note) SELECT g % 500, repeat('x', 40) FROM generate_series(1, {rows}) g
"""


@pytest.fixture
def clinic(pg: postgres.Server) -> Iterator[str]:
    """A database of its own for each test."""
    yield from _database(pg)


def _database(server: postgres.Server) -> Iterator[str]:
    name = f"clinic_{secrets.token_hex(4)}"
    server.execute(f"CREATE DATABASE {name}")
    yield name
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session", params=sorted(postgres.bindirs()))
def any_server(request: pytest.FixtureRequest, pg: postgres.Server) -> Iterator[postgres.Server]:
    """A server of each version there is; it keeps enough in its log for logical replication."""
    with postgres.server(postgres.bindirs()[request.param], settings={"wal_level": "logical"}) as server:
        yield server


@pytest.fixture
def any_clinic(any_server: postgres.Server) -> Iterator[str]:
    yield from _database(any_server)


def maintain(
    server: postgres.Server, database: str, *, check: bool = False, user: str | None = None, **more: Any
) -> dict[str, Any]:
    login = {"login_user": user} if user else {}
    return run_module("pg_maintenance", server.options(databases=[database], **login, **SMALL, **more), check=check)


def actions(result: dict[str, Any], *keys: str) -> list[tuple[Any, ...]]:
    """The actions as tuples, the database's name cut off their targets."""
    keys = keys or ("action", "target", "outcome")
    plain = [{**action, "target": action["target"].split(".", 1)[-1]} for action in result["actions"]]
    return sorted(tuple(action[key] for key in keys) for action in plain)


def catalogue(server: postgres.Server, database: str) -> list[tuple[Any, ...]]:
    """What any VACUUM, ANALYZE or REINDEX would change."""
    return server.execute(
        "SELECT c.relname, c.relfilenode, c.reltuples, c.relpages, c.relallvisible, c.relfrozenxid::text,"
        " pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_analyze_time(c.oid) FROM pg_class c ORDER BY c.oid",
        database,
    )


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seen = condition()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError("what was waited for did not happen")


def workers_of(server: postgres.Server, database: str) -> list[tuple[Any, ...]]:
    return server.execute(
        "SELECT pid, wait_event_type FROM pg_stat_activity"
        f" WHERE application_name = 'careops_maintenance_worker' AND datname = '{database}'"
    )


def test_plan_then_work_then_nothing_left(any_server: postgres.Server, any_clinic: str) -> None:
    any_server.execute(VISITS.format(rows=100_000), any_clinic)
    any_server.execute("DELETE FROM visits WHERE id % 3 < 2", any_clinic)
    before = catalogue(any_server, any_clinic)

    planned = maintain(any_server, any_clinic, check=True)
    assert catalogue(any_server, any_clinic) == before
    assert planned["changed"] and planned["details"]["pending"] == [any_clinic]
    assert actions(planned) == [("vacuum_analyze", "public.visits", "planned")]
    (dead,) = findings_of(planned, "postgres.dead_tuples", status="warning")
    assert (dead["value"], dead["unit"], dead["threshold"]) == (66.7, "percent", 10)

    done = maintain(any_server, any_clinic)
    assert actions(done) == [
        ("reindex", "public.visits_patient", "done"),
        ("reindex", "public.visits_pkey", "done"),
        ("vacuum_analyze", "public.visits", "done"),
    ]
    for action in done["actions"]:
        assert action["before"] != action["after"]
        assert action["seconds"] >= 0
    (vacuum,) = [action for action in done["actions"] if action["action"] == "vacuum_analyze"]
    assert vacuum["before"]["dead_rows"] > 60_000 and vacuum["after"]["dead_rows"] == 0
    for reindex in (action for action in done["actions"] if action["action"] == "reindex"):
        assert reindex["after"]["bytes"] < reindex["before"]["bytes"] / 2
        assert reindex["after"]["bloat_percent"] < 15
    assert not findings_of(done, "postgres.dead_tuples", status="warning")

    again = maintain(any_server, any_clinic)
    assert (again["changed"], again["actions"]) == (False, [])
    assert any_server.execute("SELECT count(*) FROM visits", any_clinic) == [(33333,)]


def test_a_healthy_database_has_only_good_findings_but_for_what_cannot_be_looked_at(
    any_server: postgres.Server, any_clinic: str
) -> None:
    any_server.execute(VISITS.format(rows=50_000), any_clinic)
    any_server.execute("VACUUM ANALYZE visits", any_clinic)
    result = maintain(any_server, any_clinic)
    assert result["actions"] == []
    troubled = [finding for finding in result["findings"] if finding["status"] != "ok"]
    assert [finding["check"] for finding in troubled] == ["postgres.integrity"]
    assert "amcheck is missing" in troubled[0]["message"]


def test_partitioned_parents_are_analysed_once(any_server: postgres.Server, any_clinic: str) -> None:
    any_server.execute(
        "CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);"
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-07-01')"
        " PARTITION BY LIST (id);"
        "CREATE TABLE events_1_all PARTITION OF events_1 DEFAULT;"
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');"
        "INSERT INTO events SELECT g, date '2026-01-01' + g % 300 FROM generate_series(1, 5000) g",
        any_clinic,
    )
    result = maintain(any_server, any_clinic)
    assert "public.events" in {target for _unused, target, outcome in actions(result) if outcome == "done"}
    inherited = "SELECT DISTINCT tablename FROM pg_stats WHERE tablename LIKE 'events%' AND inherited ORDER BY 1"
    assert any_server.execute(inherited, any_clinic) == [("events",), ("events_1",)]
    assert maintain(any_server, any_clinic)["actions"] == []

    any_server.execute("INSERT INTO events SELECT g, '2026-02-02' FROM generate_series(1, 5000) g", any_clinic)
    assert "public.events" in {target for _unused, target, _unused in actions(maintain(any_server, any_clinic))}
    assert maintain(any_server, any_clinic)["actions"] == []


def test_what_the_work_does_to_the_catalogue_is_no_work_for_the_next_run(
    any_server: postgres.Server, any_clinic: str
) -> None:
    any_server.execute(
        "DO $$ BEGIN FOR n IN 1..150 LOOP"
        " EXECUTE format('CREATE TABLE t%s (a int PRIMARY KEY, b int, c text)', n);"
        " EXECUTE format('INSERT INTO t%s VALUES (1, 2, 3)', n);"
        " END LOOP; END $$",
        any_clinic,
    )
    limits: dict[str, Any] = {"dead_rows_min": 100, "changed_rows_min": 100, "inserted_rows_min": 100}
    first = maintain(any_server, any_clinic, **limits)
    assert ("analyze", "public.t150", "done") in actions(first)
    assert maintain(any_server, any_clinic, **limits)["actions"] == []


def test_dead_rows_in_toast_count(any_server: postgres.Server, any_clinic: str) -> None:
    any_server.execute(
        "CREATE TABLE letters (id int, body text); ALTER TABLE letters ALTER body SET STORAGE EXTERNAL;"
        "INSERT INTO letters SELECT g, repeat('x', 8000) FROM generate_series(1, 2000) g",
        any_clinic,
    )
    any_server.execute("VACUUM ANALYZE letters", any_clinic)
    any_server.execute("UPDATE letters SET body = repeat('y', 8000) WHERE id <= 900", any_clinic)
    result = maintain(any_server, any_clinic, dead_rows_min=2000, operations=["vacuum"])
    ((action, target, outcome, reason),) = actions(result, "action", "target", "outcome", "reason")
    assert (action, target, outcome) == ("vacuum", "public.letters", "done")
    assert "TOAST" in reason
    assert maintain(any_server, any_clinic, dead_rows_min=2000, operations=["vacuum"])["actions"] == []


def test_old_transaction_ids_are_frozen(any_server: postgres.Server, any_clinic: str) -> None:
    any_server.execute("CREATE TABLE old AS SELECT 1 AS x", any_clinic)
    connection = any_server.connect(any_clinic)
    for _unused in range(300):
        connection.cursor().execute("SELECT txid_current()")
    connection.close()
    options: dict[str, Any] = {"tables": ["old"], "freeze_age": 200, "operations": ["vacuum"]}
    (finding,) = findings_of(
        maintain(any_server, any_clinic, check=True, **options), "postgres.xid_age", status="warning"
    )
    assert finding["subject"] == f"{any_clinic}.public.old" and finding["value"] >= 300
    assert actions(maintain(any_server, any_clinic, **options)) == [("vacuum", "public.old", "done")]
    assert any_server.execute("SELECT age(relfrozenxid) < 200 FROM pg_class WHERE relname = 'old'", any_clinic)[0][0]
    assert maintain(any_server, any_clinic, **options)["actions"] == []
    ages = findings_of(maintain(any_server, any_clinic, xid_age_critical=100, **options), "postgres.xid_age")
    assert {finding["status"] for finding in ages} == {"critical"}


def test_names_that_need_quotes(any_server: postgres.Server, any_clinic: str) -> None:
    any_server.execute(
        'CREATE SCHEMA "Müll"; CREATE TABLE "Müll"."Weird ""Table""; DROP" (id int PRIMARY KEY);'
        'INSERT INTO "Müll"."Weird ""Table""; DROP" SELECT generate_series(1, 3000)',
        any_clinic,
    )
    result = maintain(any_server, any_clinic, when="always", tables=['Müll.Weird "Table"; DROP'])
    assert [(action, outcome) for action, _unused, outcome in actions(result)] == [
        ("reindex", "done"),
        ("vacuum_analyze", "done"),
    ]


def test_a_killed_reindex_leaves_an_invalid_index_that_the_next_run_removes(
    any_server: postgres.Server, any_clinic: str
) -> None:
    any_server.execute(VISITS.format(rows=5_000), any_clinic)
    any_server.execute("VACUUM ANALYZE visits", any_clinic)
    invalid = (
        "SELECT relnamespace::regnamespace || '.' || relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
        " WHERE NOT indisvalid ORDER BY 1"
    )
    # A transaction with a snapshot makes REINDEX CONCURRENTLY wait, so that it can be killed in its midst.
    holder = any_server.connect(any_clinic, autocommit=False)
    holder.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    process = modules.start_module(
        "pg_maintenance",
        any_server.options(
            databases=[any_clinic], when="always", operations=["reindex"], reindex_wait=300, tables=["visits"]
        ),
    )
    wait_for(lambda: any_server.execute(invalid, any_clinic))
    process.kill()
    process.wait()
    leftovers = [name for (name,) in any_server.execute(invalid, any_clinic)]
    assert leftovers and all("_ccnew" in name for name in leftovers)
    assert workers_of(any_server, any_clinic), "the server goes on without its client"

    result = maintain(any_server, any_clinic, operations=["reindex"])
    holder.close()
    done = actions(result)
    assert {("drop_index", name, "done") for name in leftovers} <= set(done)
    assert any(action == "terminate" for action, _unused, _unused in done)
    assert any_server.execute(invalid, any_clinic) == []
    assert workers_of(any_server, any_clinic) == []
    valid = "SELECT count(*) FROM pg_index WHERE indrelid = 'visits'::regclass AND indisvalid"
    assert any_server.execute(valid, any_clinic) == [(2,)]
    assert maintain(any_server, any_clinic, operations=["reindex"])["actions"] == []


def test_a_killed_vacuum_is_done_by_the_next_run(any_server: postgres.Server, any_clinic: str) -> None:
    any_server.execute(VISITS.format(rows=20_000), any_clinic)
    holder = any_server.connect(any_clinic, autocommit=False)
    holder.cursor().execute("LOCK TABLE visits IN SHARE UPDATE EXCLUSIVE MODE")
    process = modules.start_module("pg_maintenance", any_server.options(databases=[any_clinic], lock_timeout=300))
    wait_for(lambda: [row for row in workers_of(any_server, any_clinic) if row[1] == "Lock"])
    process.kill()
    process.wait()
    assert workers_of(any_server, any_clinic)
    holder.close()
    result = maintain(any_server, any_clinic)
    assert not [
        finding
        for finding in result["findings"]
        if finding["check"] == "postgres.maintenance" and finding["status"] != "ok"
    ]
    assert any_server.execute("SELECT reltuples FROM pg_class WHERE relname = 'visits'", any_clinic) == [(20_000,)]
    assert maintain(any_server, any_clinic)["actions"] == []


def test_an_invalid_index_is_rebuilt(any_server: postgres.Server, any_clinic: str) -> None:
    any_server.execute("CREATE TABLE people (id int); INSERT INTO people SELECT generate_series(1, 10)", any_clinic)
    any_server.execute("INSERT INTO people VALUES (1); ANALYZE people", any_clinic)
    with pytest.raises(Exception, match="could not create unique index"):
        any_server.execute("CREATE UNIQUE INDEX CONCURRENTLY people_id ON people (id)", any_clinic)

    failed = maintain(any_server, any_clinic, operations=["reindex"])
    assert ("reindex", "public.people_id", "failed") in actions(failed)
    (finding,) = findings_of(failed, "postgres.maintenance", status="critical")
    assert "could not create unique index" in finding["message"]
    assert (
        findings_of(failed, "postgres.invalid_index", status="warning")[0]["subject"]
        == f"{any_clinic}.public.people_id"
    )
    count = "SELECT count(*) FROM pg_index WHERE indrelid = 'people'::regclass"
    assert any_server.execute(count, any_clinic) == [(1,)], "what the failed attempt left is gone"

    any_server.execute("DELETE FROM people WHERE ctid = (SELECT max(ctid) FROM people)", any_clinic)
    assert ("reindex", "public.people_id", "done") in actions(maintain(any_server, any_clinic, operations=["reindex"]))
    assert any_server.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'people_id'::regclass", any_clinic
    ) == [(True,)]
    assert maintain(any_server, any_clinic, operations=["reindex"])["actions"] == []


def test_an_index_that_only_looks_like_a_leftover_is_left_alone(pg: postgres.Server, clinic: str) -> None:
    pg.execute("CREATE TABLE people (id int); INSERT INTO people VALUES (1), (1)", clinic)
    with pytest.raises(Exception, match="unique"):
        pg.execute("CREATE UNIQUE INDEX CONCURRENTLY people_ccnew ON people (id)", clinic)
    pg.execute(
        "CREATE TABLE fine (id int); CREATE INDEX fine_ccnew ON fine (id); CREATE INDEX fine_id ON fine (id)", clinic
    )
    result = maintain(pg, clinic, operations=["reindex"])
    assert result["actions"] == []
    (finding,) = findings_of(result, "postgres.invalid_index", status="warning")
    assert finding["subject"].endswith("people_ccnew")


def test_a_table_locked_by_another_is_skipped_with_its_name_and_the_others_are_done(
    pg: postgres.Server, clinic: str
) -> None:
    pg.execute(VISITS.format(rows=2_000) + "; CREATE TABLE other AS SELECT generate_series(1, 2000) AS x", clinic)
    holder = pg.connect(clinic, autocommit=False)
    holder.cursor().execute("LOCK TABLE visits IN ACCESS EXCLUSIVE MODE; SET application_name = 'night shift'")
    result = maintain(pg, clinic, lock_timeout=0.2, lock_retries=1)
    holder.close()
    by_target = {
        target: (outcome, reason) for target, outcome, reason in actions(result, "target", "outcome", "reason")
    }
    assert by_target["public.other"][0] == "done"
    outcome, reason = by_target["public.visits"]
    assert outcome == "skipped" and "held by pid" in reason
    (finding,) = findings_of(result, "postgres.maintenance", status="warning")
    assert "public.visits" in finding["subject"]
    assert maintain(pg, clinic)["changed"]


def test_a_connection_lost_in_the_middle_fails_its_table_only(pg: postgres.Server, clinic: str) -> None:
    pg.execute(VISITS.format(rows=2_000) + "; CREATE TABLE other AS SELECT generate_series(1, 2000) AS x", clinic)
    holder = pg.connect(clinic, autocommit=False)
    holder.cursor().execute("LOCK TABLE visits IN SHARE UPDATE EXCLUSIVE MODE")
    process = modules.start_module("pg_maintenance", pg.options(databases=[clinic], lock_timeout=60))
    ((pid, _unused),) = wait_for(lambda: [row for row in workers_of(pg, clinic) if row[1] == "Lock"])
    pg.execute(f"SELECT pg_terminate_backend({pid})")
    output, _unused = process.communicate(timeout=60)
    holder.close()
    result = json.loads(output)
    modules.hold_against_contract(result)
    by_target = {
        target: (outcome, reason) for target, outcome, reason in actions(result, "target", "outcome", "reason")
    }
    assert by_target["public.other"][0] == "done"
    assert by_target["public.visits"][0] == "failed" and "connection was lost" in by_target["public.visits"][1]
    assert findings_of(result, "postgres.maintenance", status="critical")
    assert "failed" not in result


def test_a_missing_privilege_is_a_failed_action_though_the_server_calls_it_success(
    any_server: postgres.Server, any_clinic: str
) -> None:
    any_server.execute(VISITS.format(rows=2_000), any_clinic)
    role = f"nurse_{secrets.token_hex(3)}"
    any_server.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{postgres.PASSWORD}'")
    try:
        result = maintain(any_server, any_clinic, user=role)
        assert actions(result) == [("vacuum_analyze", "public.visits", "failed")]
        assert not result["changed"]
        (finding,) = findings_of(result, "postgres.maintenance", status="critical")
        assert "visits" in finding["message"] and ("owner" in finding["message"] or "permission" in finding["message"])
    finally:
        any_server.execute(f"DROP ROLE {role}")


def test_statistics_that_may_not_be_read_make_bloat_unknown(pg: postgres.Server, clinic: str) -> None:
    pg.execute(VISITS.format(rows=50_000), clinic)
    pg.execute("VACUUM ANALYZE visits", clinic)
    role = f"nurse_{secrets.token_hex(3)}"
    pg.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{postgres.PASSWORD}'")
    try:
        (finding,) = findings_of(maintain(pg, clinic, check=True, user=role), "postgres.bloat", status="unknown")
        assert "may not read" in finding["message"]
    finally:
        pg.execute(f"DROP ROLE {role}")


def test_a_fresh_index_without_statistics_is_unknown_not_bloated(pg: postgres.Server, clinic: str) -> None:
    # Its row count is that of the empty table it was made on: taken at its word, it would be 99 % bloat.
    pg.execute(VISITS.format(rows=50_000), clinic)
    result = maintain(pg, clinic, check=True)
    assert not findings_of(result, "postgres.bloat", status="warning")
    (unknown,) = findings_of(result, "postgres.bloat", status="unknown")
    assert "public.visits_pkey" in unknown["message"]
    assert not [action for action in result["actions"] if action["action"] == "reindex"]


def test_estimates_are_near_what_pgstattuple_reads(pg: postgres.Server, clinic: str) -> None:
    pg.execute(VISITS.format(rows=60_000), clinic)
    pg.execute("CREATE INDEX visits_note ON visits (note, patient)", clinic)
    pg.execute("DELETE FROM visits WHERE id % 4 > 0", clinic)
    pg.execute("VACUUM ANALYZE visits", clinic)
    estimated = maintain(pg, clinic, check=True, bloat_source="estimate")
    pg.execute("CREATE EXTENSION pgstattuple", clinic)
    measured = maintain(pg, clinic, check=True)
    for result, source in ((estimated, "estimate"), (measured, "pgstattuple")):
        found = findings_of(result, "postgres.bloat", status="warning")
        assert {finding["evidence"]["source"] for finding in found} == {source}
        assert len(found) == 4
    values = [
        {finding["subject"]: finding["value"] for finding in findings_of(result, "postgres.bloat", status="warning")}
        for result in (estimated, measured)
    ]
    for subject, value in values[0].items():
        assert value == pytest.approx(values[1][subject], abs=8), subject
    maintain(pg, clinic)
    assert maintain(pg, clinic)["actions"] == []
    left = findings_of(maintain(pg, clinic), "postgres.bloat", status="warning")
    assert [finding["subject"] for finding in left] == [f"{clinic}.public.visits"], "a table is never rewritten"


def test_reindex_modes(pg: postgres.Server, clinic: str) -> None:
    pg.execute(VISITS.format(rows=50_000), clinic)
    pg.execute("DELETE FROM visits WHERE id % 5 > 0", clinic)
    pg.execute("VACUUM ANALYZE visits", clinic)
    assert actions(maintain(pg, clinic, reindex="none")) == []
    names = "SELECT array_agg(indexrelid) FROM pg_index WHERE indrelid = 'visits'::regclass"
    before = pg.execute(names, clinic)
    offline = maintain(pg, clinic, reindex="offline")
    assert {action for action, _unused, _unused in actions(offline)} == {"reindex"}
    assert pg.execute(names, clinic) == before, "rebuilt in place"


def test_what_holds_vacuum_back_is_named_and_nothing_is_tried_in_vain(
    any_server: postgres.Server, any_clinic: str
) -> None:
    any_server.execute(VISITS.format(rows=20_000), any_clinic)
    any_server.execute("VACUUM ANALYZE visits", any_clinic)
    holder = any_server.connect(any_clinic, autocommit=False)
    holder.cursor().execute("SET application_name = 'forgotten report'; SELECT txid_current()")
    any_server.execute("DELETE FROM visits WHERE id % 2 = 0", any_clinic)

    first = maintain(any_server, any_clinic, operations=["vacuum"])
    assert actions(first) == [("vacuum", "public.visits", "done")]
    (blocked,) = findings_of(first, "postgres.vacuum_blocked")
    assert blocked["status"] == "warning"
    assert "postgres, forgotten report, idle in transaction" in blocked["message"]
    assert findings_of(first, "postgres.dead_tuples", status="warning")

    second = maintain(any_server, any_clinic, operations=["vacuum"])
    assert not second["changed"]
    ((_unused, outcome, reason),) = actions(second, "target", "outcome", "reason")
    assert outcome == "skipped" and "forgotten report" in reason

    holder.close()
    third = maintain(any_server, any_clinic, operations=["vacuum"])
    assert actions(third) == [("vacuum", "public.visits", "done")]
    assert findings_of(third, "postgres.vacuum_blocked")[0]["status"] == "ok"
    assert not findings_of(third, "postgres.dead_tuples", status="warning")


def test_prepared_transactions_and_slots_hold_vacuum_back(any_server: postgres.Server, any_clinic: str) -> None:
    connection = any_server.connect(any_clinic, autocommit=False)
    connection.cursor().execute("CREATE TABLE t (x int); PREPARE TRANSACTION 'lost coordinator'")
    connection.close()
    slot = f"slot_{secrets.token_hex(3)}"
    result = maintain(any_server, any_clinic, check=True, blocker_seconds=0)
    (finding,) = findings_of(result, "postgres.vacuum_blocked", status="warning")
    assert "prepared transaction 'lost coordinator' of postgres" in finding["message"]
    any_server.execute("ROLLBACK PREPARED 'lost coordinator'", any_clinic)
    any_server.execute(f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')", any_clinic)
    try:
        (finding,) = findings_of(maintain(any_server, any_clinic, check=True), "postgres.vacuum_blocked")
        assert finding["status"] == "warning" and f"inactive replication slot {slot}" in finding["message"]
    finally:
        any_server.execute(f"SELECT pg_drop_replication_slot('{slot}')", any_clinic)


def test_reindex_does_not_begin_behind_an_old_transaction(pg: postgres.Server, clinic: str) -> None:
    pg.execute(VISITS.format(rows=1_000), clinic)
    holder = pg.connect(clinic, autocommit=False)
    holder.cursor().execute("SELECT txid_current()")
    time.sleep(0.3)
    result = maintain(pg, clinic, when="always", operations=["reindex"], reindex_wait=0.1, tables=["visits"])
    holder.close()
    ((outcome, reason),) = actions(result, "outcome", "reason")
    assert outcome == "skipped" and "would wait for the transaction of pid" in reason
    assert pg.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid", clinic) == [(0,)]


def test_nothing_starts_after_the_deadline(pg: postgres.Server, clinic: str) -> None:
    pg.execute(VISITS.format(rows=2_000), clinic)
    before = catalogue(pg, clinic)
    result = maintain(pg, clinic, deadline="2026-03-01T02:00:00Z", now="2026-03-01T02:00:00Z")
    assert [outcome for _unused, _unused, outcome in actions(result)] == ["skipped"]
    assert "deadline" in result["actions"][0]["reason"]
    (late,) = findings_of(result, "postgres.deadline", status="warning")
    assert late["value"] == 1 and f"{clinic}.public.visits" in late["message"]
    assert catalogue(pg, clinic) == before


def test_what_runs_at_the_deadline_is_stopped_and_leaves_nothing(pg: postgres.Server, clinic: str) -> None:
    pg.execute(VISITS.format(rows=1_000), clinic)
    pg.execute(
        "CREATE FUNCTION slow(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS"
        " $$ BEGIN PERFORM pg_sleep(0.02); RETURN $1; END $$;"
        "CREATE TABLE readings (value integer); INSERT INTO readings SELECT generate_series(1, 100);"
        "CREATE INDEX readings_slow ON readings (slow(value)); INSERT INTO readings SELECT generate_series(101, 500);",
        clinic,
    )
    result = maintain(
        pg,
        clinic,
        when="always",
        operations=["reindex"],
        tables=["readings"],
        now="2026-03-01T01:59:59Z",
        deadline="2026-03-01T02:00:00Z",
    )
    assert ("reindex", "skipped") in {(name, outcome) for name, _target, outcome in actions(result)}
    assert findings_of(result, "postgres.deadline", status="warning")
    assert pg.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid", clinic) == []


def test_modes_that_only_look(pg: postgres.Server, clinic: str) -> None:
    pg.execute(VISITS.format(rows=2_000), clinic)
    before = catalogue(pg, clinic)
    pending = maintain(pg, clinic, mode="pending")
    assert (pending["findings"], pending["actions"], pending["details"]["pending"]) == ([], [], [clinic])
    observed = maintain(pg, clinic, mode="observe")
    assert observed["actions"] == [] and findings_of(observed, "postgres.statistics", status="warning")
    spared = maintain(pg, clinic, act_on=[])
    assert spared["actions"] == [] and spared["findings"]
    assert catalogue(pg, clinic) == before


def test_every_database_without_being_named(any_server: postgres.Server, any_clinic: str) -> None:
    any_server.execute(VISITS.format(rows=2_000), any_clinic)
    result = run_module("pg_maintenance", any_server.options(**SMALL))
    assert {database["name"] for database in result["details"]["databases"]} == {any_clinic, "postgres"}
    assert f"{any_clinic}.public.visits" in {action["target"] for action in result["actions"]}
    assert {f["subject"] for f in findings_of(result, "postgres.xid_age")} >= {"template0", "template1", any_clinic}


def test_jobs_of_pg_cron_are_reported(pg: postgres.Server, clinic: str) -> None:
    # The extension needs a package of its own; its table is all that is looked at.
    pg.execute(
        "CREATE SCHEMA cron;"
        "CREATE TABLE cron.job (jobid bigint, schedule text, command text, database text, active bool);"
        f"INSERT INTO cron.job VALUES (3, '0 3 * * 0', 'VACUUM (ANALYZE) visits', '{clinic}', true),"
        f" (4, '0 3 * * 0', 'VACUUM', '{clinic}', false), (5, '* * * * *', 'SELECT 1', '{clinic}', true)",
        clinic,
    )
    (finding,) = findings_of(maintain(pg, clinic, check=True), "postgres.pg_cron")
    assert finding["status"] == "warning" and "job 3 (0 3 * * 0)" in finding["message"]


def test_integrity_is_read_by_amcheck_and_damage_is_critical(pg: postgres.Server, clinic: str) -> None:
    pg.execute(
        "CREATE EXTENSION amcheck; CREATE FUNCTION key(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';"
        "CREATE TABLE people (id int); INSERT INTO people SELECT generate_series(1, 500);"
        "CREATE INDEX people_key ON people (key(id))",
        clinic,
    )
    (healthy,) = findings_of(maintain(pg, clinic, check=True, integrity=True), "postgres.integrity")
    assert healthy["status"] == "ok" and healthy["value"] > 50
    assert not findings_of(maintain(pg, clinic, check=True), "postgres.integrity"), "not asked for"
    # An index whose function changed its mind no longer holds what the table does.
    pg.execute("CREATE OR REPLACE FUNCTION key(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT -$1'", clinic)
    (damaged,) = findings_of(maintain(pg, clinic, check=True, integrity=True), "postgres.integrity")
    assert damaged["status"] == "critical" and damaged["subject"].endswith("public.people_key")


def test_two_runs_never_work_on_one_database(pg: postgres.Server, clinic: str) -> None:
    other = pg.connect(clinic)
    other.cursor().execute("SELECT pg_advisory_lock(%s, %s)", (0x63617265, 1))
    result = maintain(pg, clinic)
    other.close()
    assert result["failed"] and "Another run of pg_maintenance is at work" in result["msg"]
    assert "failed" not in maintain(pg, clinic)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"login_password": "hunter-2"}, "password is wrong"),
        ({"databases": ["nowhere"]}, "no such database"),
        ({"maintenance_db": "nowhere", "databases": []}, "no such database"),
        ({"login_port": 1}, "No PostgreSQL server answers"),
        ({"tables": ["nowhere"]}, "has a table nowhere"),
        ({"reindex_tables": ["nowhere"]}, "has a table nowhere"),
        ({"jobs": 0}, "jobs must be 1 or more"),
        ({"jobs": "many"}, "many"),
        ({"dead_rows_percent": -1}, "must not be negative"),
        ({"operations": ["polish"]}, "operations"),
        ({"deadline": "tomorrow"}, "deadline must be a moment"),
        ({"now": "tomorrow"}, "now must be a moment"),
    ],
)
def test_bad_input_is_one_clear_message(pg: postgres.Server, options: dict[str, Any], message: str) -> None:
    result = run_module("pg_maintenance", {**pg.options(databases=["postgres"]), **options}, check=True)
    assert result["failed"] and message in result["msg"]
    assert postgres.PASSWORD not in json.dumps(result)


def test_a_server_that_goes_away_is_one_clear_message() -> None:
    with postgres.server() as server:
        server.execute("CREATE TABLE visits (x int); INSERT INTO visits SELECT generate_series(1, 2000)")
        holder = server.connect(autocommit=False)
        holder.cursor().execute("LOCK TABLE visits IN SHARE UPDATE EXCLUSIVE MODE")
        process = modules.start_module("pg_maintenance", server.options(databases=["postgres"], lock_timeout=60))
        wait_for(lambda: [row for row in workers_of(server, "postgres") if row[1] == "Lock"])
        server.control("restart", "-m", "immediate", "-t", "60")
        server.control("stop", "-m", "fast")
        output, errors = process.communicate(timeout=60)
        server.control("start", "-l", str(server.folder / "log"))
    result = json.loads(output)
    assert "Traceback" not in output + errors
    modules.hold_against_contract(result)
    assert result.get("failed") or findings_of(result, "postgres.maintenance", status="critical")


def test_without_psycopg2_the_package_is_named(pg: postgres.Server, tmp_path: Any) -> None:
    (tmp_path / "psycopg2").mkdir()
    (tmp_path / "psycopg2" / "__init__.py").write_text("raise ImportError('not here')")
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/root"}
    result = run_module("pg_maintenance", pg.options(databases=["postgres"]), env=environment, cwd=str(tmp_path))
    assert result["failed"] and "python3-psycopg2" in result["msg"]
