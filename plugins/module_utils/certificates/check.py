# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole check: look everywhere at once, bring together, judge."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Optional

from ..findings import Finding
from ..glue import Outcome
from ..runner import Runner, run
from . import expectations, library, passwords, report, self_signed, strength, supplied
from .endpoints import Endpoint, Presented
from .gather import Gathered
from .policy import Policy
from .pool import in_processes
from .scan import Scanner
from .sources import Candidate, Problem, Source, expand

if TYPE_CHECKING:
    from .services.find import Found
    from .tls.policy import Wish

# Below so many files a process costs more than it saves.
_WORTH_A_PROCESS = 400


def check(policy: Policy, *, now: datetime, runner: Runner = run, writes: bool = True) -> Outcome:
    """Looks at everything the policy names, and judges it. writes: metrics, too. Raises MaintenanceError."""
    started = time.monotonic()
    policy.check()
    library.require_cryptography()
    policy, found = _with_services(policy)
    wishes = _tls_wishes(policy)
    candidates, problems = expand(policy.sources, exclude=policy.exclude)
    stores = _stores(policy)
    gathered = Gathered(kept=frozenset(stores))
    gathered.add_problems(problems)
    gathered.passwords, problems = passwords.read(policy.sources, environment=os.environ)
    gathered.add_problems(problems)
    # Processes first: they must be started before there are threads.
    _scan_files(gathered, candidates, policy)
    presented: Sequence[Presented] = ()
    if policy.endpoints:
        from .handshake import fetch_all  # ssl costs as much as some thousand certificates

        presented = fetch_all(policy.endpoints, timeout=policy.timeout)
        _take_presented(gathered, presented, first_source=len(policy.sources))
    _note_empty_sources(gathered, policy.sources)
    gathered.supplied = supplied.roots(gathered)
    paths = {candidate.path for candidate in candidates}
    # Before the dates are judged: the end of a link is no matter where the chain holds without it.
    trusted = _trust(gathered, policy, stores, now=now.timestamp(), runner=runner) if stores else []
    outcome = _judge(gathered, policy, now=now, files=len(paths))
    resting = {one.endpoint.label for one in presented if one.resting}
    if resting:
        from .services.served import resting as at_rest

        outcome.findings = [*outcome.findings, *at_rest(presented)]
    if wishes:
        from .tls.probe import look_all

        dead = {one.endpoint.label: one.problem for one in presented if one.dead}
        wishes = [(endpoint, wish) for endpoint, wish in wishes if endpoint.label not in resting]
        outcome.findings = [*outcome.findings, *look_all(wishes, timeout=policy.timeout, dead=dead)]
    outcome.findings = [*outcome.findings, *trusted]
    if found is not None:
        outcome.findings = [*outcome.findings, *found.held_against(presented, timeout=policy.timeout)]
        outcome.details = {**(outcome.details or {}), "uses": found.uses}
    outcome.findings = report.once(outcome.findings)
    if policy.textfile and writes:
        _write_metrics(gathered, policy, outcome, now=now.timestamp(), seconds=time.monotonic() - started)
    return outcome


def _write_metrics(gathered: Gathered, policy: Policy, outcome: Outcome, *, now: float, seconds: float) -> None:
    """Raises MaintenanceError where their file cannot be written."""
    from . import metrics  # most runs write none

    details = outcome.details or {}
    name = os.path.basename(policy.textfile)[: -len(".prom")]
    scan = metrics.Scan(name, now, seconds, files=details["files"], endpoints=details["endpoints"])
    text = metrics.render(gathered, outcome.findings, thresholds=policy.thresholds, scan=scan)
    metrics.write(policy.textfile, text, findings=outcome.findings)


def _tls_wishes(policy: Policy) -> list[tuple[Endpoint, Wish]]:
    """What each endpoint may accept, as far as that matters. Raises MaintenanceError."""
    if not (
        policy.tls_minimum or policy.tls_ciphers or any(one.tls_minimum or one.tls_ciphers for one in policy.endpoints)
    ):
        return []
    from .tls.policy import wish_of  # plain files and endpoints need nothing of it

    wishes = {}
    for one in policy.endpoints:
        wish = wish_of(one, minimum=policy.tls_minimum, ciphers=policy.tls_ciphers)
        wish.check()
        if wish.minimum or wish.ciphers:
            wishes[one.label, wish] = (one, wish)  # once, where it is named and a service's as well
    return list(wishes.values())


