# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates Apache uses, by its configuration (https://httpd.apache.org/docs/2.4/mod/mod_ssl.html)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from .apache_text import Loader, Statement
from .use import ANY_IPV4, ANY_IPV6, Files, Listen, Pair, Reading, Trouble, Use, beside

DEFAULT = "/etc/apache2/apache2.conf"
_EVERY_PORT = 0


@dataclass
class _Host:
    """The main server, or a virtual host. addresses: as they stand in its begin. settings: single values."""

    where: str
    addresses: Sequence[tuple[str, int]] = ()
    names: list[str] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    managed: bool = False


def read(path: str, files: Files) -> Reading:
    """What the configuration with this main file says."""
    loader = Loader(path, files)
    main, hosts = _Host(path), []
    listening: list[tuple[str, int]] = []
    current = main
    for one in loader.statements():
        if one.name == "<virtualhost":
            current = _Host(one.where, [_address(word, _EVERY_PORT) for word in one.words])
            hosts.append(current)
        elif one.name == "</virtualhost":
            current = main
        elif one.name == "listen" and one.words:
            listening.append(_address(one.words[0], 80))
        else:
            _take(current, one, loader.root)
    reading = Reading(troubles=loader.troubles)
    _Sockets(main, hosts, list(dict.fromkeys(listening)), reading).note()
    return reading


def _address(text: str, default_port: int) -> tuple[str, int]:
    """Host and port of what stands in Listen and VirtualHost."""
    if text.isdigit():
        return ANY_IPV4, int(text)
    if text.startswith("["):
        host, _bracket, rest = text[1:].partition("]")
        port = rest[1:]
    else:
        host, _colon, port = text.partition(":")
    if host in ("*", "_default_", "0.0.0.0", ""):  # noqa: S104 - read, not bound
        host = ANY_IPV4
    return host, int(port) if port.isdigit() else default_port


def _take(host: _Host, one: Statement, root: str) -> None:
    """Notes what the statement says of this host."""
    if not one.words:
        return
    value = one.words[0]
    if one.name == "servername":
        host.names.insert(0, _bare(value))
    elif one.name == "serveralias":
        host.names += one.words
    elif one.name == "sslcertificatefile":
        host.certificates.append(_path(value, root))
    elif one.name == "sslcertificatekeyfile":
        host.keys.append(_path(value, root))
    elif one.name == "sslcertificatechainfile":
        host.settings[one.name] = _path(value, root)
    elif one.name in ("sslengine", "remoteipproxyprotocol"):
        host.settings[one.name] = value.lower()
    elif one.name in ("mdomain", "<mdomainset", "mdmember"):
        host.managed = True


def _path(value: str, root: str) -> str:
    return value if ":" in value.partition("/")[0] or "${" in value else beside(value, root)


def _bare(name: str) -> str:
    """The name without scheme and port."""
    return name.rpartition("://")[2].partition(":")[0] if not name.startswith("[") else name


class _Sockets:
    """Which host answers at which socket."""

    def __init__(
        self, main: _Host, hosts: Sequence[_Host], listening: Sequence[tuple[str, int]], reading: Reading
    ) -> None:
        self._main = main
        self._hosts = hosts
        self._listening = listening
        self._reading = reading

    def note(self) -> None:
        """Adds the uses in the order of the hosts. The first of those that share a socket is its default."""
        served: dict[int, list[Listen]] = defaultdict(list)
        for (address, port), candidates in self._answering().items():
            # The default host alone decides whether a connection begins with TLS.
            if self._value(candidates[0], "sslengine") != "on":
                continue
            proxied = self._value(candidates[0], "remoteipproxyprotocol") == "on"
            for number, host in enumerate(candidates):
                served[id(host)].append(Listen(address, port, default=not number, proxied=proxied))
        for host in [self._main, *self._hosts]:
            if served[id(host)] and self._value(host, "sslengine") == "on":
                self._use(host, served[id(host)])

    def _answering(self) -> dict[tuple[str, int], list[_Host]]:
        """The hosts of each address and port. One with the very address goes before those for all of them."""
        answering: dict[tuple[str, int], list[_Host]] = {}
        for address, port in self._listening:
            for_all = [host for host in self._hosts if _fits(host, ANY_IPV4, port)]
            exact: dict[str, list[_Host]] = defaultdict(list)
            for host in self._hosts:
                for own, own_port in dict.fromkeys(host.addresses):
                    fits = own != ANY_IPV4 and own_port in (port, _EVERY_PORT)
                    if fits and (own == address or address in (ANY_IPV4, ANY_IPV6)):
                        exact[own].append(host)
            if address not in exact:
                answering[address, port] = for_all or [self._main]
            answering.update({(own, port): hosts for own, hosts in exact.items()})
        return answering

    def _value(self, host: _Host, name: str) -> str:
        return host.settings.get(name, self._main.settings.get(name, ""))

    def _use(self, host: _Host, listens: Sequence[Listen]) -> None:
        certificates = host.certificates or self._main.certificates
        keys = host.keys or self._main.keys
        reason = _no_file(certificates, managed=host.managed or self._main.managed)
        if reason:
            self._reading.troubles.append(Trouble(host.where, reason))
            return
        padded = [*keys, *[""] * len(certificates)]
        chain = self._value(host, "sslcertificatechainfile")
        pairs = tuple(Pair(one, "" if ":" in key else key, chain=chain) for one, key in zip(certificates, padded))
        names = tuple(name for name in host.names if "?" not in name and "*" not in name.removeprefix("*."))
        self._reading.uses.append(Use("apache", host.where, pairs, tuple(listens), names, first_match=True))


def _fits(host: _Host, address: str, port: int) -> bool:
    return any(own == address and own_port in (port, _EVERY_PORT) for own, own_port in host.addresses)


def _no_file(certificates: Sequence[str], *, managed: bool) -> str:
    """Why they are no files that can be looked into; empty where they are."""
    if not certificates:
        by_itself = "the server fetches its certificate by itself (mod_md)"
        return by_itself if managed else "SSLEngine is on here but there is no SSLCertificateFile"
    for one in certificates:
        if "${" in one:
            return f"which certificate it serves depends on a variable that is not defined ({one})"
        if ":" in one.partition("/")[0]:
            return f"the certificate is in no file of its own ({one.partition(':')[0]}:...)"
    return ""
