# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe is, and what it brings back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ..findings import Finding
from ..report.humanise import clean, shorten

MASK = "********"
LONGEST = 1000


class Fault(Exception):
    """What was looked at is not as it should be, or could not be looked at.

    kind: a word for machines: refused, timeout, tls, dns, status, json, expectation, setup ...
    blind: whether nothing can be said of the thing itself, which makes the finding unknown.
    """

    def __init__(self, kind: str, words: str, *, blind: bool = False) -> None:
        super().__init__(words)
        self.kind = kind
        self.blind = blind

    @property
    def status(self) -> str:
        """Status of the finding that tells of it."""
        return "unknown" if self.blind else "critical"


@dataclass(frozen=True)
class Look:
    """What a probe saw.

    states: whether each thing, by its key, is up; None where that is not known.
    seconds: how long it took to answer, by the same key. facts: what the next look compares with.
    """

    findings: Sequence[Finding] = ()
    states: Mapping[str, Optional[bool]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Probe:
    """One thing to do beside the others.

    things: key, check and subject of everything that it looks at, for when it does not come back.
    look: looks. It may raise Fault, which then is said of every thing.
    """

    things: Sequence[tuple[str, str, str]]
    look: Callable[[], Look]


def say(text: str) -> str:
    """A message as the contract wants it: one line, not too long, nothing that drives a terminal."""
    return shorten(clean(text), LONGEST)


def failed(probe: Probe, fault: Fault) -> Look:
    """What is said of a probe that ended with a fault."""
    return Look(
        findings=[
            Finding(check, subject, fault.status, say(f"{subject}: {fault}."), evidence={"error": fault.kind})
            for _key, check, subject in probe.things
        ],
        states={key: None if fault.blind else False for key, _check, _subject in probe.things if key},
    )


def masked(findings: Sequence[Finding], secrets: Sequence[str]) -> list[Finding]:
    """The findings without the secrets, should a server have repeated one."""
    # First the longest: one secret may be part of another.
    hidden = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    return [
        replace(finding, message=_without(finding.message, hidden), evidence=_without(finding.evidence, hidden))
        for finding in findings
    ]


def _without(value: Any, hidden: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, Mapping):
        return {name: _without(one, hidden) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(one, hidden) for one in value]
    return value
