# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: a JSON document by HTTP POST, signed where there is a key, or the form that Slack and its like read.

The address itself is a secret (whoever knows it can post), so only its host ever appears in words.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Optional
from urllib.parse import urlsplit

from ...errors import MissingLibrary
from ...libraries import optional, require
from ..channel import DeliveryError, Notice, secret

SIGNATURE_HEADER = "X-Careops-Signature"
# What Slack takes in one message is more; beyond this nobody reads on.
LONGEST_TEXT = 3500
_LATER = (408, 425, 429)


class Webhook:
    """Posts a notice to a web address."""

    def __init__(self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock

    def send(self, notice: Notice, *, timeout: float) -> str:
        """Posts the notice once. Raises DeliveryError."""
        try:
            require(optional("requests"), "requests", package="python3-requests")
        except MissingLibrary as error:
            raise DeliveryError(str(error), passing=False) from None
        url, host = self._address()
        token = secret(self._settings, "token")
        key = secret(self._settings, "signing_key")
        body = json.dumps(self._content(notice), ensure_ascii=False, sort_keys=True).encode("utf-8")
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": notice.identity}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers[SIGNATURE_HEADER] = signature(body, key=key, moment=int(self._clock()))
        code = self._post(url, host=host, body=body, headers=headers, timeout=timeout)
        if not 200 <= code < 300:
            hint = ", which is not followed: give the final address" if 300 <= code < 400 else ""
            raise DeliveryError(f"{host} answered {code}{hint}", passing=code >= 500 or code in _LATER)
        return ""

    def _post(self, url: str, *, host: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
        # Nothing of the library's own errors is passed on: they print the whole address.
        requests = optional("requests")
        faults = requests.exceptions
        try:
            answer = requests.post(
                url,
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                verify=self._settings.get("ca_cert") or True,
                # Else a .netrc would replace the token.
                auth=_unchanged,
                stream=True,
            )
            answer.close()
        except faults.SSLError:
            raise DeliveryError(f"the certificate of {host} is not trusted: see ca_cert", passing=False) from None
        except faults.Timeout:
            raise DeliveryError(f"{host} did not answer in time", passing=True) from None
        except faults.ConnectionError:
            raise DeliveryError(f"{host} cannot be reached", passing=True) from None
        except (faults.RequestException, ValueError, OSError):
            raise DeliveryError(
                "its address or one of its options cannot be used: see url and ca_cert", passing=False
            ) from None
        code: int = answer.status_code
        return code

    def _address(self) -> tuple[str, str]:
        url = secret(self._settings, "url")
        try:
            parts = urlsplit(url or "")
            host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        except ValueError:
            host = None
        if not url or not host or parts.scheme not in ("http", "https"):
            raise DeliveryError("its url is no http or https address", passing=False)
        return url, host

    def _content(self, notice: Notice) -> dict[str, Any]:
        if self._settings["format"] == "slack":
            return {"text": _slack(f"*{_one_star(notice.subject)}*\n{notice.body}")}
        return {
            "schema": 1,
            "id": notice.identity,
            "event": notice.event,
            "outcome": notice.outcome,
            "subject": notice.subject,
            "text": notice.body,
            **notice.data,
        }


def signature(body: bytes, *, key: str, moment: int) -> str:
    """``t=<seconds since 1970>,v1=<HMAC-SHA256>`` over the time, a full stop and the body.

    The time is signed as well, so that a receiver can refuse a notice that is played to it again later.
    """
    mac = hmac.new(key.encode("utf-8"), f"{moment}.".encode("ascii") + body, hashlib.sha256)
    return f"t={moment},v1={mac.hexdigest()}"


def _slack(text: str) -> str:
    # The three characters that its mark-up gives a meaning: <!channel> would call everybody.
    text = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "\n..."
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_star(text: str) -> str:
    return text.replace("*", "")


def _unchanged(request: Any) -> Any:
    return request


def address_fault(settings: Mapping[str, Any]) -> Optional[str]:
    """What is wrong with the channel's options; None where nothing is."""
    if settings.get("signing_key") and len(settings["signing_key"]) < 16:
        return "its signing_key is shorter than 16 characters"
    return None
