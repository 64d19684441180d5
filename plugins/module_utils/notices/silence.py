# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Silences of Prometheus Alertmanager: alerts that a run is expected to cause call nobody while it lasts.

API: Alertmanager's v2 (``/api/v2/silences``). A silence of ours is known by the mark in its comment.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from ..clock import now_or, parse_moment, to_text
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from .channel import DeliveryError, secret
from .web import Answer, Server, address_secrets, ask, require_success, server_of

CHECK = "notice.silence"
# Alertmanager takes the later of this and its own clock: one that is behind would let alerts through at first.
_EARLIER = timedelta(minutes=5)
_SAME = timedelta(seconds=1)
_LIVE = ("active", "pending")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wish:
    """The silence that there should be. matchers: as the API has them. until: its end."""

    matchers: Sequence[Row]
    starts: datetime
    until: datetime
    comment: str
    created_by: str


@dataclass(frozen=True)
class Plan:
    """What leads from the silences that are there to those that should be.

    keep: id of the one that stays or is changed, empty where one is made. post: whether anything is to be written.
    expire: ids of those that are to end.
    """

    keep: str = ""
    post: bool = False
    expire: Sequence[str] = ()


def plan(found: Sequence[Row], wish: Optional[Wish]) -> Plan:
    """From our silences that still hold, and the wish (None: there should be none), to what is to be done."""
    if wish is None:
        return Plan(expire=[one["id"] for one in found])
    fitting = [one for one in found if _same_matchers(one["matchers"], wish.matchers)]
    if not fitting:
        return Plan(post=True, expire=[one["id"] for one in found])
    kept = max(fitting, key=lambda one: str(one["endsAt"]))
    others = [one["id"] for one in found if one is not kept]
    return Plan(kept["id"], not _near(kept["endsAt"], wish.until), others)


def mark(run_id: str) -> str:
    """What the comment of the run's silences ends with."""
    return f"[careops:{run_id}]"


