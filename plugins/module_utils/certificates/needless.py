# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Issuers near their end, or beyond it, that no chain needs: clients have another way to their trust store."""

from __future__ import annotations

from ..errors import MaintenanceError
from ..runner import Runner
from . import judge
from .gather import Gathered, Proof
from .stores import Store
from .verify import EXPIRED, Answer, Case, verify

# Alerts compare metrics with the clock until somebody looks again, which may be two days.
_AHEAD = 2.0 * judge.DAY


def find(gathered: Gathered, *, now: float, thresholds: judge.Thresholds, runner: Runner, workers: int) -> set[bytes]:
    """Those of which every leaf that rests on them leads to each of its stores, now and when they have ended."""
    found = set()
    for issuer, leaves in _resting(gathered, now=now, thresholds=thresholds).items():
        ends = gathered.certificates[issuer].not_after
        proofs = [proof for leaf in leaves for proof in gathered.proofs.get(leaf, [None])]
        known = [proof for proof in proofs if proof is not None]
        if len(known) == len(proofs) and (
            judge.expired(ends, now=now) or _hold(known, at=ends + 1.0, runner=runner, workers=workers)
        ):
            found.add(issuer)
    return found


def _resting(gathered: Gathered, *, now: float, thresholds: judge.Thresholds) -> dict[bytes, list[bytes]]:
    """The leaves that rest on each issuer that is near its end."""
    resting = {}
    for issuer, leaves in gathered.issuing.items():
        one = gathered.certificates[issuer]
        verdict = judge.expiry(one.not_before, one.not_after, now=now + _AHEAD, thresholds=thresholds)
        if verdict.status != "ok":
            resting[issuer] = list(leaves)
    return resting


def _hold(proofs: list[Proof], *, at: float, runner: Runner, workers: int) -> bool:
    """Whether the chains of all of them will lead to their stores at this moment (seconds since the epoch)."""
    by_store: dict[int, tuple[Store, list[Case]]] = {}
    for store, case in proofs:
        by_store.setdefault(id(store), (store, []))[1].append(case)
    try:
        answers = [
            answer
            for store, cases in by_store.values()
            for answer in verify(cases, store=store, at=at, runner=runner, workers=workers).values()
        ]
    except MaintenanceError:  # then it is judged as one that is needed
        return False
    return all(map(_holds, answers))


def _holds(answer: Answer) -> bool:
    """A leaf that has ended by then has had to be replaced, with its chain, before."""
    return answer is not None and all(fault.code == EXPIRED and not fault.depth for fault in answer)
