# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what sources and endpoints present leads to the authorities that they are to be trusted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MaintenanceError
from ..findings import Finding
from ..runner import Runner
from . import lineages, stores
from .endpoints import Endpoint
from .gather import Gathered, Presented, Proof
from .library import Certificate, is_authority, one_line, printable
from .report import distinct
from .sources import Source
from .untrusted import Trouble, describe
from .verify import Answer, Case, verify

TRUST = "certificate.trust"

# Issuers that were seen elsewhere are tried for a chain that lacks one; so many are more than enough.
_MOST_SEEN = 500
# A message names two paths and two certificates.
_LONGEST_PATH = 120


@dataclass(frozen=True)
class Wish:
    """What one source or endpoint is held against. source: its number. served: whether it is an endpoint."""

    source: int
    subject: str
    served: bool
    store: str


def wishes(sources: Sequence[Source], endpoints: Sequence[Endpoint], held: Mapping[int, str]) -> list[Wish]:
    """Who is held against which store. held: the stores by the number of the source or endpoint."""
    named = [(one.path, False) for one in sources] + [(one.label, True) for one in endpoints]
    return [Wish(number, *named[number], store) for number, store in held.items()]


def findings(
    gathered: Gathered, wanted: Sequence[Wish], *, now: float, runner: Runner, workers: int, healthy: int
) -> list[Finding]:
    """The findings on trust. now: seconds since the epoch. healthy: how many in order get one each."""
    by_store: dict[str, list[Wish]] = {}
    for wish in wanted:
        by_store.setdefault(wish.store, []).append(wish)
    found: list[Finding] = []
    for name, held in by_store.items():
        look = _Look(gathered, name, {wish.source: wish for wish in held})
        found += look.findings(now=now, runner=runner, workers=workers)
    return _limited(found, healthy)


class _Look:
    """Holds everything that asks for one store against it."""

    def __init__(self, gathered: Gathered, name: str, asking: dict[int, Wish]) -> None:
        self._gathered = gathered
        self._name = name
        self._asking = asking
        self._presented = _ends(gathered, [one for one in gathered.presented if one.source in asking])

    def findings(self, *, now: float, runner: Runner, workers: int) -> list[Finding]:
        if not self._presented:
            return []
        try:
            store = stores.find(self._name)
            cases = {one: self._case(one) for one in self._presented}
            answers = verify(list(dict.fromkeys(cases.values())), store=store, at=now, runner=runner, workers=workers)
            elsewhere = self._seen_elsewhere()
            lacking = {
                case: Case(case.leaf, tuple(dict.fromkeys((*case.untrusted, *elsewhere))))
                for case, answer in answers.items()
                if elsewhere and _lacks_issuer(answer)
            }
            # A chain that builds with what was seen elsewhere lacks nothing but that.
            helped = (
                verify(list(lacking.values()), store=store, at=now, runner=runner, workers=workers) if lacking else {}
            )
        except MaintenanceError as error:
            return [self._unknown(str(error))]
        proven = {case for case, with_more in lacking.items() if helped.get(with_more) == ()}
        return self._told(store, [(one, case, answers[case], case in proven) for one, case in cases.items()])

    def _case(self, one: Presented) -> Case:
        known = self._gathered.certificates
        return Case(known[one.leaf].der, tuple(known[identity].der for identity in one.others))

    def _seen_elsewhere(self) -> list[bytes]:
        every = self._gathered.certificates.values()
        issuers = {one.issuer for one in every if one.issuer != one.subject}
        return [one.der for one in every if one.subject in issuers][:_MOST_SEEN]

    def _told(self, store: stores.Store, results: Sequence[tuple[Presented, Case, Answer, bool]]) -> list[Finding]:
        found = []
        fine: dict[int, int] = {}
        for one, case, answer, proven in results:
            wish = self._asking[one.source]
            proof = Proof(store, case) if answer == () else None
            self._gathered.proofs.setdefault(one.leaf, []).append(proof)
            if answer == ():
                fine[one.source] = fine.get(one.source, 0) + 1
            else:
                found.append(self._finding(one, wish, store, answer, proven=proven))
        return distinct(found) + [self._fine(self._asking[source], store, count) for source, count in fine.items()]

    def _finding(self, one: Presented, wish: Wish, store: stores.Store, answer: Answer, *, proven: bool) -> Finding:
        known = self._gathered.certificates
        certificate = known[one.leaf]
        evidence: dict[str, Any] = {"store": printable(self._name), "fingerprint": one.leaf.hex()}
        status = "critical" if answer else "unknown"
        message = f"Whether {certificate.name} leads to {store.shown} is unknown: openssl gave no answer to it."
        if answer:
            trouble = Trouble(
                place=one_line(one.place, longest=_LONGEST_PATH),
                served=wish.served,
                store=store.shown,
                leaf=certificate,
                others=[known[identity] for identity in one.others],
                faults=answer,
                proven=proven,
            )
            reason, message = describe(trouble)
            evidence["reason"] = reason
            evidence["errors"] = [fault._asdict() for fault in answer]
        return Finding(
            check=TRUST, subject=self._subject(one, certificate), status=status, message=message, evidence=evidence
        )

    def _subject(self, one: Presented, certificate: Certificate) -> str:
        shown = printable(one.place)
        return f"{shown} [{certificate.name}]" if one.place in self._gathered.crowded else shown

    def _fine(self, wish: Wish, store: stores.Store, count: int) -> Finding:
        who = "The certificate" if count == 1 else f"All {count:,} certificates"
        at = f"that {one_line(wish.subject)} presents" if wish.served else f"in {one_line(wish.subject)}"
        return Finding(
            check=TRUST,
            subject=printable(wish.subject),
            status="ok",
            value=count,
            unit="count",
            message=f"{who} {at} {'leads' if count == 1 else 'lead'} to {store.shown}.",
            evidence={"store": printable(self._name)},
        )

    def _unknown(self, reason: str) -> Finding:
        count = len(self._presented)
        who = "1 certificate leads to its" if count == 1 else f"{count:,} certificates lead to their"
        return Finding(
            check=TRUST,
            subject=printable(self._name),
            status="unknown",
            message=f"Whether {who} trust store is unknown: {reason.rstrip('.')}.",
        )


def _ends(gathered: Gathered, presented: Sequence[Presented]) -> list[Presented]:
    """Without what is no chain of its own.

    Authorities that only came along: beside a server's certificate, they are to serve its chain. Parts of a lineage
    whose whole is in the same source.
    """
    held: dict[tuple[int, str], set[bytes]] = {}
    for one in presented:
        held.setdefault((one.source, one.place), set()).update((one.leaf, *one.others))
    presented = [one for one in presented if one.leaf not in held.get((one.source, lineages.whole(one.place)), ())]
    crowded = [one for one in presented if one.place in gathered.crowded]
    along = {one for one in crowded if is_authority(gathered.certificates[one.leaf].der)}
    served = {(one.source, one.place) for one in crowded if one not in along}
    return [one for one in presented if one not in along or (one.source, one.place) not in served]


def _lacks_issuer(answer: Answer) -> bool:
    return any(fault.code in (2, 20, 21) for fault in answer or ())


def _limited(found: Sequence[Finding], healthy: int) -> list[Finding]:
    fine = [finding for finding in found if finding.status == "ok"]
    kept = [finding for finding in found if finding.status != "ok"] + fine[:healthy]
    if len(fine) > healthy:
        kept.append(
            Finding(
                check=TRUST,
                subject="all others",
                status="ok",
                message=f"{len(fine) - healthy:,} more sources and endpoints lead to their trust store.",
            )
        )
    return kept
