# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_maintenance
short_description: Maintain the tables and indexes of PostgreSQL databases by measured need
version_added: "0.1.0"
description:
  - Observes every table and index of one, several or all databases of a server, plans C(ANALYZE), C(VACUUM) and
    C(REINDEX CONCURRENTLY) for those that need it, does it over several connections, and reports before and after.
  - Need is measured, never assumed from the calendar, so a second run right after the first changes nothing.
    Measured are dead rows, rows changed and inserted since the last ANALYZE and VACUUM, the age of transaction ids,
    bloat, and validity.
  - Indexes that an interrupted C(REINDEX CONCURRENTLY) left behind are dropped once the catalogue proves them to be
    leftovers. Other invalid indexes are rebuilt.
  - Partitioned tables are analysed as a whole, which autovacuum never does.
  - Never two jobs on one table at a time. Jobs that need a lock wait for O(lock_timeout) and come again later.
  - What keeps VACUUM from removing dead rows (an old transaction, a prepared transaction, an inactive replication slot)
    is named. A VACUUM that could remove nothing because of it is not repeated; its action is V(skipped).
  - Bloat is measured with the extension pgstattuple where the database has it, else estimated from statistics, and
    V(unknown) where these are missing.
  - In check mode the indexes are judged by what is known before the VACUUM, so a real run may rebuild more of them.
options:
  databases:
    description: Databases to maintain; all that are no templates and accept connections where it is empty.
    type: list
    elements: str
    default: []
  maintenance_db:
    description: Database to connect to first where O(databases) is empty.
    type: str
    default: postgres
  mode:
    description:
      - V(maintain) does the work; in check mode, it returns the plan.
      - V(observe) only returns findings, and plans nothing.
      - V(pending) only returns in which databases there is something to do, as RV(details.pending); no findings and
        no actions. For what must come before the work, such as a backup.
    type: str
    choices: [maintain, observe, pending]
    default: maintain
  act_on:
    description:
      - Of O(databases), those that may be changed. The others are only looked at. All of them where it is not set.
      - For the databases that a backup was taken of.
    type: list
    elements: str
  operations:
    description: What may be done.
    type: list
    elements: str
    choices: [analyze, vacuum, reindex]
    default: [analyze, vacuum, reindex]
  when:
    description:
      - V(needed) works on what the thresholds say.
      - V(always) works on every table, as C(vacuumdb --analyze) and C(reindexdb) do.
    type: str
    choices: [needed, always]
    default: needed
  tables:
    description: Limits the work, and the findings, to these tables, given as C(schema.table) or C(table).
    type: list
    elements: str
    default: []
  reindex:
    description:
      - How indexes are rebuilt. V(concurrently) keeps no one from writing.
      - V(offline) locks out writers, and readers of that index, table by table; for windows that allow downtime.
      - V(none) leaves all indexes alone, also those that are invalid.
      - PostgreSQL 14.0 to 14.3 can leave rows out of an index that is built concurrently; there V(concurrently)
        rebuilds nothing, and says so.
    type: str
    choices: [concurrently, offline, none]
    default: concurrently
  reindex_tables:
    description:
      - Critical tables, whose indexes are rebuilt from O(critical_index_bloat_percent) on already.
    type: list
    elements: str
    default: []
  jobs:
    description: Number of connections that work side by side.
    type: int
    default: 2
  lock_timeout:
    description: Seconds to wait for a lock before the job makes room for others and is tried again later.
    type: float
    default: 5
  lock_retries:
    description: How often a job that did not get its lock is tried again.
    type: int
    default: 2
  reindex_wait:
    description:
      - Seconds that C(REINDEX CONCURRENTLY) waits for older transactions to end. It keeps no one from reading or
        writing meanwhile.
      - With a transaction in the database that is older than this, nothing is reindexed.
    type: float
    default: 60
  statement_timeout:
    description: Seconds after which the server cancels a statement; V(0) for never.
    type: float
    default: 0
  dead_rows_percent:
    description: Share of dead rows from which a table, or its TOAST table, is vacuumed.
    type: float
    default: 10
  dead_rows_min:
    description: Number of dead rows below which their share does not matter.
    type: int
    default: 1000
  dead_rows_max:
    description: Number of dead rows from which a table is vacuumed whatever their share.
    type: int
    default: 10000000
  changed_rows_percent:
    description: Share of rows changed since the last ANALYZE from which a table is analysed.
    type: float
    default: 10
  changed_rows_min:
    description: Number of changed rows below which their share does not matter.
    type: int
    default: 1000
  analyze_max_days:
    description: Days since the last ANALYZE after which a table with any change at all is analysed.
    type: int
    default: 30
  inserted_rows_percent:
    description: Share of rows inserted since the last VACUUM from which a table is vacuumed, for its visibility map.
    type: float
    default: 20
  inserted_rows_min:
    description: Number of inserted rows below which their share does not matter.
    type: int
    default: 1000
  freeze_age:
    description:
      - Age of a table's oldest transaction or multixact id from which it is frozen, in transactions.
      - Below C(autovacuum_freeze_max_age), so that it happens in the window and not in the middle of the day.
    type: int
    default: 150000000
  xid_age_warning:
    description: Age of a database's oldest transaction or multixact id that is a warning.
    type: int
    default: 500000000
  xid_age_critical:
    description: Age of a database's oldest transaction or multixact id that is critical.
    type: int
    default: 1000000000
  table_bloat_percent:
    description: Bloat from which a table is reported. It is never rewritten, since that locks everyone out.
    type: float
    default: 50
  index_bloat_percent:
    description: Bloat from which an index is rebuilt.
    type: float
    default: 40
  critical_index_bloat_percent:
    description: The same for the indexes of O(reindex_tables).
    type: float
    default: 20
  bloat_min_bytes:
    description: Bloat below this many bytes does not matter; smaller tables and indexes are not judged.
    type: int
    default: 10485760
  bloat_source:
    description:
      - V(auto) estimates, and reads what looks bloated with pgstattuple where the database has it.
      - V(estimate) reads nothing.
    type: str
    choices: [auto, estimate]
    default: auto
  blocker_seconds:
    description: Age from which a transaction that holds VACUUM back is reported, even where it has done no harm yet.
    type: float
    default: 900
  integrity:
    description:
      - Whether to read every table and B-tree with the extension amcheck, every index entry held against its table.
      - Reads everything, so it takes its time. It keeps no one from writing.
    type: bool
    default: false
  top:
    description: How many of the largest tables of each database to describe in the details.
    type: int
    default: 10
