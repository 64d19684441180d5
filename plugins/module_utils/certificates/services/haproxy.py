# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates HAProxy uses, by its configuration (https://docs.haproxy.org/, "bind", "crt", "crt-list")."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..sources import reason_of
from . import haproxy_text
from .use import ANY_IPV4, ANY_IPV6, Files, Listen, Pair, Reading, Trouble, Use, beside

DEFAULT = "/etc/haproxy/haproxy.cfg"
_RESERVED = (".key", ".issuer", ".ocsp", ".sctl")
_KINDS_OF_KEY = (".rsa", ".ecdsa", ".dsa")
_NO_TCP = ("unix@", "abns@", "abnsz@", "fd@", "sockpair@", "rhttp@", "quic", "udp", "uxst@", "uxdg@", "rev@", "/")
_WITH_VALUE = frozenset(("name", "interface", "user", "group", "id", "alpn", "npn", "namespace"))
_MOST_PORTS = 64


@dataclass
class _Global:
    """What the section ``global`` says. crt_base: where relative certificates are."""

    crt_base: str = ""
    folder: str = "/"
    variables: dict[str, str] = field(default_factory=dict)


class _Entry(NamedTuple):
    """A certificate of a bind line. filters: of its crt-list. default: said to be it."""

    path: str
    where: str
    filters: Sequence[str] = ()
    default: bool = False


def read(path: str, files: Files) -> Reading:
    """What the configuration in this file, or in the ``*.cfg`` files of this folder, says."""
    reading = Reading()
    known = _Global()
    paths = files.glob(os.path.join(path, "*.cfg")) if files.isdir(path) else [path]
    for one in paths:
        try:
            text = files.read(one)
        except OSError as error:
            reading.troubles.append(Trouble(one, reason_of(error)))
            continue
        _File(one, files, reading, known).read(text)
    return reading


