"""The first message of a handshake, and what servers say to it: against Python's own TLS, and any bytes at all."""

from __future__ import annotations

import random
import ssl

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls import suites
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls.answer import (
    ACCEPTED,
    REFUSED,
    Answer,
    Garbage,
    understood,
)
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls.hello import client_hello
from tests.lab.certificates import make

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server that speaks everything that the local library can."""
    path = tmp_path_factory.mktemp("server") / "served.pem"
    path.write_bytes(make().key_pem + make().pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(path)
    return context


def answered(context: ssl.SSLContext, hello: bytes) -> bytes:
    """The bytes that a server with this context says to the hello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(hello)
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    with pytest.raises(ssl.SSLError):
        server.do_handshake()
    return outgoing.read()


def limited(context: ssl.SSLContext, *, least: str, most: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = VERSIONS[most]
    context.minimum_version = VERSIONS[least]
    return context


def codes(version: str) -> list[int]:
    return [suite.code for family in suites.usual(version) for suite in family]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.parametrize("offered", VERSIONS)
@pytest.mark.parametrize("spoken", VERSIONS)
def test_one_version_is_offered_alone(context: ssl.SSLContext, offered: str, spoken: str) -> None:
    limited(context, least=spoken, most=spoken)
    answer = understood(answered(context, client_hello(offered, codes(offered), server_name="clinic.example")))
    assert answer
    if offered == spoken or (spoken < offered and offered != "TLSv1.3"):
        assert (answer.kind, answer.version) == (ACCEPTED, spoken)
        assert answer.suite in codes(offered)
    else:
        assert answer == Answer(REFUSED, words="alert protocol version")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_another_group_may_be_asked_for(context: ssl.SSLContext) -> None:
    """A HelloRetryRequest is acceptance."""
    limited(context, least="TLSv1.3", most="TLSv1.3")
    context.set_ecdh_curve("secp384r1")
    answer = understood(answered(context, client_hello("TLSv1.3", codes("TLSv1.3"), server_name=None)))
    assert answer and (answer.kind, answer.version, answer.suite >> 8) == (ACCEPTED, "TLSv1.3", 0x13)


@pytest.mark.parametrize("version", suites.VERSIONS)
@pytest.mark.parametrize("name", [None, "clinic.example", "a" * 63 + ".example"])
@pytest.mark.parametrize("count", [1, 20, 60, 100, 110])
def test_its_lengths_add_up(version: str, name: str | None, count: int) -> None:
    if version == "SSLv3":  # has no extensions to fill it up with, and fewer suites
        count = min(count, 100)
    record = client_hello(version, range(count), server_name=name)
    assert record[0] == 22 and int.from_bytes(record[3:5], "big") == len(record) - 5
    message = record[5:]
    assert message[0] == 1 and int.from_bytes(message[1:4], "big") == len(message) - 4
    assert not 256 <= len(message) < 512, "some servers hang on that"
    at = 4 + 2 + 32
    at += 1 + message[at]
    at += 2 + int.from_bytes(message[at : at + 2], "big")
    at += 1 + message[at]
    if version == "SSLv3":
        assert at == len(message)
        return
    assert int.from_bytes(message[at : at + 2], "big") == len(message) - at - 2
    at += 2
    kinds = []
    while at < len(message):
        kinds.append(int.from_bytes(message[at : at + 2], "big"))
        at += 4 + int.from_bytes(message[at + 2 : at + 4], "big")
    assert at == len(message)
    assert len(kinds) == len(set(kinds))
    assert ((name or "").encode() in record) and (0 in kinds) == bool(name)


# What is said to it


def server_hello(version: int, suite: int, extensions: bytes = b"", *, session: bytes = b"") -> bytes:
    body = version.to_bytes(2, "big") + bytes(32) + bytes([len(session)]) + session + suite.to_bytes(2, "big") + b"\0"
    body += len(extensions).to_bytes(2, "big") + extensions if extensions else b""
    return record(22, b"\x02" + len(body).to_bytes(3, "big") + body)


def record(kind: int, content: bytes, *, version: bytes = b"\x03\x03") -> bytes:
    return bytes([kind]) + version + len(content).to_bytes(2, "big") + content


CHOSEN = b"\x00\x2b\x00\x02\x03\x04"


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (server_hello(0x0303, 0xC02F), Answer(ACCEPTED, "TLSv1.2", 0xC02F)),
        (server_hello(0x0300, 5), Answer(ACCEPTED, "SSLv3", 5)),
        (server_hello(0x0303, 0x1301, CHOSEN, session=bytes(32)), Answer(ACCEPTED, "TLSv1.3", 0x1301)),
        (server_hello(0x0303, 0x1301, b"\xff\x01\x00\x01\x00" + CHOSEN), Answer(ACCEPTED, "TLSv1.3", 0x1301)),
        (record(21, b"\x01\x70") + server_hello(0x0302, 0x2F), Answer(ACCEPTED, "TLSv1.1", 0x2F)),
        (server_hello(0x0301, 0x2F) + record(22, b"and more"), Answer(ACCEPTED, "TLSv1", 0x2F)),
        (record(21, b"\x02\x28"), Answer(REFUSED, words="alert handshake failure")),
        (record(21, b"\x02\x46", version=b"\x03\x00"), Answer(REFUSED, words="alert protocol version")),
        (record(21, b"\x01\x00"), Answer(REFUSED, words="alert close notify")),
        (record(21, b"\x02\xee"), Answer(REFUSED, words="alert 238")),
        (b"", None),
        (b"\x16", None),
        (b"\x16\x03\x03\x00\x50\x02", None),
    ],
)
def test_what_is_understood(data: bytes, answer: Answer | None) -> None:
    assert understood(data) == answer


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\x16\x02\x00\x00\x05abcde",
        b"\x17\x03\x03\x00\x02ab",
        record(22, b"\x0b\x00\x00\x01\x00"),
        record(22, b"\x02\xff\xff\xff"),
        record(22, b"\x02\x00\x00\x05abcde"),
        server_hello(0x0305, 5),
        server_hello(0x0303, 5, b"\x00\x2b\x00\x02\x7f\x1c"),
        record(22, b"\x02\x00\x00\x24" + b"\x03\x03" + bytes(32) + b"\xff\x00"),
        b"\x16\x03\x03\x00\x00",
        b"\x15\x03\x03\xff\xff",
    ],
)
def test_what_is_none_of_tls(data: bytes) -> None:
    with pytest.raises(Garbage):
        understood(data)


