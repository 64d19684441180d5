"""PEM files as they are in the field."""

from __future__ import annotations

import base64
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import der, library, pem
from tests.lab.certificates import Made, authority, make

CA = authority()
LEAF = make(issuer=CA)
OTHER = make("other.example", issuer=CA)


def revocation_list() -> bytes:
    """A real one, as it stands between certificates of some bundles."""
    day = datetime.datetime(2026, 11, 1)
    builder = x509.CertificateRevocationListBuilder().issuer_name(CA.certificate.subject)
    signed = builder.last_update(day).next_update(day + datetime.timedelta(days=30)).sign(CA.key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def trusted(made: Made) -> bytes:
    """As ``openssl x509 -trustout`` writes it: the certificate, and OpenSSL's notes on its trust behind it."""
    notes = bytes.fromhex("300c300a06082b06010505070301")
    body = base64.encodebytes(made.der + notes)
    return b"-----BEGIN TRUSTED CERTIFICATE-----\n" + body + b"-----END TRUSTED CERTIFICATE-----\n"


def old_key() -> bytes:
    """A key with headers, in the form of OpenSSL before 1.0."""
    pem_key: bytes = LEAF.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"secret"),
    )
    return pem_key


ARRANGEMENTS = {
    "one": (LEAF.pem, [LEAF], 0),
    "leaf first": (LEAF.pem + CA.pem, [LEAF, CA], 0),
    "authority first": (CA.pem + LEAF.pem, [CA, LEAF], 0),
    "key first": (LEAF.key_pem + LEAF.pem + CA.pem, [LEAF, CA], 1),
    "key between": (LEAF.pem + LEAF.key_pem + CA.pem, [LEAF, CA], 1),
    "old key with headers first": (old_key() + LEAF.pem, [LEAF], 1),
    "revocation list between": (LEAF.pem + revocation_list() + CA.pem, [LEAF, CA], 0),
    "trusted": (trusted(LEAF) + CA.pem, [LEAF, CA], 0),
    "old label": (LEAF.pem.replace(b" CERT", b" X509 CERT"), [LEAF], 0),
    "text around": (b"subject=clinic\n  Issuer: x\n" + LEAF.pem + b"--- and -----\n" + CA.pem, [LEAF, CA], 0),
    "Windows line ends": ((LEAF.pem + CA.pem).replace(b"\n", b"\r\n"), [LEAF, CA], 0),
    "no final line end": (LEAF.pem.rstrip() + b"\n" + CA.pem.rstrip(), [LEAF, CA], 0),
    "one long line": (
        b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(LEAF.der) + b"\n-----END CERTIFICATE-----",
        [LEAF],
        0,
    ),
    "parameters of the curve": (
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + LEAF.key_pem + LEAF.pem,
        [LEAF],
        1,
    ),
    "a label in the middle of a line": (b"sed '/-----BEGIN CERTIFICATE-----/d'\n", [], 0),
    "nothing": (b"", [], 0),
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_every_certificate_is_found(name: str) -> None:
    data, expected, keys = ARRANGEMENTS[name]
    contents = pem.contents(data)
    assert contents.certificates == [made.der for made in expected]
    assert len(contents.keys) == keys
    assert contents.problems == []


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


BROKEN = {
    "cut off": (cut(LEAF.pem), []),
    "cut off before another": (cut(LEAF.pem) + b"\n" + CA.pem, [CA]),
    "cut off behind another": (CA.pem + cut(LEAF.pem), [CA]),
    "not base64": (b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n" + CA.pem, [CA]),
    "empty": (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + CA.pem, [CA]),
    "wrong end": (LEAF.pem.replace(b"END CERT", b"END TRUSTED CERT") + CA.pem, [CA]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_told_and_hides_nothing(name: str) -> None:
    data, expected = BROKEN[name]
    contents = pem.contents(data)
    assert contents.certificates == [made.der for made in expected]
    assert len(contents.problems) == 1


@pytest.mark.parametrize(
    "made", [CA, LEAF, make(serial=1), make(serial=1 << 158), make("x" * 64, names=["a.example"] * 40)]
)
def test_the_outline_is_what_cryptography_reads(made: Made) -> None:
    parts = der.outline(made.der)
    assert parts.serial == made.certificate.serial_number
    assert parts.issuer == made.certificate.issuer.public_bytes()
    assert parts.subject == made.certificate.subject.public_bytes()


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x80", b"\x30\x82\x01", b"\x30\x85\x01\x01\x01\x01\x01", b"\x30\x05\x02"]
)
def test_what_is_no_der_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        der.first(data)


def test_dates_in_utc_and_to_the_second() -> None:
    made = make(days=10, lifetime=20)
    not_before, not_after = library.validity(made.der)
    assert not_after - not_before == 20 * 86_400
    assert not_after == int(made.certificate.not_valid_after_utc.timestamp())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\\nlines"),
        ("\udcff.pem", "\\xff.pem"),
        ("\x1b[31m", "\\x1b[31m"),
        ("ü", "ü"),
    ],
)
def test_names_fit_into_a_message(text: str, shown: str) -> None:
    assert library.one_line(text) == shown
    assert len(library.one_line("x" * 5000)) == 200


@pytest.mark.parametrize("change", [(b"M", b"=M"), (b"M", b"!M"), (b"\n-----END", b"\nAAAA\n-----END")])
def test_what_servers_would_not_load_is_not_read(change: tuple[bytes, bytes]) -> None:
    begin, rest = LEAF.pem.split(b"\n", 1)
    found = pem.contents(begin + b"\n" + rest.replace(*change, 1))
    assert found.certificates == [] and len(found.problems) == 1
