# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of the records host: which there are, one lock for whoever writes, and names that lead nowhere else."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import MaintenanceError
from ..files import locked, names_in, open_plain
from ..findings import Finding

RECORD = "record.json"
FINDINGS = "findings.jsonl"
BEFORE = "before.json"
INDEX = "index.jsonl"
# A folder that is on its way out has this before its name, so that it is no run any more.
GOING = ".pruned-"
MODE = 0o640
FOLDER_MODE = 0o750
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")

Row = dict[str, Any]


@dataclass(frozen=True)
class Store:
    """Where the records are. directory: the folder of runs, beneath ``root`` or not."""

    root: str
    directory: str

    @property
    def index(self) -> str:
        """One line a run."""
        return os.path.join(self.directory, INDEX)

    @property
    def backup_verification(self) -> str:
        """Documents made of what runs say about backups."""
        return os.path.join(self.root, "logs", "backup-verification")

    @property
    def security_reviews(self) -> str:
        """Documents made of what runs say about security."""
        return os.path.join(self.root, "compliance", "security-reviews")

    def folder(self, run_id: str) -> str:
        """The folder of that run. Raises MaintenanceError for a name that no run has."""
        if not _RUN_ID.fullmatch(run_id):
            raise MaintenanceError(
                f"The name of a run is made of letters, digits, dots, hyphens and underscores, not {run_id!r}: "
                "give the name of its folder."
            )
        return os.path.join(self.directory, run_id)

    def run_ids(self) -> set[str]:
        """The names of all folders that may be runs."""
        return {name for name in names_in(self.directory) if name != INDEX and _RUN_ID.fullmatch(name)}


@contextlib.contextmanager
def writing(store: Store) -> Iterator[None]:
    """One writer at a time; whoever writes finds no half files of a writer that was killed.

    Raises MaintenanceError where the folder cannot be used.
    """
    try:
        os.makedirs(store.directory, mode=FOLDER_MODE, exist_ok=True)
        with locked(store.directory):
            for folder in (store.directory, store.backup_verification, store.security_reviews):
                clear_partials(folder)
            yield
    except OSError as error:
        raise cannot_write(error.filename or store.directory, error) from None


def clear_partials(folder: str) -> None:
    """Removes temporary files of a writer that was killed. Only the writer whose turn it is may do that."""
    for name in names_in(folder):
        if name.startswith(".") and name.endswith(".partial"):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


def cannot_write(path: object, error: OSError) -> MaintenanceError:
    """What is said of a place that cannot be written."""
    return MaintenanceError(
        f"The records at {path} cannot be written ({error.strerror or error}): "
        "give this account access or make room, then do it again."
    )


def of_no_records(store: Store) -> Finding:
    """That there is nothing to look at, on a host that is new."""
    return Finding(
        check="records.index",
        subject=store.directory,
        status="unknown",
        message=f"There is no folder {store.directory}: it is made when the first run is delivered. Where runs were "
        "delivered, look for what became of it, or name the right folder.",
    )


def require_directory(store: Store) -> None:
    """Raises MaintenanceError where there is no folder of runs, or it may not be read."""
    try:
        os.listdir(store.directory)
    except FileNotFoundError:
        raise MaintenanceError(
            f"There is no folder {store.directory}: give the folder of runs on the records host. "
            "It is made when the first run is delivered."
        ) from None
    except OSError as error:
        raise MaintenanceError(
            f"The folder {store.directory} cannot be read ({error.strerror}): give this account access."
        ) from None


def load(path: str) -> Row:
    """A file that holds a JSON object; empty where there is none. Raises MaintenanceError for one that is no such."""
    try:
        with open_plain(path) as stream:
            content = json.loads(stream.read())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise MaintenanceError(
            f"The file {path} cannot be read ({error.strerror}): give this account access."
        ) from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not content:
        raise MaintenanceError(
            f"The file {path} is damaged: it holds no JSON object. Bring it again from the controller or a backup."
        )
    return content


def read_record(store: Store, run_id: str) -> Row:
    """The record of that run, of whatever age. Raises MaintenanceError where it is missing or cannot be read."""
    path = os.path.join(store.folder(run_id), RECORD)
    record = load(path)
    if not record:
        raise MaintenanceError(
            f"There is no {path}, so the run {run_id} was not delivered: "
            "the next run of its controller brings it, or give the name of another run."
        )
    named = part(record, "run").get("id", run_id)
    if named != run_id:
        raise MaintenanceError(f"The record {path} is of the run {named}: bring the right record to that folder.")
    return record


# Records may be old, or partial. What is not there, or is something else, counts as empty.


def part(row: Mapping[str, Any], key: str) -> Row:
    """The object at that key."""
    value = row.get(key)
    return dict(value) if isinstance(value, Mapping) else {}


def approved(row: Mapping[str, Any]) -> str:
    """The approval of a run in a line; empty where it needed none."""
    approval = part(row, "approval")
    key = text(part(approval, "signed"), "key")
    said = [*(text(approval, name) for name in ("by", "kind", "given_at", "reason")), key and f"signed with {key}"]
    return ", ".join(filter(None, said))


def rows(row: Mapping[str, Any], key: str) -> list[Row]:
    """The objects in the list at that key."""
    value = row.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(row: Mapping[str, Any], key: str) -> str:
    """The text at that key."""
    value = row.get(key)
    return value if isinstance(value, str) else ""
