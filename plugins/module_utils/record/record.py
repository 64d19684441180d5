# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a journal to the record of the run: what docs/schema/record.schema.json describes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..findings import OUTCOMES, STATUSES, Finding, worst
from . import own
from .journal import Journal
from .timing import Interval, covered
from .verdict import decide

SCHEMA = 1
SLOWEST_TASKS = 20
# What policy says of a procedure that a cadence leaves out.
SKIP = "skip"
RUN_KEYS = (
    "system",
    "cadence",
    "work_class",
    "operator",
    "account",
    "ticket",
    "controller",
    "playbook",
    "ansible_version",
    "collection_version",
)

Row = dict[str, Any]


def compile_record(journal: Journal, *, ended: datetime, fail_on: Sequence[str]) -> tuple[Row, list[Row]]:
    """The record, and every finding of the run in the order of time.

    ended: the moment the run ended. fail_on: statuses of findings that fail the run.
    """
    unused = _unused(journal)
    journal = _as_planned(journal)
    findings = [*_findings(journal, ended=ended), *(_of_run(own.of_policy(*one), ended) for one in unused)]
    actions = [{**action, **_place(entry)} for entry in _results(journal) for action in entry.get("actions", ())]
    started = journal.first("started")
    interrupted = journal.last("interrupted").get("sentence")
    seconds = (ended - parse_moment(started["time"], option="time")).total_seconds()
    record = {
        "schema": SCHEMA,
        "run": {
            "id": started["run_id"],
            "check_mode": started["check_mode"],
            "started": started["time"],
            "ended": to_text(ended),
            "seconds": round(seconds, 1),
            **_run_facts(journal),
        },
        "verdict": decide(
            findings, actions, fail_on=fail_on, interrupted=interrupted, check_mode=started["check_mode"]
        ),
        "interrupted": interrupted,
        "summary": {
            "worst": worst(finding["status"] for finding in findings),
            "counts": _tally((finding["status"] for finding in findings), STATUSES),
            "outcomes": _tally((action["outcome"] for action in actions), OUTCOMES),
        },
        "hosts": _hosts(journal),
        "procedures": _procedures(journal),
        "attention": sorted(
            (finding for finding in findings if finding["status"] != "ok"),
            key=lambda finding: -STATUSES.index(finding["status"]),
        ),
        "checks": _checks(findings),
        "actions": actions,
        "timing": _timing(journal, wall=seconds),
    }
    return record, findings


def _run_facts(journal: Journal) -> Row:
    opened, gate = journal.first("opened"), journal.last("window")
    known = {**journal.first("started"), **opened}
    facts: Row = {key: str(known.get(key, "")) for key in RUN_KEYS}
    facts["moment"] = gate.get("moment") or opened.get("moment") or journal.first("started").get("time")
    facts.update({key: gate[key] for key in ("window", "approval") if gate.get(key)})
    if known.get("change"):
        facts["change"] = known["change"]
    return facts


def _as_planned(journal: Journal) -> Journal:
    """The journal as the record is made of it: every procedure with its entry point, without those that policy leaves
    out, and without what only says that the run was written down.
    """
    entries = journal.first("opened").get("entries") or {}
    planned = [
        {**row, "entry": entries.get(row["procedure"], row.get("entry", ""))} if row["kind"] == "play" else row
        for row in journal.entries
    ]
    return Journal(
        entries=[_only_trouble(row) if row.get("bookkeeping") else row for row in planned if row.get("entry") != SKIP],
        problems=journal.problems,
    )


def _unused(journal: Journal) -> list[tuple[str, str]]:
    """The cadence and every procedure that policy has words for and the playbook no play."""
    opened = journal.first("opened")
    if journal.first("interrupted") or not journal.first("permitted"):
        return []
    plays = {entry["procedure"] for entry in journal.entries if entry["kind"] == "play"}
    return [(opened["cadence"], procedure) for procedure in opened.get("entries") or {} if procedure not in plays]


def _of_run(finding: Finding, moment: datetime) -> Row:
    return {**finding.as_dict(), "host": "localhost", "procedure": "run_close", "time": to_text(moment)}


def _only_trouble(entry: Row) -> Row:
    # Else every delivery would change the record, and so lead to another one.
    findings = [finding for finding in entry.get("findings", ()) if finding["status"] != "ok"]
    actions = [action for action in entry.get("actions", ()) if action["outcome"] == "failed"]
    return {**entry, "findings": findings, "actions": actions}


def _results(journal: Journal) -> Iterable[Row]:
    return (entry for entry in journal.entries if entry["kind"] == "result")


def _place(entry: Row) -> Row:
    return {"host": entry["host"], "procedure": entry["procedure"], "time": entry["time"]}


