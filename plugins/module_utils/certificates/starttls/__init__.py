# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is spoken before TLS begins, for the protocols that begin plainly (STARTTLS and its relatives)."""

from __future__ import annotations

import socket

from . import lines, messages
from .talk import Refused, Talk

__all__ = ["Refused", "upgrade"]

_STEPS = {
    "smtp": lines.smtp,
    "lmtp": lines.lmtp,
    "imap": lines.imap,
    "pop3": lines.pop3,
    "ftp": lines.ftp,
    "ldap": messages.ldap,
    "postgres": messages.postgres,
    "mysql": messages.mysql,
}


def upgrade(plain: socket.socket, protocol: str, *, timeout: float) -> None:
    """Speaks until the server waits for TLS on this socket. Leaves every byte behind its go-ahead unread.

    timeout: seconds for all of it. Raises Refused where the server does not want to, OSError.
    """
    _STEPS[protocol](Talk(plain, timeout=timeout))
