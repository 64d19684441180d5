# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a private key belongs to a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from . import library


class Verdict(NamedTuple):
    """status: ok, critical (it belongs to none) or unknown. reason: of the latter, as the end of a sentence."""

    status: str
    reason: str = ""


def compare(private_keys: Sequence[bytes], certificates: Sequence[bytes]) -> Verdict:
    """Whether each of the private keys (PEM) belongs to one of the certificates (DER)."""
    halves: list[Optional[bytes]] = [library.public_key(certificate) for certificate in certificates]
    for key in private_keys:
        try:
            half = library.public_half(key)
        except library.KeyLocked:
            return Verdict("unknown", "the private key is protected by a passphrase")
        except library.Unreadable as error:
            return Verdict("unknown", f"the private key cannot be decoded ({error})")
        if half not in halves:
            if None in halves:
                return Verdict("unknown", "the certificate has a kind of key that this Python cannot compare")
            return Verdict("critical")
    return Verdict("ok")
