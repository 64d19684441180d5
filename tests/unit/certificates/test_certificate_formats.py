"""Files that are no PEM: told apart, taken apart, and damaged in any way."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import (
    content,
    der,
    distinguished,
    lineages,
    passwords,
    structure,
)
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.formats import (
    bags,
    jks,
    pkcs7,
    recognise,
    rounds,
)
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.sources import Source
from tests.lab import odd_certificates as odd
from tests.lab.certificates import make
from tests.lab.odd_certificates import COMMON, COUNTRY, OWN, attribute, common, element, kinds, name

LEAF, OTHER = make(), make("other.example")
_DATA = bytes.fromhex("06092a864886f70d010701")
PKCS7_SIGNED = bytes.fromhex("06092a864886f70d010702")


# JKS


def entry(tag: int, alias: str, body: bytes) -> bytes:
    return struct.pack("!IH", tag, len(alias)) + alias.encode() + struct.pack("!Q", 1_790_000_000_000) + body


def trusted(alias: str, der_form: bytes) -> bytes:
    return entry(2, alias, certificate(der_form))


def certificate(der_form: bytes) -> bytes:
    return b"\0\x05X.509" + struct.pack("!I", len(der_form)) + der_form


def private(alias: str, key: bytes, *chain: bytes) -> bytes:
    parts = [struct.pack("!I", len(key)), key, struct.pack("!I", len(chain)), *map(certificate, chain)]
    return entry(1, alias, b"".join(parts))


def store(*entries: bytes, magic: str = "feedfeed", password: str = "secret", count: int | None = None) -> bytes:
    number = len(entries) if count is None else count
    data = bytes.fromhex(magic) + struct.pack("!II", 2, number) + b"".join(entries)
    return data + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + data).digest()


def test_every_entry_of_a_keystore() -> None:
    data = store(trusted("a", OTHER.der), private("b", b"key", LEAF.der, OTHER.der))
    held = jks.read(data)
    assert held.certificates == [OTHER.der, LEAF.der, OTHER.der]
    assert (held.keys, held.problem) == ([b"key"], "")
    assert jks.contents(data, password=None).problems == jks.contents(data, password=b"secret").problems == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (store(trusted("a", LEAF.der))[:-30], "entry 1 of 1: the file ends too early"),
        (store(trusted("a", LEAF.der), count=2), "entry 2 of 2: the file ends too early"),
        (store(trusted("a", LEAF.der), trusted("b", OTHER.der), count=1), "more stands behind its last entry"),
        (store(entry(9, "a", b"")), "entry 1 of 1: it is of no known kind"),
        (store(entry(3, "a", b"")), "entry 1 of 1: it is of no known kind"),
        (store(trusted("a", LEAF.der)).replace(b"X.509", b"X.400"), "no X.509 certificate"),
        (bytes.fromhex("feedfeed00000007") + bytes(24), "its version is unknown"),
        (bytes.fromhex("feedfeed"), "its beginning: the file ends too early"),
        (store(trusted("a", LEAF.der), count=0xFFFFFFFF), "entry 2 of 4,294,967,295"),
    ],
)
def test_where_a_keystore_breaks_off(data: bytes, words: str) -> None:
    (problem,) = jks.contents(data, password=None).problems
    assert words in problem
    assert LEAF.der not in data or "X.400" in str(data) or jks.read(data).certificates[:1] in ([LEAF.der], [])


def test_secret_keys_between_certificates() -> None:
    secret = entry(3, "aes", b"\xac\xed\0\x05sr\0\0\0\x01\0\0\0\x02" + bytes(40))
    data = store(trusted("a", LEAF.der), secret, secret, trusted("z", OTHER.der), magic="cececece")
    assert jks.read(data) == jks.Keystore(False, [LEAF.der, OTHER.der], [], "")
    assert jks.read(store(secret, magic="cececece")).problem == ""


@pytest.mark.parametrize(
    ("password", "words"),
    [(None, None), (b"secret", None), (b"wrong", "not that of the keystore"), (b"\xff", "not that of the keystore")],
)
def test_the_password_of_a_keystore(password: bytes | None, words: str | None) -> None:
    problems = jks.contents(store(trusted("a", LEAF.der)), password=password).problems
    assert problems == [] if words is None else words in problems[0]


# Told apart


@pytest.mark.parametrize("label", dict(kinds()))
def test_a_certificate_is_known_by_its_beginning(label: str) -> None:
    der_form = dict(kinds())[label]
    for length in (len(der_form), 80):
        assert recognise.kind(der_form[:length]) == recognise.CERTIFICATE


@given(
    data=st.binary(max_size=300),
    lead=st.sampled_from([b"", b"0", b"0\x82\x01\x00", b"0\x80", b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"]),
)
def test_any_bytes_are_something_or_nothing(data: bytes, lead: bytes) -> None:
    whole = lead + data
    held = content.contents(whole, password=b"secret")
    assert held.certificates == [] or held.problems or whole.startswith(lead)
    assert isinstance(recognise.kind(whole), str)
    recognise.goes_on(whole, 1_000_000)


@pytest.mark.parametrize("read", [structure.validity, distinguished.words, pkcs7.certificates, der.definite])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_sentence(read: Callable[[bytes], object], data: bytes) -> None:
    try:
        read(data)
    except ValueError as error:
        assert str(error)


def test_an_empty_extension_is_none() -> None:
    der_form = odd.certificate(extensions=b"\x30\x00")
    with pytest.raises(ValueError, match="form of an extension"):
        structure.validity(der_form)


# PKCS#7, BER


def signed(*certificates: bytes, tag: int = 0xA0) -> bytes:
    inner = element(0x30, b"\x02\x01\x01", b"\x31\x00", b"\x30\x00", element(tag, *certificates), b"\x31\x00")
    return element(0x30, PKCS7_SIGNED, element(0xA0, inner))


def test_certificates_of_a_message() -> None:
    assert pkcs7.certificates(signed(LEAF.der, OTHER.der)) == [LEAF.der, OTHER.der]
    assert pkcs7.certificates(signed(tag=0xA1)) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (element(0x30, PKCS7_SIGNED[:-1] + b"\x03", element(0xA0, b"\x30\x00")), "carries no certificates"),
        (element(0x30, PKCS7_SIGNED), "has no content"),
        (element(0x30, PKCS7_SIGNED, element(0xA0, b"\x30\x00")), "form of a signed message"),
        (signed(LEAF.der)[:-5], "ends too early"),
    ],
)
def test_messages_without_certificates(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pkcs7.certificates(data)


@pytest.mark.parametrize(
    ("ber", "der_form"),
    [
        ("3080020101 0000", "3003020101"),
        ("3080 3080 0000 0000", "30023000"),
        ("2480 0402 6162 0401 63 0000", "0403616263"),
        ("30820003020101", "3003020101"),
        ("3003020101ffff", "3003020101"),
    ],
)
def test_open_lengths(ber: str, der_form: str) -> None:
    assert der.definite(bytes.fromhex(ber)).hex() == der_form


@pytest.mark.parametrize(
    ("ber", "words"),
    [
        ("3080020101", "too early"),
        ("30", "too early"),
        ("", "too early"),
        ("3005020101", "too early"),
        ("0480616200", "impossible length"),
        ("3080" * 5000, "too deeply"),
    ],
)
def test_lengths_that_lead_nowhere(ber: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        der.definite(bytes.fromhex(ber))


# PKCS#12


def pkcs12(*infos: bytes) -> bytes:
    """A file of these parts, as far as it is looked at without opening it."""
    safe = element(0x30, *infos)
    return element(0x30, b"\x02\x01\x03", element(0x30, _DATA, element(0xA0, element(4, safe))))


def plain(*bags_: bytes) -> bytes:
    return element(0x30, _DATA, element(0xA0, element(4, element(0x30, *bags_))))


def bag(number: int, content: bytes) -> bytes:
    return element(0x30, element(6, bytes.fromhex(f"2a864886f70d010c0a010{number}")), element(0xA0, content))


def test_what_a_pkcs12_file_shows() -> None:
    one = bag(3, element(0x30, element(6, bytes.fromhex("2a864886f70d01091601")), element(0xA0, element(4, LEAF.der))))
    hidden = element(0x30, element(6, bytes.fromhex("2a864886f70d010706")), element(0xA0, b"\x30\x00"))
    keys = [bag(2, b"\x30\x03\x02\x01\x00"), bag(1, b"\x30\x03\x02\x01\x01"), bag(4, b"\x30\x03\x02\x01\x02")]
    assert bags.read(pkcs12(plain(one), plain(*keys))) == (
        [b"\x30\x03\x02\x01\x00", b"\x30\x03\x02\x01\x01"],
        [LEAF.der],
        False,
    )
    assert bags.read(pkcs12(plain(one), hidden)) == ([], [LEAF.der], True)
    for data, problems in ((pkcs12(plain(one)), 0), (pkcs12(plain(one), hidden), 1)):
        held = content.contents(data)
        assert (held.certificates, len(held.problems)) == ([LEAF.der], problems)


# Rounds


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (element(0x30, element(4, b"salt"), b"\x02\x02\x08\x00"), 2048),
        (element(0x30, element(4, element(0x30, element(4, b"salt"), b"\x02\x03\x0f\x42\x40"))), 1_000_000),
        (element(0x30, b"\x02\x03\x7f\xff\xff", element(4, b"salt")), 0),
        (element(0x30, element(4, b"\x30\xff")), 0),
        (b"\x30\x82", 0),
    ],
)
def test_rounds_of_hashing(data: bytes, most: int) -> None:
    assert rounds.of(data) == most


# Names


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        (name(), ("", "")),
        (name(common("a.example")), ("CN=a.example", "a.example")),
        (name(attribute(COUNTRY, element(0x13, b"DE")), common("a")), ("CN=a,C=DE", "a")),
        (name(common('#a,b+c"d\\e<f>g;h=i ')), ('CN=\\#a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h=i\\ ', '#a,b+c"d\\e<f>g;h=i ')),
        (name(common("ü€", 0x1E, "utf-16-be")), ("CN=ü€", "ü€")),
        (name(common("ü", 0x14, "latin-1")), ("CN=ü", "ü")),
        (name(attribute(OWN, element(0x0C, b"x"))), ("1.3.6.1.4.1.9999.1=x", "")),
        (name(attribute(COMMON, b"\x03\x02\x00\x01")), ("CN=#03020001", "")),
        (element(0x30, element(0x31, common("a"), common("b"))), ("CN=a+CN=b", "a")),
    ],
)
def test_names_in_words(encoded: bytes, words: tuple[str, str]) -> None:
    assert distinguished.words(encoded) == words


@pytest.mark.parametrize(
    "value", [b"\x0c\x01\xff", b"\x1e\x01a", b"\x1c\x02ab", b"\x1e\x02\xd8\x00", b"\x02\x01\x05", b"\x03\x01\x63"]
)
def test_names_that_no_service_loads(value: bytes) -> None:
    with pytest.raises(ValueError, match="a name in it holds"):
        distinguished.words(name(attribute(COMMON, value)))


# Lineages and passwords


def test_lineages_are_known_by_their_links(tmp_path: Path) -> None:
    live, plain = tmp_path / "live" / "a", tmp_path / "plain"
    for folder in (live, plain, tmp_path / "renewal", tmp_path / "archive"):
        folder.mkdir(parents=True)
    for part in ("cert", "privkey"):
        (live / f"{part}.pem").symlink_to(f"../../archive/a/{part}1.pem")
        (plain / f"{part}.pem").touch()
    assert lineages.is_one(str(live)) and not lineages.is_one(str(plain))
    files = [f"{folder}/{part}.pem" for folder in (live, plain) for part in ("cert", "privkey")]
    assert lineages.keys(files) == {f"{live}/cert.pem": f"{live}/privkey.pem"}
    assert lineages.keys(files[1:]) == {}
    assert lineages.is_archive(str(tmp_path / "archive"))
    (tmp_path / "renewal").rmdir()
    assert not lineages.is_archive(str(tmp_path / "archive"))


def test_passwords_by_source(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"one\ntwo\n")
    sources = [
        Source("/a"),
        Source("/b", password_file=str(secret)),
        Source("/c", password_env="SET"),
        Source("/d", password_env="UNSET"),
        Source("/e", password_file=str(tmp_path / "missing")),
        Source("/f", password_env="EMPTY"),
    ]
    found, problems = passwords.read(sources, environment={"SET": "zwei", "EMPTY": ""})
    assert found == {1: b"one", 2: b"zwei", 5: b""}
    assert [(problem.place, problem.source) for problem in problems] == [
        ("The environment variable UNSET", 3),
        (str(tmp_path / "missing"), 4),
    ]
