# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the questions to real servers: one connection each, closed as soon as the server has answered."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Optional

from ...findings import Finding
from .. import connection
from ..endpoints import Endpoint
from .answer import REFUSED, SILENT, Answer, Garbage, understood
from .explore import Seen, Unreachable, explore
from .hello import client_hello
from .policy import Wish, judge

AT_ONCE = 32

# All the questions to one server together take at most so many timeouts.
_PATIENCE = 12
_MOST_READ = 65536

# max_connect_errors: after a hundred handshakes that were broken off, it lets this host in no more, programs and all.
_SHUTS_OUT = "a MySQL server shuts out hosts that ask this way, ask it on its own host at 127.0.0.1"


def look_all(
    wishes: Sequence[tuple[Endpoint, Wish]], *, timeout: float, dead: Optional[Mapping[str, str]] = None
) -> list[Finding]:
    """The findings on the TLS policy of these endpoints, side by side; each is asked one thing after the other.

    timeout: seconds for each of connecting, STARTTLS and the answer; twelve times that for an endpoint.
    dead: labels of endpoints that need not be asked, and why, as the end of a sentence.
    """

    known = dead or {}

    def found(one: tuple[Endpoint, Wish]) -> list[Finding]:
        endpoint, wish = one
        seen = Seen(problem=known[endpoint.label]) if endpoint.label in known else look(endpoint, wish, timeout=timeout)
        return judge(endpoint, wish, seen)

    with ThreadPoolExecutor(min(AT_ONCE, len(wishes) or 1)) as threads:
        parts = threads.map(found, wishes)
        return [finding for part in parts for finding in part]


def look(endpoint: Endpoint, wish: Wish, *, timeout: float) -> Seen:
    """What one server accepts."""
    deadline = time.monotonic() + _PATIENCE * timeout

    def ask(version: str, suites: Sequence[int]) -> Answer:
        if time.monotonic() > deadline:
            raise Unreachable(f"it had not answered everything after {_PATIENCE * timeout:g} seconds")
        try:
            hello = client_hello(version, suites, server_name=connection.server_name(endpoint))
            plain = connection.opened(endpoint, timeout=timeout)
        except (OSError, ValueError) as error:
            raise Unreachable(connection.why(error, timeout=timeout)) from None
        with plain:
            if endpoint.starttls == "mysql" and not is_loopback(plain.getpeername()[0]):
                raise Unreachable(_SHUTS_OUT)
            return _begun(plain, hello, timeout=timeout)

    return explore(ask, ciphers=wish.ciphers)


def is_loopback(address: str) -> bool:
    """Whether the address (IPv6 with or without its zone) is one of this host alone."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def _begun(plain: socket.socket, hello: bytes, *, timeout: float) -> Answer:
    """Sends the hello and reads until the server has answered, or hung up. timeout: seconds for all of it."""
    deadline = time.monotonic() + timeout
    got = b""
    try:
        plain.sendall(hello)
        while len(got) < _MOST_READ:
            plain.settimeout(max(0.05, deadline - time.monotonic()))
            part = plain.recv(4096)
            if not part:
                return Answer(REFUSED, words="the connection was closed", closed=True)
            got += part
            answer = understood(got)
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise socket.timeout
    except ConnectionError:
        return Answer(REFUSED, words="the connection was closed", closed=True)
    except socket.timeout:
        return Answer(SILENT, words=f"no answer within {timeout:g} seconds")
    except (OSError, Garbage) as error:
        return Answer(SILENT, words=connection.why(error, timeout=timeout))
    return Answer(SILENT, words="its answer has no end")
