# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that pg_backup keeps: which files are its own, which are left over, which may go."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional
from urllib.parse import quote

from .. import files
from ..errors import MaintenanceError
from .archive import Damage
from .blocks import look
from .sidecar import SIDECARS, read_manifest

_STAMP = "%Y%m%dT%H%M%SZ"
PARTIAL = ".partial"


@dataclass(frozen=True)
class Naming:
    """The names of one database's backups. template: with ``{database}`` and ``{timestamp}``."""

    database: str
    template: str = "{database}-{timestamp}.dump"

    def __post_init__(self) -> None:
        if not self.database:
            raise MaintenanceError("The option database must name the database to back up; it is empty.")
        if "/" in self.template or any(self.template.count(part) != 1 for part in ("{database}", "{timestamp}")):
            raise MaintenanceError(
                f"The option name must be a file name with {{database}} and {{timestamp}} in it once each, "
                f"such as {{database}}-{{timestamp}}.dump, not {self.template!r}."
            )

    def name_at(self, moment: datetime) -> str:
        return self._filled(moment.astimezone(timezone.utc).strftime(_STAMP))

    def moment_of(self, name: str) -> Optional[datetime]:
        """When the backup of this name was begun; None where the name is no backup's of this database."""
        match = re.fullmatch(self._pattern(), name)
        return self._moment(match.group(1)) if match else None

    def is_leftover(self, name: str) -> bool:
        """Whether only an interrupted run of ours leaves such a name."""
        beside = "|".join(re.escape(suffix) for suffix in SIDECARS)
        return bool(re.fullmatch(rf"\.?{self._pattern()}({beside})?(\.[a-z0-9_]+)?{re.escape(PARTIAL)}", name))

    def _filled(self, timestamp: str) -> str:
        # quote: a database may have a slash in its name.
        return self.template.replace("{database}", quote(self.database, safe="")).replace("{timestamp}", timestamp)

    def _pattern(self) -> str:
        return re.escape(self._filled("\0")).replace(re.escape("\0"), r"(\d{8}T\d{6}Z)")

    @staticmethod
    def _moment(text: str) -> Optional[datetime]:
        try:
            return datetime.strptime(text, _STAMP).replace(tzinfo=timezone.utc)
        except ValueError:
            return None


@dataclass(frozen=True)
class Kept:
    """A backup in the folder. problem: why it is no good one, ``""`` where it is."""

    path: str
    moment: datetime
    bytes: int
    problem: str = ""


def kept_backups(directory: str, naming: Naming) -> list[Kept]:
    """Our backups in the folder, newest first, each looked at. Raises OSError for the folder."""
    found = []
    for name in os.listdir(directory):
        moment = naming.moment_of(name)
        if moment is not None:
            found.append(_examine(os.path.join(directory, name), moment, naming.database))
    return sorted(found, key=lambda backup: backup.moment, reverse=True)


def _examine(path: str, moment: datetime, database: str) -> Kept:
    size = 0
    try:
        size = os.stat(path).st_size
        archive = look(path)
    except Damage as damage:
        return Kept(path, moment, size, problem=str(damage))
    except OSError as error:
        return Kept(path, moment, size, problem=f"cannot be read: {error.strerror}")
    if archive.database != database:
        return Kept(path, moment, size, problem=f"is of the database {archive.database}")
    manifest = read_manifest(path)
    if manifest is not None and manifest.size != size:
        return Kept(path, moment, size, problem=f"has {size:,} bytes, its manifest says {manifest.size:,}")
    return Kept(path, moment, size)


def removable(kept: Sequence[Kept], *, keep: int) -> list[Kept]:
    """The good backups that are older than the newest ``keep`` good ones. 0 keeps all.

    Damaged ones are neither counted nor removed: they are somebody's to look at. So the last good one stays always.
    """
    good = [backup for backup in sorted(kept, key=lambda backup: backup.moment, reverse=True) if not backup.problem]
    return good[keep:] if keep > 0 else []


def leftovers(directory: str, naming: Naming) -> list[str]:
    """Paths that an interrupted run left: partial files, and sidecars without their backup. Raises OSError."""
    names = set(os.listdir(directory))
    found = [name for name in names if naming.is_leftover(name)]
    for suffix in SIDECARS:
        found += [
            name
            for name in names
            if name.endswith(suffix)
            and naming.moment_of(name[: -len(suffix)]) is not None
            and name[: -len(suffix)] not in names
        ]
    return sorted(os.path.join(directory, name) for name in found)


def remove_backup(path: str) -> None:
    """The backup first, so that what an interruption leaves is known as left over. Raises OSError."""
    os.unlink(path)
    for suffix in SIDECARS:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)


@contextlib.contextmanager
def locked(directory: str, database: str) -> Iterator[int]:
    """The right to write this database's backups in this folder; yields the lock's file descriptor.

    A program that inherits the descriptor holds the lock as long as it lives, also when we are killed.
    Raises MaintenanceError where another process has it.
    """
    path = _lock_path(directory, database)
    holder = files.text_of(path, longest=32).strip() or "unknown"
    busy = f"Another backup of {database} into {directory} is running (process {holder}): wait for its end."
    with files.locked(path, busy=busy) as descriptor:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield descriptor


def is_locked(directory: str, database: str) -> bool:
    """Whether another process has that right now. Raises OSError where the lock may not be looked at."""
    return files.is_locked(_lock_path(directory, database))


def _lock_path(directory: str, database: str) -> str:
    return os.path.join(directory, f".{quote(database, safe='')}.lock")
