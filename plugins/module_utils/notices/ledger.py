# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of notices: a folder with one file a notice, written whole or not at all, and under one lock."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import MaintenanceError
from ..files import write_atomic
from ..findings import Finding
from .waiting import Entry, is_entry

CHECK = "notice.ledger"
_SUFFIX = ".json"
_LOCK = ".lock"
_RUNS = ("logs", "maintenance")
_PATIENCE = 30.0
_LONGEST_NAME = 150


class Ledger:
    """The entries, read once. Use it within ``opened``. folder: empty for one that is not there yet.
    findings: files that cannot be read."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.entries: dict[str, Entry] = {}
        self.findings: list[Finding] = []
        self._broken: set[str] = set()
        for name in sorted(os.listdir(folder)) if folder else ():
            if name.endswith(_SUFFIX) and not name.startswith("."):
                self._read(name)

    def has(self, identity: str) -> bool:
        """Whether there is a file of this notice, readable or not: what may have been sent is not sent again."""
        return identity in self.entries or _name(identity) in self._broken

    def write(self, entry: Entry) -> None:
        """Writes the entry's file. Raises OSError."""
        self.entries[entry["identity"]] = entry
        content = json.dumps(entry, ensure_ascii=False, indent=1) + "\n"
        write_atomic(self._path(_name(entry["identity"])), content.encode("utf-8", "replace"), mode=0o640)

    def remove(self, identity: str) -> None:
        """Removes the entry's file. Raises OSError."""
        os.unlink(self._path(_name(identity)))
        del self.entries[identity]

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _read(self, name: str) -> None:
        try:
            with open(self._path(name), encoding="utf-8") as stream:
                content = json.load(stream)
        except (OSError, ValueError, RecursionError):
            content = None
        if is_entry(content) and _name(content["identity"]) == name:
            self.entries[content["identity"]] = content
            return
        self._broken.add(name)
        self.findings.append(
            Finding(
                CHECK,
                self._path(name),
                "critical",
                f"The file {self._path(name)} of the ledger of notices cannot be read, so nobody knows whether its "
                "notice was sent: look into it, tell its readers yourself, and move it away.",
            )
        )


@contextlib.contextmanager
def opened(root: str, *, make: bool) -> Iterator[Ledger]:
    """The ledger of this records folder, for us alone. make: whether the folder is made where it is not there.

    Raises MaintenanceError where it cannot be used or another keeps it too long, OSError where it cannot be written.
    """
    folder = os.path.join(root, "notices")
    try:
        if make:
            os.makedirs(folder, mode=0o750, exist_ok=True)
        descriptor = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise MaintenanceError(f"The ledger of notices {folder} cannot be used ({error.strerror}): see root.") from None
    try:
        _lock(descriptor, folder)
        yield Ledger(folder)
    finally:
        os.close(descriptor)


def exists(root: str) -> bool:
    """Whether there is a ledger."""
    return os.path.isdir(os.path.join(root, "notices"))


def is_over(root: str, run: str) -> bool:
    """Whether the run has ended: its record was brought here."""
    return bool(run) and os.path.exists(os.path.join(root, *_RUNS, os.path.basename(run), "record.json"))


def _lock(descriptor: int, folder: str) -> None:
    ends = time.monotonic() + _PATIENCE
    while not _taken(descriptor):
        if time.monotonic() > ends:
            raise MaintenanceError(
                f"Another process has kept the ledger of notices {folder} for {_PATIENCE:g} seconds: "
                "look for a notice_ledger that hangs on this host."
            )
        time.sleep(0.05)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(identity: str) -> str:
    """The file's name: the identity, or as much of it as fits with a digest of the whole."""
    # Identities come from us, and are fit for a file's name; this holds where one does not.
    safe = "".join(char if char.isalnum() or char in "._-" else "-" for char in identity).lstrip(".")
    if safe != identity or len(identity) > _LONGEST_NAME:
        safe = f"{safe[:_LONGEST_NAME]}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    return safe + _SUFFIX


def summary_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry without its text."""
    return {key: value for key, value in entry.items() if key not in ("body", "schema")}
