"""Why a restore failed, and whether there is room for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.backups.archive import Archive
from ansible_collections.careops.maintenance.plugins.module_utils.backups.blocks import look
from ansible_collections.careops.maintenance.plugins.module_utils.backups.restore import explain, room_problem
from ansible_collections.careops.maintenance.plugins.module_utils.postgres.connection import ConnectionSpec
from tests.unit.backups.forge import Table, archive


@pytest.fixture
def of_fifteen(tmp_path: Path) -> Archive:
    path = tmp_path / "clinic.dump"
    path.write_bytes(archive([Table("a")]))
    return look(str(path))


@pytest.mark.parametrize(
    ("reason", "tool", "server", "words"),
    [
        (
            'unrecognized configuration parameter "transaction_timeout"',
            18,
            15,
            "pg_restore 18 is newer",
        ),
        ("syntax error", 15, 13, "it is of a server 15, and this one is 13"),
        ('extension "postgis" is not available', 15, 15, "install the extension"),
        ("permission denied for schema x", 15, 15, "give the restoring role what it needs"),
        ("could not extend file: No space left on device", 15, 15, "make room on the volume"),
        ("duplicate key value", 15, 15, "duplicate key value"),
    ],
)
def test_a_failure_comes_with_what_to_do(of_fifteen: Archive, reason: str, tool: int, server: int, words: str) -> None:
    text = explain(reason, of_fifteen, tool=tool, server=server)
    assert text.startswith(reason)
    assert words in text


@pytest.mark.parametrize(
    ("host", "folder", "needed", "refused"),
    [
        ("", "/", 1 << 62, True),
        ("127.0.0.1", "/", 1 << 62, True),
        ("", "/", 1, False),
        # Nothing is known about another host's volumes, or without the right to ask.
        ("db.example.org", "/", 1 << 62, False),
        ("", "", 1 << 62, False),
        ("", "/nowhere", 1 << 62, False),
    ],
)
def test_room_is_looked_at_where_it_can_be(host: str, folder: str, needed: int, refused: bool) -> None:
    problem = room_problem(ConnectionSpec(host=host), folder, needed=needed)
    assert bool(problem) is refused
    assert not refused or "nothing was restored" in problem
