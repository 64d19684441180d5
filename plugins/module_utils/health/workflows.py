# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows: requests one after the other, each with what the ones before it captured; a login, and what follows."""

from __future__ import annotations

import http.cookies
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Finding
from .ask import Ask, Reply, make_ask, put
from .endpoints import Limits, limits_of, response_finding
from .look import Fault, Look, Probe, say
from .paths import Absent, Step, parse_path, values_at
from .variables import Secrets, Variables, names_in

CHECK = "health.login"


@dataclass(frozen=True)
class Capture:
    """A value to keep: of the JSON, where there are steps, else of a header or a cookie of that name."""

    name: str
    source: str
    label: str
    steps: Sequence[Step] = ()


@dataclass(frozen=True)
class Stage:
    """One step. always: even after one that failed, as long as its values are there: to log out, for instance."""

    name: str
    ask: Ask
    captures: Sequence[Capture]
    always: bool
    needs: frozenset[str]


def workflow_probe(
    options: Mapping[str, Any], *, option: str, secrets: Secrets, timeout: float, usual: Limits
) -> Probe:
    """The probe of one workflow. Raises MaintenanceError for options that cannot be meant."""
    if not options["steps"]:
        raise MaintenanceError(f"The option {option}.steps is empty: give at least one step.")
    known = set(secrets.names)
    stages = []
    for number, step in enumerate(options["steps"], 1):
        place = f"{option}.steps[{number}]"
        stages.append(_stage(step, base=options["url"], place=place, known=known, timeout=timeout))
        known |= {capture.name for capture in stages[-1].captures}
    name, limits = options["name"], limits_of(options, usual)
    key = f"workflow:{name}"
    return Probe([(key, CHECK, name)], lambda: _look(name, stages, limits, Variables(secrets)))


def _stage(step: Mapping[str, Any], *, base: str, place: str, known: set[str], timeout: float) -> Stage:
    url = step["url"]
    if url.startswith("/"):
        url = base.rstrip("/") + url
    ask = make_ask({**step, "url": url}, option=place, known=known, timeout=timeout)
    captures = [_capture(entry, place=place) for entry in step["capture"]]
    needs = names_in([ask.url, ask.headers, ask.body])
    return Stage(step["name"], ask, captures, step["always"], frozenset(needs))


def _capture(entry: Mapping[str, Any], *, place: str) -> Capture:
    name = entry["name"]
    if not name.isidentifier():
        raise MaintenanceError(f"The option {place}.capture has the name {name!r}: take letters, digits and _.")
    for source in ("json", "header", "cookie"):
        if entry[source]:
            steps = parse_path(entry[source], option=f"{place}.capture") if source == "json" else ()
            return Capture(name, source, entry[source], steps)
    raise MaintenanceError(f"The option {place}.capture needs one of json, header and cookie for {name}.")


def _look(name: str, stages: Sequence[Stage], limits: Limits, variables: Variables) -> Look:
    fault: Optional[Fault] = None
    failing = ""
    seconds: list[float] = []
    for number, stage in enumerate(stages, 1):
        if fault and not (stage.always and variables.has(stage.needs)):
            continue
        try:
            seconds.append(_run(stage, variables))
        except Fault as found:
            if fault is None:
                fault, failing = found, f"step {number} of {len(stages)} ({stage.name})"
    key = f"workflow:{name}"
    if fault:
        evidence = {"error": fault.kind, "step": failing}
        message = f"The workflow {name} fails at {failing}: {fault}."
        up = None if fault.blind else False
        return Look([Finding(CHECK, name, fault.status, say(message), evidence=evidence)], {key: up})
    total = round(sum(seconds), 3)
    message = f"The workflow {name} went through all its {len(stages)} steps."
    findings = [Finding(CHECK, name, "ok", say(message), total, "seconds", evidence={"steps": len(stages)})]
    if limits.warning is not None or limits.critical is not None:
        what = f"The slowest step of the workflow {name} answers"
        findings.append(response_finding(f"{name}: slowest step", round(max(seconds), 3), limits, what=what))
    return Look(findings, {key: True}, {key: total})


def _run(stage: Stage, variables: Variables) -> float:
    """Does the step and returns its seconds. Raises Fault.

    Captures come first: a value that is captured is hidden in whatever the expectations say.
    """
    reply = put(stage.ask, variables)
    missing: Optional[Fault] = None
    for capture in stage.captures:
        value = _captured(capture, reply)
        if value is None:
            words = f"its answer has no {capture.source} {capture.label} to capture"
            missing = missing or Fault("capture", f"{words}: look at the answer, or correct capture")
        else:
            variables.capture(capture.name, value)
    if reply.fault or missing:
        raise reply.fault or missing or Fault("internal", "it failed")
    return reply.answer.seconds


def _captured(capture: Capture, reply: Reply) -> Optional[str]:
    headers = reply.answer.headers
    if capture.source == "header":
        return headers.get(capture.label) or None
    if capture.source == "cookie":
        return _cookie(capture.label, headers.get_all("Set-Cookie") or [])
    try:
        value = values_at(reply.document, capture.steps)[0]
    except Absent:
        return None
    if isinstance(value, (dict, list, bool)) or value is None or value == "":
        return None
    return str(value)


def _cookie(name: str, lines: Sequence[str]) -> Optional[str]:
    for line in lines:
        jar: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
        try:
            jar.load(line)
        except http.cookies.CookieError:
            continue
        if name in jar and jar[name].value:
            return jar[name].coded_value
    return None
