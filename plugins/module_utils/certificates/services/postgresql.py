# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate PostgreSQL uses, by its configuration (https://www.postgresql.org/docs/current/config-setting.html)."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional

from ..sources import reason_of
from .use import ANY_IPV4, ANY_IPV6, Files, Listen, Nesting, Pair, Reading, Trouble, Use, beside

DEFAULT = "/etc/postgresql/*/*/postgresql.conf"
_LINE = re.compile(
    r"^\s*(?P<name>[A-Za-z_][\w.]*)\s*(?:=\s*|\s)\s*(?:'(?P<quoted>(?:[^'\\]|''|\\.)*)'|(?P<plain>[^\s#']+))\s*(?:#.*)?$"
)
_ON = ("on", "true", "yes")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class _Setting(NamedTuple):
    value: str
    where: str


def read(path: str, files: Files) -> Reading:
    """What the configuration with this main file says."""
    settings = _Settings(files)
    settings.load(path, 0)
    reading = Reading(troubles=settings.troubles)
    if settings.troubles and not settings.known:
        return reading
    folder = beside(settings.value("data_directory", "."), os.path.dirname(os.path.abspath(path)))
    # What ALTER SYSTEM wrote goes before all files.
    settings.load(os.path.join(folder, "postgresql.auto.conf"), 0, needed=False)
    if not _is_on(settings.value("ssl", "off")):
        return reading
    port = settings.known.get("port", _Setting("5432", path))
    if not port.value.isdigit():
        reading.troubles.append(Trouble(port.where, f"{port.value} is no port"))
        return reading
    certificate = settings.known.get("ssl_cert_file", _Setting("server.crt", path))
    key = settings.value("ssl_key_file", "server.key")
    listens = _listens(settings.value("listen_addresses", "localhost"), int(port.value))
    pair = Pair(beside(certificate.value, folder), beside(key, folder))
    reading.uses.append(Use("postgresql", certificate.where, (pair,), tuple(listens), starttls="postgres"))
    return reading


class _Settings:
    """The settings of all files; of several, the last counts."""

    def __init__(self, files: Files) -> None:
        self.known: dict[str, _Setting] = {}
        self.troubles: list[Trouble] = []
        self._nesting = Nesting(self.troubles)
        self._files = files

    def value(self, name: str, default: str) -> str:
        return self.known[name].value if name in self.known else default

    def load(self, path: str, depth: int, *, needed: bool = True) -> None:
        """Takes over what the file says. needed: whether it must exist."""
        try:
            text = self._files.read(path)
        except FileNotFoundError as error:
            if needed:
                self.troubles.append(Trouble(path, reason_of(error)))
            return
        except OSError as error:
            self.troubles.append(Trouble(path, reason_of(error)))
            return
        for number, line in enumerate(text.splitlines(), 1):
            self._take(line, f"{path}:{number}", os.path.dirname(os.path.abspath(path)), depth)

    def _take(self, line: str, where: str, folder: str, depth: int) -> None:
        match = _LINE.match(line)
        if match is None:
            if line.strip() and not line.lstrip().startswith("#"):
                self.troubles.append(Trouble(where, "this line is no setting"))
            return
        name, value = match["name"].lower(), _unquoted(match["quoted"], match["plain"])
        if name in ("include", "include_if_exists", "include_dir"):
            if not self._nesting.allows(depth + 1, where):
                return
            if name == "include_dir":
                for one in self._files.glob(os.path.join(beside(value, folder), "*.conf")):
                    self.load(one, depth + 1)
            else:
                self.load(beside(value, folder), depth + 1, needed=name == "include")
        else:
            self.known[name] = _Setting(value, where)


def _unquoted(quoted: Optional[str], plain: Optional[str]) -> str:
    if quoted is None:
        return plain or ""
    return re.sub(r"''|\\(.)", lambda match: _ESCAPES.get(match[1], match[1]) if match[1] else "'", quoted)


def _is_on(value: str) -> bool:
    """A boolean as PostgreSQL reads it: also the beginning of a word that is no other's."""
    plain = value.lower()
    return plain == "1" or (bool(plain) and plain != "o" and any(word.startswith(plain) for word in _ON))


def _listens(value: str, port: int) -> list[Listen]:
    hosts: list[str] = []
    for name in (part.strip().strip('"') for part in value.split(",")):
        if name == "*":
            hosts += [ANY_IPV4, ANY_IPV6]
        elif name and not name.startswith("/"):
            hosts.append({"0.0.0.0": ANY_IPV4}.get(name, name))  # noqa: S104 - read, not bound
    return [Listen(host, port, default=True) for host in dict.fromkeys(hosts)]
