"""New keys, retention, and exports that verify without this host."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ansible_collections.careops.maintenance.plugins.module_utils.audit import keys as keys_of
from ansible_collections.careops.maintenance.plugins.module_utils.audit import retention, store
from ansible_collections.careops.maintenance.plugins.module_utils.audit.merkle import leaf_hash
from ansible_collections.careops.maintenance.plugins.module_utils.audit.store import Stream, Tip
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from tests.lab.audit import NOW, Log, entry, fault, found, stream

NAME = "clinic/operational"


def rows(log: Log) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.lines()]


# Keys


@pytest.mark.parametrize("kinds", [("hmac", "hmac"), ("hmac", "ed25519"), ("ed25519", "hmac"), ("ed25519", "ed25519")])
def test_a_new_key_seals_what_comes_next_and_the_old_one_stays(log: Log, kinds: tuple[str, str]) -> None:
    log.append(3, key_kind=kinds[0])
    (action,) = log.run("rotate", key_kind=kinds[1]).actions
    log.append(3)
    keys = [key["id"] for key in json.loads(log.key_file.read_text())["keys"]]
    assert (action.action, action.before, action.after) == ("rotate_key", {"key": keys[0]}, {"key": keys[1]})
    assert [row["key"] for row in rows(log)] == [keys[0]] * 5 + [keys[1]] * 3
    assert (rows(log)[4]["action"], rows(log)[4]["details"]["key"]) == ("audit.rotated", keys[1])
    verified = log.verify()
    assert found(verified, "audit.chain").status == "ok"
    assert stream(verified)["keys"] == keys


def test_an_interrupted_rotation_is_finished_by_the_next_append(log: Log) -> None:
    """The key is in the file, and a stream did not hear of it."""
    log.append(3)
    log.run("append", streams=["security"])
    log.run("rotate", streams=["security"])
    assert found(log.verify(), "audit.chain").status == "ok"
    log.append(1)
    assert [row["action"] for row in rows(log)] == ["audit.opened", *["reindex"] * 3, "audit.rotated", "reindex"]
    assert found(log.verify(), "audit.chain").status == "ok"


def test_who_has_only_the_old_key_can_add_nothing(log: Log, tmp_path: Path) -> None:
    log.append(3)
    shutil.copytree(log.root, tmp_path / "then")
    shutil.copy(log.key_file, tmp_path / "old.key")
    log.run("rotate")
    log.append(2)
    forged = log.run("append", path=str(tmp_path / "then"), key_file=str(tmp_path / "old.key"), entries=[entry(1)] * 4)
    assert stream(forged)["size"] == 8
    lines = (tmp_path / "then" / "operational" / log.segments()[0].name).read_bytes().splitlines()
    log.rewrite(lambda own: own.__setitem__(5, lines[5]))
    assert fault(log.verify())[1] == 6


def test_a_key_that_was_lost_is_named(log: Log) -> None:
    log.append(3)
    before = log.key_file.read_bytes()
    log.run("rotate")
    log.append(2)
    log.key_file.write_bytes(before)
    finding = found(log.verify(), "audit.chain")
    assert (finding.status, "which is not in the key file" in finding.message) == ("unknown", True)
    assert finding.evidence["last"] == 5


def test_a_rehearsed_rotation_makes_no_key(log: Log) -> None:
    log.append(3)
    before = log.key_file.read_bytes()
    (action,) = log.run("rotate", check_mode=True).actions
    assert (action.outcome, log.key_file.read_bytes()) == ("planned", before)


def test_there_is_no_rotation_without_a_key(log: Log) -> None:
    with pytest.raises(MaintenanceError, match="is missing"):
        log.run("rotate")


# Retention


@pytest.fixture
def years(log: Log) -> Log:
    """Seven entries a year from 2015 to 2026, every year in a file of its own."""
    for year in range(2015, 2027):
        log.anchored_append(7, now=f"{year}-03-01T00:00:00Z")
    return log


def prune(log: Log, **options: Any) -> Any:
    (action,) = log.run("prune", anchored=log.known(), **options).actions
    return action


def test_what_is_older_than_six_years_is_dropped_and_the_rest_verifies(years: Log) -> None:
    action = prune(years)
    assert (action.outcome, action.after["dropped"], action.after["until"]) == ("done", 43, "2020-03-01T00:00:00Z")
    assert years.segments()[0].name == "000000000044.jsonl"
    last = rows(years)[-1]
    assert (last["action"], last["details"]["dropped"], last["details"]["until"]) == (
        "audit.pruned",
        43,
        "2020-03-01T00:00:00Z",
    )
    verified = years.verify(anchored=years.known())
    assert found(verified, "audit.chain").status == "ok"
    assert found(verified, "audit.anchor").status == "ok"
    assert stream(verified)["first"] == 44
    assert prune(years).outcome == "skipped"


def test_it_goes_on_after_it(years: Log) -> None:
    prune(years)
    assert found(years.anchored_append(3), "audit.anchor").status == "ok"
    action = prune(years, keep_days=365, now="2026-12-01T00:00:00Z")
    assert (action.outcome, action.after["dropped"]) == ("done", 78)
    assert found(years.anchored_append(3), "audit.anchor").status == "ok"
    verified = years.verify(anchored=years.known())
    assert found(verified, "audit.chain").status == "ok"
    assert found(verified, "audit.anchor").status == "ok"


def test_the_newest_file_is_never_dropped(years: Log) -> None:
    action = prune(years, keep_days=1, now="2100-01-01T00:00:00Z")
    assert action.after["dropped"] == 78
    assert rows(years)[-1]["action"] == "audit.pruned"


def test_a_rehearsal_drops_nothing(years: Log) -> None:
    before = {path.name: path.read_bytes() for path in years.folder.iterdir()}
    (action,) = years.run("prune", anchored=years.known(), check_mode=True).actions
    assert (action.outcome, action.after["dropped"]) == ("planned", 43)
    assert {path.name: path.read_bytes() for path in years.folder.iterdir()} == before


def test_what_is_not_anchored_is_kept(log: Log) -> None:
    log.anchored_append(7, now="2015-03-01T00:00:00Z")
    log.append(7, now="2016-03-01T00:00:00Z")
    log.append(7, now="2026-03-01T00:00:00Z")
    assert prune(log).after["dropped"] == 8
    action = prune(log)
    assert (action.outcome, action.reason) == ("skipped", "The anchor host knows 8 entries only.")


def test_while_the_anchor_host_is_away_nothing_is_dropped(years: Log) -> None:
    (action,) = years.run("prune", anchor_error="anchor: no route").actions
    assert (action.outcome, "anchor: no route" in action.reason) == ("skipped", True)


def test_what_was_tampered_with_is_not_dropped(years: Log) -> None:
    path = years.segments()[1]
    path.write_bytes(path.read_bytes().replace(b"a.jansen", b"b.jansen", 1))
    with pytest.raises(MaintenanceError, match="does not verify, and was kept: entry 9 is not as it was sealed"):
        prune(years)
    assert len(years.segments()) == 12


def test_a_keeping_of_no_days_is_refused(years: Log) -> None:
    with pytest.raises(MaintenanceError, match="number from 1 to 36525, not 0; 2192 days"):
        prune(years, keep_days=0)


@pytest.mark.parametrize("moment", ["before the base", "before the files", "between the files"])
def test_an_interrupted_retention_verifies_and_is_finished(
    years: Log, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_args: Any, **_more: Any) -> None:
        raise Killed

    if moment == "before the base":
        monkeypatch.setattr(store.Stream, "write_base", kill)
    elif moment == "before the files":
        monkeypatch.setattr(retention, "sweep", kill)
    else:
        monkeypatch.setattr(retention, "sync_folder", kill)
    with pytest.raises(Killed):
        prune(years)
    monkeypatch.undo()
    assert found(years.verify(anchored=years.known()), "audit.chain").status == "ok"
    assert found(years.anchored_append(1), "audit.anchor").status == "ok"
    prune(years)
    assert years.segments()[0].name == "000000000044.jsonl"
    assert found(years.verify(anchored=years.known()), "audit.chain").status == "ok"


def test_dropping_by_hand_is_a_deletion(years: Log) -> None:
    prune(years)
    base = json.loads((years.folder / "base.json").read_text())
    # Somebody without the key drops one more file, and writes the base that would fit.
    gone = years.segments()[0]
    lines = gone.read_bytes().splitlines()
    gone.unlink()
    leaf = hashlib.sha256(b"\x00" + lines[-1]).hexdigest()
    base.update(dropped=50, leaf=leaf, nodes=[leaf] * bin(50).count("1"))
    (years.folder / "base.json").write_text(json.dumps(base))
    assert fault(years.verify()) == ("deleted", 1)


def test_a_base_that_is_gone_is_a_deletion(years: Log) -> None:
    prune(years)
    (years.folder / "base.json").unlink()
    assert fault(years.verify()) == ("deleted", 1)


def test_who_has_the_key_cannot_drop_more_than_the_anchor_host_knows(log: Log) -> None:
    log.anchored_append(3, now="2015-03-01T00:00:00Z")
    known = log.known()
    log.append(7, now="2015-04-01T00:00:00Z")
    log.append(7, now="2026-03-01T00:00:00Z")
    log.run("prune")
    finding = found(log.verify(anchored=known), "audit.anchor")
    assert (finding.status, "retention never drops what is not anchored" in finding.message) == ("critical", True)


# Exports: verified by what docs/audit-log.md says, with nothing of the collection.


def root_from(line: bytes, number: int, size: int, proof: list[str]) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    place, last = number - 1, size - 1
    node = hashlib.sha256(b"\x00" + line).digest()
    for text in proof:
        other = bytes.fromhex(text)
        if place % 2 or place == last:
            node = hashlib.sha256(b"\x01" + other + node).digest()
            while place and not place % 2:
                place, last = place // 2, last // 2
        else:
            node = hashlib.sha256(b"\x01" + node + other).digest()
        place, last = place // 2, last // 2
    return node


def root_of(lines: list[bytes]) -> bytes:
    if len(lines) == 1:
        return hashlib.sha256(b"\x00" + lines[0]).digest()
    split = 1
    while split * 2 < len(lines):
        split *= 2
    return hashlib.sha256(b"\x01" + root_of(lines[:split]) + root_of(lines[split:])).digest()


def checks(folder: Path, verifier: str) -> bool:
    """Whether every exported entry is in the log that the public key signed the checkpoint of."""
    text, _gap, signatures = (folder / "checkpoint").read_text().rpartition("\n\n")
    origin, size, root = text.split("\n")
    name, number, key = verifier.split("+", 2)
    for line in signatures.splitlines():
        _dash, signer, encoded = line.split(" ")
        seal = base64.b64decode(encoded)
        if (signer, seal[:4].hex()) == (name, number):
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:])
            try:
                public.verify(seal[4:], (text + "\n").encode())
            except InvalidSignature:
                return False
            break
    else:
        return False
    lines = (folder / "entries.jsonl").read_bytes().splitlines()
    wanted = base64.b64decode(root)
    if not (folder / "proofs.jsonl").exists():
        return name == origin and len(lines) == int(size) and root_of(lines) == wanted
    proofs = {row["n"]: row["proof"] for row in map(json.loads, (folder / "proofs.jsonl").open())}
    return all(
        root_from(line, json.loads(line)["n"], int(size), proofs[json.loads(line)["n"]]) == wanted for line in lines
    )


@pytest.fixture
def exported(log: Log, tmp_path: Path) -> Any:
    """Exports of a log of two runs and some pruning, by options."""
    log.append(7, key_kind="ed25519", now="2015-03-01T00:00:00Z")
    log.anchored_append(7, now="2016-03-01T00:00:00Z")
    for run in ("one", "two"):
        entries = [entry(number, run=run, reason="=1+1") for number in range(9)]
        log.run("append", entries=entries, now="2026-03-01T00:00:00Z")
    log.append(7)

    def export(**options: Any) -> tuple[Path, str]:
        outcome = log.run("export", destination=str(tmp_path / "export"), **options)
        folder = Path(stream(outcome)["folder"])
        return folder, json.loads((folder / "about.json").read_text())["verifiers"][0]

    return export


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"run_id": "two"}, 9),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"}, 18),
        ({"since": "2026-04-01T02:00:00+02:00"}, 7),
        ({"run_id": "none"}, 0),
    ],
)
def test_an_export_verifies_offline(exported: Any, log: Log, options: dict[str, Any], count: int, pruned: bool) -> None:
    if pruned:
        assert prune(log).outcome == "done"
        count += options.get("since", "").startswith("2026-04")  # what retention wrote
    folder, verifier = exported(**options)
    assert len((folder / "entries.jsonl").read_bytes().splitlines()) == count
    assert checks(folder, verifier)


def test_a_whole_export_needs_no_proofs(exported: Any) -> None:
    exported(run_id="one")
    folder, verifier = exported()
    assert not (folder / "proofs.jsonl").exists()
    assert checks(folder, verifier)


@pytest.mark.parametrize("options", [{"run_id": "two"}, {}])
def test_an_export_that_was_altered_does_not(exported: Any, options: dict[str, Any]) -> None:
    folder, verifier = exported(**options)
    path = folder / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b"a.jansen", b"b.jansen", 1))
    assert not checks(folder, verifier)


def test_nor_does_one_under_another_key(exported: Any, tmp_path: Path) -> None:
    folder, _verifier = exported()
    other = Log(tmp_path / "other")
    (public,) = other.append(1, key_kind="ed25519")["verifiers"]
    assert not checks(folder, public)


def test_a_table_for_people_is_there_too_and_starts_no_formula(exported: Any) -> None:
    folder, _verifier = exported(run_id="two")
    with (folder / "entries.csv").open(newline="") as source:
        table = list(csv.DictReader(source))
    assert [row["target"] for row in table] == [f"clinic.table_{number}" for number in range(9)]
    assert {row["reason"] for row in table} == {"'=1+1"}


def test_a_log_that_does_not_verify_is_not_exported(log: Log, tmp_path: Path) -> None:
    log.append(5)
    log.rewrite(lambda lines: lines.__delitem__(2))
    with pytest.raises(MaintenanceError, match=r"does not verify, so nothing of it was exported: entry 3 is gone"):
        log.run("export", destination=str(tmp_path / "export"))
    assert not (tmp_path / "export").exists()


def test_a_rehearsed_export_writes_nothing(log: Log, tmp_path: Path) -> None:
    log.append(5)
    (action,) = log.run("export", destination=str(tmp_path / "export"), check_mode=True).actions
    assert (action.outcome, action.after) == ("planned", {"entries": 6})
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("option", ["since", "until"])
def test_a_moment_that_is_none_is_refused(log: Log, tmp_path: Path, option: str) -> None:
    log.append(1)
    wanted: dict[str, Any] = {option: "October"}
    with pytest.raises(MaintenanceError, match=f"The option {option}"):
        log.run("export", destination=str(tmp_path / "export"), **wanted)


def test_an_export_is_replaced_by_the_next(log: Log, tmp_path: Path) -> None:
    log.append(5)
    for _round in range(2):
        log.run("export", destination=str(tmp_path / "export"))
    names = {path.name for path in (tmp_path / "export" / "operational").iterdir()}
    assert names == {"entries.jsonl", "entries.csv", "checkpoint", "about.json"}


def test_who_holds_a_replaced_key_does_not_go_on_with_it_unseen(log: Log, tmp_path: Path) -> None:
    log.append(3)
    shutil.copytree(log.folder, tmp_path / "before")
    old = log.key_file.read_bytes()
    log.run("rotate")
    new = log.key_file.read_bytes()
    assert found(log.verify(), "audit.key").status == "ok"
    shutil.rmtree(log.folder)
    shutil.copytree(tmp_path / "before", log.folder)
    log.key_file.write_bytes(old)
    log.append(4)
    log.key_file.write_bytes(new)
    judged = [finding for finding in log.verify().findings if finding.check == "audit.key"]
    assert [finding.status for finding in judged] == ["ok", "warning"]
    assert "which" in judged[1].message and "old key" in judged[1].message
    written = log.run("append", entries=[entry(1)])
    assert found(written, "audit.key").status == "warning"
    assert [finding.check for finding in log.run("append", entries=[entry(2)]).findings] == []


@pytest.mark.parametrize("behind", [0, 1])
def test_nor_seals_an_end_with_it(log: Log, behind: int) -> None:
    """Cuts off the end, and seals a head with the old key: of the last entry that is left, or of one before."""
    log.append(3)
    log.run("rotate")
    log.append(4)
    ring = keys_of.read(str(log.key_file))
    assert ring is not None
    lines = log.lines()[:7]
    log.segments()[0].write_bytes(b"".join(line + b"\n" for line in lines))
    tip = Tip(origin="clinic/operational", key=ring.keys[0].id, segment=log.segments()[0].name)
    for line in lines[: 7 - behind]:
        tip.step(line, leaf_hash(line), NOW)
    Stream(str(log.root), "operational").write_head(tip, ring)
    assert fault(log.verify()) == ("truncated", 8)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("keep_days", 10**12),
        ("anchor_age_hours", float("inf")),
        ("anchor_age_hours", float("nan")),
        ("checkpoint_count", 0),
        ("segment_bytes", -1),
    ],
)
def test_numbers_that_mean_nothing_are_refused(log: Log, option: str, value: float) -> None:
    log.append(1)
    with pytest.raises(MaintenanceError, match=f"The option {option} must be a number from"):
        log.verify(**{option: value})
