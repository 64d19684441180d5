# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run as text, with what was said before it and after it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ..glue import Outcome
from ..report.humanise import clean
from ..report.text import render_text
from .attached import attached
from .index import summarise
from .store import BEFORE, RECORD, Row, Store, approved, load, part, read_record, rows, text

REPORT = "report.html"


def show(store: Store, run_id: str) -> Outcome:
    """The run as a person reads it; what is known of it, where it has no record yet. Raises MaintenanceError."""
    folder = store.folder(run_id)
    before = load(os.path.join(folder, BEFORE))
    if before and not os.path.exists(os.path.join(folder, RECORD)):
        record: Row = {}
        body = "The run has no record yet: it is under way, or its record never arrived.\n"
    else:
        record = read_record(store, run_id)
        body = _body(record, run_id=run_id, report_path=os.path.join(folder, REPORT))
    facts = summarise(run_id, record=record, before=before, documentation=attached(folder), documents=[])
    said = "".join(f"{line}\n" for line in _said(facts, part(facts, "change") or part(before, "change"), folder))
    return Outcome(details={"run_id": run_id, "folder": folder, "text": f"{body.rstrip()}\n\n{said}"})


def _body(record: Row, *, run_id: str, report_path: str) -> str:
    try:
        return render_text(record, report_path=report_path)
    except (KeyError, TypeError, ValueError, AttributeError):
        # A record of another age, or a partial one.
        verdict = part(record, "verdict")
        lines = [f"{run_id}: {text(verdict, 'outcome') or 'unknown'}", f"  {text(verdict, 'sentence')}"]
        lines.extend(
            f"  {text(row, 'status')}  {text(row, 'host')}  {text(row, 'subject')}: {text(row, 'message')}"
            for row in rows(record, "attention")
        )
        return "\n".join(clean(line) for line in lines)


def _said(facts: Row, change: Mapping[str, Any], folder: str) -> Iterator[str]:
    window = part(facts, "window")
    began = facts["started"] or facts["moment"]
    lines = [
        ("Run", facts["run_id"]),
        ("Time", f"{began} to {facts['ended'] or 'an end that nobody wrote down'}"),
        ("Taken as", "" if began == facts["moment"] else f"{facts['moment']}, a time that was given by hand"),
        ("Class", facts["work_class"]),
        ("Operator", facts["operator"]),
        ("Ticket", facts["ticket"]),
        ("Window", ", ".join(filter(None, (text(window, key) for key in ("name", "impact", "opens", "closes"))))),
        ("Approval", approved(facts)),
        ("Change", text(change, "summary")),
        ("Rollback", text(change, "rollback_plan")),
        ("Tested", text(change, "test_evidence")),
        ("Notes", text(change, "notes")),
        ("Folder", folder),
    ]
    yield from (f"{name + ':':<10}{clean(value)}" for name, value in lines if value)
    for document in facts["documentation"]:
        words = f"{document['file']}, {document['kind'] or 'unreadable'}, by {document['by']} at {document['at']}"
        yield f"{'Attached:':<10}{clean(words)}"
