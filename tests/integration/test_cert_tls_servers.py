"""cert_expiry on what other real servers accept: s_server, GnuTLS, PostgreSQL, Dovecot, MariaDB, Postfix."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import starttls as lab
from tests.lab.certificates import NOW_TEXT, Made, make
from tests.lab.modules import ROOT, findings_of
from tests.lab.tls_servers import at, gnutls, look, nginx, nss, only, rsa_made, s_server, verdicts

GOOD = ["TLS_AES_*", "TLS_CHACHA20_*", "ECDHE-*-AES*-GCM-*"]
OLD = ["-min_protocol", "TLSv1", "-cipher"]
EVERYTHING = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;"
HEALTHY = "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM;"


@pytest.fixture(scope="module")
def made() -> Made:
    return rsa_made()


@pytest.mark.parametrize(
    ("arguments", "minimum", "wanted"),
    [
        (["-tls1_3"], "TLSv1.3", "ok"),
        (["-tls1_2"], "TLSv1.3", "accepts only TLS 1.2"),
        (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "TLSv1.2", "accepts only TLS 1.1"),
        (
            ["-no_tls1_3", "-min_protocol", "TLSv1", "-cipher", "ALL:@SECLEVEL=0"],
            "TLSv1.2",
            "accepts TLS 1.0 and TLS 1.1:",
        ),
        (
            ["-no_tls1_2", "-min_protocol", "TLSv1", "-cipher", "NULL:@SECLEVEL=0"],
            "TLSv1.3",
            "accepts TLS 1.0 and TLS 1.1:",
        ),
    ],
)
def test_the_versions_of_s_server(made: Made, arguments: list[str], minimum: str, wanted: str) -> None:
    with s_server(*arguments, made=made) as port:
        finding = only(look(at(port), tls_minimum=minimum), "tls.version")
    assert finding["status"] == wanted if wanted == "ok" else wanted in finding["message"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["-ciphersuites", "TLS_AES_128_CCM_SHA256", "-no_tls1_2"], []),
        (["-cipher", "NULL-SHA256:@SECLEVEL=0", "-tls1_2"], ["TLS_RSA_WITH_NULL_SHA256"]),
        (["-cipher", "AECDH-AES128-SHA:@SECLEVEL=0"], ["TLS_ECDH_anon_WITH_AES_128_CBC_SHA"]),
        (
            ["-psk", "00ff", "-cipher", "PSK-AES128-CBC-SHA:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"],
            ["TLS_PSK_WITH_AES_128_CBC_SHA"],
        ),
    ],
)
def test_the_suites_of_s_server(made: Made, arguments: list[str], wanted: list[str]) -> None:
    with s_server(*arguments, made=made) as port:
        finding = only(look(at(port), tls_ciphers=GOOD), "tls.ciphers")
    assert finding["evidence"]["forbidden"] == wanted
    assert finding["status"] == ("critical" if wanted else "ok")


def test_an_elliptic_key() -> None:
    with nginx({"old": EVERYTHING, "new": HEALTHY}, made=make()) as ports:
        result = look(at(ports["old"]), at(ports["new"]), tls_minimum="TLSv1.2", tls_ciphers=GOOD)
    assert verdicts(result, "tls.version") == verdicts(result, "tls.ciphers") == ["critical", "ok"]
    assert "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA" in findings_of(result, "tls.ciphers")[0]["evidence"]["forbidden"]


def test_what_the_local_library_cannot_speak(made: Made) -> None:
    """RC4 and 3DES are not in Debian's OpenSSL."""
    weak = "NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.2:+ARCFOUR-128:+3DES-CBC"
    strong = "SECURE256:-VERS-ALL:+VERS-TLS1.3"
    with gnutls(weak, made=made) as old, gnutls(strong, made=made) as new:
        endpoints = [at(old), at(new)]
        result = look(*endpoints, tls_minimum="TLSv1.2", tls_ciphers=GOOD)
    assert verdicts(result, "tls.version") == verdicts(result, "tls.ciphers") == ["critical", "ok"]
    forbidden = findings_of(result, "tls.ciphers")[0]["evidence"]["forbidden"]
    assert {"TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"} <= set(forbidden)
    assert findings_of(result, "tls.version")[0]["evidence"]["accepted"] == ["TLSv1", "TLSv1.2"]


