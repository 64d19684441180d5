# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust stores: files and folders of the authorities that a chain must lead to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import MaintenanceError
from . import pem
from .library import one_line
from .scan import read_file, why_unreadable
from .sources import reason_of

SYSTEM = "system"
_LONGEST = 120

# Debian's comes first as a folder: openssl reads from it only what a chain needs.
SYSTEM_STORES = (
    "/etc/ssl/certs",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
# How openssl finds an authority in a folder, by the hash of its name.
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


class Store(NamedTuple):
    """A store that can be used. folder: one that openssl looks up in by itself; empty where there is none.

    certificates: DER of all that it holds, where openssl must be handed them.
    """

    shown: str
    folder: str = ""
    certificates: Sequence[bytes] = ()


def find(wish: str, *, system_stores: Sequence[str] = SYSTEM_STORES) -> Store:
    """The store at this path, or the host's own. Raises MaintenanceError where there is none to use."""
    if wish != SYSTEM:
        shown = one_line(wish, longest=_LONGEST)
        return _folder(wish, shown) if os.path.isdir(wish) else Store(shown, certificates=_held(wish))
    shown = "the trust store of this host"
    for path in system_stores:
        if os.path.isdir(path) and _is_hashed(path, _names(path)):
            return Store(shown, folder=path)
        if os.path.isfile(path):
            return Store(shown, certificates=_held(path))
    raise MaintenanceError("this host has no trust store, install the package ca-certificates")


def _folder(path: str, shown: str) -> Store:
    names = _names(path)
    if _is_hashed(path, names):
        return Store(shown, folder=path)
    files = [os.path.join(path, name) for name in names if not name.startswith(".")]
    found = [one for file in files if os.path.isfile(file) for one in _certificates(file)]
    return Store(shown, certificates=_some(path, found))


def _names(path: str) -> Sequence[str]:
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        raise MaintenanceError(f"the trust store {one_line(path)} could not be listed: {reason_of(error)}") from None


def _is_hashed(path: str, names: Sequence[str]) -> bool:
    return any(_HASHED.fullmatch(name) and os.path.isfile(os.path.join(path, name)) for name in names)


def _held(path: str) -> Sequence[bytes]:
    return _some(path, _certificates(path))


def _some(path: str, found: Sequence[bytes]) -> Sequence[bytes]:
    if not found:
        raise MaintenanceError(
            f"the trust store {one_line(path)} holds no certificate in PEM form, put its authorities there"
        )
    return found


def _certificates(path: str) -> Sequence[bytes]:
    try:
        return pem.contents(read_file(path)).certificates
    except (OSError, ValueError) as error:
        why = why_unreadable(path, error)
        raise MaintenanceError(f"the trust store {one_line(path)} could not be read: {why}") from None
