# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_restore_test
short_description: Judge the backups of a PostgreSQL database, and prove that the newest can be restored
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Finds the pg_dump archives (custom format) of one database, and judges their age, whether every night has one,
    their size against those before, their checksums, and whether they can be read.
  - Restores the newest into a scratch database, compares objects, rows, sequences and constraints with what the
    archive lists, runs sample queries, measures how long the recovery took, and drops the scratch database whatever
    happens.
  - The archive itself says when it was made, of which database, and what it holds. Dates and sizes of the file
    system are not trusted.
  - An archive carries the local time of the host that dumped, without its time zone. The manifest that
    M(careops.maintenance.pg_backup) writes has the offset. For other archives O(archive_timezone) counts. A backup
    that would be from the future is reported as not judgeable.
  - A night counts as having its backup where one was made on that date, or where no more than 30 hours lie between
    the backups around it, so that a start a little before or after midnight is no alarm.
options:
  database:
    description: Database that the backups are of.
    type: str
    required: true
  backups:
    description: Where the backups are; folders, files, or globs.
    type: list
    elements: path
    required: true
  pattern:
    description: Which files of a folder are backups of O(database), as a glob; C({database}) stands for its name.
    type: str
    default: "{database}-*.dump"
  days:
    description: Each of this many days, today included, must have a backup. Not judged with V(0).
    type: int
    default: 7
  age_warning_hours:
    description: Warn where the newest backup is this old, in hours. Not judged with V(0).
    type: float
    default: 24
  age_critical_hours:
    description: The same for critical. It is the recovery point objective, what may be lost at most.
    type: float
    default: 48
  archive_timezone:
    description:
      - Time zone of the host that dumped, such as V(Europe/Berlin) or V(UTC); this host's own where it is empty.
      - The manifest that M(careops.maintenance.pg_backup) writes comes first.
    type: str
    default: ""
  size_ratio_min:
    description: Warn where a backup is smaller than this share of the middle size of those before it.
    type: float
    default: 0.5
  size_ratio_max:
    description: Warn where a backup is larger than this multiple of the middle size of those before it.
    type: float
    default: 2.0
  read:
    description:
      - How far the backups are read.
      - With V(toc), head, table of contents and the place of every data block, which catches every truncation.
      - With V(newest), in addition the newest from its first byte to its last.
      - With V(full), each of them.
      - A backup that is restored is always read whole before.
    type: str
    choices: [toc, newest, full]
    default: newest
  require_checksum:
    description: A backup without a SHA-256 beside it (C(.sha256), as sha256sum writes it) is a warning.
    type: bool
    default: false
  without_data:
    description: Tables that the backups hold without their rows on purpose, as globs of C(schema.table).
    type: list
    elements: str
    default: []
  restore:
    description:
      - Which backup to restore; V(newest), V(none), or the path of one of O(backups).
      - With V(none) no server is asked for anything.
    type: str
    default: newest
  recovery_time_objective:
    description:
      - How long the recovery may take, in seconds. Critical where it took longer, a warning from four fifths of it on.
      - Not judged with V(0).
    type: float
    default: 0
  min_rows:
    description: The least number of rows that a table must have after the restore, by C(schema.table) or C(table).
    type: dict
    default: {}
  queries:
    description: Sample queries for the restored database. Each runs read-only, and its first value is held against.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the query is about; the query itself where it is not set.
        type: str
      sql:
        description: The query.
        type: str
        required: true
      expect:
        description: The value it must give, as text.
        type: str
      min:
        description: The least value it may give.
        type: float
      max:
        description: The greatest value it may give.
        type: float
  query_timeout:
    description: Time that each sample query may take, in seconds.
    type: int
    default: 60
  jobs:
    description: How many tables and indexes pg_restore works on at a time.
    type: int
    default: 2
  timeout:
    description: Stop pg_restore after this many seconds. No limit with V(0).
    type: int
    default: 0
  scratch_prefix:
    description:
      - What the names of scratch databases begin with; a UTC timestamp and a random part follow.
      - A database of such a name that no running test holds is the leftover of a killed one, and is dropped.
      - O(database) must not begin so. A test never writes to a database that it did not just create itself.
    type: str
    default: careops_restore
  maintenance_database:
    description: Database to connect to for creating and dropping the scratch database.
    type: str
    default: postgres
  restore_login_host:
    description:
      - Host of the server to restore on; the one of O(login_host) where neither this nor O(restore_login_unix_socket)
        is set.
      - O(ssl_mode) and O(ca_cert) hold for it too.
    type: str
  restore_login_port:
    description: Port of the server to restore on; O(login_port) where it is not set.
    type: int
  restore_login_user:
    description:
      - Role that restores; O(login_user) where it is not set.
      - An archive is a program that its author wrote, and restoring runs it with this role's rights. Use a role with
        C(LOGIN CREATEDB) and nothing else. It can restore everything but what needs a superuser, such as
        extensions that are not trusted.
    type: str
  restore_login_password:
    description: Password of O(restore_login_user); O(login_password) where neither is set.
    type: str
  restore_login_unix_socket:
    description: Folder of the Unix socket of the server to restore on.
    type: path
extends_documentation_fragment:
  - careops.maintenance.postgres
  - careops.maintenance.deadline
  - careops.maintenance.moment
  - careops.maintenance.contract
  - careops.maintenance.attributes.acts
attributes:
  diff_mode:
    support: none
    description: A test leaves nothing behind, so there is no difference to show.