extends_documentation_fragment:
  - careops.maintenance.postgres
  - careops.maintenance.deadline
  - careops.maintenance.moment
  - careops.maintenance.contract
  - careops.maintenance.attributes.acts
attributes:
  diff_mode:
    support: none
    description: The figures before and after stand in the actions.
author:
  - careops contributors (@careops)
"""

EXAMPLES = r"""
- name: Maintain what needs it in every database
  careops.maintenance.pg_maintenance:
  become: true
  become_user: postgres

- name: Return the plan for one database, and change nothing
  careops.maintenance.pg_maintenance:
    databases: [clinic]
  check_mode: true
  become: true
  become_user: postgres

- name: Analyse and vacuum only, and start nothing after two hours
  careops.maintenance.pg_maintenance:
    operations: [analyze, vacuum]
    deadline: "{{ '%Y-%m-%dT%H:%M:%SZ' | strftime(now().timestamp() + 2 * 60 * 60, utc=true) }}"
  become: true
  become_user: postgres

- name: Rebuild the indexes of critical tables early, over four connections
  careops.maintenance.pg_maintenance:
    databases: [clinic]
    operations: [reindex]
    reindex_tables: [patients, transcriptions, audit_log]
    jobs: 4
  become: true
  become_user: postgres

- name: Rebuild every index offline, in a window that allows downtime
  careops.maintenance.pg_maintenance:
    databases: [clinic]
    operations: [reindex]
    reindex: offline
    when: always
  become: true
  become_user: postgres

- name: Read every page with amcheck as well
  careops.maintenance.pg_maintenance:
    databases: [clinic]
    integrity: true
  become: true
  become_user: postgres
"""

RETURN = r"""
findings:
  description:
    - What was seen, after the work; in check mode, as it is.
    - The checks are postgres.dead_tuples, postgres.statistics, postgres.bloat, postgres.invalid_index,
      postgres.xid_age, postgres.vacuum_blocked, postgres.integrity, postgres.pg_cron, postgres.version
      and postgres.maintenance (what could not be done).
  returned: always
  type: list
  elements: dict
  sample:
    - check: postgres.dead_tuples
      subject: clinic.public.user_sessions
      status: warning
      message: "The table clinic.public.user_sessions needs a VACUUM: 40000 dead rows, 29 %; VACUUM it."
      value: 28.6
      unit: percent
      threshold: 10
actions:
  description:
    - What was done, one a statement; in check mode, the plan.
    - The actions are vacuum, analyze, vacuum_analyze, reindex, drop_index, and terminate (a session that a killed
      run left).
  returned: always
  type: list
  elements: dict
  sample:
    - action: vacuum_analyze
      target: clinic.public.user_sessions
      changed: true
      outcome: done
      before: {bytes: 41943040, live_rows: 100000, dead_rows: 40000, changed_rows: 40000, xid_age: 812}
      after: {bytes: 41943040, live_rows: 100000, dead_rows: 0, changed_rows: 0, xid_age: 815}
      seconds: 0.412
      reason: 40000 dead rows, 29 %
summary:
  description: The worst status, the number of findings by status, and the seconds that the work took.
  returned: always
  type: dict
  sample: {worst: ok, counts: {ok: 7, warning: 0, unknown: 0, critical: 0}, seconds: 1.204}
