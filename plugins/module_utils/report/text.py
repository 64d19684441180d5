# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run in a screenful of plain text, for the terminal at its end and for notices."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .attention import Group, group
from .deeds import by_verb
from .humanise import STATUS_SYMBOLS, VERDICT_SYMBOLS, VERDICT_WORDS, clean, count, duration, shorten

WIDTH = 100
GROUPS_SHOWN = 12
ITEMS_SHOWN = 3
_COLOURS = {"ok": "32", "attention": "33", "warning": "33", "unknown": "35", "critical": "31", "failed": "31"}


def render_text(record: Mapping[str, Any], *, report_path: str, colour: bool = False) -> str:
    """What happened, what needs attention, what was done, where the report is.

    record: as docs/schema/record.schema.json has it. report_path: path or address a person can open;
    left out where it is empty. colour: whether the terminal shows colours.
    """
    paint = _paint if colour else _plain
    lines = [*_verdict(record, paint), *_attention(record, paint), *_work(record), *_time(record)]
    if report_path:
        lines.append(f"Report: {clean(report_path)}")
    return "\n".join(lines)


def title(record: Mapping[str, Any]) -> str:
    """demo, weekly; or the run's id, where it was never opened."""
    run = record["run"]
    return clean(", ".join(part for part in (run["system"], run["cadence"]) if part) or run["id"])


def headline(record: Mapping[str, Any]) -> str:
    """demo, weekly: Needs attention."""
    return f"{title(record)}: {VERDICT_WORDS[record['verdict']['outcome']]}"


def other_reasons(record: Mapping[str, Any]) -> list[str]:
    """The verdict's reasons that are not told again as a finding or as an action."""
    told = {f"{row['host']}: {row['subject']}: {row['message']}" for row in record["attention"]}
    told.update(
        f"{row['host']}: {row['action']} of {row['target']} failed: {row['reason']}"
        for row in record["actions"]
        if row["outcome"] == "failed"
    )
    told.add(record["interrupted"] or "")
    rest = [reason for reason in record["verdict"]["reasons"] if reason not in told]
    # A count of reasons left out tells nothing beside the whole list.
    return [clean(reason) for reason in rest if not (told - {""} and reason.startswith("and "))]


def _verdict(record: Mapping[str, Any], paint: Any) -> Iterator[str]:
    outcome = record["verdict"]["outcome"]
    yield paint(outcome, f"{VERDICT_SYMBOLS[outcome]} {headline(record)}")
    yield from _wrapped(record["verdict"]["sentence"], indent=2)
    if record["interrupted"]:
        yield from _wrapped(f"Interrupted: {record['interrupted']}", indent=2)
    if record["run"]["check_mode"]:
        yield "  Check mode: this is the plan, nothing was changed."
    for reason in other_reasons(record):
        yield from _wrapped(f"- {reason}", indent=2)
    away = [clean(host["name"]) for host in record["hosts"] if host["state"] == "unreachable"]
    if away:
        yield from _wrapped(f"Unreachable: {', '.join(away[:10])}{_and_more(len(away) - 10)}", indent=2)
    yield ""


def _attention(record: Mapping[str, Any], paint: Any) -> Iterator[str]:
    groups = group(record["attention"], shown=ITEMS_SHOWN, folded=0)
    if not groups:
        return
    yield f"Needs attention ({len(record['attention']):,})"
    for entry in groups[:GROUPS_SHOWN]:
        yield from _group(entry, paint)
    left = sum(entry.total for entry in groups[GROUPS_SHOWN:])
    if left:
        yield f"  and {count(left, 'more finding')}, see the report"
    yield ""


def _group(entry: Group, paint: Any) -> Iterator[str]:
    for item in entry.shown:
        yield "  " + paint(item.status, f"{item.symbol} {item.status}") + f"  {item.host}  {shorten(item.subject, 60)}"
        yield from _wrapped(item.message, indent=4)
    if entry.more:
        yield f"    and {entry.more:,} more of {entry.check}"


def _work(record: Mapping[str, Any]) -> Iterator[str]:
    verbs = by_verb(record["actions"])
    if verbs:
        yield "Planned" if record["run"]["check_mode"] else "Done"
        for verb in verbs[:GROUPS_SHOWN]:
            yield (
                "  "
                + ", ".join(part for part in (f"{verb.title}: {verb.outcome_words}", verb.duration) if part)
                + (f", {verb.gain_words}" if verb.gain_words else "")
            )
        yield ""
    counts = record["summary"]["counts"]
    checked = ", ".join(
        f"{STATUS_SYMBOLS[status]} {counts[status]:,} {status}"
        for status in ("critical", "unknown", "warning", "ok")
        if counts[status] or status == "ok"
    )
    yield f"Checks: {checked}"


def _time(record: Mapping[str, Any]) -> Iterator[str]:
    timing = record["timing"]
    yield (
        f"Time:   {duration(timing['wall_seconds'])}, of which the work itself {duration(timing['work_seconds'])} "
        f"and Ansible's own share {duration(timing['ansible_seconds'])}"
    )


def _wrapped(text: str, *, indent: int) -> Sequence[str]:
    gap = " " * indent
    return textwrap.wrap(
        clean(text), WIDTH, initial_indent=gap, subsequent_indent=gap, break_long_words=False, break_on_hyphens=False
    )


def _and_more(amount: int) -> str:
    return f" and {amount:,} more" if amount > 0 else ""


def _paint(status: str, text: str) -> str:
    return f"\x1b[1;{_COLOURS[status]}m{text}\x1b[0m"


def _plain(_status: str, text: str) -> str:
    return text
