# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which notices of openings are due: announced at their lead times, cancelled where the opening is gone. Pure.

Each notice has an identity made of system, window, opening and lead time. What the ledger knows is not planned again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..findings import Finding
from ..windows.openings import Opening
from ..windows.times import span, when
from .channel import Notice, as_data
from .compose import compose
from .facts import opening_of
from .templates import Templates
from .told import ANNOUNCED, Told, told_of

POLICY = "notice.policy"
LATE = "notice.advance"
# A timer looks every few minutes, and a controller may be restarted. What is announced shortly before has less.
_TOLERATED = timedelta(hours=1)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class House:
    """What notices are made of. takes: by channel the events that it takes, None for all of them.
    known: entries of the ledger by identity."""

    system: str
    takes: Mapping[str, Optional[Sequence[str]]]
    contacts: Sequence[Row] = ()
    known: Mapping[str, Row] = field(default_factory=dict)
    templates: Optional[Templates] = None
    acknowledge: str = ""

    @cached_property
    def told(self) -> Mapping[str, Told]:
        """By opening, what people were told of it."""
        return told_of(self.known, system=self.system)

    def channels(self, *wanted: str) -> list[str]:
        """The channels that take one of the events."""
        return [name for name, events in self.takes.items() if events is None or set(wanted) & set(events)]


@dataclass
class Planned:
    """What is to be done. notices: as notice_ledger takes them. faults: of templates, by identity."""

    notices: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def add(self, notice: Notice, *, channels: Sequence[str], **more: Any) -> None:
        self.notices.append({**as_data(notice), "channels": list(channels), **more})
        self.faults += [(notice.identity, fault) for fault in notice.faults]


def announce(openings: Sequence[Opening], *, now: datetime, house: House) -> Planned:
    """The notices of openings yet to come whose time has arrived, or of which something changed since.

    Of several of one opening, the latest alone.
    """
    planned = Planned()
    for opening in openings:
        if opening.opens > now:
            _announce(opening, now=now, house=house, planned=planned)
    for name in sorted({opening.name for opening in openings if opening.announce}):
        if not house.channels("advance"):
            words = (
                f"The window {name} is to be announced, and no channel takes the event advance: give policy a channel."
            )
            planned.findings.append(Finding(POLICY, name, "critical", words))
    return planned


def _announce(opening: Opening, *, now: datetime, house: House, planned: Planned) -> None:
    key = opening_of(system=house.system, window=opening.as_dict())
    told = house.told.get(key, Told(key))
    due = sorted((lead for lead in set(opening.announce) if opening.opens - lead <= now), reverse=True)
    new = [lead for lead in due if not told.covers(lead)]
    cancelled, again = _turns(key, house)
    if cancelled in house.known:
        # That it takes place after all says all of it.
        _pass_over(new, opening, by=again, house=house, planned=planned)
        return
    changed, identity = told.change(opening) or ("", "")
    if due and due[-1] in new:
        identity = identity_of(opening, due[-1], system=house.system)
        event = "reminder" if told.heard else "advance"
    elif changed and identity not in house.known:
        event = "advance"
    else:
        return
    planned.add(
        _notice(event, opening, identity=identity, house=house, note=changed),
        # That something changed concerns all who may have heard of it, by whatever notice.
        channels=house.channels(*ANNOUNCED) if changed else house.channels(event),
        expires=to_text(opening.opens),
        # What still waits of the others says less, or something else.
        supersedes=list(
            dict.fromkeys(
                [
                    *(identity_of(opening, lead, system=house.system) for lead in due[:-1]),
                    *(entry["identity"] for entry in told.entries),
                ]
            )
        ),
    )
    missed = [lead for lead in new if lead != due[-1]]
    _pass_over(missed, opening, by=identity, house=house, planned=planned)
    late = [lead for lead in new if now - (opening.opens - lead) > min(_TOLERATED, lead / 4)]
    planned.findings += [_late(opening, lead, now=now) for lead in missed or late]


def _pass_over(leads: Sequence[timedelta], opening: Opening, *, by: str, house: House, planned: Planned) -> None:
    """Enters notices that are never sent, so that it is said once. by: the notice in their place."""
    for lead in leads:
        stub = _notice("advance", opening, identity=identity_of(opening, lead, system=house.system), house=house)
        planned.notices.append(
            {
                **as_data(stub),
                "channels": house.channels("advance"),
                "expires": to_text(opening.opens),
                "superseded_by": by,
            }
        )


