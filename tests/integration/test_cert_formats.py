"""cert_expiry on everything that holds certificates besides plain PEM, made by openssl and keytool."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import content
from tests.lab.certificates import NOW_TEXT, Made, authority, make
from tests.lab.keystores import PASSWORD, keystore, openssl, pkcs12, secret_key, truststore
from tests.lab.modules import findings_of, run_module
from tests.lab.odd_certificates import kinds

EXPIRY, CHAIN, KEY, READABLE = (f"certificate.{name}" for name in ("expiry", "chain_expiry", "key_match", "readable"))
ENVIRONMENT = {**os.environ, "KEYSTORE_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def ca() -> Made:
    return authority(days=3)


@pytest.fixture(scope="module")
def leaf(ca: Made) -> Made:
    return make(issuer=ca, key=ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing in it but what the test puts there."""
    path = tmp_path / "certs"
    path.mkdir()
    return path


def look(*paths: Path, **options: Any) -> dict[str, Any]:
    return run_module("cert_expiry", {"paths": [str(path) for path in paths], "now": NOW_TEXT, **options})


def opened(path: Path, password: str | None = PASSWORD, **source: Any) -> dict[str, Any]:
    """Looks with a password of the source, handed over by environment."""
    if password is not None:
        source["password_env"] = "KEYSTORE_PASSWORD"
    options = {"sources": [{"path": str(path), **source}], "now": NOW_TEXT}
    return run_module("cert_expiry", options, env={**ENVIRONMENT, "KEYSTORE_PASSWORD": password or ""})


def seen(result: dict[str, Any]) -> set[str]:
    """Fingerprints of all certificates that were judged."""
    return {one["evidence"]["fingerprint"] for one in result["findings"] if one["check"] in (EXPIRY, CHAIN)}


def bad(result: dict[str, Any]) -> dict[str, str]:
    """By file name, why something could not be read."""
    found = findings_of(result, READABLE, status="unknown")
    assert len({one["subject"] for one in found}) == len(found), found
    return {os.path.basename(one["subject"]): one["message"] for one in found}


def key_status(result: dict[str, Any]) -> dict[str, str]:
    return {os.path.basename(one["subject"]): one["status"] for one in findings_of(result, KEY)}


# PEM, DER, PKCS#7


def test_pem_in_every_order_and_mixture(folder: Path, ca: Made, leaf: Made) -> None:
    trusted = openssl("x509", "-trustout", "-addtrust", "serverAuth", "-setalias", "portal", data=leaf.pem)
    assert b"TRUSTED CERTIFICATE" in trusted
    message = openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", data=leaf.pem + ca.pem)
    text = openssl("x509", "-text", data=leaf.pem)
    revoked = revocations(folder, ca)
    mixtures = {
        "authority-first": ca.pem + leaf.pem,
        "key-first": leaf.key_pem + leaf.pem + ca.pem,
        "trusted": trusted + ca.pem,
        "lists-between": revoked + leaf.pem + revoked + ca.pem,
        "message": message,
        "message-and-key": leaf.key_pem + message,
        "with-text": text + ca.pem,
        "windows": b"\xef\xbb\xbf" + (leaf.pem + ca.pem).replace(b"\n", b"\r\n"),
    }
    for name, data in mixtures.items():
        (folder / f"{name}.pem").write_bytes(data)
    result = look(*(folder / f"{name}.pem" for name in mixtures))
    assert seen(result) == {leaf.fingerprint, ca.fingerprint} and bad(result) == {}
    for check in (EXPIRY, CHAIN):
        (finding,) = findings_of(result, check)
        assert {os.path.basename(place)[:-4] for place in finding["evidence"]["places"]} == mixtures.keys()
    assert key_status(result) == {"key-first.pem": "ok", "message-and-key.pem": "ok"}


