"""cert_expiry on damaged and odd certificates: it reads what OpenSSL reads, and says of the rest that it cannot."""

from __future__ import annotations

import binascii
import datetime
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab.certificates import NOW_TEXT, authority, make
from tests.lab.keystores import PASSWORD, keystore, openssl, pkcs12, secret_key
from tests.lab.libcrypto import Name, Seen, name_of, read_der, read_pem
from tests.lab.modules import findings_of, run_module
from tests.lab.mutants import mutants
from tests.lab.odd_certificates import kinds

EXPIRY, CHAIN, READABLE = (f"certificate.{name}" for name in ("expiry", "chain_expiry", "readable"))
KINDS = dict(kinds())
SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
}
CODES = {
    0x0C: "utf-8",
    0x12: "latin-1",
    0x13: "latin-1",
    0x14: "latin-1",
    0x16: "latin-1",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


def judged(
    folder: Path, files: Mapping[str, bytes], *, named: bool = True, **source: Any
) -> dict[str, list[dict[str, Any]]]:
    """By file, what was found: dates, and what could not be read."""
    folder.mkdir(exist_ok=True)
    for label, data in files.items():
        (folder / label).write_bytes(data)
    sources = (
        [{"path": str(folder / label), **source} for label in files] if named else [{"path": str(folder), **source}]
    )
    options = {"sources": sources, "now": NOW_TEXT, "healthy_findings": 100_000, "workers": 1}
    result = run_module("cert_expiry", options, env={"KEYSTORE_PASSWORD": PASSWORD, "PATH": "/usr/bin:/bin"})
    assert "findings" in result, result
    found: dict[str, list[dict[str, Any]]] = {label: [] for label in files}
    for one in [
        *findings_of(result, EXPIRY),
        *findings_of(result, CHAIN),
        *findings_of(result, READABLE, status="unknown"),
    ]:
        for place in one.get("evidence", {}).get("places") or [one["subject"]]:
            found[Path(place).name].append(one)
    return found


def seen_by_us(finding: dict[str, Any]) -> tuple[Any, ...]:
    evidence = finding["evidence"]
    moments = (
        datetime.datetime.fromisoformat(evidence[end].replace("Z", "+00:00")) for end in ("not_before", "not_after")
    )
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    seconds = tuple((moment - epoch) // datetime.timedelta(seconds=1) for moment in moments)
    return (*seconds, int(evidence["serial"], 16), evidence["subject"], evidence["issuer"])


def in_words(seen: Seen) -> tuple[Any, ...]:
    return (seen.not_before, seen.not_after, seen.serial, text_of(seen.subject), text_of(seen.issuer))


def text_of(name: Name) -> str:
    """What RFC 4514 makes of it, as one line that is short enough to show."""
    whole = ",".join("+".join(attribute_text(*pair) for pair in sorted_pairs) for sorted_pairs in reversed(name))
    shown = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in whole)
    return shown if len(shown) <= 200 else shown[:199] + "…"


def attribute_text(kind: str, value: bytes) -> str:
    label = SHORT.get(kind, kind)
    if value[0] not in CODES:
        return f"{label}=#{value.hex()}"
    size = 2 + (value[1] & 0x7F if value[1] & 0x80 else 0)
    text = value[size:].decode(CODES[value[0]])
    escaped = "".join(
        "\\00" if letter == "\0" else f"\\{letter}" if letter in '\\"+,;<>' else letter for letter in text
    )
    if text[:1] in ("#", " "):
        escaped = "\\" + escaped
    if len(text) > 1 and text[-1] == " ":
        escaped = escaped[:-1] + "\\ "
    return f"{label}={escaped}"


def hold(
    found: Mapping[str, Sequence[dict[str, Any]]], expected: Mapping[str, Seen | None], data: Mapping[str, bytes]
) -> None:
    """Everything that OpenSSL reads is read alike; everything else is one thing that could not be read."""
    wrong: list[Any] = []
    for label, seen in expected.items():
        findings = found[label]
        checks = [one["check"] for one in findings]
        if seen is None or seen.not_before is None or seen.not_after is None:
            if checks != [READABLE] or not findings[0]["message"].partition("could not be read: ")[2].strip(" ."):
                wrong.append((label, "OpenSSL does not read it", findings, data[label].hex()))
        elif checks != [EXPIRY]:
            wrong.append((label, "OpenSSL reads it", findings, data[label].hex()))
        elif seen_by_us(findings[0]) != in_words(seen):
            wrong.append((label, in_words(seen), seen_by_us(findings[0]), data[label].hex()))
    assert not wrong, f"{len(wrong)} of {len(expected)}, the first of them: {wrong[:3]}"


def armoured(der: bytes) -> bytes:
    lines = binascii.b2a_base64(der, newline=False)
    body = b"\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"


# As they are


def test_the_program_and_the_library_behind_it_see_the_same() -> None:
    """What all others are held against is what ``openssl x509`` prints."""
    for label, der in KINDS.items():
        if label == "serial-longest":
            continue  # it is printed over several lines
        seen = read_der(der)
        arguments = ["-noout", "-serial", "-subject", "-issuer", "-nameopt", "oid,dump_all,dump_der,sep_comma_plus"]
        done = subprocess.run(
            ["openssl", "x509", "-inform", "DER", *arguments], input=der, capture_output=True, check=False
        )
        if seen is None:
            assert done.returncode != 0, label
            continue
        printed = {line.partition("=")[0]: line.partition("=")[2] for line in done.stdout.decode().splitlines()}
        assert int(printed["serial"], 16) == seen.serial, label
        assert (name_of(printed["subject"]), name_of(printed["issuer"])) == (seen.subject, seen.issuer), label


def test_every_odd_kind_is_read(tmp_path: Path) -> None:
    expected = {label: read_der(der) for label, der in KINDS.items()}
    assert [label for label, seen in expected.items() if seen is None or seen.not_after is None] == ["date-none"]
    hold(judged(tmp_path / "der", KINDS), expected, KINDS)
    files = {label: armoured(der) for label, der in KINDS.items()}
    hold(judged(tmp_path / "pem", files), expected, files)
    together = judged(tmp_path / "folder", files, named=False)
    hold(together, expected, files)


# Damaged


def damaged(each: int) -> dict[str, bytes]:
    return {
        f"{label}-{number}": data
        for label, der in KINDS.items()
        for number, data in enumerate(mutants(der, seed=label, count=each))
    }


def check_der(folder: Path, each: int) -> None:
    files = damaged(each)
    expected = {label: read_der(data) for label, data in files.items()}
    read = Counter(seen is not None for seen in expected.values())
    assert min(read[True], read[False]) > len(files) / 10, read
    hold(judged(folder, files), expected, files)


def check_pem(folder: Path, each: int) -> None:
    """Damage to the certificate within good armour, and to the armour."""
    files = {f"inner-{label}": armoured(data) for label, data in damaged(each).items()}
    for label, der in KINDS.items():
        for number, data in enumerate(mutants(armoured(der), seed=f"armour-{label}", count=each)):
            files[f"outer-{label}-{number}"] = data
    # OpenSSL passes over noise at the end of a line, and more of it where chars are signed: that is no rule to keep.
    noise = re.compile(rb"[\x00-\x08\x0b-\x1f\x80-\xff]\s*$", re.MULTILINE)
    files = {label: data for label, data in files.items() if not noise.search(data)}
    expected = {label: read_pem(data) for label, data in files.items()}
    hold(judged(folder, files), expected, files)


def test_damaged_der(tmp_path: Path) -> None:
    check_der(tmp_path / "der", 8)


def test_damaged_pem(tmp_path: Path) -> None:
    check_pem(tmp_path / "pem", 4)


@pytest.mark.soak
def test_much_damaged_der(tmp_path: Path) -> None:
    check_der(tmp_path / "der", 400)


@pytest.mark.soak
def test_much_damaged_pem(tmp_path: Path) -> None:
    check_pem(tmp_path / "pem", 100)


# Keystores


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One of each, with a chain, a key and, where it may be, no password."""
    folder = tmp_path_factory.mktemp("stores")
    ca = authority(days=300)
    leaf = make(issuer=ca, key=ec.generate_private_key(ec.SECP256R1()))
    message = openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER", data=leaf.pem + ca.pem)
    return {
        "p12": pkcs12(folder / "p12", leaf, ca).read_bytes(),
        "open-p12": pkcs12(folder / "open", leaf, ca, password=False).read_bytes(),
        "keytool-p12": keystore(folder / "keytool", leaf, ca, kind="PKCS12").read_bytes(),
        "jks": keystore(folder / "jks", leaf, ca).read_bytes(),
        "jceks": secret_key(keystore(folder / "jceks", leaf, ca, kind="JCEKS"), alias="aes").read_bytes(),
        "p7b": message,
    }


def check_stores(folder: Path, stores: Mapping[str, bytes], each: int) -> None:
    """Nothing damaged is silent, slow or a traceback; and no certificate is made up."""
    whole = judged(folder / "whole", stores, password_env="KEYSTORE_PASSWORD")
    names = {name for label in stores for name in names_in(whole[label])}
    assert len(names) == 2 and all(names_in(whole[label]) == names for label in stores), whole
    files = {
        f"{label}-{number}": data
        for label, store in stores.items()
        for number, data in enumerate(mutants(store, seed=label, count=each))
    }
    found = judged(folder / "damaged", files, password_env="KEYSTORE_PASSWORD")
    for label, findings in found.items():
        problems = [one for one in findings if one["check"] == READABLE]
        assert findings, f"{label} is silent: {files[label].hex()}"
        assert len(problems) <= 1, (label, problems)
        if label.startswith(("p12", "open", "keytool", "jks")) and not problems:
            # What is damaged there is known by its digest; only what stands behind it all is passed over.
            assert names_in(findings) == names, (label, files[label].hex())


def names_in(findings: Sequence[dict[str, Any]]) -> set[str]:
    return {one["evidence"]["subject"] for one in findings if one["check"] != READABLE}


def test_damaged_keystores(tmp_path: Path, stores: dict[str, bytes]) -> None:
    check_stores(tmp_path, stores, 16)


@pytest.mark.soak
def test_much_damaged_keystores(tmp_path: Path, stores: dict[str, bytes]) -> None:
    check_stores(tmp_path, stores, 320)
