# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking into files: every certificate of each, arranged into chains, each distinct one read once."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional, Union

from . import content, keys, library, pem
from .chain import Chain, Link, chains
from .formats import recognise
from .library import Certificate
from .sources import Candidate, reason_of

SNIFF = 64 * 1024
LARGEST = 32 * 1024 * 1024


class Look(NamedTuple):
    """What was seen at one place. others: certificates that no chain needs. source: number of the source.

    problem: what could not be read there, as the end of a sentence; empty where all could.
    key: verdict on the private keys in the same file, or in the one that the candidate names.
    """

    place: str
    source: int
    chains: Sequence[Chain] = ()
    others: Sequence[bytes] = ()
    problem: str = ""
    key: Optional[keys.Verdict] = None


class Scanner:
    """Looks into files. What it has read once, it knows: a copy costs a hash.

    passwords: of keystores and private keys, by number of the source.
    """

    def __init__(self, passwords: Optional[Mapping[int, bytes]] = None) -> None:
        self._passwords = passwords or {}
        self._known: dict[bytes, Link] = {}
        self._fresh: dict[bytes, Certificate] = {}
        self._reader = library.Reader()

    def files(self, candidates: Iterable[Candidate]) -> tuple[list[Look], dict[bytes, Certificate]]:
        """What is in these files, and the certificates that were not seen before, by SHA-256 of their DER."""
        looks = [look for candidate in candidates if (look := self._file(candidate)) is not None]
        return looks, self._take_fresh()

    def handshake(
        self, place: str, source: int, certificates: Sequence[bytes]
    ) -> tuple[Look, dict[bytes, Certificate]]:
        """What a server presented: the first certificate is its own (RFC 8446, 4.4.2), whatever follows."""
        links, problems = self._read_all(certificates)
        made = chains(links, signed_by=library.signed_by) if links else []
        if links and links[0].identity not in {chain.leaf for chain in made}:
            made.insert(0, Chain(links[0].identity, ()))
        own = [chain for chain in made if chain.leaf == links[0].identity] if links else []
        look = Look(place, source, own, _others(links, own), "; ".join(problems))
        return look, self._take_fresh()

    def _take_fresh(self) -> dict[bytes, Certificate]:
        fresh, self._fresh = self._fresh, {}
        return fresh

    def _file(self, candidate: Candidate) -> Optional[Look]:
        """What is in the file; None where it is in a folder and holds no certificate."""
        path, source, named, key = candidate
        try:
            data = read_file(path)
        except (OSError, ValueError) as error:
            return Look(path, source, problem=why_unreadable(path, error))
        password = self._passwords.get(source)
        held = content.contents(data, password=password)
        links, problems = self._read_all(held.certificates)
        problems = held.problems + problems
        if not links:
            if not problems and not named:
                return None
            return Look(path, source, problem="; ".join(problems) or _what_instead(data, held))
        made = chains(links, signed_by=library.signed_by)
        verdict = None
        if key:
            verdict = key_in(key, [links[0].certificate], password=password)
        elif keys.any_in(held):
            verdict = keys.compare(held, held.certificates, password=password)
        return Look(path, source, made, _others(links, made), "; ".join(problems), verdict)

    def _read_all(self, certificates: Sequence[bytes]) -> tuple[list[Link], list[str]]:
        links: dict[bytes, Link] = {}
        problems = []
        for number, certificate in enumerate(certificates, 1):
            identity = hashlib.sha256(certificate).digest()
            link = self._known.get(identity)
            if link is None:
                try:
                    link = self._read_one(identity, certificate)
                except (library.Unreadable, ValueError, IndexError) as error:
                    problems.append(f"certificate {number} cannot be decoded ({error})")
                    continue
            links[identity] = link
        return list(links.values()), problems

    def _read_one(self, identity: bytes, certificate: bytes) -> Link:
        outline, read = self._reader.read(certificate)
        link = Link(identity, outline.subject, outline.issuer, read.not_after, certificate)
        self._known[identity] = link
        self._fresh[identity] = read
        return link


def key_in(path: str, certificates: Sequence[bytes], *, password: Optional[bytes]) -> keys.Verdict:
    """Whether the private keys in a file of their own belong to these certificates (DER)."""
    try:
        held = content.contents(read_file(path), password=password)
    except (OSError, ValueError) as error:
        verdict = keys.Verdict("unknown", f"the key could not be read: {why_unreadable(path, error)}")
    else:
        if keys.any_in(held):
            verdict = keys.compare(held, certificates, password=password)
        else:
            verdict = keys.Verdict("unknown", "; ".join(held.problems) or "the file holds no private key")
    return verdict._replace(path=path)


def _others(links: Sequence[Link], made: Sequence[Chain]) -> list[bytes]:
    if len(links) == sum(1 + len(chain.issuers) for chain in made):
        return []
    used = {identity for chain in made for identity in (chain.leaf, *chain.issuers)}
    return [link.identity for link in links if link.identity not in used]


class _NotRegular(OSError):
    """A folder, pipe, socket or device."""


class _TooLarge(OSError):
    """More than any bundle has."""


def read_file(path: str) -> bytes:
    """The file's content; only its beginning where that shows that it holds no certificates.

    Never waits for what is no regular file. Raises OSError, and ValueError where the path cannot exist.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not make us wait
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise _NotRegular
        data = os.read(descriptor, SNIFF)
        if len(data) < SNIFF or not (pem.MARK in data or recognise.goes_on(data, state.st_size)):
            return data.removeprefix(b"\xef\xbb\xbf")
        if state.st_size > LARGEST:
            raise _TooLarge
        pieces = [data]
        while piece := os.read(descriptor, LARGEST):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def why_unreadable(path: str, error: Union[OSError, ValueError]) -> str:
    """The reason, as the end of a sentence."""
    if not isinstance(error, OSError):
        return "it is no path that can exist"
    if isinstance(error, _NotRegular):
        return "it is no regular file"
    if isinstance(error, _TooLarge):
        return f"it is larger than {LARGEST // 1024 // 1024} MiB"
    if isinstance(error, FileNotFoundError):
        if os.path.islink(path):
            return f"the link leads nowhere, there is no {os.readlink(path)}"
        return "there is no such file or folder, correct the path"
    return reason_of(error)


def _what_instead(data: bytes, held: pem.Contents) -> str:
    if not data:
        return "the file is empty"
    if held.instead:
        return f"it holds {held.instead} but no certificate"
    return "it holds no certificate in any known form"
