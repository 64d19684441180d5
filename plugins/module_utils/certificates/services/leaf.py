# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that a service presents from a file: the first one in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from .. import library, pem
from ..scan import read_file, why_unreadable


class Leaf(NamedTuple):
    """What of a certificate counts here.

    fingerprint: SHA-256 of its DER, hexadecimal. not_before: seconds since the epoch. ends: its last second,
    ISO 8601. kind: of its key. problem: why it could not be read, in words that end a sentence; the rest is empty then.
    """

    fingerprint: str = ""
    not_before: int = 0
    ends: str = ""
    dns: Sequence[str] = ()
    addresses: Sequence[str] = ()
    kind: str = ""
    problem: str = ""


def of_der(certificate: bytes) -> Leaf:
    """The leaf of this encoding."""
    try:
        not_before, not_after = library.validity(certificate)
        names = library.alternative_names(certificate)
    except library.Unreadable as error:
        return Leaf(problem=f"the certificate cannot be decoded ({error})")
    kind = library.key_kind(certificate)
    ends = datetime.fromtimestamp(not_after, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Leaf(hashlib.sha256(certificate).hexdigest(), not_before, ends, names.dns, names.addresses, kind)


def of_file(path: str) -> Leaf:
    """The leaf that a service presents from this file."""
    try:
        data = read_file(path)
    except (OSError, ValueError) as error:
        return Leaf(problem=why_unreadable(path, error))
    certificates = pem.contents(data).certificates
    return of_der(certificates[0]) if certificates else Leaf(problem="it holds no certificate in PEM form")


class Leaves:
    """The leaves of files; each is read once."""

    def __init__(self, read: Callable[[str], Leaf] = of_file) -> None:
        self._read = read
        self._known: dict[str, Leaf] = {}

    def of(self, path: str) -> Leaf:
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]
