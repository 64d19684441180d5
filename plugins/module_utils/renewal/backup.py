# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of what a renewal changes: a folder for each, complete or not there, the oldest removed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from datetime import datetime

from ..clock import to_text
from ..files import sync_folder

_PARTIAL = ".partial"
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}")


def take(folder: str, *, now: datetime, fill: Callable[[str], None]) -> str:
    """Makes a backup below the folder and returns its path. fill: copies what is to be kept. Raises OSError."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith(_PARTIAL):  # of a run that was killed
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    path = _free(os.path.join(folder, to_text(now).replace(":", "")))
    os.mkdir(path + _PARTIAL, mode=0o700)
    fill(path + _PARTIAL)
    _sync(path + _PARTIAL)
    os.rename(path + _PARTIAL, path)
    sync_folder(folder)
    return path


def _free(path: str) -> str:
    number = 1
    while os.path.exists(path if number == 1 else f"{path}-{number}"):
        number += 1
    return path if number == 1 else f"{path}-{number}"


def _sync(folder: str) -> None:
    for below, _folders, files in os.walk(folder):
        for name in files:
            path = os.path.join(below, name)
            if not os.path.islink(path):
                with open(path, "rb") as stream:
                    os.fsync(stream.fileno())
        sync_folder(below)


def prune(folder: str, *, keep: int) -> None:
    """Leaves the newest so many, and what is no backup. Raises OSError."""
    for name in sorted(name for name in os.listdir(folder) if _NAME.match(name))[:-keep]:
        shutil.rmtree(os.path.join(folder, name))
