# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of runs: how one run knows that it is alone, and finds what a killed one left working on the server."""

from __future__ import annotations

import time
from typing import Any

from ..errors import MaintenanceError
from ..findings import Action
from .cluster import rows_of

# By these names a run knows its own sessions and those of an earlier one.
APPLICATION = "careops_maintenance"
WORKER = "careops_maintenance_worker"
# Advisory lock of a run, in every database it works on: "care", then this module's number.
LOCK = (0x63617265, 1)
PATIENCE = 10.0

_HOLDER = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_WORKERS = """
SELECT pid, coalesce(query, '') FROM pg_stat_activity
WHERE application_name = %s AND datname = current_database() AND pid <> pg_backend_pid()
"""


def take_lock(connection: Any, database: str) -> None:
    """Makes this session the only run on its database. Raises MaintenanceError where another is at work."""
    if rows_of(connection, "SELECT pg_try_advisory_lock(%s, %s)", LOCK)[0][0]:
        return
    holders = rows_of(connection, _HOLDER, LOCK)
    pid = holders[0][0] if holders else "unknown"
    raise MaintenanceError(
        f"Another run of pg_maintenance is at work on database {database} (pid {pid} of the server): wait for its end, "
        "or end that session."
    )


def stop_orphans(connection: Any, database: str) -> list[Action]:
    """Ends the workers of a run that was killed: whoever holds the lock is the only run there is."""
    actions = []
    for pid, text in rows_of(connection, _WORKERS, (WORKER,)):
        rows_of(connection, "SELECT pg_terminate_backend(%s)", (pid,))
        reason = f"left behind by a run that was killed: {' '.join(text.split())[:200]}"
        actions.append(Action("terminate", f"{database} pid {pid}", True, "done", reason=reason))
    if actions:
        wait_for_end(connection)
    return actions


def wait_for_end(connection: Any) -> None:
    """Waits until no worker is left, PATIENCE seconds at most; what a session counted is known for sure only then."""
    until = time.monotonic() + PATIENCE
    while rows_of(connection, _WORKERS, (WORKER,)) and time.monotonic() < until:
        time.sleep(0.02)
