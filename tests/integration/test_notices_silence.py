"""Silences in a real Alertmanager: what fires during a run calls nobody, and calls people after it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import alertmanager, webhook
from tests.lab.alertmanager import eventually
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port

TOKEN = "bearer-Secret-81"
PASSWORD = "basic-Secret-82"


@pytest.fixture(scope="module")
def alerts() -> Iterator[alertmanager.Alertmanager]:
    with alertmanager.server() as running:
        yield running


def ask(url: str, run_id: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    options.setdefault("matchers", [{"name": "system", "value": run_id}])
    return run_module("alert_silence", {"url": url, "run_id": run_id, **options}, check=check)


def said(result: dict[str, Any]) -> tuple[str, str]:
    (finding,) = findings_of(result, "notice.silence")
    return finding["status"], finding["message"]


def deeds(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(action["action"], action["outcome"]) for action in result["actions"]]


def ours(alerts: alertmanager.Alertmanager, run_id: str, *states: str) -> list[dict[str, Any]]:
    return [one for one in alerts.silences(*states) if one["comment"].endswith(f"[careops:{run_id}]")]


def in_minutes(minutes: float) -> str:
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return moment.replace(microsecond=0).isoformat()


def test_an_alert_of_the_run_is_held_back_and_not_after_it(alerts: alertmanager.Alertmanager) -> None:
    result = ask(alerts.url, "r-suppress")
    assert said(result)[0] == "ok"
    assert deeds(result) == [("silence", "done")]
    alerts.fire(alertname="DuringTheRun", system="r-suppress")
    alerts.fire(alertname="Elsewhere", system="another")
    assert eventually(lambda: alerts.told() == ["Elsewhere"])
    assert eventually(lambda: alerts.state_of("DuringTheRun") == "suppressed")
    # Two rounds of its group interval: a silence that does not hold would show by now.
    assert not eventually(lambda: "DuringTheRun" in alerts.told(), seconds=2.5)

    result = ask(alerts.url, "r-suppress", state="absent")
    assert deeds(result) == [("unsilence", "done")]
    alerts.fire(alertname="DuringTheRun", system="r-suppress")
    assert eventually(lambda: "DuringTheRun" in alerts.told())


def test_the_second_time_nothing_is_done(alerts: alertmanager.Alertmanager) -> None:
    until = in_minutes(60)
    first = ask(alerts.url, "r-twice", until=until)
    second = ask(alerts.url, "r-twice", until=until)
    assert deeds(second) == []
    assert not second["changed"]
    assert second["details"]["silence"] == first["details"]["silence"]
    assert len(ours(alerts, "r-twice")) == 1
    ask(alerts.url, "r-twice", state="absent")
    gone = ask(alerts.url, "r-twice", state="absent")
    assert deeds(gone) == []
    assert said(gone)[0] == "ok"


def test_another_end_changes_the_same_silence(alerts: alertmanager.Alertmanager) -> None:
    first = ask(alerts.url, "r-longer", until=in_minutes(60))
    longer = ask(alerts.url, "r-longer", until=in_minutes(120))
    assert deeds(longer) == [("silence", "done")]
    assert longer["details"]["silence"] == first["details"]["silence"]
    (one,) = ours(alerts, "r-longer")
    assert one["endsAt"][:19] == longer["details"]["until"][:19]
    ask(alerts.url, "r-longer", until=in_minutes(30))
    assert len(ours(alerts, "r-longer")) == 1


def test_a_window_that_is_always_open_silences_nothing_for_good(alerts: alertmanager.Alertmanager) -> None:
    result = ask(alerts.url, "r-always", until="2125-12-08T00:00:00+00:00")
    (one,) = ours(alerts, "r-always")
    assert in_minutes(24 * 60 - 5) < one["endsAt"] < in_minutes(24 * 60 + 5)
    assert result["details"]["until"][:16] == one["endsAt"][:16]
    # The same wish a moment later moves the end along, and makes no second one.
    ask(alerts.url, "r-always", until="2125-12-08T00:00:00+00:00")
    assert len(ours(alerts, "r-always")) == 1
    shorter = ask(alerts.url, "r-always", until="2125-12-08T00:00:00+00:00", longest=3600)
    assert in_minutes(55) < shorter["details"]["until"] < in_minutes(65)


def test_other_matchers_take_the_place_of_the_old_ones(alerts: alertmanager.Alertmanager) -> None:
    until = in_minutes(60)
    ask(alerts.url, "r-other", until=until)
    wider = [{"name": "system", "value": "r-.*", "regex": True}, {"name": "severity", "value": "page", "equal": False}]
    result = ask(alerts.url, "r-other", until=until, matchers=wider)
    assert deeds(result) == [("silence", "done"), ("unsilence", "done")]
    (one,) = ours(alerts, "r-other")
    assert {entry["name"]: (entry["isRegex"], entry["isEqual"]) for entry in one["matchers"]} == {
        "system": (True, True),
        "severity": (False, False),
    }


def test_silences_of_others_are_left_alone(alerts: alertmanager.Alertmanager) -> None:
    ask(alerts.url, "r-mine")
    ask(alerts.url, "r-mine-too")
    ask(alerts.url, "r-mine", state="absent")
    assert not ours(alerts, "r-mine")
    assert len(ours(alerts, "r-mine-too")) == 1


def test_check_mode_silences_nothing(alerts: alertmanager.Alertmanager) -> None:
    assert deeds(ask(alerts.url, "r-plan", check=True)) == [("silence", "planned")]
    assert not ours(alerts, "r-plan", "active", "pending", "expired")
    ask(alerts.url, "r-plan")
    assert deeds(ask(alerts.url, "r-plan", check=True, state="absent")) == [("unsilence", "planned")]
    assert len(ours(alerts, "r-plan")) == 1


@pytest.mark.parametrize(("state", "words"), [("present", "tell those on call"), ("absent", "end it by hand")])
def test_a_dead_alertmanager_is_a_warning_and_fails_nothing(state: str, words: str) -> None:
    result = ask(f"http://127.0.0.1:{free_port()}", "r-dead", state=state)
    assert not result.get("failed")
    status, message = said(result)
    assert status == "warning"
    assert "cannot be reached" in message
    assert words in message


def test_one_that_hangs_is_not_waited_for() -> None:
    with webhook.receiver() as silent:
        silent.silent = True
        result = ask(f"http://127.0.0.1:{silent.port}", "r-hang", timeout=0.5)
    assert said(result)[0] == "warning"
    assert "did not answer in time" in said(result)[1]


@pytest.mark.parametrize("content", [{"a": 1}, ["a"], [{"id": "x"}], [{"status": "success", "comment": None}], None])
def test_other_services_that_answer_in_json_are_told_apart(content: Any) -> None:
    with webhook.serving(lambda _method, _post: (200, content)) as port:
        status, message = said(ask(f"http://127.0.0.1:{port}", "r-else"))
    assert status == "warning"
    assert "answered as no Alertmanager does" in message


def test_what_is_no_alertmanager_is_told_so(alerts: alertmanager.Alertmanager) -> None:
    result = ask(f"{alerts.url}/metrics?", "r-none")
    assert said(result)[0] == "warning"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"matchers": []}, "matchers is empty"),
        ({"matchers": [{"name": "alertname", "value": ".*", "regex": True}]}, "fit every alert"),
        ({"until": "2020-01-01T00:00:00Z"}, "which is over"),
        ({"until": "tomorrow"}, "must be a moment"),
    ],
)
def test_wrong_options_are_refused(alerts: alertmanager.Alertmanager, options: dict[str, Any], words: str) -> None:
    result = ask(alerts.url, "r-wrong", **options)
    assert words in result["msg"]
    assert not ours(alerts, "r-wrong", "active", "pending", "expired")


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"token": TOKEN}, f"Bearer {TOKEN}"),
        ({"username": "careops", "password": PASSWORD}, "Basic Y2FyZW9wczpiYXNpYy1TZWNyZXQtODI="),
    ],
)
def test_secrets_go_to_the_server_and_nowhere_else(options: dict[str, Any], header: str) -> None:
    with webhook.receiver() as receiver:
        receiver.answers[:] = [401]
        result = ask(f"http://127.0.0.1:{receiver.port}", "r-secret", state="absent", **options)
        assert receiver.gets[0].headers["Authorization"] == header
    assert "answered 401" in said(result)[1]
    for hidden in (TOKEN, PASSWORD, "Y2FyZW9wczpiYXNpYy1TZWNyZXQtODI="):
        assert hidden not in json.dumps(result)
