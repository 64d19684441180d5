"""The role audit as playbooks use it: written by other roles, verified as a procedure, anchored on another host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.audit import entry
from tests.lab.modules import ROOT
from tests.lab.runs import AWAY

APPEND = {
    "hosts": "localhost",
    "gather_facts": False,
    "tasks": [
        {
            "ansible.builtin.include_role": {"name": "careops.maintenance.audit", "tasks_from": "append"},
            "vars": {"audit_entries": "{{ new_entries }}"},
        }
    ],
}


class Estate:
    """A records host and an anchor host, both of them this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.anchor: dict[str, Any] = {}
        self.groups = {"records": ["rec"], "audit": ["rec"], "anchors": ["anc"]}
        self.variables: dict[str, Any] = {
            "audit_root": str(folder / "audit"),
            "audit_key_file": str(folder / "etc" / "audit.key"),
            "audit_anchor_root": str(folder / "anchors"),
            "audit_anchor_timeout": 2,
            "audit_origin": "clinic",
            "audit_become": False,
        }

    def play(self, *plays: dict[str, Any], check: bool = False, **more: Any) -> tuple[int, list[dict[str, Any]]]:
        """Exit status, and the result of every task of the module, with its host as ``on``."""
        groups: dict[str, Any] = {name: {"hosts": {host: {} for host in hosts}} for name, hosts in self.groups.items()}
        hosts = {"rec": {}, "anc": self.anchor}
        common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory = {"all": {"vars": {**common, **self.variables, **more}, "hosts": hosts, "children": groups}}
        (self.folder / "inventory.json").write_text(json.dumps(inventory))
        (self.folder / "play.json").write_text(json.dumps(plays))
        done = subprocess.run(
            [
                *(Path(sys.executable).parent / "ansible-playbook", "-i", self.folder / "inventory.json"),
                *(["--check"] if check else []),
                self.folder / "play.json",
            ],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE")},
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads(done.stdout[done.stdout.index("{") :])
        return done.returncode, [
            {"task": task["task"]["name"], "on": host, **result}
            for play in report["plays"]
            for task in play["tasks"]
            for host, result in task["hosts"].items()
            if "findings" in result or result.get("failed") or result.get("unreachable")
        ]

    def append(self, *entries: dict[str, Any], **more: Any) -> tuple[int, list[dict[str, Any]]]:
        return self.play(APPEND, new_entries=list(entries), **more)

    def audit(self, entry_point: str = "main", **more: Any) -> tuple[int, list[dict[str, Any]]]:
        include = {"name": "careops.maintenance.audit", "tasks_from": entry_point}
        return self.play(
            {"hosts": "audit", "gather_facts": False, "tasks": [{"ansible.builtin.include_role": include}]}, **more
        )

    def rows(self, stream: str = "operational") -> list[dict[str, Any]]:
        paths = sorted((self.folder / "audit" / stream).glob("*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def anchored(self) -> list[int]:
        """Sizes of the checkpoints of the operational stream that the anchor host has."""
        path = self.folder / "anchors" / "clinic%2Foperational" / "checkpoints.jsonl"
        return [json.loads(line)["size"] for line in path.read_text().splitlines()] if path.exists() else []


def findings(results: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["check"], row["status"]) for result in results for row in result.get("findings", ())]


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


def test_entries_are_written_and_anchored_and_verify(estate: Estate) -> None:
    status, results = estate.append(entry(1), entry(2, security=True, ref="a/1"))
    assert (status, findings(results)) == (0, [("audit.anchor", "ok")] * 2)
    assert estate.anchored() == [3]
    assert [row["target"] for row in estate.rows("security")] == ["clinic/security", "clinic.table_2"]
    status, results = estate.append(entry(3), entry(2, security=True, ref="a/1"))
    assert (status, estate.anchored(), len(estate.rows())) == (0, [3, 4], 4)
    status, results = estate.audit()
    assert status == 0
    assert findings(results) == [
        ("audit.key", "ok"),
        *[("audit.chain", "ok"), ("audit.anchor", "ok")] * 2,
        *[("audit.anchor", "ok")] * 2,
    ]
    assert not any(result["changed"] for result in results)


def test_the_record_of_a_run_is_written(estate: Estate, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    run = {"id": "r1", "started": "2026-11-21T02:00:00Z", "ended": "2026-11-21T02:01:00Z", "operator": "a.jansen"}
    patched = {"action": "install", "target": "openssl", "host": "db", "changed": True, "outcome": "done"}
    record = {
        "run": run,
        "verdict": {"outcome": "ok", "sentence": "All is well."},
        "actions": [{**patched, "procedure": "patching", "time": "2026-11-21T02:00:30Z"}],
    }
    (folder / "record.json").write_text(json.dumps(record))
    for _delivery in range(2):
        assert estate.append(audit_run_directory=str(folder))[0] == 0
        assert [row["action"] for row in estate.rows()] == ["audit.opened", "open_run", "install", "close_run"]
        assert [row["action"] for row in estate.rows("security")] == ["audit.opened", "install"]


def test_check_mode_writes_nothing_anywhere(estate: Estate) -> None:
    status, results = estate.append(entry(1), check=True)
    assert status == 0
    assert [action["outcome"] for result in results for action in result["actions"]] == ["planned", "skipped"]
    assert not {"audit", "etc", "anchors"} & {path.name for path in estate.folder.iterdir()}
    estate.append(entry(1))
    before = {path: path.read_bytes() for path in estate.folder.rglob("audit/*/*")}
    assert estate.audit(check=True)[0] == 0
    assert {path: path.read_bytes() for path in estate.folder.rglob("audit/*/*")} == before


def test_the_entry_check_changes_nothing(estate: Estate) -> None:
    estate.append(entry(1))
    (path,) = (estate.folder / "audit" / "operational").glob("*.jsonl")
    path.write_bytes(path.read_bytes() + b"half an entry")
    before = {path: path.read_bytes() for path in estate.folder.rglob("*/*/*")}
    status, results = estate.audit("check")
    assert (status, ("audit.torn", "warning") in findings(results)) == (0, True)
    assert {path: path.read_bytes() for path in estate.folder.rglob("*/*/*")} == before
    status, results = estate.audit()
    assert (status, ("audit.torn", "warning") in findings(results)) == (0, True)
    assert path.with_name(f"{path.name}.torn-3").exists()


def test_an_anchor_host_that_is_away_stops_nothing_and_gets_it_later(estate: Estate) -> None:
    estate.anchor = AWAY
    status, results = estate.append(entry(1))
    assert (status, findings(results)) == (0, [("audit.anchor", "warning")])
    assert "anc: " in results[0]["findings"][0]["message"]
    status, results = estate.audit()
    assert (status, findings(results).count(("audit.anchor", "warning"))) == (0, 2)
    assert len(estate.rows()) == 2
    estate.anchor = {}
    status, results = estate.append(entry(2))
    assert (status, findings(results), estate.anchored()) == (0, [("audit.anchor", "ok")] * 2, [3])


def test_without_an_anchor_host_it_says_what_it_cannot_prove(estate: Estate) -> None:
    del estate.groups["anchors"]
    assert estate.append(entry(1))[0] == 0
    status, results = estate.audit()
    assert (status, findings(results).count(("audit.anchor", "unknown"))) == (0, 2)
    assert "keep its checkpoints on another host" in json.dumps(results)


def test_a_records_host_is_no_anchor_of_its_own(estate: Estate) -> None:
    estate.groups["anchors"] = ["rec"]
    status, results = estate.append(entry(1))
    assert (status, findings(results)) == (0, [("audit.anchor", "warning")])
    assert "rec is the records host itself" in results[0]["findings"][0]["message"]
    status, results = estate.audit()
    assert (status, findings(results).count(("audit.anchor", "warning"))) == (0, 2)
    assert not (estate.folder / "anchors").exists()


def test_a_log_that_was_rewritten_is_critical_by_its_anchor(estate: Estate) -> None:
    estate.append(entry(1), entry(2), entry(3))
    shutil.rmtree(estate.folder / "audit")
    status, results = estate.append(entry(1), entry(9), entry(3))
    assert (status, ("audit.anchor", "critical") in findings(results)) == (0, True)
    assert estate.anchored() == [4]
    status, results = estate.audit()
    assert (status, ("audit.chain", "ok") in findings(results)) == (0, True)
    assert ("audit.anchor", "critical") in findings(results)


def test_an_append_that_cannot_write_is_a_failed_task(estate: Estate) -> None:
    (estate.folder / "audit").write_text("a file where the folder should be")
    status, results = estate.append(entry(1))
    assert status != 0
    assert [result["task"] for result in results if result.get("failed")] == [
        "careops.maintenance.audit : Append | Write the entries"
    ]


def test_retention_drops_what_is_old_and_anchored(estate: Estate) -> None:
    estate.append(entry(1), audit_now="2015-01-10T00:00:00Z")
    estate.append(entry(2), audit_now="2015-02-10T00:00:00Z")
    estate.append(entry(3))
    status, results = estate.audit()
    assert status == 0
    assert [action["outcome"] for result in results for action in result["actions"]].count("done") == 1
    assert [row["n"] for row in estate.rows()] == [4, 5]
    # What retention wrote is anchored by the next append.
    assert estate.append(entry(4))[0] == 0
    status, results = estate.audit()
    assert {status for _check, status in findings(results)} == {"ok"}


def test_with_a_key_of_its_own_kind_the_anchor_host_checks_signatures(estate: Estate) -> None:
    estate.variables["audit_key_kind"] = "ed25519"
    for number in (1, 2):
        status, results = estate.append(entry(number))
        assert (status, findings(results)) == (0, [("audit.anchor", "ok")] * 2)
    assert results[-1]["findings"][0]["evidence"]["signed"] is True
