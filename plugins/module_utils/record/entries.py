# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a callback is given to the entries of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..findings import is_action, is_finding, is_result
from .own import one_line

OWN_MODULES = "careops.maintenance."


def result_entry(
    result: Mapping[str, Any], *, state: str, task: Mapping[str, Any], started: float, ended: float
) -> dict[str, Any]:
    """The entry of a task's result on one host; items of a loop are gathered into one.

    state: ok, failed or unreachable. task: host, procedure, task, action, rescued, ignored.
    started, ended: seconds since the epoch. ``invocation`` is left out: it may hold secrets.
    """
    parts = [result, *(part for part in result.get("results") or () if isinstance(part, Mapping))]
    entry: dict[str, Any] = {
        **task,
        "state": state,
        "seconds": round(ended - started, 3),
        "work_seconds": round(sum(_work_seconds(part) for part in parts), 3),
        "ended_at": round(ended, 3),
        **_contents(parts),
    }
    if state != "ok":
        entry["message"] = _message(parts)
    if "censored" in result and str(task["action"]).startswith(OWN_MODULES):
        entry["hidden"] = True
    return entry


def _contents(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Findings and actions of the parts; rows that break the contract are counted."""
    findings: list[dict[str, Any]] = []
    actions: list[dict[str, Any]] = []
    malformed = 0
    for part in parts:
        if not is_result(part):
            # Other collections' modules may use the same words for something else.
            continue
        for rows, fits, gathered in (
            (part["findings"], is_finding, findings),
            (part["actions"], is_action, actions),
        ):
            good = [dict(row) for row in rows if fits(row)]
            malformed += len(rows) - len(good)
            gathered.extend(good)
    contents: dict[str, Any] = {"findings": findings, "actions": actions}
    if malformed:
        contents["malformed"] = malformed
    return contents


def _work_seconds(part: Mapping[str, Any]) -> float:
    summary = part.get("summary")
    seconds = summary.get("seconds", 0) if isinstance(summary, Mapping) else 0
    return float(seconds) if isinstance(seconds, (int, float)) else 0.0


def _message(parts: list[Mapping[str, Any]]) -> str:
    troubled = [part for part in parts[1:] if part.get("failed") or part.get("unreachable")] or parts
    said = []
    for part in troubled:
        text = part.get("msg") or part.get("censored") or part.get("reason") or part.get("stderr")
        # Of a module that could not even begin, Ansible says only that its answer was none.
        for line in (text, _trouble(part.get("module_stderr"))):
            if line and one_line(line) not in said:
                said.append(one_line(line))
    return " ".join(said) or "no message"


def _trouble(text: Any) -> str:
    """The line of what a program said that names its trouble: the first, or the last where Python tells how it came."""
    lines = [line for line in str(text or "").splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1] if any(line.startswith("Traceback ") for line in lines) else lines[0]
