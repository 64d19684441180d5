"""What is left behind by processes that were killed, and what a full disk says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.files import sweep
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.installing import words


def test_what_was_left_of_writing_a_file_goes(tmp_path: Path) -> None:
    for name in (".key.abc.partial", ".key.pem.abc.partial", ".key2.abc.partial", ".key.abc", "key"):
        (tmp_path / name).touch()
    sweep(str(tmp_path / "key.pem"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".key.abc",
        ".key.abc.partial",
        ".key2.abc.partial",
        "key",
    ]
    sweep(str(tmp_path / "nowhere" / "key"))


def test_a_copy_of_a_folder_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file").symlink_to("nowhere")
    with pytest.raises(OSError) as raised:
        shutil.copytree(tmp_path / "from", tmp_path / "to")
    said = words(raised.value)
    assert str(tmp_path / "from" / "file") in said and "No such file" in said
    assert words(OSError(28, "No space left on device", "/a")) == "/a: No space left on device"
