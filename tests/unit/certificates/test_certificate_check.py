"""The whole check on files, in this process."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import library
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.check import check
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.policy import Policy
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.sources import Source
from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding, build_result
from tests.lab.certificates import NOW, authority, make
from tests.lab.modules import hold_against_contract


def look(*paths: Path, **policy: Any) -> list[Finding]:
    outcome = check(Policy(sources=[Source(str(path)) for path in paths], **policy), now=NOW)
    hold_against_contract(build_result(outcome.findings, outcome.actions, details=outcome.details))
    return list(outcome.findings)


def mutated(der: bytes, chance: random.Random) -> bytes:
    """The certificate with something wrong in it: bits, lengths, pieces gone, doubled or appended."""
    data = bytearray(der)
    for _unused in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        kind = chance.randrange(5)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.randrange(256)
        elif kind == 2:
            del data[at : at + chance.randint(1, 20)]
        elif kind == 3:
            data[at:at] = data[at : at + chance.randint(1, 20)]
        else:
            data += bytes(chance.randrange(256) for _unused in range(chance.randint(1, 20)))
        if not data:
            data = bytearray(b"\x30")
    return bytes(data)


def wrapped(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("seed", range(4))
def test_a_broken_certificate_is_one_finding_or_readable(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    originals = [made.der for made in (authority(), make(), make("a.example", names=["*.a.example", "192.0.2.1"]))]
    good = make("good.example")
    for number in range(150):
        broken = mutated(chance.choice(originals), chance)
        (tmp_path / f"{number:03}.pem").write_bytes(wrapped(broken) + good.pem)
        (tmp_path / f"{number:03}-alone.pem").write_bytes(wrapped(broken))
    findings = look(tmp_path)
    told: dict[str, int] = {}
    for finding in findings:
        # A key or a signature of an unheard-of kind is told apart from that.
        if finding.status == "unknown" and finding.check != "certificate.strength":
            assert finding.check == "certificate.readable"
            told[finding.subject] = told.get(finding.subject, 0) + 1
    assert told and set(told.values()) == {1}
    places = {place for finding in findings for place in finding.evidence.get("places", ())}
    assert len(places | set(told)) == 300, "a file vanished"
    (seen,) = [one for one in findings if one.evidence.get("fingerprint") == good.fingerprint]
    assert len(seen.evidence["places"]) == 150


def test_the_same_whatever_the_number_of_processes(tmp_path: Path) -> None:
    ca = authority()
    for number in range(40):
        leaf = make(f"h{number}.example", issuer=ca, days=number - 5)
        (tmp_path / f"{number}.pem").write_bytes(leaf.pem + ca.pem)
        (tmp_path / f"copy-{number}.pem").write_bytes(leaf.pem)
    alone = look(tmp_path, workers=1)
    assert len(alone) == 43
    assert look(tmp_path, workers=3) == alone


def test_subjects_stay_apart_when_names_are_long(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 150) / ("y" * 150)
    folder.mkdir(parents=True)
    for number in range(2):
        (folder / f"{number}.pem").write_bytes(make(f"{number}.example").pem)
    findings = look(folder)
    assert {finding.subject for finding in findings[1:-1]} == {f"{folder}/0.pem", f"{folder}/1.pem"}


def test_a_certificate_without_a_common_name_goes_by_its_first_name(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(make("", names=["a.example"], issuer=authority()).pem)
    (tmp_path / "b.pem").write_bytes(make("", names=["192.0.2.1"], issuer=authority()).pem)
    messages = [finding.message for finding in look(tmp_path)[1:]]
    assert messages[0].startswith("a.example expires") and messages[1].startswith("192.0.2.1 expires")


def test_copies_are_counted_in_the_message(tmp_path: Path) -> None:
    made = make()
    for number in range(3):
        (tmp_path / f"{number}.pem").write_bytes(made.pem)
    assert look(tmp_path)[1].message.startswith("clinic.example (in 3 places) expires")


def test_a_copy_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and extensions cost twenty times the rest; a host has the same certificate at many places."""
    read: list[bytes] = []
    real = library.Reader.read

    def noting(reader: library.Reader, der: bytes) -> Any:
        read.append(der)
        return real(reader, der)

    monkeypatch.setattr(library.Reader, "read", noting)
    ca = authority()
    leaf = make(issuer=ca)
    for number in range(20):
        (tmp_path / f"{number}.pem").write_bytes(leaf.pem + ca.pem)
    look(tmp_path)
    assert sorted(read) == sorted([leaf.der, ca.der])
