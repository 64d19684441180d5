"""A certificate, its chain and its key: what may be given to a service and what not."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.careops.maintenance.plugins.module_utils.renewal import pair
from tests.lab.certificates import DAY, NOW, Made, authority, make

CA = authority()
LEAF = make("clinic.example", issuer=CA, names=["clinic.example", "*.clinic.example", "192.0.2.7"])


def read(made: Made = LEAF, *, key: bytes | None = None) -> pair.Pair:
    return pair.read(made.pem + CA.pem, key or made.key_pem)


def test_what_is_read() -> None:
    found = read()
    assert found.fingerprint == LEAF.fingerprint
    assert found.names == ["clinic.example", "*.clinic.example", "192.0.2.7"]
    assert found.issuers == [CA.der] and found.not_after == NOW + 60 * DAY
    assert pair.faults(found, expected=["clinic.example", "www.clinic.example", "192.0.2.7"], now=NOW) == []


def test_the_order_of_the_file_does_not_matter() -> None:
    mixed = pair.read(LEAF.key_pem + CA.pem + LEAF.pem, LEAF.key_pem + CA.pem + LEAF.pem)
    assert mixed.fingerprint == LEAF.fingerprint and pair.faults(mixed, expected=[], now=NOW) == []


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (b"", "there is no certificate"),
        (b"\0" * 300, "there is no certificate"),
        (LEAF.pem[:200], "was cut off"),
        (LEAF.key_pem, "there is no certificate"),
        (LEAF.pem.replace(b"MII", b"AAA", 1), "cannot be decoded"),
    ],
)
def test_what_cannot_be_read(certificate: bytes, why: str) -> None:
    with pytest.raises(pair.Unusable, match=why):
        pair.read(certificate, LEAF.key_pem)


@pytest.mark.parametrize(
    ("found", "expected", "fault"),
    [
        (read(), ["clinic.example", "other.example"], "it does not cover other.example"),
        (read(), ["a.b.clinic.example"], "it does not cover a.b.clinic.example"),
        (read(make("a.example", days=-1, issuer=CA)), [], "it expired on"),
        (read(make("a.example", start=NOW + DAY, end=NOW + 9 * DAY, issuer=CA)), [], "it is not valid before"),
        (
            read(key=make("x", key=ec.generate_private_key(ec.SECP256R1())).key_pem),
            [],
            "its private key belongs to another certificate",
        ),
        (read(key=b"nothing"), [], "there is no private key"),
        (read(key=LEAF.locked_key(b"secret of the lab")), [], "protected by a passphrase"),
    ],
)
def test_what_no_service_may_be_given(found: pair.Pair, expected: list[str], fault: str) -> None:
    (only,) = pair.faults(found, expected=expected, now=NOW)
    assert fault in only


def test_a_key_that_is_locked_is_not_a_broken_one() -> None:
    """Services may know its passphrase; a new certificate every day would help nobody."""
    assert pair.broken(read(key=LEAF.locked_key(b"secret of the lab"))) == ""
    assert pair.broken(read()) == ""


def test_the_last_second_is_valid() -> None:
    assert pair.faults(read(), expected=[], now=NOW + 60 * DAY) == []
    assert pair.faults(read(), expected=[], now=NOW + 60 * DAY + DAY / 86_400) != []
