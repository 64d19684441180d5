# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the index anew of the folders, which are the truth."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..errors import MaintenanceError
from ..files import write_atomic
from ..findings import Action, Finding
from ..glue import Outcome
from .derive import Area
from .filing import prepare
from .index import line_of, read_index, write_index
from .store import FOLDER_MODE, MODE, RECORD, Store, require_directory, writing


def reindex(store: Store, *, areas: Sequence[Area], check_mode: bool) -> Outcome:
    """Writes the index from every record, and documents of runs that it lacked. Changes nothing where all is there.

    A document that is there already stays as it is. Raises MaintenanceError where there are no records.
    """
    require_directory(store)
    if check_mode:
        return _reindexed(store, areas=areas, check_mode=True)
    with writing(store):
        return _reindexed(store, areas=areas, check_mode=False)


def _reindexed(store: Store, *, areas: Sequence[Area], check_mode: bool) -> Outcome:
    index = read_index(store.index)
    for _row, _line in index.each():
        # Reading them tells which are damaged.
        pass
    outcome = "planned" if check_mode else "done"
    lines: dict[str, bytes] = {}
    findings: list[Finding] = []
    actions: list[Action] = []
    for run_id in sorted(store.run_ids()):
        if not os.path.exists(os.path.join(store.folder(run_id), RECORD)):
            continue
        try:
            row, contents = prepare(store, run_id, areas=areas)
        except MaintenanceError as error:
            findings.append(Finding("records.index", run_id, "warning", str(error)[:1000]))
            continue
        lines[run_id] = line_of(row)
        for path, content in contents.items():
            # Of a run that was filed, retention may have taken them.
            if index.lines.get(run_id) != lines[run_id] and not os.path.exists(path):
                if not check_mode:
                    os.makedirs(os.path.dirname(path), mode=FOLDER_MODE, exist_ok=True)
                    write_atomic(path, content, mode=MODE)
                actions.append(Action(action="document", target=path, changed=True, outcome=outcome))
    added = len(lines.keys() - index.lines.keys())
    removed = len(index.lines.keys() - lines.keys())
    corrected = sum(index.lines.get(run_id, line) != line for run_id, line in lines.items())
    # The order may be another one: every line stands for itself.
    if added or removed or corrected or index.damaged:
        if not check_mode:
            write_index(store.index, list(lines.values()))
        after = {"runs": len(lines), "added": added, "corrected": corrected, "removed": removed + index.damaged}
        actions.append(Action(action="index", target=store.index, changed=True, outcome=outcome, after=after))
    details = {"runs": len(lines), "added": added, "corrected": corrected, "removed": removed}
    return Outcome(findings=findings, actions=actions, details={**details, "damaged": index.damaged})
