"""The gate as a run asks it, and the filters and the test as a playbook does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.modules import ROOT, findings_of, run_module

WINDOWS: list[dict[str, Any]] = [
    {"name": "sunday", "rule": "FREQ=WEEKLY;BYDAY=SU", "start": "2026-01-04T02:00", "duration": "PT4H"},
    {
        "name": "quarter",
        "rule": "FREQ=MONTHLY;BYMONTH=1,4,7,10;BYDAY=1SU",
        "start": "2026-01-04T00:00",
        "time_zone": "America/New_York",
        "duration": "PT8H",
        "impact": "planned_downtime",
        "cadences": ["quarterly"],
        "announce": ["P14D"],
    },
]
ALWAYS = [{"name": "always", "start": "2026-01-01", "duration": "P36500D", "impact": "planned_downtime"}]
SATURDAY, SUNDAY = "2026-11-21T12:00:00Z", "2026-11-22T02:40:00Z"


def asked(*, check: bool = False, **options: Any) -> dict[str, Any]:
    return run_module("maintenance_window", {"windows": WINDOWS, "work_class": "maintenance", **options}, check=check)


def test_an_open_window_permits() -> None:
    result = asked(now=SUNDAY, cadence="weekly", needs="PT1H", time_zone="UTC")
    assert not result.get("failed")
    assert result["changed"] is False
    (verdict,) = findings_of(result, "window.gate", status="ok")
    assert (
        verdict["message"]
        == "The window sunday permits minimal impact until Sunday 22 November 2026 06:00 UTC (3 h 20 min left)."
    )
    assert (verdict["value"], verdict["unit"], verdict["threshold"]) == (12000, "seconds", 3600)
    assert findings_of(result, "window.clock", status="warning")
    assert result["details"]["window"]["name"] == "sunday"


def test_check_mode_and_a_real_run_say_the_same_of_an_open_window() -> None:
    real, rehearsed = asked(windows=ALWAYS), asked(windows=ALWAYS, check=True)
    assert [finding["check"] for finding in real["findings"]] == ["window.gate"]
    assert real["details"]["permitted"] is rehearsed["details"]["permitted"] is True
    assert real["details"]["deadline"] == real["details"]["deadline_by_clock"] == "2125-12-08T00:00:00Z"
    assert real["details"]["window"] == rehearsed["details"]["window"]


def test_a_closed_window_refuses_with_when_to_come_again() -> None:
    result = asked(now=SATURDAY, cadence="quarterly", impact="planned_downtime")
    assert result["failed"] is True
    assert result["msg"] == (
        "Maintenance work (quarterly) is refused at Saturday 21 November 2026 12:00 UTC: no window is open; the next "
        "window that permits it, quarter, opens Sunday 3 January 2027 05:00 UTC, 00:00 America/New_York (in 42 d 17 h)."
    )
    (verdict,) = findings_of(result, "window.gate", status="critical")
    assert verdict["message"] == result["msg"]


def test_a_rehearsal_is_not_refused_but_told() -> None:
    result = asked(now=SATURDAY, check=True)
    assert not result.get("failed")
    (verdict,) = findings_of(result, "window.gate", status="warning")
    assert "would be refused" in verdict["message"]
    assert result["details"]["permitted"] is False
    assert result["details"]["next"]["opens"] == "2026-11-22T02:00:00Z"


def test_an_emergency_begins_with_an_approval_alone() -> None:
    approval = {"by": "Ada Moreau", "kind": "recovery", "reason": "The portal is down.", "given_at": SATURDAY}
    about: dict[str, Any] = {
        "now": SATURDAY,
        "work_class": "emergency",
        "approvers": [{"name": "Ada Moreau", "accounts": ["amoreau"]}],
    }
    assert "one of Ada Moreau" in asked(**about)["msg"]
    assert "does the work" in asked(**about, approval=approval, operator="amoreau")["msg"]
    result = asked(**about, approval=approval, operator="jdoe")
    assert findings_of(result, "window.gate", status="warning")
    assert result["details"]["override"] is True
    assert result["details"]["approval"] == approval


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"windows": [{"name": "night"}]}, "The start of window 'night' is missing."),
        ({"windows": [{"name": "n", "start": "2026-01-01", "duration": "PT1H", "rule": "FREQ=NEVER"}]}, "'NEVER'"),
        ({"blackouts": [{"name": "b", "start": "2026-01-02", "end": "2026-01-01"}]}, "The end of blackout 'b'"),
        ({"now": "2026-01-01T00:00:00"}, "The option now must be a moment with its offset"),
        ({"now": "9999-12-31T00:00:00Z"}, "known from 1900"),
        ({"work_class": "fun"}, "work_class"),
        ({"time_zone": "Mars/Olympus"}, "The time_zone of window 'sunday'"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(options: dict[str, Any], says: str) -> None:
    for check in (False, True):
        result = asked(**options, check=check)
        assert result["failed"] is True
        assert says in result["msg"]


PLAY = """
- name: Ask about windows as a playbook does
  hosts: localhost
  gather_facts: false
  vars:
    windows: {windows}
    days_off: [{{name: fair, start: 2026-11-22, end: "2026-11-22T03:00", time_zone: Europe/Amsterdam}}]
    outside: 2026-11-21T12:00:00Z
    inside: "2026-11-22T02:40:00Z"
    cadence: weekly
    grave: possible_downtime
    turn: "2026-12-27T00:00Z"
  tasks:
    - name: Ask everything
      ansible.builtin.copy:
        content: "{{{{ answers | to_json }}}}"
        dest: {answers}
        mode: "0600"
      vars:
        answers:
          inside: "{{{{ windows is careops.maintenance.in_window(inside) }}}}"
          outside: "{{{{ windows is careops.maintenance.in_window(outside) }}}}"
          weekly: "{{{{ windows is careops.maintenance.in_window(inside, cadence=cadence, impact=grave) }}}}"
          current: "{{{{ windows | careops.maintenance.current_window(now=inside, blackouts=days_off) }}}}"
          none: "{{{{ windows | careops.maintenance.current_window(now=outside) }}}}"
          next: "{{{{ windows | careops.maintenance.next_window(inside, impact='planned_downtime') }}}}"
          long: "{{{{ windows | careops.maintenance.next_window(inside, needs='PT9H') }}}}"
          left: "{{{{ windows | careops.maintenance.time_left(inside) }}}}"
          nothing_left: "{{{{ windows | careops.maintenance.time_left(outside) }}}}"
          names: "{{{{ windows | careops.maintenance.openings(turn, '2027-01-04T00:00Z') | map(attribute='name') }}}}"
          now: "{{{{ windows | careops.maintenance.openings('', '2099-01-01T00:00Z') | length > 0 }}}}"
          local: "{{{{ (windows | careops.maintenance.next_window(inside, time_zone='Asia/Kathmandu')).opens }}}}"
    - name: Begin where the module permits
      careops.maintenance.maintenance_window:
        windows: "{{{{ windows }}}}"
        work_class: maintenance
        now: "{{{{ lookup('ansible.builtin.env', 'WHEN') }}}}"
