# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in PKCS#7 messages (RFC 2315, 9.1; RFC 5652, 5.1), as .p7b files hold them."""

from __future__ import annotations

from .. import der

_SIGNED = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
_CONTEXT_0 = 0xA0


def certificates(message: bytes) -> list[bytes]:
    """The certificates of the message, DER each, in its order. Raises ValueError with what is wrong."""
    data = der.definite(message)
    outer = der.parts(data)[0]
    inner = der.parts(data, outer.begin, outer.end)
    if not inner or data[inner[0].begin : inner[0].end] != _SIGNED:
        raise ValueError("it is of a kind that carries no certificates")
    if len(inner) < 2 or inner[1].tag != _CONTEXT_0:
        raise ValueError("it has no content")
    signed = der.parts(data, *der.element(data, inner[1].begin))
    # Version, algorithms and what is signed stand before the certificates.
    if len(signed) < 3 or signed[0].tag != der.INTEGER:
        raise ValueError("its content has not the form of a signed message")
    held = [part for part in signed[3:] if part.tag == _CONTEXT_0]
    return [data[one.at : one.end] for part in held for one in der.parts(data, part.begin, part.end) if one.tag == 0x30]
