# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections with a time limit for the whole of an exchange, not for each step of it."""

from __future__ import annotations

import errno
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Optional

from ..report.humanise import clean, shorten
from .look import Fault

Clock = Callable[[], float]


def open_socket(host: str, port: int, *, end: float, clock: Clock = time.monotonic) -> socket.socket:
    """A TCP connection, to the first of the host's addresses that answers.

    end: when the clock shows that, time is up. Raises Fault: dns, refused, timeout or unreachable.
    """
    fault = Fault("dns", f"the name {host} has no address")
    for family, kind, protocol, address in resolve(host, port, end=end, clock=clock):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(left(end, clock))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            connection.close()
            fault = connect_fault(error, host=host, port=port)
    raise fault


def resolve(host: str, port: int, *, end: float, clock: Clock = time.monotonic) -> list[tuple[Any, Any, Any, Any]]:
    """Family, kind, protocol and address of the host. Raises Fault: dns or timeout."""
    found: list[Any] = []

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((family, kind, protocol, address) for family, kind, protocol, _name, address in rows)
        except (OSError, UnicodeError) as error:
            found.append(error)

    # The C library knows no time limit.
    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    asker.join(left(end, clock))
    if not found:
        raise Fault("timeout", f"the name {host} was not resolved in time: look at the name servers of this host")
    if isinstance(found[0], Exception):
        raise Fault("dns", f"the name {host} does not resolve: correct the name, or look at the name servers")
    return found


def left(end: float, clock: Clock) -> float:
    """Seconds until the end. Raises the timeout that a socket would, where there are none."""
    seconds = end - clock()
    if seconds <= 0:
        raise socket.timeout
    return seconds


def connect_fault(error: OSError, *, host: str, port: int) -> Fault:
    """Why no connection came about, in words."""
    if isinstance(error, ConnectionRefusedError):
        return Fault("refused", f"{host} refuses connections to port {port}: start the service, or correct the port")
    if isinstance(error, socket.timeout) or error.errno == errno.ETIMEDOUT:
        return Fault("timeout", f"{host} does not take a connection to port {port} in time: look at it and the network")
    reason = clean(error.strerror or type(error).__name__)
    return Fault("unreachable", f"{host}, port {port}, cannot be reached ({reason}): look at the network")


def secure(connection: socket.socket, *, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """The connection with TLS on it. Raises Fault: tls or timeout, and closes the connection then."""
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except OSError as error:
        connection.close()
        raise exchange_fault(error) from None
    except ValueError:
        connection.close()
        raise Fault("tls", f"{host} is no name that a certificate can have") from None


def exchange_fault(error: OSError) -> Fault:
    """Why an exchange broke off, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = shorten(clean(error.verify_message), 200).rstrip(".")
        return Fault("tls", f"the certificate is not trusted ({reason}): renew it, or set ca_cert to its authority")
    if isinstance(error, socket.timeout):
        return Fault("timeout", "no complete answer came in time: look at the load and the logs of the service")
    if isinstance(error, ssl.SSLError):
        reason = clean(error.reason or type(error).__name__).replace("_", " ").lower()
        return Fault("tls", f"TLS fails ({reason}): look at the TLS settings of the service and at client_cert")
    return Fault("closed", "the connection was closed before the answer was complete: look at the logs of the service")


def tls_context(ca_cert: Optional[str], client_cert: Optional[str], client_key: Optional[str]) -> ssl.SSLContext:
    """What certificates are held against. Raises Fault where a file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=ca_cert or None)
    except (OSError, ValueError):
        raise Fault(
            "setup", f"the file {ca_cert} (ca_cert) holds no certificates that can be read", blind=True
        ) from None
    if client_cert:
        try:
            # A passphrase is never asked for at a terminal.
            context.load_cert_chain(client_cert, client_key or None, password=lambda: b"")
        except (OSError, ValueError):
            words = f"the file {client_cert} (client_cert) or its key (client_key) cannot be used"
            raise Fault("setup", words, blind=True) from None
    return context


class Wire:
    """A connection in the form that http.client uses, whose every reading ends by the same moment."""

    def __init__(self, connection: socket.socket, *, end: float, clock: Clock = time.monotonic) -> None:
        self._connection = connection
        self._end = end
        self._clock = clock

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(left(self._end, self._clock))
        self._connection.sendall(data)

    def recv_into(self, buffer: Any) -> int:
        self._connection.settimeout(left(self._end, self._clock))
        return self._connection.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self))

    def close(self) -> None:
        """Leaves it open: http.client closes before the body is read. Who opened the connection closes it."""


class _Reading(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.recv_into(buffer)
