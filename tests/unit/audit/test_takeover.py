"""The records host is taken over, key and all: the log is rewritten, and only the anchor host tells."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.lab.audit import Log, entry, found, stream

KINDS = ["hmac", "ed25519"]


def rewrite(log: Log, count: int, **more: Any) -> dict[str, Any]:
    """What an attacker does who has the key: makes the log anew, with other entries, and a fitting head."""
    shutil.rmtree(log.root)
    entries = [entry(number, operator="nobody") for number in range(count)]
    return stream(log.run("append", entries=entries, **more))


@pytest.fixture(params=KINDS)
def taken(request: pytest.FixtureRequest, log: Log) -> Log:
    """A log of 21 entries with checkpoints at 11 and 21, before it is taken over."""
    log.anchored_append(10, key_kind=request.param)
    log.anchored_append(10)
    return log


def test_an_honest_log_agrees_with_its_anchor(taken: Log) -> None:
    taken.append(4)
    finding = found(taken.verify(anchored=taken.known()), "audit.anchor")
    assert (finding.status, finding.evidence["anchored"], finding.evidence["checked"]) == ("ok", 21, 2)
    assert "The 4 entries behind it are proved by the key alone." in finding.message


def test_without_an_anchor_the_rewritten_log_passes_and_says_what_it_cannot_prove(taken: Log) -> None:
    rewrite(taken, 30)
    verified = taken.verify()
    assert found(verified, "audit.chain").status == "ok"
    finding = found(verified, "audit.anchor")
    assert finding.status == "unknown"
    assert "it cannot be proved that nobody who holds the key rewrote the log" in finding.message


@pytest.mark.parametrize("count", [5, 10, 20, 30])
def test_with_the_anchor_it_does_not(taken: Log, count: int) -> None:
    known = taken.known()
    rewrite(taken, count)
    verified = taken.verify(anchored=known)
    assert found(verified, "audit.chain").status == "ok"
    finding = found(verified, "audit.anchor")
    assert (finding.status, "The anchor contradicts the log" in finding.message) == ("critical", True)


def test_one_entry_that_is_rewritten_is_enough(taken: Log) -> None:
    """All is as it was but one word of one entry, and every hash and seal behind it is made anew."""
    known, lines = taken.known(), [json.loads(line) for line in taken.lines()]
    shutil.rmtree(taken.root)
    keys = ("time", "operator", "host", "action", "target", "outcome")
    entries = [{key: line[key] for key in keys} for line in lines[1:]]
    entries[14]["operator"] = "somebody.else"
    taken.run("append", entries=entries)
    verified = taken.verify(anchored=known)
    assert found(verified, "audit.chain").status == "ok"
    finding = found(verified, "audit.anchor")
    # The checkpoint of 11 entries still agrees; that of 21 does not.
    assert (finding.status, finding.evidence["anchored"]) == ("critical", 21)


def test_the_anchor_host_takes_no_checkpoint_of_the_rewritten_log(taken: Log) -> None:
    known = taken.known()
    forged = rewrite(taken, 30, anchored=known)
    refused = taken.take_anchor({forged["origin"]: forged})
    finding = found(refused, "audit.anchor")
    assert (finding.status, "shows another past" in finding.message) == ("critical", True)
    assert taken.known() == known
    (kept,) = taken.anchor.glob("*/refused.jsonl")
    assert json.loads(kept.read_text())["note"] == forged["note"]


def test_nor_one_with_the_proof_of_the_honest_log(taken: Log) -> None:
    honest = taken.append(9, anchored=taken.known())
    forged = rewrite(taken, 29, anchored=taken.known())
    refused = taken.take_anchor({forged["origin"]: {**forged, "proof": honest["proof"], "since": honest["since"]}})
    assert found(refused, "audit.anchor").status == "critical"


def test_nor_one_of_a_log_that_shrank(taken: Log) -> None:
    forged = rewrite(taken, 14)
    finding = found(taken.take_anchor({forged["origin"]: forged}), "audit.anchor")
    assert (finding.status, "shrank" in finding.message) == ("critical", True)


def test_nor_one_of_the_same_size(taken: Log) -> None:
    forged = rewrite(taken, 20)
    finding = found(taken.take_anchor({forged["origin"]: forged}), "audit.anchor")
    assert (finding.status, "its 21 entries are not those" in finding.message) == ("critical", True)


def test_an_old_copy_with_its_head_is_seen_by_the_anchor_alone(taken: Log, tmp_path: Any) -> None:
    shutil.copytree(taken.root, tmp_path / "old")
    taken.anchored_append(5)
    shutil.rmtree(taken.root)
    shutil.copytree(tmp_path / "old", taken.root)
    assert found(taken.verify(), "audit.chain").status == "ok"
    finding = found(taken.verify(anchored=taken.known()), "audit.anchor")
    assert (finding.status, "it ends at entry 21, and the anchor host knows 26" in finding.message) == (
        "critical",
        True,
    )
    written = taken.run("append", entries=[entry(1)], anchored=taken.known())
    assert found(written, "audit.anchor").status == "critical"


def test_a_log_that_is_gone_altogether_is_seen_by_the_anchor_alone(taken: Log) -> None:
    shutil.rmtree(taken.root)
    (finding,) = [finding for finding in taken.verify().findings if finding.check != "audit.key"]
    assert (finding.check, finding.status) == ("audit.chain", "unknown")
    finding = found(taken.verify(anchored=taken.known()), "audit.anchor")
    assert (finding.status, "it was deleted" in finding.message) == ("critical", True)


def test_a_checkpoint_that_was_signed_by_nobody_is_refused(log: Log) -> None:
    log.anchored_append(3, key_kind="ed25519")
    log.key_file.rename(log.key_file.with_name("real"))
    shutil.move(log.root, log.root.with_name("real"))
    # The attacker has neither key nor log, and makes up both.
    forged = stream(log.run("append", entries=[entry(1)] * 8, key_kind="ed25519"))
    finding = found(log.take_anchor({forged["origin"]: forged}), "audit.anchor")
    assert (finding.status, "no valid signature" in finding.message) == ("critical", True)


def test_entries_that_wait_too_long_for_a_checkpoint_are_a_warning(taken: Log) -> None:
    taken.append(2, now="2026-11-22T02:00:00Z")
    known = taken.known()
    early = taken.verify(anchored=known, now="2026-11-24T01:00:00Z", anchor_age_hours=48)
    assert found(early, "audit.anchor").status == "ok"
    late = taken.verify(anchored=known, now="2026-11-24T03:00:00Z", anchor_age_hours=48)
    finding = found(late, "audit.anchor")
    assert (finding.status, "entries since 2026-11-22T02:00:00Z" in finding.message) == ("warning", True)


def test_an_anchor_host_that_is_away_is_a_warning_and_says_so(taken: Log) -> None:
    finding = found(taken.verify(anchor_error="anchor:\n no route"), "audit.anchor")
    assert (finding.status, "(anchor: no route)" in finding.message) == ("warning", True)
    written = taken.run("append", entries=[entry(1)], anchor_error="anchor: no route")
    assert found(written, "audit.anchor").status == "warning"
    assert stream(written)["appended"] == 1
    # The next append brings it.
    assert found(taken.anchored_append(1), "audit.anchor").status == "ok"
    assert next(iter(taken.known().values()))["size"] == 23


def test_a_log_of_another_name_does_not_choose_its_own_checkpoints(taken: Log) -> None:
    """The anchor host takes the first checkpoint of any log; which log belongs here, the controller says."""
    shutil.rmtree(taken.root)
    forged = stream(taken.run("append", entries=[entry(1)], origin="other", anchored=taken.known()))
    assert found(taken.take_anchor({forged["origin"]: forged}), "audit.anchor").status == "ok"
    verified = taken.verify(anchored=taken.known())
    finding = found(verified, "audit.chain")
    assert (finding.status, finding.evidence["kind"]) == ("critical", "replayed")
    assert "the log in this folder is other/operational, not clinic/operational" in finding.message
    assert found(verified, "audit.anchor").status != "ok"


def test_nor_does_a_stream_in_the_place_of_the_other(log: Log) -> None:
    log.run("append", entries=[entry(1), entry(2, security=True)], streams=["operational", "security"], origin="")
    shutil.rmtree(log.root / "security")
    shutil.copytree(log.folder, log.root / "security")
    finding = found(log.verify(streams=["security"], origin=""), "audit.chain")
    assert (finding.status, finding.evidence["kind"]) == ("critical", "replayed")


def test_the_log_of_another_system_on_the_anchor_host_is_not_missed_here(taken: Log) -> None:
    (finding,) = taken.verify(anchored=taken.known(), origin="clinic2", path=str(taken.root / "none")).findings[1:]
    assert (finding.check, finding.status) == ("audit.chain", "unknown")
