"""The table of cipher suites, held against what others know of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls import suites

# Kept by the package testssl.sh, which is among those of the tests.
TESTSSL = Path("/etc/testssl/cipher-mapping.txt")


def rows(text: str) -> dict[int, list[str]]:
    """From ``0x13,0x02 - NAME ...`` to the words behind the number."""
    found = re.findall(r"^ *0x(..),0x(..) - (.*)$", text, flags=re.MULTILINE)
    return {int(high + low, 16): rest.split() for high, low, rest in found}


def test_the_names_are_those_of_openssl() -> None:
    argv = ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    known = rows(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    assert len(known) > 100
    for code, (iana, _dash, openssl, *_rest) in known.items():
        suite = suites.every()[code]
        # Written in the style of ARIA alone, and never part of a usual server.
        assert suite.iana == iana and (suite.openssl == openssl or "ARIA" in iana), (suite, openssl)


@pytest.mark.skipif(not TESTSSL.exists(), reason="the package testssl.sh is not installed")
def test_no_suite_that_testssl_knows_is_lacking() -> None:
    # Suites of an experiment that ended, those that say nothing, and numbers that nobody gave a name.
    known = {code: words for code, words in rows(TESTSSL.read_text()).items() if code and words[1] != "-"}
    lacking = {code for code, words in known.items() if code not in suites.every() and "CECPQ1" not in words[1]}
    assert lacking <= {0xFFE0, 0xFFE1}  # the same as FEFE and FEFF
    for code in known.keys() & suites.every().keys():
        openssl, iana = known[code][:2]
        suite = suites.every()[code]
        assert suite.iana == iana
        if suite.openssl and not openssl.startswith("EDH-"):  # so until OpenSSL 1.0
            assert suite.openssl == openssl


def test_every_name_and_number_is_there_once() -> None:
    everything = suites.every()
    assert len(everything) == 368
    assert len({suite.iana for suite in everything.values()}) == 368
    named = [suite.openssl for suite in everything.values() if suite.openssl]
    assert len(named) == len(set(named)) > 190


@pytest.mark.parametrize(
    ("name", "versions"),
    [
        ("TLS_RSA_WITH_RC4_128_SHA", ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"]),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ["TLSv1.2"]),
        ("TLS_RSA_WITH_AES_128_CCM", ["TLSv1.2"]),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ["TLSv1.2"]),
        ("TLS_AES_128_GCM_SHA256", ["TLSv1.3"]),
        ("TLS_SM4_GCM_SM3", ["TLSv1.3"]),
    ],
)
def test_versions_have_their_suites(name: str, versions: list[str]) -> None:
    assert [
        version for version in suites.VERSIONS if name in {suite.iana for suite in suites.of_version(version)}
    ] == versions


@pytest.mark.parametrize("version", suites.VERSIONS)
def test_the_usual_suites_fit_into_one_message(version: str) -> None:
    """And have one for every kind of certificate that a server may have."""
    usual = {suite.name for family in suites.usual(version) for suite in family}
    assert 0 < len(usual) <= 128
    if version != "TLSv1.3":
        wanted = {"AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "DES-CBC3-SHA", "RC4-MD5", "NULL-SHA"}
        assert wanted | {"ADH-AES128-SHA", "EXP-RC4-MD5", "DHE-DSS-AES128-SHA", "ECDHE-RSA-NULL-SHA"} <= usual


@pytest.mark.parametrize("version", suites.VERSIONS)
def test_every_suite_is_in_one_family(version: str) -> None:
    parts = [suite for family in suites.families(version) for suite in family]
    assert sorted(parts) == sorted(suites.of_version(version))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("ECDHE-RSA-AES128-SHA", 0), ("RC4-SHA", 1), ("EXP-RC4-MD5", 1), ("EXP-EDH-RSA-DES-CBC-SHA", 2)),
        *(("AECDH-RC4-SHA", 3), ("RSA-PSK-AES128-CBC-SHA", 4), ("ECDHE-PSK-RC4-SHA", 4), ("SRP-AES-128-CBC-SHA", 5)),
        *(("ECDH-RSA-AES128-SHA", 5), ("DH-RSA-AES128-SHA", 5), ("TLS_KRB5_WITH_RC4_128_SHA", 5)),
    ],
)
def test_key_exchanges_are_kept_apart(name: str, number: int) -> None:
    assert name in {suite.name for suite in suites.families("TLSv1")[number]}


def test_patterns() -> None:
    allowed = suites.matcher(["TLS_AES_*", "ecdhe-*-gcm-*", "TLS_RSA_WITH_RC4_128_SHA"])
    names = {suite.name for suite in suites.every().values() if allowed(suite)}
    assert {"TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "RC4-SHA"} <= names
    assert not names & {"ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256", "TLS_CHACHA20_POLY1305_SHA256"}
    assert not any(map(suites.matcher([]), suites.every().values()))
    assert suites.meaningless(["TLS_AES_*", "AES128-SHA", "AES129-SHA", "*", "", "HIGH"]) == ["AES129-SHA", "", "HIGH"]
