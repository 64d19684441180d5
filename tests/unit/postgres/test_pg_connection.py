"""Where the server is, in the words of psycopg2, of libpq and of a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError, MissingLibrary
from ansible_collections.careops.maintenance.plugins.module_utils.postgres import connection
from ansible_collections.careops.maintenance.plugins.module_utils.postgres.argspec import postgres_argument_spec
from ansible_collections.careops.maintenance.plugins.module_utils.postgres.connection import (
    ConnectionSpec,
    connect,
    explain_refusal,
    tool_path,
)

DEFAULTS: dict[str, Any] = {name: option.get("default") for name, option in postgres_argument_spec().items()}


def test_the_defaults_lead_to_the_local_socket() -> None:
    spec = ConnectionSpec.from_params(DEFAULTS)
    assert spec.address == "local socket:5432"
    assert spec.environment() == {
        "PGPORT": "5432",
        "PGUSER": "postgres",
        "PGSSLMODE": "prefer",
        "PGCONNECT_TIMEOUT": "10",
    }


def test_every_option_reaches_the_client_programs() -> None:
    spec = ConnectionSpec.from_params(
        {
            **DEFAULTS,
            "login_host": "db",
            "login_port": 6543,
            "login_user": "keeper",
            "login_password": "s3cret",
            "ssl_mode": "verify-full",
            "ca_cert": "/ca.pem",
        }
    )
    assert spec.address == "db:6543"
    assert spec.environment() == {
        "PGHOST": "db",
        "PGPORT": "6543",
        "PGUSER": "keeper",
        "PGPASSWORD": "s3cret",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/ca.pem",
        "PGCONNECT_TIMEOUT": "10",
    }


def test_a_socket_folder_is_the_host_of_libpq() -> None:
    spec = ConnectionSpec(socket_directory="/run/pg")
    assert spec.environment()["PGHOST"] == "/run/pg"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ('FATAL:  password authentication failed for user "postgres"', "password is wrong or missing"),
        ("fe_sendauth: no password supplied", "password is wrong or missing"),
        ('FATAL:  database "clinic" does not exist', "no such database"),
        ('FATAL:  Peer authentication failed for user "postgres"', "become_user"),
        ("FATAL:  no pg_hba.conf entry for host", "pg_hba.conf has no line"),
        ("connection refused\n\tIs the server running", "refused postgres"),
        ("could not connect to server: Connection refused", "No PostgreSQL server answers at db:5432"),
        ("something new\n\tin two lines", "something new in two lines."),
    ],
)
def test_refusals_are_one_sentence_with_a_remedy(reason: str, words: str) -> None:
    said = explain_refusal(reason, ConnectionSpec(host="db"), "clinic")
    assert words in said and "\n" not in said


def test_without_psycopg2_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "psycopg2", None)
    with pytest.raises(MissingLibrary, match="python3-psycopg2"):
        connect(ConnectionSpec(), "clinic")


def test_client_programs_come_from_the_folder_or_from_path(tmp_path: Path) -> None:
    assert tool_path("pg_dump", "") == "pg_dump"
    with pytest.raises(MaintenanceError, match="pg_bindir"):
        tool_path("pg_dump", str(tmp_path))
    program = tmp_path / "pg_dump"
    program.write_text("")
    program.chmod(0o755)
    assert tool_path("pg_dump", str(tmp_path)) == str(program)
