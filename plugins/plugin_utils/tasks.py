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
from ansible.errors import AnsibleError
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


def outer_role_of(task: Any) -> str:
    """Short name of the role that brought in the role of this task, or of that one, up to the play's own."""
    name, parent = role_of(task), getattr(task, "_parent", None)
    while parent is not None:
        name = role_of(parent) or name
        parent = getattr(parent, "_parent", None)
    return name


def by_host(result: Any, play: Any) -> dict[str, dict[str, Any]]:
    """The result by the host that the work was done on: that of a delegated task is not the one in the play, and
    every item of a loop may have its own.
    """
    task, own, whole = result._task, result._host.get_name(), dict(result._result)
    named = (whole.get("_ansible_delegated_vars") or {}).get("ansible_delegated_host")
    if named or not task.delegate_to:
        return {str(named or own): whole}
    # Neither a loop nor a host that could not be reached says where it was delegated to.
    variables = play.get_variable_manager().get_vars(play=play, host=result._host, task=task)
    items = whole.get("results")
    if not isinstance(items, list):
        return {_delegate(task, variables) or own: whole}
    rest = {key: value for key, value in whole.items() if key != "results"}
    parts: dict[str, dict[str, Any]] = {}
    for item in items:
        loop_variable = item.get("ansible_loop_var", "item")
        host = _delegate(task, {**variables, loop_variable: item.get(loop_variable)})
        parts.setdefault(host or own, {**rest, "results": []})["results"].append(item)
    return parts


def state_of_items(items: list[dict[str, Any]]) -> str:
    """The gravest state of a loop's items: unreachable, failed or ok."""
    return next((state for state in ("unreachable", "failed") if any(item.get(state) for item in items)), "ok")


def _delegate(task: Any, variables: dict[str, Any]) -> str:
    try:
        return str(Templar(loader=task.get_loader(), variables=variables).template(task.delegate_to))
    except AnsibleError:
        # That may be why the task failed.
        return ""


def procedure_of(play: Any) -> str:
    """The procedure that a step of a cadence runs; empty for other plays."""
    procedure = play.get_vars().get("procedure")
    return procedure if isinstance(procedure, str) else ""


# What the command line may say of a run without being policy: who, why, and what is known of the change.
FACTS_OF_A_RUN = (
    *("run_open_operator", "run_open_ticket", "run_open_summary", "run_open_rollback_plan", "run_open_test_evidence"),
    *("run_open_notes", "run_open_approved_by", "run_open_approved_at", "run_open_approval_kind"),
    *("run_open_approval_reason", "run_open_approval_signature"),
)
# Whoever sets what the steps hand to each other can lead a run past its opening, so that is told as well.
_HANDED = ("step_", "procedure", "__")
POLICY = ("policy_", "run_open_", "run_close_", "audit_", "records_", "notify_", *_HANDED)


def class_of(play: Any) -> str:
    """The class of work that the playbook declares where it opens the run; empty for other plays."""
    declared = play.get_vars().get("run_open_work_class")
    return declared if isinstance(declared, str) and "{{" not in declared else ""


def policy_given(play: Any) -> list[str]:
    """Names of the variables that the command line set although they are policy; never their values."""
    given = play.get_variable_manager().extra_vars
    return sorted(name for name in given if name.startswith(POLICY) and name not in FACTS_OF_A_RUN)


def entry_of(play: Any) -> str:
    """The entry point of the role that the playbook names for its procedure."""
    entry = play.get_vars().get("procedure_entry")
    return entry if isinstance(entry, str) else ""


def is_run(playbook: Any) -> bool:
    """Whether the playbook is a cadence: one of its plays is the step of a procedure."""
    return any(procedure_of(play) for play in playbook.get_plays())


def hosts_of(play: Any, procedure: str) -> tuple[int, list[str]]:
    """How many hosts the procedure's inventory group has, and those of them within the limit."""
    inventory = play.get_variable_manager()._inventory
    group = inventory.groups.get(procedure)
    members = {host.get_name() for host in group.get_hosts()} if group else set()
    within = {host.get_name() for host in inventory.get_hosts("all")}
    return len(members), sorted(members & within)


def begins_procedures(task: Any) -> bool:
    """Whether this is the last task of the opening, without which no procedure begins."""
    return task.action in ("set_fact", "ansible.builtin.set_fact") and "run_open_handed" in task.args


def ends_procedure(task: Any) -> bool:
    """Whether this is the last task of a procedure's step, which only a host that came to the end runs."""
    return task.action in ("group_by", "ansible.builtin.group_by") and "procedure_done" in str(task.args.get("key"))


def rescued_in_role(task: Any) -> bool:
    """Whether a role catches this task's failure itself. The net around every procedure does not count, nor does
    that of the closing, which goes on but does not recover.
    """
    parent = getattr(task, "_parent", None)
    while parent is not None:
        role = getattr(parent, "_role", None)
        if getattr(parent, "rescue", None) and role and any(_contains(entry, task) for entry in parent.block):
            return str(role.get_name()).rpartition(".")[2] != "run_close"
        parent = getattr(parent, "_parent", None)
    return False


def _contains(entry: Any, task: Any) -> bool:
    node = task
    while node is not None:
        if node is entry or getattr(node, "_uuid", node) == getattr(entry, "_uuid", entry):
            return True
        node = getattr(node, "_parent", None)
    return False