def test_the_oldest_version_of_all(made: Made) -> None:
    """No OpenSSL of today speaks SSLv3: the certificate cannot be read from such a server, its policy is judged."""
    with nss("ssl3:ssl3", made=made) as old, nss("ssl3:tls1.2", made=made) as both, nss("tls1.2:", made=made) as new:
        result = look(at(old), at(both), at(new), tls_minimum="TLSv1.2")
    found = findings_of(result, "tls.version")
    assert [finding["evidence"]["accepted"] for finding in found[:2]] == [
        ["SSLv3"],
        ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"],
    ]
    assert [finding["status"] for finding in found] == ["critical", "critical", "ok"]
    assert [one["subject"] for one in findings_of(result, "certificate.readable")] == [f"127.0.0.1:{old}"]


def test_through_starttls(made: Made) -> None:
    """Dovecot has no parameters for DHE here: it hangs up where such suites come first, and is not believed for it."""
    with (
        lab.postgres([made], settings={"ssl_min_protocol_version": "TLSv1.3"}) as postgres,
        lab.dovecot([made]) as boxes,
        lab.mariadb([made]) as mysql,
        lab.postfix([made]) as mail,
    ):
        endpoints = [at(postgres, starttls="postgres"), at(boxes["imap"], starttls="imap")]
        endpoints += [
            at(mysql, starttls="mysql"),
            at(mail["smtp"], starttls="smtp"),
            at(mail["plain"], starttls="smtp"),
        ]
        result = look(*endpoints, tls_minimum="TLSv1.3", tls_ciphers=["TLS_AES_*", "TLS_CHACHA20_*"])
    found = findings_of(result, "tls.version")
    assert [finding["status"] for finding in found] == ["ok", "critical", "critical", "critical", "unknown"]
    assert [finding["evidence"]["accepted"][-2:] for finding in found[1:4]] == [["TLSv1.2", "TLSv1.3"]] * 3
    assert "ssl_min_protocol" in found[1]["message"] and "smtpd_tls_" in found[3]["message"]
    assert "is unknown: the SMTP server does not offer STARTTLS." in found[4]["message"]
    assert verdicts(result, "tls.ciphers") == ["ok", "critical", "critical", "critical", "unknown"]


def test_a_mysql_server_elsewhere_is_not_made_to_shut_us_out(made: Made) -> None:
    """After a few broken handshakes it blocks the host they came from, with all its programs."""
    outside = own_address()
    if not outside:
        pytest.skip("this machine has no address but the loopback")
    more = ["--ssl", "--max-connect-errors=3", "--bind-address=0.0.0.0"]
    with lab.mariadb([made], more=more) as port:
        result = look({**at(port, starttls="mysql"), "host": outside}, tls_minimum="TLSv1.2", tls_ciphers=GOOD)
        again = look({**at(port, starttls="mysql"), "host": outside})
    assert verdicts(result, "tls.version") == verdicts(result, "tls.ciphers") == ["unknown"]
    assert "ask it on its own host at 127.0.0.1" in findings_of(result, "tls.version")[0]["message"]
    assert verdicts(again, "certificate.expiry") == ["ok"]


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somewhere:
        try:
            somewhere.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return ""
        address: str = somewhere.getsockname()[0]
    return "" if address.startswith("127.") else address


def test_the_role_hands_it_all_on(made: Made, tmp_path: Path) -> None:
    with lab.dovecot([made]) as boxes, nginx({"new": HEALTHY}, made=made) as ports:
        policy = {
            "certificates_endpoints": [
                at(boxes["imap"], starttls="imap", tls_minimum="TLSv1.2", tls_ciphers=[]),
                at(ports["new"]),
            ],
            "certificates_tls_minimum": "TLSv1.3",
            "certificates_tls_ciphers": ["TLS_AES_*"],
            "certificates_become": False,
            "certificates_now": NOW_TEXT,
            "ansible_python_interpreter": sys.executable,
        }
        role = {"name": "careops.maintenance.certificates", "tasks_from": "check"}
        play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.include_role": role}]}
        (tmp_path / "play.yml").write_text(json.dumps([play]))
        done = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "-c", "local", "-v", "-e", json.dumps(policy), "play.yml"],
            cwd=tmp_path,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if '"findings"' in line]
    found = {
        (finding["check"], finding["subject"]): finding["status"]
        for finding in json.loads(line.partition(" => ")[2])["findings"]
        if finding["check"].startswith("tls.")
    }
    assert found == {
        ("tls.version", f"127.0.0.1:{boxes['imap']} (imap)"): "ok",
        ("tls.version", f"127.0.0.1:{ports['new']}"): "critical",
        ("tls.ciphers", f"127.0.0.1:{ports['new']}"): "critical",
    }
