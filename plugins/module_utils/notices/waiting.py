# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a notice that is kept: when which channel is due, when to try again, when to give up. Pure.

An entry is what its file holds. Each channel of it is in one of these states:

``waiting``: to be tried at ``next``, or when the lease of whoever is trying has run out.
``delivered``, ``given_up``, ``dropped`` (another notice says it better, or it was answered): final.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..findings import Finding
from ..report.humanise import clean, count

CHECK = "notice.delivery"
SCHEMA = 1
STATES = ("waiting", "delivered", "given_up", "dropped")
TOLD = ("identity", "event", "outcome", "subject", "body", "data", "to")
_KEPT = (*TOLD, "not_before", "expires", "supersedes", "escalate")

Entry = dict[str, Any]


@dataclass(frozen=True)
class Terms:
    """How long and how often, in seconds. lease: how long one who tries has; pause: before the second attempt,
    doubled each time up to longest_pause; give_up_after: from when the notice could first have been sent."""

    lease: float = 300
    pause: float = 60
    longest_pause: float = 3600
    give_up_after: float = 86400


def new_entry(notice: Mapping[str, Any], *, now: datetime, system: str = "") -> Entry:
    """The entry of a notice that nobody knew: its channels wait, unless another notice has taken its place.

    system: whose channels and people it is for; anybody's where it is empty.
    """
    entry: Entry = {"schema": SCHEMA, **{key: notice[key] for key in _KEPT if notice.get(key)}, "created": to_text(now)}
    if system:
        entry["system"] = system
    successor = notice.get("superseded_by")
    entry["channels"] = {}
    for name in notice.get("channels") or ():
        entry["channels"][name] = _waiting(now)
        if successor:
            _close(entry["channels"][name], "dropped", now=now, reason=f"the notice {successor} took its place")
    for name in notice.get("delivered") or ():
        entry["channels"][name] = {"state": "delivered", "attempts": 1, "at": to_text(now)}
    return entry


def add_to(entry: Entry, notice: Mapping[str, Any], *, now: datetime) -> bool:
    """Takes in a notice of the same identity that may say something new; returns whether anything changed."""
    news = any(entry.get(key) != notice.get(key) for key in ("subject", "body") if notice.get(key))
    before = {name: dict(channel) for name, channel in entry["channels"].items()}
    if news:
        entry.update({key: notice[key] for key in TOLD if key in notice})
    for name in notice.get("delivered") or ():
        entry["channels"][name] = {"state": "delivered", "attempts": 1, "at": to_text(now)}
    for name in notice.get("channels") or ():
        if news or name not in entry["channels"]:
            entry["channels"][name] = _waiting(now)
    return news or before != entry["channels"]


def put_off(entry: Entry, notice: Mapping[str, Any], *, now: datetime, terms: Terms) -> None:
    """Notes of channels that were tried once already why that failed, and whom they did not reach."""
    for name, reason in (notice.get("reasons") or {}).items():
        channel = entry["channels"].get(name)
        if channel and channel["state"] == "waiting":
            channel["attempts"] = 1
            left = (notice.get("left") or {}).get(name)
            settle(entry, name, {"reason": str(reason), "left": left}, now=now, terms=terms)


def lend(entry: Entry, *, now: datetime, terms: Terms) -> list[str]:
    """The channels that are due, each marked as being tried by whoever asked."""
    start = _moment(entry.get("not_before"))
    if start and now < start:
        return []
    due = []
    for name, channel in entry["channels"].items():
        if channel["state"] != "waiting" or _holds(channel["next"], now=now, longest=terms.longest_pause):
            continue
        if _holds(channel.get("lease"), now=now, longest=terms.lease):
            continue
        channel["attempts"] += 1
        channel["lease"] = to_text(now + timedelta(seconds=terms.lease))
        due.append(name)
    return due


def settle(entry: Entry, name: str, outcome: Mapping[str, Any], *, now: datetime, terms: Terms) -> None:
    """Notes how an attempt went. outcome: delivered, tried, reason. What was delivered stays delivered."""
    channel = entry["channels"].get(name)
    if channel is None or channel["state"] == "delivered":
        return
    if outcome.get("delivered"):
        _close(channel, "delivered", now=now, reason=outcome.get("reason") or "")
        return
    if channel["state"] != "waiting":
        return
    channel.pop("lease", None)
    if outcome.get("tried") is False:
        channel["attempts"] = max(0, channel["attempts"] - 1)
        channel["next"] = to_text(now)
        return
    pause = min(terms.longest_pause, terms.pause * 2 ** min(20, max(0, channel["attempts"] - 1)))
    channel.update(reason=outcome.get("reason") or "no reason was given", next=to_text(now + timedelta(seconds=pause)))
    if outcome.get("left"):
        channel["left"] = [str(address) for address in outcome["left"]]


