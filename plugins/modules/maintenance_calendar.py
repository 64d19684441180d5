#!/usr/bin/python
# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.calendars."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_calendar
short_description: Say which maintenance tasks are done, due and overdue
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Holds every task of the maintenance calendar against the records of runs and the sign-offs of people.
  - A run or sign-off counts for the occurrence that it falls into, from O(tasks[].early) before its start to as
    long before the next one's. Whoever does the latest occurrence is through with those before it.
  - An automated task is done when its procedure came to its end on a host, in a run that was no rehearsal. A
    procedure that failed, or that an interruption kept from its end, does not count.
  - States are V(done), V(due), V(overdue), V(upcoming), V(uncovered) (its procedure does not exist yet), V(untracked)
    (the work of another tool, without a sign-off) and V(unknown) (records or sign-offs could not be read).
  - The finding V(calendar.overdue) is a warning for an overdue task, and critical once it is overdue by more than
    its own interval or O(tasks[].critical_after). V(calendar.uncovered) is a warning. V(calendar.evidence) is
    unknown where nobody could look. V(calendar.summary) counts the tasks.
options:
  since:
    description: Date or local time; what was to be done before is not asked for.
    type: str
    default: ""
  evidence:
    description:
      - What the records say, each with C(procedure), C(entry), C(state), C(moment), C(run_id) and C(outcome).
      - Of each procedure, entry and state, the newest will do. Where it is not given, automated tasks are V(unknown).
    type: list
    elements: dict
  sign_offs:
    description: What M(careops.maintenance.calendar_sign_off) lists; open tasks are V(unknown) without it.
    type: list
    elements: dict
  procedures:
    description: Names of the procedures that exist. An automated task of another one is V(uncovered).
    type: list
    elements: str
    default: []
  until:
    description: >-
      Every slot until then is in the table (a date, a local time, or a duration such as V(P14D)); each task once
      where it is empty.
    type: str
    default: ""
  sign_off:
    description: Find the occurrence of a task that is to be signed off.
    type: dict
    suboptions:
      task:
        description: Its name.
        type: str
        required: true
      occurrence:
        description: Day or local time of the occurrence; the one that is open where it is empty.
        type: str
        default: ""
  width:
    description: Characters that a line of the table may have.
    type: int
    default: 112
requirements:
  - python-dateutil
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
  - careops.maintenance.attributes.observes
  - careops.maintenance.calendar
seealso:
  - module: careops.maintenance.calendar_sign_off
"""

EXAMPLES = r"""
- name: See how the calendar stands
  careops.maintenance.maintenance_calendar:
    time_zone: Europe/Amsterdam
    since: "2026-01-01"
    procedures: [backups, certificates]
    tasks:
      - task: backup-verification
        title: Backup verification
        cadence: weekly
        rule: FREQ=WEEKLY;BYDAY=FR
        start: "2026-01-02T09:00"
        duration: PT30M
        owner: DevOps
        work: automated
        procedure: backups
        evidence: Record of the run
        grace: P1D
      - task: vendor-agreements
        title: Review of vendor agreements
        cadence: annual
        rule: FREQ=YEARLY;BYMONTH=1;BYDAY=2MO
        start: "2026-01-12T09:00"
        duration: PT4H
        owner: Compliance
        work: manual
        evidence: Minutes of the review
    evidence:
      - procedure: backups
        entry: check
        state: ok
        moment: "2026-11-20T08:00:12Z"
        run_id: 20261120T080010Z-weekly-3f9a1c
        outcome: ok
    sign_offs: []
  delegate_to: localhost
"""

RETURN = r"""
findings:
  description: One a task, except external ones that nobody signed off; and the summary.
  returned: always
  type: list
  elements: dict
actions:
  description: None, the module only looks.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: The calendar as data and as text.
  returned: success
  type: dict
  contains:
    moment:
      description: The moment that it was judged by.
      type: str
      sample: "2026-11-21T14:00:00Z"
    tasks:
      description: >-
        How each task stands. C(occurrence) is the latest that has begun, C(due) the one that is open or the next one,
        C(deadline) when it becomes overdue, C(done) what shows that it was done last.
      type: list
      elements: dict
    table:
      description: Lines of the table.
      type: list
      elements: str
    sign_off:
      description: Task and occurrence that are to be signed off.
      type: dict
      returned: with O(sign_off)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.calendars.calendar import ARGUMENTS, show
from ..module_utils.clock import now_or
from ..module_utils.glue import conclude


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    options = module.params
    conclude(module, lambda: show(options, now=now_or(options["now"])))


if __name__ == "__main__":
    main()
