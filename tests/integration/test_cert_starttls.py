"""cert_expiry on real servers that begin TLS when asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import handshake
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint
from tests.lab import starttls as lab
from tests.lab.certificates import NOW_TEXT, Made, authority, make, tls_server
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port
from tests.lab.scripted import GO_AHEAD, scripted

READABLE = "certificate.readable"


@pytest.fixture(scope="module")
def chain() -> list[Made]:
    ca = authority()
    return [make(issuer=ca), ca]


@pytest.fixture(scope="module")
def ports(chain: list[Made]) -> Iterator[dict[str, int]]:
    """One real server for every protocol."""
    with (
        lab.postfix(chain) as mail,
        lab.dovecot(chain) as boxes,
        lab.vsftpd(chain) as ftp,
        lab.slapd(chain) as ldap,
        lab.mariadb(chain) as mysql,
        lab.postgres(chain) as postgres,
    ):
        yield {**mail, **boxes, "ftp": ftp, "ldap": ldap, "mysql": mysql, "postgres": postgres}


def asked(port: int, protocol: str, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "starttls": protocol, **more}


def look(*endpoints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return run_module("cert_expiry", {"endpoints": list(endpoints), "now": NOW_TEXT, **more})


REAL = ["smtp", "lmtp", "imap", "pop3", "ftp", "ldap", "postgres", "mysql"]


def test_every_server_shows_its_chain(chain: list[Made], ports: dict[str, int]) -> None:
    endpoints = [asked(ports[name], name, server_name="clinic.example") for name in REAL]
    result = look(*endpoints)
    assert findings_of(result, READABLE, status="unknown") == []
    (leaf,) = findings_of(result, "certificate.expiry")
    (issuer,) = findings_of(result, "certificate.chain_expiry")
    labels = [f"127.0.0.1:{ports[name]} ({name}, clinic.example)" for name in REAL]
    assert leaf["evidence"]["places"] == issuer["evidence"]["places"] == labels
    assert leaf["evidence"]["fingerprint"] == chain[0].fingerprint
    assert leaf["evidence"]["chain_not_after"] == "2029-08-17T12:00:00Z"
    assert {finding["status"] for finding in findings_of(result, "certificate.names")} == {"ok"}


@pytest.mark.parametrize("name", REAL)
def test_the_openssl_program_sees_the_same(
    chain: list[Made], ports: dict[str, int], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows the issuers where Python 3.9 does not."""
    monkeypatch.setattr(handshake, "_SHOWS_CHAIN", False)
    seen = handshake._presented
    monkeypatch.setattr(handshake, "_presented", lambda secured: seen(secured)[:1])
    (presented,) = handshake.fetch_all([Endpoint("127.0.0.1", ports[name], starttls=name)], timeout=5)
    assert list(presented.certificates) == [made.der for made in chain]


def test_an_expired_certificate_and_another_name(tmp_path: Path) -> None:
    expired = make("old.example", days=-3)
    with lab.dovecot([expired]) as boxes:
        result = look(asked(boxes["imap"], "imap", server_name="mail.example"))
    assert findings_of(result, "certificate.expiry")[0]["status"] == "critical"
    assert findings_of(result, "certificate.names")[0]["status"] == "critical"


def test_real_servers_that_do_not_begin_tls(chain: list[Made], ports: dict[str, int]) -> None:
    with (
        lab.dovecot(chain, ssl="no") as boxes,
        lab.vsftpd(chain, more="ssl_enable=NO\n") as ftp,
        lab.slapd(chain, tls=False) as ldap,
        lab.mariadb(chain, more=["--skip-ssl"]) as mysql,
        lab.postgres(chain, settings={"ssl": "off"}) as postgres,
    ):
        wanted = {
            (ports["plain"], "smtp"): "does not offer STARTTLS",
            (ports["closed"], "smtp"): "turned the connection away (554 5.7.1",
            (boxes["imap"], "imap"): "does not begin TLS (a1 BAD",
            (boxes["pop3"], "pop3"): "does not begin TLS (-ERR",
            (ftp, "ftp"): "does not begin TLS (530",
            (ldap, "ldap"): "does not begin TLS (protocol error, result code 2:",
            (mysql, "mysql"): "has TLS switched off",
            (postgres, "postgres"): "has TLS switched off (ssl = off)",
            (free_port(), "smtp"): "the connection was refused",
        }
        result = look(*(asked(*one) for one in wanted), asked(ports["smtp"], "smtp"))
    messages = {finding["subject"]: finding["message"] for finding in findings_of(result, READABLE, status="unknown")}
    assert len(messages) == len(wanted) == len(findings_of(result, READABLE))
    for (port, protocol), words in wanted.items():
        assert words in messages[f"127.0.0.1:{port} ({protocol})"], messages
    assert [one["status"] for one in findings_of(result, "certificate.expiry")] == ["ok"]


def test_the_wrong_protocol_is_said(tmp_path: Path, ports: dict[str, int]) -> None:
    with tls_server(tmp_path, [make()]) as https:
        wanted = {
            (https.port, "smtp"): "no answer within 1 seconds",
            (ports["ftp"], "smtp"): "",
            (ports["imap"], "pop3"): "no POP3 server, its greeting was: * OK",
            (ports["mysql"], "imap"): "no IMAP server",
            (ports["smtp"], "mysql"): "none of this protocol",
            (ports["imap"], "ldap"): "no LDAP server",
            (ports["smtp"], "postgres"): "no PostgreSQL server",
        }
        result = look(*(asked(*one) for one in wanted), timeout=1)
    messages = {finding["subject"]: finding["message"] for finding in findings_of(result, READABLE, status="unknown")}
    assert len(messages) == len(wanted)
    for (port, protocol), words in wanted.items():
        assert words in messages[f"127.0.0.1:{port} ({protocol})"], messages


@pytest.mark.parametrize("name", sorted(GO_AHEAD))
def test_what_no_real_server_does(name: str) -> None:
    """A go-ahead with no TLS behind it, garbage and silence: one finding each, and the module goes on."""
    first = name not in ("ldap", "postgres")
    with (
        scripted(*GO_AHEAD[name], b"this is no TLS\r\n", first=first) as lying,
        scripted(b"\x00\xff\x00\xff\r\n" * 10, first=first) as garbage,
        scripted(hangs=True) as silent,
    ):
        result = look(*(asked(port, name) for port in (lying, garbage, silent)), timeout=1)
    messages = [finding["message"] for finding in findings_of(result, READABLE, status="unknown")]
    assert len(messages) == len(result["findings"]) == 3
    assert "its answer is no TLS, check its port" in messages[0]
    assert "no answer within 1 seconds" in messages[2]


def test_the_port_of_the_protocol_is_the_default() -> None:
    result = look({"host": "no-such-host.invalid", "starttls": "pop3"}, {"host": "no-such-host.invalid"})
    subjects = [finding["subject"] for finding in findings_of(result, READABLE)]
    assert subjects == ["no-such-host.invalid:110 (pop3)", "no-such-host.invalid:443"]


def test_an_unknown_protocol_is_refused() -> None:
    result = look(asked(25, "gopher"))
    assert result["failed"] is True and "gopher" in result["msg"]
