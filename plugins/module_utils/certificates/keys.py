# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a private key belongs to a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

from . import library
from .pem import Contents


class Verdict(NamedTuple):
    """status: ok, critical (it belongs to none) or unknown. reason: of the latter, as the end of a sentence.

    path: file of the key, where it is not the one that the certificate is in.
    """

    status: str
    reason: str = ""
    path: str = ""


def any_in(held: Contents) -> bool:
    """Whether there is a private key, though a locked one."""
    return bool(held.keys or held.halves or held.closed)


def compare(held: Contents, certificates: Sequence[bytes], *, password: Optional[bytes] = None) -> Verdict:
    """Whether each of the private keys of a file belongs to one of the certificates (DER).

    password: of keys that are protected.
    """
    halves: list[Optional[bytes]] = [library.public_key(certificate) for certificate in certificates]
    opened = [_half(key, password) for key in held.keys]
    found = [*held.halves, *(half for half in opened if isinstance(half, bytes))]
    if any(half not in halves for half in found):
        if None in halves:
            return Verdict("unknown", "the certificate has a kind of key that this Python cannot compare")
        return Verdict("critical")
    unknown = held.closed or next((reason for reason in opened if isinstance(reason, str)), "")
    return Verdict("unknown", unknown) if unknown else Verdict("ok")


def _half(key: bytes, password: Optional[bytes]) -> Union[bytes, str]:
    """The public half of the key, or why there is none, as the end of a sentence."""
    try:
        return library.public_half(key)
    except library.Unreadable as error:
        return f"the private key cannot be decoded ({error})"
    except library.KeyLocked:
        pass
    if password is None:
        return "the private key is protected by a passphrase, set password_file or password_env of its source"
    if b"OPENSSH PRIVATE KEY" in key:
        return "protected keys in OpenSSH's own form are not unlocked"
    return _unlocked(key, password)


def _unlocked(key: bytes, password: bytes) -> Union[bytes, str]:
    from .formats import rounds

    if rounds.of_key(key) > rounds.MOST:
        return "the private key is damaged, or made to keep readers busy: it asks for too many rounds of hashing"
    try:
        return library.public_half(key, password=password)
    except (library.KeyLocked, library.Unreadable):
        return "the password does not unlock the private key"
