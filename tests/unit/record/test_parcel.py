"""The files of a run, packed for their way to the records host."""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.record.parcel import pack, unpack


def packed(*members: tarfile.TarInfo, content: bytes = b"{}") -> str:
    """An archive as somebody else may make it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for member in members:
            member.size = len(content) if member.isfile() else 0
            archive.addfile(member, io.BytesIO(content))
    return base64.b64encode(stream.getvalue()).decode()


def link(name: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return made


def test_the_files_of_a_run_come_out_as_they_went_in_the_record_last(tmp_path: Path) -> None:
    files = {
        "journal.jsonl": b'{"n":1}\n{"n":2,"ha\xff',
        "record.json": b"{}",
        "findings.jsonl": b"",
        "report.html": b"<p>",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    # What the controller notes for itself stays there.
    for name in ("delivered", "claim.json", ".record.json.x.partial"):
        (tmp_path / name).write_text("x")
    found = unpack(pack(str(tmp_path)))
    assert found == files
    assert list(found)[-1] == "record.json"


def test_a_run_without_a_record_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("")
    with pytest.raises(MaintenanceError, match="cannot be delivered"):
        pack(str(tmp_path))


@pytest.mark.parametrize(
    ("parcel", "said"),
    [
        ("é", "is damaged"),
        ("AAAA", "is damaged"),
        (packed(tarfile.TarInfo("record.json"))[:-40], "is damaged"),
        (packed(tarfile.TarInfo("journal.jsonl")), "holds no record.json"),
        (packed(tarfile.TarInfo("record.json"), tarfile.TarInfo("before.json")), "'before.json', no file"),
        (packed(tarfile.TarInfo("../record.json")), "no file of a run"),
        (packed(link("record.json")), "no file of a run"),
    ],
    ids=["not ASCII", "no archive", "cut off", "no record", "a file twice", "out of the folder", "a link"],
)
def test_what_is_no_parcel_is_refused_in_one_sentence(parcel: str, said: str) -> None:
    with pytest.raises(MaintenanceError, match=said) as refused:
        unpack(parcel)
    assert "\n" not in str(refused.value)
