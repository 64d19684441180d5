"""Whatever somebody without the key does to a log is found, named, and located, in a log of 100,000 entries too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lab.audit import Log, entry, fault, found, stream

SIZE = 12
LARGE = 100_000
Change = Callable[[list[bytes]], None]


@pytest.fixture
def small(log: Log) -> Log:
    log.append(SIZE - 1)  # and the one with which a log begins
    return log


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 100,000 entries in several files."""
    folder = tmp_path_factory.mktemp("large")
    Log(folder).append(LARGE - 1, segment_bytes=8 * 1024 * 1024)
    return folder


@pytest.fixture
def large(pristine: Path, tmp_path: Path) -> Log:
    folder = tmp_path / "copy"
    shutil.copytree(pristine, folder)
    return Log(folder)


def other(line: bytes) -> bytes:
    """The line with something else in it, of the same length."""
    return line.replace(b"a.jansen", b"b.jansen").replace(b"audit_log", b"audit_lag")


def forged(line: bytes) -> bytes:
    """A line that looks like the entry behind this one and is sealed with another key."""
    row = json.loads(line)
    row["n"] += 1
    return json.dumps(row, separators=(",", ":")).encode()


def swap(first: int, second: int) -> Change:
    def change(lines: list[bytes]) -> None:
        lines[first - 1], lines[second - 1] = lines[second - 1], lines[first - 1]

    return change


def change_of(number: int) -> Change:
    def change(lines: list[bytes]) -> None:
        lines[number - 1] = other(lines[number - 1])

    return change


def delete(first: int, last: int) -> Change:
    def change(lines: list[bytes]) -> None:
        del lines[first - 1 : last]

    return change


def insert(number: int) -> Change:
    def change(lines: list[bytes]) -> None:
        lines.insert(number - 1, forged(lines[number - 2]))

    return change


def replay(source: int, number: int) -> Change:
    def change(lines: list[bytes]) -> None:
        lines.insert(number - 1, lines[source - 1])

    return change


def move(source: int, number: int) -> Change:
    def change(lines: list[bytes]) -> None:
        lines.insert(number - 1, lines.pop(source - 1))

    return change


CASES: list[tuple[str, Change, str, int]] = [
    ("the first is changed", change_of(1), "changed", 1),
    ("one in the middle is changed", change_of(6), "changed", 6),
    ("the last is changed", change_of(SIZE), "changed", SIZE),
    ("the first is deleted", delete(1, 1), "deleted", 1),
    ("one in the middle is deleted", delete(6, 6), "deleted", 6),
    ("several are deleted", delete(4, 9), "deleted", 4),
    ("the last is cut off", delete(SIZE, SIZE), "truncated", SIZE),
    ("the second half is cut off", delete(7, SIZE), "truncated", 7),
    ("all are cut off", delete(1, SIZE), "truncated", 1),
    ("two neighbours change places", swap(5, 6), "reordered", 5),
    ("the first two change places", swap(1, 2), "reordered", 1),
    ("two that are apart change places", swap(3, 9), "reordered", 3),
    ("one moves to the front", move(9, 2), "reordered", 2),
    ("one moves to the back", move(4, 8), "reordered", 4),
    ("a forged one is inserted", insert(6), "inserted", 6),
    ("a forged one is put behind the last", insert(SIZE + 1), "inserted", SIZE + 1),
    ("an earlier one is played again", replay(3, 8), "replayed", 8),
    ("one is doubled", replay(5, 6), "replayed", 6),
    ("a later one is played before its time", replay(9, 4), "replayed", 4),
    ("the last is played again", replay(SIZE, SIZE + 1), "replayed", SIZE + 1),
    ("the first is played at the end", replay(1, SIZE + 1), "replayed", SIZE + 1),
]


