# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of the demo estate lies. One folder holds all of it, so that removing it removes all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import MaintenanceError
from ..files import locked, write_atomic

# Raised when an estate built by an older version would not fit any more: it is then built anew.
LAYOUT_VERSION = 1
# A Unix socket's path has 107 bytes on Linux; the file's own name and a spare take the rest.
LONGEST_ROOT = 80

# What the estate needs, measured with 1.2 million rows: 0.6 GB of data, 0.4 GB of dumps, a restored copy.
BYTES_BASE = 400 * 1024 * 1024
BYTES_PER_ROW = 1400


@dataclass(frozen=True)
class Layout:
    """The folders of an estate. root: absolute path."""

    root: str

    def path(self, *parts: str) -> str:
        """A path inside the estate."""
        return os.path.join(self.root, *parts)

    @property
    def marker(self) -> str:
        """The file by which an estate is known as one; nothing is ever removed where it is missing."""
        return self.path("careops-demo.json")

    @property
    def bindir(self) -> str:
        """The PostgreSQL programs, wherever they really are."""
        return self.path("postgresql", "bin")

    @property
    def cluster(self) -> str:
        return self.path("database")

    @property
    def socket(self) -> str:
        return self.path("database", "socket")

    @property
    def backups(self) -> str:
        return self.path("backups")

    @property
    def certificates(self) -> str:
        return self.path("certificates")

    @property
    def authority(self) -> str:
        return self.path("authority")

    @property
    def endpoint(self) -> str:
        return self.path("endpoint")

    @property
    def aside(self) -> str:
        """What a break took away, at its path relative to the root: moving it back repairs the break."""
        return self.path("aside")

    @property
    def unreachable(self) -> str:
        """While this file exists, the inventory leads to clinic-web by a way that is closed."""
        return self.path("unreachable")


def claim(layout: Layout) -> bool:
    """Makes the estate's folder ours, or finds that it is; True where there was no estate of this version.

    Raises MaintenanceError for a folder that is somebody else's or holds something else.
    """
    if len(layout.root) > LONGEST_ROOT:
        raise MaintenanceError(
            f"The path {layout.root} is too long for a database socket: set demo_root to one of at most "
            f"{LONGEST_ROOT} characters."
        )
    try:
        os.makedirs(layout.root, mode=0o755, exist_ok=True)
    except OSError as error:
        raise MaintenanceError(
            f"The folder {layout.root} cannot be made ({error.strerror}): set demo_root to another one."
        ) from None
    _refuse_foreign(layout)
    # As root the database runs under another account, which has to get through.
    os.chmod(layout.root, 0o755 if os.geteuid() == 0 else 0o700)
    if version(layout) == LAYOUT_VERSION:
        return False
    write_atomic(layout.marker, json.dumps({"layout": LAYOUT_VERSION}).encode(), mode=0o644)
    return True


def version(layout: Layout) -> int:
    """The version of the estate that is there; 0 where there is none."""
    try:
        with open(layout.marker, encoding="utf-8") as stream:
            return int(json.load(stream)["layout"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _refuse_foreign(layout: Layout) -> None:
    if os.path.islink(layout.root) or os.stat(layout.root).st_uid != os.geteuid():
        raise MaintenanceError(f"The folder {layout.root} belongs to somebody else: set demo_root to another one.")
    # A build that was killed before it wrote its marker leaves an empty folder, or the marker's first draft.
    others = [name for name in os.listdir(layout.root) if not name.startswith(".")]
    if others and not os.path.exists(layout.marker):
        raise MaintenanceError(
            f"The folder {layout.root} holds something that is no demo estate: set demo_root to another one."
        )


def require_space(layout: Layout, rows: int) -> None:
    """Raises MaintenanceError where the disk could not take the estate."""
    needed = BYTES_BASE + rows * BYTES_PER_ROW
    free = shutil.disk_usage(layout.root).free
    if free < needed:
        raise MaintenanceError(
            f"The demo estate needs {needed / 1e9:.1f} GB in {layout.root}, and {free / 1e9:.1f} GB are free: "
            "make room, set demo_root to another disk, or build a smaller one with demo_rows."
        )


def remove(layout: Layout) -> None:
    """Deletes the whole estate; the marker last, so that what a killed removal leaves is still known as one.

    Raises MaintenanceError where something stays.
    """
    try:
        for name in os.listdir(layout.root):
            path = layout.path(name)
            if path == layout.marker:
                continue
            delete(path)
        os.unlink(layout.marker)
        os.rmdir(layout.root)
    except OSError as error:
        raise MaintenanceError(f"The demo estate could not be removed: {error}.") from None


def delete(path: str) -> None:
    """The file, link or folder. Raises OSError."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


@contextlib.contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Keeps a second run off the estate. Raises MaintenanceError where one is at work."""
    busy = f"Another run is at work on the demo estate {layout.root}: wait until it has ended."
    with locked(layout.path(".lock"), busy=busy):
        yield
