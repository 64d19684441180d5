"""What stands before pebble: it hands requests on, and plays an ACME server that has troubles or makes mistakes.

front.go_down(), front.come_back()   connections are refused, pebble keeps its accounts
front.silent = True                  takes requests and never answers, until it is False again
front.refusals["newOrder"] = Refusal(429, "rateLimited", "too many certificates")   an ACME error instead of an answer
front.window = (start, end)          from now on it offers renewal information (RFC 9773); front.asked: for which
front.forge = {"names": [...]}       what is issued has other names; start and end give other dates. Signed by pebble's
                                     own intermediate for the key that was asked for: all but that is right.
front.when_issued = world.nginx.break_configuration   what happens right before a new certificate is handed out

Debian 12's certbot ends with "AttributeError: can't set attribute" at an ACME error that refuses an order: the reason
stands in its log alone.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.lab.postgres import free_port

HOST = "127.0.0.1"
RENEWAL_INFO = "/draft-ietf-acme-ari/renewalInfo"


@dataclass(frozen=True)
class Refusal:
    """An ACME problem document (RFC 8555 section 6.7). kind: rateLimited, unauthorized, serverInternal, ..."""

    status: int
    kind: str
    detail: str


@dataclass
class Front:
    """The server and how it is to behave, see above. seen: method and path of every request."""

    acme: int
    management: int
    context: ssl.SSLContext
    port: int
    silent: bool = False
    refusals: dict[str, Refusal] = field(default_factory=dict)
    window: tuple[datetime.datetime, datetime.datetime] | None = None
    retry_after: int = 21600
    forge: dict[str, Any] = field(default_factory=dict)
    when_issued: Callable[[], None] | None = None
    asked: list[str] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    server: ThreadingHTTPServer | None = None

    @property
    def directory(self) -> str:
        """What certbot gets as --server."""
        return f"https://{HOST}:{self.port}/dir"

    def come_back(self) -> None:
        """Listens, on the port that it had."""
        server = _Server((HOST, self.port), type("Handler", (_Handler,), {"front": self}))
        # The handshake in the thread of the connection, not in the one that accepts.
        server.socket = self.context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def go_down(self) -> None:
        """Connections are refused from now on."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def issuing(self, what: str) -> bytes:
        """PEM of pebble's own: roots, intermediates, or their keys (root-keys, intermediate-keys)."""
        status, _headers, content = _ask(self.management, "GET", f"/{what}/0", {}, b"")
        assert status == 200, content
        return content

    def forged(self, chain: bytes) -> bytes:
        """The chain with another leaf for the same key."""
        leaf, issuer = x509.load_pem_x509_certificates(chain)[:2]
        key: Any = serialization.load_pem_private_key(self.issuing("intermediate-keys"), None)
        names = self.forge.get("names") or leaf.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .public_key(leaf.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.forge.get("start") or leaf.not_valid_before_utc)
            .not_valid_after(self.forge.get("end") or leaf.not_valid_after_utc)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
        )
        for extension in leaf.extensions:
            if not isinstance(extension.value, x509.SubjectAlternativeName):
                made = made.add_extension(extension.value, critical=extension.critical)
        signed = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return signed + b"".join(
            above.public_bytes(serialization.Encoding.PEM) for above in x509.load_pem_x509_certificates(chain)[1:]
        )


class _Handler(BaseHTTPRequestHandler):
    front: Front

    def do_GET(self) -> None:
        front = self.front
        front.seen.append((self.command, self.path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        while front.silent and not front.ended.wait(0.05):
            time.sleep(0)
        if self.path.startswith(f"{RENEWAL_INFO}/") and front.window:
            self._renewal_info()
            return
        refusal = self._refusal()
        if refusal:
            self._say(
                refusal.status,
                {"Content-Type": "application/problem+json", "Retry-After": "3600"},
                _json(type=f"urn:ietf:params:acme:error:{refusal.kind}", detail=refusal.detail, status=refusal.status),
            )
            return
        status, headers, content = _ask(front.acme, self.command, self.path, dict(self.headers.items()), body)
        if self.path == "/dir" and front.window:
            renewal_info = f"https://{HOST}:{front.port}{RENEWAL_INFO}"
            content = _json(**{**json.loads(content), "renewalInfo": renewal_info})
        if headers.get("Content-Type", "").startswith("application/pem-certificate-chain"):
            if front.when_issued:
                front.when_issued()
            content = front.forged(content) if front.forge else content
        self._say(status, headers, content)

    do_POST = do_HEAD = do_GET

    def _refusal(self) -> Refusal | None:
        """By the names that the directory gives resources; pebble has paths of its own for them."""
        if not self.front.refusals or self.path == "/dir":
            return None
        directory = json.loads(_ask(self.front.acme, "GET", "/dir", {}, b"")[2])
        wanted = {name for name, url in directory.items() if isinstance(url, str) and url.endswith(self.path)}
        return next((refusal for name, refusal in self.front.refusals.items() if name in wanted), None)

    def _renewal_info(self) -> None:
        assert self.front.window is not None
        self.front.asked.append(self.path.rpartition("/")[2])
        start, end = (moment.astimezone(datetime.timezone.utc).isoformat() for moment in self.front.window)
        headers = {"Content-Type": "application/json", "Retry-After": str(self.front.retry_after)}
        self._say(200, headers, _json(suggestedWindow={"start": start, "end": end}))

    def _say(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):
                self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away, or that do not trust it, are what the tests are about."""


def _ask(port: int, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Pebble's answer. It makes its addresses of the Host that it is asked for, so that they lead back to us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(HOST, port, timeout=30, context=context)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def _json(**content: Any) -> bytes:
    return json.dumps(content).encode()


@contextlib.contextmanager
def front(*, acme: int, management: int, certificate: Path, key: Path) -> Iterator[Front]:
    """Stands before a pebble with these ports, with the certificate for its own HTTPS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    made = Front(acme, management, context, port=free_port())
    made.come_back()
    try:
        yield made
    finally:
        made.ended.set()
        made.go_down()