def _stores(policy: Policy) -> dict[int, str]:
    """The trust stores that sources and endpoints, by their number, are held against."""
    own = [one.trust_store for one in policy.sources] + [one.trust_store for one in policy.endpoints]
    wanted = {number: policy.trust_store if store is None else store for number, store in enumerate(own)}
    return {number: store for number, store in wanted.items() if store not in ("", "none")}


def _with_services(policy: Policy) -> tuple[Policy, Optional[Found]]:
    """The policy with what the configurations of its services lead to; nothing is imported where it has none."""
    if not policy.services and not any(endpoint.certificate for endpoint in policy.endpoints):
        return policy, None
    from .services.find import find

    found = find(policy.services, policy.endpoints, exclude=policy.exclude)
    more = replace(policy, sources=[*policy.sources, *found.sources], endpoints=[*policy.endpoints, *found.endpoints])
    return more, found


def _trust(
    gathered: Gathered, policy: Policy, stores: dict[int, str], *, now: float, runner: Runner
) -> Sequence[Finding]:
    from . import needless, trust  # plain files need nothing of it

    chains, workers = trust.wishes(policy.sources, policy.endpoints, stores), _workers(policy)
    found = trust.findings(gathered, chains, now=now, runner=runner, workers=workers, healthy=policy.healthy)
    thresholds = policy.thresholds
    gathered.do_without(needless.find(gathered, now=now, thresholds=thresholds, runner=runner, workers=workers))
    return found


def _judge(gathered: Gathered, policy: Policy, *, now: datetime, files: int) -> Outcome:
    dates, left_out = report.Judge(
        gathered,
        thresholds=policy.thresholds,
        now=now.timestamp(),
        healthy=policy.healthy,
        served=frozenset(endpoint.label for endpoint in policy.endpoints),
    ).dates()
    findings = [
        *report.readable(gathered, looked_at=f"{files:,} files and {len(policy.endpoints):,} endpoints"),
        *dates,
        *expectations.keys_beside(gathered, healthy=policy.healthy),
        *expectations.named_keys(gathered, policy.sources),
        *expectations.names(gathered, policy.sources, policy.endpoints),
        *strength.findings(gathered, policy.minimum),
        *self_signed.findings(gathered, policy.sources, policy.endpoints),
    ]
    details = {
        "files": files,
        "endpoints": len(policy.endpoints),
        "certificates": gathered.seen,
        "distinct": len(gathered.certificates),
        "left_out": left_out,
    }
    return Outcome(findings=findings, details=details)


def _workers(policy: Policy) -> int:
    return policy.workers or len(os.sched_getaffinity(0))


def _scan_files(gathered: Gathered, candidates: Sequence[Candidate], policy: Policy) -> None:
    few = len(candidates) < _WORTH_A_PROCESS and not policy.workers
    parts, lost = in_processes(
        Scanner(gathered.passwords).files,
        candidates,
        workers=1 if few else _workers(policy),
        chunk=_chunk(len(candidates)),
    )
    gathered.add(parts)
    gathered.add_problems(
        [
            Problem(one.path, "the process that was reading it died, look at it alone to find out why", one.source)
            for one in lost
        ]
    )


def _chunk(count: int) -> int:
    return min(256, max(1, count // 8))


def _take_presented(gathered: Gathered, presented: Sequence[Presented], *, first_source: int) -> None:
    scanner = Scanner()
    for source, one in enumerate(presented, first_source):
        if one.resting:
            continue
        label = one.endpoint.label
        look, fresh = scanner.handshake(label, source, one.certificates)
        gathered.add([([look._replace(problem=look.problem or one.problem)], fresh)])


def _note_empty_sources(gathered: Gathered, sources: Sequence[Source]) -> None:
    """A source without any certificate was named by mistake, or has lost them: that is no healthy state."""
    for number, source in enumerate(sources):
        if not gathered.leaves_of.get(number) and number not in gathered.troubled:
            gathered.add_problems([Problem(source.path, "it holds no certificate in any known form", number)])
