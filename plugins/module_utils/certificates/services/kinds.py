# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server with certificates for several kinds of keys, asked for each by a client that knows no other kind."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from .. import connection
from ..endpoints import Endpoint, Presented
from ..handshake import chain_by_openssl

# Each is a process of its own.
AT_ONCE = 8
# Signatures that the client says it knows (RFC 8446, 4.2.3), in the words of OpenSSL.
_SIGNATURES = {
    "RSA": "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1",
    "ECDSA": "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1",
}


def ask_by_kind(wanted: Sequence[tuple[Endpoint, str]], *, timeout: float) -> list[Presented]:
    """What each endpoint presents to a client that knows keys of this kind alone (RSA, ECDSA)."""
    if not wanted:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(wanted))) as threads:
        return list(threads.map(lambda one: _ask(*one, timeout=timeout), wanted))


def _ask(endpoint: Endpoint, kind: str, *, timeout: float) -> Presented:
    if endpoint.proxy_protocol:
        return Presented(endpoint, problem="the openssl program, by which it is asked for, speaks no PROXY protocol")
    try:
        name = connection.server_name(endpoint)
    except ValueError as error:
        return Presented(endpoint, problem=connection.why(error, timeout=timeout))
    options = ("-cipher", "ALL:@SECLEVEL=0", "-sigalgs", _SIGNATURES[kind])
    presented = chain_by_openssl(endpoint, name, timeout=timeout, options=options)
    problem = "" if presented else f"the openssl program was shown no certificate with a key of this kind ({kind})"
    return Presented(endpoint, presented, problem)
