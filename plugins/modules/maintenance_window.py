# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.windows."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_window
short_description: Decide whether maintenance may begin now
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Decides by the class of the work, the windows and blackouts of the policy, and an approval where there is one.
  - Fails with one sentence where the work is refused. It says why, and when the next window opens.
  - The finding V(window.gate) says what permits the work. It is a warning where only an approval does.
  - The finding V(window.clock) is a warning where O(now) is another time than that of the clock.
  - The guide C(docs/windows.md) of this collection explains windows with examples.
options:
  work_class:
    description:
      - V(observe) may begin at any time, V(routine) outside of blackouts.
      - V(maintenance) may begin in a window, or with an approval.
      - V(emergency) may begin at any time with an approval.
    type: str
    choices: [observe, routine, maintenance, emergency]
    required: true
  windows:
    description:
      - When maintenance may happen. Each window is a mapping with C(name), C(start) and C(duration).
      - C(rule) is a recurrence rule of RFC 5545; without one the window opens once.
      - C(start) is the local time it is counted from (DTSTART), in C(time_zone) or else O(time_zone).
      - C(duration) is an ISO 8601 duration such as C(PT4H), of time that really passes.
      - C(impact) is C(minimal), C(possible_downtime) or C(planned_downtime); C(minimal) where it is not set.
      - C(cadences) lists the cadences it is for; any where it is not set.
      - C(announce) lists how long before its notices go out, as ISO 8601 durations.
    type: list
    elements: dict
    default: []
  blackouts:
    description:
      - When nothing may happen. Each blackout is a mapping with C(name), C(start) and C(end).
      - An C(end) that is a date is the last day of it; one that is a local time is when it is over.
      - C(time_zone) is that of both, C(reason) is shown.
      - C(classes) lists what it keeps out, C(maintenance) and C(routine); C(maintenance) alone where it is not set.
    type: list
    elements: dict
    default: []
  time_zone:
    description: The IANA time zone of windows and blackouts that name none.
    type: str
    default: UTC
  system:
    description: The system that is worked on. A signed approval is for one system and one O(cadence).
    type: str
    default: ""
  cadence:
    description: The cadence of the work, such as V(weekly). Where it is empty, windows of any cadence will do.
    type: str
    default: ""
  impact:
    description: What users may notice of the work. Only a window that permits this or more will do.
    type: str
    choices: [minimal, possible_downtime, planned_downtime]
    default: minimal
  needs:
    description: How long the work takes, as an ISO 8601 duration. It does not begin where less time is left.
    type: str
    default: ""
  approvers:
    description:
      - Persons who may approve. Each is a mapping with C(name), and C(mail), C(phone), C(role) as you like.
      - C(kinds) lists what the person may approve; anything where it is not set.
      - C(accounts) lists the person's logins, by which an operator is recognised who approves their own work.
      - C(keys) lists the person's public SSH keys. Where there are some, what the person approves must be signed.
    type: list
    elements: dict
    default: []
  approval:
    description:
      - What a person has approved, a mapping with C(by), C(kind), C(reason) and C(given_at), a moment with its offset.
      - C(by) is the name of one of O(approvers), and not of O(operator).
      - C(signature) is needed where the person has C(keys). It is what C(ssh-keygen -Y sign) made, for
        C(approval@careops.maintenance), of the line that C(docs/windows.md) describes.
      - Only looked at where the work is not permitted without it.
    type: dict
    default: {}
  approval_valid_for:
    description: How long an approval holds, as an ISO 8601 duration.
    type: str
    default: PT24H
  operator:
    description: Who does the work. Without it, an approval does not help.
    type: str
    default: ""
  account:
    description: The account that the work is done under, which must not be the approver's either.
    type: str
    default: ""
  statement:
    description:
      - File for the line that the approver has to sign, byte for byte, where the work is refused because their
        signature is missing or wrong. Not written in check mode.
    type: path
