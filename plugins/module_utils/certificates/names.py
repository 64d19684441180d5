# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate covers a name, as clients decide it (RFC 9525, 6.3; RFC 5280, 7.2)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Optional

from ..libraries import optional

_idna = optional("idna")


def address(name: str) -> Optional[str]:
    """The IP address in its one canonical form; None where the name is no address."""
    try:
        return str(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return None


def ascii_name(name: str) -> str:
    """The name as it stands in certificates and goes over the wire: lower case, A-labels, no final dot.

    Raises ValueError where it is no host name.
    """
    plain = name.strip().rstrip(".").lower()
    if plain.isascii():
        return plain
    wildcard, rest = ("*.", plain[2:]) if plain.startswith("*.") else ("", plain)
    # UnicodeError and idna's own are ValueErrors. Python's codec knows only the older IDNA of 2003.
    encoded = _idna.encode(rest, uts46=True) if _idna else rest.encode("idna")
    return wildcard + encoded.decode("ascii")


def covers(name: str, *, dns: Sequence[str], addresses: Sequence[str]) -> bool:
    """Whether the subject's alternative names hold this name.

    A wildcard stands for exactly one label, the leftmost, and so not for the apex below it. An address is
    covered by an address only. The common name counts for nothing, as with every current client.
    Raises ValueError where the name is neither address nor host name.
    """
    wanted_address = address(name)
    if wanted_address is not None:
        return wanted_address in addresses
    wanted = ascii_name(name)
    parent = wanted.partition(".")[2]
    for entry in dns:
        pattern = entry.rstrip(".").lower()
        if pattern == wanted:
            return True
        if pattern.startswith("*.") and parent and pattern[2:] == parent and not wanted.startswith("*"):
            return True
    return False


def missing(names: Sequence[str], *, dns: Sequence[str], addresses: Sequence[str]) -> list[str]:
    """Those of the names that are not covered. Raises ValueError as above."""
    return [name for name in names if not covers(name, dns=dns, addresses=addresses)]
