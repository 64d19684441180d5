"""What PostgreSQL's configuration says of certificates."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import postgresql
from tests.unit.certificates.services.handed import reading, told

FILES = [("/etc/server.crt", "/etc/server.key")]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("ssl = on", ["localhost:5432!"]),
        ("ssl on\nport 5433", ["localhost:5433!"]),
        ("SSL=ON", ["localhost:5432!"]),
        ("ssl = 'true' # yes", ["localhost:5432!"]),
        ("ssl = y", ["localhost:5432!"]),
        ("ssl = 1", ["localhost:5432!"]),
        ("ssl=on\nlisten_addresses = '*'", ["*:5432!", "[::]:5432!"]),
        ("ssl=on\nlisten_addresses = '0.0.0.0, ::1 ,db.example'", ["*:5432!", "[::1]:5432!", "db.example:5432!"]),
        ("ssl=on\nport = 1\nport = '2'", ["localhost:2!"]),
    ],
)
def test_where_it_listens(text: str, at: list[str]) -> None:
    assert told(postgresql, text) == [{"files": FILES, "at": at, "names": []}]


@pytest.mark.parametrize(
    "text", ["", "ssl = off", "#ssl = on", "ssl = on\nssl = off", "ssl = 'of'", "ssl = 0", "ssl = n"]
)
def test_without_tls(text: str) -> None:
    assert told(postgresql, text) == []


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("ssl_cert_file = '/a.crt'\nssl_key_file='/a.key'", ("/a.crt", "/a.key")),
        ("data_directory = '/srv/15/main'", ("/srv/15/main/server.crt", "/srv/15/main/server.key")),
        ("data_directory = 'data'\nssl_cert_file = tls/a.crt", ("/etc/data/tls/a.crt", "/etc/data/server.key")),
        (r"ssl_cert_file = '/it''s \'a\'.crt'   # here", ("/it's 'a'.crt", "/etc/server.key")),
        ("ssl_cert_file = /plain.crt#comment", ("/plain.crt", "/etc/server.key")),
        ("my.extension = 'x'", FILES[0]),
    ],
)
def test_which_files(text: str, pair: tuple[str, str]) -> None:
    assert told(postgresql, f"ssl = on\n{text}\n")[0]["files"] == [pair]


def test_included_files_and_what_alter_system_wrote() -> None:
    found = reading(
        postgresql,
        {
            "/etc/main.conf": "ssl = off\nport = 1\ninclude_dir 'conf.d'\ninclude_if_exists = 'none'\ninclude 'more'\n"
            "data_directory = '/srv/main'",
            "/etc/conf.d/b.conf": "port = 3\nssl_cert_file = '/b.crt'",
            "/etc/conf.d/a.conf": "port = 2\nssl_cert_file = '/a.crt'\ninclude '../deeper'",
            "/etc/conf.d/.hidden.conf": "port = 9",
            "/etc/conf.d/c.conf.old": "port = 9",
            "/etc/deeper": "ssl_key_file = '/deep.key'",
            "/etc/more": "port = 4",
            "/srv/main/postgresql.auto.conf": "# Do not edit\nssl = 'on'\nport = '5'",
        },
    )
    assert found.troubles == []
    assert [(use.files, use.pairs[0].key, use.listens[0].port, use.where, use.starttls) for use in found.uses] == [
        (("/b.crt",), "/deep.key", 5, "/etc/conf.d/b.conf:2", "postgres")
    ]


@pytest.mark.parametrize(
    ("files", "where", "words"),
    [
        ({"/etc/main.conf": None}, "/etc/main.conf", "permission denied"),
        ({}, "/etc/main.conf", "no such file"),
        ({"/etc/main.conf": "port = 1\ninclude 'none'"}, "/etc/none", "no such file"),
        ({"/etc/main.conf": "include 'main.conf'"}, "/etc/main.conf:1", "in a circle"),
        ({"/etc/main.conf": "port = 1\n= 5"}, "/etc/main.conf:2", "no setting"),
        ({"/etc/main.conf": "port = 1", "/etc/postgresql.auto.conf": None}, "/etc/postgresql.auto.conf", "denied"),
        ({"/etc/main.conf": "ssl = on\nport = many"}, "/etc/main.conf:2", "no port"),
    ],
)
def test_what_cannot_be_told(files: dict[str, str | None], where: str, words: str) -> None:
    found = reading(postgresql, files)
    assert found.uses == []
    assert [trouble.where for trouble in found.troubles] == [where]
    assert words in found.troubles[0].reason
