"""cert_expiry on real files and real TLS servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.certificates import NOW, NOW_TEXT, Made, authority, listening, make, serve_tls, shared_key, tls_server
from tests.lab.modules import ROOT, findings_of, run_module, start_module
from tests.lab.postgres import free_port

EXPIRY, CHAIN, KEY, NAMES = (f"certificate.{name}" for name in ("expiry", "chain_expiry", "key_match", "names"))
BARRED = "--bounding-set=-dac_override,-dac_read_search"
READABLE, VALIDITY = "certificate.readable", "certificate.validity"


def look(*paths: Path, **options: Any) -> dict[str, Any]:
    return run_module("cert_expiry", {"paths": [str(path) for path in paths], "now": NOW_TEXT, **options})


def only(result: dict[str, Any], check: str) -> dict[str, Any]:
    found = findings_of(result, check)
    assert len(found) == 1, found
    return found[0]


def write(path: Path, *parts: Made | bytes) -> Path:
    path.write_bytes(b"".join(part if isinstance(part, bytes) else part.pem for part in parts))
    return path


# Files


def test_a_healthy_bundle(folder: Path) -> None:
    ca = authority()
    leaf = make(issuer=ca)
    path = write(folder / "clinic.pem", leaf.key_pem, leaf, ca)
    result = look(path)
    assert result["summary"]["worst"] == "ok"
    assert result["changed"] is False and result["actions"] == []
    assert result["details"] == {"files": 1, "endpoints": 0, "certificates": 2, "distinct": 2, "left_out": 0}
    finding = only(result, EXPIRY)
    assert (finding["subject"], finding["value"], finding["threshold"]) == (str(path), 60, 22.5)
    assert finding["evidence"] == {
        "fingerprint": leaf.fingerprint,
        "subject": "CN=clinic.example",
        "issuer": "CN=Lab CA",
        "serial": f"{leaf.certificate.serial_number:x}",
        "not_before": "2026-10-22T12:00:00Z",
        "not_after": "2027-01-20T12:00:00Z",
        "key": "EC P-256",
        "key_bits": 256,
        "signature": "ecdsa-with-SHA256",
        "chain_not_after": "2029-08-17T12:00:00Z",
        "places": [str(path)],
    }
    assert only(result, CHAIN)["evidence"]["fingerprint"] == ca.fingerprint
    assert only(result, KEY)["status"] == "ok"
    assert only(result, READABLE)["value"] == 2


@pytest.mark.parametrize(
    ("days", "lifetime", "status", "words"),
    [
        (60, 90, "ok", "expires in 60 days"),
        (20, 90, "warning", "expires in 20 days, on 2026-12-11 12:00 UTC: renew it"),
        (5, 90, "critical", "expires in 5 days"),
        (2, 90, "critical", "expires in 48 hours"),
        (-3, 90, "critical", "expired 3 days ago"),
        (4, 6.67, "ok", "expires in 4 days"),
        (29, 398, "warning", "expires in 29 days"),
    ],
)
def test_by_issued_lifetime(folder: Path, days: float, lifetime: float, status: str, words: str) -> None:
    finding = only(look(write(folder / "a.pem", make(days=days, lifetime=lifetime))), EXPIRY)
    assert finding["status"] == status
    assert words in finding["message"]


def test_an_authority_first_does_not_hide_the_leaf_that_ends(folder: Path) -> None:
    ca = authority(days=3000)
    result = look(write(folder / "haproxy.pem", ca, make(issuer=ca, days=1)))
    assert only(result, EXPIRY)["status"] == "critical"
    assert only(result, CHAIN)["status"] == "ok"


def test_an_issuer_that_ends_before_its_leaf(folder: Path) -> None:
    root = authority("Root")
    middle = authority("Middle", issuer=root, days=3)
    leaf = make(issuer=middle)
    result = look(
        write(folder / "a.pem", leaf, middle, root), write(folder / "b.pem", make("b.example", issuer=middle), middle)
    )
    ending = only({"findings": findings_of(result, CHAIN, status="critical")}, CHAIN)
    assert ending["subject"] == f"{folder}/a.pem [Middle]"
    assert ending["evidence"]["places"] == [f"{folder}/a.pem", f"{folder}/b.pem"]
    assert {finding["status"] for finding in findings_of(result, EXPIRY)} == {"ok"}
    assert findings_of(result, EXPIRY)[0]["evidence"]["chain_not_after"] == "2026-11-24T12:00:00Z"


def test_an_expired_cross_signature_that_nothing_rests_on_is_no_alarm(folder: Path) -> None:
    root = authority("Root")
    crossed = authority("Root", issuer=authority("Old"), key=root.key, days=-30)
    result = look(write(folder / "a.pem", make(issuer=root), crossed, root))
    assert result["summary"]["worst"] == "ok"
    assert any("hold without it" in finding["message"] for finding in findings_of(result, CHAIN))


def test_not_valid_yet(folder: Path) -> None:
    result = look(write(folder / "a.pem", make(days=100, lifetime=90)))
    finding = only(result, VALIDITY)
    assert (finding["status"], finding["value"]) == ("warning", 10)
    assert only(result, EXPIRY)["status"] == "ok"


def test_the_same_certificate_in_many_places_is_one_finding(folder: Path) -> None:
    made = make()
    for number in range(500):
        write(folder / f"{number:03}.pem", made)
    (folder / "link.pem").symlink_to("000.pem")
    result = look(folder, workers=2)
    assert only(result, EXPIRY)["evidence"]["places"] == [f"{folder}/{number:03}.pem" for number in range(500)] + [
        f"{folder}/link.pem"
    ]
    assert (result["details"]["certificates"], result["details"]["distinct"]) == (501, 1)


def test_two_certificates_of_one_name_in_one_file_are_told_apart(folder: Path) -> None:
    result = look(write(folder / "a.pem", make(serial=1), make(serial=2)))
    subjects = {finding["subject"] for finding in findings_of(result, EXPIRY)}
    assert len(subjects) == 2
    assert all(subject.startswith(f"{folder}/a.pem [clinic.example] ") for subject in subjects)


def test_folders_patterns_and_exclusions(folder: Path) -> None:
    (folder / "below" / "deeper").mkdir(parents=True)
    (folder / "below" / "back").symlink_to("..")  # a loop
    for number, place in enumerate((".", "below", "below/deeper")):
        write(folder / place / f"{number}.pem", make(f"{number}.example"))
    write(folder / "key.pem", make().key_pem)
    write(folder / "notes.txt", b"see -----BEGIN CERTIFICATE----- above\n")
    (folder / "empty").touch()
    os.mkfifo(folder / "pipe")

    def seen(*paths: str, **options: Any) -> list[str]:
        result = look(*(folder / path for path in paths), **options)
        assert findings_of(result, READABLE, status="unknown") == []
        return sorted(os.path.basename(finding["evidence"]["places"][0]) for finding in findings_of(result, EXPIRY))

    assert seen(".") == ["0.pem"]
    assert seen(".", recurse=True) == ["0.pem", "1.pem", "2.pem"]
    assert seen("*.pem") == ["0.pem"]
    assert seen("**/*.pem") == ["0.pem", "1.pem", "2.pem"]
    assert seen(".", recurse=True, exclude=["*/deeper/*"]) == ["0.pem", "1.pem"]
    assert seen(".", "0.pem") == ["0.pem"]


# One bad thing is one unknown finding


def test_one_bad_file_is_one_finding_and_hides_nothing(folder: Path) -> None:
    good = make()
    write(folder / "good.pem", good)
    write(folder / "cut.pem", make("cut.example").pem[:300])
    write(folder / "garbage.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    write(folder / "mixed.pem", good, b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
    (folder / "dangling.pem").symlink_to("nowhere")
    result = look(folder)
    bad = findings_of(result, READABLE, status="unknown")
    assert [os.path.basename(finding["subject"]) for finding in bad] == [
        "cut.pem", "dangling.pem", "garbage.pem", "mixed.pem",
    ]  # fmt: skip
    assert "cut off" in bad[0]["message"] and "leads nowhere" in bad[1]["message"]
    assert only(result, EXPIRY)["evidence"]["places"] == [f"{folder}/good.pem", f"{folder}/mixed.pem"]


def test_what_was_named_must_hold_a_certificate(folder: Path) -> None:
    write(folder / "key.pem", make().key_pem)
    write(folder / "text.pem", b"nothing here\n")
    (folder / "empty.pem").touch()
    (folder / "nothing").mkdir()
    os.mkfifo(folder / "pipe.pem")
    wanted = {
        "key.pem": "a private key but no certificate",
        "text.pem": "no certificate in any known form",
        "empty.pem": "the file is empty",
        "nothing": "no certificate in any known form",
        "pipe.pem": "no regular file",
        "missing.pem": "no such file or folder",
        "missing-*.pem": "no file matches the pattern",
    }
    result = look(*(folder / name for name in wanted))
    messages = {os.path.basename(finding["subject"]): finding["message"] for finding in findings_of(result, READABLE)}
    assert messages.keys() == wanted.keys()
    assert all(words in messages[name] for name, words in wanted.items()), messages
    assert result["summary"]["counts"] == {"ok": 0, "warning": 0, "unknown": len(wanted), "critical": 0}


def test_odd_file_names_do_not_break_the_result(folder: Path) -> None:
    made = make("line\nbreak.example", names=["a.example"])
    path = os.fsencode(folder) + b"/bad\xff\nname.pem"
    Path(os.fsdecode(path)).write_bytes(made.pem)
    finding = only(look(folder), EXPIRY)
    assert finding["subject"] == f"{folder}/bad\\xff\\nname.pem"
    assert "line\\nbreak.example" in finding["message"]


def barred_python(folder: Path) -> str:
    """A Python that permissions hold for: root's too, by taking the capability from it that passes them over."""
    if os.geteuid() != 0:
        return sys.executable
    path = write(folder / "python", f'#!/bin/sh\nexec setpriv {BARRED} {sys.executable} "$@"\n'.encode())
    path.chmod(0o755)
    return str(path)


