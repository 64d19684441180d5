# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was seen, brought together: each distinct certificate once, with every place it is at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Optional

from . import keys
from .library import Certificate, printable
from .scan import Look
from .sources import Problem

if TYPE_CHECKING:
    from .stores import Store
    from .verify import Case


class Proof(NamedTuple):
    """A leaf, with what came with it, that leads to a trust store."""

    store: Store
    case: Case


class Presented(NamedTuple):
    """A leaf at one place, and whatever came with it there."""

    source: int
    place: str
    leaf: bytes
    others: tuple[bytes, ...]


@dataclass
class Gathered:
    """What all looks show. Certificates are known by the SHA-256 of their DER.

    places: where each is, in the order of the sources. leaves: ends of chains; chains: of each leaf that has
    one, its issuers, those that end first where it has several. issuing: what leaves rest on, each with all that
    do, wherever that is. spare: what stands in a chain that holds without it. supplied: roots that the host's
    packages bring.
    leaves_of: by number of the source. troubled: sources with problems. crowded: places with several leaves,
    which a path alone does not tell apart. seen: certificates with all their copies. keys: verdicts on the keys
    that stand beside their certificate. kept: the numbers of the sources whose leaves are kept in presented,
    with what came with each. proofs: of leaves that were held against trust stores, one for each of these; None where
    they do not lead there.
    passwords: of keystores and private keys, by number of their source.
    """

    certificates: dict[bytes, Certificate] = field(default_factory=dict)
    places: dict[bytes, list[str]] = field(default_factory=dict)
    leaves: dict[bytes, None] = field(default_factory=dict)
    chains: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    issuing: dict[bytes, dict[bytes, None]] = field(default_factory=dict)
    spare: set[bytes] = field(default_factory=set)
    supplied: frozenset[bytes] = frozenset()
    leaves_of: dict[int, dict[bytes, None]] = field(default_factory=dict)
    troubled: set[int] = field(default_factory=set)
    crowded: set[str] = field(default_factory=set)
    problems: dict[Problem, None] = field(default_factory=dict)
    keys: dict[str, keys.Verdict] = field(default_factory=dict)
    passwords: dict[int, bytes] = field(default_factory=dict)
    seen: int = 0
    kept: frozenset[int] = frozenset()
    presented: list[Presented] = field(default_factory=list)
    proofs: dict[bytes, list[Optional[Proof]]] = field(default_factory=dict)

    def add_problems(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self.problems[problem] = None
            self.troubled.add(problem.source)

    def add(self, parts: Sequence[tuple[Sequence[Look], dict[bytes, Certificate]]]) -> None:
        """Takes in looks, and the certificates that were new to whoever looked."""
        for _looks, fresh in parts:
            self.certificates.update(fresh)
        for looks, _fresh in parts:
            for look in looks:
                self._add(look)

    def _add(self, look: Look) -> None:
        place, source, chains, others, problem, verdict = look
        if problem:
            self.add_problems([Problem(place, problem, source)])
        if verdict is not None:
            self.keys[place] = verdict
        if len(chains) > 1:
            self.crowded.add(place)
        leaves = self.leaves_of.setdefault(source, {})
        for leaf, issuers in chains:
            leaves[leaf] = self.leaves[leaf] = None
            self._at(leaf, place)
            if issuers:
                known = self.chains.get(leaf)
                if known is None or self.chain_end(issuers).not_after < self.chain_end(known).not_after:
                    self.chains[leaf] = issuers
                for identity in issuers:
                    self.issuing.setdefault(identity, {})[leaf] = None
                    self._at(identity, place)
        if source in self.kept:
            came = {identity: None for _leaf, issuers in chains for identity in issuers}
            came.update(dict.fromkeys(others))
            self.presented += [Presented(source, place, leaf, tuple(came)) for leaf, _issuers in chains]
        for identity in others:
            self.spare.add(identity)
            self._at(identity, place)

    def _at(self, identity: bytes, place: str) -> None:
        self.seen += 1
        places = self.places.get(identity)
        if places is None:
            self.places[identity] = [place]
        elif places[-1] != place:
            places.append(place)

    def do_without(self, needless: set[bytes]) -> None:
        """Takes these issuers out of the chains, which hold without them."""
        for issuer in needless:
            del self.issuing[issuer]
        self.spare |= needless
        for leaf, issuers in list(self.chains.items()):
            left = tuple(issuer for issuer in issuers if issuer not in needless)
            if left:
                self.chains[leaf] = left
            else:
                del self.chains[leaf]

    def is_spare(self, identity: bytes) -> bool:
        """Whether nothing that was seen rests on it, and nobody would renew it."""
        if identity in self.issuing:
            return False
        return identity in self.supplied or (identity in self.spare and identity not in self.leaves)

    def shown(self, identity: bytes, *, named: bool = False) -> str:
        """How findings call the certificate: its first place, with its name where that is not enough."""
        place = self.places[identity][0]
        plain = printable(place)
        return f"{plain} [{self.certificates[identity].name}]" if named or place in self.crowded else plain

    def shown_places(self, identity: bytes) -> list[str]:
        """Every place it is at, each once."""
        return [printable(place) for place in dict.fromkeys(self.places[identity])]

    def chain_end(self, issuers: Sequence[bytes]) -> Certificate:
        """The first of these issuers to expire."""
        return min((self.certificates[identity] for identity in issuers), key=lambda issuer: issuer.not_after)
