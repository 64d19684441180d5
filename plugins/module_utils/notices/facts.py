# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a notice: what is known of run, window, approval and people, in one form for texts and machines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..report.humanise import clean
from ..windows.policy import LONGEST_RECURRING
from ..windows.times import parse_zone, span, when

Row = Mapping[str, Any]

IMPACTS = {
    "minimal": "minimal impact",
    "possible_downtime": "downtime is possible",
    "planned_downtime": "downtime is planned",
}
_UNFIT = re.compile("[^A-Za-z0-9._-]")


def identifier(text: str) -> str:
    """The text as an identity: fit for a header, a file name and a command line."""
    return _UNFIT.sub("-", text)


def _distinct(name: str) -> str:
    """The name as a part of an identity: of two names that look alike in one, each has its own."""
    safe = identifier(name)
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def opening_of(*, system: str, window: Row) -> str:
    """The identity of one opening of a window: the same for its notices, and for the run that takes place in it."""
    return identifier(f"{_distinct(system)}.{_distinct(str(window['name']))}.{_utc(window['opens'])}")


def maintenance_of(facts: Row) -> str:
    """By which a status page knows the maintenance again: the opening of its window, else the run."""
    window = facts.get("window")
    if isinstance(window, Mapping) and window.get("name") and window.get("opens"):
        return opening_of(system=str(facts.get("system") or ""), window=window)
    return identifier(str(facts.get("id") or "run"))


def window_facts(window: Optional[Row]) -> dict[str, Any]:
    """The window for texts; every key is there, and empty where it is not known.

    Of a window that is always open, begin and end are left out: they say nothing.
    window: name, opens, closes (ISO 8601) and, where they are known, impact and time_zone.
    """
    names = ("name", "impact", "impact_words", "opens", "closes", "begins", "ends", "duration", "time_zone", "short")
    facts: dict[str, Any] = dict.fromkeys(names, "")
    if not window:
        return facts
    facts.update({key: clean(value) for key, value in window.items() if value})
    facts["impact_words"] = IMPACTS.get(facts["impact"], facts["impact"].replace("_", " "))
    opens, closes = hours_of(window)
    if closes is None:
        facts["closes"] = ""
    zone = _zone(facts["time_zone"])
    if opens:
        facts.update(opens=to_text(opens), begins=when(opens, zone), short=_short(opens, zone))
    if closes:
        facts.update(closes=to_text(closes), ends=when(closes, zone))
    if opens and closes:
        facts["duration"] = span(closes - opens)
    return facts


def hours_of(window: Row) -> tuple[Optional[datetime], Optional[datetime]]:
    """When it opens and closes, where that is known; neither of a window that is always open."""
    opens, closes = _moment(window.get("opens")), _moment(window.get("closes"))
    return (None, None) if opens and closes and closes - opens > LONGEST_RECURRING else (opens, closes)


def people(contacts: Sequence[Row]) -> list[dict[str, str]]:
    """Contacts for texts: name, role, mail, phone, deputy, and ``line``, all of it on one line."""
    told = []
    for contact in contacts:
        person = {key: clean(contact.get(key) or "") for key in ("name", "role", "mail", "phone", "deputy")}
        first = f"{person['name']} ({person['role']})" if person["role"] else person["name"]
        deputy = f"deputy {person['deputy']}" if person["deputy"] else ""
        person["line"] = ", ".join(part for part in (first, person["phone"], person["mail"], deputy) if part)
        told.append(person)
    return told


def _moment(value: Any) -> Optional[datetime]:
    try:
        return parse_moment(str(value), option="window") if value else None
    except MaintenanceError:
        return None


def _short(opens: datetime, zone: Any) -> str:
    """The beginning as those know it who live there: a subject, or a short message, has no room for two times."""
    local = opens.astimezone(zone or timezone.utc)
    return f"{local:%Y-%m-%d %H:%M} {zone if zone and local.utcoffset() else 'UTC'}"


def _utc(value: Any) -> str:
    moment = _moment(value)
    return to_text(moment) if moment else clean(value)


def _zone(name: str) -> Any:
    try:
        return parse_zone(name, what="The time zone") if name else None
    except MaintenanceError:
        return None
