# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file holds, whatever its format: told by its content, never by its name."""

from __future__ import annotations

from typing import Optional

from . import der, pem
from .formats import recognise


def contents(data: bytes, *, password: Optional[bytes] = None) -> pem.Contents:
    """Every certificate and private key of the file. Never raises: what is broken is told in ``problems``.

    password: of keystores; PEM and DER need none to be read.
    """
    if pem.MARK in data:
        return pem.contents(data)
    if not recognise.may_be(data):
        return pem.Contents()
    return _binary(data, password)


def _binary(data: bytes, password: Optional[bytes]) -> pem.Contents:
    kind = recognise.kind(data)
    found = pem.Contents(instead=kind)
    try:
        if kind == recognise.CERTIFICATE:
            found.certificates.append(_whole(data))
        elif kind == recognise.PRIVATE_KEY:
            found.keys.append(_whole(data))
        elif kind == recognise.PKCS7:
            from .formats import pkcs7

            found.certificates = pkcs7.certificates(data)
        elif kind == recognise.PKCS12:
            from .formats import pkcs12

            return pkcs12.contents(data, password=password)
        elif kind in recognise.KEYSTORES.values():
            from .formats import jks

            return jks.contents(data, password=password)
    except ValueError as error:
        found.problems.append(f"{kind} in it cannot be decoded ({error})")
    return found


def _whole(data: bytes) -> bytes:
    """The first element; in BER, its length may be open. Raises ValueError."""
    return der.definite(data) if data[1:2] == b"\x80" else der.first(data)
