# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to endpoints, up to where TLS begins, and in words what went wrong on the way."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any, Optional, Union

from .endpoints import Endpoint
from .names import address, ascii_name
from .sources import reason_of

# What openssl says of an answer that is no TLS record; which of them depends on its version and the answer.
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


def opened(endpoint: Endpoint, *, timeout: float) -> socket.socket:
    """A socket on which TLS may begin. timeout: seconds for connecting, and again for what is spoken before TLS.

    Raises OSError, ValueError (starttls.Refused is one).
    """
    plain = _connected(endpoint, timeout=timeout)
    try:
        if endpoint.proxy_protocol:
            _introduce(plain)
        if endpoint.starttls:
            from .starttls import upgrade

            upgrade(plain, endpoint.starttls, timeout=timeout)
        plain.settimeout(timeout)
    except BaseException:
        plain.close()
        raise
    return plain


def _connected(endpoint: Endpoint, *, timeout: float) -> socket.socket:
    """Connects to the first address that answers; the time is for all of them together."""
    host = endpoint.host if address(endpoint.host) else ascii_name(endpoint.host)
    deadline = time.monotonic() + timeout
    failure: Optional[OSError] = None
    for family, kind, protocol, _canonical, target in _addresses(host, endpoint.port, timeout=timeout):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(max(0.05, deadline - time.monotonic()))
            plain.connect(target)
        except OSError as error:
            failure = failure or error
            plain.close()
        else:
            return plain
    raise failure or OSError("the name leads to no address")


def _addresses(host: str, port: int, *, timeout: float) -> Sequence[Any]:
    """What the host's resolver says; it has time limits of its own, of half a minute and more.

    Raises OSError, ValueError.
    """
    if address(host):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            answers.put(error)

    # A daemon, so that one which never comes back keeps no process from its end.
    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise socket.gaierror(socket.EAI_AGAIN, f"no answer within {timeout:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return list(answer)


def _introduce(plain: socket.socket) -> None:
    """What a proxy says first (PROXY protocol, version 1): the ends of the connection, here our own."""
    source, target = plain.getsockname(), plain.getpeername()
    kind = "TCP6" if plain.family == socket.AF_INET6 else "TCP4"
    plain.sendall(f"PROXY {kind} {source[0]} {target[0]} {source[1]} {target[1]}\r\n".encode())


def server_name(endpoint: Endpoint) -> Optional[str]:
    """The name for SNI as it goes over the wire; None where there is none to send. Raises ValueError."""
    asked = endpoint.asked_for()
    return ascii_name(asked) if asked else None


def why(error: Union[OSError, ValueError], *, timeout: float) -> str:
    """What went wrong, as the end of a sentence."""
    if isinstance(error, socket.timeout):
        return f"no answer within {timeout:g} seconds"
    if isinstance(error, socket.gaierror):
        return f"its name cannot be resolved ({reason_of(error)})"
    if isinstance(error, ssl.SSLError):
        return _words(error)
    if isinstance(error, ConnectionError):
        refused = isinstance(error, ConnectionRefusedError)
        return "the connection was refused, nothing listens there" if refused else "the server closed the connection"
    if isinstance(error, OSError) and error.strerror:
        return reason_of(error)
    return " ".join(str(error).split()) or type(error).__name__


def _words(error: ssl.SSLError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    if reason in _NO_TLS:
        return "its answer is no TLS, check its port, and whether TLS begins only when asked for (starttls)"
    return f"the TLS handshake failed ({str(reason).replace('_', ' ').lower()})"
