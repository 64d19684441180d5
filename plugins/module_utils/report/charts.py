# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which charts a run deserves: only those that tell something about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from .deeds import Deed
from .drawing import Chart, Series, bars
from .humanise import count, duration, number, quantity, shorten, size

ROWS = 10
EXPIRY_CHECK = "certificate.expiry"
# A run that gave back less has nothing to show for it.
WORTH_SHOWING_BYTES = 64 * 1024
WORTH_COMPARING = 12
_AGES = ((0, "expired"), (7, "under 7 days"), (30, "7 to 30 days"), (90, "30 to 90 days"), (200, "90 to 200 days"))
_STATUS_KINDS = ("critical", "unknown", "warning", "ok")

Row = Mapping[str, Any]


def draw_all(record: Row, findings: Sequence[Row], deeds: Sequence[Deed]) -> list[Chart]:
    """The charts of the run. Raises MissingLibrary where pygal is not installed."""
    made = (
        _time(record),
        _space(deeds),
        _certificates([finding for finding in findings if finding["check"] == EXPIRY_CHECK]),
        _recovery([finding for finding in findings if _is_recovery(finding)]),
        _longest(deeds),
    )
    return [chart for chart in made if chart is not None]


def _time(record: Row) -> Optional[Chart]:
    procedures = sorted(
        (row for row in record["procedures"] if row["seconds"] >= 0.05), key=lambda row: -row["seconds"]
    )[:ROWS]
    if len(procedures) < 2:
        return None
    timing = record["timing"]
    work = [min(row["work_seconds"], row["seconds"]) for row in procedures]
    several = len({row["host"] for row in procedures}) > 1
    return bars(
        "Where the time went",
        f"Of {duration(timing['wall_seconds'])}, the work itself took {duration(timing['work_seconds'])}, "
        f"Ansible's own share was {duration(timing['ansible_seconds'])}.",
        labels=[f"{row['name']}, {row['host']}" if several else row["name"] for row in procedures],
        series=[
            Series("the work itself", "work", work),
            Series("Ansible's own share", "share", [row["seconds"] - done for row, done in zip(procedures, work)]),
        ],
        wording=duration,
        stacked=True,
    )


def _space(deeds: Sequence[Deed]) -> Optional[Chart]:
    gains = [deed for deed in deeds if deed.outcome == "done" and deed.gained >= WORTH_SHOWING_BYTES]
    if not gains:
        return None
    top = sorted(gains, key=lambda deed: -deed.gained)[:ROWS]
    return bars(
        "Space given back",
        f"{size(sum(deed.gained for deed in gains))} by {count(len(gains), 'action')}; sizes before and after.",
        labels=_apart([deed.target for deed in top]),
        series=[
            Series("before", "before", [deed.before_bytes for deed in top]),
            Series("after", "after", [deed.after_bytes for deed in top]),
        ],
        wording=size,
    )


def _certificates(findings: Sequence[Row]) -> Optional[Chart]:
    dated = sorted(
        (finding for finding in findings if finding.get("unit") == "days" and "value" in finding),
        key=lambda finding: finding["value"],
    )
    if not dated:
        return None
    first = dated[0]
    when = f"in {quantity(first['value'], 'days')}" if first["value"] >= 0 else "already in the past"
    sentence = f"Of {count(len(dated), 'certificate')}, the first ends {when}: {shorten(first['subject'], 80)}."
    if len(dated) > ROWS:
        return _histogram(dated, sentence)
    return bars(
        "Days left of the certificates",
        sentence,
        labels=_apart([finding["subject"] for finding in dated]),
        series=list(_by_status(dated, [max(finding["value"], 0) for finding in dated])),
        wording=lambda value: quantity(value, "days"),
        stacked=True,
    )


def _histogram(dated: Sequence[Row], sentence: str) -> Chart:
    rows: dict[str, dict[str, int]] = {name: {} for _limit, name in _AGES}
    rows["over 200 days"] = {}
    for finding in dated:
        name = next((name for limit, name in _AGES if finding["value"] < limit), "over 200 days")
        rows[name][finding["status"]] = rows[name].get(finding["status"], 0) + 1
    statuses = [status for status in _STATUS_KINDS if any(status in row for row in rows.values())]
    return bars(
        "Certificates by days left",
        sentence,
        labels=[f"{name} ({sum(row.values()):,})" for name, row in rows.items()],
        series=[Series(status, status, [row.get(status, 0) for row in rows.values()]) for status in statuses],
        wording=number,
        stacked=True,
    )


def _by_status(findings: Sequence[Row], values: Sequence[float]) -> Iterator[Series]:
    for status in _STATUS_KINDS:
        row = [value if finding["status"] == status else None for finding, value in zip(findings, values)]
        if any(value is not None for value in row):
            yield Series(status, status, row)


def _is_recovery(finding: Row) -> bool:
    return (
        "recovery" in finding["check"]
        and finding.get("unit") == "seconds"
        and finding.get("value", 0) > 0
        and finding.get("threshold", 0) > 0
    )


def _recovery(findings: Sequence[Row]) -> Optional[Chart]:
    if not findings:
        return None
    top = sorted(findings, key=lambda finding: -finding["value"] / finding["threshold"])[:ROWS]
    worst = top[0]
    return bars(
        "Recovery time, measured",
        f"Restoring {shorten(worst['subject'], 80)} took {duration(worst['value'])}; "
        f"policy allows {duration(worst['threshold'])}.",
        labels=_apart([finding["subject"] for finding in top]),
        series=list(_by_status(top, [finding["value"] for finding in top])),
        wording=duration,
    )


def _longest(deeds: Sequence[Deed]) -> Optional[Chart]:
    timed = [deed for deed in deeds if deed.outcome in ("done", "failed") and (deed.seconds or 0) >= 0.05]
    # The table of actions begins with the longest ones; a few need no chart beside it.
    if len(timed) <= WORTH_COMPARING:
        return None
    top = sorted(timed, key=lambda deed: -(deed.seconds or 0))[:ROWS]
    return bars(
        "The longest work",
        f"The {count(len(top), 'longest action')} of {len(timed):,} that took time.",
        labels=[f"{deed.action} {name}" for deed, name in zip(top, _apart([deed.target for deed in top]))],
        series=[
            Series(outcome, kind, [deed.seconds if deed.outcome == outcome else None for deed in top])
            for outcome, kind in (("done", "work"), ("failed", "critical"))
            if any(deed.outcome == outcome for deed in top)
        ],
        wording=duration,
        stacked=True,
    )


def _apart(subjects: Sequence[str]) -> list[str]:
    """What tells the things of a chart apart: file names, or what is left without the path that all share."""
    names = [subject.rstrip("/").rsplit("/", 1)[-1] or subject for subject in subjects]
    dotted = [name for name in names if name.count(".") > 1]
    parts = [name.split(".") for name in dotted] if len(dotted) > 1 else []
    shared = 0
    for column in zip(*parts):
        if len(set(column)) > 1:
            break
        shared += 1
    return [name if name.count(".") <= 1 else ".".join(name.split(".")[shared:]) or name for name in names]
