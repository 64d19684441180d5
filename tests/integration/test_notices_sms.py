"""SMS through a fake gateway that holds what it is sent against its rules."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.lab import sms
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port

RUN = {"id": "r1", "system": "Clinique Élysée", "cadence": "weekly"}


def send(*channels: dict[str, Any], check: bool = False, **options: Any) -> dict[str, Any]:
    options = {"event": "start", "run": RUN, **options}
    return run_module("send_notice", {"channels": list(channels), **options}, check=check)


def said(result: dict[str, Any]) -> tuple[str, str]:
    (finding,) = findings_of(result, "notice.delivery")
    return finding["status"], finding["message"]


def test_each_number_gets_one_short_message() -> None:
    with sms.gateway() as gateway:
        result = send(gateway.options(recipients=["+31600000001", "+31600000002"]))
    assert said(result)[0] == "ok"
    assert gateway.sent == [
        ("+31600000001", "Clinique Élysée, weekly: maintenance begins"),
        ("+31600000002", "Clinique Élysée, weekly: maintenance begins"),
    ]
    assert gateway.senders == ["Clinic", "Clinic"]
    assert len(set(gateway.keys)) == 2


def test_a_gateway_that_reads_forms_and_has_its_own_names() -> None:
    own = {"recipient": "msisdn", "text": "content", "sender": "originator"}
    with sms.gateway(form=True, fields=("msisdn", "content", "originator"), header="X-Api-Key") as gateway:
        channel = gateway.options(encoding="form", fields=own, token_header="X-Api-Key", extra={"class": "1"})
        assert said(send(channel))[0] == "ok"
        assert gateway.sent[0][1] == "Clinique Élysée, weekly: maintenance begins"
        assert gateway.extra == [{"class": "1"}]
        # The same with the names that it does not know.
        assert "answered 400" in said(send(gateway.options(encoding="form", token_header="X-Api-Key")))[1]


def test_a_number_that_is_refused_is_named_and_the_others_get_theirs() -> None:
    with sms.gateway(refused={"+31600000009"}) as gateway:
        result = send(gateway.options(recipients=["+31600000009", "+31600000001"]))
        assert len(gateway.sent) == 1
        status, message = said(result)
        assert status == "warning"
        assert "refused +31600000009" in message
        result = send(gateway.options(recipients=["+31600000009"]))
        assert said(result)[0] == "critical"
        assert "no such number" in said(result)[1]


def test_trying_again_reaches_only_those_who_have_not_got_it() -> None:
    numbers = ["+31600000001", "+31600000002", "+31600000003"]
    with sms.gateway(answers=[200, 500]) as gateway:
        result = send(gateway.options(recipients=numbers))
        assert said(result)[0] == "ok"
        assert sorted(number for number, _text in gateway.sent) == numbers
        gateway.sent.clear()
        gateway.answers[:] = [200, 500, 200, 500]
        result = send(gateway.options(recipients=numbers), attempts=2)
        assert "1 number of 3" in said(result)[1] or "answered 500" in said(result)[1]
        (queued,) = result["details"]["queue"]
        assert queued["left"] == {"duty-phone": ["+31600000002"]}
        # What is queued is sent to that number alone.
        prepared = {**queued, "channels": ["duty-phone"]}
        gateway.sent.clear()
        run_module("send_notice", {"prepared": [prepared], "channels": [gateway.options(recipients=numbers)]})
        assert [number for number, _text in gateway.sent] == ["+31600000002"]


def test_a_gateway_that_hangs_or_is_away_holds_nobody() -> None:
    with sms.gateway(silent=True) as gateway:
        started = time.monotonic()
        result = send(gateway.options(), timeout=30, deadline=1)
        assert time.monotonic() - started < 10
        assert "did not end within" in said(result)[1]
    result = send(gateway.options(url=f"http://127.0.0.1:{free_port()}/x"), attempts=1)
    assert "cannot be reached" in said(result)[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipients": ["the doctor"]}, "no telephone number"),
        ({"fields": {"number": "to"}}, "its fields name 'number'"),
        ({"token": "wrong-Secret-43"}, "answered 401"),
        ({"url": "gopher://x"}, "no http or https address"),
    ],
)
def test_a_channel_set_up_wrongly_is_a_finding(change: dict[str, Any], words: str) -> None:
    with sms.gateway() as gateway:
        result = send(gateway.options(**change))
        assert not gateway.sent
    assert said(result)[0] == "critical"
    assert words in said(result)[1]
    assert "Secret-43" not in json.dumps(result)


def test_what_is_missing_is_named() -> None:
    assert "recipients" in send({"name": "s", "kind": "sms", "url": "http://x"})["msg"]
    assert "url" in send({"name": "s", "kind": "sms", "recipients": ["+31600000001"]})["msg"]


def test_secrets_are_nowhere_in_the_output() -> None:
    with sms.gateway(answers=[500] * 3) as gateway:
        result = send(gateway.options(), attempts=1)
    assert "not with ***" in said(result)[1]
    for hidden in (sms.TOKEN, sms.SECRET_PATH, "gateway-Secret-42"):
        assert hidden not in json.dumps(result)


def test_check_mode_sends_nothing() -> None:
    with sms.gateway() as gateway:
        result = send(gateway.options(), check=True)
    assert [action["outcome"] for action in result["actions"]] == ["planned"]
    assert not gateway.sent
