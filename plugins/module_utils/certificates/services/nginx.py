# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates nginx uses, by its configuration (https://nginx.org/en/docs/, "Configuring HTTPS servers")."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, Optional

from ..sources import reason_of
from . import nginx_listen, nginx_text
from .nginx_text import Broken, Directive
from .use import Files, Listen, Nesting, Pair, Reading, Trouble, Use, beside

DEFAULT = "/etc/nginx/nginx.conf"
_NO_FILE = ("data:", "engine:", "store:")
_MAIL_PORTS = {25: "smtp", 587: "smtp", 2525: "smtp", 110: "pop3", 995: "pop3", 143: "imap", 993: "imap"}


def read(path: str, files: Files) -> Reading:
    """What the configuration with this main file says."""
    reading = Reading()
    loader = _Loader(files, os.path.dirname(os.path.abspath(path)), reading)
    for block in loader.load(path, 0):
        if block.words[0] in ("http", "stream", "mail") and block.block is not None:
            _Part(block, loader.folder, reading).read()
    return reading


class _Loader:
    """Reads files, each ``include`` replaced by what it leads to."""

    def __init__(self, files: Files, folder: str, reading: Reading) -> None:
        self.folder = folder
        self._files = files
        self._reading = reading
        self._nesting = Nesting(reading.troubles)

    def load(self, path: str, depth: int) -> list[Directive]:
        try:
            directives = nginx_text.parse(self._files.read(path), path)
        except OSError as error:
            self._reading.troubles.append(Trouble(path, reason_of(error)))
            return []
        except Broken as error:
            self._reading.troubles.append(Trouble(error.where, error.reason))
            return []
        return self._included(directives, depth)

    def _included(self, directives: Sequence[Directive], depth: int) -> list[Directive]:
        whole: list[Directive] = []
        for one in directives:
            if one.words[0] == "include" and len(one.words) == 2:
                whole += self._include(one, depth)
            elif one.block is not None:
                whole.append(one._replace(block=self._included(one.block, depth)))
            else:
                whole.append(one)
        return whole

    def _include(self, one: Directive, depth: int) -> list[Directive]:
        pattern = beside(one.words[1], self.folder)
        paths = self._files.glob(pattern) if set(pattern) & set("*?[") else [pattern]
        return [
            directive
            for path in paths
            if self._nesting.allows(depth + 1, one.where)
            for directive in self.load(path, depth + 1)
        ]


class _Server(NamedTuple):
    """A server block and where it listens. pairs: None where a certificate is no file.

    hidden: whether it speaks TLS where nobody can ask it, at a path (``unix:``) or by QUIC.
    """

    block: Directive
    listens: list[nginx_listen.Listening]
    pairs: Optional[list[Pair]]
    secured: bool
    starttls: str
    hidden: bool


