# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: pg_backup
short_description: Take one verified backup of a PostgreSQL database
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Backs up one database with pg_dump, in the custom format, into a folder of the host it runs on.
  - The archive is written beside its place as C(.partial), flushed, and read through from the first byte to the last.
    Every data block must decompress and be complete. Only then the archive gets its name, so that a file of that
    name is always a whole backup.
  - Beside it stand its SHA-256 as sha256sum writes it (C(.sha256)), and a manifest (C(.manifest.json)) with the
    number of rows of every table and the time zone of the archive's own creation time.
    All of them can be read by their owner only.
  - Room on the volume is checked before anything is written.
  - What a killed run left is removed by the next one. Two runs for one database and folder never work at a time.
options:
  database:
    description: Database to back up.
    type: str
    required: true
  directory:
    description:
      - Folder to write to.
      - It must be there already. A missing folder is most often a volume that is not mounted.
    type: path
    required: true
  name:
    description: Name of the file, with C({database}) and C({timestamp}) (UTC) in it.
    type: str
    default: "{database}-{timestamp}.dump"
  compress:
    description: Level of the gzip compression, 0 (none) to 9.
    type: int
    default: 6
  keep:
    description:
      - How many good backups stay. Older ones of the same O(name) and O(database) are removed after a backup was taken.
      - Backups that are damaged are not counted and not removed, so the last good one always stays.
      - All stay with V(0).
    type: int
    default: 0
  interval_hours:
    description: Take a backup only where the newest good one is at least this old, in hours. Always with V(0).
    type: float
    default: 0
  lock_wait_seconds:
    description: How long pg_dump waits for a table that somebody else has locked, in seconds.
    type: int
    default: 300
  timeout:
    description: Stop pg_dump after this many seconds. No limit with V(0).
    type: int
    default: 0
extends_documentation_fragment:
  - careops.maintenance.postgres
  - careops.maintenance.deadline
  - careops.maintenance.moment
  - careops.maintenance.contract
  - careops.maintenance.attributes.acts
attributes:
  diff_mode:
    support: none
    description: A backup has no difference to show.
notes:
  - Roles and tablespaces belong to the server and are in no pg_dump archive.
seealso:
  - module: careops.maintenance.backup_restore_test
"""

EXAMPLES = r"""
- name: Back up the clinic database, and keep two weeks
  careops.maintenance.pg_backup:
    database: clinic
    directory: /var/backups/clinic
    keep: 14
  become: true
  become_user: postgres

- name: Have a backup that is less than an hour old before something is changed
  careops.maintenance.pg_backup:
    database: clinic
    directory: /var/backups/clinic
    interval_hours: 1
  become: true
  become_user: postgres
"""

RETURN = r"""
changed:
  description: Whether a backup was taken or anything removed; in check mode, whether it would be.
  returned: always
  type: bool
findings:
  description: What was seen. Checks are C(backup.taken), C(backup.leftover) and C(backup.damaged).
  returned: always
  type: list
  elements: dict
actions:
  description: What was done. The actions C(backup) (after it, its path, bytes, sha256, seconds), C(prune), C(remove).
  returned: always
  type: list
  elements: dict
summary:
  description: The worst status, the number of findings of each status, and the seconds that the work took.
  returned: always
  type: dict
details:
  description: The backup that was taken, or the good one that made it unnecessary.
  returned: success
  type: dict
  contains:
    path:
      description: The backup. In check mode, the one that would be taken.
      type: str
    bytes:
      description: Its size; 0 in check mode.
      type: int
    sha256:
      description: Its SHA-256, where it was taken now.
      type: str
    taken:
      description: Whether it was taken now.
      type: bool
    kept:
      description: How many good backups there are after the run.
      type: int
    removed:
      description: How many were let go.
      type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import clock, glue
from ..module_utils.backups.folder import Naming
from ..module_utils.backups.take import Order, back_up
from ..module_utils.deadline import Deadline
from ..module_utils.errors import MaintenanceError
from ..module_utils.postgres.argspec import postgres_argument_spec
from ..module_utils.postgres.connection import ConnectionSpec


def argument_spec() -> dict[str, dict[str, Any]]:
    """The options that DOCUMENTATION describes."""
    return {
        **postgres_argument_spec(),
        "database": {"type": "str", "required": True},
        "directory": {"type": "path", "required": True},
        "name": {"type": "str", "default": "{database}-{timestamp}.dump"},
        "compress": {"type": "int", "default": 6},
        "keep": {"type": "int", "default": 0},
        "interval_hours": {"type": "float", "default": 0},
        "lock_wait_seconds": {"type": "int", "default": 300},
        "timeout": {"type": "int", "default": 0},
        "deadline": {"type": "str", "default": ""},
        "now": {"type": "str"},
    }


def order_from(params: dict[str, Any]) -> Order:
    """The order that the options describe. Raises MaintenanceError for one that makes no sense."""
    if not 0 <= params["compress"] <= 9:
        raise MaintenanceError(f"The option compress must be 0 to 9, not {params['compress']}.")
    for name in ("keep", "interval_hours", "lock_wait_seconds", "timeout"):
        if params[name] < 0:
            raise MaintenanceError(f"The option {name} must not be below 0, and is {params[name]}.")
    return Order(
        spec=ConnectionSpec.from_params(params),
        database=params["database"],
        directory=params["directory"],
        naming=Naming(params["database"], params["name"]),
        compress=params["compress"],
        keep=params["keep"],
        interval_hours=params["interval_hours"],
        lock_wait_seconds=params["lock_wait_seconds"],
        timeout=params["timeout"],
        bindir=params["pg_bindir"] or "",
        deadline=Deadline.from_options(params["deadline"], params["now"]),
    )


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    glue.conclude(
        module,
        lambda: back_up(
            order_from(module.params), now=clock.now_or(module.params["now"]), check_mode=module.check_mode
        ),
    )


if __name__ == "__main__":
    main()
