# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which charts a run deserves: only those that tell something about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from .deeds import Deed
from .drawing import Chart, Series, bars
from .humanise import count, duration, quantity, shorten, size, words

ROWS = 10
EXPIRY_CHECK = "certificate.expiry"
RECOVERY_CHECK = "backup.recovery_time"
# A run that gave back less has nothing to show for it.
WORTH_SHOWING_BYTES = 64 * 1024
WORTH_COMPARING = 12
_STATUS_KINDS = ("critical", "unknown", "warning", "ok")

Row = Mapping[str, Any]


def draw_all(record: Row, findings: Sequence[Row], deeds: Sequence[Deed]) -> list[Chart]:
    """The charts of the run. Raises MissingLibrary where pygal is not installed."""
    made = (
        _time(record),
        _space(deeds),
        _certificates([finding for finding in findings if finding["check"] == EXPIRY_CHECK]),
        _recovery(record["actions"], findings),
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
    )[:ROWS]
    if not dated:
        return None
    first = dated[0]
    when = f"ends in {quantity(first['value'], 'days')}" if first["value"] >= 0 else "has expired"
    names = _apart([finding["subject"] for finding in dated])
    return bars(
        "Certificates that end first",
        f"{shorten(first['subject'], 80)} {when}.",
        labels=[f"{name} (expired)" if finding["value"] < 0 else name for name, finding in zip(names, dated)],
        series=list(_by_status(dated, [max(finding["value"], 0) for finding in dated])),
        wording=lambda value: quantity(value, "days"),
        stacked=True,
    )


def _by_status(findings: Sequence[Row], values: Sequence[float]) -> Iterator[Series]:
    for status in _STATUS_KINDS:
        row = [value if finding["status"] == status else None for finding, value in zip(findings, values)]
        if any(value is not None for value in row):
            yield Series(status, status, row)


def _recovery(actions: Sequence[Row], findings: Sequence[Row]) -> Optional[Chart]:
    tests = [action for action in actions if action["action"] == "restore_test" and action["outcome"] == "done"]
    if not tests:
        return None
    slowest = max(tests, key=lambda action: action.get("seconds") or 0)
    steps = {
        name[: -len("_seconds")]: value
        for name, value in (slowest.get("after") or {}).items()
        if name.endswith("_seconds") and isinstance(value, (int, float))
    }
    if len(steps) < 2:
        return None
    limits = [
        f" {shorten(finding['subject'], 60)} may take {duration(finding['threshold'])} to recover."
        for finding in findings
        if finding["check"] == RECOVERY_CHECK and finding.get("unit") == "seconds" and "threshold" in finding
    ]
    return bars(
        "The restore test, step by step",
        f"{shorten(slowest['target'], 80)} took {duration(slowest.get('seconds') or sum(steps.values()))}."
        + "".join(limits[:1]),
        labels=[words(step) for step in steps],
        series=[Series("time", "work", list(steps.values()))],
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
    """What tells the things of a chart apart: file names with as much of their path as that takes, or what
    is left of a dotted name without the parts that all share."""
    # One of several certificates in a file goes by its name in brackets.
    subjects = [
        subject[subject.rindex("[") + 1 : -1] if subject.endswith("]") and "[" in subject[:-2] else subject
        for subject in subjects
    ]
    names = [_ending(subject, 1) for subject in subjects]
    if len(set(names)) < len(set(subjects)):
        names = [_ending(subject, 2) for subject in subjects]
    parts = [name.split(".") for name in names]
    shared = 0
    for column in zip(*parts) if len(parts) > 1 and all(len(part) > 2 for part in parts) else ():
        if len(set(column)) > 1:
            break
        shared += 1
    return [".".join(part[shared:]) or name for part, name in zip(parts, names)]


def _ending(subject: str, parts: int) -> str:
    return "/".join(subject.rstrip("/").rsplit("/", parts)[-parts:]) or subject
