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

from ..channel import Notice, secret
from ..web import ask, require_success, server_of

SIGNATURE_HEADER = "X-Careops-Signature"
# What Slack takes in one message is more; beyond this nobody reads on.
LONGEST_TEXT = 3500


class Webhook:
    """Posts a notice to a web address."""

    def __init__(self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock

    def send(self, notice: Notice, *, timeout: float) -> str:
        """Posts the notice once. Raises DeliveryError."""
        server = server_of(secret(self._settings, "url"), option="url")
        token = secret(self._settings, "token")
        key = secret(self._settings, "signing_key")
        body = json.dumps(self._content(notice), ensure_ascii=False, sort_keys=True).encode("utf-8")
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": notice.identity}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers[SIGNATURE_HEADER] = signature(body, key=key, moment=int(self._clock()))
        answer = ask(
            "POST",
            server.url,
            host=server.host,
            body=body,
            headers=headers,
            timeout=timeout,
            ca_cert=self._settings.get("ca_cert"),
        )
        require_success(answer, host=server.host)
        return ""

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


def address_fault(settings: Mapping[str, Any]) -> Optional[str]:
    """What is wrong with the channel's options; None where nothing is."""
    if settings.get("signing_key") and len(settings["signing_key"]) < 16:
        return "its signing_key is shorter than 16 characters"
    return None
