# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the recorder wants to know of Ansible's objects."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import yaml
from ansible import constants
from ansible.template import Templar


def collection_version() -> str:
    """The version of this collection, from the checkout or from what ansible-galaxy installed."""
    root = Path(__file__).parents[2]
    with contextlib.suppress(OSError, KeyError, ValueError):
        return str(json.loads((root / "MANIFEST.json").read_text())["collection_info"]["version"])
    with contextlib.suppress(OSError, KeyError, yaml.YAMLError):
        return str(yaml.safe_load((root / "galaxy.yml").read_text())["version"])
    return ""


def resolved(task: Any) -> str:
    """The module's full name, or the name as written where Ansible has not resolved it."""
    return str(getattr(task, "resolved_action", None) or task.action)


def is_include(task: Any) -> bool:
    """Whether the task only brings in other tasks, which are seen themselves."""
    return bool(task.action in constants._ACTION_ALL_INCLUDES)


def role_of(task: Any) -> str:
    """Short name of the role that the task is in; empty for none."""
    role = getattr(task, "_role", None)
    return role.get_name().rpartition(".")[2] if role else ""


def host_of(result: Any, play: Any) -> str:
    """The host that the work was done on, which for a delegated task is not the one in the play."""
    task, host = result._task, result._host
    delegated = (result._result.get("_ansible_delegated_vars") or {}).get("ansible_delegated_host")
    if not delegated and task.delegate_to:
        # The result of a host that could not be reached does not name it.
        variables = play.get_variable_manager().get_vars(play=play, host=host, task=task)
        delegated = Templar(loader=task.get_loader(), variables=variables).template(task.delegate_to)
    return str(delegated or host.get_name())


def procedure_of(play: Any) -> str:
    """The procedure that a step of a cadence runs; empty for other plays."""
    procedure = play.get_vars().get("procedure")
    return procedure if isinstance(procedure, str) else ""


def hosts_of(play: Any, procedure: str) -> list[str]:
    """Hosts of the procedure's inventory group."""
    group = play.get_variable_manager()._inventory.groups.get(procedure)
    return sorted(host.get_name() for host in group.get_hosts()) if group else []


def rescued_in_role(task: Any) -> bool:
    """Whether a role catches this task's failure itself. The net around every procedure does not count."""
    parent = getattr(task, "_parent", None)
    while parent is not None:
        if getattr(parent, "rescue", None) and getattr(parent, "_role", None) is not None:
            in_block = any(_contains(entry, task) for entry in parent.block)
            if in_block:
                return True
        parent = getattr(parent, "_parent", None)
    return False


def _contains(entry: Any, task: Any) -> bool:
    node = task
    while node is not None:
        if node is entry or getattr(node, "_uuid", node) == getattr(entry, "_uuid", entry):
            return True
        node = getattr(node, "_parent", None)
    return False
