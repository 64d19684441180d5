# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots that the host's package ca-certificates brings: some of them have ended, and nobody here can renew them."""

from __future__ import annotations

import hashlib
import os

from ..files import names_in
from . import pem
from .gather import Gathered
from .scan import read_file

# What an administrator adds stands beside it, or under /usr/local.
FOLDER = "/usr/share/ca-certificates/mozilla"


def roots(gathered: Gathered, *, folder: str = FOLDER) -> frozenset[bytes]:
    """Those among the certificates seen; the folder is read only where one of them signed itself."""
    itself = {identity for identity in gathered.leaves if _names_itself(gathered, identity)}
    return frozenset(itself & _held(folder)) if itself else frozenset()


def _names_itself(gathered: Gathered, identity: bytes) -> bool:
    certificate = gathered.certificates[identity]
    return certificate.subject == certificate.issuer


def _held(folder: str) -> set[bytes]:
    held: set[bytes] = set()
    for name in names_in(folder):
        try:
            found = pem.contents(read_file(os.path.join(folder, name))).certificates
        except (OSError, ValueError):
            continue  # then it is judged as any other
        held.update(hashlib.sha256(certificate).digest() for certificate in found)
    return held
