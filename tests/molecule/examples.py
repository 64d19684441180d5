"""The examples of the modules' documentation, run as a user runs them."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from tests.molecule.steps import ROOT, Scenario

COLLECTION = "careops.maintenance"
# The backups come first: it is one of them that is restored.
HOSTS = {
    "cert_expiry": "clinic-web",
    "pg_backup": "clinic-db",
    "pg_maintenance": "clinic-db",
    "backup_restore_test": "clinic-db",
    "unattended_upgrades": "clinic-db",
}
# They take servers as given that these hosts are not; tests/integration/test_cert_examples.py runs them.
ELSEWHERE = {
    "Look at a mail server and a database, which begin TLS when asked",
    "See that nothing older than TLS 1.3 is accepted, but TLS 1.2 with good suites for one partner",
    "See that the web server and the load balancer serve the certificates that are on disk",
    "Look into a Java keystore and a PKCS#12 file, and at every lineage of Let's Encrypt",
    "Hold chains against authorities, and tell Prometheus",
}
# What a user's own ansible.cfg says; that of the checkout would make a run of it.
SETTINGS = f"""
[defaults]
collections_path = {ROOT / ".collections"}
stdout_callback = ansible.posix.json
interpreter_python = auto_silent
[connection]
pipelining = true
"""
# What Ansible adds to a module's result.
ADDED = ("_ansible_no_log", "action", "ansible_facts", "exception", "invocation")


@dataclass(frozen=True)
class Example:
    """A task of a module's EXAMPLES and what came of it."""

    module: str
    name: str
    result: dict[str, Any]

    def outcomes(self) -> set[tuple[str, str]]:
        """Actions with their outcomes."""
        return {(action["action"], action["outcome"]) for action in self.result["actions"]}


def documentation(name: str) -> ModuleType:
    """The module, for its EXAMPLES and RETURN."""
    return importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.modules.{name}")


def written() -> list[dict[str, Any]]:
    """The examples as a playbook, a play a module."""
    return [
        {
            "name": name,
            "hosts": host,
            "gather_facts": False,
            "tasks": [task for task in yaml.safe_load(documentation(name).EXAMPLES) if task["name"] not in ELSEWHERE],
        }
        for name, host in HOSTS.items()
    ]


def run(scenario: Scenario, folder: Path) -> list[Example]:
    """Runs every example on the scenario's hosts. Raises AssertionError with the words of the one that failed."""
    (folder / "ansible.cfg").write_text(SETTINGS)
    given = {"ansible.builtin.import_playbook": str(ROOT / "molecule" / scenario.name / "examples.yml")}
    (folder / "examples.yml").write_text(yaml.safe_dump([given, *written()], sort_keys=False))
    done = subprocess.run(
        [
            *("ansible-playbook", "--inventory", str(scenario.folder / "inventory")),
            *("--extra-vars", f"vault_restorer_password={secrets.token_hex()}"),
            "examples.yml",
        ],
        cwd=folder,
        env={**os.environ, "ANSIBLE_CONFIG": str(folder / "ansible.cfg")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("{"), f"{done.stdout}{done.stderr}"
    tasks = [
        (play["play"]["name"], task["task"]["name"], result)
        for play in json.loads(done.stdout)["plays"]
        for task in play["tasks"]
        for result in task["hosts"].values()
    ]
    failed = [f"{play}: {task}: {result['msg']}" for play, task, result in tasks if result.get("failed")]
    assert not failed and done.returncode == 0, "\n".join([*failed, done.stderr])
    return [
        Example(play, task, {key: value for key, value in result.items() if key not in ADDED})
        for play, task, result in tasks
        if play in HOSTS
    ]
