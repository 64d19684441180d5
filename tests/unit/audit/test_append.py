"""Appending: what an entry must say, that none comes twice, and what an interruption leaves."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.audit import store
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from tests.lab.audit import NOW, Log, entry, fault, found, stream


def rows(log: Log) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.lines()]


def test_a_log_begins_with_its_name_and_key(log: Log) -> None:
    log.append(1)
    first, second = rows(log)
    assert (first["n"], first["action"], first["details"]["origin"]) == (1, "audit.opened", "clinic/operational")
    assert first["details"]["key"] == first["key"] == second["key"]
    assert (second["n"], second["operator"], second["target"]) == (2, "a.jansen", "clinic.table_1")
    assert (second["time"], second["logged"]) == (NOW, NOW)


def test_the_key_file_is_for_its_owner_alone(log: Log) -> None:
    log.append(1)
    assert os.stat(log.key_file).st_mode & 0o777 == 0o600
    assert found(log.verify(), "audit.key").status == "ok"


def test_no_key_is_in_any_result_or_entry(log: Log) -> None:
    outcome = log.run("append", entries=[entry(1)], key_kind="ed25519")
    said = json.dumps([outcome.details, *(finding.as_dict() for finding in log.verify().findings)], default=str)
    for key in json.loads(log.key_file.read_text())["keys"]:
        for secret in (key["hmac"], key["ed25519"]):
            assert secret not in said
            assert secret.encode() not in b"".join(path.read_bytes() for path in log.folder.iterdir())


def test_a_ref_that_the_log_has_is_not_written_again(log: Log) -> None:
    entries = [entry(number, ref=f"run/{number}") for number in range(5)]
    assert stream(log.run("append", entries=entries))["appended"] == 5
    again = log.run("append", entries=[*entries, entry(5, ref="run/5"), entry(5, ref="run/5")])
    assert (stream(again)["appended"], stream(again)["known"]) == (1, 6)
    (action,) = log.run("append", entries=entries).actions
    assert (action.outcome, action.changed, action.reason) == (
        "skipped",
        False,
        "All 5 entries are in the log already.",
    )


def test_a_ref_is_known_across_files_and_months(log: Log) -> None:
    old = entry(1, ref="run/1", time="2026-01-10T00:00:00Z")
    log.run("append", entries=[old], now="2026-01-10T01:00:00Z")
    for month in range(2, 12):
        log.append(3, now=f"2026-{month:02}-10T01:00:00Z")
    assert len(log.segments()) == 11
    assert stream(log.run("append", entries=[old]))["known"] == 1


def test_an_entry_that_mentions_a_ref_does_not_hide_another(log: Log) -> None:
    log.run("append", entries=[entry(1, ref="a", details={"ref": "b", "text": '"ref":"b"'})])
    assert stream(log.run("append", entries=[entry(2, ref="b")]))["appended"] == 1


def test_the_security_stream_gets_what_belongs_there(log: Log) -> None:
    entries = [
        entry(1),
        entry(2, security=True),
        entry(3, procedure="patching"),
        entry(4, action="rotate_secret"),
        entry(5, action="approve"),
        entry(6, action="refuse_run", outcome="refused"),
    ]
    log.run(
        "append",
        entries=entries,
        streams=["operational", "security"],
        security_procedures=["patching"],
        security_actions=["rotate_secret"],
    )
    lines = (log.root / "security" / "000000000001.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["target"][-1] for line in lines[1:]] == ["2", "3", "4", "5", "6"]
    assert len(rows(log)) == 7


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"operator": " "}, "lacks its operator"),
        ({"target": ""}, "lacks its target"),
        ({"action": "Re-index"}, "small letters, digits and underscores"),
        ({"action": "audit.rotated"}, "small letters, digits and underscores"),
        ({"outcome": "well"}, "needs an outcome of done"),
        ({"time": "yesterday"}, "The option entries.time"),
        ({"time": "2026-11-21T02:00:00"}, "with its offset"),
        ({"ref": "with a space"}, "without spaces"),
        ({"ref": "x" * 201}, "at most 200"),
        ({"reason": "x" * 4001}, "more than 4000 characters"),
        ({"details": {"x": "y" * 70000}}, "may have 65536"),
        ({"details": {"x": float("nan")}}, "must be plain JSON"),
    ],
)
def test_a_bad_entry_is_refused_and_nothing_is_written(log: Log, more: dict[str, Any], words: str) -> None:
    log.append(1)
    before = log.lines()
    with pytest.raises(MaintenanceError, match=words):
        log.run("append", entries=[entry(1), {**entry(2), **more}])
    assert log.lines() == before
    assert found(log.verify(), "audit.chain").status == "ok"


@pytest.mark.parametrize("text", ["line\nbreak", 'quote " and \\', "naïve \u2028 ☃", "\x00", '","mac":"' + "0" * 64])
def test_any_text_stays_one_line_and_comes_back(log: Log, text: str) -> None:
    log.run("append", entries=[entry(1, reason=f"a {text} b", details={text: [text]})])
    assert found(log.verify(), "audit.chain").status == "ok"
    assert rows(log)[-1]["reason"] == f"a {text} b"


@pytest.mark.parametrize("origin", ["a b", "a+b", "a\nb"])
def test_a_name_that_no_checkpoint_can_have_is_refused(log: Log, origin: str) -> None:
    with pytest.raises(MaintenanceError, match="without spaces and plus signs"):
        log.run("append", entries=[entry(1)], origin=origin)


def test_a_log_keeps_its_name(log: Log) -> None:
    log.append(1)
    assert log.append(1, origin="")["origin"] == "clinic/operational"
    with pytest.raises(MaintenanceError, match="a log keeps its name"):
        log.append(1, origin="elsewhere")


def test_a_rehearsal_writes_nothing(log: Log) -> None:
    (action,) = log.run("append", entries=[entry(1)], check_mode=True).actions
    assert (action.outcome, action.after) == ("planned", {"entries": 1})
    assert not log.root.exists() and not log.key_file.exists()
    log.run("append", entries=[entry(1, ref="a")])
    before = {path: path.read_bytes() for path in log.folder.iterdir()}
    (action,) = log.run("append", entries=[entry(1, ref="a"), entry(2, ref="b")], check_mode=True).actions
    assert (action.outcome, action.after) == ("planned", {"entries": 1})
    assert {path: path.read_bytes() for path in log.folder.iterdir()} == before


def test_a_new_file_begins_with_the_month_and_with_the_size(log: Log) -> None:
    log.append(3, now="2026-01-31T23:59:59Z")
    log.append(3, now="2026-02-01T00:00:00Z")
    log.append(3, now="2026-02-02T00:00:00Z", segment_bytes=1000)
    assert [path.name for path in log.segments()] == [
        "000000000001.jsonl",
        "000000000005.jsonl",
        "000000000008.jsonl",
    ]
    assert found(log.verify(), "audit.chain").status == "ok"


def test_a_clock_that_is_set_back_breaks_nothing(log: Log) -> None:
    log.append(3, now="2027-01-01T00:00:00Z")
    log.append(3, now="2026-11-21T00:00:00Z")
    assert found(log.verify(), "audit.chain").status == "ok"


def test_a_clock_that_went_back_is_told_once_and_remembered(log: Log) -> None:
    log.append(1, now="2026-11-21T02:05:00Z")
    assert not log.run("append", entries=[entry(2)], now=NOW).findings
    back = log.run("append", entries=[entry(3)], now="2026-11-21T01:00:00Z")
    said = found(back, "audit.clock")
    assert (said.status, said.evidence["entry"]) == ("warning", 3)
    assert "says 2026-11-21T01:00:00Z, and entry 3 was written at 2026-11-21T02:00:00Z" in said.message
    assert not log.run("append", entries=[entry(4)], now="2026-11-21T01:01:00Z").findings
    assert [row["action"] for row in rows(log)].count("audit.fault") == 1
    assert found(log.verify(), "audit.chain").status == "ok"


def test_a_key_that_is_not_there_yet_is_told_apart_from_one_that_is_gone(log: Log) -> None:
    assert "the first append makes one" in found(log.verify(), "audit.key").message
    log.append(1)
    log.key_file.unlink()
    assert "seals of the entries were not checked" in found(log.verify(), "audit.key").message


def test_a_missing_key_is_not_made_anew(log: Log) -> None:
    log.append(1)
    log.key_file.unlink()
    with pytest.raises(MaintenanceError, match="put it back from its copy"):
        log.append(1)
    assert not log.key_file.exists()


@pytest.mark.parametrize("content", ["", "{}", '{"keys": []}', '{"keys": [{"hmac": "00", "created": ""}]}', "\x00"])
def test_a_key_file_that_is_none_is_refused(log: Log, content: str) -> None:
    log.append(1)
    log.key_file.write_text(content)
    with pytest.raises(MaintenanceError, match="holds no keys of an audit log"):
        log.append(1)


def test_a_key_that_others_may_read_is_critical(log: Log) -> None:
    log.append(1)
    log.key_file.chmod(0o640)
    finding = found(log.verify(), "audit.key")
    assert (finding.status, "0640" in finding.message) == ("critical", True)


# Interruptions


def tear(log: Log, content: bytes) -> Path:
    path = log.segments()[-1]
    with path.open("ab") as target:
        target.write(content)
    return path


TORN = [b'{"n":4,"logged":"2026', b"\x00" * 300, b"{"]


@pytest.mark.parametrize("content", TORN, ids=["half an entry", "zeros", "a byte"])
def test_half_an_entry_is_moved_aside_by_the_next_append(log: Log, content: bytes) -> None:
    log.append(2)
    path = tear(log, content)
    written = log.run("append", entries=[entry(9)])
    finding = found(written, "audit.torn")
    assert (finding.status, finding.evidence["entry"]) == ("warning", 4)
    assert path.with_name(f"{path.name}.torn-4").read_bytes() == content
    assert [row["n"] for row in rows(log)] == [1, 2, 3, 4]
    assert found(log.verify(), "audit.chain").status == "ok"


@pytest.mark.parametrize("content", TORN, ids=["half an entry", "zeros", "a byte"])
def test_half_an_entry_is_moved_aside_by_verify(log: Log, content: bytes) -> None:
    log.append(2)
    path = tear(log, content)
    for more in ({"check_mode": True}, {"repair": False}):
        verified = log.run("verify", **more)
        assert (found(verified, "audit.chain").status, found(verified, "audit.torn").status) == ("ok", "warning")
        assert path.read_bytes().endswith(content)
    verified = log.verify()
    assert (found(verified, "audit.chain").status, found(verified, "audit.torn").status) == ("ok", "warning")
    assert path.with_name(f"{path.name}.torn-4").read_bytes() == content
    assert [finding.check for finding in log.verify().findings if finding.status == "warning"] == []


def test_what_was_moved_aside_is_never_overwritten(log: Log) -> None:
    log.append(2)
    for content in (b"one", b"two", b"two"):
        path = tear(log, content)
        log.verify()
    assert sorted(aside.name for aside in log.folder.glob("*.torn-*")) == [
        f"{path.name}.torn-4",
        f"{path.name}.torn-4.2",
    ]


def test_entries_behind_an_old_head_are_taken_in(log: Log) -> None:
    """The writer was killed after its entries were on the disk, and before the head was."""
    log.append(2)
    head = (log.folder / "head.json").read_bytes()
    log.append(3)
    log.append(2, now="2026-12-01T00:00:00Z")
    (log.folder / "head.json").write_bytes(head)
    assert found(log.verify(), "audit.chain").status == "ok"
    written = log.append(1, now="2026-12-01T00:00:01Z")
    assert written["size"] == 9
    assert found(log.verify(), "audit.chain").status == "ok"


def test_a_log_whose_very_first_write_was_interrupted_begins_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def kill(*_args: Any) -> int:
        raise Killed

    monkeypatch.setattr(os, "pwrite", kill)
    with pytest.raises(Killed):
        log.append(1)
    monkeypatch.undo()
    assert (log.folder / "head.json").exists()
    assert log.append(1)["size"] == 2
    assert [row["action"] for row in rows(log)] == ["audit.opened", "reindex"]
    assert found(log.verify(), "audit.chain").status == "ok"


def test_whole_lines_of_somebody_else_are_moved_aside_and_remembered(log: Log) -> None:
    log.append(2)
    path = tear(log, b'{"n":4,"forged":true}\n')
    written = log.run("append", entries=[entry(9)])
    finding = found(written, "audit.chain")
    assert (finding.status, "Find out who wrote them" in finding.message) == ("critical", True)
    assert path.with_name(f"{path.name}.torn-4").exists()
    assert [row["action"] for row in rows(log)][-2:] == ["audit.fault", "reindex"]
    assert found(log.verify(), "audit.chain").status == "ok"


def test_a_log_that_was_cut_off_goes_on_and_shows_it_for_ever(log: Log) -> None:
    log.append(5)
    log.rewrite(lambda lines: lines.__delitem__(slice(4, None)))
    assert fault(log.verify()) == ("truncated", 5)
    written = log.run("append", entries=[entry(9)])
    assert found(written, "audit.chain").status == "critical"
    assert [row["n"] for row in rows(log)] == [1, 2, 3, 4, 7, 8]
    assert rows(log)[-2]["action"] == "audit.fault"
    assert fault(log.verify()) == ("deleted", 5)


def test_a_head_that_is_gone_is_made_anew_and_remembered(log: Log) -> None:
    log.append(3)
    (log.folder / "head.json").unlink()
    written = log.run("append", entries=[entry(9)], origin="")
    assert found(written, "audit.chain").status == "critical"
    assert [row["action"] for row in rows(log)][-2:] == ["audit.fault", "reindex"]
    assert found(log.verify(), "audit.chain").status == "ok"


def test_a_head_that_is_gone_with_half_an_entry_behind_it(log: Log) -> None:
    log.append(3)
    tear(log, b"half")
    (log.folder / "head.json").unlink()
    written = log.run("append", entries=[entry(9)])
    assert (found(written, "audit.chain").status, found(written, "audit.torn").status) == ("critical", "warning")
    assert found(log.verify(), "audit.chain").status == "ok"


def test_without_a_head_a_faulty_log_is_left_alone(log: Log) -> None:
    log.append(5)
    log.rewrite(lambda lines: lines.__delitem__(2))
    (log.folder / "head.json").unlink()
    before = log.lines()
    with pytest.raises(MaintenanceError, match=r"entry 3 is gone.*run verify"):
        log.append(1)
    assert log.lines() == before


@pytest.mark.parametrize("broken", ["write", "fsync", "head"])
def test_what_cannot_be_written_leaves_no_entry(log: Log, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    log.append(3)
    before = {path.name: path.read_bytes() for path in log.folder.iterdir()}

    def fail(*_args: Any, **_more: Any) -> int:
        raise OSError(28, "No space left on device")

    calls = itertools.count()

    def half(descriptor: int, content: bytes, at: int) -> int:
        if next(calls) % 2:
            fail()
        return real(descriptor, content[:100], at)

    real = os.pwrite
    if broken == "write":
        monkeypatch.setattr(os, "pwrite", half)
    elif broken == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(store.Stream, "write_head", fail)
    with pytest.raises(MaintenanceError, match=r"audit/operational could not be written: No space left on device"):
        log.append(4)
    with pytest.raises(MaintenanceError, match="No space left on device"):
        log.append(4, now="2026-12-01T00:00:00Z")
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in log.folder.iterdir()} == before
    assert log.append(1)["size"] == 5
    assert found(log.verify(), "audit.chain").status == "ok"