def test_it_waits_for_the_rest_however_it_is_cut(context: ssl.SSLContext) -> None:
    limited(context, least="TLSv1.2", most="TLSv1.3")
    for version in ("TLSv1.2", "TLSv1.3"):
        whole = answered(context, client_hello(version, codes(version), server_name=None))
        wanted = understood(whole)
        assert wanted and wanted.kind == ACCEPTED
        length = 5 + int.from_bytes(whole[3:5], "big")
        hello = 5 + 4 + int.from_bytes(whole[6:9], "big")
        for end in range(hello):
            assert understood(whole[:end]) is None, end
        for end in range(hello, len(whole)):
            assert understood(whole[:end]) == wanted
        # In pieces: a record for every ten bytes.
        message = whole[5:length]
        pieces = b"".join(record(22, message[at : at + 10]) for at in range(0, len(message), 10))
        assert understood(pieces) == wanted


@pytest.mark.parametrize("seed", range(6))
def test_any_bytes_are_survived(seed: int) -> None:
    """Each is an answer, a reason to wait, or garbage: never anything else."""
    chance = random.Random(seed)
    good = [
        server_hello(0x0303, 0x1301, b"\xff\x01\x00\x01\x00" + CHOSEN, session=bytes(32)),
        record(21, b"\x01\x70") + server_hello(0x0302, 0x2F),
        record(21, b"\x02\x28"),
    ]
    seen = set()
    for _unused in range(20_000):
        data = bytearray(chance.choice(good))
        for _change in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            if chance.random() < 0.7:
                data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            else:
                del data[at:]
                data += bytes(chance.randrange(256) for _byte in range(chance.randint(1, 9)))
        try:
            answer = understood(bytes(data))
        except Garbage as error:
            assert str(error).startswith("its answer")
            seen.add("garbage")
        else:
            assert answer is None or (answer.kind == ACCEPTED) == (answer.version in suites.VERSIONS)
            seen.add(answer.kind if answer else "wait")
    assert seen == {"garbage", "wait", ACCEPTED, REFUSED}
