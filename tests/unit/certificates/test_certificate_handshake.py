"""How endpoints are asked for their certificates."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import handshake
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint
from tests.lab.certificates import authority, listening, make, serve_tls, tls_server
from tests.lab.postgres import free_port


@pytest.mark.parametrize("shows_chain", [True, False])
@pytest.mark.parametrize("asked", [None, "other.example"])
def test_the_chain_is_seen_with_every_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows_chain: bool, asked: str | None
) -> None:
    """Python 3.9 hands out the first certificate only; the openssl program shows the others."""
    ca = authority()
    chains = {None: [make(issuer=ca), ca], "other.example": [make("other.example", issuer=ca), ca]}
    if not shows_chain:
        monkeypatch.setattr(handshake, "_SHOWS_CHAIN", False)
        seen = handshake._presented
        monkeypatch.setattr(handshake, "_presented", lambda secured: seen(secured)[:1])
    with tls_server(tmp_path, chains[None], by_name={"other.example": chains["other.example"]}) as server:
        endpoint = Endpoint(host="127.0.0.1", port=server.port, server_name=asked)
        (presented,) = handshake.fetch_all([endpoint], timeout=5)
    assert presented.problem == ""
    assert list(presented.certificates) == [made.der for made in chains[asked]]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_a_server_of_old_versions_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: ssl.TLSVersion
) -> None:
    """It is not refused, whatever this host's own defaults are; and without the openssl program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    made = make()
    (tmp_path / "own.pem").write_bytes(made.key_pem + made.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = version, version
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(tmp_path / "own.pem")
    with listening() as listener:
        threading.Thread(target=serve_tls, args=(listener, context), daemon=True).start()
        (presented,) = handshake.fetch_all([Endpoint("127.0.0.1", listener.getsockname()[1])], timeout=5)
    assert (presented.problem, list(presented.certificates)) == ("", [made.der])


def test_the_next_address_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may have an address (of IPv6, for instance) at which nothing answers."""
    made = make()
    with tls_server(tmp_path, [made]) as server:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (free_port(), server.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_asked, **_more: found)
        (presented,) = handshake.fetch_all([Endpoint("clinic.example")], timeout=5)
    assert (presented.problem, list(presented.certificates)) == ("", [made.der])


def test_without_the_openssl_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert handshake.chain_by_openssl(Endpoint(host="127.0.0.1"), None, timeout=1) == []


@pytest.mark.parametrize(
    ("endpoint", "label", "expected"),
    [
        (Endpoint("clinic.example"), "clinic.example:443", ["clinic.example"]),
        (Endpoint("192.0.2.1", 8443), "192.0.2.1:8443", []),
        (Endpoint("2001:db8::1"), "[2001:db8::1]:443", []),
        (Endpoint("192.0.2.1", server_name="a.example"), "192.0.2.1:443 (a.example)", ["a.example"]),
        (Endpoint("a.example", server_name="a.example"), "a.example:443", ["a.example"]),
        (Endpoint("a.example", names=[]), "a.example:443", []),
        (Endpoint("a.example", names=["b.example"]), "a.example:443", ["b.example"]),
    ],
)
def test_what_is_expected_of_an_endpoint(endpoint: Endpoint, label: str, expected: list[str]) -> None:
    assert endpoint.label == label
    assert endpoint.expected() == expected
