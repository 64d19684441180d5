"""The anchor host: what it keeps, what it hands out, and what it makes of odd offers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.audit import note
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError, MissingLibrary
from tests.lab.audit import Log, found, stream

NAME = "clinic/operational"
ROOT = "A" * 43 + "="


def folder(log: Log) -> Any:
    (only,) = log.anchor.iterdir()
    return only


def test_a_checkpoint_that_is_there_already_changes_nothing(log: Log) -> None:
    written = log.append(3)
    log.take_anchor({NAME: written})
    (action,) = log.take_anchor({NAME: written}).actions
    assert (action.outcome, action.changed) == ("skipped", False)
    assert log.known()[NAME]["count"] == 1


def test_a_rehearsal_keeps_nothing(log: Log) -> None:
    (action,) = log.take_anchor({NAME: log.append(3)}, check_mode=True).actions
    assert (action.outcome, action.changed) == ("planned", True)
    assert not log.anchor.exists()


def test_a_checkpoint_that_comes_late_is_no_contradiction(log: Log) -> None:
    first = log.append(3)
    log.take_anchor({NAME: first})
    log.anchored_append(3)
    taken = log.take_anchor({NAME: first})
    assert (found(taken, "audit.anchor").status, taken.actions[0].outcome) == ("ok", "skipped")


def test_a_race_of_two_runs_is_a_warning_and_heals(log: Log) -> None:
    log.anchored_append(3)
    known = log.known()
    slow = log.append(1, anchored=known)
    fast = log.append(1, anchored=known)
    log.take_anchor({NAME: fast})
    finding = found(log.take_anchor({NAME: slow}), "audit.anchor")
    assert (finding.status, "this host was told of 6 meanwhile" in finding.message) == ("warning", True)
    late = log.append(1, anchored=known)
    finding = found(log.take_anchor({NAME: late}), "audit.anchor")
    assert (finding.status, "this host was told of 6 meanwhile" in finding.message) == ("warning", True)
    assert found(log.anchored_append(1), "audit.anchor").status == "ok"


def test_only_so_many_checkpoints_are_handed_out_and_the_newest_is_among_them(log: Log) -> None:
    for _round in range(30):
        log.anchored_append(1)
    details = log.take_anchor({}, checkpoint_count=8).details
    assert details is not None
    row = details["streams"][NAME]
    sizes = [note.parse(text).size for text in row["checkpoints"]]
    assert (row["count"], len(sizes) <= 8, sizes[-4:], sizes[0]) == (30, True, [28, 29, 30, 31], 2)
    assert found(log.verify(anchored=details["streams"]), "audit.anchor").status == "ok"


def test_half_a_line_of_an_interrupted_write_is_moved_aside(log: Log) -> None:
    log.anchored_append(3)
    path = folder(log) / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes() + b'{"received": "2026')
    assert log.known()[NAME]["size"] == 4
    assert found(log.anchored_append(1), "audit.anchor").status == "ok"
    assert (folder(log) / "checkpoints.jsonl.torn-2").read_bytes() == b'{"received": "2026'
    assert log.known()[NAME]["count"] == 2


def test_a_damaged_file_is_an_error(log: Log) -> None:
    log.anchored_append(3)
    (folder(log) / "checkpoints.jsonl").write_text("not JSON\n")
    with pytest.raises(MaintenanceError, match="was damaged"):
        log.known()


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        ({}, "has no checkpoint for"),
        ({"note": "nonsense"}, "This is no checkpoint"),
        ({"note": "clinic\n1\nAAAA\n\n\u2014 clinic AAAAAAA=\n"}, "no root hash"),
        ({"note": "clinic x\n1\n\n\u2014 clinic AAAAAAA=\n"}, "This is no checkpoint"),
        ("note", "has no checkpoint for"),
        # The name becomes that of a folder, and the records host may be in the hands of somebody else.
        ({"note": f"..\n5\n{ROOT}\n\n\u2014 .. AAAAAAA=\n"}, "its origin or its size is none"),
        ({"note": f".\n5\n{ROOT}\n\n\u2014 . AAAAAAA=\n"}, "its origin or its size is none"),
    ],
)
def test_odd_offers_are_errors(log: Log, offer: Any, words: str) -> None:
    with pytest.raises(MaintenanceError, match=words):
        log.take_anchor({NAME: offer})


@pytest.mark.parametrize("proof", [["zz"], ["00"], [""], ["0" * 64] * 300])
def test_an_odd_proof_proves_nothing(log: Log, proof: list[str]) -> None:
    log.anchored_append(3)
    offer = {**log.append(4, anchored=log.known()), "proof": proof}
    assert found(log.take_anchor({NAME: offer}), "audit.anchor").status == "critical"


def test_two_logs_have_each_their_own_folder(log: Log) -> None:
    log.anchored_append(3)
    other = stream(log.run("append", streams=["security"]))
    log.take_anchor({other["origin"]: other})
    assert set(log.known()) == {NAME, "clinic/security"}
    assert {path.name for path in log.anchor.iterdir()} == {"clinic%2Foperational", "clinic%2Fsecurity"}


def test_a_new_key_is_learned_from_the_old_one(log: Log) -> None:
    log.anchored_append(3, key_kind="ed25519")
    first = log.known()[NAME]["verifiers"]
    rotated = stream(log.run("rotate", key_kind="ed25519", anchored=log.known()))
    assert found(log.take_anchor({NAME: rotated}), "audit.anchor").status == "ok"
    both = log.known()[NAME]["verifiers"]
    assert (both[:1], len(both)) == (first, 2)
    # And so on, although the first key no longer signs.
    rotated = stream(log.run("rotate", key_kind="ed25519", anchored=log.known()))
    assert found(log.take_anchor({NAME: rotated}), "audit.anchor").status == "ok"
    assert len(log.known()[NAME]["verifiers"]) == 3


def test_a_log_that_signs_no_more_is_refused(log: Log) -> None:
    log.anchored_append(3, key_kind="ed25519")
    written = log.append(1, anchored=log.known())
    checkpoint = note.parse(written["note"])
    bare = note.signed(checkpoint.text, [(NAME, "00000000", b"x" * 32)])
    finding = found(log.take_anchor({NAME: {**written, "note": bare}}), "audit.anchor")
    assert (finding.status, "no valid signature" in finding.message) == ("critical", True)


def test_a_log_without_a_signature_may_turn_to_one(log: Log) -> None:
    log.anchored_append(3)
    rotated = stream(log.run("rotate", key_kind="ed25519", anchored=log.known()))
    assert found(log.take_anchor({NAME: rotated}), "audit.anchor").status == "ok"
    assert len(log.known()[NAME]["verifiers"]) == 1


# Without python3-cryptography


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(note, "optional", lambda name: None)


def test_a_key_that_needs_the_library_is_not_made_without_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    with pytest.raises(MissingLibrary, match="python3-cryptography"):
        log.append(1, key_kind="ed25519")
    assert not log.key_file.exists() and not log.folder.exists()
    assert log.append(1)["size"] == 2


def test_what_cannot_be_signed_any_more_is_not_written(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.append(1, key_kind="ed25519")
    without(monkeypatch)
    with pytest.raises(MaintenanceError, match="python3-cryptography"):
        log.append(1)
    assert len(log.lines()) == 2
    assert found(log.verify(), "audit.chain").status == "ok"


def test_an_anchor_host_without_it_keeps_the_checkpoint_and_says_what_it_did_not_check(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.anchored_append(1, key_kind="ed25519")
    written = log.append(1, anchored=log.known())
    without(monkeypatch)
    taken = log.take_anchor({NAME: written})
    finding = found(taken, "audit.anchor")
    assert (finding.status, "install python3-cryptography" in finding.message) == ("unknown", True)
    assert (taken.actions[0].outcome, log.known()[NAME]["size"]) == ("done", 3)


@pytest.mark.parametrize("line", ["[]", "{}", '{"size": 3}', '{"size": "x", "root": "00", "note": "n"}', "nonsense"])
def test_a_damaged_file_of_checkpoints_is_one_sentence(log: Log, line: str) -> None:
    log.anchored_append(3)
    (folder(log) / "checkpoints.jsonl").write_text(line + "\n")
    with pytest.raises(MaintenanceError, match="was damaged: put it back from a copy"):
        log.known()


@pytest.mark.parametrize("known", [5, {}, {"size": "x"}, {"size": -3}, {"size": None}, {"checkpoints": 5}])
@pytest.mark.parametrize("state", ["append", "verify", "checkpoint", "prune"])
def test_odd_answers_of_an_anchor_host_are_one_sentence(log: Log, state: str, known: Any) -> None:
    log.append(3)
    with pytest.raises(MaintenanceError, match="The option anchored says nothing of clinic/operational"):
        log.run(state, anchored={NAME: known})