def _findings(journal: Journal, *, ended: datetime) -> list[Row]:
    findings: list[Row] = []
    away: set[str] = set()
    for entry in journal.entries:
        if entry["kind"] == "result":
            place = _place(entry)
            findings.extend({**finding, **place} for finding in entry.get("findings", ()))
            if entry["state"] != "unreachable" or entry["host"] not in away:
                findings.extend({**finding.as_dict(), **place} for finding in own.of_result(entry))
            if entry["state"] == "unreachable":
                away.add(entry["host"])
        elif entry["kind"] == "play" and entry["procedure"] and journal.first("permitted"):
            place = {"host": "localhost", "procedure": entry["procedure"], "time": entry["time"]}
            findings.extend({**finding.as_dict(), **place} for finding in own.of_procedure(entry))
    # Of an interrupted run it is plain that something did not end.
    for procedure, host in [] if journal.first("interrupted") else _unfinished(journal):
        place = {"host": host, "procedure": procedure, "time": to_text(ended)}
        findings.append({**own.of_unfinished(procedure, host).as_dict(), **place})
    if journal.first("given"):
        findings.append(_of_run(own.of_given(journal.first("given")["names"]), ended))
    findings.extend(_of_run(finding, ended) for finding in own.of_record(journal))
    return findings


def _unfinished(journal: Journal) -> list[tuple[str, str]]:
    """Procedure and host of what neither ended, nor failed, nor had a host that was away."""
    if not journal.first("permitted"):
        return []
    ended = {(entry["procedure"], entry["host"]) for entry in journal.entries if entry["kind"] == "finished"}
    away = set()
    for entry in _results(journal):
        if _state([entry]) != "ok":
            ended.add((entry["procedure"], entry["host"]))
        if entry["state"] == "unreachable":
            away.add(entry["host"])
    plays = (entry for entry in journal.entries if entry["kind"] == "play" and entry["procedure"])
    expected = dict.fromkeys((play["procedure"], host) for play in plays for host in play["hosts"])
    return [pair for pair in expected if pair not in ended and pair[1] not in away]


def _tally(values: Iterable[str], names: Sequence[str]) -> dict[str, int]:
    tally = dict.fromkeys(names, 0)
    for value in values:
        tally[value] += 1
    return tally


def _state(entries: Iterable[Row]) -> str:
    """The gravest state of these results; a trouble that its role recovered from is none."""
    states = {entry["state"] for entry in entries if not (entry["rescued"] or entry["ignored"])}
    return next((state for state in ("unreachable", "failed") if state in states), "ok")


def _hosts(journal: Journal) -> list[Row]:
    by_host: dict[str, list[Row]] = {}
    for entry in _results(journal):
        by_host.setdefault(entry["host"], []).append(entry)
    return [{"name": name, "state": _state(entries)} for name, entries in sorted(by_host.items())]


def _procedures(journal: Journal) -> list[Row]:
    groups: dict[tuple[str, str], list[Row]] = {}
    begun: dict[str, str] = {}
    for entry in journal.entries:
        if entry["kind"] == "play" and entry["procedure"]:
            begun[entry["procedure"]] = entry["entry"]
            for host in entry["hosts"]:
                groups.setdefault((entry["procedure"], host), [])
        elif entry["kind"] == "result":
            groups.setdefault((entry["procedure"], entry["host"]), []).append(entry)
    unfinished = _unfinished(journal)
    return [
        _procedure(pair, entries, entry=begun.get(pair[0], ""), unfinished=pair in unfinished)
        for pair, entries in groups.items()
    ]


def _procedure(pair: tuple[str, str], entries: list[Row], *, entry: str, unfinished: bool) -> Row:
    state = ("failed" if unfinished else _state(entries)) if entries else "not run"
    row: Row = {"name": pair[0], "host": pair[1], **({"entry": entry} if entry else {}), "state": state}
    if entries:
        row["started"] = min(entry["started"] for entry in entries)
    row["seconds"] = round(sum(entry["seconds"] for entry in entries), 2)
    row["work_seconds"] = round(sum(entry["work_seconds"] for entry in entries), 2)
    return row


def _checks(findings: Iterable[Row]) -> list[Row]:
    groups: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        groups.setdefault((finding["check"], finding["host"]), []).append(finding["status"])
    return [
        {"check": check, "host": host, "counts": _tally(statuses, STATUSES)}
        for (check, host), statuses in sorted(groups.items())
    ]


def _timing(journal: Journal, *, wall: float) -> Row:
    results = list(_results(journal))
    work = covered(_work_interval(entry) for entry in results if entry["work_seconds"])
    slowest = sorted(results, key=lambda entry: -entry["seconds"])[:SLOWEST_TASKS]
    keys = ("procedure", "task", "host", "seconds", "work_seconds")
    return {
        "wall_seconds": round(wall, 1),
        "work_seconds": round(work, 1),
        "ansible_seconds": round(max(0.0, wall - work), 1),
        "tasks": [{key: entry[key] for key in keys} for entry in slowest],
    }


def _work_interval(entry: Row) -> Interval:
    # A module reports how long it worked, and its result arrives right after that.
    end: Optional[float] = entry.get("ended_at")
    finish = end if end is not None else parse_moment(entry["time"], option="time").timestamp()
    return finish - entry["work_seconds"], finish