def give_up(entry: Entry, *, now: datetime, terms: Terms) -> list[Finding]:
    """Ends what can no longer be delivered, or not in time to be of use: one critical finding a channel."""
    expires = _moment(entry.get("expires"))
    since = max(_at(entry["created"]), _moment(entry.get("not_before")) or _at(entry["created"]))
    ends = since + timedelta(seconds=terms.give_up_after)
    late = now >= ends or (expires is not None and now >= expires)
    if not late:
        return []
    findings = []
    for name, channel in entry["channels"].items():
        if channel["state"] != "waiting" or _holds(channel.get("lease"), now=now, longest=terms.lease):
            continue
        reason = channel.get("reason") or "it was never tried"
        _close(channel, "given_up", now=now, reason=reason)
        findings.append(
            Finding(
                CHECK,
                name,
                "critical",
                clean(
                    f"The notice '{entry['subject']}' was given up: the channel {name} did not take it "
                    f"in {count(channel['attempts'], 'attempt')} ({reason}). Tell its readers yourself, and mend it."
                )[:1000],
                value=channel["attempts"],
                unit="count",
                evidence={"notice": entry["identity"]},
            )
        )
    return findings


def drop(entry: Entry, *, reason: str, now: datetime, only: Optional[Sequence[str]] = None) -> bool:
    """Ends what still waits, since nobody needs it any more; returns whether anything did. only: of these channels."""
    waiting = [
        channel
        for name, channel in entry["channels"].items()
        if channel["state"] == "waiting" and (only is None or name in only)
    ]
    for channel in waiting:
        _close(channel, "dropped", now=now, reason=reason)
    return bool(waiting)


def is_open(entry: Entry, *, now: datetime) -> bool:
    """Whether the entry is still needed: something waits, somebody should answer, or its time is yet to come."""
    expires = _moment(entry.get("expires"))
    return (
        any(channel["state"] == "waiting" for channel in entry["channels"].values())
        or (bool(entry.get("escalate")) and not entry.get("acknowledged"))
        or (expires is not None and now < expires)
    )


def told(entry: Entry, channels: Sequence[str]) -> Entry:
    """The entry as send_notice takes it."""
    notice = {**{key: entry[key] for key in TOLD if key in entry}, "channels": list(channels)}
    left = {name: entry["channels"][name]["left"] for name in channels if entry["channels"][name].get("left")}
    return {**notice, "left": left} if left else notice


def is_entry(content: Any) -> bool:
    """Whether a file's content is an entry, with moments that can be read."""
    if not isinstance(content, dict) or not isinstance(content.get("channels"), dict):
        return False
    if not all(isinstance(content.get(key), str) for key in ("identity", "event", "subject", "body", "created")):
        return False
    if not _is_data(content):
        return False
    window = (content.get("data") or {}).get("window") or {}
    moments = [content["created"], content.get("not_before"), content.get("expires"), window.get("opens")]
    for channel in content["channels"].values():
        if not _is_channel(channel):
            return False
        if channel["state"] == "waiting":
            moments += [channel["next"], channel.get("lease")]
    try:
        return all(_moment(text) for text in moments if text is not None)
    except (MaintenanceError, AttributeError, TypeError):
        return False


def _is_channel(channel: Any) -> bool:
    if not isinstance(channel, dict) or channel.get("state") not in STATES:
        return False
    if channel["state"] != "waiting":
        return True
    left = channel.get("left") or []
    return isinstance(channel.get("attempts"), int) and bool(channel.get("next")) and isinstance(left, list)


def _is_data(content: Entry) -> bool:
    """Whether what planning, sending and acknowledging look at is of the kind that they expect."""
    data, answer = content.get("data") or {}, content.get("acknowledged", {"by": "", "at": ""})
    if not all(isinstance(one, dict) for one in (data, answer, content.get("to") or {})):
        return False
    if not all(isinstance(data.get(key, {}), dict) for key in ("run", "window", "escalation")):
        return False
    window = data.get("window") or {}
    named = not window or (isinstance(window.get("name"), str) and isinstance(data.get("maintenance"), str))
    return named and {"by", "at"} <= set(answer)


def _waiting(now: datetime) -> dict[str, Any]:
    return {"state": "waiting", "attempts": 0, "next": to_text(now)}


def _close(channel: dict[str, Any], state: str, *, now: datetime, reason: str) -> None:
    channel.update(state=state, at=to_text(now))
    for key in ("lease", "next", "reason", "left"):
        channel.pop(key, None)
    if reason:
        channel["reason"] = reason


def _holds(until: Optional[str], *, now: datetime, longest: float) -> bool:
    """Whether it is too early. longest: seconds; what is further ahead was noted by a clock that was wrong."""
    moment = _moment(until)
    return moment is not None and now < moment <= now + timedelta(seconds=longest)


def _at(text: str) -> datetime:
    return parse_moment(text, option="moment")


def _moment(text: Optional[str]) -> Optional[datetime]:
    return _at(text) if text else None
