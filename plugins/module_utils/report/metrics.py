# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run as metrics in Prometheus' text format, for node_exporter's textfile collector.

Source of the form: Prometheus' exposition formats, version 0.0.4. No timestamps, no series twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional, Union

from .humanise import clean

# Figures that are worth a series on good days as well.
LASTING_CHECKS = ("certificate.expiry", "backup.age", "backup.recovery_time", "backup.size")
# More series than this from one run would hurt the server that collects them.
MOST_VALUES = 2000
_NOT_AFTER = ("not_after", "leaf_not_after", "expires")
_PROCEDURE_STATES = ("ok", "failed", "unreachable", "not run")

Row = Mapping[str, Any]
Labels = dict[str, str]


@dataclass
class Family:
    """One metric with its samples, by labels: the first of two alike stays."""

    name: str
    help: str
    samples: dict[tuple[tuple[str, str], ...], Union[int, float]] = field(default_factory=dict)

    def add(self, labels: Labels, value: Union[int, float]) -> None:
        self.samples.setdefault(tuple((key, clean(text)) for key, text in labels.items()), value)

    def lines(self) -> Iterable[str]:
        if not self.samples:
            return
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} gauge"
        for labels, value in self.samples.items():
            told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
            yield f"{self.name}{{{told}}} {_number(value)}" if told else f"{self.name} {_number(value)}"


def render_metrics(record: Row, findings: Sequence[Row]) -> str:
    """The metrics of the run. findings: all of them, as in findings.jsonl."""
    common = {"system": record["run"]["system"], "cadence": record["run"]["cadence"]}
    families = [*_run(record, common), *_counts(record, common), *_values(findings, common)]
    return "".join(f"{line}\n" for family in families for line in family.lines())


def _run(record: Row, common: Labels) -> list[Family]:
    run, timing = record["run"], record["timing"]
    verdict = Family("careops_run_verdict", "1 for the verdict of the last run, 0 for the others.")
    for outcome in ("ok", "attention", "failed"):
        verdict.add({**common, "outcome": outcome}, int(record["verdict"]["outcome"] == outcome))
    single = (
        ("careops_run_timestamp_seconds", "When the last run ended, in seconds since 1970.", _epoch(run["ended"]) or 0),
        ("careops_run_duration_seconds", "How long the last run took.", run["seconds"]),
        ("careops_run_work_seconds", "How much of it was the work itself.", timing["work_seconds"]),
        ("careops_run_check_mode", "1 where the last run only planned.", int(run["check_mode"])),
        ("careops_run_interrupted", "1 where the last run was cut off.", int(bool(record["interrupted"]))),
    )
    families = [verdict]
    for name, words, value in single:
        family = Family(name, words)
        family.add(common, value)
        families.append(family)
    return families


def _counts(record: Row, common: Labels) -> list[Family]:
    findings = Family("careops_findings", "Findings of the last run by check, status and host.")
    for row in record["checks"]:
        for status, amount in row["counts"].items():
            findings.add({**common, "check": row["check"], "status": status, "host": row["host"]}, amount)
    tally: dict[tuple[str, str, str], int] = {}
    for row in record["actions"]:
        key = (row["action"], row["outcome"], row["host"])
        tally[key] = tally.get(key, 0) + 1
    actions = Family("careops_actions", "Actions of the last run by verb, outcome and host.")
    for (action, outcome, host), amount in tally.items():
        actions.add({**common, "action": action, "outcome": outcome, "host": host}, amount)
    up = Family("careops_host_reachable", "0 where the last run could not reach the host.")
    for row in record["hosts"]:
        up.add({**common, "host": row["name"]}, int(row["state"] != "unreachable"))
    state = Family("careops_procedure_ok", "1 where the procedure went through on the host.")
    seconds = Family("careops_procedure_duration_seconds", "How long the procedure took on the host.")
    for row in record["procedures"]:
        labels = {**common, "procedure": row["name"], "host": row["host"]}
        state.add(labels, int(row["state"] == "ok"))
        seconds.add(labels, row["seconds"])
    return [findings, actions, up, state, seconds]


def _values(findings: Sequence[Row], common: Labels) -> list[Family]:
    values = Family("careops_finding_value", "Figure of a finding that is not ok, or of a lasting check.")
    limits = Family("careops_finding_threshold", "What the figure was held against.")
    expiry = Family("careops_certificate_expiry_timestamp_seconds", "End of the certificate, in seconds since 1970.")
    left_out = Family("careops_finding_values_left_out", "Figures beyond the number that one run exports.")
    grave_first = sorted(findings, key=lambda finding: finding["status"] == "ok")
    skipped = 0
    for finding in grave_first:
        labels = {
            **common,
            "check": finding["check"],
            "host": finding.get("host", ""),
            "subject": finding["subject"],
            "unit": finding.get("unit", ""),
        }
        not_after = _not_after(finding)
        told = "value" in finding and (finding["status"] != "ok" or finding["check"] in LASTING_CHECKS)
        if not told and not_after is None:
            continue
        if len(values.samples) + len(expiry.samples) >= MOST_VALUES:
            skipped += 1
            continue
        if told:
            values.add(labels, finding["value"])
            if "threshold" in finding:
                limits.add(labels, finding["threshold"])
        if not_after is not None:
            expiry.add({**common, "host": labels["host"], "subject": labels["subject"]}, not_after)
    left_out.add(common, skipped)
    return [values, limits, expiry, left_out]


def _not_after(finding: Row) -> Optional[int]:
    if finding["check"] != "certificate.expiry":
        return None
    evidence = finding.get("evidence") or {}
    return next((moment for moment in (_epoch(evidence.get(name)) for name in _NOT_AFTER) if moment), None)


def _epoch(text: Any) -> Optional[int]:
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return int(moment.timestamp()) if moment.tzinfo else None


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _number(value: Union[int, float]) -> str:
    return str(int(value)) if isinstance(value, bool) else repr(value)
