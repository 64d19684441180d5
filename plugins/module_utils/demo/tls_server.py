# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TLS endpoint of the demo estate: one port, a certificate by the name that the client asks for.

Runs as a process of its own from a copy of this file, so it imports nothing of the collection.
Usage: server.py CONFIGURATION, a JSON file {"port", "account": [uid, gid] | null, "sites": [{"hosts",
"certificate", "key"}]}; the first site answers clients that name none.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import ssl
import sys
import typing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANDSHAKE_SECONDS = 5


class Health(BaseHTTPRequestHandler):
    """Answers every request as a healthy service would."""

    def do_GET(self) -> None:
        body = json.dumps({"status": "healthy", "host": self.headers.get("Host", "")}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The log is kept for what went wrong."""


class Endpoint(ThreadingHTTPServer):
    """Does the handshake in the thread of the connection, so that a slow client holds nobody up."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", port), Health)
        self.context = context

    def finish_request(self, request: typing.Any, client_address: typing.Any) -> None:
        request.settimeout(HANDSHAKE_SECONDS)
        # Scanners look at the certificate and hang up: no reason to complain.
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error of this server."""


def context_of(site: dict[str, typing.Any]) -> ssl.SSLContext:
    """The site's certificate and key, for TLS 1.3 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(site["certificate"], site["key"])
    return context


def load(sites: list[dict[str, typing.Any]]) -> ssl.SSLContext:
    """A context that chooses by the name asked for. A site that cannot be served is left out, and logged."""
    by_host: dict[str, ssl.SSLContext] = {}
    first = None
    for site in sites:
        try:
            context = context_of(site)
        except (OSError, ssl.SSLError) as error:
            sys.stderr.write(f"{site['certificate']} cannot be served: {error}\n")
            continue
        first = first or context
        by_host.update(dict.fromkeys(site["hosts"], context))
    if first is None:
        raise SystemExit("no site can be served")

    def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        parent = "*." + (name or "").partition(".")[2]
        chosen = by_host.get(name or "") or by_host.get(parent)
        if chosen is not None:
            connection.context = chosen

    first.sni_callback = choose
    return first


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as stream:
        configuration = json.load(stream)
    server = Endpoint(configuration["port"], load(configuration["sites"]))
    # Python looks for it when the first name is asked for; without root it may be out of reach.
    importlib.import_module("encodings.idna")
    if configuration["account"]:
        # The keys are in memory now; nothing further needs root.
        uid, gid = configuration["account"]
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    server.serve_forever()


if __name__ == "__main__":
    main()
