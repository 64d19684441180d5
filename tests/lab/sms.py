"""A fake gateway for SMS, since none can run here: it holds what it is sent against its rules, and can fail."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.lab import webhook

TOKEN = "gateway-Secret-41"
# As some gateways have it, part of the address is a secret.
SECRET_PATH = "/v2/accounts/gateway-Secret-42/messages"


@dataclass
class Gateway:
    """The gateway. sent: what it took, by number.

    form: whether it reads forms; fields: what it calls number, text and sender; header: where it wants its token.
    refused: numbers that it does not know; answers: codes for the next requests; silent: it never answers.
    """

    port: int = 0
    form: bool = False
    fields: tuple[str, str, str] = ("to", "text", "from")
    header: str = "Authorization"
    sent: list[tuple[str, str]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    extra: list[dict[str, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    answers: list[int] = field(default_factory=list)
    silent: bool = False
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{SECRET_PATH}"

    def options(self, **more: Any) -> dict[str, Any]:
        """A channel that leads to this gateway."""
        return {
            "name": "duty-phone",
            "kind": "sms",
            "url": self.url,
            "token": TOKEN,
            "sender": "Clinic",
            "recipients": ["+31600000001"],
            **more,
        }

    def answer(self, method: str, post: webhook.Post) -> tuple[int, Any]:
        if self.silent:
            self.released.wait(30)
        if self.answers:
            code = self.answers.pop(0)
            if code != 200:
                return code, {"message": f"no, and not with {TOKEN}"}
        if method != "POST" or post.path != SECRET_PATH:
            return 404, {"message": "there is nothing here"}
        given = {name.lower(): value for name, value in post.headers.items()}
        wanted = f"Bearer {TOKEN}" if self.header == "Authorization" else TOKEN
        if given.get(self.header.lower()) != wanted:
            return 401, {"message": "who are you"}
        content = dict(parse_qsl(post.body.decode())) if self.form else json.loads(post.body)
        return self.take(content, given)

    def take(self, content: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        number, text, sender = (content.pop(name, "") for name in self.fields)
        if not number.startswith("+") or not text or not sender:
            return 400, {"message": f"a message needs {', '.join(self.fields)}"}
        if len(text) > 160:
            return 400, {"message": "the text has more than 160 characters"}
        if number in self.refused:
            return 422, {"message": "no such number"}
        self.sent.append((number, text))
        self.senders.append(sender)
        self.extra.append(content)
        self.keys.append(headers.get("idempotency-key", ""))
        return 201, {"id": len(self.sent)}


@contextlib.contextmanager
def gateway(**how: Any) -> Iterator[Gateway]:
    """Starts the fake gateway on the loopback address."""
    state = Gateway(**how)
    with webhook.serving(state.answer) as port:
        state.port = port
        try:
            yield state
        finally:
            state.released.set()
