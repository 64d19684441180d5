"""Locks on files and folders: who waits, who is told, and how long one holds."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.files import is_locked, locked


@pytest.fixture(params=["file", "folder"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "lock" if request.param == "file" else tmp_path)


def test_one_holds_it_and_another_is_told(path: str) -> None:
    with locked(path):
        assert is_locked(path)
        with (
            pytest.raises(MaintenanceError, match="somebody else is at it"),
            locked(path, busy="somebody else is at it"),
        ):
            pass
    assert not is_locked(path)
    with locked(path, busy="nobody is"):
        pass


def test_without_words_one_waits(path: str) -> None:
    held = threading.Event()

    def wait_for_it() -> None:
        with locked(path):
            held.set()

    with locked(path):
        other = threading.Thread(target=wait_for_it)
        other.start()
        assert not held.wait(0.2)
    other.join(10)
    assert held.is_set()


def test_who_inherits_it_holds_it(path: str) -> None:
    with locked(path) as descriptor:
        heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    assert is_locked(path)
    heir.communicate(b"\n")
    assert heir.returncode == 0 and not is_locked(path)


def test_it_is_made_with_its_permissions_and_is_no_link(tmp_path: Path) -> None:
    with locked(str(tmp_path / "own")), locked(str(tmp_path / "shared"), mode=0o640):
        assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("own", "shared")] == [0o600, 0o640]
    os.symlink(tmp_path / "own", tmp_path / "link")
    with pytest.raises(OSError), locked(str(tmp_path / "link")):
        pass