def test_what_this_account_may_not_read(folder: Path, tmp_path: Path) -> None:
    write(folder / "open.pem", make())
    write(folder / "closed.pem", make("closed.example"))
    (folder / "private").mkdir()
    write(folder / "private" / "inner.pem", make("inner.example"))
    options = {"paths": [str(folder)], "recurse": True, "now": NOW_TEXT}
    before = run_module("cert_expiry", options)
    assert before["summary"]["worst"] == "ok" and len(findings_of(before, EXPIRY)) == 3
    for name in ("closed.pem", "private"):
        (folder / name).chmod(0)
        if os.geteuid() == 0:
            shutil.chown(folder / name, "nobody")
    result = run_module("cert_expiry", options, python=barred_python(tmp_path))
    (folder / "private").chmod(0o700)
    bad = findings_of(result, READABLE, status="unknown")
    assert {os.path.basename(finding["subject"]) for finding in bad} == {"closed.pem", "private"}
    assert all("permission denied" in finding["message"] and "become" in finding["message"] for finding in bad)
    assert only(result, EXPIRY)["subject"] == f"{folder}/open.pem"


def test_links_that_cannot_be_followed_do_not_hide_their_folder(folder: Path, tmp_path: Path) -> None:
    """Where the kind of one entry cannot be told, the others are looked at all the same."""
    write(folder / "good.pem", make(days=1))
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    closed = tmp_path / "closed"
    closed.mkdir()
    (folder / "elsewhere.pem").symlink_to(write(closed / "inner.pem", make("inner.example")))
    closed.chmod(0)
    if os.geteuid() == 0:
        shutil.chown(closed, "nobody")
    options = {"paths": [str(folder)], "now": NOW_TEXT}
    result = run_module("cert_expiry", options, python=barred_python(tmp_path))
    closed.chmod(0o700)
    assert only(result, EXPIRY)["status"] == "critical"
    bad = {os.path.basename(one["subject"]): one["message"] for one in findings_of(result, READABLE, status="unknown")}
    assert sorted(bad) == ["elsewhere.pem", "one", "two"]
    assert "too many levels of symbolic links" in bad["one"] and "permission denied" in bad["elsewhere.pem"]


