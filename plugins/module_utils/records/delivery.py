# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a run's files into its folder on the records host."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from ..errors import MaintenanceError
from ..files import open_plain, write_atomic
from ..findings import Action
from ..record.parcel import unpack
from .store import FOLDER_MODE, MODE, RECORD, Store, clear_partials, part


def unpack_run(run_id: str, parcel: str) -> dict[str, bytes]:
    """The files of that run by their names. Raises MaintenanceError where the parcel is damaged, or of another run."""
    files = unpack(parcel)
    try:
        record = json.loads(files[RECORD])
    except (ValueError, RecursionError):
        record = None
    named = part(record, "run").get("id") if isinstance(record, dict) else None
    if named != run_id:
        raise MaintenanceError(
            f"The parcel is of the run {named}, not of {run_id}: pack the folder of that run."
            if named
            else f"The record in the parcel of the run {run_id} is damaged: close the run again, then pack it anew."
        )
    return files


def deliver(store: Store, run_id: str, files: Mapping[str, bytes], *, check_mode: bool) -> list[Action]:
    """Writes what is new of the files, in their order; only the writer whose turn it is may do that.

    Raises OSError, and MaintenanceError for a name that no run has.
    """
    folder = store.folder(run_id)
    new = {name: content for name, content in files.items() if content_of(os.path.join(folder, name)) != content}
    if not new:
        return []
    if not check_mode:
        os.makedirs(folder, mode=FOLDER_MODE, exist_ok=True)
        clear_partials(folder)
        for name, content in new.items():
            write_atomic(os.path.join(folder, name), content, mode=MODE)
    return [Action(action="deliver", target=folder, changed=True, outcome="planned" if check_mode else "done")]


def content_of(path: str) -> bytes:
    """What the file holds; nothing where it is not there or cannot be read."""
    try:
        with open_plain(path) as stream:
            return stream.read()
    except OSError:
        return b""