@pytest.mark.parametrize(("change", "kind", "number"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_was_done_is_named_and_located(small: Log, change: Change, kind: str, number: int) -> None:
    small.rewrite(change)
    assert fault(small.verify()) == (kind, number)


@pytest.mark.parametrize(("change", "kind", "number"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_without_the_key_it_is_seen_as_long_as_the_chain_tells(
    small: Log, change: Change, kind: str, number: int
) -> None:
    small.rewrite(change)
    small.key_file.unlink()
    finding = found(small.verify(), "audit.chain")
    assert (finding.status, finding.evidence["entry"]) == ("critical", number)


@pytest.mark.parametrize(
    ("change", "kind", "number"),
    [
        (change_of(70_001), "changed", 70_001),
        (delete(33_333, 33_333), "deleted", 33_333),
        (swap(55_555, 90_000), "reordered", 55_555),
        (delete(99_999, LARGE), "truncated", 99_999),
        (insert(80_000), "inserted", 80_000),
        (replay(123, 65_000), "replayed", 65_000),
    ],
    ids=["change", "deletion", "reordering", "truncation", "insertion", "replay"],
)
def test_in_a_hundred_thousand_entries(large: Log, change: Change, kind: str, number: int) -> None:
    paths = large.segments()
    assert len(paths) > 3
    # The attacker puts the lines back into the files by where they were.
    lines = large.lines()
    firsts = [int(path.stem) for path in paths]
    change(lines)
    for path, first, following in zip(paths, firsts, [*firsts[1:], None], strict=True):
        part = lines[first - 1 : following - 1 if following else None]
        path.write_bytes(b"".join(line + b"\n" for line in part))
    verified = large.verify()
    assert fault(verified) == (kind, number)
    evidence = found(verified, "audit.chain").evidence
    if evidence["line"]:
        path = large.folder / evidence["file"]
        assert int(path.stem) + evidence["line"] - 1 == number


def test_a_hundred_thousand_entries_verify(large: Log) -> None:
    finding = found(large.verify(), "audit.chain")
    assert (finding.status, finding.value) == ("ok", LARGE)


def test_a_file_that_is_gone_is_a_deletion_of_its_entries(large: Log) -> None:
    paths = large.segments()
    paths[1].unlink()
    assert fault(large.verify()) == ("deleted", int(paths[1].stem))


def test_a_file_that_is_gone_from_the_end_is_a_truncation(large: Log) -> None:
    paths = large.segments()
    paths[-1].unlink()
    assert fault(large.verify()) == ("truncated", int(paths[-1].stem))


def test_files_with_each_others_names_are_seen(large: Log) -> None:
    paths = large.segments()
    content = paths[1].read_bytes()
    paths[1].write_bytes(paths[2].read_bytes())
    paths[2].write_bytes(content)
    assert fault(large.verify()) == ("reordered", int(paths[1].stem))


def test_half_an_acknowledged_entry_is_a_truncation(small: Log) -> None:
    (path,) = small.segments()
    path.write_bytes(path.read_bytes()[:-20])
    assert fault(small.verify()) == ("truncated", SIZE)


def test_the_last_newline_counts(small: Log) -> None:
    (path,) = small.segments()
    path.write_bytes(path.read_bytes()[:-1])
    assert fault(small.verify()) == ("truncated", SIZE)


def test_a_head_that_is_gone_leaves_the_end_unproved(small: Log) -> None:
    (small.folder / "head.json").unlink()
    assert fault(small.verify()) == ("truncated", SIZE + 1)


def test_a_head_that_was_edited_is_none(small: Log) -> None:
    path = small.folder / "head.json"
    path.write_bytes(path.read_bytes().replace(b'"size":12', b'"size":11'))
    assert fault(small.verify())[0] == "truncated"


def test_a_head_that_fits_the_cut_off_log_has_no_seal(log: Log) -> None:
    log.append(4)
    head = json.loads((log.folder / "head.json").read_bytes())
    log.append(7)
    log.rewrite(lambda lines: lines.__delitem__(slice(5, None)))
    # All of it but the seal can be made from what anybody reads in the log.
    head["mac"] = "0" * 64
    (log.folder / "head.json").write_text(json.dumps(head, separators=(",", ":")) + "\n")
    assert fault(log.verify()) == ("truncated", 6)


def test_the_head_itself_is_no_entry(small: Log) -> None:
    # The same key sealed it.
    head = (small.folder / "head.json").read_bytes().rstrip(b"\n")
    small.rewrite(lambda lines: lines.append(head))
    assert fault(small.verify()) == ("inserted", SIZE + 1)


def test_an_entry_that_names_an_unknown_key_is_a_change(small: Log) -> None:
    key = json.loads(small.lines()[0])["key"].encode()
    small.rewrite(lambda lines: lines.__setitem__(0, lines[0].replace(b'"key":"' + key, b'"key":"00000000')))
    assert fault(small.verify()) == ("changed", 1)


def test_another_log_in_its_place_is_seen(small: Log, tmp_path: Path) -> None:
    # Both streams have the same key: an attacker puts the one where the other was, without its head.
    outcome = small.run("append", streams=["security"], entries=[entry(1, security=True)])
    assert stream(outcome)["size"] == 2
    small.segments()[0].write_bytes((small.root / "security" / small.segments()[0].name).read_bytes())
    assert fault(small.verify()) == ("changed", 1)


def test_an_entry_of_another_log_is_seen(small: Log) -> None:
    small.run("append", streams=["security"], entries=[entry(number, security=True) for number in range(8)])
    foreign = (small.root / "security" / small.segments()[0].name).read_bytes().splitlines()
    small.rewrite(lambda lines: lines.__setitem__(4, foreign[4]))
    assert fault(small.verify()) == ("changed", 5)
    assert "from elsewhere" in found(small.verify(), "audit.chain").message


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_a_byte_goes_unseen(small: Log, data: st.DataObject) -> None:
    (path,) = small.segments()
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != content[place]))
    changed = bytearray(content)
    changed[place] = byte
    path.write_bytes(bytes(changed))
    try:
        finding = found(small.verify(repair=False), "audit.chain")
        assert finding.status == "critical"
        assert finding.evidence["entry"] == content[:place].count(b"\n") + 1
    finally:
        path.write_bytes(content)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, SIZE - 1), max_size=SIZE + 4))
def test_no_other_sequence_of_its_lines_goes_unseen(small: Log, order: list[int]) -> None:
    (path,) = small.segments()
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[index] for index in order))
    try:
        finding = found(small.verify(repair=False), "audit.chain")
        if order == list(range(SIZE)):
            assert finding.status == "ok"
        else:
            first = next(
                (place for place, index in enumerate(order) if place >= SIZE or index != place), min(len(order), SIZE)
            )
            assert (finding.status, finding.evidence["entry"]) == ("critical", first + 1)
    finally:
        path.write_bytes(content)
