# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index held against the records that it is made of, since nothing else vouches for it.

The records themselves are held against the audit log.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

from ..errors import MaintenanceError
from ..files import locked
from .attached import attached
from .index import Index, line_of, read_index, summarise
from .store import BEFORE, RECORD, Row, Store, load, part
from .turns import due

# What searches, the calendar, retention and the watch over emergencies go by. Documents that people attach are always
# looked for in the folder.
_HELD = (
    *("moment", "system", "cadence", "work_class", "operator", "ticket", "check_mode", "started", "ended", "outcome"),
    *("sentence", "interrupted", "trouble", "changed", "hosts", "procedures", "window", "approval", "change"),
)


def row_in(folder: str, run_id: str) -> Row:
    """The line that the record there gives. Raises MaintenanceError where there is none, or that of another run."""
    record = load(os.path.join(folder, RECORD))
    if not record or part(record, "run").get("id", run_id) != run_id:
        raise MaintenanceError(f"There is no record of the run {run_id} in {folder}: put it back from a copy.")
    return summarise(run_id, record=record, before=before_in(folder), documentation=attached(folder), documents=[])


def before_in(folder: str) -> Row:
    """What was written before the run; nothing where that cannot be read."""
    try:
        return load(os.path.join(folder, BEFORE))
    except MaintenanceError:
        # The record says the same, and it can be read.
        return {}


def told_otherwise(store: Store, index: Index, *, now: datetime) -> list[str]:
    """The runs of which the index does not say what their records say. Of very many, another part each day."""
    names = [name for name in due(sorted(index.lines), now=now) if _differs(store, index, name)]
    if not names:
        return []
    # Of a run that was being filed, the line is there when the writer is done.
    with locked(store.directory):
        again = read_index(store.index)
        return [name for name in names if name in again.lines and _differs(store, again, name)]


def _differs(store: Store, index: Index, run_id: str) -> bool:
    folder = store.folder(run_id)
    told = index.read(run_id)
    if not told or not os.path.isdir(folder):
        # That is told of in other words.
        return False
    try:
        known: dict[str, Any] = json.loads(line_of(row_in(folder, run_id)))
    except MaintenanceError:
        return True
    return any(told.get(key) != known.get(key) for key in _HELD)
