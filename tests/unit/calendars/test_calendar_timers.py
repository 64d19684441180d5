"""Units that systemd itself accepts, and that run exactly what policy says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils import runner
from ansible_collections.careops.maintenance.plugins.module_utils.calendars.timers import plan
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

WEEKLY = {
    "name": "weekly",
    "playbook": "playbooks/weekly.yml",
    "rule": "FREQ=WEEKLY;BYDAY=SU",
    "start": "2026-01-04T02:00",
}


def planned(*timers: dict[str, Any], **more: Any) -> dict[str, Any]:
    options = {
        "system": "clinic",
        "timers": list(timers),
        "time_zone": "Europe/Amsterdam",
        "program": "/usr/bin/true",
        "directory": "/opt",
        "inventories": ["/opt/inventories/clinic"],
        "user": "root",
        "environment": {},
        **more,
    }
    details = plan(options, run=runner.run).details
    assert details is not None
    return details


def install(folder: Path, details: dict[str, Any]) -> None:
    for unit in details["units"]:
        (folder / unit["name"]).write_text(unit["content"])


def content(details: dict[str, Any], name: str) -> list[str]:
    (unit,) = [unit for unit in details["units"] if unit["name"] == name]
    return str(unit["content"]).splitlines()


def test_a_timer_and_its_service(tmp_path: Path) -> None:
    details = planned({**WEEKLY, "arguments": ["-e", "run_open_ticket=CHG-1"], "delay": "PT2M"})
    timer = content(details, "careops-clinic-weekly.timer")
    service = content(details, "careops-clinic-weekly.service")
    assert "OnCalendar=Sun *-*-* 02:00:00 Europe/Amsterdam" in timer
    assert "OnCalendar=2027-03-28 01:00:00 UTC" in timer
    assert {"Persistent=true", "RandomizedDelaySec=120", "WantedBy=timers.target"} <= set(timer)
    command = "/usr/bin/true -i /opt/inventories/clinic playbooks/weekly.yml -e run_open_ticket=CHG-1"
    assert {f"ExecStart={command}", "User=root", "WorkingDirectory=/opt", "Type=oneshot"} <= set(service)
    assert details["timers"] == ["careops-clinic-weekly.timer"]


NASTY = ["a b", 'quo"te', "back\\slash", "per%cent %n", "$HOME ${HOME}", "it's", "semi; rm -rf", "", "ü", "{'a': 1}"]


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    details = planned({**WEEKLY, "arguments": NASTY}, environment={"A": 'x "y" %h $z', "B": "1"})
    install(tmp_path, details)
    paths = [str(tmp_path / unit["name"]) for unit in details["units"]]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "careops" in line] == []


def test_systemd_reads_every_argument_as_it_was_meant(tmp_path: Path) -> None:
    details = planned({**WEEKLY, "arguments": NASTY})
    (line,) = [line for line in content(details, "careops-clinic-weekly.service") if line.startswith("ExecStart=")]
    assert unquoted(line.removeprefix("ExecStart="))[4:] == NASTY


def unquoted(line: str) -> list[str]:
    """The words of a command line, by the rules of systemd.service(5) for quotes, %% and $$."""
    words, word, inside, position, begun = [], "", False, 0, False
    while position < len(line):
        character = line[position]
        pair = line[position : position + 2]
        if pair in ("%%", "$$"):
            word, position = word + character, position + 1
        elif character == "\\":
            word, position = word + line[position + 1], position + 1
        elif character == '"':
            inside, begun = not inside, True
        elif character == " " and not inside:
            words.append(word)
            word, begun = "", False
        else:
            assert character not in "%$", "systemd would expand this"
            word, begun = word + character, True
        position += 1
    return [*words, word] if begun else words


def test_what_systemd_says_itself_is_taken(tmp_path: Path) -> None:
    given = {"name": "daily", "playbook": "p.yml", "on_calendar": "*-*-* 05:00", "time_zone": "UTC"}
    assert planned(given)["on_calendar"] == {"daily": ["*-*-* 05:00 UTC"]}
    with pytest.raises(MaintenanceError, match="does not understand sometimes UTC"):
        planned({**given, "on_calendar": "sometimes"})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "two words"}, "needs a name"),
        ({"rule": "FREQ=DAILY;INTERVAL=2"}, "The timer 'weekly' has INTERVAL=2"),
        ({"delay": "soon"}, "its delay"),
        ({"arguments": ["a\nb"]}, "control characters"),
    ],
)
def test_a_timer_that_cannot_be(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    with pytest.raises(MaintenanceError, match=words):
        planned({**WEEKLY, **more})


def test_two_timers_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(MaintenanceError, match="Two timers"):
        planned(WEEKLY, WEEKLY)