class _File:
    """One file; those before it have said what is global."""

    def __init__(self, path: str, files: Files, reading: Reading, known: _Global) -> None:
        self._path = path
        self._files = files
        self._reading = reading
        self._global = known
        self._conditions = 0

    def read(self, text: str) -> None:
        for number, line in enumerate(text.splitlines(), 1):
            where = f"{self._path}:{number}"
            try:
                words = haproxy_text.words(line, self._global.variables)
            except ValueError as error:
                self._reading.troubles.append(Trouble(where, str(error)))
                continue
            if not words:
                continue
            self._conditions += {".if": 1, ".endif": -1}.get(words[0], 0)
            if words[0] == "bind" and len(words) > 1:
                self._bind(words[1:], where)
            elif len(words) > 1:
                self._setting(words)

    def _setting(self, words: Sequence[str]) -> None:
        name, value = words[0], words[1]
        if name == "crt-base":
            self._global.crt_base = value
        elif name == "default-path" and value in ("config", "parent"):
            self._global.folder = os.path.dirname(os.path.abspath(self._path))
        elif name == "setenv" or (name == "presetenv" and value not in self._global.variables):
            self._global.variables[value] = words[2] if len(words) > 2 else ""

    def _bind(self, words: Sequence[str], where: str) -> None:
        flags, entries = self._parameters(words[1:], where)
        if "ssl" not in flags or not entries:
            return
        if self._conditions:
            reason = "whether it holds depends on a condition (.if), it is taken as if it did"
            self._reading.troubles.append(Trouble(where, reason))
        listens = [
            Listen(host, port, proxied="accept-proxy" in flags)
            for address in words[0].split(",")
            for host, port in _sockets(address.strip(), flags)
        ]
        told = any(entry.default for entry in entries)
        for number, entry in enumerate(entries):
            first = not number and not told and "strict-sni" not in flags
            self._use(entry, [one._replace(default=entry.default or first) for one in listens], first=not number)

    def _parameters(self, words: Sequence[str], where: str) -> tuple[set[str], list[_Entry]]:
        flags: set[str] = set()
        entries: list[_Entry] = []
        following = iter(words)
        for word in following:
            if word in ("crt", "default-crt"):
                value = next(following, "")
                entries += [one._replace(default=word != "crt") for one in self._certificates(value, where)]
            elif word == "crt-list":
                entries += self._list(beside(next(following, ""), self._global.folder))
            elif word in _WITH_VALUE:
                next(following, None)
            else:
                flags.add(word)
        return flags, entries

    def _certificates(self, value: str, where: str) -> list[_Entry]:
        """The certificates that ``crt`` names: a file, those of a folder, or a bundle by kind of key."""
        reason = _no_file(value)
        if reason:
            self._reading.troubles.append(Trouble(where, reason))
            return []
        path = beside(value, self._global.crt_base or self._global.folder)
        if self._files.isdir(path):
            inside = [one for one in self._files.glob(os.path.join(path, "*")) if not one.endswith(_RESERVED)]
            return [_Entry(one, where) for one in inside if not self._files.isdir(one)]
        bundle = [path + kind for kind in _KINDS_OF_KEY if self._exists(path + kind)]
        return [_Entry(one, where) for one in ([path] if not bundle or self._exists(path) else []) + bundle]

    def _exists(self, path: str) -> bool:
        return bool(self._files.glob(_literal(path)))

    def _list(self, path: str) -> list[_Entry]:
        """The entries of a crt-list: file, options in brackets, names and those it is not for."""
        try:
            text = self._files.read(path)
        except OSError as error:
            self._reading.troubles.append(Trouble(path, reason_of(error)))
            return []
        return [
            one._replace(filters=tuple(filters))
            for number, line in enumerate(text.splitlines(), 1)
            for name, filters in _listed(line)
            for one in self._certificates(name, f"{path}:{number}")
        ]

    def _use(self, entry: _Entry, listens: Sequence[Listen], *, first: bool) -> None:
        wanted = tuple(one for one in entry.filters if not one.startswith("!"))
        unwanted = tuple(one[1:] for one in entry.filters if one.startswith("!"))
        # The first certificate is for its own names, too, whatever its filters are.
        self._reading.uses.append(
            Use(
                "haproxy",
                entry.where,
                (Pair(entry.path, self._key(entry.path)),),
                tuple(listens),
                wanted,
                by_certificate=(first or not wanted) and "*" not in unwanted,
                excluded=unwanted,
                several=True,
            )
        )

    def _key(self, path: str) -> str:
        """The file of the key, where it is one beside the certificate."""
        stem, extension = os.path.splitext(path)
        for candidate in (f"{path}.key", f"{stem}.key" if extension == ".crt" else ""):
            if candidate and self._exists(candidate):
                return candidate
        return ""


def _listed(line: str) -> Iterator[tuple[str, list[str]]]:
    words = line.split()
    if not words or words[0].startswith("#"):
        return
    rest = " ".join(words[1:])
    if rest.startswith("["):
        rest = rest.partition("]")[2]
    yield words[0], rest.split()


def _sockets(address: str, flags: set[str]) -> list[tuple[str, int]]:
    """Where this part of a bind line listens for TCP."""
    if address.startswith(_NO_TCP):
        return []
    family, at, plain = address.rpartition("@")
    host, _colon, ports = (plain if at else address).rpartition(":")
    first, _dash, last = ports.partition("-")
    if not first.isdigit():
        return []
    host = host.strip("[]")
    end = int(last) if last.isdigit() else int(first)
    hosts = [host]
    if host in ("", "*", "0.0.0.0", "::"):  # noqa: S104 - read, not bound
        hosts = [ANY_IPV6 if host == "::" or family.endswith("6") else ANY_IPV4]
        if "v4v6" in flags:
            hosts.append(ANY_IPV4)
    return [(one, port) for one in hosts for port in range(int(first), min(end, int(first) + _MOST_PORTS - 1) + 1)]


def _literal(path: str) -> str:
    """A pattern that only this path matches."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _no_file(value: str) -> str:
    if haproxy_text.UNKNOWN in value:
        return f"which certificate it serves depends on a variable ({value.replace(haproxy_text.UNKNOWN, '$')})"
    if value.startswith("@"):
        return f"the certificate is named by a crt-store ({value}), which is not read"
    return "" if value else "the path of a certificate is missing"
