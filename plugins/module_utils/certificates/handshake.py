# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates as TLS servers present them, valid or not: looked at first, judged apart from that."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

from ..errors import MaintenanceError
from ..runner import run
from . import connection, pem
from .endpoints import Endpoint, Presented

AT_ONCE = 32
_OLD_TOO = ("-cipher", "ALL:@SECLEVEL=0")

# Python 3.10 to 3.12 have it inside, 3.13 and newer in public.
_SHOWS_CHAIN = hasattr(getattr(ssl, "_ssl", None), "Certificate") or hasattr(ssl.SSLSocket, "get_unverified_chain")


def fetch_all(endpoints: Sequence[Endpoint], *, timeout: float) -> list[Presented]:
    """What each of the endpoints presents. timeout: seconds for each of connecting, STARTTLS and the handshake."""
    context = _context()  # costs 20 ms: one for all
    with ThreadPoolExecutor(min(AT_ONCE, len(endpoints))) as threads:
        return list(threads.map(lambda endpoint: _fetch(endpoint, context=context, timeout=timeout), endpoints))


def _context() -> ssl.SSLContext:
    """Speaks to every server, however old, and believes none: an expired certificate must be readable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    # OpenSSL 3 offers nothing older than TLS 1.2, and no small keys, above level 0.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
    return context


def _fetch(endpoint: Endpoint, *, context: ssl.SSLContext, timeout: float) -> Presented:
    begun, server_name = False, None
    try:
        server_name = connection.server_name(endpoint)
        plain = connection.opened(endpoint, timeout=timeout)
        begun = True
        with plain, context.wrap_socket(plain, server_hostname=server_name) as secured:
            presented = _presented(secured)
        if len(presented) == 1 and not _SHOWS_CHAIN:
            presented = chain_by_openssl(endpoint, server_name, timeout=timeout) or presented
        return Presented(endpoint, presented)
    except (OSError, ValueError) as error:
        # Until TLS 1.2, who lacks a certificate of its own is shown the server's, and turned away then.
        if isinstance(error, ssl.SSLError) and not endpoint.proxy_protocol:
            presented = chain_by_openssl(endpoint, server_name, timeout=timeout, options=_OLD_TOO)
            if presented:
                return Presented(endpoint, presented)
        dead = not begun or isinstance(error, socket.timeout)
        refused = isinstance(error, ConnectionRefusedError)
        return Presented(endpoint, problem=connection.why(error, timeout=timeout), dead=dead, refused=refused)


def chain_by_openssl(
    endpoint: Endpoint, server_name: Optional[str], *, timeout: float, options: Sequence[str] = ()
) -> list[bytes]:
    """What the openssl program, with these options more, is shown; nothing where it does not come through."""
    asked = ("-servername", server_name) if server_name else ("-noservername",)
    first = ("-starttls", endpoint.starttls) if endpoint.starttls else ()
    argv = (
        "openssl",
        "s_client",
        "-showcerts",
        "-connect",
        f"{endpoint.address}:{endpoint.port}",
        *asked,
        *first,
        *options,
    )
    try:
        return pem.contents(run(argv, stdin="", timeout=2 * timeout).stdout.encode()).certificates
    except MaintenanceError:
        return []


def _presented(secured: ssl.SSLSocket) -> list[bytes]:
    """The whole chain where this Python hands it out, else the server's own certificate. Raises ValueError."""
    inner: Any = secured if hasattr(secured, "get_unverified_chain") else getattr(secured, "_sslobj", None)
    if hasattr(inner, "get_unverified_chain"):
        chain = [_encoded(certificate) for certificate in inner.get_unverified_chain() or ()]
        if chain:
            return chain
    own = secured.getpeercert(binary_form=True)
    if not own:
        raise ValueError("the server presented no certificate")
    return [own]


def _encoded(certificate: Any) -> bytes:
    if isinstance(certificate, bytes):
        return certificate
    import _ssl  # its certificate objects know their encodings only by its number

    encoded: bytes = certificate.public_bytes(_ssl.ENCODING_DER)
    return encoded
