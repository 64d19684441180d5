# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a copy of a lineage for files that certbot cannot use: it orders for the names that it finds."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..certificates import library
from ..certificates import names as naming

_LONG_AGO = datetime(2000, 1, 1)


class StandIn(NamedTuple):
    """certificate, key: PEM. No service ever sees them."""

    certificate: bytes
    key: bytes


def stand_in(names: Sequence[str], *, key: bytes) -> StandIn:
    """A certificate for these names that nobody believes. key: PEM; kept where it is one, as certbot may reuse it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    private, kept = _private(key)
    issued: list[Any] = [_general(x509, name) for name in names]
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(_LONG_AGO)
        .not_valid_after(_LONG_AGO + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(issued), critical=True)
        .sign(private, hashes.SHA256())
    )
    return StandIn(made.public_bytes(library.serialization.Encoding.PEM), kept)


def _general(x509: Any, name: str) -> Any:
    address = naming.address(name)
    return x509.IPAddress(ipaddress.ip_address(address)) if address else x509.DNSName(naming.ascii_name(name))


def _private(key: bytes) -> tuple[Any, bytes]:
    """The private key and its PEM; a new one where this is none that can sign."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    form = library.serialization
    try:
        private = form.load_pem_private_key(key, None)
        if isinstance(private, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            return private, key
    except Exception:  # noqa: BLE001, S110 - whatever a broken key makes the library raise
        pass
    private = ec.generate_private_key(ec.SECP256R1())
    return private, private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
