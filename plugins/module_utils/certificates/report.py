# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was seen to findings: one a certificate, whatever the number of its copies."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..findings import Finding
from . import judge
from .gather import Gathered
from .library import one_line, printable

EXPIRY = "certificate.expiry"
CHAIN_EXPIRY = "certificate.chain_expiry"
VALIDITY = "certificate.validity"
READABLE = "certificate.readable"


class Judge:
    """Makes findings of the certificates gathered.

    now: seconds since the epoch. healthy: how many certificates in order get a finding each, the first to
    expire first; the others share one. served: labels of the endpoints.
    """

    def __init__(
        self, gathered: Gathered, *, thresholds: judge.Thresholds, now: float, healthy: int, served: frozenset[str]
    ) -> None:
        self._gathered = gathered
        self._thresholds = thresholds
        self._now = now
        self._healthy = healthy
        self._served = served
        self._verdicts: dict[bytes, judge.Verdict] = {}

    def dates(self) -> tuple[list[Finding], int]:
        """The findings on expiry and validity, and for how many certificates in order they were left out."""
        alarming: list[bytes] = []
        calm: list[bytes] = []
        findings: list[Finding] = []
        for identity, certificate in self._gathered.certificates.items():
            verdict = judge.expiry(
                certificate.not_before, certificate.not_after, now=self._now, thresholds=self._thresholds
            )
            self._verdicts[identity] = verdict
            (calm if verdict.status == "ok" or self._gathered.is_spare(identity) else alarming).append(identity)
            if certificate.not_before > self._now:
                findings.append(self._not_yet(identity))
        shown = heapq.nsmallest(self._healthy, calm, key=lambda one: self._verdicts[one].remaining)
        alarming.sort(key=lambda one: self._verdicts[one].remaining)
        findings += distinct([self._expiry(identity) for identity in (*alarming, *shown)])
        left_out = len(calm) - len(shown)
        if left_out:
            findings.append(self._others(calm, shown))
        return findings, left_out

    def _expiry(self, identity: bytes) -> Finding:
        verdict = self._verdicts[identity]
        certificate = self._gathered.certificates[identity]
        issuing = identity in self._gathered.issuing
        spare = self._gathered.is_spare(identity)
        status = "ok" if spare else verdict.status
        when = f"{_moving(verdict.remaining)}, on {_minute(certificate.ends)}"
        name = self._called(identity)
        if spare and identity in self._gathered.supplied:
            message = (
                f"{name} {when}; it comes with this host's package ca-certificates, and no chain here rests on it."
            )
        elif spare:
            message = f"{name} {when}; the chains it stands in hold without it."
        elif issuing:
            message = f"{name}, which other certificates rest on, {when}{_CHAIN_ADVICE[status]}."
        else:
            message = f"{name} {when}{_LEAF_ADVICE[status]}."
        return Finding(
            check=CHAIN_EXPIRY if issuing or spare else EXPIRY,
            subject=self._gathered.shown(identity, named=issuing or spare),
            status=status,
            value=_days(verdict.remaining),
            unit="days",
            threshold=_days(verdict.threshold),
            message=message,
            evidence=self._evidence(identity),
        )

    def _called(self, identity: bytes) -> str:
        name = self._gathered.certificates[identity].name
        places = self._gathered.places[identity]
        return f"{name} (in {len(set(places)):,} places)" if len(places) > 1 else name

    def _evidence(self, identity: bytes) -> dict[str, Any]:
        certificate = self._gathered.certificates[identity]
        evidence = {
            "fingerprint": identity.hex(),
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "serial": certificate.serial,
            "not_before": certificate.begins,
            "not_after": certificate.ends,
            "key": certificate.key.name,
            "key_bits": certificate.key.bits,
            "signature": certificate.signature,
            "places": self._gathered.shown_places(identity),
        }
        if certificate.refused:
            evidence["refused"] = f"read without the cryptography library, which says: {certificate.refused}"
        issuers = self._gathered.chains.get(identity)
        if issuers:
            evidence["chain_not_after"] = self._gathered.chain_end(issuers).ends
        return evidence

    def _not_yet(self, identity: bytes) -> Finding:
        certificate = self._gathered.certificates[identity]
        served = any(place in self._served for place in self._gathered.places[identity])
        wait = certificate.not_before - self._now
        when = f"is not valid before {_minute(certificate.begins)}, in {_duration(wait)}"
        return Finding(
            check=VALIDITY,
            subject=self._gathered.shown(identity, named=identity in self._gathered.issuing),
            status="critical" if served else "warning",
            value=_days(wait),
            unit="days",
            message=f"{self._called(identity)} {when}{_SERVED_EARLY if served else _KEPT_EARLY}.",
            evidence=self._evidence(identity),
        )

    def _others(self, calm: Sequence[bytes], shown: Sequence[bytes]) -> Finding:
        listed = set(shown)
        remaining = min(self._verdicts[identity].remaining for identity in calm if identity not in listed)
        return Finding(
            check=EXPIRY,
            subject="all other certificates",
            status="ok",
            value=_days(remaining),
            unit="days",
            message=f"{len(calm) - len(shown):,} more certificates are in order; the first of them "
            f"{_moving(remaining)}.",
        )


