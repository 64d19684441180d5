"""What stands in for a certificate that certbot cannot use."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.careops.maintenance.plugins.module_utils.renewal import pair
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.standin import stand_in
from tests.lab.certificates import NOW, make


def test_it_has_the_names_as_certificates_have_them() -> None:
    made = stand_in(["*.Clinic.example", "bücher.example", "192.0.2.7"], key=make().key_pem)
    held = x509.load_pem_x509_certificate(made.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert held.value.get_values_for_type(x509.DNSName) == ["*.clinic.example", "xn--bcher-kva.example"]
    assert held.value.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("192.0.2.7")]


def test_a_key_that_can_be_used_stays() -> None:
    key = make(key=ec.generate_private_key(ec.SECP256R1())).key_pem
    assert stand_in(["a.example"], key=key).key == key


@pytest.mark.parametrize("key", [b"", b"no key", make().locked_key(b"secret of the lab")])
def test_another_is_made_where_there_is_none(key: bytes) -> None:
    made = stand_in(["a.example"], key=key)
    assert made.key != key and pair.broken(pair.read(made.certificate, made.key)) == ""


def test_no_service_would_be_given_it() -> None:
    made = stand_in(["a.example"], key=b"")
    assert pair.faults(pair.read(made.certificate, made.key), expected=[], now=NOW) != []
