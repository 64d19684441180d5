"""What stays of whole runs on the records host: the plan, the record, the index, the audit log and its anchor."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.lab import webhook
from tests.lab.modules import findings_of, run_module
from tests.lab.runs import PLAYBOOKS, Platform, ended, read_record, wait_until


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    made = Platform(
        tmp_path,
        variables={
            "audit_root": str(tmp_path / "kept" / "audit"),
            "audit_key_file": str(tmp_path / "audit.key"),
            "audit_anchor_root": str(tmp_path / "anchors"),
        },
    )
    made.more_groups = {"audit": ["rec"], "anchors": ["b"]}
    return made


def audit_log(platform: Platform, stream: str = "operational") -> list[dict[str, Any]]:
    """The entries of the stream."""
    folder = Path(platform.variables["audit_root"]) / stream
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry.get("run")]


def records(platform: Platform, state: str, **options: Any) -> dict[str, Any]:
    return run_module("maintenance_records", {"state": state, "root": str(platform.kept), **options})


def test_a_run_is_in_the_audit_log_once_and_its_head_is_anchored(platform: Platform) -> None:
    run = platform.run("quiet")
    assert run.status == 0, run.output
    run_id = platform.record()["run"]["id"]
    assert [(row["run"], row["action"]) for row in audit_log(platform)] == [
        (run_id, "open_run"),
        (run_id, "close_run"),
    ]
    assert list(Path(platform.variables["audit_anchor_root"]).rglob("*"))
    index = (platform.delivered / "index.jsonl").read_text().splitlines()
    assert len([line for line in index if run_id in line]) == 1
    before = json.loads((platform.delivered / run_id / "before.json").read_text())
    assert (before["id"], before["system"], before["cadence"]) == (run_id, "toy", "toy")


def test_a_second_delivery_does_not_ask_the_anchor_host_again(platform: Platform) -> None:
    with webhook.receiver() as receiver:
        platform.variables["notify_channels"] = [receiver.options(name="chat")]
        run = platform.run("quiet")
    assert run.status == 0, run.output
    assert run.output.count("Deliver | Note that the records host has it") == 2
    # At the opening and at the first delivery; all three bring it the newest checkpoint.
    assert run.output.count("Ask | Ask it what it knows") == 2
    assert run.output.count("Keep | Bring the checkpoints to the anchor host") == 3


def test_of_trouble_that_goes_on_people_are_told_once_a_day(platform: Platform) -> None:
    with webhook.receiver() as receiver:
        platform.variables["notify_channels"] = [receiver.options()]
        told = []
        for moment in ("2026-03-01T02:00:00Z", "2026-03-01T02:05:00Z", "2026-03-02T02:05:00Z"):
            platform.variables["run_open_now"] = moment
            assert platform.run("quiet", work_class="observe").status == 0
            told.append(len(receiver.posts))
    # That its time was given by hand is what needs attention here.
    assert told == [1, 1, 2]


def test_a_refused_run_is_in_the_security_log(platform: Platform) -> None:
    platform.variables["policy_windows"] = []
    assert platform.run("quiet").status == 2
    assert "refuse_run" in {row["action"] for row in audit_log(platform, "security")}


def test_a_log_that_somebody_changed_fails_the_next_run_that_looks(platform: Platform) -> None:
    assert platform.run("quiet").status == 0
    (segment,) = (Path(platform.variables["audit_root"]) / "operational").glob("*.jsonl")
    segment.write_text(segment.read_text().replace('"close_run"', '"close_rum"'))
    platform.groups = {"audit": ["rec"]}
    platform.more_groups = {"anchors": ["b"]}
    platform.own_roles = ("audit",)
    run = platform.run("audit")
    assert run.status == 2
    assert "audit.chain" in {row["check"] for row in json.loads(platform.newest().read_text())["attention"]}


def test_a_record_that_somebody_changed_fails_the_next_run_that_looks(platform: Platform) -> None:
    with webhook.receiver() as receiver:
        # What became of the notices changes the record after its first delivery.
        platform.variables["notify_channels"] = [receiver.options()]
        platform.variables["notify_on"] = ["ok", "attention", "failed"]
        assert platform.run("quiet").status == 0
    del platform.variables["notify_channels"]
    first = platform.record()["run"]["id"]
    platform.groups = {"audit": ["rec"]}
    platform.more_groups = {"anchors": ["b"]}
    platform.own_roles = ("audit",)
    good = platform.run("audit")
    assert good.status == 0, good.output
    report = platform.delivered / first / "report.html"
    report.write_text(report.read_text().replace("quiet", "loud"))
    os.utime(report, (0, 0))
    run = platform.run("audit")
    assert run.status == 2
    (found,) = [row for row in read_record(platform.newest())["attention"] if row["check"] == "audit.records"]
    assert (found["status"], found["subject"]) == ("critical", first)
    assert found["message"].startswith("report.html is not what it was")


def test_of_a_run_that_was_killed_its_plan_stays(platform: Platform) -> None:
    process = platform.start("slow")
    wait_until(lambda: any('"kind":"permitted"' in journal.read_text() for journal in platform.journals()))
    process.send_signal(signal.SIGKILL)
    ended(process)
    (before,) = platform.delivered.glob("*/before.json")
    assert not (before.parent / "record.json").exists()
    assert [row["action"] for row in audit_log(platform)] == ["open_run"]
    found = records(platform, "check", now="2030-01-01T00:00:00Z")
    assert findings_of(found, "records.unfinished", status="critical")


def test_an_emergency_that_nobody_documents_becomes_a_finding(platform: Platform) -> None:
    platform.variables.update(
        policy_approvers=[{"name": "Ada Muster"}],
        run_open_now="2026-03-03T12:00:00Z",
        run_open_approved_by="Ada Muster",
        run_open_approved_at="2026-03-03T11:30:00Z",
        run_open_approval_kind="recovery",
        run_open_approval_reason="The database does not start.",
    )
    run = platform.run("quiet", work_class="emergency")
    assert run.status == 0, run.output
    run_id = platform.record()["run"]["id"]
    assert {"approve"} <= {row["action"] for row in audit_log(platform, "security")}
    # The review that was made of it outlives the run, so the log has its digest too.
    (closed,) = [row for row in audit_log(platform) if row["action"] == "close_run"]
    reviews = {
        os.path.normpath(platform.delivered / name): digest for name, digest in closed["details"]["documents"].items()
    }
    assert reviews == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (platform.kept / "compliance" / "security-reviews").iterdir()
    }
    late = records(platform, "check", now="2030-01-01T00:00:00Z")
    (finding,) = findings_of(late, "records.documentation", status="critical")
    assert finding["subject"] == run_id
    records(platform, "document", run=run_id, documentation="A disk was full.", by="Ada Muster", kind="post_mortem")
    assert findings_of(records(platform, "check"), "records.documentation", status="critical") == []
    # By the playbook, a document is in the audit log too, once.
    (platform.folder / "more.md").write_text("The disk is larger now.")
    wish = {"records_document": run_id, "records_file": str(platform.folder / "more.md"), "records_by": "Ada Muster"}
    for _time in range(2):
        attached = ended(platform.playbook(PLAYBOOKS / "records.yml", arguments=("-e", json.dumps(wish))))
        assert attached.status == 0, attached.output
    (row,) = [row for row in audit_log(platform) if row["action"] == "attach_document"]
    assert (row["run"], row["operator"], row["target"]) == (run_id, "Ada Muster", "documentation-2.md")
    digest = hashlib.sha256((platform.delivered / run_id / "documentation-2.md").read_bytes()).hexdigest()
    assert row["details"]["files"] == {"documentation-2.md": digest}
