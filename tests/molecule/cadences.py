"""What tests/molecule/test_cadences.py plays: every cadence of every system at a moment, and what must come of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import webhook
from tests.molecule.steps import ROOT, Scenario

# The hosts of a lane and its systems, which share them and come one after the other; the lanes run side by side.
# Trusted Login changes nothing of its hosts but its own database, so it does not disturb those beside it.
LANES = (("a", ("neonpro", "smartmed")), ("b", ("hysio", "guide")), ("b", ("trusted_login",)))
CONTAINERS = tuple(f"cadence-{name}" for name in ("a-web", "a-web2", "a-db", "b-web", "b-db", "records"))
CHANGE = {
    "run_open_ticket": "CHG-1",
    "run_open_summary": "The work of this cadence",
    "run_open_rollback_plan": "Restore the backup that the run takes first",
    "run_open_test_evidence": "The run on the test inventory",
}


@dataclass(frozen=True)
class Play:
    """One run of a cadence.

    moment: the time that it takes as now. window: the one that must let it through; empty where none is asked.
    since: from when on the calendar is asked, local time; by default from the moment itself, so that nothing is due.
    refused: words of its refusal; empty where it must not be refused.
    """

    cadence: str
    moment: str
    window: str = ""
    since: str = ""
    refused: str = ""
    variables: dict[str, Any] = field(default_factory=lambda: dict(CHANGE), hash=False)

    @property
    def playbook(self) -> str:
        return "sub_daily" if self.cadence.startswith(("every_", "hourly")) else self.cadence


@dataclass
class Done:
    """How a run ended."""

    status: int
    output: str
    record: dict[str, Any]
    findings: list[dict[str, Any]]

    def ran(self) -> dict[str, tuple[str, set[str]]]:
        """By procedure, the entry that ran and the hosts that came to its end."""
        found: dict[str, tuple[str, set[str]]] = {}
        for row in self.record["procedures"]:
            if row.get("entry") and row["state"] == "ok" and row["host"] != "localhost":
                found.setdefault(row["name"], (row["entry"], set()))[1].add(row["host"])
        return found

    def calendar(self) -> dict[str, str]:
        """How each task of the calendar stands, in a word."""
        return {row["subject"]: _standing(row) for row in self.findings if row["check"] in _STANDINGS}


_STANDINGS = ("calendar.overdue", "calendar.uncovered")


def _standing(row: dict[str, Any]) -> str:
    if row["check"] == "calendar.uncovered":
        return "uncovered"
    if row["status"] != "ok":
        return "overdue"
    return next((word for word in ("done", "due", "upcoming") if f" is {word}" in row["message"]), "upcoming")


# In the order of time. A refused run is one at a wrong moment; the others take the moment that the document gives.
PLAYS: dict[str, tuple[Play, ...]] = {
    "neonpro": (
        # A weekend morning is too short for what monthly work may do.
        Play(
            "monthly",
            "2027-01-02T06:30:00-03:00",
            refused="Tuesday 5 January 2027 01:00 UTC, Monday 4 January 2027 22:00 America/Sao_Paulo",
        ),
        # Saturday at five still belongs to Friday night.
        Play("monthly", "2027-01-02T05:00:00-03:00", window="weekday nights"),
        Play("weekly", "2027-01-02T06:30:00-03:00", window="weekend mornings"),
        Play("quarterly", "2027-01-04T22:30:00-03:00", window="weekday nights"),
        Play("daily", "2027-01-05T05:30:00-03:00"),
        Play("every_6_hours", "2027-01-05T06:10:00-03:00"),
        Play("annual", "2027-01-05T06:11:00-03:00", since="2027-01-05T00:00"),
    ),
    "smartmed": (
        # The secondary window is open, and for minor updates alone.
        Play("monthly", "2026-12-30T02:10:00Z", refused="Sunday 3 January 2027 02:00 UTC"),
        Play("weekly", "2026-12-30T02:30:00Z", window="secondary"),
        Play("monthly", "2027-01-03T02:30:00Z", window="primary"),
        Play("quarterly", "2027-01-03T03:30:00Z", window="primary"),
        Play("daily", "2027-01-03T09:05:00Z"),
        Play("every_5_minutes", "2027-01-03T20:00:30Z"),
        Play("annual", "2027-01-03T20:02:00Z", since="2027-01-03T00:00"),
    ),
    "hysio": (
        Play(
            "weekly", "2026-12-26T12:00:00+01:00", refused="Sunday 27 December 2026 01:00 UTC, 02:00 Europe/Amsterdam"
        ),
        Play("weekly", "2026-12-27T02:30:00+01:00", window="primary"),
        Play("quarterly", "2027-01-03T00:30:00+01:00", window="extended"),
        # Both windows are open then: the one that allows more counts.
        Play("monthly", "2027-01-03T02:30:00+01:00", window="extended"),
        Play("daily", "2027-01-03T06:45:00+01:00"),
        Play("every_5_minutes", "2027-01-04T07:30:30+01:00"),
        Play("annual", "2027-01-04T07:32:00+01:00", since="2027-01-03T00:00"),
    ),
    "trusted_login": (
        Play("monthly", "2027-01-03T22:15:00Z", refused="test_evidence", variables={"run_open_ticket": "CHG-1"}),
        Play("monthly", "2027-01-03T22:30:00Z", window="monthly low traffic"),
        Play("weekly", "2027-01-10T22:30:00Z", window="low traffic", variables={}),
        # Quiet enough to look, and not the first Sunday.
        Play("quarterly", "2027-01-10T22:40:00Z", refused="Sunday 7 February 2027 22:00 UTC"),
        Play("quarterly", "2027-02-07T22:30:00Z", window="monthly low traffic"),
        Play("daily", "2027-02-08T08:30:00Z"),
        Play("hourly", "2027-02-08T20:00:00Z"),
        Play("annual", "2027-02-08T20:10:00Z", since="2027-02-08T00:00"),
    ),
    "guide": (
        Play("quarterly", "2026-12-13T02:30:00Z", window="fourth quarter of 2026"),
        Play("weekly", "2026-12-20T02:30:00Z", window="weekly"),
        # The monthly window does for monthly work; that of the quarter has a date of its own.
        Play("quarterly", "2026-12-27T02:15:00Z", refused="Sunday 21 February 2027 02:00 UTC"),
        Play("monthly", "2026-12-27T02:30:00Z", window="monthly"),
        Play("daily", "2026-12-27T06:30:00Z"),
        Play("every_15_minutes", "2026-12-27T06:56:00Z"),
        Play("annual", "2026-12-27T06:58:00Z", since="2026-12-27T00:00"),
    ),
}


def _hosts(web: set[str], system: str, *, without: tuple[str, ...] = ()) -> dict[str, set[str]]:
    database, records = {f"db.{system}.example"}, {f"records.{system}.example"}
    found = {
        "health": web | database,
        "certificates": web,
        "patching": web | database,
        "backups": database,
        "postgresql_maintenance": database,
        "records": records,
        # The anchor host is asked for its checkpoints.
        "audit": records | {f"anchor.{system}.example"},
        "calendar": records,
    }
    return {name: hosts for name, hosts in found.items() if name not in without}


HOSTS = {
    "neonpro": _hosts(
        {"api-south.neonpro.example", "api-southeast.neonpro.example"}, "neonpro", without=("postgresql_maintenance",)
    ),
    "smartmed": _hosts({"web.smartmed.example"}, "smartmed"),
    "hysio": _hosts({"app.hysio.example"}, "hysio"),
    "trusted_login": _hosts({"backend.trusted-login.example"}, "trusted-login", without=("certificates", "patching")),
    "guide": _hosts({"auth.guide.example"}, "guide"),
}

_DAILY = {
    "health": "main",
    "backups": "check",
    "certificates": "main",
    "patching": "check",
    "audit": "check",
    "records": "check",
    "calendar": "check",
}
_WEEKLY = {
    "health": "main",
    "backups": "main",
    "certificates": "main",
    "postgresql_maintenance": "main",
    "patching": "main",
    "audit": "check",
    "records": "main",
    "calendar": "check",
}
_MONTHLY = {**_WEEKLY, "audit": "main"}
_ANNUAL = dict.fromkeys(_WEEKLY, "check")
# What each cadence runs, and with which entry, where a system has a group for it.
_USUAL = {
    "daily": _DAILY,
    "weekly": _WEEKLY,
    "monthly": _MONTHLY,
    "quarterly": _MONTHLY,
    "annual": _ANNUAL,
    **{name: {"health": "main"} for name in ("every_5_minutes", "every_15_minutes", "hourly", "every_6_hours")},
}
_LOOK = {"backups": "check"}
_OWN: dict[str, dict[str, dict[str, str]]] = {
    "neonpro": {
        "weekly": _LOOK,
        "monthly": _LOOK,
        "quarterly": _LOOK,
        "every_6_hours": {"certificates": "check"},
    },
    "smartmed": {"weekly": {"postgresql_maintenance": "check", **_LOOK}, "monthly": _LOOK},
    "hysio": {"weekly": _LOOK},
    "trusted_login": {"weekly": {"postgresql_maintenance": "check", **_LOOK}},
    "guide": {"weekly": {"postgresql_maintenance": "check", **_LOOK}},
}


def expected(system: str, cadence: str) -> dict[str, tuple[str, set[str]]]:
    """What a run must have done: by procedure, the entry and the hosts."""
    entries = {**_USUAL[cadence], **_OWN[system].get(cadence, {})}
    return {name: (entry, HOSTS[system][name]) for name, entry in entries.items() if name in HOSTS[system]}


def playing(scenario: Scenario, receiver: webhook.Receiver) -> dict[tuple[str, Play], Done]:
    """Plays everything, the lanes side by side."""
    # Of an earlier test.
    shutil.rmtree(scenario.runs, ignore_errors=True)
    with ThreadPoolExecutor(len(LANES)) as pool:
        lanes = [pool.submit(_lane, scenario, receiver, hosts, systems) for hosts, systems in LANES]
        return {key: done for lane in lanes for key, done in lane.result().items()}


def _lane(
    scenario: Scenario, receiver: webhook.Receiver, hosts: str, systems: tuple[str, ...]
) -> dict[tuple[str, Play], Done]:
    done = {}
    for system in systems:
        inventory = scenario.folder / f"{system}.json"
        inventory.write_text(json.dumps(_layer(system, hosts)))
        for number, play in enumerate(PLAYS[system]):
            runs = scenario.runs / system / str(number)
            done[system, play] = _play(system, play, inventory=inventory, runs=runs, receiver=receiver)
    return done


def _layer(system: str, lane: str) -> dict[str, Any]:
    """The inventory layer that leads the system's hosts into containers."""
    hosts = {host for group in HOSTS[system].values() for host in group}
    domain = next(iter(HOSTS[system]["records"])).partition(".")[2]
    kinds = {f"db.{domain}": f"{lane}-db", f"records.{domain}": "records", f"anchor.{domain}": f"{lane}-db"}
    kinds["api-southeast.neonpro.example"] = f"{lane}-web2"
    return {
        "all": {
            "hosts": {
                host: {
                    "ansible_connection": "community.docker.docker",
                    "ansible_host": f"cadence-{kinds.get(host, f'{lane}-web')}",
                }
                for host in {*hosts, f"anchor.{domain}"}
            }
        }
    }


