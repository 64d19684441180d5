"""The records host's folders: filed, searched, documented, checked and pruned."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.clock import to_text
from tests.lab.modules import findings_of
from tests.lab.records import (
    APPROVAL,
    BEFORE,
    NOW,
    Host,
    Row,
    details_of,
    finding,
)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "careops")
    made.runs.mkdir(parents=True)
    return made


# Before a run


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
    # What policy wants in them later changes none that is there, since the audit log was told of it.
    made = {path: path.read_bytes() for path in host.root.rglob(f"{name}.*")}
    host.work("document", run=run_id, by="ana", documentation="It was full.", backup_checks=["certificate.*"])
    (host.runs / "index.jsonl").unlink()
    host.work("file", backup_checks=["certificate.*"])
    assert {path: path.read_bytes() for path in host.root.rglob(f"{name}.*")} == made


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
    year.filed(timedelta(hours=-8), name="ahead", procedure="backups", entry="check")
    assert rows() == [good, failed, old]
    assert rows(until="2026-03-03")[0][0] == "ahead"


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


def test_an_index_that_somebody_changed_is_told(host: Host) -> None:
    """The calendar, searches and the watch over emergencies go by it."""
    host.filed(timedelta(hours=30), work_class="emergency", gate={"approval": APPROVAL})
    index = host.runs / "index.jsonl"
    whole = index.read_text()
    for change in (('"emergency"', '"observe"'), ('"outcome":"ok"', '"outcome":"failed"'), ('"backups"', '"patching"')):
        assert not [row for row in host.work("check").findings if row.check == "records.index" and row.status != "ok"]
        index.write_text(whole.replace(*change))
        (told,) = [row for row in host.work("check").findings if row.check == "records.index"]
        assert (told.status, "does not say what the records of 1 run say" in told.message) == ("warning", True), change
        host.work("reindex")
        assert index.read_text() == whole


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


def test_the_time_of_a_run_that_was_given_another_is_told_apart(host: Host) -> None:
    begun = to_text(NOW - timedelta(hours=1))
    plain = host.call("show", run=host.filed(name="plain"))["details"]["text"]
    assert (f"Time:     {begun} to " in plain, "Taken as" in plain) == (True, False)
    given = host.call("show", run=host.filed(name="given", moment="2026-03-29T00:30:00Z"))["details"]["text"]
    assert f"Time:     {begun} to " in given
    assert "Taken as: 2026-03-29T00:30:00Z, a time that was given by hand" in given


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


def test_nobody_has_a_run_pruned_by_a_line_or_a_name(host: Host) -> None:
    """Pruning would take away what somebody wants gone, and the audit log would say that policy asked for it."""
    names = [host.filed(timedelta(days=days)) for days in (500, 400, 1)]
    index = host.runs / "index.jsonl"
    # As old as can be, and of the class that is kept for a year.
    index.write_text(index.read_text().replace("2024-10-18", "2010-10-18").replace('"maintenance"', '"observe"'))
    (host.runs / names[1]).rename(host.runs / f".pruned-{names[1]}")
    assert details_of(host.work("prune")) == {"runs": [], "documents": []}
    assert {name for name in names if (host.runs / name / "record.json").exists()} == set(names)
    # A folder that is gone is no run that retention took either.
    shutil.rmtree(host.runs / names[0])
    assert details_of(host.work("prune"))["runs"] == []
