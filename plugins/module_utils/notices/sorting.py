# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy as people write it, sorted: what can be used, and what cannot, with the reason. One slip stops only itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .arguments import ARGUMENTS
from .kinds import fault

_SPEC = ARGUMENTS["channels"]
_REST = {key: _SPEC[key] for key in ("required_if", "mutually_exclusive")}


def sort_channels(channels: Any) -> dict[str, list[Any]]:
    """The ``usable`` channels, and of the others ``faults``: name, reason, kind, events and outcomes.

    Nothing else of a channel that is wrong is handed on: a misspelt field may hold a secret.
    """
    if not channels:
        return {"usable": [], "faults": []}
    if isinstance(channels, (str, bytes, Mapping)) or not isinstance(channels, Sequence):
        return {"usable": [], "faults": [_fault("channels", "they must be a list, with a name and a kind for each")]}
    usable: list[Any] = []
    faults: list[dict[str, Any]] = []
    names: set[str] = set()
    for number, channel in enumerate(channels, 1):
        name, plain, reason = _read(channel, number)
        if name in names:
            name, reason = f"{name} (number {number})", "another channel has its name: give each its own"
        names.add(name)
        if reason:
            faults.append(_fault(name, reason, plain))
        else:
            usable.append(channel)
    return {"usable": usable, "faults": faults}


def sort_contacts(contacts: Any) -> tuple[list[Mapping[str, Any]], Optional[str]]:
    """The contacts that can be used, and what is wrong with the others; None where nothing is."""
    if not contacts:
        return [], None
    listed = not isinstance(contacts, (str, bytes, Mapping)) and isinstance(contacts, Sequence)
    rows = [row for row in contacts if isinstance(row, Mapping) and row.get("name")] if listed else []
    if listed and len(rows) == len(contacts):
        return rows, None
    return rows, "Each of the contacts must be a mapping with a name: correct policy_contacts."


def _read(channel: Any, number: int) -> tuple[str, Mapping[str, Any], str]:
    """Name, content, and what is wrong with it; empty where nothing is."""
    try:
        plain = dict(channel) if isinstance(channel, Mapping) else {}
    except Exception:  # noqa: BLE001 - whatever a template in it does, the other channels go on; its words may hold a secret
        return f"number {number}", {}, "one of its values cannot be made out: see its templates and vaults"
    name = plain.get("name")
    if not isinstance(name, str) or not name.strip():
        return f"number {number}", plain, "it must be a mapping with a name and a kind"
    unknown = sorted(str(key) for key in plain if key not in _SPEC["options"])
    if unknown:
        return name, plain, f"it has the field {', '.join(unknown)}, which nobody reads: see how it is spelt"
    checked = ArgumentSpecValidator(_SPEC["options"], **_REST).validate(plain)
    if not checked.error_messages:
        return name, plain, fault(checked.validated_parameters) or ""
    said = str(checked.error_messages[0])
    for field, option in _SPEC["options"].items():
        if option.get("no_log") and plain.get(field):
            said = said.replace(str(plain[field]), "********")
    return name, plain, said.rstrip(".")


def _fault(name: str, reason: str, channel: Optional[Mapping[str, Any]] = None) -> dict[str, Any]:
    given = channel or {}
    kind = given.get("kind")
    return {
        "name": name,
        "reason": reason,
        "kind": kind if isinstance(kind, str) else "",
        **{key: list(given[key]) if isinstance(given.get(key), list) else None for key in ("events", "outcomes")},
    }
