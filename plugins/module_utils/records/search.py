# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching the records: the newest runs that fit, and a word where the index does not know every run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

from ..errors import MaintenanceError
from ..files import names_in, open_plain
from ..findings import Finding
from ..glue import Outcome
from ..report.humanise import count
from .filing import of_missing
from .index import Index, moment_of, read_index
from .query import Query, found_text
from .store import BEFORE, FINDINGS, GOING, RECORD, Row, Store, load, require_directory, rows, text
from .table import as_table

SHOWN_OF_TEXT = 3


def search(store: Store, query: Query) -> Outcome:
    """The runs that fit, newest first. Raises MaintenanceError where there are no records to search."""
    require_directory(store)
    index = read_index(store.index)
    begun, missing = unindexed(store, index)
    searched = len(index.lines) + len(begun)
    runs: list[Row] = []
    unread = 0
    more = False
    for row in _fitting(index, begun, query):
        if len(runs) == query.limit:
            more = True
            break
        run = {**row, "folder": store.folder(row["run_id"])}
        if query.text:
            try:
                run["found"] = _texts(run["folder"], query.text)
            except OSError:
                unread += 1
                continue
            if not run["found"]:
                continue
        runs.append(run)
    findings = judge_index(store, index, missing)
    if unread:
        findings.append(_not_searched(unread))
    shown = "\n".join([as_table(runs, more=more), *(f"Take care: {finding.message}" for finding in findings)])
    return Outcome(findings=findings, details={"runs": runs, "more": more, "searched": searched, "text": shown})


def _fitting(index: Index, begun: list[Row], query: Query) -> Iterator[Row]:
    """The runs that fit but for the text, newest first. Reading takes time: lines that cannot fit are not read."""
    without_record = {row["run_id"]: row for row in begun}
    order = index.newest_first() + [(row["moment"], run_id) for run_id, row in without_record.items()]
    for moment, run_id in sorted(order, reverse=True):
        known = without_record.get(run_id)
        if known is None and not query.may_fit(moment, index.lines[run_id]):
            continue
        row = known or index.read(run_id)
        if row and query.fits(row):
            yield row


def unindexed(store: Store, index: Index) -> tuple[list[Row], list[str]]:
    """Folders without a line in the index: runs that began and have no record, and runs that have one."""
    begun, missing = [], []
    for run_id in sorted(store.run_ids() - set(index.lines)):
        folder = store.folder(run_id)
        if os.path.exists(os.path.join(folder, RECORD)):
            missing.append(run_id)
        elif names_in(folder):
            # Something was written before the run, or its delivery was cut off.
            begun.append(_begun(run_id, folder))
    return begun, missing


def _begun(run_id: str, folder: str) -> Row:
    try:
        before = load(os.path.join(folder, BEFORE))
    except MaintenanceError:
        before = {}
    row: Row = {"run_id": run_id, "moment": moment_of(run_id, before), "outcome": "unfinished"}
    for key in ("system", "cadence", "work_class", "operator", "ticket"):
        row[key] = text(before, key)
    for key in ("window", "approval", "change"):
        if isinstance(before.get(key), Mapping):
            row[key] = before[key]
    planned = before.get("procedures")
    names = [name for name in planned if isinstance(name, str)] if isinstance(planned, (list, dict)) else []
    row["procedures"] = [{"name": name, "entry": "", "states": {}} for name in names] or rows(before, "procedures")
    return row


def judge_index(store: Store, index: Index, missing: list[str]) -> list[Finding]:
    """What the index lacks, has too much, or cannot be read of; nothing where it is in order."""
    findings = [of_missing(missing)] if missing else []
    folders = store.run_ids()
    gone = sorted(run_id for run_id in index.lines if run_id not in folders and not _is_going(store, run_id))
    if gone:
        findings.append(_judged(f"{count(len(gone), 'run')} without a folder ({gone[0]})", len(gone)))
    if index.damaged:
        findings.append(_judged(f"{count(index.damaged, 'line')} that cannot be read", index.damaged))
    return findings


def _is_going(store: Store, run_id: str) -> bool:
    # The next pruning ends what this one began.
    return os.path.exists(os.path.join(store.directory, GOING + run_id))


def _judged(what: str, number: int) -> Finding:
    return Finding(
        check="records.index",
        subject="index",
        status="warning",
        message=f"The index has {what}: find out what happened, then run maintenance_records with the state reindex.",
        value=number,
        unit="count",
    )


def _not_searched(number: int) -> Finding:
    return Finding(
        check="records.search",
        subject="findings",
        status="unknown",
        message=f"The findings of {count(number, 'run')} cannot be read, so the text was not looked for there: "
        "look whether their findings.jsonl is there and this account may read it.",
        value=number,
        unit="count",
    )


def _texts(folder: str, needle: str) -> list[Row]:
    """The first findings of the run that have the text. Raises OSError."""
    found: list[Row] = []
    for line in _lines(os.path.join(folder, FINDINGS), needle):
        finding = found_text(line, needle)
        if finding:
            keys = ("check", "subject", "host", "status", "message")
            found.append({key: finding[key] for key in keys if key in finding})
        if len(found) == SHOWN_OF_TEXT:
            break
    return found


def _lines(path: str, needle: str) -> Iterator[bytes]:
    if not os.path.exists(os.path.join(os.path.dirname(path), RECORD)):
        return
    with open_plain(path) as stream:
        content = stream.read()
    # Reading JSON costs more than looking for the text as JSON writes it; signs beyond ASCII have several forms.
    if needle.isascii() and json.dumps(needle)[1:-1].encode() not in content.lower():
        return
    yield from content.split(b"\n")
