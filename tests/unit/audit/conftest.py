"""A log of its own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.audit import Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)
