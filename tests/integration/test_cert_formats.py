"""cert_expiry on PEM in every mixture, DER and PKCS#7, with keys in every form, and on what holds no certificate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.careops.maintenance.plugins.modules import cert_expiry
from tests.lab.certificates import NOW_TEXT, Made, authority, make
from tests.lab.keystores import PASSWORD, openssl, pkcs12
from tests.lab.looks import CHAIN, EXPIRY, KEY, bad, key_status, look, opened, seen
from tests.lab.modules import ROOT, findings_of, run_module

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
    # A task's environment stands on a command line: nobody may be sent there.
    assert "use password_file" in bad(missing)["The environment variable NOT_SET"]
    both = look(sources=[{"path": str(path), "password_env": "A", "password_file": "/b"}])
    assert both["failed"] and "mutually exclusive" in both["msg"]


def test_each_source_has_its_own_password(folder: Path, tmp_path: Path, leaf: Made) -> None:
    sources = []
    for name, password in (("a.p12", PASSWORD), ("b.p12", "another")):
        (tmp_path / name).write_text(password)
        sources.append({"path": str(pkcs12(folder / name, leaf)), "password_file": str(tmp_path / name)})
    for order in (sources, sources[::-1]):
        assert bad(look(sources=order)).keys() == {"b.p12"}


def test_a_playbook_shows_no_password_and_no_key(folder: Path, tmp_path: Path, leaf: Made) -> None:
    path = pkcs12(folder / "portal.p12", leaf)
    (tmp_path / "password").write_text(PASSWORD)
    options = {"sources": [{"path": str(path), "password_file": str(tmp_path / "password")}], "now": NOW_TEXT}
    tasks = [{"careops.maintenance.cert_expiry": options}]
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-vvvv", "--diff", str(tmp_path / "play.json")]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert leaf.fingerprint in done.stdout
    key = "".join(leaf.key_pem.decode().splitlines()[1:-1])
    for secret in (PASSWORD, "PRIVATE KEY", key[20:60]):
        assert secret not in done.stdout + done.stderr
    # What a task is given by environment stands on a command line, with no_log as well.
    examples = yaml.safe_load(cert_expiry.EXAMPLES)
    assert not [task for task in examples if "environment" in task]


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
