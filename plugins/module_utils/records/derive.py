# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents made of the record of a run: what it says of backups, and of security."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import STATUSES, worst
from .store import Row, approved, part, text

SCHEMA = 1
# What is in order is listed up to here for each check; the whole record has all of it.
HEALTHY_LISTED = 100
# The gate speaks of every run. For a review it is of interest where it was passed without a window.
GATE = "window.*"


@dataclass(frozen=True)
class Area:
    """A kind of document. checks, procedures: shell patterns of what belongs to it. overrides: so do approvals."""

    name: str
    title: str
    folder: str
    checks: Sequence[str]
    procedures: Sequence[str]
    overrides: bool = False


def derive(
    area: Area, *, row: Mapping[str, Any], findings: Iterable[Row], actions: Iterable[Row], record_path: str
) -> Row:
    """The document of that area; empty where the run says nothing of it.

    row: the run's line in the index. findings, actions: all of the record.
    """
    override = area.overrides and bool(row.get("approval"))
    checks = [*area.checks, *([GATE] if override else [])]
    matched = [finding for finding in findings if _fits(text(finding, "check"), checks)]
    deeds = [action for action in actions if _fits(text(action, "procedure"), area.procedures)]
    if not (matched or deeds or override):
        return {}
    listed, left_out = _listed(matched)
    document: Row = {"schema": SCHEMA, "document": area.name, "run": row["run_id"], "time": row["moment"]}
    for key in ("ended", "system", "cadence", "work_class", "operator", "ticket"):
        document[key] = row[key]
    document["hosts"] = sorted({text(entry, "host") for entry in (*matched, *deeds)} - {""})
    document["outcome"], document["verdict"] = row["outcome"], row["sentence"]
    document["worst"] = worst(status for status in (text(entry, "status") for entry in matched) if status in STATUSES)
    document["record"] = record_path
    for key in ("window", "approval"):
        if row.get(key):
            document[key] = row[key]
    return {**document, "findings": listed, "left_out": left_out, "actions": deeds}


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _listed(findings: Sequence[Row]) -> tuple[list[Row], dict[str, int]]:
    """The findings to list, and how many in order were left out of each check."""
    seen: dict[str, int] = {}
    listed = []
    for finding in findings:
        if finding.get("status") == "ok":
            check = text(finding, "check")
            seen[check] = seen.get(check, 0) + 1
            if seen[check] > HEALTHY_LISTED:
                continue
        listed.append(finding)
    listed.sort(key=lambda finding: -_gravity(finding))
    return listed, {check: count - HEALTHY_LISTED for check, count in seen.items() if count > HEALTHY_LISTED}


def _gravity(finding: Row) -> int:
    status = finding.get("status")
    return STATUSES.index(status) if status in STATUSES else len(STATUSES)


def as_json(document: Row) -> bytes:
    """The document for programs."""
    return json.dumps(document, indent=2).encode() + b"\n"


def as_text(area: Area, document: Row) -> bytes:
    """The document for people."""
    lines = [area.title, "", *_facts(document), "", f"Findings ({len(document['findings'])})"]
    lines.extend(
        f"  {text(row, 'status').upper():<8}  {text(row, 'host')}  {text(row, 'check')}  {text(row, 'subject')}: "
        f"{text(row, 'message')}"
        for row in document["findings"]
    )
    lines.extend(f"  and {number} more of {check} in order" for check, number in document["left_out"].items())
    lines.extend(["", f"Actions ({len(document['actions'])})"])
    lines.extend(
        f"  {text(row, 'outcome').upper():<8}  {text(row, 'host')}  {text(row, 'action')}  {text(row, 'target')}"
        + (f": {text(row, 'reason')}" if text(row, "reason") else "")
        for row in document["actions"]
    )
    return "".join(f"{_plain(line)}\n" for line in lines).encode()


def _facts(document: Row) -> list[str]:
    window = part(document, "window")
    facts = [
        ("Run", document["run"]),
        ("System", ", ".join(filter(None, (document["system"], document["cadence"], document["work_class"])))),
        ("Time", f"{document['time']} to {document['ended']}"),
        ("Operator", document["operator"]),
        ("Ticket", document["ticket"]),
        ("Hosts", ", ".join(document["hosts"])),
        ("Window", text(window, "name")),
        ("Approval", approved(document)),
        ("Outcome", f"{document['outcome']}: {document['verdict']}"),
        ("Record", document["record"]),
    ]
    return [f"{name + ':':<10}{value}" for name, value in facts if value]


def _plain(line: str) -> str:
    # A message comes from a host: it may not drive the terminal of whoever reads this.
    return "".join(sign if sign.isprintable() else " " for sign in line)
