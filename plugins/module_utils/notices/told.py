# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people were told of an opening, as the ledger has it, and whether it still is as they know it. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Optional

from ..clock import to_text
from ..windows.openings import Opening
from .facts import window_facts

ANNOUNCED = ("advance", "reminder")
_LEAD = re.compile(r"PT([0-9]+)([HS])")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """The announcements of one opening. key: its identity. entries: those of the ledger."""

    key: str
    entries: Sequence[Row] = ()

    @property
    def heard(self) -> bool:
        """Whether anybody has heard of it, or is about to."""
        return bool(self._sent())

    def covers(self, lead: timedelta) -> bool:
        """Whether the ledger has a notice that is for this lead time, or for one that is nearer to the opening."""
        return any(known <= lead for known in map(self._lead, self.entries) if known is not None)

    def change(self, opening: Opening) -> Optional[tuple[str, str]]:
        """What is not as people were told it last, and the identity of the notice that says so; None where all is.

        The identity holds what was told before, so each change is told once, whatever the clock does.
        """
        sent = self._sent()
        if not sent:
            return None
        last = max(sent, key=lambda entry: str(entry["created"]))
        before, now = window_facts(last["data"]["window"]), window_facts(opening.as_dict())
        words = []
        if before["closes"] and before["closes"] != now["closes"]:
            words.append(f"it ends {now['ends']}, and not {before['ends']}")
        if before["impact"] and before["impact"] != now["impact"]:
            words.append(f"{now['impact_words']}, where it was: {before['impact_words']}")
        if not words:
            return None
        state = f"{last['identity']} {to_text(opening.closes)} {opening.impact}"
        return f"This is a change: {'; '.join(words)}.", f"{self.key}.changed-{_short(state)}"

    def _sent(self) -> list[Row]:
        """Those that did not only make room for another."""
        return [entry for entry in self.entries if any(one["state"] != "dropped" for one in entry["channels"].values())]

    def _lead(self, entry: Row) -> Optional[timedelta]:
        found = _LEAD.fullmatch(str(entry["identity"])[len(self.key) + 1 :])
        return timedelta(seconds=int(found[1]) * (3600 if found[2] == "H" else 1)) if found else None


def told_of(known: Mapping[str, Row], *, system: str) -> dict[str, Told]:
    """By the identity of an opening, what the ledger has of its announcements. system: whose they are."""
    by_key: dict[str, list[Row]] = {}
    for entry in known.values():
        data = entry.get("data") or {}
        if entry["event"] in ANNOUNCED and data.get("window") and data.get("run", {}).get("system") == system:
            by_key.setdefault(data["maintenance"], []).append(entry)
    return {key: Told(key, entries) for key, entries in sorted(by_key.items())}


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
