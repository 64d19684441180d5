"""The records host's folders: filed, searched, documented, checked and pruned, whoever is killed in between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.clock import to_text
from ansible_collections.careops.maintenance.plugins.module_utils.glue import Outcome
from ansible_collections.careops.maintenance.plugins.module_utils.record.journal import Journal
from ansible_collections.careops.maintenance.plugins.module_utils.record.record import compile_record
from ansible_collections.careops.maintenance.plugins.module_utils.records.states import ARGUMENTS, work
from tests.lab.modules import ROOT, findings_of, run_module, start_module

MODULE = "maintenance_records"
INDEX_SCHEMA = json.loads((ROOT / "docs" / "schema" / "index.schema.json").read_text())
INDEX_VALIDATOR = jsonschema.Draft202012Validator(INDEX_SCHEMA)
NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
APPROVAL = {"by": "Eva", "kind": "recovery", "reason": "The disk is full.", "given_at": "2026-03-01T02:00:00Z"}
Row = dict[str, Any]


def finding(check: str, status: str = "ok", message: str = "All is well.", subject: str = "clinic") -> Row:
    return {"check": check, "subject": subject, "status": status, "message": message}


class Host:
    """A records host: folders beneath a temporary one, and the module at work on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "logs" / "maintenance"

    def call(self, state: str, *, check: bool = False, **options: Any) -> Row:
        given = {"state": state, "root": str(self.root), "now": to_text(NOW), **options}
        return run_module(MODULE, given, check=check)

    def work(self, state: str, **options: Any) -> Outcome:
        """As ``call`` without a process of its own, for what is done very often."""
        defaults = {key: option.get("default") for key, option in ARGUMENTS.items()}
        given = {"state": state, "root": str(self.root), "now": to_text(NOW), **options}
        return work({**defaults, **given}, check_mode=False)

    def ask(self, query: str = "", **options: Any) -> list[str]:
        """The names of the runs that a search finds."""
        return [run["run_id"] for run in details_of(self.work("search", query=query, **options))["runs"]]

    def deliver(self, ago: timedelta = timedelta(hours=1), *, name: str = "", **more: Any) -> str:
        """Brings a run's folder as run_close does, its record made of a journal. Returns its name."""
        started = NOW - ago
        run_id = name or f"{started:%Y%m%dT%H%M%SZ}-weekly-abcdef"
        record, findings = compile_record(
            Journal(entries=journal(run_id, to_text(started), **more)),
            ended=started + timedelta(minutes=10),
            fail_on=["critical"],
        )
        folder = self.runs / run_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "record.json").write_text(json.dumps(record))
        (folder / "findings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in findings))
        return run_id

    def filed(self, *args: Any, **more: Any) -> str:
        """Delivers a run and files it."""
        run_id = self.deliver(*args, **more)
        self.work("file", run=run_id)
        return run_id

    def index(self) -> dict[str, Row]:
        """The index as it stands, every line whole and none of them twice."""
        rows = [json.loads(line) for line in (self.runs / "index.jsonl").read_text().splitlines()]
        for row in rows:
            INDEX_VALIDATOR.validate(row)
        return {row["run_id"]: row for row in rows if not row.get("gone")}

    def files(self) -> set[str]:
        """Every file there is."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


def details_of(outcome: Outcome) -> Row:
    assert outcome.details is not None
    return outcome.details


def journal(
    run_id: str,
    time: str,
    *,
    findings: Sequence[Row] = (),
    actions: Sequence[Row] = (),
    check_mode: bool = False,
    procedure: str = "backups",
    entry: str = "main",
    gate: Row | None = None,
    **opened: Any,
) -> list[Row]:
    """The entries that a recorder writes of a run of one procedure on one host."""
    place = {"time": time, "started": time, "host": "clinic-db", "procedure": procedure}
    facts = {"system": "clinic", "cadence": "weekly", "work_class": "maintenance", "operator": "ana", "ticket": "CHG-7"}
    entries: list[Row] = [
        {
            "kind": "started",
            "run_id": run_id,
            "playbook": "weekly.yml",
            "controller": "control",
            "ansible_version": "2.19.14",
            "collection_version": "0.1.0",
            "check_mode": check_mode,
        },
        {"kind": "opened", **facts, **opened},
        *([{"kind": "window", **gate}] if gate else []),
        {"kind": "play", "procedure": procedure, "entry": entry, "members": 1, "hosts": ["clinic-db"]},
        {
            "kind": "result",
            **place,
            "task": "Look",
            "action": "m",
            "state": "ok",
            "rescued": False,
            "ignored": False,
            "seconds": 1.0,
            "work_seconds": 1.0,
            "findings": list(findings),
            "actions": list(actions),
        },
        {"kind": "finished", **place},
    ]
    return [{"n": number, "time": time, **entry} for number, entry in enumerate(entries, 1)]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "careops")
    made.runs.mkdir(parents=True)
    return made


# Before a run


BEFORE: Row = {
    "id": "20260302T120000Z-weekly-abcdef",
    "system": "clinic",
    "cadence": "weekly",
    "work_class": "maintenance",
    "operator": "ana",
    "ticket": "CHG-7",
    "moment": "2026-03-02T12:00:00Z",
    "change": {"summary": "Update the clinic", "rollback_plan": "Restore last night's backup"},
    "procedures": ["backups", "patching"],
}


def test_what_is_planned_is_written_before_the_run_and_never_overwritten(tmp_path: Path) -> None:
    host = Host(tmp_path / "new")
    assert host.call("begin", before=BEFORE, check=True)["changed"] is True
    assert not host.root.exists()
    written = host.call("begin", before=BEFORE)
    path = Path(written["details"]["path"])
    assert written["changed"] is True
    assert json.loads(path.read_text()) == {"schema": 1, **BEFORE}
    assert path.stat().st_mode & 0o777 == 0o640
    content = path.read_bytes()
    assert host.call("begin", before=BEFORE)["changed"] is False
    for check in (True, False):
        refused = host.call("begin", before={**BEFORE, "ticket": "CHG-8"}, check=check)
        assert "says something else" in refused["msg"]
    assert path.read_bytes() == content
    assert host.ask("outcome=unfinished procedure=patching") == [BEFORE["id"]]
    host.deliver(timedelta(0), name=BEFORE["id"])
    host.call("file", run=BEFORE["id"])
    assert host.ask("outcome=unfinished") == []
    assert host.index()[BEFORE["id"]]["change"] == BEFORE["change"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "../outside"}, "The name of a run"),
        ({"id": ".pruned-x"}, "The name of a run"),
        ({"id": ""}, "id is missing"),
        ({"system": ""}, "system is missing"),
        ({"moment": None}, "moment is missing"),
    ],
)
def test_facts_that_are_none_are_refused(host: Host, change: Row, said: str) -> None:
    assert said in host.call("begin", before={**BEFORE, **change})["msg"]
    assert host.files() == set()


def test_nothing_is_planned_after_the_run(host: Host) -> None:
    run_id = host.filed()
    assert "is over" in host.call("begin", before={**BEFORE, "id": run_id})["msg"]


# Filing


def test_a_run_is_filed_once_and_again_when_its_record_changed(host: Host) -> None:
    run_id = host.deliver(findings=[finding("postgres.bloat")], procedure="postgresql_maintenance")
    planned = host.call("file", run=run_id, check=True)
    assert [action["outcome"] for action in planned["actions"]] == ["planned"]
    assert not (host.runs / "index.jsonl").exists()
    assert host.call("file", run=run_id)["changed"] is True
    again = host.call("file", run=run_id)
    assert (again["changed"], again["details"]["outcome"], again["details"]["documents"]) == (False, "ok", [])
    host.deliver(findings=[finding("postgres.bloat", "critical", "Much too fat.")])
    assert host.call("file", run=run_id)["details"]["outcome"] == "failed"
    assert host.index()[run_id]["outcome"] == "failed"
    assert host.ask("outcome=ok") == []
    assert host.ask("outcome=failed") == [run_id]


def test_documents_are_made_of_what_a_run_says_of_backups_and_security(host: Host) -> None:
    done = {"action": "restore_test", "target": "clinic.dump", "changed": False, "outcome": "done"}
    run_id = host.filed(
        findings=[finding("backup.restore", "critical", "It lost rows."), finding("certificate.expiry")], actions=[done]
    )
    name = f"2026-03-02-{run_id}"
    backup = json.loads((host.root / "logs" / "backup-verification" / f"{name}.json").read_text())
    review = json.loads((host.root / "compliance" / "security-reviews" / f"{name}.json").read_text())
    assert [row["message"] for row in backup["findings"]] == ["It lost rows."]
    assert [row["target"] for row in backup["actions"]] == ["clinic.dump"]
    assert [row["check"] for row in review["findings"]] == ["certificate.expiry"]
    assert (backup["run"], backup["operator"], backup["outcome"], backup["hosts"]) == (
        run_id,
        "ana",
        "failed",
        ["clinic-db"],
    )
    assert backup["record"] == str(host.runs / run_id / "record.json")
    text = (host.root / "logs" / "backup-verification" / f"{name}.txt").read_text()
    assert "CRITICAL  clinic-db  backup.restore  clinic: It lost rows." in text
    assert host.index()[run_id]["documents"] == [
        f"logs/backup-verification/{name}.json",
        f"compliance/security-reviews/{name}.json",
    ]


def test_an_approved_run_has_a_review_and_a_rehearsal_no_document(host: Host) -> None:
    run_id = host.filed(gate={"moment": "2026-03-02T11:00:00Z", "approval": APPROVAL})
    (review,) = (host.root / "compliance" / "security-reviews").glob("*.json")
    assert json.loads(review.read_text())["approval"] == APPROVAL
    assert host.index()[run_id]["approval"] == APPROVAL
    host.filed(timedelta(hours=2), findings=[finding("backup.age")], check_mode=True)
    assert not (host.root / "logs" / "backup-verification").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "was not delivered"),
        (b"", "is damaged"),
        (b'{"run":', "is damaged"),
        (b"[]", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b'{"run": {"id": "another"}}', "is of the run another"),
    ],
)
def test_a_record_that_cannot_be_read_is_one_sentence(host: Host, content: bytes | None, said: str) -> None:
    good = host.filed(timedelta(hours=5))
    run_id = host.deliver()
    record = host.runs / run_id / "record.json"
    record.unlink()
    if content is not None:
        record.write_bytes(content)
    assert said in host.call("file", run=run_id)["msg"]
    assert list(host.index()) == [good]
    # The others are filed, and found, all the same.
    later = host.filed(timedelta(hours=2))
    assert host.ask("outcome=ok") == [later, good]


@pytest.mark.parametrize(
    "key", ["verdict", "summary", "hosts", "procedures", "attention", "checks", "actions", "timing"]
)
@pytest.mark.parametrize("value", ["missing", None, [7], {"x": [1]}], ids=str)
def test_a_partial_record_is_filed_found_and_shown(host: Host, key: str, value: Any) -> None:
    run_id = host.deliver(findings=[finding("backup.age")])
    path = host.runs / run_id / "record.json"
    record = json.loads(path.read_text())
    path.write_text(
        json.dumps(
            {name: record[name] for name in record if name != key} | ({} if value == "missing" else {key: value})
        )
    )
    assert "failed" not in host.call("file", run=run_id)
    assert host.ask("system=clinic") == [run_id]
    assert run_id in host.call("show", run=run_id)["details"]["text"]


# Searching


@pytest.fixture
def year(host: Host) -> Host:
    """Three runs and a rehearsal."""
    slot = finding("postgres.vacuum_blocked", "critical", "The replication Slot 'é' holds old rows.")
    host.filed(timedelta(days=3), name="failed", findings=[slot], procedure="postgresql_maintenance", operator="Zoë")
    host.filed(timedelta(days=2), name="good", cadence="daily", work_class="observe", entry="check")
    host.filed(timedelta(days=1), name="rehearsal", check_mode=True)
    host.filed(timedelta(days=200), name="old", ticket="CHG-1", procedure="patching")
    return host


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["rehearsal", "good", "failed", "old"]),
        ("limit=2", ["rehearsal", "good"]),
        ("outcome=failed", ["failed"]),
        ("cadence=daily", ["good"]),
        ("work_class=observe", ["good"]),
        ("operator=ZOË", ["failed"]),
        ("ticket=CHG-?", ["rehearsal", "good", "failed", "old"]),
        ("ticket=chg-1", ["old"]),
        ("procedure=patching", ["old"]),
        ("host=clinic-*", ["rehearsal", "good", "failed", "old"]),
        ("host=nobody", []),
        ("since=2026-01-01", ["rehearsal", "good", "failed"]),
        ("until=2026-02-27", ["failed", "old"]),
        ('text="replication slot"', ["failed"]),
        ("text='slot ''É'", []),
        ("text=É", ["failed"]),
        ("text=vacuum_blocked", ["failed"]),
        ("text=nowhere", []),
        ("text=slot outcome=ok", []),
    ],
)
def test_a_search_finds(year: Host, query: str, found: list[str]) -> None:
    assert year.ask(query) == found


def test_a_search_says_what_it_found_and_whether_there_is_more(year: Host) -> None:
    details = year.call("search", text="slot")["details"]
    (run,) = details["runs"]
    assert run["folder"] == str(year.runs / "failed")
    assert [row["subject"] for row in run["found"]] == ["clinic"]
    assert (details["more"], details["searched"]) == (False, 4)
    assert "The replication Slot" in details["text"]
    # What stands in the line is above the option.
    assert year.ask("cadence=daily", cadence="weekly") == ["good"]
    assert year.call("search", limit=2)["details"]["more"] is True
    assert year.call("search", limit=4)["details"]["more"] is False
    assert "does not know" in year.call("search", query="colour=red")["msg"]


def test_a_search_says_what_it_could_not_look_through(year: Host) -> None:
    (year.runs / "good" / "findings.jsonl").unlink()
    result = year.call("search", text="slot")
    assert [run["run_id"] for run in result["details"]["runs"]] == ["failed"]
    (found,) = findings_of(result, "records.search", status="unknown")
    assert "1 run " in found["message"]
    assert found["message"] in result["details"]["text"]


def test_without_records_a_search_says_so(tmp_path: Path) -> None:
    for state in ("search", "reindex"):
        assert "There is no folder" in Host(tmp_path).call(state)["msg"]


@pytest.mark.parametrize("state", ["check", "evidence", "prune", "file"])
def test_the_first_run_of_a_system_does_not_fail_for_its_records(tmp_path: Path, state: str) -> None:
    result = Host(tmp_path).call(state)
    (found,) = findings_of(result, "records.index", status="unknown")
    assert "when the first run is delivered" in found["message"]
    assert (result["changed"], list(tmp_path.iterdir())) == (False, [])


def test_the_evidence_for_a_calendar(year: Host) -> None:
    def rows(**options: Any) -> list[tuple[str, str, str, str]]:
        found = year.call("evidence", **options)["details"]["evidence"]
        return [(row["run_id"], row["procedure"], row["entry"], row["outcome"]) for row in found]

    year.filed(timedelta(days=4), name="older", procedure="postgresql_maintenance")
    failed, good = ("failed", "postgresql_maintenance", "main", "failed"), ("good", "backups", "check", "ok")
    old, older = ("old", "patching", "main", "ok"), ("older", "postgresql_maintenance", "main", "ok")
    # A rehearsal is none; of those alike before the moment, the newest.
    assert rows() == [good, failed, old]
    assert rows(since="2026-02-01") == [good, failed, older, old]
    assert rows(since="2026-03-01") == [failed, old] or rows(since="2026-03-01") == [good, failed, old]
    assert rows(procedure="backups") == [good]
    assert rows(cadence="weekly", since="2026-02-01") == [failed, older, old]
    assert rows(system="another") == []


# An index that is not whole


def test_runs_that_the_index_lost_are_told_and_found_again(year: Host) -> None:
    before = year.index()
    (year.runs / "index.jsonl").unlink()
    lost = year.call("search")
    assert lost["details"]["runs"] == []
    (found,) = findings_of(lost, "records.index", status="warning")
    assert found["value"] == 4
    assert [action["outcome"] for action in year.call("reindex", check=True)["actions"]] == ["planned"]
    assert not (year.runs / "index.jsonl").exists()
    details = year.call("reindex")["details"]
    assert (details["runs"], details["added"]) == (4, 4)
    assert year.index() == before
    assert year.call("reindex")["changed"] is False
    (year.runs / "index.jsonl").unlink()
    # So does filing, with or without a run.
    year.call("file", run="good")
    assert year.index() == before
    (year.runs / "index.jsonl").unlink()
    assert year.call("file")["details"]["runs"] == 4
    assert year.index() == before
    assert year.call("file")["changed"] is False


def test_damage_and_folders_that_are_gone_are_told_until_somebody_looked(year: Host) -> None:
    index = year.runs / "index.jsonl"
    index.write_bytes(b"rubbish\n" + index.read_bytes() + b'{"run_id":"x","moment":3}\n')
    shutil.rmtree(year.runs / "old")
    result = year.call("check")
    told = " ".join(row["message"] for row in findings_of(result, "records.index", status="warning"))
    assert "1 run without a folder (old)" in told
    assert "2 lines that cannot be read" in told
    assert year.ask("ticket=CHG-7") == ["rehearsal", "good", "failed"]
    details = year.call("reindex")["details"]
    assert (details["removed"], details["damaged"], details["added"]) == (1, 2, 0)
    assert [row["status"] for row in findings_of(year.call("check"), "records.index")] == ["ok"]


def test_a_folder_that_no_record_is_in_is_a_run_without_an_end(host: Host) -> None:
    host.deliver(timedelta(hours=30))
    (folder,) = host.runs.iterdir()
    (folder / "record.json").unlink()
    (host.runs / "empty").mkdir()
    assert host.ask("outcome=unfinished") == [folder.name]
    (found,) = findings_of(host.call("check"), "records.unfinished")
    assert (found["status"], found["subject"]) == ("warning", folder.name)


# Documentation


def test_an_emergency_is_due_late_and_documented(host: Host) -> None:
    run_id = host.filed(timedelta(hours=1), work_class="emergency", gate={"approval": APPROVAL})
    quiet = host.filed(timedelta(days=9))

    def judged(hours: float) -> tuple[str, str]:
        moment = to_text(NOW + timedelta(hours=hours))
        (found,) = findings_of(host.call("check", now=moment), "records.documentation")
        return found["subject"], found["status"]

    assert judged(0) == (run_id, "ok")
    assert judged(20) == (run_id, "warning")
    assert judged(30) == (run_id, "critical")
    assert host.call("check", now=to_text(NOW + timedelta(hours=30)))["details"]["late"] == [run_id]
    note: Row = {"run": run_id, "by": "Ana", "documentation": "Why, and how.\n"}
    host.call("document", **note, kind="note")
    assert judged(30) == (run_id, "critical")
    late = to_text(NOW + timedelta(hours=31))
    assert host.call("document", **note, kind="post_mortem", now=late, check=True)["changed"] is True
    assert not (host.runs / run_id / "documentation-2.md").exists()
    written = host.call("document", **note, kind="post_mortem", now=late)
    assert Path(written["details"]["path"]).name == "documentation-2.md"
    assert host.index()[run_id]["documentation"][1] == {
        "file": "documentation-2.md",
        "kind": "post_mortem",
        "by": "Ana",
        "at": late,
    }
    (found,) = findings_of(host.call("check", now=late), "records.documentation")
    assert (found["status"], "after it was due" in found["message"]) == ("ok", True)
    # The index may have missed it, the folder has not.
    (host.runs / "index.jsonl").unlink()
    host.call("reindex")
    assert judged(32) == (run_id, "ok")
    assert quiet in host.ask()


def test_the_same_text_is_attached_once_and_nothing_attached_changes(host: Host, tmp_path: Path) -> None:
    run_id = host.filed()
    text = '---\nkind: "note"\n---\nA line with "signs" and é.\r\n\n'
    source = tmp_path / "post-mortem.md"
    source.write_bytes(text.encode())
    first = host.call("document", run=run_id, src=str(source), by="Zoë\nkind: x", kind="post_mortem")
    path = Path(first["details"]["path"])
    content = path.read_bytes()
    assert content.endswith(text.encode())
    (attached,) = host.index()[run_id]["documentation"]
    assert (attached["by"], attached["kind"]) == ("Zoë\nkind: x", "post_mortem")
    again: Row = {"run": run_id, "documentation": text, "by": "Zoë\nkind: x", "kind": "post_mortem"}
    assert host.call("document", **again, now="2026-03-05T00:00:00Z")["changed"] is False
    assert host.call("document", **{**again, "documentation": text + "More."})["changed"] is True
    assert host.call("document", **{**again, "by": "Eva"})["details"]["path"].endswith("documentation-3.md")
    assert path.read_bytes() == content
    shown = host.call("show", run=run_id)["details"]["text"]
    assert "documentation-3.md, post_mortem, by Eva at 2026-03-02T12:00:00Z" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"run": "nobody", "documentation": "x"}, "There is no run nobody"),
        ({"run": "../x", "documentation": "x"}, "The name of a run"),
        ({"documentation": " \n"}, "is empty"),
        ({"documentation": "x", "by": " "}, "must name the person"),
        ({"src": "/nowhere/at-all.md"}, "cannot be read"),
        ({"src": "/"}, "cannot be read"),
        ({"src": sys.executable}, "is no text"),
        ({}, "are missing"),
        ({"documentation": "x", "src": "/x"}, "mutually exclusive"),
    ],
)
def test_documentation_that_is_none_is_refused(host: Host, options: Row, said: str) -> None:
    run_id = host.filed()
    before = host.files()
    assert said in host.call("document", **{"run": run_id, "by": "ana", **options})["msg"]
    assert host.files() == before


def test_a_run_without_an_end_is_told_until_somebody_explains(host: Host) -> None:
    host.call("begin", before={**BEFORE, "moment": to_text(NOW - timedelta(hours=80))})
    (found,) = findings_of(host.call("check"), "records.unfinished")
    assert (found["subject"], found["status"], found["value"]) == (BEFORE["id"], "critical", 80)
    host.call("document", run=BEFORE["id"], by="ana", kind="note", documentation="The controller burned down.")
    assert [row["subject"] for row in findings_of(host.call("check"), "records.unfinished", status="ok")] == ["records"]
    shown = host.call("show", run=BEFORE["id"])["details"]["text"]
    assert "no record yet" in shown
    assert "Rollback: Restore last night's backup" in shown


# Retention


def test_what_is_old_goes_with_its_line_and_what_must_stay_stays(host: Host) -> None:
    year = timedelta(days=366)
    names = {
        "newest": host.filed(timedelta(days=1), name="newest"),
        "old": host.filed(7 * year, name="old", findings=[finding("backup.age")]),
        "looked": host.filed(2 * year, name="looked", work_class="observe"),
        "emergency": host.filed(8 * year, name="emergency", work_class="emergency"),
    }
    foreign = host.root / "logs" / "backup-verification" / "notes.txt"
    foreign.write_text("mine")
    plan = host.call("prune", check=True)
    assert plan["details"]["runs"] == ["old", "looked"]
    assert [Path(path).suffix for path in plan["details"]["documents"]] == [".json", ".txt"]
    assert set(host.index()) == set(names)
    done = host.call("prune")
    assert done["details"] == plan["details"]
    assert host.files() == {
        "logs/maintenance/index.jsonl",
        "logs/backup-verification/notes.txt",
        *(
            f"logs/maintenance/{name}/{file}"
            for name in ("newest", "emergency")
            for file in ("record.json", "findings.jsonl")
        ),
    }
    assert set(host.index()) == {"newest", "emergency"}
    assert host.call("prune")["changed"] is False
    host.call("document", run="emergency", by="ana", kind="post_mortem", documentation="Long ago.")
    assert host.call("prune")["details"]["runs"] == ["emergency"]
    assert "from 1 on" in host.call("prune", keep_days=0)["msg"]
    assert "from 1 on" in host.call("prune", keep_days=1e12)["msg"]
    assert "a hundred years at most" in host.call("check", documentation_hours=1e12)["msg"]


# Killed at any moment, and two at once

# Runs the module, and kills it at its Nth step on the disk. Half of what is written then is there.
KILLER = """
import json, os, runpy, signal, sys
from ansible.module_utils.testing import patch_module_args
left = int(sys.argv[1])
def steps(name):
    do = getattr(os, name)
    def step(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            if name == "write":
                do(args[0], args[1][: len(args[1]) // 2])
            os.kill(os.getpid(), 9)
        return do(*args, **kwargs)
    setattr(os, name, step)
arguments = json.loads(sys.argv[2])
import ansible_collections.careops.maintenance.plugins.module_utils.records.states
for name in ("write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "ftruncate"):
    steps(name)
with patch_module_args(arguments):
    runpy.run_module("ansible_collections.careops.maintenance.plugins.modules.maintenance_records", run_name="__main__")
"""


def killed_at(step: int, host: Host, state: str, **options: Any) -> bool:
    """Whether the module was killed at that step; it came to its end where it has not so many."""
    given = {"state": state, "root": str(host.root), "now": to_text(NOW), **options}
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(step), json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stdout + done.stderr
    return done.returncode != 0


def steps_until_done(host: Host, fresh: Path, state: str, **options: Any) -> Iterator[int]:
    """Kills at every step, each time on a fresh copy, and yields after each kill."""
    step = 0
    while True:
        step += 1
        shutil.rmtree(host.root)
        shutil.copytree(fresh, host.root)
        if not killed_at(step, host, state, **options):
            assert step > 5, "nothing was killed"
            return
        yield step


def no_leftovers(host: Host) -> bool:
    return not list(host.root.rglob(".*"))


def test_a_killed_filing_is_mended_by_the_next_call(host: Host, tmp_path: Path) -> None:
    host.filed(timedelta(days=3), name="earlier")
    run_id = host.deliver(findings=[finding("backup.age"), finding("certificate.expiry")])
    fresh = tmp_path / "fresh"
    shutil.copytree(host.root, fresh)
    host.call("file", run=run_id)
    expected, lines = host.files(), host.index()
    for step in steps_until_done(host, fresh, "file", run=run_id):
        # Another run's filing, not this one's.
        host.work("file", run="earlier")
        assert host.index() == lines, step
        assert host.files() == expected, step
        assert no_leftovers(host), step
        assert host.work("file", run=run_id).actions == [], step


def test_a_killed_pruning_is_ended_by_the_next(host: Host, tmp_path: Path) -> None:
    for days in (1, 3000, 3001, 3002):
        host.filed(timedelta(days=days), findings=[finding("backup.age")])
    fresh = tmp_path / "fresh"
    shutil.copytree(host.root, fresh)
    host.call("prune")
    expected, lines = host.files(), host.index()
    assert len(lines) == 1
    for step in steps_until_done(host, fresh, "prune"):
        search = host.work("search")
        assert search.findings == [], step
        assert {run["run_id"] for run in details_of(search)["runs"]} >= set(lines), step
        host.work("prune")
        assert host.index() == lines, step
        assert host.files() == expected, step
        assert no_leftovers(host), step


def test_a_killed_writer_of_documentation_leaves_a_whole_document_or_none(host: Host, tmp_path: Path) -> None:
    run_id = host.filed(work_class="emergency")
    fresh = tmp_path / "fresh"
    shutil.copytree(host.root, fresh)
    options: Row = {"run": run_id, "by": "ana", "kind": "post_mortem", "documentation": "Why, and how."}
    for step in steps_until_done(host, fresh, "document", **options):
        # The check sees what is there, whatever the index says, and a filing brings the two together.
        there = (host.runs / run_id / "documentation-1.md").exists()
        late = details_of(host.work("check", now=to_text(NOW + timedelta(days=3))))["late"]
        assert late == ([] if there else [run_id]), step
        host.work("file", run=run_id)
        assert len(host.index()[run_id]["documentation"]) == there, step
        assert no_leftovers(host), step
        host.work("document", **options)
        (attached,) = host.index()[run_id]["documentation"]
        assert attached["file"] == "documentation-1.md", step


def test_a_killed_beginning_can_begin_again(tmp_path: Path) -> None:
    host, fresh = Host(tmp_path / "careops"), tmp_path / "fresh"
    host.runs.mkdir(parents=True)
    shutil.copytree(host.root, fresh)
    for step in steps_until_done(host, fresh, "begin", before=BEFORE):
        host.work("begin", before=BEFORE)
        assert host.files() == {f"logs/maintenance/{BEFORE['id']}/before.json"}, step


def test_filings_at_once_lose_nothing(host: Host) -> None:
    runs = [host.deliver(timedelta(hours=hours), findings=[finding("backup.age")]) for hours in range(1, 7)]
    started = [
        start_module(MODULE, {"state": "file", "root": str(host.root), "run": run_id})
        for run_id in (*runs, runs[0], runs[0])
    ]
    results = [json.loads(process.communicate(timeout=60)[0]) for process in started]
    assert [result.get("msg") for result in results] == [None] * len(started)
    assert set(host.index()) == set(runs)
    lines = (host.runs / "index.jsonl").read_text().splitlines()
    assert len(lines) == len(runs)
    assert len(list((host.root / "logs" / "backup-verification").glob("*.json"))) == len(runs)
    assert no_leftovers(host)


def test_a_folder_that_may_not_be_written_is_one_sentence(host: Host) -> None:
    run_id = host.deliver()
    (host.runs / "index.jsonl").mkdir()
    assert "cannot be" in host.call("file", run=run_id)["msg"]
    shutil.rmtree(host.root)
    host.root.write_text("a file")
    assert "cannot be written" in host.call("begin", before=BEFORE)["msg"]
