# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP endpoints: whether they answer as expected, how fast, and since when they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..findings import Finding, Number, judge
from ..report.humanise import duration
from .ask import Ask, Reply, make_ask, put
from .expectations import shown
from .http import origin
from .look import Look, Probe, say
from .paths import Absent, Step, parse_path, values_at
from .variables import Secrets, Variables

UPTIME_UNITS = {"milliseconds": 0.001, "seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


@dataclass(frozen=True)
class Limits:
    """Seconds from which an answer is slow; None where that does not matter."""

    warning: Optional[float]
    critical: Optional[float]


@dataclass(frozen=True)
class Uptime:
    """Where the endpoint says how long it runs. least: seconds below which it restarted lately."""

    path: str
    steps: Sequence[Step]
    factor: float
    least: float


def limits_of(options: Mapping[str, Any], usual: Limits) -> Limits:
    """Its own limits, or the usual ones; a nought turns one off."""
    own = [options.get(f"response_{name}") for name in ("warning", "critical")]
    chosen = [value if value is not None else other for value, other in zip(own, (usual.warning, usual.critical))]
    return Limits(*(value or None for value in chosen))


def endpoint_probe(
    options: Mapping[str, Any], *, option: str, secrets: Secrets, timeout: float, usual: Limits
) -> Probe:
    """The probe of one endpoint. Raises MaintenanceError for options that cannot be meant."""
    ask = make_ask(options, option=option, known=secrets.names, timeout=timeout)
    limits = limits_of(options, usual)
    uptime = None
    if options["uptime"]:
        uptime = Uptime(
            path=options["uptime"],
            steps=parse_path(options["uptime"], option=f"{option}.uptime"),
            factor=UPTIME_UNITS[options["uptime_unit"]],
            least=options["uptime_min"],
        )
    name = options["name"]
    return Probe(
        things=[(f"endpoint:{name}", "health.endpoint", name)],
        look=lambda: _look(name, ask, limits, uptime, Variables(secrets)),
    )


def _look(name: str, ask: Ask, limits: Limits, uptime: Optional[Uptime], variables: Variables) -> Look:
    reply = put(ask, variables)
    key = f"endpoint:{name}"
    seconds = round(reply.answer.seconds, 3)
    findings = [endpoint_finding(name, ask, reply)]
    if limits.warning is not None or limits.critical is not None:
        findings.append(response_finding(name, seconds, limits, what=f"The endpoint {name} answers"))
    if uptime and (reply.document is not None or reply.fault is None):
        findings.append(uptime_finding(name, reply.document, uptime))
    return Look(findings, {key: reply.fault is None}, {key: seconds})


def endpoint_finding(name: str, ask: Ask, reply: Reply) -> Finding:
    """Whether it answered as expected."""
    evidence: dict[str, Any] = {"status": reply.answer.status, "url": origin(ask.url)}
    if reply.fault:
        evidence["error"] = reply.fault.kind
        message = f"The endpoint {name} is not healthy: {reply.fault}."
        return Finding("health.endpoint", name, reply.fault.status, say(message), evidence=evidence)
    return Finding("health.endpoint", name, "ok", say(f"The endpoint {name} answers as expected."), evidence=evidence)


def response_finding(subject: str, seconds: Number, limits: Limits, *, what: str) -> Finding:
    """Whether it answered in time. what: the beginning of the sentence that tells of it."""
    status, threshold = judge(seconds, warning=limits.warning, critical=limits.critical)
    words = f"{what} in {duration(seconds)}"
    if status != "ok":
        words += f", {duration(threshold or 0)} or more: look at the load of the service and what it waits for"
    return Finding("health.response_time", subject, status, say(f"{words}."), seconds, "seconds", threshold)


def uptime_finding(name: str, document: Any, uptime: Uptime) -> Finding:
    """Since when the endpoint says that it runs."""
    try:
        value = values_at(document, uptime.steps)[0]
    except Absent:
        value = None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e15:
        words = f"{uptime.path} is missing" if value is None else f"{uptime.path} is {shown(value, uptime.path)}"
        message = f"The endpoint {name} does not say how long it runs: {words}, expected a number; correct uptime."
        return Finding("health.uptime", name, "unknown", say(message))
    seconds = round(value * uptime.factor, 3)
    if seconds < uptime.least:
        message = f"The endpoint {name} started {duration(seconds)} ago: find out why, unless it was on purpose."
        return Finding("health.uptime", name, "warning", say(message), seconds, "seconds", uptime.least)
    message = f"The endpoint {name} has been running for {duration(seconds)}."
    return Finding("health.uptime", name, "ok", say(message), seconds, "seconds", uptime.least or None)
