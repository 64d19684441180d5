# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a certificate lies, and how a new one gets there: what certbot and other clients have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional, Protocol

from ..files import acl_of, write_atomic
from ..runner import Runner
from .pair import Pair


class OrderFailed(Exception):
    """The ACME client did not come through. output: all that it said."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


class Hook(NamedTuple):
    """What the client's own configuration wants to be done with a new certificate."""

    argv: Sequence[str]
    environment: Mapping[str, str]


class Store(Protocol):
    """The files of one certificate. Every method may raise OSError.

    in_place: whether the client writes what services read by itself.
    """

    in_place: bool

    def present(self) -> Pair:
        """What services are given now, though unreadable. Raises MaintenanceError."""

    def directory(self) -> str:
        """Address of the authority's ACME directory; empty where it is not known."""

    def order(self, run: Runner, *, timeout: float) -> None:
        """Has the client obtain a new certificate. Raises OrderFailed, MaintenanceError."""

    def obtained(self) -> Optional[Pair]:
        """What the client obtained last; None where there is nothing. Raises Unusable."""

    def forget(self) -> None:
        """Removes what was obtained, where it is ours."""

    def back_up(self, folder: str) -> None:
        """Copies everything that a renewal changes into the folder."""

    def install(self) -> None:
        """Gives services what was obtained. A second time, it changes nothing. Raises Unusable."""

    def restore(self, folder: str) -> None:
        """Makes everything as it is in the backup. A second time, it changes nothing."""

    def withdraw(self, folder: str) -> None:
        """Takes away what we put beside what is there, whoever put that there. folder: the backup."""

    def backed_up(self, folder: str) -> Pair:
        """What services had been given when the backup was taken, though unreadable."""

    def hooks(self) -> list[Hook]:
        """What is to be run once the new certificate is in use."""


def read_file(path: str) -> bytes:
    """The file's whole content. Raises OSError."""
    with open(path, "rb") as stream:
        return stream.read()


def replace_content(path: str, content: bytes, *, like: str) -> None:
    """Gives the file, which may be a link to it, this content, with the owner and permissions of another.

    Its access control list stays where the other one has none: a backup may lie where there are no such lists.
    """
    target = os.path.realpath(path)
    state = os.stat(like)
    try:
        owner = (state.st_uid, state.st_gid)
        write_atomic(target, content, mode=state.st_mode & 0o7777, owner=owner, acl=acl_of(like) or acl_of(target))
    except OSError as error:
        error.filename = target  # a full disk has no name
        raise
