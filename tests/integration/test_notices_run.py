"""A whole run with every kind of channel: its alerts are held back, dead channels wait, and no secret is seen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.lab import alertmanager, mail, sms, statuspage, webhook
from tests.lab.alertmanager import eventually
from tests.lab.modules import ROOT, run_module
from tests.lab.runs import Platform, ended

SIGNING = "signing-Secret-71-long-enough"
BEARER = "bearer-Secret-72"
SILENCER = "silence-Secret-73"
IN_ADDRESS = "address-Secret-74"

# Posts the alert that its work causes, from within the run; when the work is done, it is over.
FIRES = """
- name: Fire
  ansible.builtin.uri:
    url: "{{ alerts_url }}/api/v2/alerts"
    method: POST
    body_format: json
    body: [{labels: {alertname: Restarted, system: toy}}]
  delegate_to: localhost
  run_once: true
- name: See what became of it
  ansible.builtin.uri:
    url: "{{ alerts_url }}/api/v2/alerts"
  delegate_to: localhost
  run_once: true
  register: fires_seen
  until: fires_seen.json | map(attribute='status.state') | list == ['suppressed']
  retries: 40
  delay: 0.25
- name: Let two intervals of its group go by
  ansible.builtin.wait_for:
    timeout: 3
  delegate_to: localhost
  run_once: true
- name: Be done
  ansible.builtin.uri:
    url: "{{ alerts_url }}/api/v2/alerts"
    method: POST
    body_format: json
    body:
      - labels: {alertname: Restarted, system: toy}
        startsAt: "2026-01-01T00:00:00Z"
        endsAt: "2026-01-02T00:00:00Z"
  delegate_to: localhost
  run_once: true
"""


@pytest.fixture(scope="module")
def alerts() -> Iterator[alertmanager.Alertmanager]:
    with alertmanager.server() as running:
        yield running


def test_a_run_holds_its_alerts_back_and_shows_no_secret(alerts: alertmanager.Alertmanager, tmp_path: Path) -> None:
    platform = Platform(folder=tmp_path)
    platform.add_role("fires", FIRES)
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(mail.server(login=True))
        chat = stack.enter_context(webhook.receiver())
        gateway = stack.enter_context(sms.gateway(answers=[500] * 99))
        page = stack.enter_context(statuspage.page())
        channels = [
            box.options(username=mail.USER, password=mail.PASSWORD),
            chat.options(token=BEARER, signing_key=SIGNING),
            gateway.options(),
            page.options(),
        ]
        platform.variables = {
            "policy_system": "toy",
            "policy_channels": channels,
            "policy_records_become": False,
            "notify_attempts": 1,
            "notify_silence_url": alerts.url.replace("://", f"://careops:{IN_ADDRESS}@"),
            "notify_silence_matchers": [{"name": "system", "value": "toy"}],
            "notify_silence_access": {"token": SILENCER},
            "alerts_url": alerts.url,
            "notices_windows": [],
        }
        run = platform.run("fires", arguments=("-vvvv", "--diff"))
        assert run.status == 0, run.output
        record = platform.record()
        assert alerts.told() == []
        assert alerts.silences() == []
        alerts.fire(alertname="Restarted", system="toy")
        assert eventually(lambda: alerts.told() == ["Restarted"])

        assert [post.content["event"] for post in chat.posts] == ["start", "finish"]
        assert len(box.messages) == 2
        assert [status for _id, status, _text in page.updates] == ["in_progress", "completed"]
        # The gateway is dead: a warning, and both notices wait for it.
        waiting = {row["message"] for row in record["attention"] if row["check"] == "notice.delivery"}
        assert len(waiting) == 2
        assert all("tried again" in message for message in waiting)
        assert record["verdict"]["outcome"] == "attention"
        gateway.answers.clear()
        soon = (datetime.now(timezone.utc) + timedelta(minutes=10)).isoformat()
        playbook = ROOT / "playbooks" / "notices.yml"
        later = ended(platform.playbook(playbook, arguments=("-vvvv", "-e", f"notices_now={soon}")))
        assert later.status == 0, later.output
        assert [text for _number, text in gateway.sent] == ["toy, toy: maintenance begins", "toy, toy: Needs attention"]
        ledger = run_module("notice_ledger", {"root": str(platform.kept), "state": "listed"})["details"]["notices"]
        assert {one["event"] for one in ledger} == {"start", "finish"}

    texts = [run.output, later.output]
    texts += [path.read_text() for path in tmp_path.rglob("*") if path.is_file() and _written_by_a_run(path, platform)]
    assert len(texts) > 6
    assert _secrets(channels) >= {mail.PASSWORD, SIGNING, BEARER, sms.TOKEN, statuspage.TOKEN}
    for hidden in _secrets(channels) | {SILENCER, IN_ADDRESS}:
        for text in texts:
            assert hidden not in text


def _secrets(channels: list[dict[str, Any]]) -> set[str]:
    given = {str(one[key]) for one in channels for key in ("password", "token", "signing_key") if key in one}
    return {*given, SILENCER, webhook.SECRET_PATH, sms.SECRET_PATH}


def _written_by_a_run(path: Path, platform: Platform) -> bool:
    return platform.runs in path.parents or platform.kept in path.parents