class _Part:
    """One of http, stream and mail, which have servers of their own."""

    def __init__(self, block: Directive, folder: str, reading: Reading) -> None:
        self._kind = block.words[0]
        self._outer = block
        self._folder = folder
        self._reading = reading

    def read(self) -> None:
        servers = [self._server(one) for one in self._outer.block or () if one.words[0] == "server" and one.block]
        # Where one server of a socket speaks TLS, all of them do.
        secured = {
            listening.socket
            for server in servers
            for listening in server.listens
            if listening.ssl or server.secured or server.starttls
        }
        proxied = {one.socket for server in servers for one in server.listens if one.proxied}
        first = _defaults(servers)
        for number, server in enumerate(servers):
            listens = [
                Listen(*listening.socket, first[listening.socket] == number, listening.socket in proxied)
                for listening in server.listens
                if listening.socket in secured
            ]
            if listens or server.hidden:
                self._note(server, listens)

    def _note(self, server: _Server, listens: Sequence[Listen]) -> None:
        where = server.block.where
        if server.pairs is None or self._value(server.block, "ssl_reject_handshake") == "on":
            return
        if not server.pairs:
            self._reading.troubles.append(Trouble(where, "this server speaks TLS but has no ssl_certificate"))
            return
        names = _names(server.block) if self._kind != "mail" else []
        # Of several protocols, each port has its own.
        for starttls in dict.fromkeys(self._protocol(server, listen.port) for listen in listens) or [""]:
            own = tuple(listen for listen in listens if self._protocol(server, listen.port) == starttls)
            self._reading.uses.append(Use("nginx", where, tuple(server.pairs), own, tuple(names), starttls=starttls))

    def _protocol(self, server: _Server, port: int) -> str:
        if not server.starttls or any(one.port == port and one.ssl for one in server.listens):
            return ""
        return self._value(server.block, "protocol") or _MAIL_PORTS.get(port, "smtp")

    def _server(self, block: Directive) -> _Server:
        given = [one.words[1:] for one in block.block or () if one.words[0] == "listen" and len(one.words) > 1]
        if self._kind == "http" and not given:
            given = [["*:80"]]
        listens = [one for words in given for one in nginx_listen.parse(words, default_port=80)]
        secret = [words for words in given if {"ssl", "quic"} & set(words)]
        hidden = any(not nginx_listen.parse(words, default_port=80) for words in secret)
        starttls = self._kind == "mail" and self._value(block, "starttls") in ("on", "only")
        secured = self._value(block, "ssl") == "on"
        return _Server(block, listens, self._pairs(block), secured, "starttls" if starttls else "", hidden)

    def _pairs(self, block: Directive) -> Optional[list[Pair]]:
        """Certificates and keys in their order; None where one of them is no file, which is noted."""
        certificates = self._values(block, "ssl_certificate")
        keys = self._values(block, "ssl_certificate_key")
        password = self._value(block, "ssl_password_file")
        pairs = []
        for number, one in enumerate(certificates):
            key = keys[number].words[1] if number < len(keys) else ""
            reason = _no_file(one.words[1])
            if reason:
                self._reading.troubles.append(Trouble(one.where, reason))
                return None
            pairs.append(
                Pair(
                    beside(one.words[1], self._folder),
                    "" if not key or _no_file(key) else beside(key, self._folder),
                    beside(password, self._folder) if password else "",
                )
            )
        return pairs

    def _values(self, block: Directive, name: str) -> list[Directive]:
        """The directives of this name in the server, or those around it where it has none."""
        for inside in (block.block, self._outer.block):
            found = [one for one in inside or () if one.words[0] == name and len(one.words) > 1]
            if found:
                return found
        return []

    def _value(self, block: Directive, name: str) -> str:
        found = self._values(block, name)
        return found[-1].words[1] if found else ""


def _defaults(servers: Sequence[_Server]) -> dict[tuple[str, int], int]:
    """Of each socket the number of the server for clients that name none: the one that says so, or the first."""
    wanting: dict[tuple[str, int], list[tuple[bool, int]]] = defaultdict(list)
    for number, server in enumerate(servers):
        for listening in server.listens:
            wanting[listening.socket].append((not listening.default, number))
    return {socket: min(candidates)[1] for socket, candidates in wanting.items()}


def _names(block: Directive) -> list[str]:
    """The names of the server. Those by regular expression, and with a wildcard at the end, name nothing."""
    names: list[str] = []
    for one in block.block or ():
        if one.words[0] != "server_name":
            continue
        for name in one.words[1:]:
            if name.startswith("."):  # short for both
                names += [name[1:], f"*{name}"]
            elif name not in ("", "_") and not set(name) & set("~$") and not name.endswith("*"):
                names.append(name)
    return names


def _no_file(value: str) -> str:
    """Why the value names no file that can be looked into; empty where it does."""
    if "$" in value:
        return f"which certificate it serves depends on a variable ({value})"
    if value.startswith(_NO_FILE):
        return f"the certificate is in no file of its own ({value.partition(':')[0]}:...)"
    return ""
