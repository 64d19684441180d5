# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a service is asked, and by which names, to see every certificate that it uses once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from ..endpoints import Endpoint
from ..names import address as canonical
from ..names import ascii_name, covers
from .leaf import Leaf, Leaves
from .use import ANY_IPV4, ANY_IPV6, Listen, Trouble, Use

# More handshakes than that would keep a host busy for longer than a check is worth.
MOST_ENDPOINTS = 1000
_ANY_NAME = "careops-check"
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,40}")


@dataclass(frozen=True)
class Pledge:
    """What an endpoint is to serve: the certificate that one of the files begins with. where: file:line."""

    endpoint: Endpoint
    files: tuple[str, ...]
    service: str = ""
    where: str = ""


@dataclass
class Plan:
    """What is asked. troubles: what could not be. asked: the labels of the endpoints that show a use."""

    pledges: list[Pledge] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    asked: dict[Use, list[str]] = field(default_factory=dict)


class _Place(NamedTuple):
    """Where to connect to."""

    host: str
    port: int
    starttls: str
    proxied: bool


def plan(uses: Sequence[Use], *, address: str, leaves: Leaves) -> Plan:
    """Which endpoints show what these uses, all of one service, serve.

    address: where to connect to what listens on all addresses. Servers with the same certificates at one
    place are asked for once.
    """
    made = Plan(asked={use: [] for use in uses})
    for place, listeners in _places(uses, address=address, made=made).items():
        group = _Group(place, [use for use, _listen in listeners], leaves)
        chosen: dict[tuple[str, ...], Pledge] = {}
        for use, listen in listeners:
            pledge = chosen.get(use.files) or group.pledge(use, default=listen.default)
            if pledge is None:
                continue
            if use.files not in chosen:
                chosen[use.files] = pledge
                made.pledges.append(pledge)
            made.asked[use].append(pledge.endpoint.label)
        made.troubles += [
            Trouble(
                use.where,
                f"which certificate it serves at {listen.label} could not be asked for, since it has no name that is "
                "only its own: name it under endpoints, with its certificate",
            )
            for use, listen in listeners
            if use.files not in chosen
        ]
    if len(made.pledges) > MOST_ENDPOINTS:
        left = len(made.pledges) - MOST_ENDPOINTS
        made.troubles.append(Trouble(uses[0].service, f"{left:,} of its endpoints were not asked, it has too many"))
        del made.pledges[MOST_ENDPOINTS:]
        kept = {pledge.endpoint.label for pledge in made.pledges}
        made.asked = {use: [label for label in labels if label in kept] for use, labels in made.asked.items()}
    return made


def _places(uses: Sequence[Use], *, address: str, made: Plan) -> dict[_Place, list[tuple[Use, Listen]]]:
    """Who listens where, in the order of the configuration."""
    specific = {(listen.host, listen.port) for use in uses for listen in use.listens}
    places: dict[_Place, list[tuple[Use, Listen]]] = defaultdict(list)
    for use in uses:
        for listen in use.listens:
            host = _reachable(listen.host, address)
            if listen.host == ANY_IPV6 and listen._replace(host=ANY_IPV4) in use.listens:
                continue  # the same socket twice, for either kind of address
            if listen.host != host and (host, listen.port) in specific:
                # Whoever listens at the very address gets the connection. Where that is itself, all is well.
                if (host, listen.port) not in {(own.host, own.port) for own in use.listens}:
                    reason = f"another server has {host}:{listen.port} for itself, set another address to ask it at"
                    made.troubles.append(Trouble(use.where, reason))
            else:
                places[_Place(host, listen.port, use.starttls, listen.proxied)].append((use, listen))
    return places


def _reachable(host: str, address: str) -> str:
    """Where to connect to: the address that was given, where its kind fits, for a listener on all of them."""
    kind = canonical(address)
    if host == ANY_IPV4:
        return "127.0.0.1" if kind and ":" in kind else address
    if host == ANY_IPV6:
        return "::1" if kind and ":" not in kind else address
    return host


class _Group:
    """The servers that share one place and are told apart by the name that the client asks for."""

    def __init__(self, place: _Place, uses: Sequence[Use], leaves: Leaves) -> None:
        self._place = place
        self._uses = uses
        self._leaves = leaves
        self._exact: dict[str, list[Use]] = defaultdict(list)
        self._wild: dict[str, list[Use]] = defaultdict(list)
        self._order = {use: number for number, use in reversed(list(enumerate(uses)))}
        for use in dict.fromkeys(uses):
            for name in self._names(use):
                (self._wild if name.startswith("*.") else self._exact)[name].append(use)

    def _names(self, use: Use) -> list[str]:
        names = [*use.names]
        if use.by_certificate:
            names += [name for file in use.files for name in self._leaves.of(file).dns if name not in use.excluded]
        return list(dict.fromkeys(_usable(names)))

    def pledge(self, use: Use, *, default: bool) -> Optional[Pledge]:
        """How this use is asked for; None where no name leads to it. default: those who name none come to it."""
        leaves = [self._leaves.of(file) for file in use.files]
        fallback: Optional[tuple[str, list[Use]]] = None
        for name in self._names(use):
            asked = f"{_ANY_NAME}{name[1:]}" if name.startswith("*.") else name
            winners = self._winners(asked)
            if use not in winners:
                continue
            if any(_covered(asked, leaf) for leaf in leaves):
                return self._made(use, asked, winners, names=[asked])
            fallback = fallback or (asked, winners)
        if fallback is not None:
            asked, winners = fallback
            # A name without a dot, and one that was made up, no client asks for by its whole name.
            held = "." in asked and not asked.startswith(_ANY_NAME) and not use.starttls
            known = not any(leaf.problem for leaf in leaves)
            return self._made(use, asked, winners, names=[asked] if held and known else [])
        return self._made(use, None, [use], names=[]) if default else None

    def _winners(self, name: str) -> list[Use]:
        """Who gets a client that asks for this name: one, or several between whom the kind of key decides."""
        exact = self._exact.get(name, [])
        wild = self._wild.get("*" + name[name.index(".") :], []) if "." in name else []
        found = exact or wild
        first_match = [use for use in exact + wild if use.first_match]
        if first_match:
            return [min(first_match, key=lambda use: self._order[use])]
        return found if found and found[0].several else found[:1]

    def _made(self, use: Use, server_name: Optional[str], winners: Sequence[Use], *, names: Sequence[str]) -> Pledge:
        endpoint = Endpoint(
            host=self._place.host,
            port=self._place.port,
            server_name=server_name,
            names=names,
            starttls=self._place.starttls or None,
            proxy_protocol=self._place.proxied,
        )
        files = tuple(dict.fromkeys(file for winner in (use, *winners) for file in winner.files))
        return Pledge(endpoint, files, use.service, use.where)


def _usable(names: Sequence[str]) -> list[str]:
    """Those that can be asked for: host names in the form that goes over the wire."""
    usable = []
    for name in names:
        try:
            plain = ascii_name(name)
        except ValueError:
            continue
        if _NAME.fullmatch(plain) and not canonical(plain):
            usable.append(plain)
    return usable


def _covered(name: str, leaf: Leaf) -> bool:
    return covers(name, dns=leaf.dns, addresses=leaf.addresses)
