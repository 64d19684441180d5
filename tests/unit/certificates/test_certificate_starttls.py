"""What is spoken before TLS: read to the byte, bounded, and every refusal told in a sentence of its own."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Sequence

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import connection
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import (
    STARTTLS_PORTS,
    Endpoint,
    endpoint,
)
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.starttls import Refused, upgrade
from tests.lab.scripted import (
    CLIENT_FIRST,
    GO_AHEAD,
    connected,
    ldap_answer,
    mysql_error,
    mysql_greeting,
    mysql_packet,
    scripted,
)

PROTOCOLS = sorted(GO_AHEAD)
# What may stand behind the go-ahead is none of our business.
BEHIND = b"\x16\x03\x03 this is for TLS \r\n"


def test_every_protocol_is_tried() -> None:
    assert sorted(STARTTLS_PORTS) == PROTOCOLS


@pytest.mark.parametrize("pause", [0.0, 0.0005])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_stops_at_the_go_ahead(protocol: str, pause: float) -> None:
    *before, last = GO_AHEAD[protocol]
    first = protocol not in CLIENT_FIRST
    with scripted(*before, last + BEHIND, first=first, pause=pause) as port, connected(port) as plain:
        upgrade(plain, protocol, timeout=5)
        plain.settimeout(5)
        assert read(plain) == BEHIND


def read(plain: socket.socket) -> bytes:
    plain.shutdown(socket.SHUT_WR)
    got = b""
    while True:
        try:
            more = plain.recv(4096)
        except ConnectionError:
            return got
        if not more:
            return got
        got += more


SMTP = GO_AHEAD["smtp"]
FAULTS: list[tuple[str, Sequence[bytes], str]] = [
    ("smtp", [b"554 5.7.1 no service for you\r\n"], "turned the connection away (554 5.7.1 no service for you)"),
    ("smtp", [b"554-no\r\n554 come back never\r\n"], "turned the connection away (554 come back never)"),
    ("smtp", [b"421 busy\r\n"], "turned the connection away (421 busy)"),
    ("smtp", [b"* OK IMAP4 here\r\n"], "no SMTP server, its greeting was: * OK IMAP4 here"),
    ("smtp", [b"\x15\x03\x01\x00\x02\x02\x16\r\n"], "no SMTP server"),
    ("smtp", [b"\r\n"], "no SMTP server, its greeting was: nothing"),
    ("smtp", [SMTP[0], b"502 5.5.2 what?\r\n"], "refused to talk (502 5.5.2 what?)"),
    ("smtp", [SMTP[0], b"250-mail\r\n250 SIZE\r\n"], "does not offer STARTTLS"),
    ("smtp", [SMTP[0], b"250-mail\r\n250 XSTARTTLS\r\n"], "does not offer STARTTLS"),
    ("smtp", [SMTP[0], SMTP[1], b"454 4.7.0 no TLS today\r\n"], "does not begin TLS (454 4.7.0 no TLS today)"),
    ("smtp", [SMTP[0], SMTP[1]], "closed the connection before TLS began"),
    ("smtp", [b"220 mail"], "closed the connection before TLS began"),
    ("smtp", [b"220-mail\r\n" * 500], "talks on and on"),
    ("smtp", [b"220 " + b"x" * 100_000], "a line without an end"),
    ("lmtp", [GO_AHEAD["lmtp"][0], b"250 mail\r\n"], "LMTP server does not offer STARTTLS"),
    ("ftp", [b"530 go away\r\n"], "turned the connection away (530 go away)"),
    ("ftp", [b"120 in ten minutes\r\n"], "turned the connection away (120 in ten minutes)"),
    ("ftp", [b"220 files\r\n", b"530 Please login with USER and PASS.\r\n"], "does not begin TLS (530 Please login"),
    ("ftp", [b"220-files\r\n220"], "closed the connection before TLS began"),
    ("imap", [b"* BYE overloaded\r\n"], "turned the connection away (* BYE overloaded)"),
    ("imap", [b"* PREAUTH hello root\r\n"], "logged in already"),
    ("imap", [b"+OK pop\r\n"], "no IMAP server"),
    ("imap", [b"* OK hello\r\n", b"a1 BAD no such command\r\n"], "does not begin TLS (a1 BAD no such command)"),
    ("imap", [b"* OK hello\r\n", b"* BYE out\r\n" * 500], "talks on and on"),
    ("pop3", [b"-ERR locked\r\n"], "turned the connection away (-ERR locked)"),
    ("pop3", [b"+OK hello\r\n", b"-ERR what\r\n"], "does not begin TLS (-ERR what)"),
    (
        "ldap",
        [ldap_answer(2, "unsupported extended operation")],
        "(protocol error, result code 2: unsupported",
    ),
    ("ldap", [ldap_answer(52, "no TLS", long_form=True)], "(unavailable, result code 52: no TLS)"),
    ("ldap", [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "no LDAP server"),
    ("ldap", [b"\x30\x03\x02\x01\x01"], "answer cannot be understood"),
    ("ldap", [b"\x30\x05\x02\x84\xff\xff\xff"], "answer cannot be understood"),
    ("ldap", [b"\x30\x84\xff\xff\xff\xff"], "announces a message of 4,294,967,295 bytes"),
    ("ldap", [b"\x30\x80"], "answer cannot be understood"),
    ("ldap", [b"\x30\x40\x02"], "closed the connection before TLS began"),
    ("postgres", [b"N"], "TLS switched off (ssl = off)"),
    ("postgres", [b"EFATAL"], "turned the connection away"),
    ("postgres", [b"H"], "no PostgreSQL server"),
    ("postgres", [b""], "closed the connection before TLS began"),
    ("mysql", [mysql_greeting(capabilities=0xF7FE)], "TLS switched off"),
    ("mysql", [mysql_error(b"Host 'a' is blocked")], "turned the connection away (Host 'a' is blocked)"),
    ("mysql", [mysql_packet(b"\x0a8.0.36\0cut")], "greeting is cut off"),
    ("mysql", [mysql_packet(b"\x0a8.0.36")], "no MySQL server"),
    ("mysql", [mysql_packet(b"")], "no MySQL server"),
    ("mysql", [b"SSH-2.0-OpenSSH_9.2\r\n"], "which is none of this protocol"),
    ("mysql", [b"\xff\0\0\0short"], "closed the connection before TLS began"),
]


@pytest.mark.parametrize(("protocol", "answers", "words"), FAULTS, ids=[f"{one[0]}-{one[2]}" for one in FAULTS])
def test_a_refusal_says_what_happened(protocol: str, answers: Sequence[bytes], words: str) -> None:
    with scripted(*answers, first=protocol not in CLIENT_FIRST) as port, connected(port) as plain:
        with pytest.raises(Refused) as refusal:
            upgrade(plain, protocol, timeout=5)
        assert words in str(refusal.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_silence_is_told(protocol: str) -> None:
    with scripted(hangs=True) as port:
        started = time.monotonic()
        assert outcome(port, protocol, timeout=0.2) == "no answer within 0.2 seconds"
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("protocol", sorted({*PROTOCOLS} - {"postgres"}))
def test_a_byte_now_and_then_wins_no_time(protocol: str) -> None:
    with scripted(GO_AHEAD[protocol][0], pause=0.1, first=protocol not in CLIENT_FIRST) as port:
        started = time.monotonic()
        assert outcome(port, protocol, timeout=0.4) == "no answer within 0.4 seconds"
        assert time.monotonic() - started < 2


def outcome(port: int, protocol: str, *, timeout: float) -> str:
    """Why TLS could not begin; nothing where it could."""
    try:
        connection.opened(Endpoint("127.0.0.1", port, starttls=protocol), timeout=timeout).close()
    except (OSError, ValueError) as error:
        return connection.why(error, timeout=timeout)
    return ""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_any_bytes_are_a_refusal_or_a_go_ahead(protocol: str) -> None:
    chance = random.Random(protocol)
    seen = set()
    for _unused in range(40):
        answers = [mutated(part, chance) for part in GO_AHEAD[protocol]]
        with scripted(*answers, first=protocol not in CLIENT_FIRST) as port:
            seen.add(outcome(port, protocol, timeout=0.1))
    assert len(seen) > 1


def mutated(text: bytes, chance: random.Random) -> bytes:
    data = bytearray(text)
    for _unused in range(chance.randint(0, 3)):
        at = chance.randrange(len(data))
        if chance.random() < 0.5:
            data[at] = chance.randrange(256)
        else:
            del data[at:]
            data += bytes(chance.randrange(256) for _byte in range(chance.randint(1, 30)))
    return bytes(data)


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"starttls": "smtp"}, "mail.example:25 (smtp)"),
        ({"starttls": "mysql"}, "mail.example:3306 (mysql)"),
        ({"starttls": "smtp", "port": 587}, "mail.example:587 (smtp)"),
        ({"starttls": "imap", "server_name": "other.example"}, "mail.example:143 (imap, other.example)"),
        ({"starttls": None}, "mail.example:443"),
        ({"port": 0}, "mail.example:0"),
        ({}, "mail.example:443"),
    ],
)
def test_ports_and_labels(options: dict[str, object], label: str) -> None:
    assert endpoint(host="mail.example", **options).label == label  # type: ignore[arg-type]
