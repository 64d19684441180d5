# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as notices need it: bounded in time, no redirects, and no address, key or library's words in an error."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional
from urllib.parse import unquote, urlsplit

from ..errors import MissingLibrary
from ..libraries import optional, require
from .channel import DeliveryError, masked

# What is worth trying again: the request timed out, came too early, or too many came.
LATER = (408, 425, 429)
_LONGEST_ANSWER = 4_000_000
# Shorter parts of an address are words such as v2 and sms.
_SECRET_FROM = 8


@dataclass(frozen=True)
class Answer:
    """What a server said. content: the JSON it sent, None where it sent none."""

    code: int
    content: Any


@dataclass(frozen=True)
class Server:
    """A server by its address. host: the part of it that may be named in words."""

    url: str
    host: str


def server_of(url: Optional[str], *, option: str) -> Server:
    """The server of an address. Raises DeliveryError where it is no http or https address."""
    try:
        parts = urlsplit(url or "")
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    except ValueError:
        host = None
    if not url or not host or parts.scheme not in ("http", "https"):
        raise DeliveryError(f"its {option} is no http or https address", passing=False)
    return Server(url, host)


def address_secrets(url: str) -> list[Optional[str]]:
    """What of an address a server must not repeat into words: path and query, as a whole and in their parts."""
    parts = urlsplit(url)
    whole = [url, f"{parts.path}?{parts.query}", parts.path, parts.query, parts.username or "", parts.password or ""]
    pieces = [*parts.path.split("/"), *(field.partition("=")[2] for field in parts.query.split("&"))]
    said = [*(text for text in whole if len(text) > 1), *(piece for piece in pieces if len(piece) >= _SECRET_FROM)]
    return [*said, *(unquote(text) for text in said)]


def ask(
    method: str,
    url: str,
    *,
    host: str,
    timeout: float,
    headers: Mapping[str, str],
    body: Optional[bytes] = None,
    ca_cert: Optional[str] = None,
    read: bool = False,
) -> Answer:
    """One request. read: whether the answer's JSON is wanted. Raises DeliveryError where there is no answer."""
    try:
        require(optional("requests"), "requests", package="python3-requests")
    except MissingLibrary as error:
        raise DeliveryError(str(error), passing=False) from None
    requests = optional("requests")
    faults = requests.exceptions
    try:
        with requests.request(
            method,
            url,
            data=body,
            headers=dict(headers),
            timeout=timeout,
            allow_redirects=False,
            verify=ca_cert or True,
            # Else a .netrc would replace the token.
            auth=_unchanged,
            stream=True,
        ) as answer:
            content = _content(answer, host=host, timeout=timeout) if read else None
            return Answer(answer.status_code, content)
    except faults.SSLError as error:
        if _caused_by(error, ssl.SSLCertVerificationError):
            raise DeliveryError(f"the certificate of {host} is not trusted: see ca_cert", passing=False) from None
        raise DeliveryError(f"{host} does not speak TLS as it should: see url", passing=True) from None
    except faults.Timeout:
        raise DeliveryError(f"{host} did not answer in time", passing=True) from None
    except (faults.ConnectionError, faults.ChunkedEncodingError) as error:
        raise DeliveryError(f"{host} {_unreached(error)}", passing=True) from None
    except (faults.RequestException, ValueError, OSError):
        raise DeliveryError(
            "its address or one of its options cannot be used: see url and ca_cert", passing=False
        ) from None


def _unreached(error: BaseException) -> str:
    if _caused_by(error, socket.gaierror):
        return "has no address: see the host's name, and the name servers of this machine"
    if _caused_by(error, ConnectionRefusedError):
        return "cannot be reached (it refuses connections)"
    return "cannot be reached, or closed the connection before it answered"


def _caused_by(error: Optional[BaseException], kind: type[BaseException]) -> bool:
    """Whether an error of that kind is behind it: libraries wrap those of the network, each in its own way."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _content(answer: Any, *, host: str, timeout: float) -> Any:
    """The JSON of the answer; None where it is none. A server that trickles is not waited for."""
    parts, size, ends = [], 0, time.monotonic() + timeout
    for part in answer.iter_content(65536):
        parts.append(part)
        size += len(part)
        if size > _LONGEST_ANSWER or time.monotonic() > ends:
            raise DeliveryError(f"{host} did not end its answer in time", passing=True)
    try:
        return json.loads(b"".join(parts))
    except ValueError:
        return None


def require_success(answer: Answer, *, host: str, secrets: Sequence[Optional[str]] = ()) -> None:
    """Raises DeliveryError for an answer that is no success, with what the server says where it says something."""
    if 200 <= answer.code < 300:
        return
    hint = ", which is not followed: give the final address" if 300 <= answer.code < 400 else ""
    words = _words(answer.content, secrets)
    said = f" ({words})" if words else ""
    raise DeliveryError(
        f"{host} answered {answer.code}{said}{hint}", passing=answer.code >= 500 or answer.code in LATER
    )


def _words(content: Any, secrets: Sequence[Optional[str]]) -> str:
    if isinstance(content, Mapping):
        content = next((content[key] for key in ("error", "message", "errors", "detail") if content.get(key)), "")
    text = content if isinstance(content, str) else json.dumps(content) if content else ""
    return masked(text, secrets)


def _unchanged(request: Any) -> Any:
    return request