details:
  description: What is special to this module.
  returned: success
  type: dict
  contains:
    server_version:
      description: Version of the server.
      type: str
    databases:
      description: Size of each database, and its largest tables.
      type: list
      elements: dict
    pending:
      description: In check mode, and with O(mode=observe) or O(mode=pending), the databases with something to do.
      type: list
      elements: str
  sample:
    server_version: "17.2"
    pending: [clinic]
    databases:
      - {name: clinic, bytes: 734003200, tables: 91, indexes: 140, dead_rows: 120, largest: []}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import glue
from ..module_utils.deadline import Deadline
from ..module_utils.errors import MaintenanceError
from ..module_utils.postgres.argspec import postgres_argument_spec
from ..module_utils.postgres.connection import ConnectionSpec
from ..module_utils.postgres.maintenance import Request, maintain
from ..module_utils.postgres.model import Policy
from ..module_utils.postgres.work import Limits

OPERATIONS = ["analyze", "vacuum", "reindex"]
# Options that are fields of Policy under the same name.
THRESHOLDS: dict[str, dict[str, Any]] = {
    "dead_rows_percent": {"type": "float", "default": 10},
    "dead_rows_min": {"type": "int", "default": 1000},
    "dead_rows_max": {"type": "int", "default": 10000000},
    "changed_rows_percent": {"type": "float", "default": 10},
    "changed_rows_min": {"type": "int", "default": 1000},
    "analyze_max_days": {"type": "int", "default": 30},
    "inserted_rows_percent": {"type": "float", "default": 20},
    "inserted_rows_min": {"type": "int", "default": 1000},
    "freeze_age": {"type": "int", "default": 150000000},
    "xid_age_warning": {"type": "int", "default": 500000000},
    "xid_age_critical": {"type": "int", "default": 1000000000},
    "table_bloat_percent": {"type": "float", "default": 50},
    "index_bloat_percent": {"type": "float", "default": 40},
    "critical_index_bloat_percent": {"type": "float", "default": 20},
    "bloat_min_bytes": {"type": "int", "default": 10485760},
    "blocker_seconds": {"type": "float", "default": 900},
    "reindex_wait": {"type": "float", "default": 60},
}


def argument_spec() -> dict[str, dict[str, Any]]:
    return {
        **postgres_argument_spec(),
        "now": {"type": "str"},
        "databases": {"type": "list", "elements": "str", "default": []},
        "maintenance_db": {"type": "str", "default": "postgres"},
        "mode": {"type": "str", "choices": ["maintain", "observe", "pending"], "default": "maintain"},
        "act_on": {"type": "list", "elements": "str"},
        "operations": {"type": "list", "elements": "str", "choices": OPERATIONS, "default": OPERATIONS},
        "when": {"type": "str", "choices": ["needed", "always"], "default": "needed"},
        "tables": {"type": "list", "elements": "str", "default": []},
        "reindex": {"type": "str", "choices": ["concurrently", "offline", "none"], "default": "concurrently"},
        "reindex_tables": {"type": "list", "elements": "str", "default": []},
        "jobs": {"type": "int", "default": 2},
        "deadline": {"type": "str", "default": ""},
        "lock_timeout": {"type": "float", "default": 5},
        "lock_retries": {"type": "int", "default": 2},
        "statement_timeout": {"type": "float", "default": 0},
        "bloat_source": {"type": "str", "choices": ["auto", "estimate"], "default": "auto"},
        "integrity": {"type": "bool", "default": False},
        "top": {"type": "int", "default": 10},
        **THRESHOLDS,
    }


def request_from(params: dict[str, Any], *, check_mode: bool) -> Request:
    """The options as the logic wants them. Raises MaintenanceError for one that makes no sense."""
    if params["jobs"] < 1:
        raise MaintenanceError(f"The option jobs must be 1 or more, not {params['jobs']}.")
    for name in (*THRESHOLDS, "lock_timeout", "lock_retries", "statement_timeout", "top"):
        if params[name] < 0:
            raise MaintenanceError(f"The option {name} must not be negative, but is {params[name]:g}.")
    return Request(
        spec=ConnectionSpec.from_params(params),
        databases=params["databases"],
        maintenance_db=params["maintenance_db"],
        policy=Policy(
            operations=frozenset(params["operations"]),
            always=params["when"] == "always",
            reindex=params["reindex"],
            tables=frozenset(params["tables"]),
            reindex_tables=frozenset(params["reindex_tables"]),
            **{name: params[name] for name in THRESHOLDS},
        ),
        limits=Limits(
            jobs=params["jobs"],
            lock_timeout=params["lock_timeout"],
            reindex_wait=params["reindex_wait"],
            lock_retries=params["lock_retries"],
            statement_timeout=params["statement_timeout"],
        ),
        check_mode=check_mode,
        deadline=Deadline.from_options(params["deadline"], params["now"]),
        mode=params["mode"],
        act_on=None if params["act_on"] is None else frozenset(params["act_on"]),
        integrity=params["integrity"],
        estimate_only=params["bloat_source"] == "estimate",
        top=params["top"],
    )


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    glue.conclude(module, lambda: maintain(request_from(module.params, check_mode=module.check_mode)))


if __name__ == "__main__":
    main()