def cancel(openings: Sequence[Opening], *, now: datetime, house: House) -> Planned:
    """Notices of what was announced and will not take place, and of what takes place after all."""
    planned = Planned()
    current = {opening_of(system=house.system, window=opening.as_dict()): opening for opening in openings}
    for key, entries in _announced(house, now=now):
        names = {name for entry in entries for name, one in entry["channels"].items() if _heard(one)}
        cancelled, again = _turns(key, house)
        if key not in current and cancelled not in house.known:
            window = entries[-1]["data"]["window"]
            notice = compose(
                "cancel",
                record=None,
                run={"system": house.system, "window": window},
                contacts=house.contacts,
                identity=cancelled,
                templates=house.templates,
            )
            waiting = [entry["identity"] for entry in entries]
            planned.add(
                notice,
                channels=[name for name in house.channels("cancel") if name in names],
                expires=window["opens"],
                supersedes=waiting,
            )
        elif key in current and cancelled in house.known:
            notice = _notice("advance", current[key], identity=again, house=house, note="It takes place after all.")
            expires = to_text(current[key].opens)
            planned.add(notice, channels=house.channels(*ANNOUNCED), expires=expires, supersedes=[cancelled])
    return planned


def _turns(key: str, house: House) -> tuple[str, str]:
    """The identities of the cancellation that counts now, and of the notice that takes it back: a policy may
    change its mind more than once."""
    number = 1
    while True:
        rest = f"-{number}" if number > 1 else ""
        cancelled, again = f"{key}.cancel{rest}", f"{key}.again{rest}"
        if again not in house.known:
            return cancelled, again
        number += 1


def without_windows(house: House, *, now: datetime) -> list[Finding]:
    """Said in place of cancelling everything: a policy that has no window any more is more likely a slip."""
    keys = [key for key, _entries in _announced(house, now=now)]
    if not keys:
        return []
    words = (
        f"The policy has no windows, though maintenance was announced ({', '.join(keys[:5])}): nothing was cancelled. "
        "Bring the windows back, or leave one of them and the others are cancelled."
    )
    return [Finding(POLICY, house.system or "windows", "critical", words[:1000])]


def horizon(announced: Sequence[timedelta], *, now: datetime, house: House) -> datetime:
    """Until when openings matter: the longest lead, and whatever was announced."""
    moments = [now + max(announced, default=timedelta(0))]
    moments += [
        parse_moment(entries[-1]["data"]["window"]["opens"], option="opens")
        for _key, entries in _announced(house, now=now)
    ]
    return max(moments) + timedelta(minutes=1)


def identity_of(opening: Opening, lead: timedelta, *, system: str) -> str:
    """The identity of the notice that is due this long before the opening."""
    seconds = int(lead.total_seconds())
    text = f"PT{seconds // 3600}H" if seconds % 3600 == 0 else f"PT{seconds}S"
    return f"{opening_of(system=system, window=opening.as_dict())}.{text}"


def _notice(event: str, opening: Opening, *, identity: str, house: House, note: str = "") -> Notice:
    facts = opening.as_dict()
    return compose(
        event,
        record=None,
        run={
            "system": house.system,
            "window": {key: facts[key] for key in ("name", "impact", "opens", "closes", "time_zone")},
        },
        note=note,
        contacts=house.contacts,
        identity=identity,
        templates=house.templates,
    )


def _announced(house: House, *, now: datetime) -> Iterator[tuple[str, Sequence[Row]]]:
    """By opening yet to come, what was announced of it."""
    for key, told in house.told.items():
        opens = [parse_moment(entry["data"]["window"]["opens"], option="opens") for entry in told.entries]
        if max(opens) > now:
            yield key, told.entries


def _heard(channel: Row) -> bool:
    """Whether readers of the channel may know of it: by it, some of them at least, or by word of mouth.

    Of one that is still lent nobody knows how it went: whoever sent it may have been killed before they said so.
    """
    return channel["state"] in ("delivered", "given_up") or bool(channel.get("left") or channel.get("lease"))


def _late(opening: Opening, lead: timedelta, *, now: datetime) -> Finding:
    words = (
        f"The notice of the window {opening.name} that opens {when(opening.opens)} should have gone out "
        f"{span(lead)} before, and goes out {span(opening.opens - now)} before: "
        "see that the timer of playbooks/notices.yml runs, and that windows are in the policy in time."
    )
    return Finding(
        LATE,
        opening.name,
        "warning",
        words,
        value=round((opening.opens - now).total_seconds() / 3600, 1),
        unit="hours",
        threshold=round(lead.total_seconds() / 3600, 1),
    )
