# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions put to a server one after the other, whoever it is that asks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable

from . import suites
from .answer import ACCEPTED, REFUSED, SILENT, WRONG_VERSION, Answer

# One handshake: offers the suites in this version alone. Raises Unreachable.
Ask = Callable[[str, Sequence[int]], Answer]

# Some servers read no longer list.
_AT_ONCE = 100
# So many forbidden suites are a policy that nobody follows; each of them costs a connection.
MOST_NAMED = 64


class Unreachable(Exception):
    """No handshake can be begun any more. Its words are the end of the sentence "... is unknown: "."""


@dataclass
class Seen:
    """What was found out. versions: the answer to each. offers: suites that a version was accepted with.

    forbidden: accepted suites that the policy does not allow, and the version. problem: why it was not found out.
    problem_with_suites: why that of the suites was not. many: whether there may be more than MOST_NAMED.
    """

    versions: dict[str, Answer] = field(default_factory=dict)
    offers: dict[str, list[int]] = field(default_factory=dict)
    forbidden: dict[int, str] = field(default_factory=dict)
    problem: str = ""
    problem_with_suites: str = ""
    many: bool = False

    def accepted(self) -> list[str]:
        """The versions that it accepts, the newest first."""
        return [version for version, answer in self.versions.items() if answer.kind == ACCEPTED]


def explore(ask: Ask, *, ciphers: Sequence[str]) -> Seen:
    """Offers every version by itself; and where there are patterns of allowed suites, all the others."""
    seen = Seen()
    try:
        _versions(ask, seen)
        if any(answer.closed for answer in seen.versions.values()):
            _still_welcome(ask, seen)
    except Unreachable as error:
        seen.problem = str(error)
        return seen
    if ciphers:
        try:
            if _suites(ask, seen, ciphers):
                _still_welcome(ask, seen)
        except Unreachable as error:
            seen.problem_with_suites = str(error)
    return seen


def _versions(ask: Ask, seen: Seen) -> None:
    for version in reversed(list(suites.VERSIONS)):
        answer = _version(ask, seen, version)
        if answer.kind == ACCEPTED and answer.version != version:
            if suites.VERSIONS[answer.version] > suites.VERSIONS[version]:
                answer = Answer(SILENT, words=f"it answered {spoken(version)} with {spoken(answer.version)}")
            else:
                seen.versions[answer.version] = answer
                seen.offers[answer.version] = seen.offers[version]
                answer = Answer(REFUSED, words=f"went down to {spoken(answer.version)}")
        known = seen.versions.pop(version, None)  # in the order of the questions
        seen.versions[version] = known or answer


def _version(ask: Ask, seen: Seen, version: str) -> Answer:
    """Offers the version with all usual suites; and if it is refused for another reason, with each kind of them."""
    families = [[suite.code for suite in family] for family in suites.usual(version)]
    first = Answer(REFUSED)
    for offer in [[code for family in families for code in family], *(families if len(families) > 1 else ())]:
        answer = ask(version, offer)
        if answer.kind == ACCEPTED:
            seen.offers.setdefault(version, offer)
        if answer.kind != REFUSED or answer.words == WRONG_VERSION:
            return answer
        first = first if first.words else answer
    return first


def _suites(ask: Ask, seen: Seen, ciphers: Sequence[str]) -> bool:
    """Offers what is not allowed in every version. Returns whether it was turned away without a word."""
    allowed = suites.matcher(ciphers)
    closed = False
    for version in seen.accepted():
        for family in suites.families(version):
            others = [suite.code for suite in family if not allowed(suite) and suite.code not in seen.forbidden]
            for start in range(0, len(others), _AT_ONCE):
                closed |= _forbidden(ask, seen, version, others[start : start + _AT_ONCE])
    return closed


def _forbidden(ask: Ask, seen: Seen, version: str, left: list[int]) -> bool:
    """Asks until nothing that is left is accepted any more. Returns whether it was turned away without a word."""
    while left and not seen.many:
        answer = ask(version, left)
        if answer.kind == REFUSED:
            return answer.closed
        if answer.kind == SILENT:
            raise Unreachable(f"{answer.words} to the suites that are not allowed in {spoken(version)}")
        if answer.suite not in left:
            raise Unreachable(f"it chose a cipher suite that was not offered in {spoken(version)}")
        seen.forbidden[answer.suite] = version
        left.remove(answer.suite)
        seen.many = len(seen.forbidden) >= MOST_NAMED
    return False


def _still_welcome(ask: Ask, seen: Seen) -> None:
    """A server that hangs up may refuse what was offered, or us: ask once more for what it accepted before."""
    for version in seen.accepted()[:1]:
        if ask(version, seen.offers[version]).kind != ACCEPTED:
            raise Unreachable(
                "it closed connections without a word, and in the end also one that it had accepted before"
            )


def spoken(version: str) -> str:
    """The version for a person: TLSv1.2 is TLS 1.2, TLSv1 is TLS 1.0."""
    return {"SSLv3": "SSLv3", "TLSv1": "TLS 1.0"}.get(version, f"TLS {version[4:]}")
