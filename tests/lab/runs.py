"""Whole runs with ansible-playbook, as a user starts them, with procedures that misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from .modules import ROOT

ROLES = ROOT / "tests" / "integration" / "run" / "roles"
RECORD_SCHEMA = json.loads((ROOT / "docs" / "schema" / "record.schema.json").read_text())
# Nothing listens on the first port: a host that is really away.
AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
PLAYBOOKS = ROOT / "playbooks"
ALWAYS = {"name": "any time", "start": "2020-01-01", "duration": "P36500D"}


@dataclass
class Ended:
    """How an ansible-playbook ended."""

    status: int
    output: str


@dataclass
class Platform:
    """A platform of two hosts and a records host, all of them this machine."""

    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)
    hosts: dict[str, dict[str, Any]] = field(default_factory=lambda: {"a": {}, "b": {}})
    records: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    # Groups that are no procedure of the run, and procedures that are roles of the collection.
    more_groups: dict[str, list[str]] = field(default_factory=dict)
    own_roles: tuple[str, ...] = ()

    @property
    def runs(self) -> Path:
        """Where the recorder writes."""
        return self.folder / "runs"

    def taken(self) -> list[Path]:
        """The folders of the runs that the records host was given, in the order of time."""
        return sorted(path.parent for path in self.delivered.glob("*/record.json"))

    def add_role(self, name: str, tasks: str) -> None:
        """Makes a role that no linter would let pass."""
        folder = self.folder / "roles" / name / "tasks"
        folder.mkdir(parents=True)
        (folder / "main.yml").write_text(tasks)

    @property
    def kept(self) -> Path:
        """Where the records host keeps everything."""
        return self.folder / "kept"

    @property
    def delivered(self) -> Path:
        """Where the records host keeps the runs."""
        return self.kept / "logs" / "maintenance"

    def start(
        self,
        *procedures: str,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        work_class: str = "maintenance",
    ) -> subprocess.Popen[str]:
        """Starts a run of these procedures; each has the hosts of ``groups``, or all."""
        self._write_inventory(procedures)
        playbook = self.folder / "toy.yml"
        playbook.write_text(json.dumps(_playbook(procedures, work_class=work_class, own_roles=self.own_roles)))
        return self.playbook(playbook, arguments=arguments, environment=environment)

    def playbook(
        self, playbook: Path, *, arguments: tuple[str, ...] = (), environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Starts that playbook on this platform."""
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(self.folder / "inventory.json")]
        return subprocess.Popen(
            [*command, *arguments, str(playbook)],
            cwd=ROOT,
            env={**os.environ, **self.environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """What keeps the run in its folder."""
        return {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": f"{self.folder / 'roles'}:{ROLES}",
            "ANSIBLE_NOCOLOR": "1",
            "CAREOPS_RUNS_DIRECTORY": str(self.runs),
        }

    def run(self, *procedures: str, arguments: tuple[str, ...] = (), **more: Any) -> Ended:
        """Runs these procedures to the end."""
        return ended(self.start(*procedures, arguments=arguments, **more))

    def _write_inventory(self, procedures: tuple[str, ...]) -> None:
        children: dict[str, Any] = {"records": {"hosts": {"rec": self.records}}, "platform": {"hosts": self.hosts}}
        for procedure in (*procedures, *self.more_groups):
            members = {**self.groups, **self.more_groups}.get(procedure, list(self.hosts))
            children[procedure] = {"hosts": {name: {} for name in members}}
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "policy_system": "toy",
            "policy_windows": [ALWAYS],
            "policy_records_root": str(self.kept),
            "policy_records_become": False,
            **self.variables,
        }
        inventory = {"all": {"vars": variables, "children": children}}
        (self.folder / "inventory.json").write_text(json.dumps(inventory))

    def journals(self) -> Iterator[Path]:
        """The journal of every run, in the order of time."""
        return iter(sorted(self.runs.glob("*/journal.jsonl")))

    def newest(self) -> Path:
        """The record of the last run."""
        return sorted(self.runs.glob("*/record.json"))[-1]

    def record(self) -> dict[str, Any]:
        """The record of the only run, held against its schema."""
        (path,) = self.runs.glob("*/record.json")
        return read_record(path)


def _playbook(procedures: tuple[str, ...], *, work_class: str, own_roles: tuple[str, ...]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [
        {
            "ansible.builtin.import_playbook": str(PLAYBOOKS / "steps" / "open.yml"),
            "vars": {"run_open_cadence": "toy", "run_open_work_class": work_class},
        }
    ]
    steps.extend(
        {
            "ansible.builtin.import_playbook": str(PLAYBOOKS / "steps" / "procedure.yml"),
            "vars": {
                "procedure": procedure,
                "procedure_entry": "main",
                **({} if procedure in own_roles else {"procedure_role": procedure}),
            },
        }
        for procedure in procedures
    )
    return [*steps, {"ansible.builtin.import_playbook": str(PLAYBOOKS / "steps" / "close.yml")}]


def read_record(path: Path) -> dict[str, Any]:
    """A record, held against its schema."""
    record: dict[str, Any] = json.loads(path.read_text())
    jsonschema.Draft202012Validator(RECORD_SCHEMA).validate(record)
    return record


def ended(process: subprocess.Popen[str]) -> Ended:
    """Waits for the end."""
    output, _errors = process.communicate(timeout=180)
    return Ended(status=process.returncode, output=output)


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Returns as soon as the condition holds; an AssertionError where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.05)
