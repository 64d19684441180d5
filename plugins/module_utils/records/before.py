# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written of a run before it changes anything."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..errors import MaintenanceError
from ..files import sync_folder, write_atomic
from ..findings import Action
from ..glue import Outcome
from .store import BEFORE, FOLDER_MODE, MODE, RECORD, Store, clear_partials, load, text, writing

SCHEMA = 1
NEEDED = ("id", "system", "moment")


def begin(store: Store, before: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """Writes before.json of the run; a second time, with the same facts, changes nothing.

    Raises MaintenanceError where facts are missing, where other facts are there already, or where the run is over.
    """
    for key in NEEDED:
        if not text(before, key):
            raise MaintenanceError(
                f"The facts before a run must have {', '.join(NEEDED)}; {key} is missing: add it to the option before."
            )
    content = {"schema": SCHEMA, **before}
    folder = store.folder(before["id"])
    path = os.path.join(folder, BEFORE)
    action = Action(action="record", target=path, changed=True, outcome="planned" if check_mode else "done")
    if check_mode:
        return _outcome(path, [] if _is_there(folder, content) else [action])
    with writing(store):
        if _is_there(folder, content):
            return _outcome(path, [])
        os.makedirs(folder, mode=FOLDER_MODE, exist_ok=True)
        sync_folder(store.directory)
        clear_partials(folder)
        write_atomic(path, json.dumps(content, indent=2).encode() + b"\n", mode=MODE)
    return _outcome(path, [action])


def _is_there(folder: str, content: Mapping[str, Any]) -> bool:
    path = os.path.join(folder, BEFORE)
    there = load(path)
    if there and there != content:
        raise MaintenanceError(
            f"There is a {path} already that says something else, and it is not overwritten: "
            "give this run a name of its own."
        )
    if not there and os.path.exists(os.path.join(folder, RECORD)):
        raise MaintenanceError(
            f"The run {content['id']} is over, its record lies in {folder}: what is written before a run "
            "cannot be written after it."
        )
    return bool(there)


def _outcome(path: str, actions: list[Action]) -> Outcome:
    return Outcome(actions=actions, details={"folder": os.path.dirname(path), "path": path})
