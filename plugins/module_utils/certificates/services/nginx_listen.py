# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``listen`` directive of nginx (https://nginx.org/en/docs/http/ngx_http_core_module.html#listen)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .use import ANY_IPV4, ANY_IPV6

_MOST_PORTS = 64


class Listening(NamedTuple):
    """A socket that a server listens at."""

    host: str
    port: int
    ssl: bool
    default: bool
    proxied: bool

    @property
    def socket(self) -> tuple[str, int]:
        """What servers share that listen at the same place."""
        return self.host, self.port


def parse(words: Sequence[str], *, default_port: int) -> list[Listening]:
    """The TCP sockets that the arguments name; none for a path (``unix:``), for UDP and QUIC.

    An IPv6 socket for all addresses takes IPv4 clients, too, where it is told ``ipv6only=off``.
    """
    value, flags = words[0], set(words[1:])
    if value.startswith("unix:") or flags & {"udp", "quic"}:
        return []
    host, ports = _split(value, default_port)
    hosts = [host]
    if host == ANY_IPV6 and "ipv6only=off" in flags:
        hosts.append(ANY_IPV4)
    return [
        Listening(
            one,
            port,
            ssl="ssl" in flags,
            default=bool(flags & {"default_server", "default"}),
            proxied="proxy_protocol" in flags,
        )
        for one in hosts
        for port in ports
    ]


def _split(value: str, default_port: int) -> tuple[str, Sequence[int]]:
    if value.startswith("["):
        host, _bracket, rest = value[1:].partition("]")
        return _host(host), _ports(rest[1:], default_port)
    if ":" in value:
        host, _colon, rest = value.rpartition(":")
        return _host(host), _ports(rest, default_port)
    if value.replace("-", "").isdigit():
        return ANY_IPV4, _ports(value, default_port)
    return _host(value), [default_port]


def _host(text: str) -> str:
    if text in ("", "*", "0.0.0.0"):  # noqa: S104 - read, not bound
        return ANY_IPV4
    return ANY_IPV6 if text in ("::", "0:0:0:0:0:0:0:0", "::0") else text


def _ports(text: str, default_port: int) -> Sequence[int]:
    """One port, or a range of them (first-last)."""
    first, _dash, last = text.partition("-")
    if not first.isdigit():
        return [default_port] if not first else []
    end = int(last) if last.isdigit() else int(first)
    return range(int(first), min(end, int(first) + _MOST_PORTS - 1) + 1)
