#!/usr/bin/python
# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.calendars.ical."""

from __future__ import annotations

DOCUMENTATION = r"""
module: calendar_export
short_description: Write the maintenance calendar as iCalendar
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Writes tasks and maintenance windows as recurring events (RFC 5545), with the clock changes of their time zones.
  - The file is made of policy alone. The same policy makes the same file, and an event keeps its UID for ever.
  - Manual tasks show as busy time; the work of programs, and windows, do not.
options:
  path:
    description: The file, replaced at one stroke.
    type: path
    required: true
  system:
    description: Name of the platform; a part of every UID.
    type: str
    required: true
  windows:
    description: Maintenance windows, as C(policy_windows) of the inventory.
    type: list
    elements: dict
    default: []
  sub_daily:
    description: Whether tasks that recur several times a day are events as well.
    type: bool
    default: false
  mode:
    description: Permissions of the file.
    type: str
    default: "0644"
attributes:
  check_mode:
    support: full
    description: Returns the plan as an action with the outcome V(planned), and changes nothing.
  diff_mode:
    support: full
    description: Shows the file before and after.
  platform:
    platforms: posix
    support: full
    description: Runs on the controller.
requirements:
  - icalendar
  - python-dateutil
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.calendar
seealso:
  - module: careops.maintenance.maintenance_calendar
"""

EXAMPLES = r"""
- name: Write the calendar of the compliance team
  careops.maintenance.calendar_export:
    path: /srv/www/calendar.ics
    system: clinic
    time_zone: Europe/Amsterdam
    owner: Compliance
    tasks:
      - task: vendor-agreements
        title: Review of vendor agreements
        cadence: annual
        rule: FREQ=YEARLY;BYMONTH=1;BYDAY=2MO
        start: "2026-01-12T09:00"
        duration: PT4H
        owner: Compliance
        work: manual
    windows:
      - name: primary
        rule: FREQ=WEEKLY;BYDAY=SU
        start: "2026-01-04T02:00"
        duration: PT4H
        impact: planned_downtime
  delegate_to: localhost
"""

RETURN = r"""
findings:
  description: None.
  returned: always
  type: list
  elements: dict
actions:
  description: One action V(export); V(skipped) where the file says the same already.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: What was written.
  returned: success
  type: dict
  contains:
    path:
      description: The file.
      type: str
    events:
      description: How many events it has.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.calendars.ical import ARGUMENTS, export
from ..module_utils.glue import conclude


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    conclude(module, lambda: export(module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
