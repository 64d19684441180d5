# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ACME Renewal Information (RFC 9773): when the authority would like a certificate to be renewed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Optional

from ansible.module_utils.urls import ConnectionError as NoConnection
from ansible.module_utils.urls import open_url

from ..certificates import library
from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from .pair import serial_bytes

# How long an answer holds at least and at most, whatever the server says (RFC 9773, 4.3.1).
_SOONEST, _LATEST = 60.0, 86_400.0
_USUAL = 21_600.0
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Suggestion:
    """The window that the authority suggests. explanation: address of a page that says why, or nothing."""

    start: datetime
    end: datetime
    explanation: str = ""

    def moment(self, fingerprint: str) -> datetime:
        """A moment within it, always the same for one certificate, spread evenly over all of them."""
        share = int(fingerprint[:12], 16) / float(1 << 48)
        return self.start + share * (self.end - self.start)


class Reply(NamedTuple):
    """content: JSON. retry_after: seconds until it may be asked for again, 0 where the server did not say."""

    content: Any
    retry_after: float


# Fetches the JSON at an address; None where it could not.
Fetch = Callable[[str], Optional[Reply]]


def certificate_id(certificate: bytes) -> Optional[str]:
    """How the authority knows the certificate (RFC 9773, 4.1); None where it does not name its issuer's key."""
    key_identifier = library.authority_key_identifier(certificate)
    if not key_identifier:
        return None
    return f"{_base64url(key_identifier)}.{_base64url(serial_bytes(certificate))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def suggestion_of(content: Any) -> Optional[Suggestion]:
    """The suggestion in an answer (RFC 9773, 4.2); None where it is none that makes sense."""
    if not isinstance(content, Mapping) or not isinstance(content.get("suggestedWindow"), Mapping):
        return None
    window = content["suggestedWindow"]
    try:
        start, end = (parse_moment(_seconds_only(window[edge]), option=edge) for edge in ("start", "end"))
    except (KeyError, TypeError, AttributeError, MaintenanceError):
        return None
    page = content.get("explanationURL")
    explanation = library.one_line(page) if isinstance(page, str) and page.startswith("https://") else ""
    return Suggestion(start, end, explanation) if start < end else None


def _seconds_only(text: str) -> str:
    """Python before 3.11 reads only three or six digits behind a second's point; none are needed."""
    head, point, rest = text.partition(".")
    return head + rest.lstrip("0123456789") if point else text


def ask(
    certificate: bytes, *, directory: str, fetch: Fetch, now: datetime, kept: Mapping[str, Any]
) -> tuple[Optional[Suggestion], dict[str, Any]]:
    """The suggestion for a certificate, and what is to be kept until the next time.

    directory: address of the ACME server's directory. kept: what an earlier call returned; it is used until
    the server may be asked again. No suggestion where the server offers none, or cannot be asked.
    """
    identity = certificate_id(certificate)
    if identity is None:
        return None, {}
    known = kept if kept.get("certificate") == identity and kept.get("directory") == directory else {}
    # Later than that, it was asked by a clock that was wrong.
    latest = to_text(now + timedelta(seconds=_LATEST))
    if known and to_text(now) < str(known.get("ask_again", "")) <= latest:
        return suggestion_of(known.get("answer")), dict(known)
    offered = fetch(directory)
    address = offered.content.get("renewalInfo") if offered and isinstance(offered.content, Mapping) else None
    reply = fetch(f"{address.rstrip('/')}/{identity}") if isinstance(address, str) else None
    if reply is None or suggestion_of(reply.content) is None:
        return suggestion_of(known.get("answer")), dict(known)
    wait = min(max(reply.retry_after or _USUAL, _SOONEST), _LATEST)
    again = to_text(now + timedelta(seconds=wait))
    fresh = {"certificate": identity, "directory": directory, "answer": reply.content, "ask_again": again}
    return suggestion_of(reply.content), fresh


def fetcher(*, acme_ca: str, timeout: float = 10.0) -> Fetch:
    """Fetches over HTTPS, by way of the proxy that the environment names. acme_ca: authority to believe."""

    def fetch(address: str) -> Optional[Reply]:
        if not address.startswith("https://"):
            return None
        try:
            answer = open_url(
                address, timeout=timeout, ca_path=acme_ca or None, http_agent="careops-renewal", follow_redirects="safe"
            )
            with answer:
                waited = str(answer.headers.get("Retry-After", ""))
                content = json.loads(answer.read(_LONGEST))
            return Reply(content, float(waited) if waited.isdigit() else 0.0)
        except (OSError, ValueError, NoConnection):
            return None

    return fetch
