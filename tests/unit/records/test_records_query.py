"""What a search understands, what it refuses, and what it finds."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.records.index import line_of
from ansible_collections.careops.maintenance.plugins.module_utils.records.query import (
    found_text,
    make_query,
    parse_words,
)
from ansible_collections.careops.maintenance.plugins.module_utils.records.table import as_table

ROW: dict[str, Any] = {
    "run_id": "20260301T023000Z-weekly-abcdef",
    "moment": "2026-03-01T02:30:00Z",
    "system": "Clinic",
    "cadence": "weekly",
    "work_class": "maintenance",
    "operator": "Zoë",
    "ticket": "CHG-7",
    "outcome": "failed",
    "hosts": {"ok": ["db1"], "unreachable": ["web1"]},
    "procedures": [{"name": "backups", "entry": "main", "states": {"ok": ["db2"]}}],
}


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("", True),
        ("since=2026-03-01", True),
        ("since=2026-03-02", False),
        ("since=2026-03-01T02:30:00Z", True),
        ("since=2026-03-01T02:30:01+00:00", False),
        ("since=2026-03-01T04:30:00+02:00", True),
        ("until=2026-03-01", True),
        ("until=2026-02-28", False),
        ("until=2026-03-01T02:29:59Z", False),
        ("system=clinic", True),
        ("system=CLINIC", True),
        ("system=clin", False),
        ("system=cl*", True),
        ("system=*nic*", True),
        ("system=[cd]linic", True),
        ("cadence=daily", False),
        ("operator=zoë", True),
        ("operator=z?ë", True),
        ("operator=zoe", False),
        ("ticket=CHG-*", True),
        ("ticket=CHG-8", False),
        ("host=db1", True),
        ("host=web1", True),
        ("host=db2", True),
        ("host=db3", False),
        ("host=weekly", False),
        ("host=DB*", True),
        ("procedure=backups", True),
        ("procedure=patching", False),
        ("outcome=failed", True),
        ("outcome=ok", False),
        ("work_class=maintenance", True),
        ("work_class=emergency", False),
        ("outcome=failed host=db1 since=2026-01-01", True),
        ("outcome=failed host=db3 since=2026-01-01", False),
    ],
)
def test_what_fits(words: str, fits: bool) -> None:
    query = make_query(parse_words(words))
    assert query.fits(ROW) is fits
    # What is looked for on the line itself may let too much pass, and never too little.
    assert query.may_fit(ROW["moment"], line_of(ROW)) or not fits


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a b", "*", "[", "a]b", "ZOË\u00a0", "\t"])
def test_signs_that_json_writes_in_another_way(value: str) -> None:
    row = {**ROW, "ticket": value}
    query = make_query({"ticket": value.replace("[", "[[]")})
    assert query.fits(row)
    assert query.may_fit(row["moment"], line_of(row))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("hsot=db1", "does not know 'hsot=db1'"),
        ("db1", "does not know 'db1'"),
        ("outcome=failed outcome=ok", "has outcome twice"),
        ('text="replication slot', "quotation mark"),
        ("outcome=bad", "outcome is one of ok, attention, failed, unfinished, unknown"),
        ("work_class=mad", "work_class is one of observe"),
        ("since=yesterday", "since must be a date"),
        ("since=2026-02-30", "since must be a date"),
        ("until=2026-03-01T02:30:00", "until must be a date"),
        ("limit=0", "limit is a whole number"),
        ("limit=many", "limit is a whole number"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: str, said: str) -> None:
    with pytest.raises(MaintenanceError) as caught:
        make_query(parse_words(words))
    assert said in str(caught.value)


def test_a_line_of_words_is_read_as_a_shell_does() -> None:
    assert parse_words("host=db1  text=\"replication slot\" operator='a b' ticket=x=y") == {
        "host": "db1",
        "text": "replication slot",
        "operator": "a b",
        "ticket": "x=y",
    }


def test_text_is_found_in_check_subject_and_message() -> None:
    line = b'{"check":"postgres.bloat","subject":"clinic.T","message":"The Slot \\u00c9 is idle"}'
    assert [found_text(line, needle) is not None for needle in ("bloat", "clinic.t", "slot é", "clinik")] == [
        True,
        True,
        True,
        False,
    ]
    assert found_text(b"torn", "torn") is None
    assert found_text(b"[1]", "1") is None


def test_a_table_is_aligned_and_drives_no_terminal() -> None:
    runs = [
        {**ROW, "found": [{"status": "critical", "host": "db1", "subject": "s", "message": "The\x1b[31m slot"}]},
        {**ROW, "run_id": "b", "outcome": "ok", "operator": "x" * 80, "ticket": ""},
    ]
    lines = as_table(runs, more=True).splitlines()
    assert lines[0].startswith("TIME (UTC)        OUTCOME  SYSTEM")
    assert lines[1].index("20260301T") == lines[3].index("b", 40) == lines[0].index("RUN")
    assert lines[2] == "    critical  db1: s: The\ufffd[31m slot"
    assert lines[-1].endswith("records_show=20260301T023000Z-weekly-abcdef")
    assert "TICKET" not in as_table([{**ROW, "ticket": ""}], more=False)
    assert as_table([], more=False).startswith("No run fits")
