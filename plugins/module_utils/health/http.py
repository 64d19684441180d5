# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request and its answer. No redirects, no proxies, certificates always held against an authority."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Optional
from urllib.parse import SplitResult, urlsplit

from ..errors import MaintenanceError
from .look import Fault
from .wire import Clock, Wire, exchange_fault, open_socket, secure, tls_context

# More than any health answer has; what is longer is cut off.
LONGEST_BODY = 1 << 20
AGENT = "careops-health"
_METHOD = re.compile("[A-Z]{1,20}$")
# One costs 20 ms to make.
_context = lru_cache(maxsize=32)(tls_context)


@dataclass(frozen=True)
class Request:
    """What is asked. timeout: seconds from the name's resolution to the last byte of the answer."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Optional[bytes] = None
    ca_cert: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    timeout: float = 5.0


@dataclass(frozen=True)
class Answer:
    """What came back. whole: whether the body is all there. seconds: until its last byte."""

    status: int
    headers: Any
    body: bytes
    whole: bool
    seconds: float


def check_url(url: str, *, option: str) -> None:
    """Raises MaintenanceError where the address is none that can be asked, or has an account in it."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\x00-\x1f]", url):
        raise MaintenanceError(
            f"The option {option} must be an http or https address such as https://clinic.example/health."
        )
    if parts.username is not None:
        raise MaintenanceError(
            f"The option {option} has an account in its address: put it into secrets, and into a header by ${{name}}."
        )


def check_method(method: str, *, option: str) -> None:
    """Raises MaintenanceError where it is no method of HTTP."""
    if not _METHOD.match(method):
        raise MaintenanceError(f"The option {option} must be a method such as GET or POST, not {method!r}.")


def origin(url: str) -> str:
    """The address without its query, as it may be shown."""
    return url.partition("?")[0].partition("#")[0]


def exchange(request: Request, *, clock: Clock = time.monotonic) -> Answer:
    """Asks once. Raises Fault, whose words hold nothing that the server said but its certificate's trouble."""
    parts = _split(request.url)
    if parts is None or not parts.hostname:
        raise Fault("setup", "its url is no address once its variables are filled in", blind=True)
    started = clock()
    end = started + request.timeout
    port = parts.port or (443 if parts.scheme == "https" else 80)
    context = None
    if parts.scheme == "https":
        context = _context(request.ca_cert, request.client_cert, request.client_key)
    try:
        connection: Any = open_socket(parts.hostname, port, end=end, clock=clock)
        if context:
            connection = secure(connection, host=parts.hostname, context=context)
    except OSError as error:
        raise exchange_fault(error) from None
    try:
        return _ask(request, parts, port, Wire(connection, end=end, clock=clock), started=started, clock=clock)
    finally:
        connection.close()


def _ask(request: Request, parts: SplitResult, port: int, wire: Wire, *, started: float, clock: Clock) -> Answer:
    speaker = http.client.HTTPConnection(parts.hostname or "", port)
    speaker.default_port = 443 if parts.scheme == "https" else 80  # else the Host header names it
    speaker.sock = wire
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": AGENT, "Accept": "*/*", "Connection": "close", **request.headers}
    try:
        speaker.request(request.method, target, body=request.body, headers=headers)
        answer = speaker.getresponse()
        body = answer.read(LONGEST_BODY + 1)
        # A reading of so many bytes does not complain of fewer.
        if answer.length and len(body) <= LONGEST_BODY:
            raise http.client.IncompleteRead(body)
    except (http.client.IncompleteRead, http.client.RemoteDisconnected):
        raise exchange_fault(OSError()) from None
    except http.client.InvalidURL:
        raise Fault("setup", "its url holds characters that no address may hold", blind=True) from None
    except http.client.HTTPException:
        raise Fault("protocol", "what answers there does not speak HTTP: correct the address or the port") from None
    except ValueError:
        raise Fault("setup", "one of its headers holds characters that no header may hold", blind=True) from None
    except OSError as error:
        raise exchange_fault(error) from None
    return Answer(
        status=answer.status,
        headers=answer.headers,
        body=body[:LONGEST_BODY],
        whole=len(body) <= LONGEST_BODY,
        seconds=clock() - started,
    )


def _split(url: str) -> Optional[SplitResult]:
    try:
        parts = urlsplit(url)
        _port = parts.port  # an impossible one shows itself here
    except ValueError:
        return None
    return parts
