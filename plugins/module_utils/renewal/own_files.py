# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that another ACME client than certbot renews, by a command of its own."""

from __future__ import annotations

import os
import shutil
from typing import Optional

from ..files import acl_of, sweep
from ..runner import Runner
from . import pair
from .policy import Wanted
from .store import Hook, OrderFailed, read_file, replace_content


class OwnFiles:
    """Two files, or one that holds both, and a command. The client may write them itself, or keep its own."""

    def __init__(self, wanted: Wanted, *, acme_directory: str) -> None:
        self._command = wanted.command
        self._installed = (wanted.certificate, wanted.key)
        self._issued = (wanted.issued_certificate or wanted.certificate, wanted.issued_key or wanted.key)
        self._directory = acme_directory
        self.in_place = self._issued == self._installed

    def present(self) -> pair.Pair:
        return pair.read_anyway(*map(read_file, self._installed))

    def directory(self) -> str:
        return self._directory

    def order(self, run: Runner, *, timeout: float) -> None:
        done = run(self._command, timeout=timeout)
        if done.returncode:
            raise OrderFailed(f"{done.stdout}\n{done.stderr}\nexit status {done.returncode}")

    def obtained(self) -> Optional[pair.Pair]:
        if not all(map(os.path.exists, self._issued)):
            return None
        return pair.read(*map(read_file, self._issued))

    def forget(self) -> None:
        """They are the client's."""

    def back_up(self, folder: str) -> None:
        for name, path in zip(("certificate", "key"), self._installed):
            shutil.copy2(path, os.path.join(folder, name))
            state = os.stat(path)
            os.chown(os.path.join(folder, name), state.st_uid, state.st_gid)

    def install(self) -> None:
        if self._installed[0] == self._installed[1]:
            # HAProxy's way: one file with both.
            content = b"".join(read_file(issued).rstrip() + b"\n" for issued in dict.fromkeys(self._issued))
            _give(self._installed[0], content, like=self._installed[0])
            return
        # The key first: until the certificate follows, no service can be reloaded with a pair that seems right.
        for issued, installed in zip(self._issued[::-1], self._installed[::-1]):
            if not os.path.samefile(issued, installed):
                _give(installed, read_file(issued), like=installed)

    def restore(self, folder: str) -> None:
        for name, installed in zip(("key", "certificate"), self._installed[::-1]):
            sweep(os.path.realpath(installed))
            kept = os.path.join(folder, name)
            _give(installed, read_file(kept), like=kept)

    def withdraw(self, folder: str) -> None:
        for installed in self._installed:
            sweep(os.path.realpath(installed))

    def backed_up(self, folder: str) -> pair.Pair:
        return pair.read_anyway(*(read_file(os.path.join(folder, name)) for name in ("certificate", "key")))

    def hooks(self) -> list[Hook]:
        return []


def _give(path: str, content: bytes, *, like: str) -> None:
    same = os.path.exists(path) and read_file(path) == content and _access(path) == _access(like)
    if not same or acl_of(like) not in (b"", acl_of(path)):
        replace_content(path, content, like=like)


def _access(path: str) -> tuple[int, int, int]:
    state = os.stat(path)
    return state.st_mode, state.st_uid, state.st_gid
