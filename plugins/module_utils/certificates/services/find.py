# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a host: their configurations read, their certificates looked up, their endpoints found."""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ...findings import Finding
from ..endpoints import Endpoint, Presented
from ..library import one_line, printable
from ..sources import Source
from . import apache, haproxy, nginx, postfix, postgresql, served
from .leaf import Leaves
from .plan import Plan, Pledge, plan
from .use import Disk, Files, Reading, Trouble, Use

SERVICE = "certificate.service"
_MOST_REASONS = 3
_READERS = {"apache": apache, "haproxy": haproxy, "nginx": nginx, "postfix": postfix, "postgresql": postgresql}


@dataclass(frozen=True)
class Service:
    """A service to look at. config: its main file, or a pattern; where Debian has it, where it is not given.

    address: where to connect to what listens on all addresses. self_signed: whether such certificates are expected.
    may_be_stopped: whether it is in order that it does not run, as on a standby.
    """

    kind: str
    config: Optional[str] = None
    address: str = "127.0.0.1"
    self_signed: bool = False
    may_be_stopped: bool = False


@dataclass
class Found:
    """What the services use. sources, endpoints: to look at beside those that were asked for anyway."""

    sources: list[Source] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    pledges: list[Pledge] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    uses: list[dict[str, Any]] = field(default_factory=list)

    def held_against(self, presented: Sequence[Presented], *, timeout: float) -> list[Finding]:
        """All findings on services, by what was presented. timeout: seconds for an endpoint that is asked again."""
        by_key = {_key(one.endpoint): one for one in presented}
        pledges = [pledge for pledge in self.pledges if not by_key[_key(pledge.endpoint)].resting]
        served_ones = [by_key[_key(pledge.endpoint)] for pledge in pledges]

        def again(endpoints: Sequence[Endpoint]) -> Sequence[Presented]:
            from ..handshake import fetch_all

            return fetch_all(endpoints, timeout=timeout)

        def by_kind(wanted: Sequence[tuple[Endpoint, str]]) -> Sequence[Presented]:
            from .kinds import ask_by_kind

            return ask_by_kind(wanted, timeout=timeout)

        return [
            *self.findings,
            *served.findings(pledges, served_ones, ask_again=again, ask_by_kind=by_kind),
        ]


def find(
    services: Sequence[Service],
    endpoints: Sequence[Endpoint] = (),
    *,
    exclude: Sequence[str] = (),
    files: Optional[Files] = None,
) -> Found:
    """What these services use, and what the endpoints, which are asked anyway, are to serve.

    exclude: shell patterns of certificate files that are not to be looked at by themselves.
    """
    found = Found(pledges=[Pledge(one, (one.certificate,)) for one in endpoints if one.certificate])
    # While nothing listens there, the file alone tells of it.
    found.sources = [
        Source(
            path=one.certificate,
            names=one.expected(),
            trust_store=one.trust_store,
            self_signed=one.self_signed or None,
        )
        for one in endpoints
        if one.certificate and one.may_be_stopped
    ]
    known = {_key(one): one for one in endpoints}
    files, leaves = files or Disk(), Leaves()
    for service in services:
        for path in _configs(service):
            reading = _READERS[service.kind].read(path, files)
            made = plan(reading.uses, address=service.address, leaves=leaves)
            _take_endpoints(found, made, known, service)
            found.sources += [one for one in _sources(reading, service, exclude) if one not in found.sources]
            found.findings += _findings(service, path, reading, [*reading.troubles, *made.troubles])
            found.uses += [entry for use in reading.uses for entry in _described(use, made.asked[use])]
    found.endpoints = [one for key, one in known.items() if key not in {_key(given) for given in endpoints}]
    return found


def _configs(service: Service) -> list[str]:
    pattern = service.config or _READERS[service.kind].DEFAULT
    return sorted(glob.glob(pattern)) or [pattern]


def _take_endpoints(found: Found, made: Plan, known: dict[tuple[Any, ...], Endpoint], service: Service) -> None:
    """Takes the plan's pledges over. known: all endpoints by key; those that were named by hand stay as they are."""
    held = {_key(pledge.endpoint) for pledge in found.pledges}
    for pledge in made.pledges:
        new = replace(pledge.endpoint, self_signed=service.self_signed, may_be_stopped=service.may_be_stopped)
        endpoint = known.setdefault(_key(pledge.endpoint), new)
        if _key(endpoint) not in held:
            held.add(_key(endpoint))
            found.pledges.append(replace(pledge, endpoint=endpoint))


def _sources(reading: Reading, service: Service, exclude: Sequence[str]) -> list[Source]:
    pairs = [
        pair
        for pair in dict.fromkeys(pair for use in reading.uses for pair in use.pairs)
        if not any(fnmatch.fnmatch(pair.certificate, pattern) for pattern in exclude)
    ]
    expected = service.self_signed or None
    chains = dict.fromkeys(pair.chain for pair in pairs if pair.chain)
    return [
        *(
            Source(
                path=pair.certificate,
                key=pair.key or None,
                # What leads on from it is in another file; the endpoint presents both.
                trust_store="none" if pair.chain else None,
                self_signed=expected,
                password_file=pair.password_file or None,
            )
            for pair in pairs
        ),
        *(Source(path=chain, trust_store="none") for chain in chains),
    ]


def _key(endpoint: Endpoint) -> tuple[Any, ...]:
    """What two endpoints have in common that are one."""
    return endpoint.host, endpoint.port, endpoint.asked_for(), endpoint.starttls


def _findings(service: Service, path: str, reading: Reading, troubles: Sequence[Trouble]) -> list[Finding]:
    """One for each place where something could not be found out; one for the whole service where there is none."""
    reasons: dict[str, list[str]] = {}
    for trouble in dict.fromkeys(troubles):
        reasons.setdefault(trouble.where, []).append(trouble.reason)
    if reasons:
        return [
            Finding(
                check=SERVICE,
                subject=printable(f"{service.kind} {where}"),
                status="unknown",
                message=f"Which certificates {service.kind} uses is not wholly known: at {one_line(where)}, "
                f"{' and '.join(one_line(reason) for reason in these[:_MOST_REASONS])}.",
            )
            for where, these in reasons.items()
        ]
    files = {file for use in reading.uses for file in use.files}
    message = f"{service.kind} serves no TLS, by its configuration {one_line(path)}."
    if files:
        count = f"{len(files):,} certificate file{'' if len(files) == 1 else 's'}"
        message = f"{service.kind} uses {count}, by its configuration {one_line(path)}."
    return [
        Finding(
            check=SERVICE,
            subject=printable(f"{service.kind} {path}"),
            status="ok",
            value=len(files),
            unit="count",
            message=message,
        )
    ]


def _described(use: Use, asked: Sequence[str]) -> list[dict[str, Any]]:
    """The use as the module returns it, one entry a certificate."""
    return [
        {
            "service": use.service,
            "certificate": printable(pair.certificate),
            "key": printable(pair.key or pair.certificate),
            "endpoints": list(asked),
            "where": printable(use.where),
        }
        for pair in use.pairs
    ]
