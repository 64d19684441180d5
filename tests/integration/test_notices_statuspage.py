"""A public status page through a fake that has Statuspage's rules: one entry a maintenance, from notice to end."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.lab import statuspage
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port
from tests.unit.report import clinic

WINDOW = {
    "name": "primary",
    "impact": "possible_downtime",
    "opens": "2026-11-22T02:00:00Z",
    "closes": "2026-11-22T06:00:00Z",
}
RUN = {"id": "r1", "system": "clinic", "cadence": "weekly", "window": WINDOW}


def send(channel: dict[str, Any], event: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    options = {"run": RUN, "attempts": 1, **options}
    return run_module("send_notice", {"event": event, "channels": [channel], **options}, check=check)


def said(result: dict[str, Any]) -> tuple[str, str]:
    (finding,) = findings_of(result, "notice.delivery")
    return finding["status"], finding["message"]


def test_one_entry_goes_from_notice_to_end() -> None:
    with statuspage.page() as page:
        for event in ("advance", "reminder", "start", "finish"):
            assert said(send(page.options(), event))[0] == "ok", event
    (entry,) = page.entries
    assert [status for _id, status, _text in page.updates] == ["scheduled", "scheduled", "in_progress", "completed"]
    assert (entry["scheduled_for"], entry["scheduled_until"]) == (WINDOW["opens"], WINDOW["closes"])
    assert entry["name"] == "Maintenance of clinic"
    assert "from Sunday 22 November 2026 02:00 UTC to Sunday 22 November 2026 06:00 UTC" in page.updates[0][2]
    assert "downtime is possible" in page.updates[0][2]
    assert set(page.components.values()) == {"operational"}


@pytest.mark.parametrize("wanted", [{"outcomes": ["failed"]}, {}])
def test_what_was_begun_is_ended_whatever_outcomes_others_want_to_hear_of(wanted: Any, tmp_path: Any) -> None:
    record = clinic.record(outcome="ok")
    folder = clinic.write(tmp_path / "run", record)
    run = {**RUN, **record["run"], "window": WINDOW}
    with statuspage.page() as page:
        send(page.options(**wanted), "start", run=run, outcomes=["attention", "failed"])
        send(page.options(**wanted), "finish", run=run, path=str(folder), outcomes=["attention", "failed"])
    assert [status for _id, status, _text in page.updates] == ["in_progress", "completed"]
    assert set(page.components.values()) == {"operational"}


def test_components_are_under_maintenance_while_it_lasts() -> None:
    with statuspage.page() as page:
        send(page.options(), "start")
        assert set(page.components.values()) == {"under_maintenance"}


@pytest.mark.parametrize("event", ["advance", "start", "failure", "finish", "cancel"])
def test_telling_twice_tells_once(event: str) -> None:
    with statuspage.page() as page:
        send(page.options(), "advance", run={**RUN, "id": "before"})
        send(page.options(), event)
        told = len(page.updates)
        assert said(send(page.options(), event))[0] == "ok"
        assert len(page.updates) == told
        assert len(page.entries) == 1


def test_a_failure_is_an_update_and_tells_nothing_of_the_house(tmp_path: Any) -> None:
    record = clinic.record(outcome="failed")
    folder = clinic.write(tmp_path / "run", record)
    with statuspage.page() as page:
        send(page.options(), "start", run={**RUN, **record["run"], "window": WINDOW})
        send(page.options(), "failure", path=str(folder))
    assert [status for _id, status, _text in page.updates] == ["in_progress", "verifying"]
    text = json.dumps(page.entries)
    assert "not finished as planned" in text
    for inside in ("clinic-db", "amcheck", "m.berger", "/etc/"):
        assert inside not in text


def test_the_run_finds_the_entry_of_its_window_among_others() -> None:
    with statuspage.page() as page:
        page.entries = [{"id": f"old{number}", "status": "resolved", "metadata": {}} for number in range(130)]
        send(page.options(), "advance", run={"system": "clinic", "window": WINDOW})
        page.entries = [*page.entries[1:120], page.entries[0], *page.entries[120:]]
        send(page.options(), "start")
        assert [status for _id, status, _text in page.updates] == ["scheduled", "in_progress"]
        assert len({identity for identity, _status, _text in page.updates}) == 1


def test_a_maintenance_that_changes_shows_its_new_end() -> None:
    longer = {**WINDOW, "closes": "2026-11-22T10:00:00Z"}
    with statuspage.page() as page:
        send(page.options(), "advance", run={"system": "clinic", "window": WINDOW})
        send(page.options(), "advance", run={"system": "clinic", "window": longer, "id": "changed"})
    (entry,) = page.entries
    assert (entry["scheduled_for"], entry["scheduled_until"]) == (longer["opens"], longer["closes"])


def test_a_run_in_a_window_that_is_always_open_shows_no_end_in_a_hundred_years() -> None:
    always = {"name": "always", "impact": "minimal", "opens": "2026-01-01T00:00:00Z", "closes": "2125-12-08T00:00:00Z"}
    with statuspage.page() as page:
        send(page.options(), "start", run={**RUN, "window": always})
        send(page.options(), "finish", run={**RUN, "window": always})
    (entry,) = page.entries
    assert "2125" not in json.dumps([page.entries, page.updates])
    assert entry["scheduled_for"] > "2026-01-02"
    assert entry["status"] == "completed"


def test_a_second_run_in_the_same_window_is_an_entry_of_its_own() -> None:
    with statuspage.page() as page:
        for run in ("r1", "r2"):
            send(page.options(), "start", run={**RUN, "id": run})
            send(page.options(), "finish", run={**RUN, "id": run})
    assert [entry["status"] for entry in page.entries] == ["completed", "completed"]


def test_a_cancelled_maintenance_is_closed_with_that_word() -> None:
    with statuspage.page() as page:
        send(page.options(), "advance")
        send(page.options(), "cancel")
    assert page.updates[-1][1] == "completed"
    assert "will not take place" in page.updates[-1][2]


def test_an_emergency_without_a_window_is_an_incident_that_ends() -> None:
    with statuspage.page() as page:
        run = {"id": "r9", "system": "clinic"}
        send(page.options(), "emergency", run=run)
        send(page.options(), "finish", run=run)
    assert [status for _id, status, _text in page.updates] == ["identified", "resolved"]


@pytest.mark.parametrize("event", ["approval", "escalation"])
def test_what_is_for_the_house_alone_is_not_shown(event: str) -> None:
    with statuspage.page() as page:
        result = send(page.options(), event)
    assert [action["outcome"] for action in result["actions"]] == ["skipped"]
    assert not page.requests


@pytest.mark.parametrize("event", ["finish", "failure", "cancel"])
def test_an_end_without_a_beginning_says_nothing(event: str) -> None:
    # A run that was refused, or that only looked: the public has seen no maintenance.
    with statuspage.page() as page:
        assert said(send(page.options(), event))[0] == "ok"
    assert not page.entries


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token": "wrong-Secret-52"}, "answered 401 (Could not authenticate)"),
        ({"page_id": "elsewhere1"}, "answered 404"),
        ({"page_id": "../../x"}, "its page_id"),
        ({"components": ["unknown"]}, "no such component"),
    ],
)
def test_a_channel_set_up_wrongly_is_a_finding(change: dict[str, Any], words: str) -> None:
    with statuspage.page() as page:
        result = send(page.options(**change), "start")
    status, message = said(result)
    assert status == "critical"
    assert words in message
    assert not page.entries


def test_a_page_that_fails_or_hangs_holds_nobody_and_shows_no_key() -> None:
    with statuspage.page(answers=[500]) as page:
        result = send(page.options(), "start")
        assert "answered 500 (no, and not with ***" in said(result)[1]
        assert statuspage.TOKEN not in json.dumps(result)
        page.silent = True
        started = time.monotonic()
        assert "did not answer in time" in said(send(page.options(), "start", timeout=0.5))[1]
        assert time.monotonic() - started < 10
    gone = send(page.options(url=f"http://127.0.0.1:{free_port()}"), "start")
    assert "cannot be reached" in said(gone)[1]


def test_check_mode_shows_nothing() -> None:
    with statuspage.page() as page:
        result = send(page.options(), "start", check=True)
    assert [action["outcome"] for action in result["actions"]] == ["planned"]
    assert not page.requests
