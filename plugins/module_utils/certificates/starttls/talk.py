# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A conversation over a socket: bounded in time and size, and never a byte further than was asked for."""

from __future__ import annotations

import socket
import time

from ..library import one_line

# SMTP replies end at 512 bytes (RFC 5321, 4.5.3.1.5), IMAP capabilities may be longer.
_LONGEST_LINE = 8192
_MOST_LINES = 100
_LONGEST_MESSAGE = 65536


class Refused(ValueError):
    """The server does not begin TLS. Its words are the end of the sentence "... could not be read: "."""


class Talk:
    """Reads and writes on a connected socket. timeout: seconds for the whole conversation."""

    def __init__(self, plain: socket.socket, *, timeout: float) -> None:
        self.socket = plain
        self._deadline = time.monotonic() + timeout
        self._lines = 0

    def send(self, data: bytes) -> None:
        """Raises OSError."""
        self._hurry()
        self.socket.sendall(data)

    def line(self) -> str:
        """The next line without its end, bytes outside ASCII replaced. Raises Refused, OSError."""
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise Refused("the server talks on and on, and does not come to TLS")
        got = b""
        while not got.endswith(b"\n"):
            # A look first: what stands behind the end of the line may be TLS.
            seen = self._some(4096, socket.MSG_PEEK)
            got += self._some(seen.find(b"\n") + 1 or len(seen))
            if len(got) > _LONGEST_LINE:
                raise Refused("the server sends a line without an end")
        return got.rstrip(b"\r\n").decode("ascii", "replace")

    def exactly(self, count: int) -> bytes:
        """The next so many bytes. Raises Refused, OSError."""
        if count > _LONGEST_MESSAGE:
            raise Refused(f"the server announces a message of {count:,} bytes, which is none of this protocol")
        got = b""
        while len(got) < count:
            got += self._some(count - len(got))
        return got

    def _some(self, most: int, flags: int = 0) -> bytes:
        self._hurry()
        data = self.socket.recv(most, flags)
        if not data:
            raise Refused("the server closed the connection before TLS began")
        return data

    def _hurry(self) -> None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise socket.timeout
        self.socket.settimeout(remaining)


def said(text: str) -> str:
    """The server's own words, fit for a message."""
    return one_line(text.strip()) or "nothing"
