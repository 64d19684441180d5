"""A fake status page, since Statuspage cannot run here: its interface for entries, with its rules and its refusals."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.lab import webhook

TOKEN = "statuspage-Secret-51"
PAGE = "kctbh9vrtdwd"
COMPONENTS = {"ftgks51sfs2d", "8kbf7d35c070"}
MAINTENANCE = ("scheduled", "in_progress", "verifying", "completed")
INCIDENT = ("investigating", "identified", "monitoring", "resolved")
STATES = {"operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"}
KNOWN = {
    *("name", "status", "body", "metadata", "deliver_notifications", "component_ids", "components"),
    *("scheduled_for", "scheduled_until", "scheduled_remind_prior"),
    *("scheduled_auto_in_progress", "scheduled_auto_completed", "impact_override"),
}


@dataclass
class Page:
    """The page. entries: newest first. updates: id, status and text of everything posted.

    answers: codes for the next requests; silent: it never answers; others: entries that are not ours.
    """

    port: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)
    updates: list[tuple[str, str, str]] = field(default_factory=list)
    components: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    silent: bool = False
    released: threading.Event = field(default_factory=threading.Event)

    def options(self, **more: Any) -> dict[str, Any]:
        """A channel that leads to this page."""
        return {
            "name": "page",
            "kind": "statuspage",
            "url": f"http://127.0.0.1:{self.port}",
            "page_id": PAGE,
            "token": TOKEN,
            "components": sorted(COMPONENTS),
            **more,
        }

    def answer(self, method: str, post: webhook.Post) -> tuple[int, Any]:
        if self.silent:
            self.released.wait(30)
        self.requests.append((method, post.path))
        if self.answers:
            code = self.answers.pop(0)
            if code != 200:
                return code, {"error": f"no, and not with {TOKEN}"}
        if {name.lower(): value for name, value in post.headers.items()}.get("authorization") != f"OAuth {TOKEN}":
            return 401, {"error": "Could not authenticate"}
        parts = urlsplit(post.path)
        found = re.fullmatch(rf"/v1/pages/{PAGE}/incidents(?:/(\w+))?", parts.path)
        if not found:
            return 404, {"error": "not found"}
        if method == "GET" and not found[1]:
            query = parse_qs(parts.query)
            limit, page = int(query.get("limit", ["100"])[0]), int(query.get("page", ["1"])[0])
            return (200, self.entries[limit * (page - 1) : limit * page]) if limit <= 100 else (400, {"error": "limit"})
        try:
            given = json.loads(post.body)["incident"]
            return self.create(given) if method == "POST" else self.change(found[1], given)
        except (KeyError, TypeError, ValueError) as error:
            return 422, {"error": f"{error}"}

    def create(self, given: dict[str, Any]) -> tuple[int, Any]:
        scheduled = "scheduled_for" in given
        fault = _fault(given, kinds=MAINTENANCE if scheduled else INCIDENT)
        if not fault and (not given.get("name") or len(given["name"]) > 255):
            fault = "a name of at most 255 characters is needed"
        if not fault and scheduled:
            begin, end = (datetime.fromisoformat(given[f"scheduled_{key}"][:19]) for key in ("for", "until"))
            fault = "" if begin < end else "scheduled_until must be after scheduled_for"
        if fault:
            return 422, {"error": [fault]}
        entry = {"id": f"inc{len(self.entries)}", "scheduled_for": None, **given}
        self.entries.insert(0, entry)
        return self.note(entry, given, code=201)

    def change(self, identity: str, given: dict[str, Any]) -> tuple[int, Any]:
        entry = next((one for one in self.entries if one["id"] == identity), None)
        if entry is None:
            return 404, {"error": "not found"}
        kinds = MAINTENANCE if entry["scheduled_for"] else INCIDENT
        fault = _fault(given, kinds=kinds)
        if not fault and entry["status"] == kinds[-1]:
            fault = "it is over"
        if not fault and kinds.index(given["status"]) < kinds.index(entry["status"]) and kinds is MAINTENANCE:
            fault = f"{entry['status']} does not go back to {given['status']}"
        if fault:
            return 422, {"error": [fault]}
        entry.update(given)
        return self.note(entry, given, code=200)

    def note(self, entry: dict[str, Any], given: dict[str, Any], *, code: int) -> tuple[int, Any]:
        self.components.update(given.get("components") or {})
        self.updates.append((entry["id"], entry["status"], given.get("body", "")))
        return code, entry


def _fault(given: dict[str, Any], *, kinds: tuple[str, ...]) -> str:
    if set(given) - KNOWN:
        return f"unknown: {sorted(set(given) - KNOWN)}"
    if given["status"] not in kinds:
        return f"{given['status']} is none of {kinds}"
    if not all(isinstance(value, dict) for value in given.get("metadata", {}).values()):
        return "top level values of metadata must be objects"
    if set(given.get("component_ids", ())) - COMPONENTS or set(given.get("components", ())) - COMPONENTS:
        return "no such component"
    if set(given.get("components", {}).values()) - STATES:
        return "no such state of a component"
    return "" if isinstance(given.get("body"), str) else "body must be a text"


@contextlib.contextmanager
def page(**how: Any) -> Iterator[Page]:
    """Starts the fake page on the loopback address."""
    state = Page(**how)
    with webhook.serving(state.answer) as port:
        state.port = port
        try:
            yield state
        finally:
            state.released.set()