attributes:
  check_mode:
    support: full
    description:
      - Changes nothing but O(statement). In check mode, work that would be refused does not fail the task;
        V(window.gate) is a warning then, and RV(details.permitted) is false.
  diff_mode:
    support: none
    description: Changes nothing that is maintained, so there is no difference to show.
  platform:
    platforms: posix
    support: full
    description: Runs on the controller.
extends_documentation_fragment:
  - careops.maintenance.moment
  - careops.maintenance.contract
requirements:
  - python-dateutil
  - OpenSSH 8.1 or later, for signed approvals
seealso:
  - plugin: careops.maintenance.next_window
    plugin_type: filter
  - plugin: careops.maintenance.in_window
    plugin_type: test
"""

EXAMPLES = r"""
- name: Begin only on Sunday night, and only with an hour left
  careops.maintenance.maintenance_window:
    work_class: maintenance
    cadence: weekly
    needs: PT1H
    time_zone: Europe/Amsterdam
    windows:
      - name: sunday
        rule: FREQ=WEEKLY;BYDAY=SU
        start: "2026-01-04T02:00"
        duration: PT4H
    blackouts:
      - name: year end
        start: "2026-12-24"
        end: "2027-01-02"
        reason: The hospital is short of staff.
  delegate_to: localhost
  register: gate

- name: Show until when
  ansible.builtin.debug:
    msg: "{{ gate.details.window.name }} closes at {{ gate.details.deadline }}."

- name: Patch at once, since the team lead of security said so
  careops.maintenance.maintenance_window:
    work_class: emergency
    operator: jdoe
    approvers:
      - name: Ada Moreau
        kinds: [critical_update]
        accounts: [amoreau]
    approval:
      by: Ada Moreau
      kind: critical_update
      reason: The flaw is being exploited.
      given_at: "2026-11-21T10:30:00+01:00"
  delegate_to: localhost
"""

RETURN = r"""
findings:
  description: One V(window.gate), and V(window.clock) where the time was given by hand.
  returned: always
  type: list
  elements: dict
actions:
  description: None; this module only decides.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: What was decided.
  returned: success
  type: dict
  contains:
    permitted:
      description: Whether the work may begin. False is seen in check mode only.
      type: bool
    reason:
      description: Why, or why not, in one sentence.
      type: str
      sample: The window sunday permits minimal impact until Sunday 22 November 2026 06:00 UTC (3 h 20 min left).
    override:
      description: Whether only the approval permits it.
      type: bool
    moment:
      description: The moment that was judged by.
      type: str
      sample: "2026-11-22T02:40:00Z"
    window:
      description: The window that permits it, as it is open now; empty where another thing permits it.
      type: dict
      sample: {name: sunday, impact: minimal, opens: "2026-11-22T02:00:00Z", closes: "2026-11-22T06:00:00Z"}
    deadline:
      description: When the work must have ended, since its window closes or a blackout begins; else empty.
      type: str
      sample: "2026-11-22T06:00:00Z"
    seconds_left:
      description: Seconds from RV(details.moment) to RV(details.deadline); null where nothing ends the work.
      type: int
      sample: 12000
    deadline_by_clock:
      description: The same deadline by the real clock, for what does not know of O(now); else empty.
      type: str
      sample: "2026-11-22T06:00:00Z"
    next:
      description:
        - When such work may begin next; empty where that is not known.
        - After a blackout of routine work, C(name) says which, C(impact) and C(closes) are empty.
      type: dict
      sample: {name: sunday, impact: minimal, opens: "2026-11-29T02:00:00Z", closes: "2026-11-29T06:00:00Z"}
    approval:
      description:
        - The approval, where it was needed and holds; otherwise empty.
        - Where it had to be signed, C(signed) has the C(key) (its fingerprint), the C(statement) and the C(signature).
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.clock import now_or
from ..module_utils.glue import conclude
from ..module_utils.runner import run
from ..module_utils.windows.gate import ARGUMENTS, gate


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    conclude(module, lambda: gate(module.params, clock=now_or(None), check_mode=module.check_mode, run=run))


if __name__ == "__main__":
    main()
