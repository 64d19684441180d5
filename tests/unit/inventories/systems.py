"""The inventories of the five systems as Ansible reads them, and what their documents ask for."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

import yaml

from tests.lab.modules import ROOT

SYSTEMS = ("neonpro", "smartmed", "hysio", "trusted_login", "guide")
ROLES = {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}
# Roles that are to come: until then, the calendar shows their tasks as uncovered.
FUTURE = {
    *("access_review", "app_update", "cache", "capacity_review", "compliance", "containers"),
    *("database_cleanup", "database_report", "dependency_audit", "disaster_recovery", "environments", "host_tuning"),
    *("load_test", "log_review", "patch_rollout", "security_assessment", "system_updates", "validation"),
}
# Every cadence with the entry that its playbook runs of each procedure.
CADENCES = ("sub_daily", "daily", "weekly", "monthly", "quarterly", "annual")
SUB_DAILY = ("every_5_minutes", "every_15_minutes", "hourly", "every_6_hours")


@dataclass(frozen=True)
class Row:
    """A row of a document's table: lines of the source, what they ask for, what carries it, whether it is covered."""

    line: str
    asks: str
    carried_by: str
    covered: str

    def names(self, kind: str) -> list[str]:
        """What of that kind carries it: ``task``, ``procedure`` or, where it is empty, variables."""
        found = re.findall(r"(task |procedure )?`([^`]+)`", self.carried_by)
        return [name for before, name in found if before.strip() == kind]


@functools.cache
def inventory(system: str) -> dict[str, Any]:
    """The inventory as ``ansible-inventory`` lists it."""
    done = subprocess.run(
        ["ansible-inventory", "--inventory", f"inventories/{system}", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def hosts(system: str, group: str) -> list[str]:
    """The hosts of a group."""
    found: list[str] = inventory(system).get(group, {}).get("hosts", [])
    return found


def policy(system: str) -> dict[str, Any]:
    """The variables that every host has."""
    variables: dict[str, Any] = inventory(system)["_meta"]["hostvars"]["localhost"]
    return variables


def names(system: str) -> set[str]:
    """Every variable that the inventory sets for any host."""
    return {name for variables in inventory(system)["_meta"]["hostvars"].values() for name in variables}


def inputs() -> set[str]:
    """Every input of every role."""
    found: set[str] = set()
    for role in ROLES:
        specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
        found |= {name for spec in specs.values() for name in spec.get("options", {})}
    return found


def playbook(cadence: str) -> dict[str, str]:
    """The procedures of a cadence's playbook, with the entry that each runs."""
    plays = yaml.safe_load((ROOT / "playbooks" / f"{cadence}.yml").read_text())
    steps = [play.get("vars", {}) for play in plays]
    return {step["procedure"]: step["procedure_entry"] for step in steps if "procedure" in step}


def rows(system: str) -> list[Row]:
    """The rows of the tables in the system's document."""
    text = (ROOT / "docs" / "systems" / f"{system}.md").read_text()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return [Row(*row) for row in cells if len(row) == 4 and row[0] != "line"]
