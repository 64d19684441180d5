# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report shows, ready for a template that only lays it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import STATUSES
from .attention import Group, Item, group, item
from .deeds import Deed, Verb, by_verb, deed, in_order
from .drawing import Chart
from .humanise import (
    STATUS_SYMBOLS,
    VERDICT_SYMBOLS,
    VERDICT_WORDS,
    as_json,
    clean,
    count,
    duration,
    moment,
    words,
)
from .source import FINDINGS, RECORD, Source
from .text import other_reasons, title

# How much is open, folded, and shown at all; findings.jsonl has everything.
ATTENTION_OPEN = 4
ATTENTION_FOLDED = 96
DEEDS_OPEN = 12
DEEDS_FOLDED = 488
CHECK_ROWS = 100
CHECK_ROWS_IN_ALL = 1500
TASKS = 20

Row = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One check with its findings. more: how many of them are not in ``items``."""

    name: str
    title: str
    counts: Mapping[str, int]
    hosts: Sequence[str]
    items: Sequence[Item]
    more: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class View:
    """Everything that the report shows. Texts are cleaned, but not escaped: that is the template's."""

    heading: str
    outcome: str
    verdict: str
    symbol: str
    sentence: str
    reasons: Sequence[str]
    banners: Sequence[str]
    subtitle: Sequence[str]
    tiles: Sequence[Row]
    attention: Sequence[Group]
    attention_total: int
    check_mode: bool
    verbs: Sequence[Verb]
    deeds_open: Sequence[Deed]
    deeds_folded: Sequence[Deed]
    deeds_more: int
    charts: Sequence[Chart]
    checks: Sequence[Check]
    hosts: Sequence[Row]
    procedures: Sequence[Row]
    timing: Row
    facts: Sequence[tuple[str, str]]
    remarks: Sequence[str]


def deeds_of(record: Mapping[str, Any]) -> list[Deed]:
    """The run's actions in words, those worth reading first in front."""
    return [deed(action) for action in in_order(record["actions"])]


def build(source: Source, *, deeds: Sequence[Deed], charts: Sequence[Chart], remarks: Sequence[str] = ()) -> View:
    """The view of a run. remarks: what the report could not show, one sentence each."""
    record = source.record
    outcome = record["verdict"]["outcome"]
    shown = DEEDS_OPEN + DEEDS_FOLDED
    return View(
        heading=title(record),
        outcome=outcome,
        verdict=VERDICT_WORDS[outcome],
        symbol=VERDICT_SYMBOLS[outcome],
        sentence=clean(record["verdict"]["sentence"]),
        reasons=other_reasons(record),
        banners=_banners(record),
        subtitle=_subtitle(record),
        tiles=_tiles(record),
        attention=group(record["attention"], shown=ATTENTION_OPEN, folded=ATTENTION_FOLDED),
        attention_total=len(record["attention"]),
        check_mode=record["run"]["check_mode"],
        verbs=by_verb(record["actions"]),
        deeds_open=deeds[:DEEDS_OPEN],
        deeds_folded=deeds[DEEDS_OPEN:shown],
        deeds_more=max(0, len(deeds) - shown),
        charts=charts,
        checks=_checks(source.findings),
        hosts=_hosts(record),
        procedures=_procedures(record),
        timing=_timing(record),
        facts=_facts(record),
        remarks=[clean(remark) for remark in (*source.remarks, *remarks)],
    )


def _banners(record: Row) -> list[str]:
    banners = []
    if record["interrupted"]:
        banners.append(f"Interrupted. {clean(record['interrupted'])}")
    if record["run"]["check_mode"]:
        banners.append("Check mode: this is the plan. Nothing was changed.")
    away = [clean(host["name"]) for host in record["hosts"] if host["state"] == "unreachable"]
    if away:
        names = ", ".join(away[:10]) + (f" and {len(away) - 10:,} more" if len(away) > 10 else "")
        banners.append(f"Nothing is known of {count(len(away), 'unreachable host')}: {names}.")
    return banners


def _subtitle(record: Row) -> list[str]:
    run = record["run"]
    parts = [moment(run["started"]), duration(run["seconds"])]
    hosts = len([host for host in record["hosts"] if host["name"] != "localhost"]) or len(record["hosts"])
    parts.append(count(hosts, "host"))
    parts.extend(f"{name} {clean(run[key])}" for key, name in (("operator", "by"), ("ticket", "ticket")) if run[key])
    return parts