def revocations(folder: Path, ca: Made) -> bytes:
    """A revocation list of the authority, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    from tests.lab.certificates import DAY, NOW

    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.certificate.subject)
    made = builder.last_update(NOW).next_update(NOW + DAY).sign(ca.key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("name", ["clinic.cer", "clinic.der", "clinic.crt", "clinic.pem", "clinic"])
def test_der_whatever_its_name(folder: Path, leaf: Made, name: str) -> None:
    (folder / name).write_bytes(openssl("x509", "-outform", "DER", data=leaf.pem))
    for result in (look(folder / name), look(folder)):
        assert seen(result) == {leaf.fingerprint} and bad(result) == {}


@pytest.mark.parametrize("form", ["DER", "PEM"])
def test_pkcs7(folder: Path, ca: Made, leaf: Made, form: str) -> None:
    data = leaf.pem + ca.pem
    message = openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", form, data=data)
    (folder / "chain.p7b").write_bytes(message)
    for result in (look(folder / "chain.p7b"), look(folder)):
        assert seen(result) == {leaf.fingerprint, ca.fingerprint}
        assert bad(result) == {}


def test_pkcs7_of_open_length_and_around_a_signature(folder: Path, leaf: Made) -> None:
    """What signed mail carries: BER, in pieces, as programs write it that do not know the length before."""
    (folder / "leaf.pem").write_bytes(leaf.pem + leaf.key_pem)
    signed = openssl(
        "cms", "-sign", "-signer", folder / "leaf.pem", "-outform", "DER", "-stream", "-nodetach", data=b"Guten Tag"
    )
    assert signed[:2] == b"\x30\x80"
    (folder / "signed.p7m").write_bytes(signed)
    result = look(folder / "signed.p7m")
    assert seen(result) == {leaf.fingerprint} and bad(result) == {}


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
    assert key_status(result) == {"store": "ok" if kind == "JKS" else "unknown"}
    if kind == "JCEKS":
        assert "JCEKS" in findings_of(result, KEY)[0]["message"]


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


# Passwords and keys


def test_password_files(folder: Path, tmp_path: Path, leaf: Made) -> None:
    path = pkcs12(folder / "portal.p12", leaf)
    secret = tmp_path / "password"

    def status(content: bytes | None) -> dict[str, str]:
        secret.unlink(missing_ok=True)
        if content is not None:
            secret.write_bytes(content)
        result = look(sources=[{"path": str(path), "password_file": str(secret)}])
        assert PASSWORD not in str(result)
        return bad(result)

    assert (
        status(PASSWORD.encode()) == status(f"{PASSWORD}\n".encode()) == status(f"{PASSWORD}\r\nmore\n".encode()) == {}
    )
    assert "does not open it" in status(f"{PASSWORD} \n".encode())["portal.p12"]
    assert "no such file" in status(None)["password"]
    missing = run_module("cert_expiry", {"sources": [{"path": str(path), "password_env": "NOT_SET"}], "now": NOW_TEXT})
    assert "it is not set" in bad(missing)["The environment variable NOT_SET"]
    both = look(sources=[{"path": str(path), "password_env": "A", "password_file": "/b"}])
    assert both["failed"] and "mutually exclusive" in both["msg"]


def test_passwords_beyond_ascii(folder: Path, leaf: Made) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

    password = "Schlüssel€"
    data = serialize_key_and_certificates(
        b"portal", leaf.key, leaf.certificate, None, BestAvailableEncryption(password.encode())
    )
    (folder / "portal.p12").write_bytes(data)
    result = opened(folder / "portal.p12", password)
    assert bad(result) == {} and key_status(result) == {"portal.p12": "ok"}


def test_protected_keys_are_unlocked_with_the_same_password(folder: Path, leaf: Made) -> None:
    traditional = openssl(
        "ec", "-aes256", "-passout", "env:PASSWORD", data=leaf.key_pem
    )  # with its own headers, not PKCS#8
    stranger = make("stranger.example", key=ec.generate_private_key(ec.SECP256R1()))
    (folder / "modern.pem").write_bytes(leaf.locked_key(PASSWORD.encode()) + leaf.pem)
    (folder / "traditional.pem").write_bytes(traditional + leaf.pem)
    (folder / "open.pem").write_bytes(leaf.key_pem + leaf.pem)
    (folder / "stranger.pem").write_bytes(stranger.locked_key(PASSWORD.encode()) + leaf.pem)
    (folder / "other.pem").write_bytes(leaf.locked_key(b"another") + leaf.pem)
    result = opened(folder)
    assert key_status(result) == {
        "modern.pem": "ok",
        "traditional.pem": "ok",
        "open.pem": "ok",
        "stranger.pem": "critical",
        "other.pem": "unknown",
    }
    assert any("does not unlock" in one["message"] for one in findings_of(result, KEY))
    assert key_status(look(folder / "modern.pem")) == {"modern.pem": "unknown"}
    assert "set password_file" in findings_of(look(folder / "modern.pem"), KEY)[0]["message"]


def test_a_protected_key_that_asks_for_days_of_hashing_is_not_tried(folder: Path, leaf: Made) -> None:
    arguments = ["pkcs8", "-topk8", "-iter", "100000", "-passout", "env:PASSWORD", "-outform", "DER"]
    data = openssl(*arguments, data=leaf.key_pem)
    (folder / "key.der").write_bytes(data.replace(b"\x02\x03\x01\x86\xa0", b"\x02\x03\x7f\xff\xff"))
    (folder / "cert.pem").write_bytes(leaf.pem)
    result = opened(folder / "cert.pem", key=str(folder / "key.der"))
    assert "too many rounds" in findings_of(result, KEY)[0]["message"]


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()], ids=["ec", "ed25519"]
)
def test_a_named_key_in_every_form(folder: Path, key: Any) -> None:
    made = make(key=key)
    (folder / "cert.der").write_bytes(made.der)
    encodings = {
        "plain.der": openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=made.key_pem),
        "locked.der": openssl("pkcs8", "-topk8", "-passout", "env:PASSWORD", "-outform", "DER", data=made.key_pem),
        "locked.pem": made.locked_key(PASSWORD.encode()),
    }
    if isinstance(key, ec.EllipticCurvePrivateKey):
        encodings["sec1.der"] = openssl("ec", "-outform", "DER", data=made.key_pem)
    for name, data in encodings.items():
        (folder / name).write_bytes(data)
    pkcs12(folder / "key.p12", made)
    for name in [*encodings, "key.p12"]:
        result = opened(folder / "cert.der", key=str(folder / name))
        assert [one["status"] for one in findings_of(result, KEY)] == ["ok"], name
    (folder / "plain.der").write_bytes(
        openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=authority().key_pem)
    )
    assert key_status(opened(folder / "cert.der", key=str(folder / "plain.der"))) == {"cert.der": "critical"}


# What is none


def test_what_holds_no_certificate_stays_silent_in_a_folder_and_says_what_it_is_when_named(
    folder: Path, ca: Made, leaf: Made
) -> None:
    key = leaf.key_pem
    (folder / "key.pem").write_bytes(key)
    request = openssl("req", "-new", "-key", folder / "key.pem", "-subj", "/CN=clinic.example")
    others = {
        "key.pem": ("a private key", key),
        "key.der": ("a private key", openssl("ec", "-outform", "DER", data=key)),
        "key8.der": ("a private key", openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=key)),
        "rsa.der": ("a private key", rsa_key()),
        "locked.der": (
            "a private key",
            openssl("pkcs8", "-topk8", "-passout", "env:PASSWORD", "-outform", "DER", data=key),
        ),
        "public.pem": ("a public key", openssl("ec", "-pubout", data=key)),
        "public.der": ("a public key", openssl("ec", "-pubout", "-outform", "DER", data=key)),
        "request.pem": ("a certificate request", request),
        "request.der": ("a certificate request", openssl("req", "-outform", "DER", data=request)),
        "list.pem": ("a revocation list", revocations(folder, ca)),
        "list.der": ("a revocation list", openssl("crl", "-outform", "DER", data=revocations(folder, ca))),
        "noise.bin": ("", b"0\x82" + bytes(range(256)) * 400),
        "parameters.pem": ("", openssl("ecparam", "-name", "prime256v1")),
        "text.txt": ("", b"0000000000000000 zeros\n" * 5000),
        "archive.zip": ("", b"PK\x03\x04" + b"\0" * 100),
    }
    for name, (_what, data) in others.items():
        (folder / name).write_bytes(data)
    (folder / "cert.der").write_bytes(leaf.der)
    result = look(folder)
    assert seen(result) == {leaf.fingerprint} and bad(result) == {}
    assert findings_of(result, KEY) == []
    messages = bad(look(*(folder / name for name in others)))
    for name, (what, _data) in others.items():
        expected = f"it holds {what} but no certificate" if what else "it holds no certificate in any known form"
        assert expected in messages[name], name


def rsa_key() -> bytes:
    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def test_files_that_only_look_like_certificates_are_not_handed_to_the_library(folder: Path) -> None:
    """Thousands of them must cost next to nothing, and none may be reported."""
    for number in range(3000):
        data = b"0\x82" + number.to_bytes(2, "big") + os.urandom(200)
        (folder / f"{number}.bin").write_bytes(data)
    (folder / "cert.der").write_bytes(make().der)
    result = look(folder)
    assert bad(result) == {} and result["details"] == {
        "files": 3001, "endpoints": 0, "certificates": 1, "distinct": 1, "left_out": 0,
    }  # fmt: skip


def test_a_keystore_that_was_cut_off_in_a_folder_is_told(folder: Path, leaf: Made, ca: Made) -> None:
    whole = {
        "leaf.der": leaf.der,
        "chain.p7b": openssl(
            "crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER", data=leaf.pem + ca.pem
        ),
        "portal.p12": pkcs12(folder / "portal.p12", leaf, password=False).read_bytes(),
    }
    for name, data in whole.items():
        (folder / name).write_bytes(data[: len(data) // 2])
    result = look(folder)
    assert bad(result).keys() == whole.keys()
    assert seen(result) == set()


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
