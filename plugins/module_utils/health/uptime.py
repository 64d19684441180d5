# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Availability held against its target: what can be said for certain, and what cannot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..findings import STATUSES, Finding
from ..report.humanise import count, duration, number
from .availability import BusinessHours, Tally, business_spans, days_back, first_look, measure
from .history import Seen
from .look import say

CHECK = "health.availability"


@dataclass(frozen=True)
class Target:
    """Percent that is wanted, and below which it is critical (None for never).

    days: the periods. coverage: percent of a period that must be known. max_gap: seconds that a look speaks for.
    """

    percent: float = 99.9
    critical: Optional[float] = None
    days: Sequence[int] = (1, 7, 30)
    coverage: float = 90.0
    max_gap: float = 900.0


@dataclass(frozen=True)
class Figure:
    """The availability of one thing over one period. young: the history does not reach that far back yet."""

    days: int
    tally: Tally
    status: str
    young: bool


def availability(
    looks: Sequence[Seen],
    keys: Sequence[str],
    *,
    now: float,
    target: Target,
    hours: Optional[BusinessHours],
    name: str,
) -> tuple[list[Finding], dict[str, Any]]:
    """Findings, and every figure as plain data.

    looks: by time, the present one too. keys: what is looked at now. now: seconds since 1970.
    name: of the history, which is what is said to have gaps.
    """
    findings: list[Finding] = []
    figures: dict[str, Any] = {}
    first = first_look(looks)
    for label, chosen in (("", None), ("business hours", hours)):
        if label and chosen is None:
            continue
        tallies = {
            days: measure(looks, _spans(now, days, chosen), end=now, max_gap=target.max_gap) for days in target.days
        }
        scarce = [days for days in target.days if "" in tallies[days] and tallies[days][""].coverage < target.coverage]
        for key in keys:
            rows = [
                judge_figure(days, tallies[days][key], target, young=first.get(key, now) > now - days * 86400)
                for days in target.days
                if key in tallies[days]
            ]
            figures[f"{key}, {label}" if label else key] = [_plain(row) for row in rows]
            # One finding tells of gaps that are in everything.
            rows = [row for row in rows if row.status != "unknown" or row.days not in scarce]
            findings += _finding(
                key, label, [row for row in rows if not (row.young and row.status == "unknown")], target
            )
        old = [days for days in scarce if first.get("", now) <= now - days * 86400]
        if keys and old:
            findings.append(_gaps(name, label, max(old), tallies[max(old)][""], target))
    return findings, figures


def _spans(now: float, days: int, hours: Optional[BusinessHours]) -> list[tuple[float, float]]:
    start, end = days_back(now, days)
    return business_spans(start, end, hours) if hours else [(start, end)]


def judge_figure(days: int, tally: Tally, target: Target, *, young: bool) -> Figure:
    """What can be said of the period. An outage that was seen misses the target whatever the gaps hide."""
    if tally.best < target.percent:
        return Figure(days, tally, _grade(tally.best, target), young)
    if tally.percent is None or tally.coverage < target.coverage:
        return Figure(days, tally, "unknown", young)
    return Figure(days, tally, _grade(tally.percent, target), young)


def _grade(percent: float, target: Target) -> str:
    if target.critical is not None and percent < target.critical:
        return "critical"
    return "warning" if percent < target.percent else "ok"


def _finding(key: str, label: str, rows: Sequence[Figure], target: Target) -> list[Finding]:
    if not rows:
        return []
    worst = max(rows, key=lambda row: (STATUSES.index(row.status), row.days))
    kind, _colon, name = key.partition(":")
    subject = f"{kind} {name}" + (f", {label}" if label else "")
    period = f"the last {count(worst.days, 'day')}" + (f" in {label}" if label else "")
    evidence = {f"{row.days} d": _plain(row) for row in rows}
    if worst.status == "unknown":
        message = (
            f"The availability of the {kind} {name} over {period} is not known: only {number(worst.tally.coverage)} % "
            "of that time was looked at."
        )
        return [Finding(CHECK, subject, "unknown", say(message), evidence=evidence)]
    percent = _cut(worst.tally.percent or 0.0)
    message = f"The {kind} {name} was available {percent:g} % of {period}"
    threshold = target.critical if worst.status == "critical" else target.percent
    if worst.status != "ok":
        message += f", less than {threshold:g} %: it was down for {duration(worst.tally.down)}; find out why"
    return [Finding(CHECK, subject, worst.status, say(f"{message}."), percent, "percent", threshold, evidence)]


def _gaps(name: str, label: str, days: int, tally: Tally, target: Target) -> Finding:
    period = f"the last {count(days, 'day')}" + (f" in {label}" if label else "")
    message = (
        f"The availability over {period} is not known: only {number(tally.coverage)} % of that time was looked at, "
        f"{number(target.coverage)} % are needed; look at least every {duration(target.max_gap)}, or set "
        "availability_target to 0."
    )
    subject = f"{name}, {label}" if label else name
    return Finding(CHECK, subject, "unknown", say(message))


def _plain(row: Figure) -> Mapping[str, Any]:
    tally = row.tally
    return {
        "days": row.days,
        "percent": None if tally.percent is None else _cut(tally.percent),
        "coverage": _cut(tally.coverage),
        "down_seconds": round(tally.down, 1),
        "status": row.status,
    }


def _cut(percent: float) -> float:
    """Never rounded up: 99.9996 is not 100."""
    return math.floor(percent * 1000) / 1000
