"""The files of this host, as the readers of configurations are handed them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import nginx
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services.find import Service, find
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services.use import Disk


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_bytes(b"caf\xe9 \xc3\xa9")
    assert Disk().read(str(path)).encode("utf-8", "surrogateescape") == b"caf\xe9 \xc3\xa9"
    assert Disk().glob(f"{tmp_path}/*.conf") == [str(path)]
    assert Disk().isdir(str(tmp_path))


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing", "nul", "large"])
def test_what_cannot_be_read_raises_oserror_and_keeps_nobody_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "large":
        with path.open("wb") as stream:
            stream.truncate(17 * 1024 * 1024)
    with pytest.raises(OSError):
        Disk().read("a\0b" if kind == "nul" else str(path))
    assert nginx.read(str(path), Disk()).troubles != []


def test_several_configurations_of_one_kind(tmp_path: Path) -> None:
    for name, text in (("a", "ssl = off"), ("b", "ssl = on\nport = 5433"), ("c", "ssl = on\nport = x\n= y\n= z")):
        (tmp_path / f"{name}.conf").write_text(text)
    found = find([Service("postgresql", f"{tmp_path}/*.conf")])
    assert [(one.subject, one.status) for one in found.findings] == [
        (f"postgresql {tmp_path}/a.conf", "ok"),
        (f"postgresql {tmp_path}/b.conf", "ok"),
        (f"postgresql {tmp_path}/c.conf:3", "unknown"),
        (f"postgresql {tmp_path}/c.conf:4", "unknown"),
        (f"postgresql {tmp_path}/c.conf:2", "unknown"),
    ]
    assert [one.label for one in found.endpoints] == ["localhost:5433 (postgres)"]
    assert [one.path for one in found.sources] == [f"{tmp_path}/server.crt"]
