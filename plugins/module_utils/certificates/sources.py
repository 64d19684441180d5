# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where certificates are looked for on the file system: files, folders, patterns."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

from . import lineages


@dataclass(frozen=True)
class Source:
    """A file, a folder or a pattern, and what is expected of the certificates found there.

    recurse: folders below, too. key: file of the private key that belongs to one of its certificates.
    names: that its certificates must cover between them. trust_store: that their chains must lead to, where it
    is another one than the policy's. self_signed: whether such certificates are expected; None judges by names.
    password_file, password_env: where the password of its keystores and private keys is; one of them at most.
    """

    path: str
    recurse: bool = False
    key: Optional[str] = None
    names: Sequence[str] = ()
    trust_store: Optional[str] = None
    self_signed: Optional[bool] = None
    password_file: Optional[str] = None
    password_env: Optional[str] = None


class Candidate(NamedTuple):
    """A file to look into. source: number of the source. named: by itself, not found in a folder.

    key: file of the private key that must belong to the certificate in it; empty where none is known.
    """

    path: str
    source: int
    named: bool
    key: str = ""


class Problem(NamedTuple):
    """What could not be looked at, and why, in words that end the sentence "... could not be read: ".

    source: number of the source it belongs to.
    """

    place: str
    reason: str
    source: int


def expand(sources: Sequence[Source], *, exclude: Sequence[str] = ()) -> tuple[list[Candidate], list[Problem]]:
    """Every file of the sources, sorted within each, and what could not be looked at.

    exclude: shell patterns of paths to leave out, ``*`` reaching over slashes. A file that several sources
    lead to is a candidate of each.
    """
    excluded = _matcher(exclude)
    candidates: list[Candidate] = []
    problems: list[Problem] = []
    for number, source in enumerate(sources):
        walk = _Walk(number, recurse=source.recurse, excluded=excluded, problems=problems)
        if glob.has_magic(source.path) and not os.path.lexists(source.path):
            matches = _matches(source.path)
            if not matches:
                reason = "no file matches the pattern, or its folder may not be listed by this account"
                problems.append(Problem(source.path, reason, number))
            for match in matches:
                walk.visit(match)
            named = False
        else:
            named = not os.path.isdir(source.path)
            walk.visit(source.path)
        keys = lineages.keys(walk.files)
        candidates += [Candidate(path, number, named, keys.get(path, "")) for path in sorted(walk.files)]
    return candidates, problems


def _matches(pattern: str) -> list[str]:
    """The paths that match, each folder's once: ``**`` follows links that lead back up, forty times over."""
    folders: dict[str, str] = {}
    found: dict[tuple[str, str], str] = {}
    for path in sorted(glob.glob(pattern, recursive=True), key=lambda path: (path.count("/"), path)):
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        found.setdefault((folders[folder], name), path)
    return list(found.values())


def _matcher(patterns: Sequence[str]) -> Callable[[str], object]:
    if not patterns:
        return lambda path: None
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns)).match


class _Walk:
    """Collects the files of one source. Folders that links lead back to are entered once."""

    def __init__(
        self, number: int, *, recurse: bool, excluded: Callable[[str], object], problems: list[Problem]
    ) -> None:
        self.files: list[str] = []
        self._number = number
        self._recurse = recurse
        self._excluded = excluded
        self._problems = problems
        self._entered: set[tuple[int, int]] = set()

    def visit(self, path: str) -> None:
        if self._excluded(path):
            return
        if os.path.isdir(path):
            self._list(path)
        else:
            self.files.append(path)

    def _list(self, folder: str) -> None:
        try:
            state = os.stat(folder)
            if (state.st_dev, state.st_ino) in self._entered:
                return
            self._entered.add((state.st_dev, state.st_ino))
            with os.scandir(folder) as entries:
                below = [entry.path for entry in entries if self._take(entry)]
        except OSError as error:
            self._problems.append(Problem(folder, reason_of(error), self._number))
            return
        for path in sorted(below):
            self._list(path)

    def _take(self, entry: os.DirEntry[str]) -> bool:
        """Notes the file; tells whether the entry is a folder to go into."""
        if self._excluded(entry.path):
            return False
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:  # a link in a circle, or to where this account may not look: reading it tells
            is_folder, is_file = False, True
        if is_folder:
            # A folder of lineages is one thing to its user, and what they leave behind is in no use.
            return not lineages.is_archive(entry.path) if self._recurse else lineages.is_one(entry.path)
        # Sockets, devices and pipes are left out; a link that leads nowhere is not.
        if is_file or entry.is_symlink():
            self.files.append(entry.path)
        return False


def reason_of(error: OSError) -> str:
    """The error in the system's words, and what helps against it."""
    words = (error.strerror or type(error).__name__).lower()
    if isinstance(error, PermissionError):
        return f"{words}, look as an account that may read it (become)"
    return words
