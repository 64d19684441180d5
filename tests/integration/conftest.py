"""Servers that the integration tests share, one of each for a whole test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import postgres


@pytest.fixture(scope="session")
def pg() -> Iterator[postgres.Server]:
    """Debian's PostgreSQL, with its contrib extensions."""
    with postgres.server(settings={"shared_preload_libraries": "pg_stat_statements"}) as server:
        yield server
