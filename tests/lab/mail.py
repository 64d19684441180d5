"""A real SMTP server for tests, in a thread: with or without TLS and authentication, friendly or not."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.lab.postgres import free_port

USER = "careops"
PASSWORD = "mail-Secret-91"


@dataclass
class Mailbox:
    """The server, what it received, and how it is to behave.

    answers: replies to MAIL, one for each that comes, then the usual; refused: recipients it does not take;
    later: those that it puts off once each; goodbye: its answer to QUIT.
    """

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    later: list[str] = field(default_factory=list)
    goodbye: str = "221 Bye"
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    def options(self, **more: Any) -> dict[str, Any]:
        """A channel that leads to this server."""
        return {
            "name": "operations",
            "kind": "mail",
            "host": "127.0.0.1",
            "port": self.port,
            "encryption": "none",
            "sender": "careops@clinic.example",
            "recipients": ["operations@clinic.example"],
            **more,
        }

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 5.1.1 no such mailbox"
        if address in self.later:
            self.later.remove(address)
            return "450 4.2.0 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append(message)
        self.recipients.append(list(envelope.rcpt_tos))
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 accepted"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return self.goodbye

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        told = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode())
        if told == (USER, PASSWORD):
            self.logins.append(USER)
            return AuthResult(success=True)
        secret = data.password.decode() if isinstance(data, LoginPassword) else ""
        # A server that repeats what it was told, as some do.
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 bad password {secret}")


@contextlib.contextmanager
def server(*, certificate: Path | None = None, implicit: bool = False, login: bool = False) -> Iterator[Mailbox]:
    """Starts the server on the loopback address.

    certificate: PEM file with key, for STARTTLS or, with implicit, TLS from the first byte.
    login: whether it takes mail only from those who authenticate.
    """
    box = Mailbox(port=free_port())
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        ssl_context=context if implicit else None,
        tls_context=None if implicit else context,
        require_starttls=context is not None and not implicit,
        authenticator=box.authenticate if login else None,
        auth_required=login,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
