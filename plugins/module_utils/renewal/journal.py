# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a renewal was doing, written down before it does it, so that a later run can go on or go back."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from .. import files
from ..files import sweep, write_atomic

ORDERING = "ordering"
INSTALLING = "installing"
# In place as a whole, until the configuration of a service is in order.
WAITING = "waiting"


class Journal:
    """The notes on one certificate, in a folder of its own. The folder is made when something is written."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def unfinished(self) -> Optional[dict[str, Any]]:
        """What the last run did not come to the end of."""
        return self._read("journal.json")

    def begin(self, phase: str, **details: Any) -> None:
        """From here on, the phase is found by the next run until it is said to be over."""
        self._write("journal.json", {"phase": phase, **details})

    def over(self) -> None:
        """Nothing is left to go on with."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._folder, "journal.json"))

    def kept(self, what: str) -> dict[str, Any]:
        """What an earlier run wanted to be remembered."""
        return self._read(f"{what}.json") or {}

    def keep(self, what: str, details: Mapping[str, Any]) -> None:
        """Remembers it; nothing new is written where it is known already."""
        if self.kept(what) != details:
            self._write(f"{what}.json", details)

    def _read(self, name: str) -> Optional[dict[str, Any]]:
        try:
            with open(os.path.join(self._folder, name), encoding="utf-8") as stream:
                content = json.load(stream)
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        sweep(os.path.join(self._folder, name))
        write_atomic(os.path.join(self._folder, name), json.dumps(content, sort_keys=True).encode(), mode=0o600)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[int]:
    """The right to renew with this state; yields the lock's descriptor.

    A program that inherits the descriptor holds the lock as long as it lives, also when we are killed.
    Raises MaintenanceError where somebody else has it, OSError where the folder cannot be made.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, "lock")
    busy = f"Another renewal, or an ACME client that a killed one left, holds {path}: wait for its end."
    with files.locked(path, busy=busy) as descriptor:
        yield descriptor


def is_locked(folder: str) -> bool:
    """Whether somebody renews with this state right now."""
    try:
        return files.is_locked(os.path.join(folder, "lock"))
    except OSError:
        return False