PACKAGED = Path("/usr/share/ca-certificates/mozilla")


@pytest.mark.skipif(not PACKAGED.is_dir(), reason="this machine has no package ca-certificates")
def test_roots_of_the_host_s_packages_alarm_nobody(folder: Path) -> None:
    """They stay in the package after their end; the administrator's own root beside them is judged."""
    shutil.copytree(PACKAGED, folder / "copies")
    write(folder / "own.pem", authority("Own Root", days=-1))
    result = look(folder, recurse=True, now="2026-11-22T12:00:00Z", textfile=str(folder / "roots.prom"))
    assert [one["subject"] for one in result["findings"] if one["status"] != "ok"] == [f"{folder}/own.pem"]
    later = look(folder / "copies", now="2060-01-01T00:00:00Z")
    assert later["summary"]["worst"] == "ok"
    assert (
        "comes with this host's package ca-certificates" in findings_of(later, "certificate.chain_expiry")[0]["message"]
    )
    kinds = set(
        re.findall(
            r'after_timestamp_seconds.*name="(Own Root)?[^"]*",kind="(.*?)"', (folder / "roots.prom").read_text()
        )
    )
    assert kinds == {("Own Root", "leaf"), ("", "spare")}


@pytest.mark.skipif(not PACKAGED.is_dir(), reason="this machine has no package ca-certificates")
def test_a_root_of_the_host_s_packages_that_a_chain_rests_on(folder: Path) -> None:
    from cryptography import x509

    pem = sorted(PACKAGED.glob("*.crt"))[0].read_bytes()
    root = Made(x509.load_pem_x509_certificate(pem), shared_key(1))
    leaf = make(issuer=root, start=NOW, end=NOW.replace(year=2099))
    result = look(write(folder / "chain.pem", leaf, pem), now="2060-01-01T00:00:00Z")
    assert only(result, EXPIRY)["status"] == "ok"
    assert only(result, CHAIN)["status"] == "critical"