def _tiles(record: Row) -> list[Row]:
    counts, outcomes = record["summary"]["counts"], record["summary"]["outcomes"]
    tiles = [
        {"kind": status, "symbol": STATUS_SYMBOLS[status], "figure": f"{counts[status]:,}", "name": status}
        for status in reversed(STATUSES)
    ]
    if record["run"]["check_mode"]:
        did = [("planned", "planned")]
    else:
        did = [("done", "done")] + ([("failed", "critical")] if outcomes["failed"] else [])
    tiles.extend(
        {"kind": kind, "symbol": "", "figure": f"{outcomes[name]:,}", "name": f"actions {name}"} for name, kind in did
    )
    return tiles


def _checks(findings: Iterable[Row]) -> list[Check]:
    by_check: dict[str, list[Row]] = {}
    for finding in findings:
        by_check.setdefault(finding["check"], []).append(finding)
    budget = CHECK_ROWS_IN_ALL
    checks = []
    for name, members in sorted(by_check.items()):
        counts = dict.fromkeys(reversed(STATUSES), 0)
        for member in members:
            counts[member["status"]] += 1
        members.sort(key=lambda member: -STATUSES.index(member["status"]))
        items = [item(member) for member in members[: min(CHECK_ROWS, budget)]]
        budget -= len(items)
        checks.append(
            Check(
                name=clean(name),
                title=words(name),
                counts=counts,
                hosts=sorted({clean(member.get("host", "")) for member in members}),
                items=items,
                more=len(members) - len(items),
            )
        )
    return checks


def _hosts(record: Row) -> list[Row]:
    per_host: dict[str, dict[str, int]] = {}
    for check in record["checks"]:
        tally = per_host.setdefault(check["host"], dict.fromkeys(STATUSES, 0))
        for status, amount in check["counts"].items():
            tally[status] += amount
    nothing = dict.fromkeys(STATUSES, 0)
    return [
        {"name": clean(host["name"]), "state": host["state"], "counts": per_host.get(host["name"], nothing)}
        for host in sorted(record["hosts"], key=lambda host: (host["state"] == "ok", host["name"]))
    ]


def _procedures(record: Row) -> list[Row]:
    return [
        {
            "name": clean(row["name"]),
            "host": clean(row["host"]),
            "state": row["state"],
            "started": moment(row.get("started")),
            "seconds": duration(row["seconds"]),
            "work": duration(row["work_seconds"]),
        }
        for row in record["procedures"]
    ]


def _timing(record: Row) -> Row:
    timing = record["timing"]
    wall = timing["wall_seconds"] or 1
    return {
        "wall": duration(timing["wall_seconds"]),
        "work": duration(timing["work_seconds"]),
        "ansible": duration(timing["ansible_seconds"]),
        "work_percent": round(min(100.0, 100 * timing["work_seconds"] / wall), 1),
        "tasks": [
            {
                "task": clean(task["task"]),
                "procedure": clean(task["procedure"]),
                "host": clean(task["host"]),
                "seconds": duration(task["seconds"]),
                "work": duration(task["work_seconds"]),
            }
            for task in timing["tasks"][:TASKS]
        ],
    }


def _facts(record: Row) -> list[tuple[str, str]]:
    moments = ("started", "ended", "moment", "window_opens", "window_closes", "approval_given_at")
    named: dict[str, Callable[[Any], str]] = {**dict.fromkeys(moments, moment), "seconds": duration}
    facts = []
    for key, value in _flat(record["run"]):
        if key in named:
            text = named[key](value)
        else:
            text = as_json(value) if not isinstance(value, str) else clean(value) or "-"
        facts.append(("Duration" if key == "seconds" else words(key), text))
    return [*facts, ("Files beside this report", f"{RECORD}, {FINDINGS}")]


def _flat(facts: Row, within: str = "") -> Iterable[tuple[str, Any]]:
    """The facts of the run; those of its window, its approval and its change carry that in their name."""
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{within}{key}_")
        else:
            yield f"{within}{key}", value
