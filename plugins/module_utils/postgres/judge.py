# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: the state of a database held against the policy. One a troubled object, and one that sums up the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..deadline import LEFT
from ..findings import Finding, judge
from . import needs
from .model import Bloat, Blocker, Database, DatabaseAge, Policy, Table
from .plan import is_leftover, unsafe_concurrently, version_text
from .work import STOPPED, Done


def judge_database(database: Database, policy: Policy, now: datetime) -> list[Finding]:
    """What is to be said of one database as it is at this moment."""
    tables = [
        table
        for table in database.tables.values()
        if policy.chosen(table.label) and (table.permitted or not table.catalog)
    ]
    return [
        *_dead_tuples(database, tables, policy),
        *_statistics(database, tables, policy, now),
        *_bloat(database, tables, policy),
        *_invalid_indexes(database, policy),
        *_blocked(database, tables, policy),
        *_cron(database),
    ]


def judge_ages(databases: Sequence[DatabaseAge], policy: Policy) -> list[Finding]:
    """How near each database of the server is to transaction-id wraparound (which comes at 2 thousand million)."""
    findings = []
    for database in databases:
        age, what = max((database.xid_age, "transaction"), (database.mxid_age, "multixact"))
        status, threshold = judge(age, warning=policy.xid_age_warning, critical=policy.xid_age_critical)
        message = f"The oldest {what} id of database {database.name} is {age} old"
        if status == "ok":
            message += "."
        else:
            message += "; the server stops writing at 2 thousand million: find what blocks VACUUM, then VACUUM FREEZE."
        findings.append(
            Finding(
                "postgres.xid_age", database.name, status, message, value=age, unit="transactions", threshold=threshold
            )
        )
    return findings


def judge_work(database: str, done: Sequence[Done]) -> list[Finding]:
    """What could not be done. A job that waits for a blocker is told by the blocker's own finding."""
    findings, late = [], []
    for result in done:
        if result.outcome == "done" or (result.job.skip and result.job.verb == "vacuum"):
            continue
        if result.reason in (LEFT, STOPPED):
            late.append(result.job.target)
            continue
        status = "critical" if result.outcome == "failed" else "warning"
        words = result.job.verb.replace("_", " ")
        message = f"The {words} of {result.job.target} was not done: {result.reason}."[:1000]
        findings.append(Finding("postgres.maintenance", f"{result.job.target} {words}", status, message))
    if late:
        few = ", ".join(sorted(set(late))[:3]) + (" and others" if len(set(late)) > 3 else "")
        message = f"The deadline came before {len(late)} jobs were done ({few}): give the window more time."
        findings.append(
            Finding("postgres.deadline", database, "warning", message[:1000], value=len(late), unit="count")
        )
    finished = sum(result.outcome == "done" for result in done)
    message = f"{finished} of {len(done)} jobs on database {database} were done."
    if not done:
        message = f"Nothing in database {database} needed maintenance."
    findings.append(Finding("postgres.maintenance", database, "ok", message, value=finished, unit="count"))
    return findings


def judge_version(version: int) -> list[Finding]:
    """The one range of releases whose concurrently built indexes cannot be trusted."""
    if not unsafe_concurrently(version):
        return []
    message = (
        f"PostgreSQL {version_text(version)} can leave rows out of an index built CONCURRENTLY, so none is: "
        "update to 14.4 or newer, then reindex what was built that way."
    )
    return [Finding("postgres.version", f"PostgreSQL {version_text(version)}", "critical", message)]


def _summary(check: str, database: Database, total: int, troubled: int, what: str) -> Finding:
    message = f"{total - troubled} of {total} {what} in database {database.name}."
    return Finding(check, database.name, "ok", message, value=total - troubled, unit="count")


def _dead_tuples(database: Database, tables: Sequence[Table], policy: Policy) -> list[Finding]:
    findings = []
    for table in tables:
        for need in needs.vacuum_needs(table, policy):
            if need.kind == "inserted":
                continue
            check, unit, threshold = "postgres.dead_tuples", "percent", policy.dead_rows_percent
            if need.kind == "freeze":
                check, unit, threshold = "postgres.xid_age", "transactions", policy.freeze_age
            held = needs.holder(table, database.blockers)
            remedy = f"{held.name} keeps VACUUM from it" if held else "VACUUM it"
            subject = f"{database.name}.{table.label}"
            message = f"The table {subject} needs a VACUUM: {need.text}; {remedy}."
            findings.append(
                Finding(check, subject, "warning", message, value=need.value, unit=unit, threshold=threshold)
            )
    troubled = len({finding.subject for finding in findings if finding.check == "postgres.dead_tuples"})
    words = f"tables are below {policy.dead_rows_percent:g} % dead rows"
    findings.append(_summary("postgres.dead_tuples", database, len(tables), troubled, words))
    return findings


def _statistics(database: Database, tables: Sequence[Table], policy: Policy, now: datetime) -> list[Finding]:
    findings = []
    for table in tables:
        for need in needs.analyze_needs(table, database, policy, now):
            subject = f"{database.name}.{table.label}"
            message = f"The planner's statistics of {subject} are stale: {need.text}; ANALYZE it."
            unit = "percent" if need.value is not None else None
            threshold = policy.changed_rows_percent if need.value is not None else None
            findings.append(
                Finding(
                    "postgres.statistics", subject, "warning", message, value=need.value, unit=unit, threshold=threshold
                )
            )
    findings.append(
        _summary("postgres.statistics", database, len(tables), len(findings), "tables have fresh statistics")
    )
    return findings