notes:
  - In check mode everything that is only read is judged, and the restore and the removal of what a killed test left
    are returned as planned.
  - Ownership and privileges are not restored (C(--no-owner --no-privileges)), and neither are subscriptions. Roles that
    the archive names but the server does not have are the finding C(backup.roles).
  - The rows of archives compressed with lz4 or zstd cannot be counted here; pg_restore reads them instead.
seealso:
  - module: careops.maintenance.pg_backup
"""

EXAMPLES = r"""
- name: Verify the backups of the last week, and restore the newest
  careops.maintenance.backup_restore_test:
    database: clinic
    backups: [/var/backups/clinic]
    recovery_time_objective: 3600
    min_rows:
      public.patients: 20000
    queries:
      - name: no transcription without its patient
        sql: SELECT count(*) FROM transcriptions t LEFT JOIN patients p ON p.id = t.patient WHERE p.id IS NULL
        expect: "0"
      - name: audit log goes on until last night
        sql: SELECT extract(epoch FROM now() - max(at)) / 3600 FROM audit_log
        max: 30
  become: true
  become_user: postgres

- name: Restore on another server, as a role that may do nothing else
  careops.maintenance.backup_restore_test:
    database: clinic
    backups: [/var/backups/clinic]
    restore_login_host: restore-lab
    restore_login_user: restorer
    restore_login_password: "{{ vault_restorer_password }}"
  become: true
  become_user: postgres

- name: Read every backup from its first byte to its last, and restore nothing
  careops.maintenance.backup_restore_test:
    database: clinic
    backups: [/var/backups/clinic/*.dump]
    read: full
    restore: none
  become: true
  become_user: postgres
"""

RETURN = r"""
changed:
  description:
    - Whether the leftover of a killed test was removed; in check mode, whether one would be.
    - The test itself leaves nothing behind and is no change.
  returned: always
  type: bool
findings:
  description:
    - What was seen. Checks are C(backup.presence), C(backup.age), C(backup.size), C(backup.readable),
      C(backup.checksum), C(backup.restore), C(backup.roles), C(backup.objects), C(backup.rows), C(backup.sequences),
      C(backup.constraints), C(backup.queries), C(backup.recovery_time), C(backup.leftover).
    - What is wrong with a backup that cannot be read is in C(evidence.damage), one of C(empty), C(foreign),
      C(truncated), C(corrupt), C(missing_member), C(appended), C(unsupported), C(wrong_database).
  returned: always
  type: list
  elements: dict
actions:
  description: What was done. The actions C(restore_test) (after it, the seconds of each step) and C(drop_leftover).
  returned: always
  type: list
  elements: dict
summary:
  description: The worst status, the number of findings of each status, and the seconds that the work took.
  returned: always
  type: dict
details:
  description: The backups that were found, and what the restore showed.
  returned: success
  type: dict
  contains:
    backups:
      description: Every backup that was found, newest first, with its path, bytes, moment of creation, and problem.
      type: list
      elements: dict
    restored:
      description: The backup that was restored; empty where none was.
      type: str
    recovery_seconds:
      description: How long the recovery took; 0 where nothing was restored.
      type: float
    recovery_point_hours:
      description: Age of the data in the newest backup that can be read, in hours.
      type: float
    rows:
      description: Rows of each restored table.
      type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import clock, glue
from ..module_utils.backups.policy import Policy
from ..module_utils.backups.trial import prove_backups
from ..module_utils.postgres.argspec import postgres_argument_spec


def argument_spec() -> dict[str, dict[str, Any]]:
    """The options that DOCUMENTATION describes."""
    return {
        **postgres_argument_spec(),
        "database": {"type": "str", "required": True},
        "backups": {"type": "list", "elements": "path", "required": True},
        "pattern": {"type": "str", "default": "{database}-*.dump"},
        "days": {"type": "int", "default": 7},
        "age_warning_hours": {"type": "float", "default": 24},
        "age_critical_hours": {"type": "float", "default": 48},
        "archive_timezone": {"type": "str", "default": ""},
        "size_ratio_min": {"type": "float", "default": 0.5},
        "size_ratio_max": {"type": "float", "default": 2.0},
        "read": {"type": "str", "choices": ["toc", "newest", "full"], "default": "newest"},
        "require_checksum": {"type": "bool", "default": False},
        "without_data": {"type": "list", "elements": "str", "default": []},
        "restore": {"type": "str", "default": "newest"},
        "recovery_time_objective": {"type": "float", "default": 0},
        "min_rows": {"type": "dict", "default": {}},
        "queries": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str"},
                "sql": {"type": "str", "required": True},
                "expect": {"type": "str"},
                "min": {"type": "float"},
                "max": {"type": "float"},
            },
        },
        "query_timeout": {"type": "int", "default": 60},
        "jobs": {"type": "int", "default": 2},
        "timeout": {"type": "int", "default": 0},
        "scratch_prefix": {"type": "str", "default": "careops_restore"},
        "maintenance_database": {"type": "str", "default": "postgres"},
        **_restore_login_spec(),
        "deadline": {"type": "str", "default": ""},
        "now": {"type": "str"},
    }


def _restore_login_spec() -> dict[str, dict[str, Any]]:
    return {
        "restore_login_host": {"type": "str"},
        "restore_login_port": {"type": "int"},
        "restore_login_user": {"type": "str"},
        "restore_login_password": {"type": "str", "no_log": True},
        "restore_login_unix_socket": {"type": "path"},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    glue.conclude(
        module,
        lambda: prove_backups(
            Policy.from_params(module.params), now=clock.now_or(module.params["now"]), check_mode=module.check_mode
        ),
    )


if __name__ == "__main__":
    main()
