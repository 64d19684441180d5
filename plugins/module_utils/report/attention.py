# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs attention, gravest first, and in groups: five hundred alike findings are one thing to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..findings import STATUSES
from .humanise import STATUS_SYMBOLS, clean, figure, key_words, quantity, shorten, words

SUBJECT_LENGTH = 160


@dataclass(frozen=True)
class Item:
    """One finding in words. figure: its value, limit: what that was held against; empty where there is none."""

    status: str
    symbol: str
    check: str
    subject: str
    host: str
    procedure: str
    message: str
    figure: str = ""
    limit: str = ""
    evidence: Sequence[tuple[str, str]] = ()
    controls: Sequence[str] = ()


@dataclass(frozen=True)
class Group:
    """Findings of one status and one check. more: how many are neither in ``shown`` nor in ``folded``."""

    status: str
    symbol: str
    check: str
    title: str
    total: int
    hosts: Sequence[str]
    shown: Sequence[Item] = field(default_factory=tuple)
    folded: Sequence[Item] = field(default_factory=tuple)

    @property
    def more(self) -> int:
        return self.total - len(self.shown) - len(self.folded)


def item(finding: Mapping[str, Any]) -> Item:
    """The finding in words."""
    unit = finding.get("unit")
    value, threshold = finding.get("value"), finding.get("threshold")
    evidence = finding.get("evidence") or {}
    return Item(
        status=finding["status"],
        symbol=STATUS_SYMBOLS[finding["status"]],
        check=clean(finding["check"]),
        subject=shorten(clean(finding["subject"]), SUBJECT_LENGTH),
        host=clean(finding.get("host", "")),
        procedure=clean(finding.get("procedure", "")),
        message=clean(finding["message"]),
        figure="" if value is None else quantity(value, unit),
        limit="" if threshold is None else quantity(threshold, unit),
        evidence=[(key_words(str(name)), figure(str(name), entry)) for name, entry in list(evidence.items())[:30]],
        controls=[clean(control) for control in finding.get("controls", ())],
    )


def group(findings: Iterable[Mapping[str, Any]], *, shown: int, folded: int, budget: int = 1000) -> list[Group]:
    """The findings in groups by status and check, the gravest status first.

    shown, folded: how many of a group are open and how many folded. budget: how many of all groups together.
    """
    by_kind: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for finding in findings:
        by_kind.setdefault((finding["status"], finding["check"]), []).append(finding)
    groups = []
    for (status, check), members in sorted(by_kind.items(), key=lambda kind: -STATUSES.index(kind[0][0])):
        # However a limit is meant, the figure farthest beyond it is the gravest.
        members.sort(key=lambda member: -abs(member.get("value", 0) - member.get("threshold", member.get("value", 0))))
        items = [item(member) for member in members[: min(shown + folded, budget)]]
        budget -= len(items)
        groups.append(
            Group(
                status=status,
                symbol=STATUS_SYMBOLS[status],
                check=clean(check),
                title=words(check),
                total=len(members),
                hosts=sorted({clean(member.get("host", "")) for member in members}),
                shown=items[:shown],
                folded=items[shown:],
            )
        )
    return groups
