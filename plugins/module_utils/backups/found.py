# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the backups of a database, and what each of them says about itself."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Optional

from ..errors import MaintenanceError
from .access import account, why_not
from .archive import Archive, Damage
from .blocks import look, read_through
from .folder import PARTIAL
from .outside import count_rows
from .policy import Policy
from .sidecar import SIDECARS, read_manifest
from .zones import utc_offset


@dataclass(frozen=True)
class Found:
    """One backup. created: UTC, from the archive's head. modified: of the file, UTC.

    damage: what is wrong, ``""`` where nothing is; ``unreadable`` where this account could not look.
    problem: the same as the rest of the sentence "The backup <path> ...".
    rows, sha256: known once it was read whole.
    """

    path: str
    size: int = 0
    archive: Optional[Archive] = None
    created: Optional[datetime] = None
    modified: Optional[datetime] = None
    damage: str = ""
    problem: str = ""
    read_whole: bool = False
    sha256: str = ""
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing is known against it."""
        return not self.damage


def find_backups(policy: Policy) -> list[Found]:
    """Every backup that the policy names, newest first; those without a moment last.

    Raises MaintenanceError for a folder that is not there or may not be read.
    """
    found = [_examine(path, policy) for path in find_paths(policy.backups, pattern=policy.pattern)]
    oldest = datetime.min.replace(tzinfo=timezone.utc)
    return sorted(found, key=lambda backup: (backup.created or oldest, backup.path), reverse=True)


def find_paths(places: Sequence[str], *, pattern: str) -> list[str]:
    """The files that folders, globs and paths stand for, each once. Raises MaintenanceError."""
    paths: dict[str, str] = {}
    for place in places:
        for path in _paths_of(place, pattern):
            paths.setdefault(os.path.realpath(path), path)
    return sorted(paths.values())


def _paths_of(place: str, pattern: str) -> list[str]:
    if os.path.isdir(place):
        problem = why_not(place)
        if problem:
            raise MaintenanceError(problem)
        names = (name for name in os.listdir(place) if fnmatch.fnmatchcase(name, pattern))
        paths = [os.path.join(place, name) for name in names if not name.startswith(".")]
    elif glob.has_magic(place):
        paths = glob.glob(place)
    elif os.path.lexists(place):
        return [place]
    else:
        # The folder tells more exactly what is wrong, such as a volume that is not mounted.
        problem = why_not(os.path.dirname(place) or "/")
        raise MaintenanceError(problem or f"There is no backup {place}: correct the option backups.")
    return [path for path in paths if not path.endswith((PARTIAL, *SIDECARS)) and not os.path.isdir(path)]


def _examine(path: str, policy: Policy) -> Found:
    found = Found(path)
    try:
        status = os.stat(path)
        modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
        found = replace(found, size=status.st_size, modified=modified)
        archive = look(path)
    except Damage as damage:
        return replace(found, damage=damage.kind, problem=str(damage))
    except OSError as error:
        return replace(
            found,
            damage="unreadable",
            problem=f"cannot be read by the account {account()} ({error.strerror}); correct its permissions or ours",
        )
    created = _moment_of(path, archive, size=found.size, zone=policy.archive_timezone)
    found = replace(found, archive=archive, created=created)
    if archive.database != policy.database:
        return replace(
            found,
            damage="wrong_database",
            problem=f"is of the database {archive.database}, not of {policy.database}",
        )
    bare = tables_without_data(archive, allowed=policy.without_data)
    if bare:
        names = ", ".join(bare[:3]) + (" ..." if len(bare) > 3 else "")
        return replace(
            found,
            damage="missing_member",
            problem=f"lists the table {names} but holds none of its rows; dump it with its data, "
            "or name it in without_data",
        )
    return found


def _moment_of(path: str, archive: Archive, *, size: int, zone: str) -> datetime:
    manifest = read_manifest(path)
    if manifest is not None and manifest.size == size:
        offset = timedelta(seconds=manifest.utc_offset)
    else:
        offset = utc_offset(archive.created, daylight_saving=archive.daylight_saving, zone=zone)
    return (archive.created - offset).replace(tzinfo=timezone.utc)


def tables_without_data(archive: Archive, *, allowed: Sequence[str]) -> list[str]:
    """Tables that the archive lists, but not their rows. allowed: globs of schema.table."""
    with_data = {(entry.schema, entry.tag) for entry in archive.of_kind("TABLE DATA")}
    return [
        entry.name
        for entry in archive.of_kind("TABLE")
        if not entry.partitioned
        and (entry.schema, entry.tag) not in with_data
        and not any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in allowed)
    ]


def read_whole(found: Found, *, bindir: str, timeout: int) -> Found:
    """The same backup after its last byte was read: with its rows and SHA-256, or with its damage.

    Raises MaintenanceError where pg_restore is needed (lz4, zstd) and missing.
    """
    try:
        reading, damage, sha256 = read_through(found.path)
    except OSError as error:
        return replace(found, damage="unreadable", problem=f"cannot be read to its end: {error.strerror}")
    found = replace(found, read_whole=True, sha256=sha256)
    if reading is None:
        # What was known before, a wrong database for instance, stays the graver news.
        return found if found.damage else replace(found, damage=damage.kind if damage else "", problem=str(damage))
    if reading.inflated:
        return replace(found, rows=reading.rows)
    rows, problem = count_rows(found.path, reading.archive, bindir=bindir, timeout=timeout)
    if problem and not found.damage:
        return replace(found, damage="corrupt", problem=problem)
    return replace(found, rows=rows)
