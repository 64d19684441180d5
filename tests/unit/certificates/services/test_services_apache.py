"""What Apache's configuration says of certificates."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import apache
from tests.unit.certificates.services.handed import reading, told

TLS = "SSLEngine on\nSSLCertificateFile a.pem\nSSLCertificateKeyFile a.key\n"
FILES = [("/etc/a.pem", "/etc/a.key")]


def host(address: str = "*:443", more: str = TLS) -> str:
    return f"<VirtualHost {address}>\n{more}\n</VirtualHost>\n"


@pytest.mark.parametrize(
    ("listen", "address", "at"),
    [
        ("443", "*:443", ["*:443!"]),
        ("443 https", "_default_:443", ["*:443!"]),
        ("0.0.0.0:443", "*:443", ["*:443!"]),
        ("[::]:443", "*:443", ["[::]:443!"]),
        ("127.0.0.1:8443", "*:8443", ["127.0.0.1:8443!"]),
        ("443", "192.0.2.1:443", ["192.0.2.1:443!"]),
        ("443", "192.0.2.1:443 [2001:db8::1]:443", ["192.0.2.1:443!", "[2001:db8::1]:443!"]),
        ("192.0.2.1:443", "192.0.2.2:443", []),
        ("443\nListen 8443", "*", ["*:443!", "*:8443!"]),
        ("443\nListen 443", "*:*", ["*:443!"]),
        ("80", "*:443", []),
    ],
)
def test_where_it_answers(listen: str, address: str, at: list[str]) -> None:
    uses = told(apache, f"Listen {listen}\n{host(address)}")
    assert [place for use in uses for place in use["at"]] == at


def test_an_address_of_its_own_goes_before_all_addresses() -> None:
    text = "Listen 127.0.0.1:443\n" + host("*:443", TLS + "ServerName a") + host("127.0.0.1:443", TLS + "ServerName b")
    assert [use["names"] for use in told(apache, text)] == [["b"]]


def test_the_first_host_of_a_socket_is_its_default_and_decides_whether_it_speaks_tls() -> None:
    text = "Listen 443\n" + host() + host(more=TLS + "ServerName b.example") + host(more="ServerName plain")
    assert [use["at"] for use in told(apache, text)] == [["*:443!"], ["*:443"]]
    assert told(apache, "Listen 443\n" + host(more="ServerName plain") + host()) == []


def test_names() -> None:
    more = TLS + "ServerAlias b.example *.c.example d.* e?.example\nServerName https://a.example:443\n"
    assert told(apache, f"Listen 443\n{host(more=more)}")[0]["names"] == ["a.example", "b.example", "*.c.example"]


@pytest.mark.parametrize(
    ("outer", "inner"), [("", "SSLCertificateChainFile c.pem"), ("SSLCertificateChainFile c.pem", "")]
)
def test_the_chain_may_stand_in_a_file_of_its_own(outer: str, inner: str) -> None:
    (use,) = reading(apache, {"/etc/main.conf": f"Listen 443\n{outer}\n{host(more=TLS + inner)}"}).uses
    assert [pair.chain for pair in use.pairs] == ["/etc/c.pem"]


@pytest.mark.parametrize(
    ("outer", "inner", "files"),
    [
        ("", TLS, FILES),
        (TLS, "", FILES),
        (TLS, "SSLCertificateFile /b.pem", [("/b.pem", "/etc/a.key")]),
        ("", TLS + "SSLCertificateFile b.pem\nSSLCertificateKeyFile b.key", [*FILES, ("/etc/b.pem", "/etc/b.key")]),
        ("", "sslengine ON\nsslcertificatefile both.pem", [("/etc/both.pem", "")]),
        ("", 'SSLEngine on\nSSLCertificateFile "/a \\"b\\" c.pem"', [('/a "b" c.pem', "")]),
        ("", "SSLEngine on\nSSLCertificateFile \\\n  /a.pem", [("/a.pem", "")]),
        ("Define where /srv/tls\n", "SSLEngine on\nSSLCertificateFile ${where}/a.pem", [("/srv/tls/a.pem", "")]),
        ("ServerRoot /srv\n", "SSLEngine on\nSSLCertificateFile a.pem", [("/srv/a.pem", "")]),
        (TLS, "SSLEngine off", None),
        ("", "SSLCertificateFile a.pem", None),
        ("", "# SSLEngine on", None),
    ],
)
def test_which_files(outer: str, inner: str, files: list[tuple[str, str]] | None) -> None:
    uses = told(apache, f"Listen 443\n{outer}{host(more=inner)}")
    assert [use["files"] for use in uses] == ([] if files is None else [files])


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("IfModule ssl_module", True),
        ("IfModule mod_ssl.c", True),
        ("IfModule !mod_ssl.c", False),
        ("IfModule mod_gnutls.c", False),
        ("IfModule !mod_gnutls.c", True),
        ("IfDefine PRODUCTION", True),
        ("IfDefine !PRODUCTION", False),
        ("IfDefine STAGING", False),
        ("IfVersion >= 2.4", True),
        ("IfVersion < 2.4", False),
        ("IfFile /etc/main.conf", True),
        ("IfFile !/etc/main.conf", False),
        ("IFMODULE mod_headers.c", False),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    text = (
        "LoadModule ssl_module /x/mod_ssl.so\nDefine PRODUCTION\nListen 443\n"
        f"<{condition}>\n<IfModule none>\n</IfModule>\n<Directory />\n</Directory>\n{host()}"
        f"</{condition.partition(' ')[0]}>\n"
    )
    assert len(told(apache, text)) == holds


def test_included_files() -> None:
    found = reading(
        apache,
        {
            "/etc/main.conf": "IncludeOptional mods/*.load\nInclude ports.conf\nInclude sites\nIncludeOptional none\n",
            "/etc/mods/ssl.load": "LoadModule ssl_module mod_ssl.so",
            "/etc/ports.conf": "<IfModule ssl_module>\n Listen 443\n</IfModule>",
            "/etc/sites/b.conf": host(more="ServerName b\nInclude /etc/tls.inc"),
            "/etc/sites/deep/c.conf": "\n" + host(more=TLS + "ServerName c"),
            "/etc/tls.inc": TLS,
        },
    )
    assert [(use.where, use.names) for use in found.uses] == [
        ("/etc/sites/b.conf:1", ("b",)),
        ("/etc/sites/deep/c.conf:2", ("c",)),
    ]
    assert found.troubles == []


def test_variables_of_debians_start_script() -> None:
    envvars = 'if [ x ]; then\n\tSUFFIX="-x"\nelse\n\tSUFFIX=\nfi\nexport TLS_DIR=/srv/tls$SUFFIX\nexport LANG\n'
    text = "Listen 443\n" + host(more="SSLEngine on\nSSLCertificateFile ${TLS_DIR}/a.pem")
    assert told(apache, text, **{"/etc/envvars": envvars})[0]["files"] == [("/srv/tls/a.pem", "")]


def test_what_debians_start_script_defines() -> None:
    text = f"Listen 443\n<IfDefine TLS>\n{host()}</IfDefine>"
    envvars = "export APACHE_ARGUMENTS='-D TLS -DMORE'\n"
    assert told(apache, text) == []
    assert len(told(apache, text, **{"/etc/envvars": envvars})) == 1


def test_macros() -> None:
    text = (
        f"Listen 443\n<Macro Site $name $names>\n{host(more=TLS + 'ServerName $name')}</Macro>\n"
        "Use Site a.example x\nUse Site b.example x\n"
    )
    assert [use["names"] for use in told(apache, text)] == [["a.example"], ["b.example"]]


def test_behind_a_proxy() -> None:
    found = reading(apache, {"/etc/main.conf": "Listen 443\n" + host(more=TLS + "RemoteIPProxyProtocol On")})
    assert [listen.proxied for use in found.uses for listen in use.listens] == [True]


@pytest.mark.parametrize(
    ("files", "where", "words"),
    [
        ({"/etc/main.conf": None}, "/etc/main.conf", "permission denied"),
        ({}, "/etc/main.conf", "no such file"),
        ({"/etc/main.conf": "Include none.conf"}, "/etc/none.conf", "no such file"),
        ({"/etc/main.conf": "\nInclude main.conf"}, "/etc/main.conf:2", "in a circle"),
        ({"/etc/main.conf": "Listen 443\n" + host(more="SSLEngine on")}, "/etc/main.conf:2", "no SSLCertificateFile"),
        ({"/etc/main.conf": "Listen 443\nMDomain a\n" + host(more="SSLEngine on")}, "/etc/main.conf:3", "mod_md"),
        ({"/etc/main.conf": "Listen 443\n" + host(more="SSLEngine on\nSSLCertificateFile ${X}/a.pem")},
         "/etc/main.conf:2", "variable that is not defined (${X}/a.pem)"),
        ({"/etc/main.conf": "Listen 443\n" + host(more="SSLEngine on\nSSLCertificateFile pkcs11:token=x")},
         "/etc/main.conf:2", "in no file of its own (pkcs11:...)"),
    ],
)  # fmt: skip
def test_what_cannot_be_told(files: dict[str, str | None], where: str, words: str) -> None:
    found = reading(apache, files)
    assert found.uses == []
    assert [trouble.where for trouble in found.troubles] == [where]
    assert words in found.troubles[0].reason
