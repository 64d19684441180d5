# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SMS by way of a gateway's HTTP interface: one request a recipient, in the form that the gateway reads."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Optional
from urllib.parse import urlencode

from ...report.humanise import clean, count
from ..channel import DeliveryError, Notice, secret
from ..web import address_secrets, ask, require_success, server_of

LONGEST = 160
# 3GPP TS 23.038, 6.2.1: the default alphabet; those of its extension take two places.
_ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("^{}\\[~]|€")
_NUMBER = re.compile(r"\+?[0-9][0-9 ()./-]{3,24}")
FIELDS = {"recipient": "to", "text": "text", "sender": "from"}


class Sms:
    """Sends the subject of a notice as one short message to each number."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        # Of a notice that some got, the numbers that are still to get it.
        self._left: dict[str, list[str]] = {}

    def send(self, notice: Notice, *, timeout: float) -> str:
        """Delivers to every number; a remark names those that the gateway refused. Raises DeliveryError."""
        server = server_of(secret(self._settings, "url"), option="url")
        headers, secrets = self._access()
        numbers = self._left.get(notice.identity) or list(notice.to.get("phone") or self._settings["recipients"])
        text = short_text(notice.subject)
        secrets += address_secrets(server.url)
        failed: dict[str, DeliveryError] = {}
        for number in numbers:
            body = self._body(number, text)
            try:
                answer = ask(
                    "POST",
                    server.url,
                    host=server.host,
                    timeout=timeout,
                    headers={**headers, "Idempotency-Key": _key(notice, number)},
                    body=body,
                    ca_cert=self._settings.get("ca_cert"),
                    read=True,
                )
                require_success(answer, host=server.host, secrets=secrets)
            except DeliveryError as error:
                failed[number] = error
        return self._verdict(notice, numbers, failed)

    def _verdict(self, notice: Notice, numbers: Sequence[str], failed: Mapping[str, DeliveryError]) -> str:
        """The remark where at least somebody got it and nothing is worth another try."""
        if not failed:
            return ""
        passing = [number for number, error in failed.items() if error.passing]
        reason = str(next(iter(failed.values())))
        if passing or len(failed) == len(numbers):
            left = passing or list(failed)
            self._left[notice.identity] = left
            some = "" if len(left) == len(numbers) else f"{count(len(left), 'number')} of {len(numbers)}: "
            raise DeliveryError(f"{some}{reason}", passing=bool(passing), left=left)
        return f"the gateway refused {', '.join(sorted(failed))} ({reason})"

    def _access(self) -> tuple[dict[str, str], list[Optional[str]]]:
        token, password = secret(self._settings, "token"), secret(self._settings, "password")
        form = self._settings.get("encoding") == "form"
        kind = "application/x-www-form-urlencoded" if form else "application/json; charset=utf-8"
        headers = {"Content-Type": kind}
        pair = base64.b64encode(f"{self._settings.get('username') or ''}:{password}".encode()).decode()
        if token:
            name = self._settings.get("token_header") or "Authorization"
            headers[name] = f"Bearer {token}" if name.lower() == "authorization" else token
        elif password:
            headers["Authorization"] = f"Basic {pair}"
        return headers, [token, password, pair if password else None]

    def _body(self, number: str, text: str) -> bytes:
        names = {**FIELDS, **(self._settings.get("fields") or {})}
        content = {**(self._settings.get("extra") or {}), names["recipient"]: number, names["text"]: text}
        if self._settings.get("sender"):
            content[names["sender"]] = self._settings["sender"]
        if self._settings.get("encoding") == "form":
            return urlencode(content).encode("ascii")
        return json.dumps(content, ensure_ascii=False).encode("utf-8")


def short_text(text: str) -> str:
    """The text in the alphabet of an SMS and in one message: accents that it lacks fall away, then the end does."""
    said: list[str] = []
    places = 0
    for char in clean(text).replace("…", "..."):
        for one in _in_alphabet(char):
            places += 2 if one in _EXTENSION else 1
            if places > LONGEST:
                return "".join(said)
            said.append(one)
    return "".join(said)


def _in_alphabet(char: str) -> str:
    if char in _ALPHABET or char in _EXTENSION:
        return char
    plain = "".join(one for one in unicodedata.normalize("NFKD", char) if one in _ALPHABET)
    return plain or ("-" if unicodedata.category(char) == "Pd" else "?")


def check(settings: Mapping[str, Any]) -> Optional[str]:
    """What is wrong with the channel's options; None where nothing is."""
    for number in settings["recipients"]:
        reason = number_fault(str(number))
        if reason:
            return reason
    for name in settings.get("fields") or {}:
        if name not in FIELDS:
            return f"its fields name {name!r}, which is none of {', '.join(FIELDS)}"
    return None


def number_fault(number: str) -> Optional[str]:
    """Why it is no telephone number; None where it is one."""
    return None if _NUMBER.fullmatch(number) else f"{number!r} is no telephone number: write it as +31612345678"


def _key(notice: Notice, number: str) -> str:
    return f"{notice.identity}.{hashlib.sha256(number.encode()).hexdigest()[:12]}"
