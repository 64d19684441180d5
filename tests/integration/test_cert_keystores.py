"""cert_expiry on keystores as openssl and keytool make them: PKCS#12, JKS, JCEKS."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import content
from tests.lab.certificates import NOW_TEXT, Made, authority, make, tls_server
from tests.lab.keystores import PASSWORD, keystore, openssl, pkcs12, secret_key, truststore
from tests.lab.looks import CHAIN, ENVIRONMENT, EXPIRY, KEY, bad, key_status, look, opened, seen
from tests.lab.modules import findings_of, run_module
from tests.lab.odd_certificates import kinds

# PKCS#12


def test_pkcs12_with_a_chain_and_its_key(folder: Path, ca: Made, leaf: Made) -> None:
    path = pkcs12(folder / "portal.p12", leaf, ca)
    result = opened(path)
    assert seen(result) == {leaf.fingerprint, ca.fingerprint} and bad(result) == {}
    assert key_status(result) == {"portal.p12": "ok"}
    assert findings_of(result, CHAIN)[0]["status"] == "critical"


@pytest.mark.parametrize(
    "options",
    [
        ["-legacy"],
        ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
        ["-keypbe", "AES-128-CBC", "-certpbe", "NONE"],
        ["-macalg", "sha512", "-iter", "10000"],
    ],
    ids=" ".join,
)
def test_pkcs12_of_every_age(folder: Path, ca: Made, leaf: Made, options: list[str]) -> None:
    result = opened(pkcs12(folder / "old.p12", leaf, ca, options=options))
    assert seen(result) == {leaf.fingerprint, ca.fingerprint} and bad(result) == {}
    assert key_status(result) == {"old.p12": "ok"}


def test_a_cipher_that_the_library_no_longer_knows_is_told(folder: Path, ca: Made, leaf: Made) -> None:
    """Libraries are built, or told, to leave RC2 out; the rest is read all the same."""
    pkcs12(folder / "old.p12", leaf, ca, options=["-legacy"])
    pkcs12(folder / "new.p12", leaf)
    options = {"sources": [{"path": str(folder), "password_env": "KEYSTORE_PASSWORD"}], "now": NOW_TEXT}
    result = run_module("cert_expiry", options, env={**ENVIRONMENT, "CRYPTOGRAPHY_OPENSSL_NO_LEGACY": "1"})
    assert seen(result) == {leaf.fingerprint}
    assert "RC2" in bad(result)["old.p12"] and bad(result).keys() == {"old.p12"}


def test_pkcs12_without_a_password(folder: Path, ca: Made, leaf: Made) -> None:
    pkcs12(folder / "empty.p12", leaf, ca, password=False)
    pkcs12(folder / "trust.p12", None, ca, password=False)
    result = look(folder)
    assert seen(result) == {leaf.fingerprint, ca.fingerprint} and bad(result) == {}
    assert seen(opened(folder / "empty.p12")) == {leaf.fingerprint, ca.fingerprint}


def test_a_protected_pkcs12_says_what_to_set(folder: Path, leaf: Made) -> None:
    path = pkcs12(folder / "portal.pfx", leaf)
    for result in (look(path), look(folder), opened(path, password=None)):
        assert "set password_file or password_env" in bad(result)["portal.pfx"]
        assert result["summary"]["counts"]["unknown"] == len(result["findings"]) == 1
    wrong = opened(path, "wrong")
    assert "the password does not open it, or it is damaged" in bad(wrong)["portal.pfx"]
    path.write_bytes(path.read_bytes()[:-100])
    assert "is damaged (the data ends too early)" in bad(opened(path))["portal.pfx"]


def test_a_pkcs12_that_asks_for_days_of_hashing_is_not_tried(folder: Path, leaf: Made) -> None:
    path = pkcs12(folder / "portal.p12", leaf, options=["-iter", "100000"])
    rounds = (100_000).to_bytes(3, "big")
    data = path.read_bytes()
    assert data.count(b"\x02\x03" + rounds) == 3  # the certificate's, the key's and the digest's
    path.write_bytes(data.replace(b"\x02\x03" + rounds, b"\x02\x03\x7f\xff\xff"))
    assert "too many rounds" in bad(opened(path))["portal.p12"]


def test_pkcs12_by_keytool(folder: Path, ca: Made, leaf: Made) -> None:
    keystore(folder / "keys.p12", leaf, ca, kind="PKCS12")
    truststore(folder / "trust.p12", ca, kind="PKCS12")
    result = opened(folder)
    assert bad(result) == {}
    assert seen(result) == {leaf.fingerprint, ca.fingerprint}
    assert key_status(result) == {"keys.p12": "ok"}
    (only,) = findings_of(opened(folder / "trust.p12"), EXPIRY)
    assert only["evidence"]["fingerprint"] == ca.fingerprint


def test_every_key_of_a_pkcs12_file_is_looked_at(folder: Path, ca: Made, leaf: Made) -> None:
    """The library gives out one of them only."""
    others = [make(f"{number}.example", key=ec.generate_private_key(ec.SECP256R1())) for number in range(2)]
    path = keystore(folder / "keys.p12", leaf, ca, kind="PKCS12")
    for number, other in enumerate(others):
        keystore(path, other, kind="PKCS12", alias=f"other-{number}")
    held = content.contents(path.read_bytes(), password=PASSWORD.encode())
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert sorted(held.halves) == sorted(made.key.public_key().public_bytes(*form) for made in (leaf, *others))
    assert (held.problems, held.closed) == ([], "")
    assert key_status(opened(path)) == {"keys.p12": "ok"}


def test_certificates_that_a_pkcs12_file_does_not_hide(folder: Path, ca: Made, leaf: Made) -> None:
    path = pkcs12(folder / "open.p12", leaf, ca, options=["-certpbe", "NONE"])
    for result in (look(path), opened(path, "wrong")):
        assert seen(result) == {leaf.fingerprint, ca.fingerprint} and bad(result) == {}
        assert key_status(result) == {"open.p12": "unknown"}
    assert "set password_file" in findings_of(look(path), KEY)[0]["message"]
    assert key_status(opened(path)) == {"open.p12": "ok"}


# JKS and JCEKS


@pytest.mark.parametrize("kind", ["JKS", "JCEKS"])
def test_java_keystores(folder: Path, ca: Made, leaf: Made, kind: str) -> None:
    other = make("other.example", key=rsa.generate_private_key(65537, 2048))
    path = keystore(folder / "store", leaf, ca, kind=kind)
    keystore(path, other, kind=kind, alias="other")
    truststore(path, authority("Another CA"), kind=kind)
    without = look(path)
    assert {leaf.fingerprint, ca.fingerprint, other.fingerprint} < seen(without) and len(seen(without)) == 4
    assert bad(without) == {} and key_status(without) == {"store": "unknown"}
    assert "set password_file" in findings_of(without, KEY)[0]["message"]
    result = opened(path)
    assert seen(result) == seen(without) and bad(result) == {}
    assert key_status(result) == {"store": "ok"}
    assert key_status(opened(path, "wrong")) == {"store": "unknown"}


def test_one_certificate_in_every_form_is_one_finding(folder: Path, tmp_path: Path, leaf: Made) -> None:
    (folder / "a.pem").write_bytes(leaf.pem)
    (folder / "b.der").write_bytes(leaf.der)
    pkcs12(folder / "c.p12", leaf)
    keystore(folder / "d.jks", leaf)
    (tmp_path / "password").write_text(PASSWORD)
    with tls_server(tmp_path, [leaf]) as server:
        sources = [{"path": str(folder), "password_file": str(tmp_path / "password")}]
        result = look(sources=sources, endpoints=[server.endpoint()])
    assert bad(result) == {}
    (finding,) = findings_of(result, EXPIRY)
    places = [f"{folder}/{name}" for name in ("a.pem", "b.der", "c.p12", "d.jks")]
    assert finding["evidence"]["places"] == [*places, f"127.0.0.1:{server.port}"]
    assert finding["message"].startswith("clinic.example (in 5 places) expires")


@pytest.mark.parametrize("order", ["aes-first", "zz-last"])
def test_secret_keys_do_not_hide_certificates(folder: Path, ca: Made, leaf: Made, order: str) -> None:
    path = truststore(folder / "store.jceks", ca, kind="JCEKS")
    for number in range(3):
        secret_key(path, alias=f"{order}-{number}")
    keystore(path, leaf, kind="JCEKS")
    secret_key(path, alias="x")
    result = opened(path)
    assert seen(result) == {leaf.fingerprint, ca.fingerprint} and bad(result) == {}


def test_a_truststore_needs_no_password(folder: Path, ca: Made) -> None:
    path = truststore(folder / "cacerts", ca, authority("Another CA"))
    result = look(path)
    assert len(seen(result)) == 2 and bad(result) == {} and findings_of(result, KEY) == []


def test_a_wrong_password_and_damage_are_told_apart(folder: Path, leaf: Made) -> None:
    path = keystore(folder / "store.jks", leaf)
    data = path.read_bytes()
    wrong = opened(path, "wrong")
    assert "not that of the keystore, or the keystore is damaged" in bad(wrong)["store.jks"]
    assert seen(wrong) == {leaf.fingerprint}, "certificates are readable without the password"
    assert key_status(wrong) == {"store.jks": "unknown"}
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert "is damaged, since its digest" in bad(opened(path))["store.jks"]
    path.write_bytes(data[:200])
    assert "is damaged (entry 1 of 1: the file ends too early)" in bad(look(path))["store.jks"]
    path.write_bytes(data + b"\0" * 9)
    assert "more stands behind its last entry" in bad(look(path))["store.jks"]


def test_a_large_truststore_is_read_to_its_end(folder: Path) -> None:
    """More than a first glance shows."""
    key = rsa.generate_private_key(65537, 2048)
    many = [make(f"{number}.example", key=key) for number in range(120)]
    message = b"".join(made.pem for made in many)
    store = pkcs12(folder / "many.p12", None, *many)
    (folder / "many.p7b").write_bytes(
        openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER", data=message)
    )
    assert store.stat().st_size > 65536 < (folder / "many.p7b").stat().st_size
    for path in (store, folder / "many.p7b"):
        result = opened(path)
        assert seen(result) == {made.fingerprint for made in many}, path
        assert bad(result) == {}


def test_nothing_is_left_behind(folder: Path, tmp_path: Path, leaf: Made) -> None:
    """No temporary file with a key in it, and nothing changed."""
    pkcs12(folder / "portal.p12", leaf)
    keystore(folder / "store.jks", leaf)
    before = {path: path.stat()[stat.ST_MTIME] for path in folder.iterdir()}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = {"sources": [{"path": str(folder), "password_env": "KEYSTORE_PASSWORD"}], "now": NOW_TEXT}
    result = run_module("cert_expiry", options, env={**ENVIRONMENT, "TMPDIR": str(scratch)}, cwd=scratch)
    assert key_status(result) == {"portal.p12": "ok", "store.jks": "ok"}
    assert list(scratch.iterdir()) == [] and before == {path: path.stat()[stat.ST_MTIME] for path in folder.iterdir()}


# Other versions of the library


@pytest.mark.soak
@pytest.mark.parametrize("version", ["3.3.2", "38.0.4", "43.0.3"])  # Debian 11, 12 and 13
def test_every_version_of_cryptography_reads_alike(
    folder: Path, tmp_path: Path, leaf: Made, ca: Made, version: str
) -> None:
    for label, der in kinds():
        (folder / f"odd-{label}.der").write_bytes(der)
    (folder / "chain.p7b").write_bytes(
        openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER", data=leaf.pem + ca.pem)
    )
    pkcs12(folder / "modern.p12", leaf, ca)
    pkcs12(folder / "open.p12", leaf, ca, password=False)
    pkcs12(folder / "old.p12", leaf, ca, options=["-legacy"])
    pkcs12(folder / "trust.p12", None, ca)
    pkcs12(folder / "wrong.p12", leaf)
    (folder / "wrong.p12").write_bytes((folder / "wrong.p12").read_bytes()[:-9] + b"123456789")
    keystore(folder / "keytool.p12", leaf, ca, kind="PKCS12")
    keystore(folder / "store.jks", leaf, ca)
    keystore(folder / "store.jceks", leaf, ca, kind="JCEKS")
    (folder / "locked.pem").write_bytes(leaf.pem + leaf.locked_key(PASSWORD.encode()))
    libraries = tmp_path / "libraries"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--target", libraries, f"cryptography=={version}"], check=True
    )
    options = {"sources": [{"path": str(folder), "password_env": "KEYSTORE_PASSWORD"}], "now": NOW_TEXT}

    def judged(**how: Any) -> list[dict[str, Any]]:
        findings: list[dict[str, Any]] = run_module("cert_expiry", options, env=ENVIRONMENT, **how)["findings"]
        for one in findings:
            one.get("evidence", {}).pop("refused", None)  # what a version refuses is its own
        return findings

    newest = judged()
    assert bad({"findings": newest}).keys() == {"wrong.p12", "odd-date-none.der"}
    assert judged(cwd=libraries) == newest
