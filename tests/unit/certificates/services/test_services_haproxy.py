"""What HAProxy's configuration says of certificates."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import haproxy
from tests.unit.certificates.services.handed import reading, told


@pytest.mark.parametrize(
    ("bind", "at"),
    [
        ("*:443 ssl", ["*:443!"]),
        (":443 ssl", ["*:443!"]),
        ("0.0.0.0:443 ssl", ["*:443!"]),
        (":::443 ssl", ["[::]:443!"]),
        ("[::]:443 v4v6 ssl", ["[::]:443!", "*:443!"]),
        ("ipv6@:443 ssl", ["[::]:443!"]),
        ("ipv4@127.0.0.1:443 ssl", ["127.0.0.1:443!"]),
        ("[2001:db8::1]:443 ssl", ["[2001:db8::1]:443!"]),
        ("10.0.0.1:443,10.0.0.2:8443 ssl", ["10.0.0.1:443!", "10.0.0.2:8443!"]),
        ("*:8443-8445 ssl", ["*:8443!", "*:8444!", "*:8445!"]),
        ("*:443 strict-sni ssl", ["*:443"]),
        ("unix@/run/x.sock ssl", []),
        ("/run/x.sock ssl", []),
        ("quic4@:443 ssl", []),
        ("*:443 name ssl", None),
        ("*:80", None),
    ],
)
def test_where_it_listens(bind: str, at: list[str] | None) -> None:
    uses = told(haproxy, f"frontend f\n  bind {bind} crt /a.pem alpn h2,http/1.1\n")
    assert [use["at"] for use in uses] == ([] if at is None else [at])


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("bind :443 ssl crt /a.pem crt b.pem", ["/a.pem", "/b.pem"]),
        ("crt-base /srv/tls\nbind :443 ssl crt a.pem", ["/srv/tls/a.pem"]),
        ("default-path config\nbind :443 ssl crt a.pem", ["/etc/a.pem"]),
        ('bind :443 ssl crt "/with space.pem" # crt /no.pem', ["/with space.pem"]),
        ("bind :443 ssl crt /with\\ space.pem crt '/it''s.pem'", ["/with space.pem", "/its.pem"]),
        ('setenv DIR /srv\nbind :443 ssl crt "${DIR}/a.pem" crt "$DIR/b.pem"', ["/srv/a.pem", "/srv/b.pem"]),
        ('presetenv DIR /srv\npresetenv DIR /opt\nbind :443 ssl crt "${DIR}/a.pem"', ["/srv/a.pem"]),
        ('bind :443 ssl crt "${DIR-/opt}/a.pem"', ["/opt/a.pem"]),
        ("# bind :443 ssl crt /a.pem", []),
        ("server s 10.0.0.1:443 ssl crt /client.pem", []),
    ],
)
def test_which_files(text: str, files: list[str]) -> None:
    uses = told(haproxy, f"global\n{text}\n")
    assert [path for use in uses for path, _key in use["files"]] == files


def test_folders_bundles_and_keys_beside() -> None:
    names = ("b.pem", "a.crt", "a.key", "c.pem.ocsp", "d.pem.rsa", "d.pem.ecdsa", "b.pem.key")
    inside = {f"/srv/{name}": "x" for name in names}
    uses = told(haproxy, "crt-base /srv\nbind :443 ssl crt . crt d.pem", **inside)
    assert [use["files"][0] for use in uses] == [
        ("/srv/a.crt", "/srv/a.key"),
        ("/srv/b.pem", "/srv/b.pem.key"),
        ("/srv/d.pem.ecdsa", ""),
        ("/srv/d.pem.rsa", ""),
        ("/srv/d.pem.rsa", ""),
        ("/srv/d.pem.ecdsa", ""),
    ]
    assert [use["at"] for use in uses] == [["*:443!"]] + [["*:443"]] * 5


def test_a_list_of_certificates() -> None:
    text = (
        "# comment\n\n/first.pem\n"
        "portal.pem [alpn h2 ssl-min-ver TLSv1.2] portal.example *.portal.example !x.portal.example\n"
        "api.pem !old.example\n"
    )
    found = reading(haproxy, {"/etc/main.conf": "crt-base /srv\nbind :443 ssl crt-list /etc/list", "/etc/list": text})
    assert [(use.files, use.names, use.excluded, use.by_certificate, use.where) for use in found.uses] == [
        (("/first.pem",), (), (), True, "/etc/list:3"),
        (("/srv/portal.pem",), ("portal.example", "*.portal.example"), ("x.portal.example",), False, "/etc/list:4"),
        (("/srv/api.pem",), (), ("old.example",), True, "/etc/list:5"),
    ]
    assert [use.listens[0].default for use in found.uses] == [True, False, False]


def test_the_first_certificate_is_for_its_own_names_whatever_its_filters() -> None:
    for filters, by_certificate in (("a.example", True), ("!*", False)):
        found = reading(haproxy, {"/etc/main.conf": "bind :443 ssl crt-list /l", "/l": f"/a.pem {filters}"})
        assert found.uses[0].by_certificate is by_certificate


def test_several_files_in_a_folder_go_on_from_each_other() -> None:
    second = "bind :443 ssl accept-proxy crt a.pem"
    files = {"/etc/d/1.cfg": "global\ncrt-base /srv", "/etc/d/2.cfg": second, "/etc/d/x": "'"}
    found = reading(haproxy, files, main="/etc/d")
    assert [(use.files, use.where) for use in found.uses] == [(("/srv/a.pem",), "/etc/d/2.cfg:1")]
    assert found.uses[0].listens[0].proxied


@pytest.mark.parametrize(
    ("files", "where", "words"),
    [
        ({"/etc/main.conf": None}, "/etc/main.conf", "permission denied"),
        ({"/etc/main.conf": "bind :443 ssl crt-list /list"}, "/list", "no such file"),
        ({"/etc/main.conf": '\nbind :443 ssl crt "${DIR}/a.pem"'}, "/etc/main.conf:2", "a variable ($DIR/a.pem)"),
        ({"/etc/main.conf": "bind :443 ssl crt @web/a"}, "/etc/main.conf:1", "named by a crt-store (@web/a)"),
        ({"/etc/main.conf": "bind :443 ssl crt 'a"}, "/etc/main.conf:1", "quotation does not end"),
    ],
)
def test_what_cannot_be_told(files: dict[str, str | None], where: str, words: str) -> None:
    found = reading(haproxy, files)
    assert found.uses == []
    assert [trouble.where for trouble in found.troubles] == [where]
    assert words in found.troubles[0].reason


def test_what_depends_on_a_condition_is_told_so() -> None:
    text = ".if defined(X)\nbind :443 ssl crt /a.pem\n.endif\nbind :1 ssl crt /b.pem"
    found = reading(haproxy, {"/etc/main.conf": text})
    assert len(found.uses) == 2
    assert [trouble.where for trouble in found.troubles] == ["/etc/main.conf:2"]
