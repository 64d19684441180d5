"""What a notice says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.notices.channels import mail, webhook
from ansible_collections.careops.maintenance.plugins.module_utils.notices.compose import compose
from tests.unit.report import clinic


@pytest.mark.parametrize(
    ("event", "record", "run", "subject"),
    [
        ("start", None, {"system": "clinic", "cadence": "weekly"}, "clinic, weekly: maintenance begins"),
        ("start", None, {"system": "clinic", "check_mode": True}, "clinic: maintenance begins (check mode)"),
        ("start", None, {}, "Maintenance run: maintenance begins"),
        ("finish", clinic.record(), {}, "clinic, weekly: Needs attention"),
        ("finish", clinic.record(outcome="ok", check_mode=True), {}, "clinic, weekly: OK (check mode)"),
        ("finish", None, {"system": "clinic"}, "clinic: maintenance has ended"),
        ("failure", clinic.record(outcome="failed"), {}, "clinic, weekly: Failed"),
        ("failure", None, {"id": "r1"}, "r1: Failed"),
    ],
)
def test_the_subject_tells_the_outcome(
    event: str, record: dict[str, Any] | None, run: dict[str, Any], subject: str
) -> None:
    notice = compose(event, record=record, run=run)
    assert notice.subject == subject
    assert notice.outcome == (record["verdict"]["outcome"] if record else "failed" if event == "failure" else "")


def test_a_subject_is_one_short_line_whatever_the_names() -> None:
    record = clinic.record()
    record["run"]["system"] = "clinic\r\nBcc: all@clinic.example " + "x" * 500
    subject = compose("finish", record=record, run={}).subject
    assert len(subject) <= 150
    assert "\n" not in subject
    assert "\r" not in subject


def test_machines_get_the_run_its_sums_and_what_is_grave_but_no_evidence() -> None:
    many = [clinic.certificate(f"c{number}", -1.0, "critical") for number in range(50)]
    data = compose("finish", record=clinic.record(seen=many), run={}, report="https://r/1").data
    assert data["run"]["id"] == "20261122T020000Z-weekly-3f9a1c"
    assert data["summary"]["counts"]["critical"] == 50
    assert len(data["attention"]) == 20
    assert "evidence" not in data["attention"][0]
    assert data["report"] == "https://r/1"


def test_a_note_begins_the_text() -> None:
    body = compose("failure", record=None, run={"system": "clinic"}, note="The disk\nis full.").body
    assert body.startswith("The disk is full.\n\n")


def test_an_identity_fits_a_header() -> None:
    assert compose("start", record=None, run={"id": "a b\n<c>"}).identity == "a-b--c-.start"


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("operations@clinic.example", True),
        ("Operations <operations@clinic.example>", True),
        ("operations", False),
        ("a b@clinic.example", False),
        ("a@@clinic.example", False),
        ("jörg@clinic.example", False),
        ("a@b\nBcc: c@d", False),
        ("", False),
    ],
)
def test_addresses_are_looked_at_before_anything_is_sent(address: str, good: bool) -> None:
    settings = {"sender": "careops@clinic.example", "recipients": [address]}
    assert (mail.check_addresses(settings) is None) == good


def test_the_signature_is_the_one_that_the_documentation_tells() -> None:
    # Computed with: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
    mac = "9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23"
    told = webhook.signature(b'{"a":1}', key="0123456789abcdef", moment=1_700_000_000)
    assert told == f"t=1700000000,v1={mac}"