"""


def played(folder: Path, *arguments: str, when: str, play: str = PLAY) -> subprocess.CompletedProcess[str]:
    playbook = folder / "play.yml"
    playbook.write_text(play.format(windows=json.dumps(WINDOWS), answers=folder / "answers.json"))
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", *arguments, str(playbook)],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "CAREOPS_RUNS_DIRECTORY": str(folder / "runs"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "WHEN": when,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_playbook_asks_filters_and_test(tmp_path: Path) -> None:
    done = played(tmp_path, when=SUNDAY)
    assert done.returncode == 0, done.stdout
    answers = json.loads((tmp_path / "answers.json").read_text())
    quarter = {
        "name": "quarter",
        "impact": "planned_downtime",
        "opens": "2027-01-03T05:00:00Z",
        "closes": "2027-01-03T13:00:00Z",
        "cadences": ["quarterly"],
        "announce": [14 * 86400],
        "time_zone": "America/New_York",
    }
    assert answers["current"].pop("opens") == "2026-11-22T02:00:00Z"
    assert answers == {
        "inside": True,
        "outside": False,
        "weekly": False,
        "current": {
            "name": "sunday",
            "impact": "minimal",
            "closes": "2026-11-22T06:00:00Z",
            "cadences": [],
            "announce": [],
            "time_zone": "UTC",
        },
        "none": {},
        "next": quarter,
        "long": {},
        "left": 12000,
        "nothing_left": 0,
        "names": ["sunday", "sunday", "quarter"],
        "now": True,
        "local": "2026-11-28T20:15:00Z",
    }


def test_a_playbook_ends_where_it_may_not_begin(tmp_path: Path) -> None:
    done = played(tmp_path, when=SATURDAY)
    assert done.returncode == 2
    assert "opens Sunday 22 November 2026 02:00 UTC (in 14 h)" in done.stdout
    rehearsed = played(tmp_path, "--check", when=SATURDAY)
    assert rehearsed.returncode == 0, rehearsed.stdout


def test_a_filter_says_what_it_cannot_read(tmp_path: Path) -> None:
    for call, words in (
        ("| careops.maintenance.current_window(impact='none')", " must be "),
        ("| careops.maintenance.time_left('noon')", " must be "),
        ("is careops.maintenance.in_window(time_zone='Mars/Olympus')", " must be "),
        ("is careops.maintenance.in_window(at='2026-11-22T02:40:00Z')", "Windows cannot be asked about at"),
    ):
        wrong = PLAY.replace(
            '"{{{{ windows | careops.maintenance.time_left(inside) }}}}"', f'"{{{{{{{{ windows {call} }}}}}}}}"'
        )
        assert wrong != PLAY
        done = played(tmp_path, when=SUNDAY, play=wrong)
        assert done.returncode == 2, call
        assert words in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
