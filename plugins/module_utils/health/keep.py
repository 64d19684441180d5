# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look leaves for later ones, and what they make of it: history, availability, and figures to compare with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import time, timezone
from typing import Any, Optional

from ..backups.zones import load_zone
from ..errors import MaintenanceError
from ..findings import Action, Finding
from . import history
from .arguments import WEEKDAYS
from .availability import BusinessHours
from .cache import Counters, counters_from
from .look import Look, say
from .services import Before
from .uptime import CHECK, Target, availability

Options = Mapping[str, Any]
_TIME = re.compile("([0-9]{1,2}):([0-9]{2})$")


class Keeper:
    """The history of a host. What cannot be read or written of it is a finding, and spoils no look."""

    def __init__(self, options: Options, *, now: float) -> None:
        """now: seconds since 1970. Raises MaintenanceError for options that cannot be meant."""
        self._options = options
        self._now = now
        self._path: str = options["history"] or ""
        self._past: Sequence[history.Seen] = ()
        self._faults: list[str] = []
        self._target = target_of(options)
        self._times = times_of(options["business_hours"])
        self._facts: Mapping[str, Any] = {}
        if self._path:
            self._facts = history.read_facts(self._path)
            try:
                self._past = history.read(self._path)
            except OSError as error:
                self._faults.append(
                    f"the history {self._path} cannot be read ({error.strerror}): correct its permissions"
                )

    def restarts(self) -> dict[str, Before]:
        """What the last look saw of each unit."""
        rows = self._facts.get("restarts")
        return {
            unit: Before(row[0], str(row[1]))
            for unit, row in (rows.items() if isinstance(rows, dict) else ())
            if isinstance(row, list) and len(row) == 2 and isinstance(row[0], int)
        }

    def counters(self, cache: str) -> Optional[Counters]:
        """What the last look saw of the cache."""
        rows = self._facts.get("caches")
        return counters_from(rows.get(cache)) if isinstance(rows, dict) else None

    def keep(self, looks: Iterable[Look], *, check_mode: bool) -> tuple[list[Finding], list[Action], dict[str, Any]]:
        """Findings and figures of availability, and the action by which the look was added to the history."""
        looks = list(looks)
        states = {key: state for look in looks for key, state in look.states.items()}
        if not self._path or not states:
            return [], [], {}
        seconds = {key: value for look in looks for key, value in look.seconds.items()}
        present = history.seen(self._now, states, seconds)
        findings, figures = self._availability(present)
        actions = []
        if self._options["record"]:
            actions.append(self._record(present, self._merged(looks), check_mode=check_mode))
        if self._faults:
            words = "; ".join(self._faults)
            findings.append(Finding(CHECK, f"{self._name()}, history", "unknown", say(f"{self._name()}: {words}.")))
        return findings, actions, figures

    def _name(self) -> str:
        return os.path.basename(self._path).partition(".")[0] or self._path

    def _availability(self, present: history.Seen) -> tuple[list[Finding], dict[str, Any]]:
        if not self._options["availability_target"]:
            return [], {}
        hours = None
        if self._times:
            try:
                hours = business_hours(self._options["business_hours"], self._times)
            except MaintenanceError as error:
                self._faults.append(f"availability in business hours is not known: {str(error).rstrip('.')}")
        looks = sorted([*self._past, present], key=lambda look: look.at)
        return availability(looks, present.keys, now=self._now, target=self._target, hours=hours, name=self._name())

    def _merged(self, looks: Sequence[Look]) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for kind in ("restarts", "caches"):
            before = self._facts.get(kind)
            facts[kind] = dict(before) if isinstance(before, dict) else {}
            for look in looks:
                facts[kind].update(look.facts.get(kind, {}))
        return facts

    def _record(self, present: history.Seen, facts: Mapping[str, Any], *, check_mode: bool) -> Action:
        # The memory of this module is nothing that is maintained: a look that is written down changes nothing.
        if check_mode:
            return Action("record", self._path, False, "planned")
        oldest = self._now - self._options["history_days"] * 86400
        try:
            history.record(self._path, present, facts, oldest=oldest)
        except OSError as error:
            fault = f"the look could not be added to the history {self._path} ({error.strerror})"
            self._faults.append(f"{fault}: see its folder, its permissions and its volume")
            return Action("record", self._path, False, "failed", reason=say(f"{fault}."))
        return Action("record", self._path, False, "done")


def target_of(options: Options) -> Target:
    """Raises MaintenanceError where the options of availability contradict each other."""
    days, target, critical = (options[f"availability_{name}"] for name in ("days", "target", "critical"))
    for name in ("target", "critical", "coverage"):
        if not 0 <= options[f"availability_{name}"] <= 100:
            raise MaintenanceError(f"The option availability_{name} must be a percentage.")
    if critical > target:
        raise MaintenanceError("The option availability_critical is above availability_target: swap them.")
    if not days or min(days) < 1 or max(days) > options["history_days"]:
        raise MaintenanceError(
            "The option availability_days must hold numbers of days from 1 up to what history_days keeps."
        )
    if options["max_gap"] <= 0:
        raise MaintenanceError("The option max_gap must be greater than 0.")
    return Target(
        percent=target,
        critical=critical or None,
        days=sorted(set(days)),
        coverage=options["availability_coverage"],
        max_gap=options["max_gap"],
    )


def times_of(options: Optional[Options]) -> Optional[tuple[time, Optional[time]]]:
    """When business begins and ends; an end of None is midnight. Raises MaintenanceError."""
    if options is None:
        return None
    opens, closes = (_minutes(options[name], option=f"business_hours.{name}") for name in ("start", "end"))
    if opens >= closes or not options["days"]:
        raise MaintenanceError("The option business_hours must have an end after its start, and at least one day.")
    return time(*divmod(opens, 60)), None if closes == 1440 else time(*divmod(closes, 60))


def _minutes(text: str, *, option: str) -> int:
    """Minutes of the day. YAML reads 18:00 without quotes as the number 1080, which is just that."""
    match = _TIME.match(text)
    minutes = int(match.group(1)) * 60 + int(match.group(2)) if match else int(text) if text.isdigit() else -1
    if not 0 <= minutes <= 1440 or (match and int(match.group(2)) > 59):
        raise MaintenanceError(f"The option {option} must be a time of day such as '08:00', not {text!r}.")
    return minutes


def business_hours(options: Options, times: tuple[time, Optional[time]]) -> BusinessHours:
    """Raises MaintenanceError where this host does not know the time zone."""
    zone = load_zone(options["time_zone"]) or timezone.utc
    return BusinessHours(zone, frozenset(WEEKDAYS.index(day) for day in options["days"]), *times)