def _play(system: str, play: Play, *, inventory: Path, runs: Path, receiver: webhook.Receiver) -> Done:
    kept = f"/var/lib/careops/{system}"
    variables = {
        "run_open_now": play.moment,
        "calendar_now": play.moment,
        "policy_calendar_start": play.since or play.moment[:16],
        # Whoever is told is told here.
        "policy_channels": [receiver.options(name="chat")],
        # One host keeps the records of all five.
        "policy_records_root": kept,
        "audit_root": f"{kept}/audit",
        "audit_anchor_root": f"/var/lib/careops/anchors/{system}",
        "sub_daily_cadence": play.cadence,
        **play.variables,
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook"),
            *("--inventory", f"inventories/{system}", "--inventory", str(inventory)),
            *("--extra-vars", json.dumps(variables), f"playbooks/{play.playbook}.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "CAREOPS_RUNS_DIRECTORY": str(runs),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = sorted(runs.glob("*/record.json"))
    assert len(found) == 1, f"{system} {play.cadence} left no record:\n{done.stdout}"
    lines = found[0].with_name("findings.jsonl").read_text().splitlines()
    return Done(
        status=done.returncode,
        output=done.stdout,
        record=json.loads(found[0].read_text()),
        findings=[json.loads(line) for line in lines],
    )
