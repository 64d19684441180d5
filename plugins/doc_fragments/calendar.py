# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # Modules that take the maintenance calendar.
    DOCUMENTATION = r"""
options:
  tasks:
    description: The calendar.
    type: list
    elements: dict
    required: true
    suboptions:
      task:
        description: Name that stays the same for ever; sign-offs and findings use it.
        type: str
        required: true
      title:
        description: Name for people; the O(tasks[].task) where it is empty.
        type: str
        default: ""
      cadence:
        description: How often, in a word such as V(weekly). A label, O(tasks[].rule) decides.
        type: str
        required: true
      rule:
        description: When it recurs, as RRULE of RFC 5545.
        type: str
        required: true
      start:
        description: First time, local; every occurrence has its time of day unless the rule says otherwise.
        type: str
        required: true
      time_zone:
        description: IANA time zone of the task; O(time_zone) where it is empty.
        type: str
        default: ""
      duration:
        description: How long the work takes, as ISO 8601 duration.
        type: str
        default: ""
      owner:
        description: Who answers for it.
        type: str
        required: true
      work:
        description:
          - V(automated) is done by a run of this collection, V(manual) by a person who signs it off.
          - V(external) is done by another tool; it may be signed off, and nobody is warned where it is not.
        type: str
        choices: [automated, manual, external]
        required: true
      procedure:
        description: The procedure that does automated work.
        type: str
        default: ""
      entry:
        description: What of the procedure has to run; V(main) does for V(check), too.
        type: str
        choices: [main, check]
        default: check
      evidence:
        description: What shows that it was done.
        type: str
        default: ""
      grace:
        description: How long it is due before it is overdue (ISO 8601); until the next time where it is empty.
        type: str
        default: ""
      early:
        description: >-
          How long before its start it may be done (ISO 8601); one hour where it is empty, and nothing for tasks that
          recur several times a day.
        type: str
        default: ""
      critical_after:
        description: How long it may be overdue before that is critical (ISO 8601); its own interval where it is empty.
        type: str
        default: ""
      checklist:
        description: Steps of the work.
        type: list
        elements: str
        default: []
      controls:
        description: Safeguards that it is evidence for, such as V(hipaa:164.308(a\)(8\)).
        type: list
        elements: str
        default: []
      source:
        description: Where the task comes from.
        type: str
        default: ""
  time_zone:
    description: IANA time zone of tasks that name none.
    type: str
    required: true
  owner:
    description: Only the tasks of this owner.
    type: str
    default: ""
"""
