"""The judgement of keys and signatures, as a table; and identifiers that are broken."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import algorithms, der
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.algorithms import Key
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.strength import (
    Minimum,
    key_fault,
    signature_fault,
)


@pytest.mark.parametrize(
    ("key", "status", "threshold"),
    [
        (Key("RSA", 2048, "RSA 2048", 65537), None, None),
        (Key("RSA", 2047, "RSA 2047", 65537), "critical", 2048),
        (Key("RSA-PSS", 1024, "RSA-PSS 1024", 65537), "critical", 2048),
        (Key("RSA", 4096, "RSA 4096", 3), None, None),
        (Key("RSA", 4096, "RSA 4096", 1), "critical", None),
        (Key("RSA", 4096, "RSA 4096", 65536), "critical", None),
        (Key("EC", 256, "EC P-256"), None, None),
        (Key("EC", 224, "EC P-224"), "critical", 256),
        (Key("Ed25519", 256, "Ed25519"), None, None),
        (Key("ML-DSA-65", 0, "ML-DSA-65"), None, None),
        (Key("DSA", 3072, "DSA 3072"), "critical", None),
        (Key("", 0, "1.2.3"), "unknown", None),
    ],
)
def test_keys(key: Key, status: str | None, threshold: int | None) -> None:
    fault = key_fault(key, Minimum())
    assert (fault and fault.status, fault and fault.threshold) == (status, threshold)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("sha256WithRSAEncryption", None),
        ("sha224WithRSAEncryption", None),
        ("ecdsa-with-SHA384", None),
        ("RSASSA-PSS-SHA256", None),
        ("ED25519", None),
        ("RSA-SHA3-256", None),
        ("md2WithRSAEncryption", "critical"),
        ("md5WithRSAEncryption", "critical"),
        ("sha1WithRSAEncryption", "critical"),
        ("ecdsa-with-SHA1", "critical"),
        ("dsa-with-SHA1", "critical"),
        ("RSASSA-PSS-SHA1", "critical"),
        ("RSASSA-PSS-MD5", "critical"),
        ("1.2.3.4", "unknown"),
    ],
)
def test_signatures(name: str, status: str | None) -> None:
    fault = signature_fault(name)
    assert (fault and fault.status) == status


@pytest.mark.parametrize("parameters", ["300b06092a864886f70d01010a", "300d06092a864886f70d01010a3000"])
def test_pss_without_a_hash_is_with_sha1(parameters: str) -> None:
    # RFC 4055, 3.1: what is left out has its default.
    assert algorithms.signature(bytes.fromhex(parameters)) == "RSASSA-PSS-SHA1"


@pytest.mark.parametrize(
    ("content", "number"),
    [
        ("2a864886f70d01010b", "1.2.840.113549.1.1.11"),
        ("2b6570", "1.3.101.112"),
        ("8837", "2.999"),
        ("00", "0.0"),
    ],
)
def test_object_identifiers(content: str, number: str) -> None:
    assert der.dotted(bytes.fromhex(content)) == number


@pytest.mark.parametrize("content", ["", "2b80", "8088", "2a8001"])
def test_what_is_no_object_identifier(content: str) -> None:
    with pytest.raises(ValueError, match="encoded wrongly"):
        der.dotted(bytes.fromhex(content))


@pytest.mark.parametrize("look", [algorithms.key, algorithms.signature])
@given(data=st.binary(max_size=80))
def test_whatever_stands_there_is_read_or_refused(look: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(ValueError, IndexError):
        look(data)
