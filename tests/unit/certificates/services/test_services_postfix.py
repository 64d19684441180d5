"""What Postfix's configuration says of certificates."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import postfix
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services.use import Use
from tests.unit.certificates.services.handed import reading

CERT = "smtpd_tls_cert_file = /a.pem\nsmtpd_tls_key_file = /a.key\n"
MAY = CERT + "smtpd_tls_security_level = may\n"
SMTP = "smtp      inet  n       -       y       -       -       smtpd\n"
SUBMISSION = "submission inet n - y - - smtpd\n"
SUBMISSIONS = "submissions inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=yes\n"


def uses(main: str, master: str = SMTP, more: Mapping[str, str | None] | None = None) -> list[Use]:
    files = {"/etc/postfix/main.cf": main, "/etc/postfix/master.cf": master, **(more or {})}
    found = reading(postfix, files, main="/etc/postfix/main.cf")
    assert found.troubles == []
    return found.uses


def served(found: list[Use]) -> list[tuple[str, str]]:
    return [(listen.label, use.starttls) for use in found for listen in use.listens if listen.host != "::"]


@pytest.mark.parametrize(
    ("main", "master", "expected"),
    [
        (MAY, SMTP, [("*:25", "smtp")]),
        (MAY, SMTP + SUBMISSION, [("*:25", "smtp"), ("*:587", "smtp")]),
        (MAY, SUBMISSIONS, [("*:465", "")]),
        (CERT, SUBMISSIONS, [("*:465", "")]),
        (CERT, SMTP, []),
        (CERT + "smtpd_tls_security_level = none", SMTP, []),
        (CERT + "smtpd_use_tls = yes", SMTP, [("*:25", "smtp")]),
        (CERT + "smtpd_enforce_tls = yes", SMTP, [("*:25", "smtp")]),
        (CERT + "smtpd_use_tls = yes\nsmtpd_tls_security_level = none", SMTP, []),
        (MAY, "smtp inet n - y - - smtpd -o smtpd_tls_security_level=none", []),
        (CERT, SMTP + SUBMISSION + "  -o smtpd_tls_security_level=encrypt\n# -o x=y\n  -o a=b", [("*:587", "smtp")]),
        (CERT, SMTP + "  -o { smtpd_tls_security_level = may }", [("*:25", "smtp")]),
        (MAY, "127.0.0.1:10025 inet n - y - - smtpd", [("127.0.0.1:10025", "smtp")]),
        (MAY, "[2001:db8::1]:2525 inet n - y - - smtpd", [("[2001:db8::1]:2525", "smtp")]),
        (MAY, "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd", [("*:25", "smtp")]),
        (MAY, "smtp unix - - y - - smtp\nrelay inet", []),
        (MAY, "#smtp inet n - y - - smtpd", []),
        (MAY + "inet_interfaces = loopback-only", SMTP, [("127.0.0.1:25", "smtp")]),
        (MAY + "inet_interfaces = 10.0.0.1, [::1]\ninet_protocols=ipv4", SMTP, [("10.0.0.1:25", "smtp")]),
        (MAY + "inet_interfaces = $myhostname localhost\nmyhostname = mx.example", SMTP,
         [("mx.example:25", "smtp"), ("localhost:25", "smtp")]),
        ("smtpd_tls_security_level = may", SMTP, []),
        ("smtpd_tls_security_level = may\nsmtpd_tls_cert_file = none", SMTP, []),
    ],
)  # fmt: skip
def test_where_it_is_served(main: str, master: str, expected: list[tuple[str, str]]) -> None:
    assert served(uses(main, master)) == expected


@pytest.mark.parametrize(
    ("main", "pairs"),
    [
        (CERT, [("/a.pem", "/a.key")]),
        ("smtpd_tls_cert_file = /both.pem", [("/both.pem", "")]),
        ("smtpd_tls_cert_file = /old.pem\nsmtpd_tls_cert_file =\n\n   # still\n  /new.pem", [("/new.pem", "")]),
        ("where = /srv\nsmtpd_tls_cert_file = ${where}/$name.pem\nname=$(sub)\nsub=x", [("/srv/x.pem", "")]),
        ("smtpd_tls_cert_file = $config_directory/a.pem", [("/etc/postfix/a.pem", "")]),
        ("smtpd_tls_cert_file = ${x?{/set.pem}:{/unset.pem}}", [("/unset.pem", "")]),
        ("x=1\nsmtpd_tls_cert_file = ${x?/set.pem}${x:/unset.pem}", [("/set.pem", "")]),
        (CERT + "smtpd_tls_eccert_file = /ec.pem\nsmtpd_tls_eckey_file = /ec.key",
         [("/a.pem", "/a.key"), ("/ec.pem", "/ec.key")]),
        (CERT + "smtpd_tls_chain_files = /key, /chain\n  /whole", [("/chain", "/key"), ("/whole", "")]),
        (CERT + "smtpd_tls_chain_files =", [("/a.pem", "/a.key")]),
        (CERT + "smtpd_tls_chain_files = /denied", [("/denied", "")]),
    ],
)  # fmt: skip
def test_which_files(main: str, pairs: list[tuple[str, str]]) -> None:
    key, certificate = "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\n"
    files: dict[str, str | None] = {"/key": key, "/chain": certificate, "/whole": key + certificate, "/denied": None}
    found = uses(main + "\nsmtpd_tls_security_level = may", more=files)
    assert [pair[:2] for use in found for pair in use.pairs] == pairs


def test_a_service_with_a_certificate_of_its_own() -> None:
    found = uses(
        MAY, SMTP + SUBMISSION + "  -o smtpd_tls_cert_file=/b.pem -o smtpd_tls_key_file=$smtpd_tls_cert_file\n"
    )
    assert [(use.files, use.pairs[0].key, use.where) for use in found] == [
        (("/a.pem",), "/a.key", "/etc/postfix/main.cf:1"),
        (("/b.pem",), "", "/etc/postfix/master.cf:2"),
    ]


@pytest.mark.parametrize(
    ("main", "master", "where", "words"),
    [
        (None, SMTP, "main.cf", "permission denied"),
        (MAY, None, "master.cf", "permission denied"),
        (MAY, "odd inet n - y - - smtpd", "master.cf:1", "the port of odd is not known"),
        ("tls_server_sni_maps = hash:/etc/postfix/sni", SMTP, "sni", "no such file"),
        ("\ntls_server_sni_maps = inline:{a=b}", SMTP, "main.cf:2", "table inline:{a=b}"),
    ],
)
def test_what_cannot_be_told(main: str | None, master: str | None, where: str, words: str) -> None:
    found = reading(
        postfix, {"/etc/postfix/main.cf": main, "/etc/postfix/master.cf": master}, main="/etc/postfix/main.cf"
    )
    assert found.uses == []
    assert [trouble.where for trouble in found.troubles] == [f"/etc/postfix/{where}"]
    assert words in found.troubles[0].reason


def test_certificates_by_name() -> None:
    table = "# names\na.example /a.pem,\n   /a-ecdsa.pem\n.b.example /key /chain\nempty.example\n"
    files: dict[str, str | None] = {
        "/etc/postfix/sni": table,
        "/a.pem": "-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n",
        "/key": "-----BEGIN PRIVATE KEY-----\n",
        "/chain": "-----BEGIN CERTIFICATE-----\n",
    }
    found = uses(f"{MAY}tables = lmdb:$config_directory\ntls_server_sni_maps = $tables/sni", SMTP + SUBMISSIONS, files)
    assert [(use.names, use.files, use.starttls, use.where) for use in found[2:]] == [
        (("a.example",), ("/a.pem", "/a-ecdsa.pem"), "smtp", "/etc/postfix/sni:2"),
        (("a.example",), ("/a.pem", "/a-ecdsa.pem"), "", "/etc/postfix/sni:2"),
        (("*.b.example",), ("/chain",), "smtp", "/etc/postfix/sni:4"),
        (("*.b.example",), ("/chain",), "", "/etc/postfix/sni:4"),
    ]
    assert found[4].pairs[0].key == "/key"
    assert not any(listen.default for use in found[2:] for listen in use.listens)
