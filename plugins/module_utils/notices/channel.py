# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a channel is: it takes a notice and delivers it, or says in words that hold no secret why not."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

from ..report.humanise import clean, shorten

MASK = "********"


class DeliveryError(Exception):
    """The notice did not get through. passing: whether trying again may help.
    left: the addresses that did not get it, where others did."""

    def __init__(self, reason: str, *, passing: bool, left: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.passing = passing
        self.left = left


@dataclass(frozen=True)
class Notice:
    """What is told.

    identity: the same for every attempt, so that a receiver knows a notice that came twice.
    event: one of arguments.EVENTS. outcome: the verdict, empty while there is none.
    subject: one line. body: plain text. data: the same for machines, plain JSON.
    to: addresses in place of the channel's own, by kind: ``mail`` and ``phone``.
    faults: what was wrong with its template.
    """

    identity: str
    event: str
    outcome: str
    subject: str
    body: str
    data: dict[str, Any] = field(default_factory=dict)
    to: Mapping[str, Sequence[str]] = field(default_factory=dict)
    faults: Sequence[str] = ()


def as_data(notice: Notice) -> dict[str, Any]:
    """The notice as plain JSON data."""
    data: dict[str, Any] = {
        key: getattr(notice, key) for key in ("identity", "event", "outcome", "subject", "body", "data")
    }
    if notice.to:
        data["to"] = {kind: list(addresses) for kind, addresses in notice.to.items()}
    return data


def as_notice(data: Mapping[str, Any]) -> Notice:
    """The notice of such data. Raises KeyError where something of it is missing."""
    return Notice(
        identity=str(data["identity"]),
        event=str(data["event"]),
        outcome=str(data.get("outcome") or ""),
        subject=str(data["subject"]),
        body=str(data["body"]),
        data=dict(data.get("data") or {}),
        to=dict(data.get("to") or {}),
    )


class Channel(Protocol):
    """One way to tell people."""

    def send(self, notice: Notice, *, timeout: float) -> str:
        """Delivers the notice, and returns a remark where there is something to say about it.

        timeout: seconds for each step on the network. Raises DeliveryError.
        """


def secret(settings: Mapping[str, Any], option: str) -> Optional[str]:
    """The secret as given by option, environment variable or file; None where none of them is set.

    Raises DeliveryError where the place it should come from does not have it.
    """
    given: Optional[str] = settings.get(option)
    if given:
        return given
    variable = settings.get(f"{option}_env")
    if variable:
        found = os.environ.get(variable, "")
        if not found:
            raise DeliveryError(f"the environment variable {variable} ({option}_env) is not set", passing=False)
        return found
    path = settings.get(f"{option}_file")
    if not path:
        return None
    try:
        with open(path, encoding="utf-8") as stream:
            found = stream.read().strip()
    except OSError as error:
        raise DeliveryError(
            f"the file {path} ({option}_file) could not be read: {error.strerror}", passing=False
        ) from None
    except ValueError:
        raise DeliveryError(f"the file {path} ({option}_file) is no text", passing=False) from None
    if not found:
        raise DeliveryError(f"the file {path} ({option}_file) is empty", passing=False)
    return found


def masked(text: str, secrets: Sequence[Optional[str]]) -> str:
    """What a server said, on one line, short, and without the secrets, should it repeat them."""
    # First the longest: one secret may be part of another.
    for hidden in sorted((entry for entry in secrets if entry), key=len, reverse=True):
        text = text.replace(hidden, MASK)
    return shorten(clean(text), 200)
