# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates of a file or a handshake are the ends of chains, and what each of them rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Link(NamedTuple):
    """A certificate as a link of a chain. identity: SHA-256 of its DER. not_after: seconds since the epoch."""

    identity: bytes
    subject: bytes
    issuer: bytes
    not_after: int
    certificate: bytes


class Chain(NamedTuple):
    """A leaf and its issuers from the nearest up, as identities."""

    leaf: bytes
    issuers: tuple[bytes, ...]


SignedBy = Callable[[bytes, bytes], bool]


def chains(links: Sequence[Link], *, signed_by: SignedBy) -> list[Chain]:
    """The chains that these certificates make, in the order of their leaves.

    A leaf is what issued none of the others; so every root of a trust store is one, and a certificate
    authority that stands first in a bundle is none. Where an issuer is there several times (cross-signed, or
    renewed with the same name), the way up that holds longest counts, since clients take any that is valid.
    signed_by: tells, of certificate and issuer, apart issuers that share a name but not the key.
    """
    if len(links) == 1:
        return [Chain(links[0].identity, ())]
    if len(links) == 2:
        return _pair(*links)
    by_subject: dict[bytes, list[Link]] = {}
    for link in links:
        by_subject.setdefault(link.subject, []).append(link)
    issuing = {link.issuer for link in links if link.issuer != link.subject}
    # Authorities that signed each other, and nothing else, are judged each for itself.
    leaves = [link for link in links if link.subject not in issuing] or links
    climber = _Climber(by_subject, signed_by)
    return [Chain(leaf.identity, climber.climb(leaf)[1][1:]) for leaf in leaves]


def _pair(one: Link, other: Link) -> list[Chain]:
    """What most files hold; a class and its dictionaries would cost as much as reading both certificates."""
    if one.subject != other.subject and (one.issuer == other.subject) != (other.issuer == one.subject):
        if other.issuer == one.subject:
            one, other = other, one
        return [Chain(one.identity, (other.identity,))]
    return [Chain(one.identity, ()), Chain(other.identity, ())]


class _Climber:
    """Finds the way up that holds longest; each certificate is looked at once."""

    def __init__(self, by_subject: dict[bytes, list[Link]], signed_by: SignedBy) -> None:
        self._by_subject = by_subject
        self._signed_by = signed_by
        self._known: dict[bytes, tuple[int, tuple[bytes, ...]]] = {}

    def climb(self, link: Link) -> tuple[int, tuple[bytes, ...]]:
        """Until when the way from this certificate up holds, and the way."""
        if link.identity in self._known:
            return self._known[link.identity]
        # While it is looked at, a way that comes back to it leads nowhere.
        self._known[link.identity] = (-1, ())
        ways = [self.climb(issuer) for issuer in self._issuers(link)]
        ways = [way for way in ways if way[1]]
        best = max(ways, key=lambda way: way[0], default=None)
        result = (
            (link.not_after, (link.identity,))
            if best is None
            else (min(link.not_after, best[0]), (link.identity, *best[1]))
        )
        self._known[link.identity] = result
        return result

    def _issuers(self, link: Link) -> list[Link]:
        if link.issuer == link.subject:
            return []
        named = [other for other in self._by_subject.get(link.issuer, ()) if other.identity != link.identity]
        if len(named) < 2:
            return named
        return [other for other in named if self._signed_by(link.certificate, other.certificate)] or named
