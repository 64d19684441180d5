"""Plans: from tables and indexes as they might be seen to jobs."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.postgres import judge, needs, plan
from ansible_collections.careops.maintenance.plugins.module_utils.postgres.model import (
    Bloat,
    Blocker,
    Database,
    DatabaseAge,
    Index,
    Policy,
    Table,
)

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
MIB = 1024 * 1024
CLEAN = Table(
    oid=1,
    schema="public",
    name="visits",
    kind="r",
    size=80 * MIB,
    pages=10_240,
    rows=100_000,
    visible_pages=10_000,
    xid_age=1000,
    mxid_age=0,
    live=100_000,
    dead=10,
    changed=0,
    inserted=0,
    vacuumed=NOW - timedelta(days=7),
    analyzed=NOW - timedelta(days=7),
    toast_oid=0,
    toast_size=0,
    toast_live=0,
    toast_dead=0,
    permitted=True,
)
INDEX = Index(
    oid=10,
    schema="public",
    name="visits_pkey",
    kind="i",
    table=1,
    owner=1,
    owner_label="public.visits",
    method="btree",
    size=40 * MIB,
    pages=5120,
    rows=100_000,
    valid=True,
    live=True,
    exclusion=False,
    partial=False,
    fillfactor=90,
)
OLD_TRANSACTION = Blocker("transaction", "transaction of pid 7", 500, 7200.0, NOW - timedelta(hours=2), "end it")


def table(**changes: Any) -> Table:
    return dataclasses.replace(CLEAN, **changes)


def index(**changes: Any) -> Index:
    return dataclasses.replace(INDEX, **changes)


def database(
    *tables: Table, indexes: tuple[Index, ...] = (), version: int = 150008, blockers: tuple[Blocker, ...] = ()
) -> Database:
    return Database(
        name="clinic",
        version=version,
        size=0,
        tables={table.oid: table for table in tables or (CLEAN,)},
        indexes=indexes,
        blockers=blockers,
    )


def verbs(jobs: list[plan.Job]) -> list[tuple[str, str]]:
    return [(job.verb, job.name) for job in jobs]


@pytest.mark.parametrize(
    ("changes", "verb"),
    [
        ({}, None),
        ({"dead": 20_000}, "vacuum"),
        ({"dead": 900, "live": 100}, None),
        ({"dead": 9_000}, None),
        ({"dead": 20_000_000, "live": 10**10}, "vacuum"),
        ({"toast_dead": 5000, "toast_live": 5000}, "vacuum"),
        ({"xid_age": 150_000_000}, "vacuum"),
        ({"mxid_age": 150_000_000}, "vacuum"),
        ({"inserted": 30_000}, "vacuum"),
        ({"inserted": 500, "live": 100}, None),
        ({"vacuumed": None, "visible_pages": 0}, "vacuum"),
        ({"vacuumed": None, "visible_pages": 0, "pages": 10}, None),
        ({"changed": 15_000}, "analyze"),
        ({"changed": 900, "live": 1000, "rows": 1000}, None),
        ({"analyzed": None}, "analyze"),
        ({"analyzed": None, "size": 0, "rows": -1}, None),
        ({"analyzed": NOW - timedelta(days=31), "changed": 1}, "analyze"),
        ({"analyzed": NOW - timedelta(days=31), "changed": 0}, None),
        ({"dead": 20_000, "changed": 20_000}, "vacuum_analyze"),
        ({"schema": "pg_catalog", "analyzed": None}, None),
        ({"schema": "pg_catalog", "dead": 20_000, "permitted": False}, None),
        ({"schema": "pg_catalog", "name": "pg_attribute", "changed": 50_000}, "analyze"),
        ({"schema": "pg_catalog", "name": "pg_statistic", "changed": 50_000}, None),
    ],
)
def test_each_rule_of_need(changes: dict[str, Any], verb: str | None) -> None:
    jobs = plan.plan_tables(database(table(**changes)), Policy(), NOW)
    assert [job.verb for job in jobs] == ([verb] if verb else [])


def test_only_what_may_be_done_is_planned() -> None:
    needy = database(table(dead=20_000, changed=20_000))
    assert [job.verb for job in plan.plan_tables(needy, Policy(operations=frozenset({"analyze"})), NOW)] == ["analyze"]
    assert [job.verb for job in plan.plan_tables(needy, Policy(operations=frozenset({"vacuum"})), NOW)] == ["vacuum"]
    assert plan.plan_tables(needy, Policy(operations=frozenset({"reindex"})), NOW) == []


def test_only_chosen_tables_are_planned_with_or_without_their_schema() -> None:
    needy = database(table(dead=20_000), table(oid=2, name="other", dead=20_000))
    for name in ("visits", "public.visits"):
        assert verbs(plan.plan_tables(needy, Policy(tables=frozenset({name})), NOW)) == [("vacuum", "visits")]
    assert plan.plan_tables(needy, Policy(tables=frozenset({"archive.visits"})), NOW) == []


def test_the_most_urgent_come_first_and_wraparound_before_all() -> None:
    needy = database(
        table(oid=1, name="a_little", dead=13_000),
        table(oid=2, name="a_lot", dead=90_000),
        table(oid=3, name="wraparound", xid_age=160_000_000),
    )
    jobs = plan.plan_tables(needy, Policy(), NOW)
    assert [job.name for job in jobs] == ["wraparound", "a_lot", "a_little"]
    assert [job.freeze for job in jobs] == [True, False, False]


def test_always_takes_everything_the_largest_first() -> None:
    everything = database(
        table(), table(oid=2, name="larger", size=200 * MIB), indexes=(INDEX, index(oid=11, name="b"))
    )
    policy = Policy(always=True)
    assert verbs(plan.plan_tables(everything, policy, NOW)) == [
        ("vacuum_analyze", "larger"),
        ("vacuum_analyze", "visits"),
    ]
    jobs = plan.plan_indexes(everything, policy)
    assert verbs(jobs) == [("reindex", "visits")]
    assert jobs[0].whole


def partitions(*, version: int, parent: dict[str, Any], leaf: dict[str, Any]) -> Database:
    return database(
        table(oid=5, name="events", kind="p", size=0, leaves=(6,), root=5, **parent),
        table(oid=6, name="events_1", **leaf),
        version=version,
    )


@pytest.mark.parametrize(
    ("parent", "leaf", "planned"),
    [
        ({"analyzed": None}, {}, ["events"]),
        ({"analyzed": None}, {"size": 0, "rows": 0}, []),
        ({}, {}, []),
        ({}, {"changed": 50_000}, ["events", "events_1"]),
        ({}, {"analyzed": NOW - timedelta(days=1)}, ["events"]),
        ({}, {"analyzed": CLEAN.analyzed and CLEAN.analyzed + timedelta(minutes=30)}, []),
    ],
)
def test_partitioned_parents_are_held_against_their_leaves(
    parent: dict[str, Any], leaf: dict[str, Any], planned: list[str]
) -> None:
    jobs = plan.plan_tables(partitions(version=180000, parent=parent, leaf=leaf), Policy(), NOW)
    assert sorted(job.name for job in jobs) == planned
    assert all(job.partitioned == (job.name == "events") for job in jobs)


def test_before_18_the_analyze_of_a_parent_is_that_of_its_leaves_too() -> None:
    jobs = plan.plan_tables(partitions(version=170000, parent={}, leaf={"changed": 50_000}), Policy(), NOW)
    assert verbs(jobs) == [("analyze", "events")]


LEFT = {"oid": 11, "name": "visits_pkey_ccnew", "valid": False, "twin": "visits_pkey", "twin_valid": True}
LONG = "x" * 60


@pytest.mark.parametrize(
    ("changes", "leftover"),
    [
        ({}, True),
        ({"name": "visits_pkey_ccnew1"}, True),
        ({"name": "visits_pkey_ccold"}, True),
        ({"name": "visits_pkey_ccnew", "valid": True}, False),
        ({"name": "visits_pkey_ccnew", "twin": ""}, False),
        ({"builder": 4711}, False),
        ({"constraint": True}, False),
        ({"name": "visits_note_idx"}, False),
        ({"name": "my_ccnewest"}, False),
        ({"twin_valid": False}, True),
        ({"twin_valid": False, "twin": "quite_different"}, False),
        ({"name": LONG[:57] + "_ccnew", "twin": LONG, "twin_valid": False}, True),
        ({"name": "visits_note_idx", "live": False}, True),
        ({"schema": "pg_toast", "name": "pg_toast_1_index_ccnew", "twin": "pg_toast_1_index"}, True),
        ({"kind": "I"}, False),
    ],
)
def test_leftovers_are_proven_by_the_catalogue(changes: dict[str, Any], leftover: bool) -> None:
    seen = database(CLEAN, indexes=(INDEX, index(**{**LEFT, **changes})))
    assert [job.verb for job in plan.plan_leftovers(seen, Policy())] == (["drop_index"] if leftover else [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"valid": False}, "invalid"),
        ({"valid": False, "builder": 4711}, None),
        ({"valid": False, "name": "x_ccnew"}, None),
        ({"valid": False, "kind": "I"}, None),
        ({"bloat": Bloat(45.0, 18 * MIB, "estimate")}, "45 %"),
        ({"bloat": Bloat(45.0, 2 * MIB, "estimate")}, None),
        ({"bloat": Bloat(30.0, 18 * MIB, "estimate")}, None),
        ({"bloat": Bloat(None, 0, "unknown", "no statistics")}, None),
        ({"owner_label": "pg_catalog.visits", "bloat": Bloat(90.0, 18 * MIB, "estimate")}, None),
    ],
)
def test_indexes_that_need_it(changes: dict[str, Any], reason: str | None) -> None:
    jobs = plan.plan_indexes(database(CLEAN, indexes=(index(**changes),)), Policy())
    assert len(jobs) == (1 if reason else 0)
    assert all(reason in job.reason and job.concurrently for job in jobs if reason)


def test_critical_tables_have_a_lower_threshold() -> None:
    seen = database(CLEAN, indexes=(index(bloat=Bloat(30.0, 18 * MIB, "estimate")),))
    assert plan.plan_indexes(seen, Policy(reindex_tables=frozenset({"visits"})))
    assert not plan.plan_indexes(seen, Policy(reindex_tables=frozenset({"other"})))


@pytest.mark.parametrize("version", [140000, 140001, 140002, 140003])
def test_releases_that_lose_rows_build_nothing_concurrently(version: int) -> None:
    seen = database(CLEAN, indexes=(index(valid=False),), version=version)
    (job,) = plan.plan_indexes(seen, Policy())
    assert "14.4" in job.skip
    (offline,) = plan.plan_indexes(seen, Policy(reindex="offline"))
    assert not offline.skip and not offline.concurrently
    assert [finding.status for finding in judge.judge_version(version)] == ["critical"]


@pytest.mark.parametrize("version", [130000, 140004, 150000, 180000])
def test_all_other_releases_may(version: int) -> None:
    (job,) = plan.plan_indexes(database(CLEAN, indexes=(index(valid=False),), version=version), Policy())
    assert not job.skip
    assert judge.judge_version(version) == []


def test_without_reindexing_indexes_are_left_alone() -> None:
    seen = database(CLEAN, indexes=(index(valid=False), index(**LEFT)))
    for policy in (Policy(reindex="none"), Policy(operations=frozenset({"vacuum"}))):
        assert plan.plan_indexes(seen, policy) == plan.plan_leftovers(seen, policy) == []


def test_an_old_transaction_keeps_reindex_from_starting() -> None:
    seen = database(CLEAN, indexes=(index(valid=False),), blockers=(OLD_TRANSACTION,))
    (job,) = plan.plan_indexes(seen, Policy())
    assert "pid 7" in job.skip
    assert not plan.plan_indexes(seen, Policy(reindex="offline"))[0].skip


def test_exclusion_constraints_are_rebuilt_offline_only() -> None:
    seen = database(CLEAN, indexes=(index(exclusion=True, bloat=Bloat(90.0, 18 * MIB, "estimate")),))
    assert "offline" in plan.plan_indexes(seen, Policy())[0].skip
    assert not plan.plan_indexes(seen, Policy(reindex="offline"))[0].skip


SLOT = Blocker("slot", "inactive replication slot s", 500, None, None, "drop it")


@pytest.mark.parametrize(
    ("blocker", "vacuumed", "skipped"),
    [
        (OLD_TRANSACTION, NOW - timedelta(hours=1), True),
        (OLD_TRANSACTION, NOW - timedelta(hours=3), False),
        (OLD_TRANSACTION, None, False),
        (SLOT, NOW - timedelta(hours=1), True),
        (SLOT, None, False),
        (dataclasses.replace(SLOT, catalog_only=True), NOW - timedelta(hours=1), False),
    ],
)
def test_a_vacuum_that_can_gain_nothing_is_not_repeated(
    blocker: Blocker, vacuumed: datetime | None, skipped: bool
) -> None:
    seen = database(table(dead=50_000, vacuumed=vacuumed), blockers=(blocker,))
    (job,) = plan.plan_tables(seen, Policy(), NOW)
    assert bool(job.skip) is skipped
    if skipped:
        assert blocker.name in job.skip


def test_a_held_table_is_still_analysed() -> None:
    seen = database(table(dead=50_000, changed=50_000, vacuumed=NOW - timedelta(hours=1)), blockers=(OLD_TRANSACTION,))
    assert {(job.verb, bool(job.skip)) for job in plan.plan_tables(seen, Policy(), NOW)} == {
        ("vacuum", True),
        ("analyze", False),
    }


def test_freezing_is_not_repeated_while_the_blocker_is_as_old() -> None:
    old = dataclasses.replace(OLD_TRANSACTION, xid_age=155_000_000)
    (job,) = plan.plan_tables(database(table(xid_age=160_000_000), blockers=(old,)), Policy(), NOW)
    assert job.skip
    (job,) = plan.plan_tables(database(table(xid_age=160_000_000), blockers=(OLD_TRANSACTION,)), Policy(), NOW)
    assert not job.skip


def test_dead_rows_that_would_be_carried_over_keep_an_index_from_being_rebuilt() -> None:
    held = table(dead=50_000, vacuumed=NOW - timedelta(hours=1))
    young = dataclasses.replace(OLD_TRANSACTION, seconds=30.0)
    seen = database(held, indexes=(index(bloat=Bloat(60.0, 18 * MIB, "estimate")),), blockers=(young,))
    assert "same dead rows" in plan.plan_indexes(seen, Policy())[0].skip


def test_every_check_has_its_summary_and_one_finding_for_each_troubled_object() -> None:
    seen = database(table(dead=50_000, changed=90_000), table(oid=2, name="fine"), indexes=(INDEX, index(**LEFT)))
    found = judge.judge_database(seen, Policy(), NOW)
    by_check: dict[str, list[str]] = {}
    for finding in found:
        by_check.setdefault(finding.check, []).append(finding.status)
    assert by_check == {
        "postgres.dead_tuples": ["warning", "ok"],
        "postgres.statistics": ["warning", "ok"],
        "postgres.bloat": ["ok"],
        "postgres.invalid_index": ["warning", "ok"],
        "postgres.vacuum_blocked": ["ok"],
    }


@pytest.mark.parametrize(
    ("blocker", "dead", "status"),
    [
        (dataclasses.replace(OLD_TRANSACTION, seconds=30.0), 0, "ok"),
        (OLD_TRANSACTION, 0, "warning"),
        (dataclasses.replace(OLD_TRANSACTION, seconds=30.0), 50_000, "warning"),
        (dataclasses.replace(OLD_TRANSACTION, xid_age=600_000_000), 0, "critical"),
        (SLOT, 0, "warning"),
    ],
)
def test_blockers_are_reported_when_old_or_proven(blocker: Blocker, dead: int, status: str) -> None:
    held = table(dead=dead, vacuumed=NOW - timedelta(hours=1))
    found = judge.judge_database(database(held, blockers=(blocker,)), Policy(), NOW)
    assert [finding.status for finding in found if finding.check == "postgres.vacuum_blocked"] == [status]


def test_unknown_bloat_is_one_finding_that_names_objects() -> None:
    unknown = Bloat(None, 0, "unknown", "never counted")
    seen = database(CLEAN, indexes=tuple(index(oid=20 + n, name=f"i{n}", bloat=unknown) for n in range(5)))
    (finding,) = [f for f in judge.judge_database(seen, Policy(), NOW) if f.status == "unknown"]
    assert finding.value == 5
    assert "public.i0 (never counted)" in finding.message and "2 more" in finding.message


@pytest.mark.parametrize(
    ("age", "mxid", "status"), [(1000, 0, "ok"), (600_000_000, 0, "warning"), (5, 1_100_000_000, "critical")]
)
def test_the_age_of_a_database(age: int, mxid: int, status: str) -> None:
    (finding,) = judge.judge_ages([DatabaseAge("clinic", age, mxid, 0, True)], Policy())
    assert finding.status == status


def test_a_table_cannot_be_over_100_percent_changed() -> None:
    assert table(changed=10**9).changed_percent == 100.0
    assert needs.vacuum_needs(table(live=0, dead=0, inserted=0), Policy()) == []
