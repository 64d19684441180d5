# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STARTTLS in the protocols that speak in lines."""

from __future__ import annotations

import ipaddress

from .talk import Refused, Talk, said


def smtp(talk: Talk) -> None:
    """RFC 3207."""
    _mail(talk, "SMTP", "EHLO")


def lmtp(talk: Talk) -> None:
    """RFC 2033: SMTP with a greeting of its own."""
    _mail(talk, "LMTP", "LHLO")


def _mail(talk: Talk, protocol: str, hello: str) -> None:
    _greeted(_reply(talk), protocol, "220")
    talk.send(f"{hello} {_own_address(talk)}\r\n".encode())
    offer = _reply(talk)
    if offer[0][:3] != "250":
        raise Refused(f"the {protocol} server refused to talk ({said(offer[-1])})")
    if "STARTTLS" not in (line[4:].strip().upper() for line in offer):
        raise Refused(f"the {protocol} server does not offer STARTTLS")
    talk.send(b"STARTTLS\r\n")
    _agreed(_reply(talk)[-1], protocol, "220")


def ftp(talk: Talk) -> None:
    """RFC 4217, 4."""
    _greeted(_reply(talk), "FTP", "220")
    talk.send(b"AUTH TLS\r\n")
    _agreed(_reply(talk)[-1], "FTP", "234")


def imap(talk: Talk) -> None:
    """RFC 9051, 6.2.1."""
    greeting = talk.line()
    if greeting.upper().startswith("* PREAUTH"):
        raise Refused("the IMAP server takes this connection as logged in already, and begins no TLS on it")
    _greeted([greeting], "IMAP", "* OK")
    talk.send(b"a1 STARTTLS\r\n")
    answer = talk.line()
    while answer.startswith("* "):
        answer = talk.line()
    _agreed(answer, "IMAP", "A1 OK")


def pop3(talk: Talk) -> None:
    """RFC 2595, 4."""
    _greeted([talk.line()], "POP3", "+OK")
    talk.send(b"STLS\r\n")
    _agreed(talk.line(), "POP3", "+OK")


def _reply(talk: Talk) -> list[str]:
    """A reply of SMTP or FTP: ``250-first``, any number of lines, and ``250 last`` (RFC 959, 4.2)."""
    lines = [talk.line()]
    code = lines[0][:3]
    if lines[0][3:4] == "-":
        while not (lines[-1][:3] == code and lines[-1][3:4] in (" ", "")):
            lines.append(talk.line())
    return lines


def _greeted(greeting: list[str], protocol: str, right: str) -> None:
    """Raises Refused where the greeting is none that the conversation can go on after."""
    first = greeting[0].upper()
    if first.startswith(right):
        return
    if first.startswith(("4", "5", "120", "* BYE", "-ERR")):
        raise Refused(f"the {protocol} server turned the connection away ({said(greeting[-1])})")
    raise Refused(f"what answers there is no {protocol} server, its greeting was: {said(greeting[0])}")


def _agreed(answer: str, protocol: str, right: str) -> None:
    if not answer.upper().startswith(right):
        raise Refused(f"the {protocol} server does not begin TLS ({said(answer)})")


def _own_address(talk: Talk) -> str:
    """This end of the connection as an address literal (RFC 5321, 4.1.3): a name would have to be looked up."""
    own = ipaddress.ip_address(talk.socket.getsockname()[0].partition("%")[0])
    return f"[{own}]" if own.version == 4 else f"[IPv6:{own}]"
