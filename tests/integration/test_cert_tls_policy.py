"""cert_expiry on what real TLS servers accept: nginx (OpenSSL), beside the openssl program and testssl.sh."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls import probe, suites
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls.policy import Wish
from tests.lab.certificates import Made
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port
from tests.lab.scripted import scripted
from tests.lab.tls_servers import accepted_by_s_client, at, look, nginx, only, rsa_made, verdicts

GOOD = ["TLS_AES_*", "TLS_CHACHA20_*", "ECDHE-*-AES*-GCM-*"]
SITES = {
    "everything": "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;",
    "newest": "ssl_protocols TLSv1.3;",
    "healthy": "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM;",
    "one_two": "ssl_protocols TLSv1.2; ssl_ciphers ECDHE+AESGCM;",
    "old_one_too": "ssl_protocols TLSv1 TLSv1.3; ssl_ciphers ECDHE+AES:@SECLEVEL=0;",
    "one_weak_suite": "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:AES128-SHA;",
    "old_but_locked": "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:@SECLEVEL=2;",
}


@pytest.fixture(scope="module")
def made() -> Made:
    return rsa_made()


@pytest.fixture(scope="module")
def sites(made: Made) -> Iterator[dict[str, int]]:
    with nginx(SITES, made=made) as ports:
        yield ports


@pytest.mark.parametrize(
    ("minimum", "wanted"),
    [
        # everything, newest, healthy, one_two, old_one_too, one_weak_suite, old_but_locked
        ("TLSv1.3", ["critical", "ok", "critical", "critical", "critical", "critical", "critical"]),
        ("TLSv1.2", ["critical", "ok", "ok", "ok", "critical", "ok", "ok"]),
        ("TLSv1", ["ok"] * 7),
    ],
)
def test_the_oldest_version(sites: dict[str, int], minimum: str, wanted: list[str]) -> None:
    result = look(*(at(port) for port in sites.values()), tls_minimum=minimum)
    found = findings_of(result, "tls.version")
    assert [finding["subject"] for finding in found] == [f"127.0.0.1:{port}" for port in sites.values()]
    assert [finding["status"] for finding in found] == wanted
    assert findings_of(result, "tls.ciphers") == []


def test_a_server_that_negotiates_the_newest_and_accepts_an_older_one_is_caught(sites: dict[str, int]) -> None:
    finding = only(look(at(sites["healthy"]), tls_minimum="TLSv1.3"), "tls.version")
    assert "also accepts TLS 1.2: make TLS 1.3 its oldest version" in finding["message"]
    assert finding["evidence"]["accepted"] == ["TLSv1.2", "TLSv1.3"]
    old = only(look(at(sites["old_one_too"]), tls_minimum="TLSv1.2"), "tls.version")
    assert "also accepts TLS 1.0:" in old["message"]


def test_suites(sites: dict[str, int]) -> None:
    result = look(*(at(port) for port in sites.values()), tls_ciphers=GOOD)
    found = dict(zip(sites, findings_of(result, "tls.ciphers")))
    assert {name: finding["status"] for name, finding in found.items()} == {
        **dict.fromkeys(("newest", "healthy", "one_two", "old_but_locked"), "ok"),
        **dict.fromkeys(("everything", "old_one_too", "one_weak_suite"), "critical"),
    }
    assert found["one_weak_suite"]["evidence"]["forbidden"] == ["TLS_RSA_WITH_AES_128_CBC_SHA"]
    assert "accepts 1 cipher suite that the policy does not: AES128-SHA;" in found["one_weak_suite"]["message"]
    assert findings_of(result, "tls.version") == []
    # In both names; and those of TLS 1.3 are held against the policy, too.
    result = look(at(sites["newest"]), tls_ciphers=["TLS_AES_256_GCM_SHA384", "AES128-SHA"])
    forbidden = only(result, "tls.ciphers")["evidence"]["forbidden"]
    assert forbidden == ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]


@pytest.mark.parametrize("name", ["everything", "old_one_too", "one_weak_suite"])
def test_the_openssl_program_finds_the_same(sites: dict[str, int], name: str) -> None:
    wanted = accepted_by_s_client(sites[name])
    # Allows one that no server has, so that each one that a server accepts is named.
    seen = probe.look(Endpoint("127.0.0.1", sites[name]), Wish("", ["SSL_RSA_FIPS_*"]), timeout=5)
    assert sorted(seen.accepted()) == sorted(wanted)
    assert {suites.every()[code].iana for code in seen.forbidden} == set().union(*wanted.values())


@pytest.mark.soak
def test_testssl_finds_the_same_versions(sites: dict[str, int], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    argv = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "one", "-p", "--jsonfile", str(report)]
    argv.append(f"127.0.0.1:{sites['old_one_too']}")
    subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    names = {"SSLv3": "SSLv3", "TLS1": "TLSv1", "TLS1_1": "TLSv1.1", "TLS1_2": "TLSv1.2", "TLS1_3": "TLSv1.3"}
    rows = {row["id"]: row["finding"] for row in json.loads(report.read_text()) if row["id"] in names}
    offered = [names[key] for key, words in rows.items() if "not offered" not in words]
    evidence = only(look(at(sites["old_one_too"]), tls_minimum="TLSv1.3"), "tls.version")["evidence"]
    assert evidence["accepted"] == offered == ["TLSv1", "TLSv1.3"]
    assert len(rows) == 5


def test_an_endpoint_has_a_policy_of_its_own(sites: dict[str, int]) -> None:
    result = look(
        at(sites["healthy"]),
        at(sites["one_weak_suite"], tls_minimum="TLSv1.2", tls_ciphers=["*"]),
        at(sites["everything"], tls_minimum="", tls_ciphers=[]),
        tls_minimum="TLSv1.3",
        tls_ciphers=GOOD,
    )
    assert verdicts(result, "tls.version") == ["critical", "ok"]
    assert verdicts(result, "tls.ciphers") == ["ok", "ok"]
    result = look(at(sites["everything"]), at(sites["healthy"], tls_minimum="TLSv1.2"))
    assert verdicts(result, "tls.version") == ["ok"]
    twice = look(at(sites["healthy"]), at(sites["newest"]), at(sites["healthy"]), tls_minimum="TLSv1.3")
    assert verdicts(twice, "tls.version") == ["critical", "ok"]


# What cannot be told is unknown


def test_what_does_not_answer_is_unknown(sites: dict[str, int]) -> None:
    alert = b"\x15\x03\x03\x00\x02\x02\x50"
    with (
        scripted(hangs=True) as silent,
        scripted(b"HTTP/1.1 400 Bad Request\r\n\r\n", first=False) as web,
        scripted(alert, first=False) as refusing,
        scripted(b"", first=False) as closing,
        scripted(alert[:4], first=False, hangs=True) as slow,
    ):
        ports = [free_port(), silent, web, refusing, closing, slow]
        result = look(*map(at, ports), at(sites["healthy"]), tls_minimum="TLSv1.2", tls_ciphers=GOOD, timeout=1)
    found = findings_of(result, "tls.version")
    assert [finding["status"] for finding in found] == ["unknown"] * 6 + ["ok"]
    words = ["refused, nothing listens", "no answer within 1 seconds.", "its answer is no TLS"]
    words += ["alert internal error", "the connection was closed", "no answer within 1 seconds."]
    assert all(part in finding["message"] for part, finding in zip(words, found)), found
    assert verdicts(result, "tls.ciphers") == ["unknown"] * 6 + ["ok"]


def test_servers_that_hang_cost_one_timeout() -> None:
    """What did not answer the first handshake is not asked again, whatever else it was to be asked for."""
    with scripted(hangs=True) as port:
        ends = [at(port, server_name=f"{number}.example") for number in range(64)]
        started = time.monotonic()
        result = look(*ends, tls_minimum="TLSv1.3", tls_ciphers=GOOD, timeout=1)
        assert time.monotonic() - started < 6, "two rounds of 32 at once"
    for check in ("certificate.readable", "tls.version", "tls.ciphers"):
        assert verdicts(result, check) == ["unknown"] * 64


def test_bad_options() -> None:
    for more, words in (
        ({"tls_minimum": "TLSv1.4"}, "tls_minimum"),
        ({"tls_ciphers": ["HIGH:!aNULL"]}, "means no cipher suite"),
        ({"endpoints": [{"host": "a.example", "tls_ciphers": ["AES-128"]}]}, "means no cipher suite"),
    ):
        result = run_module("cert_expiry", {"endpoints": [{"host": "a.example"}], **more})
        assert result["failed"] is True and words in result["msg"]
