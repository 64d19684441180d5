"""What nginx's configuration says of certificates."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import nginx
from tests.unit.certificates.services.handed import reading, told

PAIR = "ssl_certificate a.pem; ssl_certificate_key a.key;"
FILES = [("/etc/a.pem", "/etc/a.key")]


@pytest.mark.parametrize(
    ("listen", "at"),
    [
        ("listen 443 ssl;", ["*:443!"]),
        ("listen [::]:443 ssl;", ["[::]:443!"]),
        ("listen 443 ssl; listen [::]:443 ssl;", ["*:443!", "[::]:443!"]),
        ("listen [::]:443 ssl ipv6only=off;", ["[::]:443!", "*:443!"]),
        ("listen 127.0.0.1:8443 ssl http2;", ["127.0.0.1:8443!"]),
        ("listen 0.0.0.0:443 ssl;", ["*:443!"]),
        ("listen [2001:db8::1] ssl;", ["[2001:db8::1]:80!"]),
        ("listen portal.clinic.example:443 default_server ssl;", ["portal.clinic.example:443!"]),
        ("listen unix:/run/nginx.sock ssl;", []),
        ("listen 443 quic reuseport; listen 443 ssl;", ["*:443!"]),
        ("listen 80;", []),
        ("listen 80; listen 443 ssl;", ["*:443!"]),
        ("listen 443; ssl on;", ["*:443!"]),
        ("ssl on;", ["*:80!"]),
        ("", []),
        ("listen 8000-8002 ssl;", ["*:8000!", "*:8001!", "*:8002!"]),
    ],
)
def test_where_it_listens(listen: str, at: list[str]) -> None:
    uses = told(nginx, f"http {{ server {{ {listen} {PAIR} }} }}")
    assert [place for use in uses for place in use["at"]] == at


@pytest.mark.parametrize(("listen", "files"), [("unix:/s ssl", [FILES]), ("443 quic", [FILES]), ("unix:/s", [])])
def test_what_nobody_can_ask_has_a_certificate_all_the_same(listen: str, files: list[list[tuple[str, str]]]) -> None:
    uses = told(nginx, f"http {{ server {{ listen {listen}; {PAIR} }} }}")
    assert [use["files"] for use in uses] == files
    assert [use["at"] for use in uses] == [[] for _unused in files]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("a.example b.example", ["a.example", "b.example"]),
        ("*.a.example .b.example", ["*.a.example", "b.example", "*.b.example"]),
        (r"~^(www\.)?(?<x>.+)$ a.example", ["a.example"]),
        (r'"~^(?<n>\w{1,3})\.a\.example$" a.example', ["a.example"]),
        ('_ "" mail.* $hostname', []),
        ("my_app.example", ["my_app.example"]),
        ("a.example; server_name b.example", ["a.example", "b.example"]),
    ],
)
def test_names_that_can_be_asked_for(given: str, names: list[str]) -> None:
    assert told(nginx, f"http {{ server {{ listen 443 ssl; server_name {given}; {PAIR} }} }}")[0]["names"] == names


@pytest.mark.parametrize(
    ("outer", "inner", "files"),
    [
        ("", PAIR, FILES),
        (PAIR, "", FILES),
        (PAIR, "ssl_certificate /b.pem; ssl_certificate_key /b.key;", [("/b.pem", "/b.key")]),
        # Certificate and key are inherited each for itself.
        (PAIR, "ssl_certificate /b.pem;", [("/b.pem", "/etc/a.key")]),
        ("", f"{PAIR} ssl_certificate b.pem; ssl_certificate_key b.key;", [*FILES, ("/etc/b.pem", "/etc/b.key")]),
        ("", "ssl_certificate both.pem; ssl_certificate_key engine:pkcs11:id;", [("/etc/both.pem", "")]),
        ("", r"""ssl_certificate "with space.pem"; ssl_certificate_key 'a\'b;}.key';""",
         [("/etc/with space.pem", "/etc/a'b;}.key")]),
        ("", "ssl_certificate with\\ space.pem; ssl_certificate_key x#y.key;",
         [("/etc/with space.pem", "/etc/x#y.key")]),
    ],
)  # fmt: skip
def test_which_files(outer: str, inner: str, files: list[tuple[str, str]]) -> None:
    assert told(nginx, f"http {{ {outer} server {{ listen 443 ssl; {inner} }} }}")[0]["files"] == files


def test_the_default_server_is_the_first_or_the_one_that_says_so() -> None:
    server = f"server {{ listen 443 ssl%s; listen 8443 ssl; {PAIR} }}"
    uses = told(nginx, "http {" + server % "" + server % " default_server" + "}")
    assert [use["at"] for use in uses] == [["*:443", "*:8443!"], ["*:443!", "*:8443"]]


def test_one_server_with_ssl_makes_its_socket_tls_for_all() -> None:
    uses = told(
        nginx, f"http {{ {PAIR} server {{ listen 443; }} server {{ listen 443 ssl; }} server {{ listen 80; }} }}"
    )
    assert [use["at"] for use in uses] == [["*:443!"], ["*:443"]]


def test_a_server_that_rejects_every_handshake_is_still_the_default() -> None:
    uses = told(
        nginx, f"http {{ server {{ listen 443 ssl; ssl_reject_handshake on; }} server {{ listen 443 ssl; {PAIR} }} }}"
    )
    assert [use["at"] for use in uses] == [["*:443"]]


def test_a_socket_behind_a_proxy_is_so_for_all_its_servers() -> None:
    text = f"http {{ {PAIR} server {{ listen 443 ssl; }} server {{ listen 443 ssl proxy_protocol; }} }}"
    found = reading(nginx, {"/etc/main.conf": text})
    assert [listen.proxied for use in found.uses for listen in use.listens] == [True, True]


def test_included_files_are_relative_to_the_main_one() -> None:
    found = reading(
        nginx,
        {
            "/etc/main.conf": "http {\n  include sites/*.conf; include /srv/none/*.conf;\n  include certs/a;\n}",
            "/etc/sites/b.conf": "server { listen 443 ssl;\n include snippets/tls; server_name b; }",
            "/etc/sites/a.conf": "# none\n\nserver { listen 443 ssl; server_name a; }",
            "/etc/sites/.hidden": "broken {",
            "/etc/snippets/tls": "ssl_certificate b.pem; ssl_certificate_key b.key;",
            "/etc/certs/a": PAIR,
        },
    )
    assert [(use.where, use.files, use.names) for use in found.uses] == [
        ("/etc/sites/a.conf:3", ("/etc/a.pem",), ("a",)),
        ("/etc/sites/b.conf:1", ("/etc/b.pem",), ("b",)),
    ]
    assert found.troubles == []


def test_lua_and_maps_are_passed_over() -> None:
    text = """
    http { map $host $x { hostnames; "~*\\.(?<d>[a-z]{2,})" "${d};"; default its; }
      server { listen 443 ssl; access_by_lua_block { local s = "}" -- ' } odd
          if s then return { a = '{' } end }
        location ~ "^/a{1,2}$" { if ($x = "}") { return 403; } proxy_pass http://${x}; }
        PAIR } }"""
    assert told(nginx, text.replace("PAIR", PAIR))[0]["files"] == FILES


def test_stream_and_mail() -> None:
    text = f"""
    stream {{ {PAIR} server {{ listen 636 ssl; proxy_pass x:389; }} server {{ listen 53 udp; }} }}
    mail {{ {PAIR} starttls on; server_name mail.example;
      server {{ listen 143; protocol imap; }} server {{ listen 587; }}
      server {{ listen 110; starttls off; }} server {{ listen 993 ssl; }} }}"""
    found = reading(nginx, {"/etc/main.conf": text})
    assert [(use.listens[0].label, use.starttls, use.names) for use in found.uses] == [
        ("*:636", "", ()),
        ("*:143", "imap", ()),
        ("*:587", "smtp", ()),
        ("*:993", "", ()),
    ]


@pytest.mark.parametrize(
    ("files", "where", "words"),
    [
        ({"/etc/main.conf": None}, "/etc/main.conf", "permission denied"),
        ({}, "/etc/main.conf", "no such file"),
        ({"/etc/main.conf": "http {\n server {"}, "/etc/main.conf:2", "ends inside of"),
        ({"/etc/main.conf": "http { }\n}"}, "/etc/main.conf:2", "closing brace too many"),
        ({"/etc/main.conf": "http {\n a 'b\n\n }"}, "/etc/main.conf:2", "quotation does not end"),
        ({"/etc/main.conf": "http {\ninclude more; }"}, "/etc/more", "no such file"),
        ({"/etc/main.conf": "include main.conf;"}, "/etc/main.conf:1", "in a circle"),
        ({"/etc/main.conf": "http { server { listen 443 ssl;\nssl_certificate /c/$ssl_server_name.pem; } }"},
         "/etc/main.conf:2", "depends on a variable (/c/$ssl_server_name.pem)"),
        ({"/etc/main.conf": 'http { server { listen 443 ssl;\nssl_certificate "data:-----BEGIN"; } }'},
         "/etc/main.conf:2", "in no file of its own (data:...)"),
        ({"/etc/main.conf": "http {\nserver { listen 443 ssl; } }"}, "/etc/main.conf:2", "has no ssl_certificate"),
    ],
)  # fmt: skip
def test_what_cannot_be_told(files: dict[str, str | None], where: str, words: str) -> None:
    found = reading(nginx, files)
    assert found.uses == []
    assert [trouble.where for trouble in found.troubles] == [where]
    assert words in found.troubles[0].reason


def test_files_that_include_each_other_many_times_over_take_no_time() -> None:
    files = {f"/etc/{name}": "include ?;" for name in "abcdefgh"}
    found = reading(nginx, {"/etc/main.conf": "include ?;", **files})
    assert len(found.troubles) == 1


def test_a_part_that_cannot_be_read_leaves_the_rest() -> None:
    found = reading(
        nginx, {"/etc/main.conf": f"http {{ include x; server {{ listen 443 ssl; {PAIR} }} }}", "/etc/x": "a"}
    )
    assert len(found.uses) == len(found.troubles) == 1
