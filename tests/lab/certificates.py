"""Real certificates and TLS servers for tests: made in memory, each as told."""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

# Tests judge by this moment, never by the wall clock.
NOW = datetime.datetime(2026, 11, 21, 12, 0, 0, tzinfo=datetime.timezone.utc)
NOW_TEXT = NOW.isoformat()
DAY = datetime.timedelta(days=1)


@functools.cache
def shared_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """A key for whom it does not matter which."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.locked_key(None)

    def locked_key(self, passphrase: bytes | None) -> bytes:
        """The key in PEM, protected by the passphrase if there is one."""
        lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        pem: bytes = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        return pem

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def make(
    name: str = "clinic.example",
    *,
    days: float = 60.0,
    lifetime: float = 90.0,
    issuer: Made | None = None,
    issuer_name: str | None = None,
    names: Sequence[str] | None = None,
    authority: bool = False,
    key: Any = None,
    serial: int | None = None,
    start: datetime.datetime | None = None,
    end: datetime.datetime | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
) -> Made:
    """A certificate that has ``days`` of its ``lifetime`` (days) left at NOW.

    names: subject alternative names, the name itself where not given. start, end: instead of the days.
    """
    key = key or shared_key()
    end = end or NOW + days * DAY
    start = start or end - lifetime * DAY
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    above = issuer.certificate.subject if issuer else subject
    if issuer_name:
        above = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    wanted = [name] if names is None and not authority else list(names or ())
    if wanted:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in wanted]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = issuer.key if issuer else key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Made(builder.sign(signer, digest), key)


def _general(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def bundle(path: Path, *parts: Made) -> Path:
    """The file, with these certificates."""
    path.write_bytes(b"".join(part.pem for part in parts))
    return path


def authority(name: str = "Lab CA", *, days: float = 1000.0, lifetime: float = 3650.0, **more: Any) -> Made:
    """A certificate authority with a key of its own."""
    more.setdefault("key", ec.generate_private_key(ec.SECP256R1()))
    return make(name, days=days, lifetime=lifetime, authority=True, **more)


@dataclass
class TlsServer:
    """A listening TLS server. It presents by SNI where a name has a chain of its own."""

    port: int

    def endpoint(self, **more: Any) -> dict[str, Any]:
        """Module options for it."""
        return {"host": "127.0.0.1", "port": self.port, **more}


@contextlib.contextmanager
def tls_server(
    folder: Path,
    chain: Sequence[Made],
    *,
    by_name: Mapping[str, Sequence[Made]] | None = None,
    maximum: ssl.TLSVersion | None = None,
) -> Iterator[TlsServer]:
    """Serves the chain (its first certificate with its key) over TLS on a free port of the loopback."""
    context = _server_context(folder, chain, "default")
    if maximum:
        context.maximum_version = maximum
    others = {name: _server_context(folder, made, name) for name, made in (by_name or {}).items()}

    def choose(connection: ssl.SSLSocket, name: str | None, _unused: ssl.SSLContext) -> None:
        if name in others:
            connection.context = others[name]

    context.sni_callback = choose  # type: ignore[assignment]
    with listening() as listener:
        threading.Thread(target=serve_tls, args=(listener, context), daemon=True).start()
        yield TlsServer(listener.getsockname()[1])


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket that listens on a free port of the loopback, and answers nothing by itself."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        try:
            yield listener
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _server_context(folder: Path, chain: Sequence[Made], label: str) -> ssl.SSLContext:
    path = folder / f"served-{label}.pem"
    path.write_bytes(chain[0].key_pem + b"".join(made.pem for made in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def serve_tls(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Answers whoever connects, until the socket is closed."""
    while True:
        try:
            connection, _unused = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, context), daemon=True).start()


def _answer(connection: socket.socket, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secured:
        secured.settimeout(5)
        secured.recv(1)
