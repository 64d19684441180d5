# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A public status page by the interface of Statuspage: the maintenance as it is announced, begins, and ends.

The page is read by the public, so it is told ``data["public"]`` alone: no hosts, no findings, no people.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from ...clock import to_text
from ...report.humanise import clean, shorten
from ..channel import DeliveryError, Notice, secret
from ..facts import hours_of
from ..web import Answer, ask, require_success, server_of

ROOT = "https://api.statuspage.io"
# What is for the house alone.
INTERNAL = ("approval", "escalation")
_SPACE = "careops"
_PAGES = 3
_PER_PAGE = 100
_LONGEST_NAME = 255
_OVER = ("completed", "resolved", "postmortem")
# By event: the status of a scheduled maintenance, that of an incident, and the state of the components.
_STEPS: Mapping[str, tuple[str, str, str]] = {
    "advance": ("scheduled", "identified", ""),
    "reminder": ("scheduled", "identified", ""),
    "start": ("in_progress", "identified", "under_maintenance"),
    "emergency": ("in_progress", "identified", "under_maintenance"),
    "failure": ("verifying", "investigating", ""),
    "finish": ("completed", "resolved", "operational"),
    "cancel": ("completed", "resolved", ""),
}
# Of what was never shown, there is nothing to say at its end: a run that was refused is no incident of the public.
_NEVER_FIRST = ("finish", "failure", "cancel")
# How long a maintenance without a window is said to take.
_USUAL = timedelta(hours=1)

Row = Mapping[str, Any]


class StatusPage:
    """Keeps one entry of the page for one maintenance."""

    def __init__(self, settings: Row, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock

    def send(self, notice: Notice, *, timeout: float) -> str:
        """Brings the page's entry to where the notice says the maintenance is. Raises DeliveryError."""
        ours = [one for one in self._entries(timeout) if _mark(one).get("maintenance") == _maintenance(notice)]
        if any(notice.identity in str(_mark(one).get("told", "")).split() for one in ours):
            return ""
        entry = next((one for one in ours if one.get("status") not in _OVER), None)
        if entry is None:
            return "" if notice.event in _NEVER_FIRST else self._create(notice, timeout)
        return self._update(entry, notice, timeout)

    def _create(self, notice: Notice, timeout: float) -> str:
        window = notice.data.get("window") or {}
        maintenance, incident, components = _STEPS[notice.event]
        body: dict[str, Any] = {
            "name": shorten(clean(_public(notice)["title"]), _LONGEST_NAME),
            "body": _public(notice)["text"],
            "status": incident if notice.event == "emergency" else maintenance,
            "deliver_notifications": bool(self._settings.get("subscribers", True)),
            "metadata": {_SPACE: {"maintenance": _maintenance(notice), "told": notice.identity}},
        }
        if notice.event != "emergency":
            now = datetime.fromtimestamp(self._clock(), timezone.utc)
            opens, closes = hours_of(window)
            body["scheduled_for"] = to_text(opens or now)
            body["scheduled_until"] = to_text(closes or now + _USUAL)
            # This collection says when it begins and ends, and reminds.
            for automatic in ("scheduled_auto_in_progress", "scheduled_auto_completed", "scheduled_remind_prior"):
                body[automatic] = False
        self._with_components(body, components)
        self._ask("POST", "/incidents", timeout, {"incident": body})
        return ""

    def _update(self, entry: Row, notice: Notice, timeout: float) -> str:
        maintenance, incident, components = _STEPS[notice.event]
        mark = _mark(entry)
        body: dict[str, Any] = {
            "body": _public(notice)["text"],
            "status": maintenance if entry.get("scheduled_for") else incident,
            "deliver_notifications": bool(self._settings.get("subscribers", True)),
            "metadata": {
                **(entry.get("metadata") or {}),
                _SPACE: {**mark, "told": f"{mark.get('told', '')} {notice.identity}".strip()},
            },
        }
        window = notice.data.get("window") or {}
        if maintenance == "scheduled" and entry.get("scheduled_for") and window.get("closes"):
            # It may have changed since.
            body.update(scheduled_for=window["opens"], scheduled_until=window["closes"])
        self._with_components(body, components)
        self._ask("PATCH", f"/incidents/{entry['id']}", timeout, {"incident": body})
        return ""

    def _with_components(self, body: dict[str, Any], state: str) -> None:
        names: Sequence[str] = self._settings.get("components") or ()
        if names:
            body["component_ids"] = list(names)
            if state:
                body["components"] = dict.fromkeys(names, state)

    def _entries(self, timeout: float) -> list[Row]:
        """The page's newest entries. Its maintenances lie among them, planned ones too."""
        found: list[Row] = []
        for page in range(1, _PAGES + 1):
            content = self._ask("GET", f"/incidents?limit={_PER_PAGE}&page={page}", timeout).content
            if not isinstance(content, list):
                raise DeliveryError("the status page answered as none does: see url and page_id", passing=False)
            found += [one for one in content if isinstance(one, Mapping)]
            if len(content) < _PER_PAGE:
                break
        return found

    def _ask(self, method: str, path: str, timeout: float, body: Optional[Row] = None) -> Answer:
        server = server_of(secret(self._settings, "url") or ROOT, option="url")
        token = secret(self._settings, "token")
        if not token:
            raise DeliveryError("it has no token: give token_env or token_file", passing=False)
        answer = ask(
            method,
            f"{server.url.rstrip('/')}/v1/pages/{self._settings['page_id']}{path}",
            host=server.host,
            timeout=timeout,
            headers={"Authorization": f"OAuth {token}", "Content-Type": "application/json"},
            body=None if body is None else json.dumps(body).encode("utf-8"),
            ca_cert=self._settings.get("ca_cert"),
            read=True,
        )
        require_success(answer, host=server.host, secrets=[token])
        return answer


def check(settings: Row) -> Optional[str]:
    """What is wrong with the channel's options; None where nothing is."""
    page = str(settings["page_id"])
    return None if page.isalnum() else f"its page_id {page!r} is none: it has letters and digits alone"


def _public(notice: Notice) -> dict[str, str]:
    public = notice.data.get("public") or {}
    return {"title": public.get("title") or "Maintenance", "text": public.get("text") or "Maintenance"}


def _maintenance(notice: Notice) -> str:
    return str(notice.data.get("maintenance") or notice.identity)


def _mark(entry: Row) -> Row:
    metadata = entry.get("metadata")
    mark = metadata.get(_SPACE) if isinstance(metadata, Mapping) else None
    return mark if isinstance(mark, Mapping) else {}
