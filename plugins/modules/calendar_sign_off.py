#!/usr/bin/python
# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.calendars.signing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: calendar_sign_off
short_description: Sign a task of the maintenance calendar off
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Keeps the ledger of sign-offs on the records host, C(calendar/signoffs.jsonl) below O(root). Lines are only added,
    each is on disk before the module ends, and a line that was cut off is left out and told.
  - The same person signing the same occurrence off again with the same outcome changes nothing.
  - Which occurrence is meant is found out by M(careops.maintenance.maintenance_calendar); the role
    C(careops.maintenance.calendar) does both.
  - The finding V(calendar.sign_offs) is a warning where lines of the ledger are damaged.
options:
  state:
    description:
      - V(signed) signs an occurrence off, V(revoked) takes back every sign-off of it.
      - V(listed) returns the sign-offs in force of the newest occurrences of each task.
    type: str
    choices: [signed, revoked, listed]
    default: listed
  root:
    description: Folder of the records.
    type: path
    default: /var/lib/careops
  task:
    description: Name of the task.
    type: str
    default: ""
  occurrence:
    description: Start of the occurrence, in ISO 8601 with its offset.
    type: str
    default: ""
  by:
    description: Who did the work and answers for it, or who revokes.
    type: str
    default: ""
  evidence:
    description: What shows that the work was done, in words or as the place of a document; needed with O(state=signed).
    type: str
    default: ""
  outcome:
    description: How it went. With V(failed), the occurrence stays open.
    type: str
    choices: [done, not_applicable, failed]
    default: done
  remark:
    description: What else is to be known.
    type: str
    default: ""
  reason:
    description: Why it is taken back; needed with O(state=revoked).
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Returns the plan as an action with the outcome V(planned), and changes nothing.
  diff_mode:
    support: full
    description: Shows the line that is added.
  platform:
    platforms: posix
    support: full
    description: Target systems the module runs on.
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
seealso:
  - module: careops.maintenance.maintenance_calendar
"""

EXAMPLES = r"""
- name: Sign the review of vendor agreements off
  careops.maintenance.calendar_sign_off:
    state: signed
    task: vendor-agreements
    occurrence: "2026-01-12T08:00:00Z"
    by: Maria Berger
    evidence: Minutes of the review, compliance/2026-01-12.pdf

- name: Take that back
  careops.maintenance.calendar_sign_off:
    state: revoked
    task: vendor-agreements
    occurrence: "2026-01-12T08:00:00Z"
    by: Jan de Vries
    reason: Two agreements were left out

- name: See what is signed off
  careops.maintenance.calendar_sign_off:
    state: listed
"""

RETURN = r"""
findings:
  description: V(calendar.sign_offs) where lines of the ledger are damaged.
  returned: always
  type: list
  elements: dict
actions:
  description: One action V(sign_off) or V(revoke); V(skipped) where it would say nothing new.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: What the ledger says.
  returned: success
  type: dict
  contains:
    sign_offs:
      description: The sign-offs in force of each task's newest occurrences.
      type: list
      elements: dict
      returned: with O(state=listed)
    entry:
      description: >-
        The line that was added, or would be; the one that says the same where there is one already, and nothing where
        there is nothing to revoke.
      type: dict
      returned: with O(state=signed) and O(state=revoked)
    in_force:
      description: The sign-offs of the occurrence that nobody revoked, as they are then.
      type: list
      elements: dict
      returned: with O(state=signed) and O(state=revoked)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.calendars.signing import OUTCOMES, Request, list_sign_offs, revoke, sign
from ..module_utils.clock import now_or
from ..module_utils.glue import Outcome, conclude

REQUEST = ("task", "occurrence", "by", "evidence", "outcome", "remark", "reason")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["signed", "revoked", "listed"], "default": "listed"},
            "root": {"type": "path", "default": "/var/lib/careops"},
            "task": {"type": "str", "default": ""},
            "occurrence": {"type": "str", "default": ""},
            "by": {"type": "str", "default": ""},
            "evidence": {"type": "str", "default": ""},
            "outcome": {"type": "str", "choices": list(OUTCOMES), "default": "done"},
            "remark": {"type": "str", "default": ""},
            "reason": {"type": "str", "default": ""},
            "now": {"type": "str"},
        },
        supports_check_mode=True,
    )
    options = module.params

    def work() -> Outcome:
        if options["state"] == "listed":
            return list_sign_offs(options["root"])
        request = Request(**{key: options[key] for key in REQUEST})
        act = sign if options["state"] == "signed" else revoke
        return act(options["root"], request, now=now_or(options["now"]), check_mode=module.check_mode)

    conclude(module, work)


if __name__ == "__main__":
    main()