def _bloat(database: Database, tables: Sequence[Table], policy: Policy) -> list[Finding]:
    objects = [(table.label, "table", table.bloat, policy.table_bloat_percent) for table in tables]
    objects += [
        (index.label, "index", index.bloat, policy.index_threshold(index.owner_label))
        for index in database.indexes
        if policy.chosen(index.owner_label) and (index.method == "btree" or index.bloat.percent is not None)
    ]
    findings = []
    unknown = []
    for label, kind, bloat, threshold in objects:
        if bloat.source == "unknown" and not label.startswith("pg_catalog."):
            unknown.append((label, bloat.reason))
        elif bloat.percent is not None and bloat.percent >= threshold and bloat.wasted >= policy.bloat_min_bytes:
            findings.append(_bloated(f"{database.name}.{label}", kind, bloat, threshold))
    troubled = len(findings)
    if unknown:
        named = ", ".join(f"{label} ({reason})" for label, reason in unknown[:3])
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        message = (
            f"The bloat of {len(unknown)} tables and indexes of database {database.name} is not known: {named}{more}; "
            "ANALYZE them, or install the extension pgstattuple."
        )
        findings.append(
            Finding("postgres.bloat", f"{database.name} (not known)", "unknown", message, len(unknown), "count")
        )
    words = "tables and indexes are small, or not bloated"
    findings.append(_summary("postgres.bloat", database, len(objects), troubled + len(unknown), words))
    return findings


def _bloated(subject: str, kind: str, bloat: Bloat, threshold: float) -> Finding:
    remedy = "REINDEX it CONCURRENTLY" if kind == "index" else "VACUUM FULL or pg_repack it where downtime is allowed"
    message = (
        f"The {kind} {subject} is {bloat.percent:.0f} % bloat, {bloat.wasted // 1024 // 1024} MiB "
        f"({bloat.source}): {remedy}."
    )
    evidence = {"wasted_bytes": bloat.wasted, "source": bloat.source}
    return Finding("postgres.bloat", subject, "warning", message, bloat.percent, "percent", threshold, evidence)


def _invalid_indexes(database: Database, policy: Policy) -> list[Finding]:
    findings = []
    chosen = [index for index in database.indexes if policy.chosen(index.owner_label)]
    for index in chosen:
        if (index.valid and index.live) or index.builder:
            continue
        subject = f"{database.name}.{index.label}"
        if is_leftover(index):
            words = "is left behind by an interrupted REINDEX or DROP INDEX CONCURRENTLY: DROP it"
        elif index.kind == "I":
            words = "is invalid: attach the missing indexes of its partitions"
        else:
            words = "is invalid, so no query uses it while every write pays for it: REINDEX it CONCURRENTLY, or DROP it"
        findings.append(
            Finding(
                "postgres.invalid_index", subject, "warning", f"The index {subject} of {index.owner_label} {words}."
            )
        )
    findings.append(_summary("postgres.invalid_index", database, len(chosen), len(findings), "indexes are valid"))
    return findings


def _blocked(database: Database, tables: Sequence[Table], policy: Policy) -> list[Finding]:
    """Blockers that are old, or that proved to be in VACUUM's way."""
    proven: dict[str, int] = {}
    for table in tables:
        held = needs.holder(table, database.blockers)
        if held and any(need.kind == "dead" for need in needs.vacuum_needs(table, policy)):
            proven[held.name] = proven.get(held.name, 0) + 1
    findings = [
        _blocker(database, blocker, proven.get(blocker.name, 0), policy)
        for blocker in database.blockers
        if proven.get(blocker.name)
        or blocker.kind == "slot"
        or (blocker.seconds or 0) >= policy.blocker_seconds
        or blocker.xid_age >= policy.freeze_age
    ]
    if not findings:
        message = f"Nothing keeps VACUUM from removing dead rows in database {database.name}."
        findings.append(Finding("postgres.vacuum_blocked", database.name, "ok", message))
    return findings


def _blocker(database: Database, blocker: Blocker, tables: int, policy: Policy) -> Finding:
    if blocker.seconds is not None:
        age = (
            f"{blocker.seconds:.0f} seconds old" if blocker.seconds < 600 else f"{blocker.seconds / 60:.0f} minutes old"
        )
        value, unit, threshold = round(blocker.seconds, 1), "seconds", policy.blocker_seconds
    else:
        age = f"{blocker.xid_age} transactions old"
        value, unit, threshold = float(blocker.xid_age), "transactions", float(policy.freeze_age)
    proof = f" ({tables} tables now)" if tables else ""
    return Finding(
        "postgres.vacuum_blocked",
        f"{database.name}: {blocker.name}",
        "critical" if blocker.xid_age >= policy.xid_age_warning else "warning",
        f"The {blocker.name}, {age}, keeps VACUUM from removing dead rows of database {database.name}{proof}: "
        f"{blocker.remedy}.",
        value,
        unit,
        threshold,
        {"kind": blocker.kind, "xid_age": blocker.xid_age},
    )


def _cron(database: Database) -> list[Finding]:
    check = "postgres.pg_cron"
    if database.cron_problem:
        message = f"The jobs of pg_cron in database {database.name} could not be read: {database.cron_problem}."
        return [Finding(check, database.name, "unknown", message)]
    findings = []
    for job in database.cron_jobs:
        command = " ".join(job.command.split())[:200]
        message = (
            f"pg_cron job {job.job} ({job.schedule}) of database {database.name} does maintenance as well: {command}; "
            "keep one of the two."
        )
        findings.append(Finding(check, f"{database.name}: pg_cron job {job.job}", "warning", message))
    return findings
