# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result contract: what every module of this collection returns.

A *finding* is what was seen, an *action* what was done. Report, metrics, notices and verdict read
nothing else, so a check that returns findings has all of them. The same contract stands as a JSON
schema in docs/schema/result.schema.json; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

Number = Union[int, float]

# From harmless to grave. Unknown outranks warning: it may hide something critical.
STATUSES = ("ok", "warning", "unknown", "critical")
OUTCOMES = ("done", "skipped", "failed", "planned")
NEED_REASON = ("skipped", "failed")
UNITS = (
    "bits",
    "bytes",
    "count",
    "days",
    "hours",
    "milliseconds",
    "percent",
    "ratio",
    "rows",
    "seconds",
    "transactions",
)


@dataclass(frozen=True)
class Finding:
    """What a check saw.

    check: dotted and stable name, ``certificate.expiry``.
    subject: the thing looked at: a path, endpoint, table, backup, package.
    status: one of STATUSES. A check that could not look is ``unknown``, never ``ok``.
    message: one sentence a person can act on.
    value, unit, threshold: the number and what it was held against, where there is one.
    evidence: small structured detail, plain JSON, never a secret.
    controls: the safeguards it is evidence for, ``hipaa:164.312(b)``.
    Raises ValueError for a status or unit outside the closed lists.
    """

    check: str
    subject: str
    status: str
    message: str
    value: Optional[Number] = None
    unit: Optional[str] = None
    threshold: Optional[Number] = None
    evidence: dict[str, Any] = field(default_factory=dict)
    controls: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"a finding's status is one of {', '.join(STATUSES)}, not {self.status!r}")
        if self.unit is not None and self.unit not in UNITS:
            raise ValueError(f"a finding's unit is one of {', '.join(UNITS)}, not {self.unit!r}")

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain JSON data, without what is not set."""
        return _without_unset(self)


@dataclass(frozen=True)
class Action:
    """What was done, or would be.

    action: the verb: analyze, reindex, backup, restore, renew, configure.
    target: what it was done to.
    changed: whether the target is different now (for ``planned``: would be).
    outcome: one of OUTCOMES. A ``skipped`` or ``failed`` action gives its reason.
    before, after: the figures that show its effect, plain JSON.
    seconds: how long it took.
    Raises ValueError for an outcome outside the closed list, or one that lacks its reason.
    """

    action: str
    target: str
    changed: bool
    outcome: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    seconds: Optional[float] = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"an action's outcome is one of {', '.join(OUTCOMES)}, not {self.outcome!r}")
        if self.outcome in NEED_REASON and not self.reason:
            raise ValueError(f"a {self.outcome} action gives its reason")

    def as_dict(self) -> dict[str, Any]:
        """The action as plain JSON data, without what is not set."""
        return _without_unset(self)


def _without_unset(record: Union[Finding, Action]) -> dict[str, Any]:
    # Not dataclasses.asdict: its deep copy costs more than everything else for 10,000 findings.
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(record).items()
        if value or isinstance(value, (int, float))  # a nought and a False say something
    }


def is_result(data: Any) -> bool:
    """Whether this is the result of a module that keeps to the contract, and not one with the same words."""
    return (
        isinstance(data, Mapping)
        and isinstance(data.get("findings"), list)
        and isinstance(data.get("actions"), list)
        and isinstance(data.get("summary"), Mapping)
        and set(data["summary"]) == {"worst", "counts", "seconds"}
    )


def is_finding(row: Any) -> bool:
    """Whether the row has what every finding has."""
    texts = ("check", "subject", "message")
    return isinstance(row, Mapping) and row.get("status") in STATUSES and all(_is_text(row.get(key)) for key in texts)


def is_action(row: Any) -> bool:
    """Whether the row has what every action has."""
    return (
        isinstance(row, Mapping)
        and row.get("outcome") in OUTCOMES
        and isinstance(row.get("changed"), bool)
        and all(_is_text(row.get(key)) for key in ("action", "target"))
        and (row["outcome"] not in NEED_REASON or _is_text(row.get("reason")))
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def worst(statuses: Iterable[str]) -> str:
    """The gravest of the statuses; ``ok`` where there is none."""
    return max(statuses, key=STATUSES.index, default="ok")


def judge(value: Number, *, warning: Optional[Number], critical: Optional[Number]) -> tuple[str, Optional[Number]]:
    """Status of a value that is bad when high, and the threshold that it was held against.

    A threshold that is None is not applied. A value that reaches a threshold has crossed it.
    """
    if critical is not None and value >= critical:
        return "critical", critical
    if warning is not None and value >= warning:
        return "warning", warning
    return "ok", warning if warning is not None else critical


def build_result(
    findings: Sequence[Finding],
    actions: Sequence[Action] = (),
    *,
    seconds: float = 0.0,
    details: Optional[dict[str, Any]] = None,
    diff: Optional[dict[str, Any]] = None,
) -> dict[str, Any]:
    """The result of a module, in the one form that they all have.

    seconds: how long the work itself took, without Ansible's share.
    details: what is special to the module. diff: Ansible's diff, where the module supports it.
    ``changed`` is derived: any action that changed, or in check mode would change, its target.
    """
    counts = dict.fromkeys(STATUSES, 0)
    for finding in findings:
        counts[finding.status] += 1
    result: dict[str, Any] = {
        "changed": any(action.changed for action in actions),
        "findings": [finding.as_dict() for finding in findings],
        "actions": [action.as_dict() for action in actions],
        "summary": {
            "worst": worst(finding.status for finding in findings),
            "counts": counts,
            "seconds": round(seconds, 3),
        },
    }
    if details is not None:
        result["details"] = details
    if diff is not None:
        result["diff"] = diff
    return result
