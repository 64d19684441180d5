#!/usr/bin/python
# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: run_record
short_description: Opens, closes and judges the record of a maintenance run
version_added: "0.1.0"
description:
  - Works on the controller, on the journal that the callback C(careops.maintenance.recorder) writes.
  - V(open) proves that the recorder writes, finds runs that were cut off or never reached the records host,
    and refuses to run beside another live run of the same system.
  - V(close) makes C(record.json) and C(findings.jsonl) of the journal. A run whose process was killed is closed
    in its place.
  - V(delivered) notes that the records host has the record.
  - V(verdict) fails where the record says that the run failed, so that the exit status and the record agree.
  - The roles C(run_open) and C(run_close) use it; it is seldom used by itself.
author:
  - careops contributors (@careops)
options:
  state:
    description: Which moment of the run this is.
    type: str
    choices: [open, close, delivered, verdict]
    required: true
  path:
    description: Folder of the run on the controller; the recorder hands it out as E(CAREOPS_RUN_DIRECTORY).
    type: str
    required: true
  recorder_error:
    description: Why the recorder could not write, where it could not; it is handed out as E(CAREOPS_RECORDER_ERROR).
    type: str
    default: ""
  run:
    description: What is known of the run, for its record; needed with O(state=open).
    type: dict
    suboptions:
      system:
        description: The platform that is maintained.
        type: str
        required: true
      cadence:
        description: The calendar's name for this work, for example V(weekly).
        type: str
        required: true
      work_class:
        description: The class of the work.
        type: str
        choices: [observe, routine, maintenance, emergency]
        required: true
      operator:
        description: The person who runs it; the account where it is empty.
        type: str
        default: ""
      ticket:
        description: The change ticket.
        type: str
        default: ""
      moment:
        description: The time that the run takes as its own, where that is not the present one.
        type: str
        default: ""
      change:
        description: What is known of the change before it begins; what is empty is left out of the record.
        type: dict
        suboptions:
          summary:
            description: What is planned.
            type: str
          rollback_plan:
            description: How it is undone.
            type: str
          test_evidence:
            description: Where it was tried before, and with what result.
            type: str
          notes:
            description: Anything else that belongs in the record.
            type: str
      entries:
        description: By procedure, the entry point that policy wants instead of the playbook's; V(skip) leaves it out.
        type: dict
        default: {}
  fail_on:
    description: Statuses of findings that fail the run.
    type: list
    elements: str
    choices: [warning, unknown, critical]
    default: [critical]
  keep:
    description: How many delivered runs stay on the controller; older ones are removed by O(state=open).
    type: int
    default: 50
  undelivered:
    description: Why the records host did not take all of the run, where that was tried; with O(state=close).
    type: str
    default: ""
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
attributes:
  check_mode:
    support: full
    description: The record of a rehearsal is written on the controller as that of any run; nothing else is.
  diff_mode:
    support: none
    description: There is no difference to show.
  platform:
    platforms: posix
    support: full
    description: Target systems the module runs on.
"""

EXAMPLES = r"""
- name: Close the record of this run
  careops.maintenance.run_record:
    state: close
    path: "{{ lookup('ansible.builtin.env', 'CAREOPS_RUN_DIRECTORY') }}"
    fail_on: [critical, unknown]
"""

RETURN = r"""
findings:
  description: What was seen.
  type: list
  elements: dict
  returned: always
actions:
  description: What was done.
  type: list
  elements: dict
  returned: always
summary:
  description: The gravest status, how many findings have which, and the seconds that the work took.
  type: dict
  returned: always
details:
  description: What is special to this module.
  type: dict
  returned: success
  contains:
    run:
      description: O(run) as it goes into the record.
      type: dict
      returned: with O(state=open)
    unfinished:
      description: Runs to close or deliver, each with its folder and whether it was a rehearsal.
      type: list
      elements: dict
      returned: with O(state=open)
    run_id:
      description: Name of the run.
      type: str
      returned: with O(state=close)
    news:
      description: Whether the record says something else than the one that was there before.
      type: bool
      returned: with O(state=close)
    series:
      description: System and cadence, which name the metrics of the run.
      type: str
      returned: with O(state=close)
    verdict:
      description: Outcome, one sentence and the reasons.
      type: dict
      returned: with O(state=close) and O(state=verdict)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.clock import now_or
from ..module_utils.glue import Outcome, conclude
from ..module_utils.record.lifecycle import close_run, judge_run, mark_delivered, open_run

CHANGE_PARTS = ("summary", "rollback_plan", "test_evidence", "notes")
RUN_SPEC = {
    "system": {"type": "str", "required": True},
    "cadence": {"type": "str", "required": True},
    "work_class": {
        "type": "str",
        "required": True,
        "choices": ["observe", "routine", "maintenance", "emergency"],
    },
    "operator": {"type": "str", "default": ""},
    "ticket": {"type": "str", "default": ""},
    "moment": {"type": "str", "default": ""},
    "change": {"type": "dict", "options": {part: {"type": "str"} for part in CHANGE_PARTS}},
    "entries": {"type": "dict", "default": {}},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["open", "close", "delivered", "verdict"]},
            "path": {"type": "str", "required": True},
            "recorder_error": {"type": "str", "default": ""},
            "run": {"type": "dict", "options": RUN_SPEC},
            "fail_on": {
                "type": "list",
                "elements": "str",
                "choices": ["warning", "unknown", "critical"],
                "default": ["critical"],
            },
            "keep": {"type": "int", "default": 50},
            "undelivered": {"type": "str", "default": ""},
            "now": {"type": "str"},
        },
        required_if=[("state", "open", ["run"])],
        supports_check_mode=True,
    )
    options = module.params

    def work() -> Outcome:
        folder, now = options["path"], now_or(options["now"])
        if options["state"] == "open":
            return open_run(
                folder, facts=options["run"], keep=options["keep"], now=now, recorder_error=options["recorder_error"]
            )
        if options["state"] == "close":
            return close_run(
                folder,
                fail_on=options["fail_on"],
                now=now,
                recorder_error=options["recorder_error"],
                undelivered=options["undelivered"],
            )
        return mark_delivered(folder) if options["state"] == "delivered" else judge_run(folder)

    conclude(module, work)


if __name__ == "__main__":
    main()
