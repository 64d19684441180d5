"""Whether chains lead to a trust store, by the real openssl, for files and for real TLS servers."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.lab.certificates import NOW, NOW_TEXT, Made, authority, bundle, make, tls_server
from tests.lab.modules import findings_of, run_module

TRUST, EXPIRY = "certificate.trust", "certificate.expiry"


def told(sources: Sequence[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
    result = run_module("cert_expiry", {"sources": sources, "now": NOW_TEXT, **options})
    assert not result.get("failed"), result
    return findings_of(result, TRUST)


def only(findings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    assert len(findings) == 1, findings
    return findings[0]


def held(path: Path, store: Path | str, **options: Any) -> dict[str, Any]:
    return only(told([{"path": str(path), "trust_store": str(store)}], **options))


def altered(made: Made) -> bytes:
    """The certificate with another last bit in its signature."""
    der = bytearray(made.der)
    der[-1] ^= 1
    return ssl_pem(bytes(der))


def ssl_pem(der: bytes) -> bytes:
    import ssl

    return ssl.DER_cert_to_PEM_cert(der).encode()


def test_a_full_chain_leads_to_the_store(tmp_path: Path, root: Made, store: Path) -> None:
    middle = authority("Middle", issuer=root)
    path = bundle(tmp_path / "full.pem", make(issuer=middle), middle)
    finding = held(path, store)
    assert (finding["status"], finding["subject"], finding["value"]) == ("ok", str(path), 1)
    assert str(store) in finding["message"]


def test_a_file_without_its_intermediate(tmp_path: Path, root: Made, store: Path) -> None:
    middle = authority("Middle", issuer=root)
    finding = held(bundle(tmp_path / "leaf.pem", make(issuer=middle)), store)
    assert finding["status"] == "critical"
    assert finding["evidence"]["reason"] == "missing_intermediate"
    assert "does not hold the intermediate" in finding["message"] and "CN=Middle" in finding["message"]


def test_an_intermediate_that_was_seen_elsewhere_proves_what_is_missing(
    tmp_path: Path, root: Made, store: Path
) -> None:
    middle = authority("Middle", issuer=root)
    good = bundle(tmp_path / "full.pem", make("a.example", issuer=middle), middle)
    with tls_server(tmp_path, [make(names=["127.0.0.1"], issuer=middle)]) as server:
        found = told([{"path": str(good)}], trust_store=str(store), endpoints=[server.endpoint()])
    by_subject = {finding["subject"]: finding for finding in found}
    assert by_subject[str(good)]["status"] == "ok"
    finding = by_subject[f"127.0.0.1:{server.port}"]
    assert finding["evidence"]["reason"] == "missing_intermediate"
    assert finding["message"] == (
        f"127.0.0.1:{server.port} does not send its intermediate, the certificate of CN=Middle, "
        "so most clients refuse it: let the server send the full chain."
    )


def test_a_server_with_and_without_its_chain(tmp_path: Path, root: Made, store: Path) -> None:
    middle = authority("Middle", issuer=root)
    leaf = make(names=["127.0.0.1"], issuer=middle)
    for chain, status in (([leaf, middle], "ok"), ([leaf], "critical")):
        with tls_server(tmp_path, chain) as server:
            finding = only(told([], trust_store=str(store), endpoints=[server.endpoint()]))
        assert finding["status"] == status
    assert "does not send its intermediate" in finding["message"]


def test_an_unknown_authority(tmp_path: Path, store: Path) -> None:
    other = authority("Other Root")
    middle = authority("Other Middle", issuer=other)
    for name, parts in (("whole", [middle, other]), ("half", [middle])):
        finding = held(bundle(tmp_path / f"{name}.pem", make(issuer=middle), *parts), store)
        assert finding["status"] == "critical"
        assert finding["evidence"]["reason"] == "unknown_authority"
        assert "unknown authority, CN=Other Root" in finding["message"]


def test_what_the_host_trusts_does_not_count_beside_a_store(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = authority("Other Root")
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    bundle(trusted / "other.pem", other)
    subprocess.run(["openssl", "rehash", trusted], check=True)
    path = bundle(tmp_path / "leaf.pem", make(issuer=other))
    monkeypatch.setenv("SSL_CERT_DIR", str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted / "other.pem"))
    assert subprocess.run(["openssl", "verify", path], check=False, capture_output=True).returncode == 0
    assert held(path, store)["evidence"]["reason"] == "missing_intermediate"
    assert held(path, trusted)["status"] == "ok"


def test_self_signed(tmp_path: Path, store: Path) -> None:
    alone = make("alone.example")
    path = bundle(tmp_path / "alone.pem", alone)
    finding = held(path, store)
    assert (finding["status"], finding["evidence"]["reason"]) == ("critical", "self_signed")
    assert "self-signed" in finding["message"]
    assert held(path, bundle(tmp_path / "pinned.pem", alone))["status"] == "ok"


def test_expired_and_not_yet_valid(tmp_path: Path, root: Made, store: Path) -> None:
    path = bundle(tmp_path / "old.pem", make(issuer=root, days=-2))
    result = run_module("cert_expiry", {"sources": [{"path": str(path)}], "trust_store": str(store), "now": NOW_TEXT})
    finding = only(findings_of(result, TRUST))
    assert (finding["status"], finding["evidence"]["reason"]) == ("critical", "expired")
    assert only(findings_of(result, EXPIRY))["status"] == "critical"
    early = held(bundle(tmp_path / "early.pem", make(issuer=root, days=100, lifetime=90)), store)
    assert (early["status"], early["evidence"]["reason"]) == ("critical", "not_yet_valid")
    # The moment is the one that was handed in, not the clock's.
    assert held(path, store, now="2026-11-18T00:00:00+00:00")["status"] == "ok"


def test_an_expired_link_of_the_chain(tmp_path: Path, root: Made, store: Path) -> None:
    middle = authority("Middle", issuer=root, days=-1)
    finding = held(bundle(tmp_path / "a.pem", make(issuer=middle), middle), store)
    assert finding["evidence"]["reason"] == "expired"
    assert "needs CN=Middle, which has expired" in finding["message"]


def test_a_client_certificate_at_a_server(tmp_path: Path, root: Made, store: Path) -> None:
    for usage, status in ((ExtendedKeyUsageOID.SERVER_AUTH, "ok"), (ExtendedKeyUsageOID.CLIENT_AUTH, "critical")):
        leaf = make(issuer=root, extensions=[x509.ExtendedKeyUsage([usage])])
        finding = held(bundle(tmp_path / "a.pem", leaf), store)
        assert finding["status"] == status
    assert finding["evidence"]["reason"] == "wrong_purpose"
    assert "extended key usage" in finding["message"]


def test_a_signature_that_is_not_the_issuer_s(tmp_path: Path, root: Made, store: Path) -> None:
    path = tmp_path / "altered.pem"
    path.write_bytes(altered(make(issuer=root)))
    finding = held(path, store)
    assert (finding["status"], finding["evidence"]["reason"]) == ("critical", "bad_signature")
    impostor = authority("Root")
    assert held(bundle(tmp_path / "other.pem", make(issuer=impostor)), store)["evidence"]["reason"] == "bad_signature"


def test_an_authority_that_may_not_issue(tmp_path: Path, root: Made, store: Path) -> None:
    no_authority = make("no-authority.example", issuer=root, key=ec.generate_private_key(ec.SECP256R1()))
    finding = held(bundle(tmp_path / "a.pem", make(issuer=no_authority), no_authority), store)
    assert (finding["status"], finding["evidence"]["reason"]) == ("critical", "no_authority")
    assert "CN=no-authority.example" in finding["message"]


def test_a_cross_signed_chain(tmp_path: Path, root: Made, store: Path) -> None:
    # Issued by an old root that nobody trusts any more, and cross-signed by the one that is trusted.
    old = authority("Old", days=-5)
    key = ec.generate_private_key(ec.SECP256R1())
    by_old = authority("Middle", issuer=old, key=key, days=-3)
    by_root = authority("Middle", issuer=root, key=key)
    leaf = make(issuer=by_root)
    for parts in ([leaf, by_old, old, by_root], [leaf, by_root, by_old], [leaf, by_old, by_root]):
        assert held(bundle(tmp_path / "crossed.pem", *parts), store)["status"] == "ok"
    assert held(bundle(tmp_path / "old-way.pem", leaf, by_old, old), store)["status"] == "critical"


@pytest.mark.parametrize("hashed", [False, True])
def test_a_folder_as_store(tmp_path: Path, root: Made, hashed: bool) -> None:
    folder = tmp_path / "anchors"
    folder.mkdir()
    bundle(folder / "one.pem", root)
    bundle(folder / "two.crt", authority("Another"))
    if hashed:
        subprocess.run(["openssl", "rehash", folder], check=True)
    assert held(bundle(tmp_path / "a.pem", make(issuer=root)), folder)["status"] == "ok"
    assert held(bundle(tmp_path / "b.pem", make(issuer=authority("Third"))), folder)["status"] == "critical"


def test_the_host_s_own_store(tmp_path: Path) -> None:
    if not Path("/etc/ssl/certs/ca-certificates.crt").exists():
        pytest.skip("this machine has no trust store")
    finding = held(bundle(tmp_path / "a.pem", make(issuer=authority("Nobody's"))), "system")
    assert finding["evidence"]["reason"] == "missing_intermediate"
    (one, *_more) = Path("/etc/ssl/certs/ca-certificates.crt").read_bytes().partition(b"-----END CERTIFICATE-----\n")
    (tmp_path / "root.pem").write_bytes(one + b"-----END CERTIFICATE-----\n")
    finding = held(tmp_path / "root.pem", "system")
    assert finding["status"] == "ok" or finding["evidence"]["reason"] in ("expired", "wrong_purpose")


def test_its_own_store_goes_before_and_paths_are_not_asked(tmp_path: Path, root: Made, store: Path) -> None:
    other = bundle(tmp_path / "other-store.pem", authority("Other"))
    trusted = bundle(tmp_path / "trusted.pem", make("trusted.example", issuer=root))
    plain = bundle(tmp_path / "plain.pem", make("plain.example"))
    found = told(
        [
            {"path": str(trusted)},
            {"path": str(trusted), "trust_store": str(other)},
            {"path": str(plain), "trust_store": "none"},
        ],
        trust_store=str(store),
        paths=[str(plain)],
    )
    assert [(finding["status"], finding["evidence"]["store"]) for finding in found] == [
        ("critical", str(other)),
        ("ok", str(store)),
    ]
    assert told([{"path": str(plain)}]) == []


def test_a_store_that_is_not_there_or_empty(tmp_path: Path, root: Made) -> None:
    path = bundle(tmp_path / "a.pem", make(issuer=root))
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "empty").mkdir()
    for store, words in (
        (tmp_path / "nowhere.pem", "there is no such file"),
        (tmp_path / "empty.pem", "holds no certificate"),
        (tmp_path / "empty", "holds no certificate"),
    ):
        finding = held(path, store)
        assert (finding["status"], finding["subject"]) == ("unknown", str(store))
        assert str(store) in finding["message"] and words in finding["message"]
        assert finding["message"].startswith("Whether 1 certificate leads to its trust store is unknown: ")


def test_long_names_and_paths_stay_one_sentence(tmp_path: Path, root: Made) -> None:
    folder = tmp_path.joinpath(*["very-long-name-of-a-folder" * 8] * 3, "and\na line")
    folder.mkdir(parents=True)
    store = bundle(folder / "store.pem", root)
    nobody = make("n" * 64, names=["n.example"], issuer_name="i" * 64)
    path = bundle(folder / "leaf.pem", nobody)
    # The module's result is held against the contract: one line of at most 1000 letters.
    assert held(path, store)["status"] == "critical"
    assert held(path, folder / "gone.pem")["status"] == "unknown"


def test_without_openssl(tmp_path: Path, root: Made, store: Path) -> None:
    path = bundle(tmp_path / "a.pem", make(issuer=root))
    options = {"sources": [{"path": str(path)}], "trust_store": str(store), "now": NOW_TEXT}
    result = run_module("cert_expiry", options, env={**os.environ, "PATH": str(tmp_path)})
    finding = only(findings_of(result, TRUST))
    assert finding["status"] == "unknown"
    assert "install the package openssl" in finding["message"]


def test_many_leaves_in_few_processes(tmp_path: Path, root: Made, store: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    middle = authority("Middle", issuer=root)
    for number in range(150):
        bundle(folder / f"{number:03}.pem", make(f"h{number}.example", issuer=middle), middle)
    bundle(folder / "bad.pem", make("bad.example", issuer=authority("Other")))
    bundle(folder / "copy.pem", make("h0.example", issuer=middle), middle)
    calls = tmp_path / "calls"
    wrapper = tmp_path / "bin"
    wrapper.mkdir()
    (wrapper / "openssl").write_text(f'#!/bin/sh\necho call >>{calls}\nexec /usr/bin/openssl "$@"\n')
    (wrapper / "openssl").chmod(0o755)
    result = run_module(
        "cert_expiry",
        {"sources": [{"path": str(folder)}], "trust_store": str(store), "now": NOW_TEXT},
        env={**os.environ, "PATH": f"{wrapper}:{os.environ['PATH']}"},
    )
    found = findings_of(result, TRUST)
    assert [(finding["status"], finding["subject"]) for finding in found] == [
        ("critical", f"{folder}/bad.pem"),
        ("ok", str(folder)),
    ]
    assert found[1]["value"] == 151
    assert len(calls.read_text().splitlines()) <= 4


@pytest.mark.parametrize("seed", range(4))
def test_chains_by_chance_build_where_a_way_leads_to_the_store(tmp_path: Path, seed: int) -> None:
    """Each chain has a known outcome: some way up must be there as a whole, valid, and end at a root of the store."""
    chance = random.Random(seed)
    roots = [authority(f"Root {number}") for number in range(3)]
    store = bundle(tmp_path / "store.pem", roots[0], roots[1])
    folder = tmp_path / "certs"
    folder.mkdir()
    junk = [authority(f"Junk {number}", issuer=roots[2]) for number in range(2)]
    expected = {}
    for number in range(30):
        root = chance.choice(roots)
        valid, issuer, presented = root in roots[:2], root, list[Made]()
        for level in range(chance.randint(0, 3)):
            issuer = authority(f"Middle {number}.{level}", issuer=issuer, days=chance.choice([-1, 500, 500, 500]))
            is_there = chance.random() < 0.8
            valid = valid and is_there and issuer.certificate.not_valid_after_utc > NOW
            presented += [issuer] * is_there
        leaf = make(f"h{number}.example", issuer=issuer, days=chance.choice([-1, 60, 60, 60, 60]))
        valid = valid and leaf.certificate.not_valid_after_utc > NOW
        presented += chance.sample(junk, chance.randint(0, 2)) + [root] * chance.randint(0, 1)
        chance.shuffle(presented)
        expected[str(bundle(folder / f"{number:02}.pem", leaf, *presented))] = valid
    found = told([{"path": str(folder)}], trust_store=str(store))
    refused = {finding["subject"].split(" [h")[0]: finding["status"] for finding in found if finding["status"] != "ok"}
    assert refused == {path: "critical" for path, valid in expected.items() if not valid}
    assert found[-1]["value"] == sum(expected.values())
