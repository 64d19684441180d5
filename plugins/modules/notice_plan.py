# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.notices.planning."""

from __future__ import annotations

DOCUMENTATION = r"""
module: notice_plan
short_description: Find which notices of maintenance windows and escalation levels are due
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Composes the notices that are due and that the ledger does not know yet, and sends none of them.
  - An opening of a window is announced at each of the lead times of its C(announce). The first notice that people get
    is the event V(advance), later ones V(reminder). Where several lead times have passed, the latest notice alone goes
    out, and the finding V(notice.advance) says which came too late.
  - What was announced and is no opening any more is cancelled (V(cancel)). A policy without any window cancels nothing,
    and is the critical finding V(notice.policy).
  - What is wrong in the policy (a window, a level, a channel, a contact) is the critical finding V(notice.policy) too,
    and everything else is followed. Nothing is cancelled as long as a window cannot be read.
  - A notice that somebody has to answer goes to the first level of O(escalation) at once, and to each further level
    when those before it have had their time. When all of them had it, the finding V(notice.escalation) is critical.
options:
  system:
    description: The platform that is maintained, as notices name it.
    type: str
    required: true
  windows:
    description: The maintenance windows, as C(policy_windows) has them.
    type: raw
    default: []
  blackouts:
    description: When there is no maintenance, as C(policy_blackouts) has it.
    type: raw
    default: []
  time_zone:
    description: IANA time zone of windows and blackouts that name none.
    type: str
    default: UTC
  channels:
    description: Names of the channels.
    type: list
    elements: str
    default: []
  takes:
    description: By name of the channel the list of events that it takes; all of them where it is not there.
    type: dict
    default: {}
  faults:
    description:
      - Channels that policy has and nobody can use, as the filter P(careops.maintenance.notice_channels#filter) returns
        them. Each is the critical finding V(notice.policy), and its notices are planned, so that they wait for it.
    type: list
    elements: dict
    default: []
  contacts:
    description: People, each with C(name) and, where known, C(role), C(mail), C(phone) and C(deputy).
    type: raw
    default: []
  escalation:
    description:
      - Levels, each with C(level) (its number), C(role), C(contact), C(deputy), C(respond_within) (ISO 8601) and
        C(channels).
      - Mail and SMS channels go to the addresses of contact and deputy, where these have any; the deputy is that of the
        contact in O(contacts) where the level names none.
    type: raw
    default: []
  known:
    description: What the ledger has, as M(careops.maintenance.notice_ledger) lists it.
    type: list
    elements: dict
    default: []
  templates:
    description: Folders of templates, as M(careops.maintenance.send_notice) has them.
    type: list
    elements: path
    default: []
  acknowledge:
    description: The command by which a notice is answered; C({identity}) in it is the notice's identity.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: The same, since it changes nothing.
  platform:
    platforms: posix
    support: full
    description: Runs on the controller.
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
requirements:
  - python-dateutil
  - Jinja2, for templates
seealso:
  - module: careops.maintenance.notice_ledger
  - module: careops.maintenance.send_notice
"""

EXAMPLES = r"""
- name: What is to be announced now
  careops.maintenance.notice_plan:
    system: clinic
    windows:
      - name: primary
        rule: FREQ=WEEKLY;BYDAY=SU
        start: "2026-01-04T02:00"
        duration: PT4H
        announce: [PT72H, PT24H]
    channels: [operations]
  register: planned
"""

RETURN = r"""
findings:
  description: V(notice.advance), V(notice.policy), V(notice.escalation), V(notice.template), where there is cause.
  returned: always
  type: list
  elements: dict
actions:
  description: One action V(plan) a notice.
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
    notices:
      description: The notices that are due, as M(careops.maintenance.notice_ledger) takes them.
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.glue import conclude
from ..module_utils.notices.arguments import PLAN_ARGUMENTS
from ..module_utils.notices.planning import plan


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=PLAN_ARGUMENTS, supports_check_mode=True)
    conclude(module, lambda: plan(module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
