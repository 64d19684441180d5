# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd units: whether they run, and whether they were restarted by themselves since the last look."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Finding
from ..report.humanise import clean, count, duration, shorten
from ..runner import Runner
from .look import Fault, Look, Probe, say

CHECK = "health.service"
PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "NRestarts",
    "InvocationID",
    "StateChangeTimestampMonotonic",
)
_NAME = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*\Z")
_RESULTS = {
    "exit-code": "its process ended with an error",
    "signal": "its process was killed",
    "core-dump": "its process crashed",
    "oom-kill": "the host ran out of memory and killed it",
    "timeout": "it did not start or stop in time",
    "watchdog": "it no longer answered the watchdog",
    "start-limit-hit": "it failed too often in a row, so systemd no longer starts it",
}


@dataclass(frozen=True)
class Before:
    """What the last look saw of a unit: how often it was restarted, in which invocation."""

    restarts: int
    invocation: str


def check_units(units: Sequence[str]) -> None:
    """Raises MaintenanceError for names that are none, or that are there twice."""
    for unit in units:
        if not _NAME.match(unit):
            raise MaintenanceError(f"The option services must hold names of systemd units, not {unit!r}.")
    if len(set(units)) < len(units):
        raise MaintenanceError("The option services names a unit twice: name each once.")


def services_probe(
    units: Sequence[str],
    *,
    run: Runner,
    monotonic: float,
    patience: float,
    before: Mapping[str, Before],
    user: bool = False,
    timeout: float = 20.0,
) -> Probe:
    """One probe for all of them: a single call of systemctl.

    monotonic: the host's monotonic clock now, in seconds. patience: seconds that a unit may take to start.
    before: what the last look saw, by unit. user: ask the account's own systemd.
    """
    command = ["systemctl", *(["--user"] if user else []), "show", f"--property={','.join(PROPERTIES)}", "--", *units]

    def look() -> Look:
        try:
            done = run(command, timeout=timeout)
        except MaintenanceError as error:
            raise Fault("systemd", f"its state is not known: {str(error).rstrip('.')}", blind=True) from None
        shown = parse(done.stdout)
        if done.returncode or len(shown) != len(units):
            reason = shorten(clean(done.stderr.strip() or "systemctl did not answer"), 200).rstrip(".")
            raise Fault("systemd", f"its state is not known, systemd does not answer ({reason})", blind=True)
        findings, states, facts = [], {}, {}
        for unit, properties in zip(units, shown):
            finding = judge_unit(unit, properties, monotonic=monotonic, patience=patience, before=before.get(unit))
            findings.append(finding)
            states[f"service:{unit}"] = None if finding.status == "unknown" else finding.status != "critical"
            if properties.get("NRestarts", "").isdigit():
                facts[unit] = [int(properties["NRestarts"]), properties.get("InvocationID", "")]
        return Look(findings, states, facts={"restarts": facts})

    return Probe(things=[(f"service:{unit}", CHECK, unit) for unit in units], look=look)


def parse(output: str) -> list[dict[str, str]]:
    """What ``systemctl show`` prints: a paragraph of NAME=value lines for each unit, in the order asked for."""
    paragraphs = [paragraph.strip("\n") for paragraph in output.split("\n\n")]
    return [
        dict(line.split("=", 1) for line in paragraph.split("\n") if "=" in line)
        for paragraph in paragraphs
        if paragraph
    ]


def judge_unit(
    unit: str, properties: Mapping[str, str], *, monotonic: float, patience: float, before: Optional[Before]
) -> Finding:
    """The finding of one unit. monotonic, patience: seconds, as of ``services_probe``."""
    load, active, sub = (properties.get(name, "") for name in ("LoadState", "ActiveState", "SubState"))
    evidence: dict[str, Any] = {"active": active, "sub": sub, "load": load}
    since = properties.get("StateChangeTimestampMonotonic", "")
    seconds = max(0.0, monotonic - int(since) / 1e6) if since.isdigit() and int(since) else None
    status, words = _state(properties, seconds=seconds, patience=patience)
    if status != "ok":
        return Finding(CHECK, unit, status, say(f"The service {unit} {words}."), evidence=evidence)
    restarts = restarts_since(properties, before)
    if restarts:
        evidence["restarts"] = restarts
        message = (
            f"The service {unit} runs, but was restarted by itself {count(restarts, 'time')} since the last look: "
            f"see journalctl -u {unit}."
        )
        return Finding(CHECK, unit, "warning", say(message), restarts, "count", 1, evidence=evidence)
    return Finding(CHECK, unit, "ok", f"The service {unit} is {active} ({sub}).", evidence=evidence)


_LOADS = {
    "not-found": "does not exist on this host: install it, or correct the name",
    "masked": "is masked and cannot start: unmask it, or take it out of services",
    "bad-setting": "has a unit file that systemd cannot use: see systemctl status",
    "error": "has a unit file that systemd cannot use: see systemctl status",
}
_ACTIVES = {
    "active": ("ok", ""),
    "reloading": ("ok", ""),
    "refreshing": ("ok", ""),
    "maintenance": ("warning", "is in maintenance: look again when that is over"),
    "activating": ("warning", "is starting: look again in a minute"),
    "deactivating": ("critical", "is stopping: find out who stops it"),
    "inactive": ("critical", "is not running: start it, and enable it if it should start with the host"),
}


def _state(properties: Mapping[str, str], *, seconds: Optional[float], patience: float) -> tuple[str, str]:
    """Status, and what is wrong. seconds: how long it has been in this state."""
    load, active = properties.get("LoadState", ""), properties.get("ActiveState", "")
    if load in _LOADS:
        return "critical", _LOADS[load]
    if active == "failed":
        result = properties.get("Result", "")
        why = _RESULTS.get(result, f"the result is {clean(result)}")
        return "critical", f"has failed, {why}: see journalctl, correct the cause and start it"
    if properties.get("SubState", "").startswith("auto-restart"):
        return "critical", "ends again and again, and waits for its next start: see journalctl"
    if active in ("activating", "reloading") and seconds is not None and seconds >= patience:
        what = "starting" if active == "activating" else "reloading"
        return "critical", f"has been {what} for {duration(seconds)}, which is too long: see journalctl"
    unheard = ("unknown", f"is in a state that is not known ({clean(active) or 'none'}): see systemctl status")
    return _ACTIVES.get(active, unheard)


def restarts_since(properties: Mapping[str, str], before: Optional[Before]) -> int:
    """How often systemd restarted the unit by itself since the last look; none where there was no look.

    systemd counts from the last start by hand, which begins anew; each start is an invocation of its own.
    """
    text = properties.get("NRestarts", "")
    if before is None or not text.isdigit() or properties.get("InvocationID") == before.invocation:
        return 0
    restarts = int(text)
    return restarts - before.restarts if restarts > before.restarts else restarts