def silence(options: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """Makes, extends or ends the silence of a run, by the options of the module alert_silence.

    An Alertmanager that does not answer is a finding: the run goes on. Raises MaintenanceError for bad options.
    """
    wish = _wish(options)
    try:
        service = Alertmanager(options)
        found = service.silences(mark(options["run_id"]))
    except DeliveryError as error:
        return _unheard(options, str(error))
    chosen = plan(found, wish)
    actions: list[Action] = []
    identity = chosen.keep
    old = next((one for one in found if one["id"] == chosen.keep), None)
    try:
        # First the new one, then the old ones go: no moment between them is without.
        if wish and chosen.post:
            if not check_mode:
                identity = service.post(wish, old=old)
            actions.append(_silenced(options, wish, old, check_mode=check_mode))
        for gone in chosen.expire:
            if not check_mode:
                service.expire(gone)
            actions.append(_action("unsilence", options, check_mode=check_mode, before={"silence": gone}))
    except DeliveryError as error:
        return _unheard(options, str(error), actions)
    return Outcome(
        findings=[_said(options, wish, check_mode=check_mode)],
        actions=actions,
        details={
            "silence": identity if wish else "",
            "until": to_text(wish.until) if wish else "",
            "expired": list(chosen.expire),
        },
    )


class Alertmanager:
    """The server, and its three requests. Raises DeliveryError in all of them."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._server: Server = server_of(options["url"], option="url")
        self._timeout: float = options["timeout"]
        self._ca_cert: Optional[str] = options.get("ca_cert")
        token, password = secret(options, "token"), secret(options, "password")
        self._secrets = [token, password, *address_secrets(self._server.url)]
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        elif password:
            pair = f"{options.get('username') or ''}:{password}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"

    def silences(self, marked: str) -> list[Row]:
        """Those with this mark that hold or will hold."""
        content = self._ask("GET", "/api/v2/silences").content
        try:
            if isinstance(content, list):
                return [one for one in content if one["status"]["state"] in _LIVE and one["comment"].endswith(marked)]
        except (AttributeError, KeyError, TypeError):
            pass
        raise DeliveryError(f"{self._server.host} answered as no Alertmanager does: see url", passing=False)

    def post(self, wish: Wish, *, old: Optional[Row]) -> str:
        """Makes the silence, or gives the old one another end; returns its id."""
        body = {
            "matchers": list(wish.matchers),
            # With another beginning, a silence that holds would be replaced instead of changed.
            "startsAt": old["startsAt"] if old else to_text(wish.starts - _EARLIER),
            "endsAt": to_text(wish.until),
            "createdBy": wish.created_by,
            "comment": wish.comment,
        }
        if old:
            body["id"] = old["id"]
        content = self._ask("POST", "/api/v2/silences", body).content
        return str(content.get("silenceID", "")) if isinstance(content, Mapping) else ""

    def expire(self, identity: str) -> None:
        """Ends the silence now."""
        self._ask("DELETE", f"/api/v2/silence/{identity}")

    def _ask(self, method: str, path: str, body: Optional[Row] = None) -> Answer:
        host = self._server.host
        answer = ask(
            method,
            self._server.url.rstrip("/") + path,
            host=host,
            timeout=self._timeout,
            headers=self._headers,
            body=None if body is None else json.dumps(body).encode(),
            ca_cert=self._ca_cert,
            read=True,
        )
        require_success(answer, host=host, secrets=self._secrets)
        return answer


def _wish(options: Mapping[str, Any]) -> Optional[Wish]:
    if options["state"] == "absent":
        return None
    now = now_or(options["now"])
    until = parse_moment(options["until"], option="until") if options["until"] else None
    # A window that is always open must not silence for years where nobody ends the silence.
    longest = now + timedelta(seconds=options["longest"])
    until = min(until or now + timedelta(seconds=options["seconds"]), longest)
    if until <= now:
        raise MaintenanceError(
            f"The silence would end at {to_text(until)}, which is over: give until or seconds so that the run fits."
        )
    matchers = [_matcher(entry) for entry in options["matchers"]]
    if not matchers:
        raise MaintenanceError("The option matchers is empty: name the labels of the alerts that the run may cause.")
    if all(entry["value"] in ("", ".*") and entry["isEqual"] for entry in matchers):
        raise MaintenanceError("These matchers fit every alert there is: name a label that tells this system's apart.")
    comment = f"{options['comment'] or 'Maintenance'} {mark(options['run_id'])}"
    return Wish(matchers, now, until, comment, options["created_by"])


def _matcher(entry: Row) -> Row:
    return {
        "name": entry["name"],
        "value": entry["value"],
        "isRegex": bool(entry.get("regex")),
        "isEqual": entry.get("equal") is not False,
    }


def _same_matchers(found: Sequence[Row], wanted: Sequence[Row]) -> bool:
    keys = ("name", "value", "isRegex", "isEqual")

    def rows(matchers: Sequence[Row]) -> list[tuple[Any, ...]]:
        # isEqual came with Alertmanager 0.22; where it is left out it is true.
        return sorted(tuple({"isEqual": True, **one}[key] for key in keys) for one in matchers)

    return rows(found) == rows(wanted)


def _near(text: str, moment: datetime) -> bool:
    try:
        # Older Pythons read at most six digits behind the second.
        read = datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc)
    except ValueError:
        return False
    return abs(read - moment) <= _SAME


def _silenced(options: Row, wish: Wish, old: Optional[Row], *, check_mode: bool) -> Action:
    before = {"until": old["endsAt"]} if old else {}
    return _action("silence", options, check_mode=check_mode, before=before, after={"until": to_text(wish.until)})


def _action(verb: str, options: Row, *, check_mode: bool, **more: Any) -> Action:
    return Action(verb, options["run_id"], True, "planned" if check_mode else "done", **more)


def _said(options: Row, wish: Optional[Wish], *, check_mode: bool) -> Finding:
    run = options["run_id"]
    if wish is None:
        words = f"No silence of the run {run} {'would be' if check_mode else 'is'} left: its alerts call people again."
        return Finding(CHECK, run, "ok", words)
    words = f"Alerts that the run {run} may cause {'would be' if check_mode else 'are'} silenced until "
    return Finding(CHECK, run, "ok", f"{words}{to_text(wish.until)}.", evidence={"matchers": list(wish.matchers)})


def _unheard(options: Row, reason: str, actions: Sequence[Action] = ()) -> Outcome:
    run = options["run_id"]
    if options["state"] == "present":
        effect = "The run goes on, and alerts that it causes call people: tell those on call."
    else:
        effect = "A silence that the run made holds until it ends by itself: end it by hand where that is too late."
    verb = "silence" if options["state"] == "present" else "unsilence"
    return Outcome(
        findings=[Finding(CHECK, run, "warning", f"Alertmanager: {reason}. {effect}")],
        actions=list(actions),
        details={"silence": "", "until": "", "expired": [], "failed": verb},
    )
