"""The module run_report on directories of runs as run_record leaves them, and as disks and crashes do."""

from __future__ import annotations

import json
import os
import resource
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.modules import ROOT, run_module, start_module
from tests.unit.report import clinic

TEMPLATE = ROOT / "roles" / "run_close" / "templates" / "report.html.j2"


def report(folder: Path, *, check: bool = False, template: Path = TEMPLATE, **popen: Any) -> dict[str, Any]:
    return run_module("run_report", {"path": str(folder), "template": str(template)}, check=check, **popen)


def test_report_and_metrics_lie_beside_the_record(tmp_path: Path) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    result = report(folder)
    assert not result["changed"]
    assert result["details"]["outcome"] == "attention"
    assert result["details"]["written"]
    for key, name in (("report", "report.html"), ("metrics", "metrics.prom")):
        path = Path(result["details"][key])
        assert path == folder / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "What needs attention" in (folder / "report.html").read_text()
    assert (folder / "report.html").read_text().count("<svg") == 4
    assert list(text_string_to_metric_families((folder / "metrics.prom").read_text()))
    assert f"Report: {folder}/report.html" in result["details"]["text"]
    assert sorted(os.listdir(folder)) == ["findings.jsonl", "metrics.prom", "record.json", "report.html"]


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    result = report(folder, check=True)
    assert not result["details"]["written"]
    assert "Needs attention" in result["details"]["text"]
    assert sorted(os.listdir(folder)) == ["findings.jsonl", "record.json"]


def test_a_later_report_replaces_the_earlier_one(tmp_path: Path) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    report(folder)
    clinic.write(folder, clinic.record(outcome="failed", sentence="It failed in the end."))
    report(folder)
    assert "It failed in the end." in (folder / "report.html").read_text()


@pytest.mark.parametrize("torn", ['{"check": "a.b", "subj', "[]", '{"check": "a.b"}'])
def test_lines_that_a_full_disk_tore_are_said_and_the_rest_is_shown(tmp_path: Path, torn: str) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    with (folder / "findings.jsonl").open("a") as stream:
        stream.write(torn)
    result = report(folder)
    assert any("1 of its lines could not be read" in remark for remark in result["details"]["remarks"])
    assert "1 of its lines could not be read" in (folder / "report.html").read_text()


def test_without_findings_the_record_is_shown(tmp_path: Path) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    (folder / "findings.jsonl").unlink()
    result = report(folder)
    assert any("findings.jsonl could not be read" in remark for remark in result["details"]["remarks"])
    assert "amcheck is not installed" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "There is no"), ("{", "is no JSON"), ("[]", "not in the form"), ('{"schema": 2}', "not in the form")],
)
def test_a_record_that_cannot_be_told_of_is_an_error(tmp_path: Path, content: str | None, words: str) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    if content is None:
        (folder / "record.json").unlink()
    else:
        (folder / "record.json").write_text(content)
    result = report(folder)
    assert words in result["msg"]
    assert not (folder / "report.html").exists()


def test_a_missing_template_is_an_error(tmp_path: Path) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    assert "could not be read: No such file" in report(folder, template=tmp_path / "none")["msg"]


def _leave_no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_disk_without_room_leaves_the_earlier_report(tmp_path: Path) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    report(folder)
    earlier = (folder / "report.html").read_text()
    result = report(folder, preexec_fn=_leave_no_room)
    assert "report.html could not be written: File too large; make room" in result["msg"]
    assert (folder / "report.html").read_text() == earlier
    assert not [name for name in os.listdir(folder) if name.endswith(".partial")]


# Waits for ever where a file would get its name, so that a kill hits between writing and naming.
HANGING = """
import os, time
os.replace = lambda *names: time.sleep(60)
"""


def test_what_a_kill_leaves_is_cleared_by_the_next_run(tmp_path: Path) -> None:
    folder = clinic.write(tmp_path / "run", clinic.record())
    report(folder)
    earlier = (folder / "report.html").read_text()
    (tmp_path / "sitecustomize.py").write_text(HANGING)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}:$PYTHONPATH" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    process = start_module("run_report", {"path": str(folder), "template": str(TEMPLATE)}, python=str(python))
    deadline = time.monotonic() + 30
    while not list(folder.glob(".report.html.*.partial")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert list(folder.glob(".report.html.*.partial"))
    assert (folder / "report.html").read_text() == earlier
    report(folder)
    assert sorted(os.listdir(folder)) == ["findings.jsonl", "metrics.prom", "record.json", "report.html"]


def test_ten_thousand_findings(tmp_path: Path) -> None:
    many = [
        clinic.certificate(f"c{number}", number % 200 - 5.0, "critical" if number % 200 < 5 else "ok")
        for number in range(10_000)
    ]
    folder = clinic.write(tmp_path / "run", clinic.record(seen=many, outcome="failed"), many)
    result = report(folder)
    assert result["summary"]["seconds"] < 3
    assert (folder / "report.html").stat().st_size < 1_000_000
    # The whole stays where it was.
    assert len((folder / "findings.jsonl").read_text().splitlines()) == 10_000
    assert json.loads((folder / "record.json").read_text())["summary"]["counts"]["critical"] == 250
