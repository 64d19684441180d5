# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attaching what people wrote to a run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Optional

from ..clock import to_text
from ..errors import MaintenanceError
from ..files import open_plain, write_atomic
from ..findings import Action
from ..glue import Outcome
from .attached import attached, compose, next_name, read_head
from .derive import Area
from .filing import file_run
from .store import BEFORE, MODE, RECORD, Row, Store, clear_partials, writing

LONGEST = 4 * 1024 * 1024


def document(
    store: Store,
    run_id: str,
    *,
    text: Optional[str],
    src: Optional[str],
    by: str,
    kind: str,
    now: datetime,
    areas: Sequence[Area],
    check_mode: bool,
) -> Outcome:
    """Writes the text, or that of the file ``src``, as the run's next document. The same again changes nothing.

    Raises MaintenanceError where the run or the text is missing, or who wrote it.
    """
    folder = store.folder(run_id)
    filed = os.path.exists(os.path.join(folder, RECORD))
    if not filed and not os.path.exists(os.path.join(folder, BEFORE)):
        raise MaintenanceError(f"There is no run {run_id} in {store.directory}: search for its name.")
    if not by.strip():
        raise MaintenanceError("The option by must name the person who wrote the documentation.")
    content = text if text is not None else _read(src or "")
    if not content.strip():
        raise MaintenanceError("The documentation is empty: write down what happened, and attach that.")
    if len(content) > LONGEST:
        raise MaintenanceError(
            f"The documentation is longer than {LONGEST} signs: attach a summary that names the rest."
        )
    head = {"run": run_id, "kind": kind, "by": by.strip(), "at": to_text(now)}
    actions = []
    if check_mode:
        name = _same(folder, head, content)
        if not name:
            name = next_name(folder)
            actions.append(_attach(folder, name, outcome="planned"))
        return Outcome(actions=actions, details={"run_id": run_id, "path": os.path.join(folder, name)})
    with writing(store):
        clear_partials(folder)
        name = _same(folder, head, content)
        if not name:
            name = next_name(folder)
            write_atomic(os.path.join(folder, name), compose(head, content).encode("utf-8", "replace"), mode=MODE)
            actions.append(_attach(folder, name, outcome="done"))
    indexed = Outcome()
    if filed:
        indexed = file_run(store, run_id, areas=areas, repeat_hours=0, check_mode=False, anew=False)
    path = os.path.join(folder, name)
    return Outcome(
        findings=indexed.findings,
        actions=[*actions, *indexed.actions],
        details={"run_id": run_id, "path": path, "document": {**read_head(path), "sha256": _digest(path)}},
    )


def _digest(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def _attach(folder: str, name: str, *, outcome: str) -> Action:
    return Action(action="attach", target=os.path.join(folder, name), changed=True, outcome=outcome)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            content = stream.read(LONGEST * 4 + 1)
    except OSError as error:
        raise MaintenanceError(
            f"The documentation {path} cannot be read ({error.strerror}): give the path of a text file on this host."
        ) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise MaintenanceError(
            f"The documentation {path} is no text in UTF-8: save it as plain text or Markdown."
        ) from None


def _same(folder: str, head: Row, content: str) -> str:
    """The name of the document that says this already, whenever it was attached; empty where none does."""
    for row in attached(folder):
        path = os.path.join(folder, row["file"])
        if (row["kind"], row["by"]) != (head["kind"], head["by"]):
            continue
        try:
            with open_plain(path) as stream:
                if stream.read().decode("utf-8") == compose({**head, "at": row["at"]}, content):
                    return str(row["file"])
        except (OSError, ValueError):
            continue
    return ""
