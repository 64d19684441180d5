# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filing a delivered run: documents made of it, then its line in the index, which says that all of it is there."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Optional

from ..errors import MaintenanceError
from ..files import open_plain, write_atomic
from ..findings import Action, Finding
from ..glue import Outcome
from ..report.humanise import count
from .attached import attached
from .confirm import before_in
from .delivery import content_of, deliver, unpack_run
from .derive import Area, as_json, as_text, derive
from .index import Index, append_lines, line_of, read_index, summarise
from .repeats import repeats
from .store import (
    FINDINGS,
    FOLDER_MODE,
    MODE,
    RECORD,
    Row,
    Store,
    clear_partials,
    read_record,
    require_directory,
    rows,
    writing,
)

# Runs that the index lost are filed along with any other, up to so many at once.
MENDED_AT_ONCE = 20


def file_missing(store: Store, *, areas: Sequence[Area], check_mode: bool) -> Outcome:
    """Files every run that was delivered and that the index does not know. Raises MaintenanceError."""
    require_directory(store)
    findings: list[Finding] = []
    actions: list[Action] = []
    if check_mode:
        index = read_index(store.index)
        missing = missing_runs(store, index)
        for name in missing:
            findings.extend(_mend(store, name, index, areas=areas, actions=actions, check_mode=True))
    else:
        with writing(store):
            index = read_index(store.index)
            missing = missing_runs(store, index)
            for name in missing:
                findings.extend(_mend(store, name, index, areas=areas, actions=actions))
    return Outcome(findings=findings, actions=actions, details={"runs": len(index.lines)})


def file_run(
    store: Store,
    run_id: str,
    *,
    parcel: str = "",
    areas: Sequence[Area],
    repeat_hours: float,
    check_mode: bool,
    anew: bool = True,
) -> Outcome:
    """Files that run, and runs that an interrupted filing left behind. A second time changes nothing.

    parcel: the files of the run, where they are yet to be written. repeat_hours: how often people are told of
    trouble that goes on. anew: whether documents that are there are made again.
    Raises MaintenanceError where the record is missing or cannot be read.
    """
    brought = unpack_run(run_id, parcel) if parcel else {}
    if check_mode and brought:
        return Outcome(actions=deliver(store, run_id, brought, check_mode=True))
    if not brought:
        read_record(store, run_id)
    if check_mode:
        index = read_index(store.index)
        row, actions = _filed(store, run_id, index, areas=areas, check_mode=True)
        said = repeats(row, index, hours=repeat_hours)
        return Outcome(actions=actions, details={**_details(store, row), "repeats": said})
    with writing(store):
        actions = deliver(store, run_id, brought, check_mode=False)
        index = read_index(store.index)
        row, filed = _filed(store, run_id, index, areas=areas, check_mode=False, anew=anew)
        actions.extend(filed)
        missing = [name for name in missing_runs(store, index) if name != run_id]
        findings: list[Finding] = []
        for name in missing[:MENDED_AT_ONCE]:
            findings.extend(_mend(store, name, index, areas=areas, actions=actions))
    if len(missing) > MENDED_AT_ONCE:
        findings.append(of_missing(missing[MENDED_AT_ONCE:]))
    said = repeats(row, index, hours=repeat_hours)
    return Outcome(findings=findings, actions=actions, details={**_details(store, row), "repeats": said})


def _mend(
    store: Store,
    run_id: str,
    index: Index,
    *,
    areas: Sequence[Area],
    actions: list[Action],
    check_mode: bool = False,
) -> list[Finding]:
    """Files a run that nobody asked for, and says so where that cannot be done."""
    try:
        actions.extend(_filed(store, run_id, index, areas=areas, check_mode=check_mode, anew=False)[1])
    except MaintenanceError as error:
        return [Finding("records.index", run_id, "warning", str(error)[:1000])]
    return []


def _details(store: Store, row: Row) -> Row:
    folder = store.folder(row["run_id"])
    return {
        "run_id": row["run_id"],
        "folder": folder,
        "outcome": row["outcome"],
        "documents": [os.path.join(store.root, path) for path in row["documents"]],
    }


def _filed(
    store: Store, run_id: str, index: Index, *, areas: Sequence[Area], check_mode: bool, anew: bool = True
) -> tuple[Row, list[Action]]:
    """anew: whether a document that is there is made again. The audit log has been told of what it is."""
    if not check_mode:
        clear_partials(store.folder(run_id))
    row, contents = prepare(store, run_id, areas=areas)
    outcome = "planned" if check_mode else "done"
    actions = []
    for path, content in contents.items():
        # Of a run that was filed, retention may have taken them.
        is_kept = not anew and (run_id in index.lines or os.path.exists(path))
        if is_kept or content_of(path) == content:
            continue
        if not check_mode:
            os.makedirs(os.path.dirname(path), mode=FOLDER_MODE, exist_ok=True)
            write_atomic(path, content, mode=MODE)
        actions.append(Action(action="document", target=path, changed=True, outcome=outcome))
    line = line_of(row)
    if index.lines.get(run_id) != line:
        if not check_mode:
            append_lines(store.index, [line])
            index.lines[run_id] = line
        actions.append(Action(action="index", target=run_id, changed=True, outcome=outcome))
    return row, actions


def prepare(store: Store, run_id: str, *, areas: Sequence[Area]) -> tuple[Row, dict[str, bytes]]:
    """The run's line in the index, and the contents of the documents that are made of it, by their paths.

    Raises MaintenanceError where the record is missing or cannot be read.
    """
    record = read_record(store, run_id)
    folder = store.folder(run_id)
    row = summarise(
        run_id,
        record=record,
        before=before_in(folder),
        documentation=attached(folder),
        documents=[],
    )
    contents: dict[str, bytes] = {}
    findings: Optional[list[Row]] = None
    for area in areas if not row["check_mode"] else ():
        findings = read_findings(folder, record) if findings is None else findings
        document = derive(
            area,
            row=row,
            findings=findings,
            actions=rows(record, "actions"),
            record_path=os.path.join(folder, RECORD),
        )
        if document:
            stem = os.path.join(area.folder, f"{row['moment'][:10] or 'undated'}-{run_id}")
            contents[f"{stem}.json"], contents[f"{stem}.txt"] = as_json(document), as_text(area, document)
            row["documents"].append(os.path.relpath(f"{stem}.json", store.root))
    return row, contents


def read_findings(folder: str, record: Row) -> list[Row]:
    """Every finding of the run that can be read; those of the record alone where the file is not there."""
    findings = []
    try:
        with open_plain(os.path.join(folder, FINDINGS)) as stream:
            for line in stream:
                try:
                    finding = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(finding, dict):
                    findings.append(finding)
    except OSError:
        return rows(record, "attention")
    return findings


def missing_runs(store: Store, index: Index) -> list[str]:
    """Runs that have a record and are not in the index, oldest first."""
    unknown = sorted(store.run_ids() - set(index.lines))
    return [name for name in unknown if os.path.exists(os.path.join(store.directory, name, RECORD))]


def of_missing(names: Sequence[str]) -> Finding:
    """Runs that a search does not see."""
    some = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
    return Finding(
        check="records.index",
        subject="index",
        status="warning",
        message=f"The index lacks {count(len(names), 'delivered run')} ({some}), which no search finds: "
        "run maintenance_records with the state file.",
        value=len(names),
        unit="count",
    )
