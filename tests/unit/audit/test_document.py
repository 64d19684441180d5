"""What docs/audit-log.md tells an auditor to do is done here, as it stands there, on a real export."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.audit import Log, entry, stream
from tests.lab.modules import ROOT

DOCUMENT = (ROOT / "docs" / "audit-log.md").read_text()
PROVE, ROOT_OF = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


def commands(beginning: str) -> str:
    """The indented block that begins so."""
    found = re.search(rf"(?m)^    {re.escape(beginning)}.*\n(?:    .*\n)*", DOCUMENT)
    assert found, beginning
    return re.sub(r"(?m)^    ", "", found[0])


def shell(text: str, folder: Path, **variables: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], cwd=folder, env={"PATH": "/usr/bin:/bin", **variables}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def export(log: Log, tmp_path: Path) -> Path:
    log.run("append", entries=[entry(number, run="r1" if number % 3 else "r2") for number in range(20)])
    log.run("rotate", key_kind="ed25519")
    outcome = log.run("export", destination=str(tmp_path / "export"), run_id="r1")
    return Path(stream(outcome)["folder"])


def python(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=False)


def test_the_program_proves_an_export(export: Path) -> None:
    assert python(PROVE, export).stdout == "all of them are in clinic/operational\n"


def test_it_does_not_prove_another(export: Path) -> None:
    path = export / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b"a.jansen", b"b.jansen", 1))
    assert "AssertionError" in python(PROVE, export).stderr


def test_the_root_of_a_whole_log(log: Log, tmp_path: Path) -> None:
    log.append(20)
    root = stream(log.run("checkpoint"))["root"]
    program = "import hashlib\nsha = lambda data: hashlib.sha256(data).digest()\n" + ROOT_OF
    (path,) = log.segments()
    done = python(f"{program}\nprint(root_of(open({str(path)!r}, 'rb').read().splitlines()).hex())", tmp_path)
    assert done.stdout == f"{root}\n"


def test_the_hash_of_a_line_by_hand(log: Log) -> None:
    log.append(8)
    (path,) = log.segments()
    said = shell(commands("line=$(sed").replace("000000000001.jsonl", path.name), log.folder)
    assert said.split()[0] == json.loads(log.lines()[7])["prev"]


def test_the_seal_of_a_line_by_hand(log: Log) -> None:
    log.append(8)
    key = json.loads(log.key_file.read_text())["keys"][0]["hmac"]
    line = log.lines()[6].decode()
    said = shell(commands("printf '%s' \"${line%"), log.folder, line=line, key=key)
    assert said.split()[-1] == json.loads(line)["mac"]


def test_the_signature_of_a_checkpoint_by_hand(export: Path) -> None:
    (verifier,) = json.loads((export / "about.json").read_text())["verifiers"]
    said = shell(commands("head -n 3 checkpoint"), export, public=verifier.split("+", 2)[2])
    assert "Signature Verified Successfully" in said


def test_the_document_names_every_check_and_fault() -> None:
    for word in ("audit.chain", "audit.anchor", "audit.torn", "audit.key", "audit.opened", "audit.rotated"):
        assert f"`{word}`" in DOCUMENT
    for word in (
        "audit.pruned",
        "audit.fault",
        "`kind` is changed, deleted, reordered, truncated, inserted or replayed",
    ):
        assert word in DOCUMENT
