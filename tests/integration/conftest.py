"""What the integration tests share: servers, one of each for a whole test process, and certificates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import postgres
from tests.lab.certificates import Made, authority, bundle, make


@pytest.fixture(scope="session")
def pg() -> Iterator[postgres.Server]:
    """Debian's PostgreSQL, with its contrib extensions."""
    with postgres.server(settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        yield server


@pytest.fixture(scope="session")
def ca() -> Made:
    """An authority near its end."""
    return authority(days=3)


@pytest.fixture(scope="session")
def leaf(ca: Made) -> Made:
    """A certificate of it, in good time."""
    return make(issuer=ca, key=ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing in it but what the test puts there."""
    path = tmp_path / "certs"
    path.mkdir()
    return path


@pytest.fixture
def root() -> Made:
    """An authority to trust."""
    return authority("Root")


@pytest.fixture
def store(tmp_path: Path, root: Made) -> Path:
    """A trust store with it alone."""
    return bundle(tmp_path / "store.pem", root)
