# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are either the old one or the new one, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Optional

from .errors import MaintenanceError

_ACL = "system.posix_acl_access"


def write_atomic(
    path: str, content: bytes, *, mode: int, owner: Optional[tuple[int, int]] = None, acl: bytes = b""
) -> None:
    """Writes the file by way of a temporary one beside it: write, fsync, rename, fsync of the folder.

    mode: permission bits of the new file, set before it has its name. owner: its user and group by number;
    this process's own where it is None. acl: what acl_of tells of another file. Raises OSError.
    """
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=".partial", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            if owner:
                os.fchown(stream.fileno(), *owner)
            os.fchmod(stream.fileno(), mode)
            if acl:
                os.setxattr(stream.fileno(), _ACL, acl)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_folder(folder)


def acl_of(path: str) -> bytes:
    """Who else may use the file than its permissions say (setfacl), as the kernel has it; empty where nobody may."""
    try:
        return os.getxattr(path, _ACL)
    except OSError:
        return b""


def sweep(path: str) -> None:
    """Removes what processes that were killed left of writing this file. Raises OSError.

    For those alone who know that nobody else writes it.
    """
    folder, name = os.path.split(os.path.abspath(path))
    for other in names_in(folder):
        if other.startswith(f".{name}.") and other.endswith(".partial"):
            os.unlink(os.path.join(folder, other))


def sync_folder(folder: str) -> None:
    """Makes the names in the folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: str, *, busy: str = "", mode: int = 0o600) -> Iterator[int]:
    """Holds the lock on this file, made with these permissions where it is not there, or folder; yields its descriptor.

    A program that inherits the descriptor holds the lock as long as it lives, also when we are killed. busy: the
    words for MaintenanceError where another process has it; waits for that one's end where there are none.
    Raises OSError where it cannot be opened.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY if os.path.isdir(path) else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError:
            raise MaintenanceError(busy) from None
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: str) -> bool:
    """Whether another process holds this lock file. Raises OSError where it may not be looked at."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def names_in(folder: str) -> list[str]:
    """Names in the folder, in no order; none where it is not there or may not be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def open_plain(path: str) -> BinaryIO:
    """Opens the file for reading, and nothing that keeps its reader waiting or never ends, as a pipe or a device does.

    For what somebody else may have put something in the place of. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "It is no plain file", path)
    return os.fdopen(descriptor, "rb")


def text_of(path: str, *, longest: int = -1) -> str:
    """The file's text, or its first ``longest`` characters; empty where it is not there or may not be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(longest)
    except OSError:
        return ""
