# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail over SMTP."""

from __future__ import annotations

import base64
import contextlib
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Optional

from ..channel import DeliveryError, Notice, masked, secret

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NO_SMTP = "does not speak SMTP: see host, port and encryption"
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


class Mail:
    """Sends a notice as a plain text mail."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        # Of a notice that some got, those who are still to get it.
        self._left: dict[str, list[str]] = {}
        self._host: str = settings["host"]
        self._encryption: str = settings["encryption"]
        self._port: int = settings.get("port") or _PORTS[self._encryption]

    def send(self, notice: Notice, *, timeout: float) -> str:
        """Delivers to every recipient; a remark names those whom the server refused. Raises DeliveryError."""
        password = secret(self._settings, "password")
        recipients = self._left.get(notice.identity) or list(notice.to.get("mail") or self._settings["recipients"])
        if password and self._encryption == "none" and self._host not in _LOOPBACK:
            raise DeliveryError(
                "its password would travel unencrypted: set encryption to starttls or tls", passing=False
            )
        try:
            with contextlib.closing(self._connect(timeout)) as server:
                if password:
                    server.login(self._settings.get("username") or "", password)
                refused = server.send_message(self._message(notice, recipients))
                # The mail is taken; an odd goodbye must not send it again.
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    server.quit()
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            refusal = _refusal("refused every recipient", code, words, self._secrets(password))
            raise DeliveryError(
                str(refusal), passing=any(_passing(one) for one, _said in error.recipients.values())
            ) from None
        except smtplib.SMTPResponseException as error:
            raise self._answered(error, password) from None
        except smtplib.SMTPNotSupportedError:
            raise DeliveryError(self._unsupported(), passing=False) from None
        except UnicodeEncodeError:
            raise DeliveryError("its user name or password has letters other than ASCII", passing=False) from None
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(f"its certificate is not trusted ({error.verify_message})", passing=False) from None
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(f"{self._host}:{self._port} {_fault(error)}", passing=True) from None
        later = [address for address, (code, _said) in refused.items() if _passing(code)]
        if later:
            self._left[notice.identity] = later
            raise DeliveryError(f"the server put off {', '.join(sorted(later))}", passing=True, left=later)
        return f"the server refused {', '.join(sorted(refused))}" if refused else ""

    def _connect(self, timeout: float) -> smtplib.SMTP:
        # Without ca_cert this trusts what the system trusts.
        authorities = self._settings.get("ca_cert")
        try:
            context = ssl.create_default_context(cafile=authorities)
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror
            raise DeliveryError(f"the file ca_cert {authorities} cannot be used ({reason})", passing=False) from None
        if self._encryption == "tls":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=timeout, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=timeout)
        if self._encryption == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server

    def _answered(self, error: smtplib.SMTPResponseException, password: Optional[str]) -> DeliveryError:
        if error.smtp_code < 0:
            return DeliveryError(f"{self._host}:{self._port} {_NO_SMTP}", passing=False)
        return _refusal(_step(error), error.smtp_code, error.smtp_error, self._secrets(password))

    def _secrets(self, password: Optional[str]) -> list[str]:
        """The password in every form in which a server may repeat it."""
        if not password:
            return []
        user = self._settings.get("username") or ""
        plain = f"\0{user}\0{password}"
        return [password, *(base64.b64encode(text.encode()).decode() for text in (password, plain))]

    def _unsupported(self) -> str:
        if self._encryption == "starttls":
            return f"{self._host}:{self._port} does not offer STARTTLS or authentication: see encryption and username"
        return f"{self._host}:{self._port} does not offer authentication: see encryption and username"

    def _message(self, notice: Notice, recipients: Sequence[str]) -> EmailMessage:
        message = EmailMessage()
        sender: str = self._settings["sender"]
        domain = sender.rpartition("@")[2].strip(" >") or "localhost"
        message["From"] = sender
        message["To"] = ", ".join(recipients)
        message["Subject"] = notice.subject
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = f"<{notice.identity}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        if notice.outcome == "failed" or notice.event in ("emergency", "escalation"):
            message["X-Priority"] = "1"
        message.set_content(notice.body)
        return message


def check_addresses(settings: Mapping[str, Any]) -> Optional[str]:
    """What is wrong with the channel's addresses; None where nothing is."""
    faults = (address_fault(address) for address in (settings["sender"], *settings["recipients"]))
    return next((fault for fault in faults if fault), None)


def address_fault(address: str) -> Optional[str]:
    """Why mail cannot go there; None where it can."""
    bare = address.rpartition("<")[2].rstrip("> ") if "<" in address else address
    try:
        Address(addr_spec=bare)
    except (ValueError, IndexError, MessageError):
        return f"{address!r} is no mail address"
    if "@" not in bare or not address.isprintable():
        return f"{address!r} is no mail address"
    if not bare.isascii():
        return f"{address!r} has letters that mail servers may not take: write it in ASCII"
    return None


def _step(error: smtplib.SMTPResponseException) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "refused the user name or the password"
    if isinstance(error, smtplib.SMTPSenderRefused):
        return "refused the sender"
    if isinstance(error, smtplib.SMTPConnectError):
        return "takes no mail at present"
    return "refused the message"


def _refusal(what: str, code: int, words: Any, secrets: Sequence[str]) -> DeliveryError:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return DeliveryError(f"the server {what}: {code} {masked(text, secrets)}", passing=_passing(code))


def _passing(code: int) -> bool:
    # 4xx says: later perhaps (RFC 5321, 4.2.1).
    return 400 <= code < 500


def _fault(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "has no address: see the host's name"
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    if isinstance(error, ssl.SSLError):
        return "does not speak TLS on this port: see encryption and port"
    if isinstance(error, smtplib.SMTPException):
        # The library knows a server that was silent from one that hung up by these words alone.
        return "did not answer in time" if "timed out" in str(error) else "closed the connection"
    return f"cannot be reached ({getattr(error, 'strerror', None) or type(error).__name__})"
