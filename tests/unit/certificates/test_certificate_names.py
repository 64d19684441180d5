"""Which names a certificate covers."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import names

# Alternative names (addresses after a bar), the name wanted, whether it is covered.
CASES = [
    ("clinic.example", "clinic.example", True),
    ("clinic.example", "CLINIC.Example", True),
    ("Clinic.EXAMPLE", "clinic.example", True),
    ("clinic.example", "clinic.example.", True),
    ("clinic.example.", "clinic.example", True),
    ("clinic.example", "www.clinic.example", False),
    ("clinic.example", "example", False),
    ("other.example clinic.example", "clinic.example", True),
    ("*.clinic.example", "www.clinic.example", True),
    ("*.clinic.example", "WWW.clinic.example", True),
    ("*.clinic.example", "clinic.example", False),
    ("*.clinic.example", "a.b.clinic.example", False),
    ("*.clinic.example", "*.clinic.example", True),
    ("www.clinic.example", "*.clinic.example", False),
    ("*.*.clinic.example", "a.b.clinic.example", False),
    ("w*.clinic.example", "www.clinic.example", False),
    ("*", "localhost", False),
    ("*.example", "xn--mnchen-3ya.example", True),
    ("xn--mnchen-3ya.example", "münchen.example", True),
    ("xn--mnchen-3ya.example", "MÜNCHEN.example", True),
    ("*.xn--mnchen-3ya.example", "www.münchen.example", True),
    ("*.xn--mnchen-3ya.example", "*.münchen.example", True),
    ("munchen.example", "münchen.example", False),
    ("|192.0.2.7", "192.0.2.7", True),
    ("|192.0.2.7", "192.0.2.8", False),
    ("192.0.2.7", "192.0.2.7", False),
    ("*.0.2.7", "192.0.2.7", False),
    ("|2001:db8::1", "2001:0DB8:0:0::1", True),
    ("|2001:db8::1", "[2001:db8::1]", True),
    ("", "clinic.example", False),
]


@pytest.mark.parametrize(
    ("held", "wanted", "covered"), CASES, ids=[f"{held} for {name}" for held, name, _unused in CASES]
)
def test_covers(held: str, wanted: str, covered: bool) -> None:
    dns, _unused, addresses = held.partition("|")
    assert names.covers(wanted, dns=dns.split(), addresses=addresses.split()) is covered


def test_without_the_idna_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_idna", None)
    assert names.ascii_name("Münch.example.") == "xn--mnch-0ra.example"
    assert names.ascii_name("*.münch.example") == "*.xn--mnch-0ra.example"


def test_missing_keeps_what_is_not_covered() -> None:
    wanted = ["a.example", "b.example", "192.0.2.1"]
    assert names.missing(wanted, dns=["b.example"], addresses=[]) == ["a.example", "192.0.2.1"]