def readable(gathered: Gathered, *, looked_at: str) -> list[Finding]:
    """A finding for each thing that could not be looked at; one for all where there is none."""
    if gathered.problems:
        return [
            Finding(
                check=READABLE,
                subject=printable(problem.place),
                status="unknown",
                message=f"{one_line(problem.place)} could not be read: {one_line(problem.reason)}.",
            )
            for problem in gathered.problems
        ]
    return [
        Finding(
            check=READABLE,
            subject="all sources",
            status="ok",
            value=len(gathered.certificates),
            unit="count",
            message=f"All that was named could be read: {len(gathered.certificates):,} certificates in {looked_at}.",
        )
    ]


_SERVED_EARLY = ", and is served already: go back to the certificate before it, or correct the clock"
_KEPT_EARLY = ": do not put it into use before then, and check this host's clock"
_LEAF_ADVICE = {
    "ok": "",
    "warning": ": renew it, or find out why it was not renewed by itself",
    "critical": ": renew it now",
}
_CHAIN_ADVICE = {
    "ok": "",
    "warning": ": renew those certificates, and install the new chain with them",
    "critical": ": renew those certificates now, and install the new chain with them",
}


def distinct(findings: list[Finding]) -> list[Finding]:
    """Where two certificates would go by one name, the fingerprint tells them apart."""
    times = Counter([(finding.check, finding.subject) for finding in findings])
    if len(times) == len(findings):
        return findings
    return [
        replace(finding, subject=f"{finding.subject} {finding.evidence['fingerprint'][:12]}")
        if times[finding.check, finding.subject] > 1
        else finding
        for finding in findings
    ]


def once(findings: Sequence[Finding]) -> list[Finding]:
    """Without those that say the same of the same, as where two sources lead to one file."""
    return list({(one.check, one.subject, one.status, one.message): one for one in findings}.values())


def _days(seconds: float) -> float:
    return round(seconds / judge.DAY, 2)


def _minute(moment: str) -> str:
    """2026-12-11T14:02:10Z, for a person."""
    return f"{moment[:10]} {moment[11:16]} UTC"


def _moving(remaining: float) -> str:
    if judge.expired(0, now=-remaining):
        return f"expired {_duration(-remaining)} ago"
    return f"expires in {_duration(max(0, remaining))}"


def _duration(seconds: float) -> str:
    """The largest unit that still tells something: 80 days, 40 hours, 5 minutes."""
    for size, name, least in ((judge.DAY, "day", 3), (3600, "hour", 2), (60, "minute", 2)):
        if seconds >= least * size:
            return f"{int(seconds // size)} {name}s"
    return f"{int(seconds)} second{'' if int(seconds) == 1 else 's'}"
