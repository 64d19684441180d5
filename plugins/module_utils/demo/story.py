# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user is told at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ..findings import Action
from .breaks import BREAKS


def tell(root: str, port: int, figures: Mapping[str, Any], actions: Sequence[Action], wreck: str) -> str:
    """What was built, what is planted, what can be broken, and what to do next."""
    lines = [
        f"The demo estate stands in {root}",
        *_done(actions),
        "",
        f"  database      PostgreSQL 18, {figures['rows']:,} rows, {figures['database_bytes'] / 1e6:.0f} MB",
        f"                to look at it: cd {root} && postgresql/bin/psql -h $PWD/database/socket -U postgres clinic",
        f"  backups       {figures['nights']} nights in {root}/backups",
        f"  certificates  in {root}/certificates, served on 127.0.0.1:{port}",
        "",
        "Planted, for the weekly run to find:",
        "  the certificate of fax.clinic.example is in its warning zone",
        "  dead rows and bloated indexes in the database, which the first run puts right",
        "  a table, clinic.user_sessions, that is mostly empty space, which only downtime could give back",
        "  no amcheck in this PostgreSQL, so the inside of tables and indexes cannot be looked at",
        "",
    ]
    if wreck:
        lines += [
            f"BROKEN ON PURPOSE: {BREAKS[wreck].what} ({wreck}).",
            f"Watch it being caught by {BREAKS[wreck].watch}:",
            "  ansible-playbook playbooks/weekly.yml",
            "Repair it:",
            "  ansible-playbook playbooks/demo.yml",
        ]
    else:
        lines += [
            "Next:",
            "  ansible-playbook playbooks/weekly.yml",
            "Then break something real, and run it again:",
            "  ansible-playbook playbooks/demo.yml -e demo_break=X",
            *textwrap.wrap("with X one of " + ", ".join(BREAKS), 90, initial_indent="  ", subsequent_indent="  "),
        ]
    return "\n".join(lines)


def _done(actions: Sequence[Action]) -> list[str]:
    if not actions:
        return ["(it was complete already)"]
    return [
        f"  {action.action} {action.target}: {action.reason} ({action.seconds:.1f} s)"
        for action in actions
        if action.action != "break"
    ]