# Keys and names


def test_keys(folder: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    stranger = make("stranger.example", key=ec.generate_private_key(ec.SECP384R1()))
    rsa_made = make("rsa.example", key=rsa.generate_private_key(65537, 2048))
    made = make()
    write(folder / "match.pem", made.key_pem, made)
    write(folder / "rsa.pem", rsa_made, rsa_made.key_pem)
    write(folder / "mismatch.pem", stranger.key_pem, made)
    write(folder / "locked.pem", made.locked_key(b"secret"), made)
    write(folder / "broken.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", made)
    write(folder / "none.pem", made)
    started = time.monotonic()
    found = {os.path.basename(one["subject"]): one for one in findings_of(look(folder), KEY)}
    assert {name: one["status"] for name, one in found.items()} == {
        "broken.pem": "unknown",
        "locked.pem": "unknown",
        "match.pem": "ok",
        "mismatch.pem": "critical",
        "rsa.pem": "ok",
    }
    assert "passphrase" in found["locked.pem"]["message"]
    assert time.monotonic() - started < 20, "it waited for a passphrase"


def test_a_named_key(folder: Path) -> None:
    made = make()
    write(folder / "cert.pem", made)
    write(folder / "key.pem", made.key_pem)
    stranger = authority()
    write(folder / "wrong.pem", stranger.key_pem)

    def verdict(key: str) -> dict[str, Any]:
        return only(look(sources=[{"path": str(folder / "cert.pem"), "key": str(folder / key)}]), KEY)

    assert verdict("key.pem")["status"] == "ok"
    assert verdict("wrong.pem")["status"] == "critical"
    assert verdict("missing.pem")["status"] == "unknown"
    assert verdict("cert.pem")["status"] == "unknown"
    os.mkfifo(folder / "pipe.pem")
    assert "no regular file" in verdict("pipe.pem")["message"]


@pytest.mark.parametrize(
    ("held", "wanted", "status"),
    [
        (["clinic.example", "*.clinic.example"], ["clinic.example", "WWW.clinic.example"], "ok"),
        (["*.clinic.example"], ["clinic.example"], "critical"),
        (["192.0.2.1", "xn--mnchen-3ya.example"], ["192.0.2.1", "münchen.example"], "ok"),
        ([], ["clinic.example"], "critical"),
    ],
)
def test_expected_names(folder: Path, held: list[str], wanted: list[str], status: str) -> None:
    path = write(folder / "a.pem", make(names=held))
    finding = only(look(sources=[{"path": str(path), "names": wanted}]), NAMES)
    assert finding["status"] == status
    assert finding["evidence"]["missing"] == ([] if status == "ok" else wanted)


def test_a_folder_of_certificates_covers_names_between_them(folder: Path) -> None:
    write(folder / "a.pem", make("a.example"))
    write(folder / "b.pem", make("b.example"))
    finding = only(look(sources=[{"path": str(folder), "names": ["a.example", "b.example", "c.example"]}]), NAMES)
    assert (finding["status"], finding["evidence"]["missing"]) == ("critical", ["c.example"])


# Endpoints


def test_an_endpoint_with_its_chain(folder: Path, tmp_path: Path) -> None:
    ca = authority(days=5)
    leaf = make(issuer=ca)
    write(folder / "on-disk.pem", leaf)
    with tls_server(tmp_path, [leaf, ca]) as server:
        result = look(folder, endpoints=[server.endpoint(server_name="clinic.example")])
    label = f"127.0.0.1:{server.port} (clinic.example)"
    assert only(result, EXPIRY)["evidence"]["places"] == [f"{folder}/on-disk.pem", label]
    assert only(result, CHAIN)["status"] == "critical"
    assert only(result, NAMES)["status"] == "ok"
    assert result["details"]["endpoints"] == 1


def test_expired_wrong_name_and_not_yet_valid_endpoints_are_read(folder: Path) -> None:
    names = {
        "expired.example": [make("expired.example", days=-10)],
        "other.example": [make("another.example")],
        "early.example": [make("early.example", days=100)],
    }
    with tls_server(folder, [make()], by_name=names) as server:
        asked = [*names, "clinic.example"]
        result = look(endpoints=[server.endpoint(server_name=name) for name in asked])
    where = {name: f"127.0.0.1:{server.port} ({name})" for name in asked}
    status = {finding["subject"]: finding["status"] for finding in findings_of(result, EXPIRY)}
    assert status == {
        where["expired.example"]: "critical",
        where["other.example"]: "ok",
        where["early.example"]: "ok",
        where["clinic.example"]: "ok",
    }
    assert only({"findings": findings_of(result, NAMES, status="critical")}, NAMES)["subject"] == where["other.example"]
    assert only(result, VALIDITY)["status"] == "critical"


def test_an_address_expects_no_name_unless_told(folder: Path) -> None:
    with tls_server(folder, [make()]) as server:
        assert findings_of(look(endpoints=[server.endpoint()]), NAMES) == []
        assert only(look(endpoints=[server.endpoint(names=["127.0.0.1"])]), NAMES)["status"] == "critical"
        named = {"host": "localhost", "port": server.port}
        assert only(look(endpoints=[named]), NAMES)["status"] == "critical"
        assert findings_of(look(endpoints=[{**named, "names": []}]), NAMES) == []


def test_what_two_options_lead_to_is_said_once(folder: Path) -> None:
    made = make(days=-1)
    path = write(folder / "a.pem", made)
    with tls_server(folder, [made]) as server:
        ends = [server.endpoint(server_name="clinic.example"), server.endpoint(server_name="clinic.example")]
        sources = [{"path": str(path), "names": ["clinic.example"]} for _unused in range(2)]
        result = look(path, folder / "gone.pem", folder / "gone.pem", sources=sources, endpoints=ends)
    said = [(one["check"], one["subject"]) for one in result["findings"]]
    assert len(said) == len(set(said)), said
    assert result["summary"]["counts"] == {"ok": 3, "warning": 2, "unknown": 1, "critical": 1}


def test_an_address_in_brackets(folder: Path) -> None:
    (finding,) = look(endpoints=[{"host": "[::1]", "port": free_port()}], timeout=1)["findings"]
    assert finding["subject"].startswith("[::1]:") and "resolved" not in finding["message"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_asks_for_a_certificate(folder: Path, version: ssl.TLSVersion) -> None:
    """It shows its own, and hangs up since we have none."""
    ca = authority()
    write(folder / "own.pem", (made := make(issuer=ca, days=1)).key_pem, made, ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(folder / "own.pem")
    context.load_verify_locations(cadata=ca.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    with listening() as listener:
        threading.Thread(target=serve_tls, args=(listener, context), daemon=True).start()
        result = look(endpoints=[{"host": "127.0.0.1", "port": listener.getsockname()[1]}])
    assert only(result, READABLE)["status"] == "ok"
    assert only(result, EXPIRY)["evidence"]["fingerprint"] == made.fingerprint
    assert only(result, CHAIN)["evidence"]["fingerprint"] == ca.fingerprint


def test_a_server_of_tls_1_2_only(folder: Path) -> None:
    with tls_server(folder, [make()], maximum=ssl.TLSVersion.TLSv1_2) as server:
        assert only(look(endpoints=[server.endpoint()]), EXPIRY)["status"] == "ok"


def test_endpoints_that_do_not_answer(folder: Path) -> None:
    with listening() as silent, listening() as rude, tls_server(folder, [make()]) as server:

        def hang_up() -> None:
            connection, _unused = rude.accept()
            connection.sendall(b"220 this is not TLS\r\n")
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        ports = {"refused": free_port(), "silent": silent.getsockname()[1], "rude": rude.getsockname()[1]}
        endpoints = [{"host": "127.0.0.1", "port": port} for port in ports.values()]
        endpoints.append({"host": "no-such-host.invalid"})
        started = time.monotonic()
        result = look(endpoints=[*endpoints, server.endpoint()], timeout=0.7)
        assert time.monotonic() - started < 30
    messages = {finding["subject"]: finding["message"] for finding in findings_of(result, READABLE)}
    assert "refused" in messages[f"127.0.0.1:{ports['refused']}"]
    assert "no answer within 0.7 seconds" in messages[f"127.0.0.1:{ports['silent']}"]
    assert "its answer is no TLS, check its port" in messages[f"127.0.0.1:{ports['rude']}"]
    assert "cannot be resolved" in messages["no-such-host.invalid:443"]
    assert len(messages) == 4
    assert only(result, EXPIRY)["status"] == "ok"


# Options and libraries


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "nothing to look at"),
        ({"paths": ["/etc/ssl"], "warning_days": "soon"}, "warning_days"),
        ({"paths": ["/etc/ssl"], "workers": "many"}, "workers"),
        ({"paths": ["/etc/ssl"], "warning_days": 5}, "critical_days"),
        ({"paths": ["/etc/ssl"], "warning_ratio": 2}, "warning_ratio"),
        ({"paths": ["/etc/ssl"], "timeout": 0}, "timeout"),
        ({"paths": ["/etc/ssl"], "workers": -1}, "workers"),
        ({"paths": ["/etc/ssl"], "now": "tomorrow"}, "now"),
        ({"endpoints": [{"port": 443}]}, "host"),
        ({"endpoints": [{"host": "a.example", "port": 70000}]}, "port"),
        ({"endpoints": [{"host": "a.example", "names": ["a" * 70 + "ü.example"]}]}, "neither a host name nor"),
        ({"endpoints": [{"host": "https://a.example/"}]}, "neither a name nor an address"),
        ({"endpoints": [{"host": "a.example:8443"}]}, "its port is an option of its own"),
        ({"paths": ["/etc/ssl", ""]}, "A path to look at is empty"),
        ({"sources": [{"key": "/etc/key.pem"}]}, "path"),
        ({"sources": "/etc/ssl"}, "dictionary requested"),
    ],
)
def test_bad_options_are_one_clear_message(options: dict[str, Any], words: str) -> None:
    result = run_module("cert_expiry", options)
    assert result["failed"] is True
    assert words in result["msg"]


def test_without_cryptography(folder: Path) -> None:
    (folder / "cryptography").mkdir()
    (folder / "cryptography" / "__init__.py").write_text("raise ImportError('not here')\n")
    # The folder of the process comes first among those that Python looks for libraries in.
    result = run_module("cert_expiry", {"paths": ["/etc/ssl"]}, cwd=folder)
    assert result["failed"] is True
    assert "python3-cryptography" in result["msg"]


def test_check_mode_is_the_same(folder: Path) -> None:
    options = {"paths": [str(write(folder / "a.pem", make()))], "now": NOW_TEXT}
    real, rehearsed = (run_module("cert_expiry", options, check=check) for check in (False, True))
    assert real["findings"] == rehearsed["findings"]


# Thousands


def test_many_healthy_certificates_stay_one_screen(folder: Path) -> None:
    ca = authority()
    for number in range(60):
        write(folder / f"{number:02}.pem", make(f"h{number}.example", issuer=ca, days=30 + number), ca)
    write(folder / "bad.pem", make("bad.example", days=1))
    result = look(folder, healthy_findings=5)
    ok = findings_of(result, EXPIRY, status="ok")
    assert [finding["subject"] for finding in ok] == [f"{folder}/{n:02}.pem" for n in range(5)] + [
        "all other certificates"
    ]
    assert ok[-1]["value"] == 35
    assert "56 more" in ok[-1]["message"]
    assert result["details"]["left_out"] == 56
    assert only({"findings": findings_of(result, EXPIRY, status="critical")}, EXPIRY)["subject"] == f"{folder}/bad.pem"


def test_a_finding_for_every_one_of_thousands(folder: Path) -> None:
    written = [make(f"h{number}.example") for number in range(1100)]
    for number, leaf in enumerate(written):
        write(folder / f"{number:04}.pem", leaf)
    result = look(folder)
    assert {finding["evidence"]["fingerprint"] for finding in findings_of(result, EXPIRY)} == {
        leaf.fingerprint for leaf in written
    }
    assert result["summary"]["counts"]["ok"] == len(result["findings"]) == 1102
    assert result["invocation"]["module_args"]["paths"] == [str(folder)]


def children_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Any, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def fill(folder: Path) -> None:
    """1,500 files of 100 certificates: a second's work."""
    first = write(folder / "0000.pem", *(make(f"h{number}.example") for number in range(100)))
    for number in range(1, 1500):
        os.link(first, folder / f"{number:04}.pem")


def test_a_kill_leaves_no_workers(folder: Path) -> None:
    fill(folder)
    options = {"paths": [str(folder)], "workers": 3, "now": NOW_TEXT}
    process = start_module("cert_expiry", options)
    try:
        assert wait_for(lambda: len(children_of(process.pid)) == 3, seconds=20), "the workers never came"
        workers = children_of(process.pid)
        # Held in the middle of their work, so that they cannot just have been done.
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert all(alive(pid) for pid in workers), "nothing was left, so nothing is proven"
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        assert wait_for(lambda: not any(alive(pid) for pid in workers), seconds=1), "a worker outlived its parent"
    finally:
        process.kill()
        process.communicate()
    again = run_module("cert_expiry", options)
    assert (again["details"]["files"], again["details"]["distinct"]) == (1500, 100)


def test_a_worker_that_dies_is_told(folder: Path) -> None:
    fill(folder)
    process = start_module("cert_expiry", {"paths": [str(folder)], "workers": 2, "now": NOW_TEXT})
    assert wait_for(lambda: len(children_of(process.pid)) == 2, seconds=20)
    os.kill(children_of(process.pid)[0], signal.SIGKILL)
    output, errors = process.communicate(timeout=60)
    assert "Traceback" not in output + errors
    assert '"status": "unknown"' in output and "process that was reading it died" in output


# The role


def test_the_role_looks_and_changes_nothing(folder: Path, tmp_path: Path) -> None:
    """A critical finding fails no task; a setting of the wrong type does, before anything is looked at."""
    write(folder / "a.pem", make(days=-1))
    playbook = tmp_path / "certificates.yml"
    playbook.write_text(
        json.dumps(
            [
                {
                    "hosts": "localhost",
                    "gather_facts": False,
                    "roles": ["careops.maintenance.certificates"],
                    "tasks": [
                        {
                            "ansible.builtin.include_role": {
                                "name": "careops.maintenance.certificates",
                                "tasks_from": "check",
                            }
                        }
                    ],
                    "vars": {"certificates_sources": [{"path": str(folder), "recurse": True}]},
                }
            ]
        )
    )

    def play(**variables: Any) -> subprocess.CompletedProcess[str]:
        settings = {
            "ansible_python_interpreter": sys.executable,
            "certificates_become": False,
            "certificates_now": NOW_TEXT,
        }
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
        return subprocess.run(
            [
                "ansible-playbook",
                "-i",
                "localhost,",
                "-c",
                "local",
                "-v",
                "-e",
                json.dumps({**settings, **variables}),
                playbook,
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
        )

    done = play()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"worst": "critical"') == 2, done.stdout
    assert "changed=0" in done.stdout
    refused = play(certificates_warning_days="soon")
    assert refused.returncode != 0
    assert "certificates_warning_days" in refused.stdout


# Other versions of the library


@pytest.mark.soak
@pytest.mark.parametrize("version", ["3.3.2", "38.0.4", "41.0.7"])  # Debian 11, Debian 12, and the last without *_utc
def test_every_version_of_cryptography_judges_alike(folder: Path, tmp_path: Path, version: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    root = authority("Root")
    crossed = authority("Root", issuer=authority("Old"), key=root.key, days=-30)
    others = [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()]
    write(folder / "chain.pem", make(issuer=root, names=["*.clinic.example", "192.0.2.1"]), crossed, root)
    write(folder / "locked.pem", make("locked.example").locked_key(b"secret"), make("locked.example"))
    write(folder / "rsa.pem", *((made := make("rsa.example", key=others[0])).key_pem, made))
    write(folder / "mismatch.pem", make().key_pem, make("mismatch.example", key=others[0], days=-1))
    write(folder / "early.pem", make("early.example", days=100, names=["early.example"]))
    write(folder / "garbage.pem", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
    write(folder / "nobody.pem", make("", names=["münchen.example".encode("idna").decode()]))
    libraries = tmp_path / "libraries"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--target", libraries, f"cryptography=={version}"], check=True
    )
    names = ["www.clinic.example", "clinic.example", "192.0.2.1", "münchen.example"]
    options = {"sources": [{"path": str(folder), "names": names}], "now": NOW_TEXT}

    def judged(**how: Any) -> list[dict[str, Any]]:
        result = run_module("cert_expiry", options, **how)
        # The reason why something is no certificate is the library's own.
        return [one for one in result["findings"] if one["check"] != READABLE]

    newest = judged()
    assert {one["status"] for one in newest} == {"ok", "warning", "unknown", "critical"}
    assert judged(cwd=libraries) == newest
