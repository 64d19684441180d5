#!/usr/bin/python
# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.calendars.timers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: calendar_timers
short_description: Plan systemd timers that start playbooks on time
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Translates recurrence rules to calendar events of systemd, and composes a service and a timer for each playbook.
  - Changes nothing. The role C(careops.maintenance.calendar) installs what this plans, on whichever host.
  - What systemd cannot say is refused, not approximated. Where a clock change leaves a time out, the timer gets a line
    for that day, since systemd alone would skip it; what recurs by minutes or hours is said in UTC, since systemd alone
    would pause for an hour when clocks go back.
  - A rule says when a timer fires, O(timers[].start) only at which time of day; the timer begins at once.
options:
  system:
    description: Name of the platform; a part of every unit's name.
    type: str
    required: true
  timers:
    description: What is started when.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the timer; its units are C(careops-SYSTEM-NAME.timer) and C(careops-SYSTEM-NAME.service).
        type: str
        required: true
      playbook:
        description: The playbook, as a path from O(directory) or as name in a collection.
        type: str
        required: true
      rule:
        description: When, as RRULE of RFC 5545. Either this or O(timers[].on_calendar) is needed.
        type: str
        default: ""
      start:
        description: First time in local time, of which the rule takes its time of day; needed with O(timers[].rule).
        type: str
        default: ""
      on_calendar:
        description: When, as systemd says it, without time zone.
        type: str
        default: ""
      time_zone:
        description: IANA time zone; O(time_zone) where it is empty.
        type: str
        default: ""
      arguments:
        description: More arguments of ansible-playbook. Everybody can read them, so they hold no secrets.
        type: list
        elements: str
        default: []
      delay:
        description: At most so much later, by chance (ISO 8601), so that many hosts do not begin at once.
        type: str
        default: ""
  time_zone:
    description: IANA time zone of timers that name none.
    type: str
    required: true
  program:
    description: Path of ansible-playbook on the host.
    type: path
    required: true
  directory:
    description: Folder to run in; the checkout, whose C(ansible.cfg) turns the recorder on.
    type: path
    required: true
  inventories:
    description: Inventories to give to it.
    type: list
    elements: path
    default: []
  user:
    description: Account to run as.
    type: str
    required: true
  environment:
    description: Environment variables. Everybody can read them, so they hold no secrets.
    type: dict
    default: {}
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.attributes.observes
requirements:
  - python-dateutil
seealso:
  - module: careops.maintenance.maintenance_calendar
"""

EXAMPLES = r"""
- name: Plan the weekly maintenance
  careops.maintenance.calendar_timers:
    system: clinic
    time_zone: Europe/Amsterdam
    program: /opt/careops/.venv/bin/ansible-playbook
    directory: /opt/careops
    inventories: [/opt/careops/inventories/clinic]
    user: careops
    timers:
      - name: weekly
        playbook: playbooks/weekly.yml
        rule: FREQ=WEEKLY;BYDAY=SU
        start: "2026-01-04T02:00"
      - name: notices
        playbook: playbooks/notices.yml
        rule: FREQ=MINUTELY;INTERVAL=5
        start: "2026-01-01T00:00"
        delay: PT20S
  register: plan
"""

RETURN = r"""
findings:
  description: None.
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
  description: The plan.
  returned: success
  type: dict
  contains:
    units:
      description: Units that policy wants, each with C(name) and C(content).
      type: list
      elements: dict
    timers:
      description: Every timer that policy wants.
      type: list
      elements: str
      sample: [careops-clinic-weekly.timer]
    on_calendar:
      description: What each timer's rule is for systemd, by its name.
      type: dict
    marker:
      description: First line of every unit, by which they are known.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import runner
from ..module_utils.calendars.timers import ARGUMENTS, plan
from ..module_utils.glue import conclude


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    conclude(module, lambda: plan(module.params, run=runner.run))


if __name__ == "__main__":
    main()
