# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers of configurations have in common: what they find, and the files they are handed."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

ANY_IPV4 = "*"
ANY_IPV6 = "::"
_LARGEST = 16 * 1024 * 1024
_DEEPEST = 16


class Pair(NamedTuple):
    """A certificate file and the file of its key; an empty key stands in the same file. password_file: the key's.

    chain: file of its issuers, where that is another one.
    """

    certificate: str
    key: str = ""
    password_file: str = ""
    chain: str = ""


class Listen(NamedTuple):
    """Where TLS is served. host: an address, or ANY_IPV4, ANY_IPV6. default: to clients that name no server, too.

    proxied: the PROXY protocol comes before all else there.
    """

    host: str
    port: int
    default: bool = False
    proxied: bool = False

    @property
    def label(self) -> str:
        """How people write it: *:443, [::]:443."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Use:
    """One use of certificates by a service.

    pairs: which the service chooses from by the kinds of keys that the client knows. names: of the server, as
    clients ask for it, with wildcards (``*.example.org``). by_certificate: the names are those that stand in
    the certificate, less those excluded. first_match: the first server that a name fits gets it, be it by a
    wildcard; else an exact name goes before. several: of servers with the same name, the kind of key decides.
    starttls: protocol that comes before TLS. where: file:line.
    """

    service: str
    where: str
    pairs: Sequence[Pair]
    listens: Sequence[Listen] = ()
    names: Sequence[str] = ()
    by_certificate: bool = False
    excluded: Sequence[str] = ()
    first_match: bool = False
    several: bool = False
    starttls: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """Its certificate files."""
        return tuple(pair.certificate for pair in self.pairs)


class Trouble(NamedTuple):
    """What could not be found out, in words that end a sentence; where: the file, or file:line."""

    where: str
    reason: str


@dataclass
class Reading:
    """What a configuration says."""

    uses: list[Use] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


class Files(Protocol):
    """Access to files, handed to the readers."""

    def read(self, path: str) -> str:
        """The whole text. Raises OSError."""

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, sorted; hidden ones only where the pattern names the dot."""

    def isdir(self, path: str) -> bool:
        """Whether it is a folder."""


class Disk:
    """The files of this host."""

    def read(self, path: str) -> str:
        """The whole text; bytes that are no UTF-8 survive in paths. Raises OSError."""
        if "\0" in path:
            raise OSError(0, "it is no path that can exist")
        if not os.path.isfile(path) and os.path.exists(path):
            raise OSError(0, "it is no regular file")
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise OSError(0, f"it is larger than {_LARGEST // 1024 // 1024} MiB")
        return text

    def glob(self, pattern: str) -> list[str]:
        return [] if "\0" in pattern else sorted(glob.glob(pattern))

    def isdir(self, path: str) -> bool:
        return os.path.isdir(path)


def beside(path: str, folder: str) -> str:
    """The path; one that is relative, from this folder on."""
    return os.path.normpath(os.path.join(folder, path))


class Nesting:
    """How deep files include each other. Once that is a circle, no more is included: it would take for ever."""

    def __init__(self, troubles: list[Trouble]) -> None:
        self._troubles = troubles
        self._circle = False

    def allows(self, depth: int, where: str) -> bool:
        """Whether something may be included here, at this depth; tells once where it may not."""
        if depth > _DEEPEST and not self._circle:
            self._circle = True
            self._troubles.append(Trouble(where, "its files include each other in a circle"))
        return not self._circle
