# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.notices.keeping."""

from __future__ import annotations

DOCUMENTATION = r"""
module: notice_ledger
short_description: Keep notices until every channel has taken them, and remember which were sent
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Keeps one file a notice in the folder C(notices) of the records host, under a lock; no file is ever half written.
  - Because of it an advance notice is sent once on each channel, and a notice that a dead channel did not take is
    tried again until it is delivered, or given up with a critical finding.
  - Who sends claims first (O(state=claim)), then sends, then settles (O(state=settle)). What is claimed is lent for
    O(lease) seconds, so that two who claim at once do not both send. Where one is killed between sending and settling,
    the notice is sent a second time after that, with the same identity (C(Message-ID), C(Idempotency-Key)).
  - Holds no secrets; channels are known by their names alone.
options:
  state:
    description:
      - V(claim) takes in O(notices) that it does not know, ends what is too late, and returns what is due.
      - V(settle) notes O(outcomes) of what was claimed.
      - V(add) queues notices of a run that a channel did not take, or that somebody has to answer.
      - V(listed) returns every notice, without its text.
      - V(acknowledge) notes that O(by) is on the notice O(identity), which ends its escalation.
      - V(prune) removes what is closed and older than O(keep_days).
    type: str
    choices: [claim, settle, add, listed, acknowledge, prune]
    required: true
  root:
    description: Folder of the records on this host; the ledger is the folder C(notices) in it.
    type: path
    default: /var/lib/careops
  system:
    description:
      - Whose notices these are, where several systems keep theirs on one host. V(claim) and V(listed) look at those of
        this system, and at those that are nobody's; at all of them where it is empty.
    type: str
    default: ""
  notices:
    description:
      - Notices, each with C(identity), C(event), C(outcome), C(subject), C(body), C(data) and C(channels), the names of
        the channels that are to take it.
      - Of an advance notice also C(not_before), C(expires), C(supersedes) (identities that wait no longer on the
        channels of this one, and on none where its event is V(cancel)) and C(superseded_by).
      - For O(state=add) also C(delivered), the names of channels that took it already, C(reasons) by channel, and
        C(escalate), whether somebody has to acknowledge it.
    type: list
    elements: dict
    default: []
  outcomes:
    description: What became of what was claimed, each with C(identity), C(channel), C(delivered), C(tried), C(reason).
    type: list
    elements: dict
    default: []
  open:
    description:
      - Whether V(listed) returns only what is still needed, which is what waits, what somebody has to answer, and what
        announces an opening yet to come.
    type: bool
    default: false
  showing:
    description:
      - Channels that show a maintenance until they are told of its end. V(claim) no longer returns to them that a run
        begins whose record is below O(root) already.
    type: list
    elements: str
    default: []
  identity:
    description: The notice that is acknowledged.
    type: str
  by:
    description: Who acknowledges it.
    type: str
  lease:
    description: Seconds for which what is claimed is lent; more than sending takes.
    type: float
    default: 300
  pause:
    description: Seconds before the second attempt; doubled each time.
    type: float
    default: 60
  longest_pause:
    description: Seconds that a pause is at most.
    type: float
    default: 3600
  give_up_after:
    description: Seconds after which a channel that did not take a notice is given up.
    type: float
    default: 86400
  keep_days:
    description: Days that closed notices are kept, as proof that people were told.
    type: float
    default: 2190
attributes:
  check_mode:
    support: full
    description: Changes no file, and returns what would be done as actions with the outcome V(planned).
  platform:
    platforms: posix
    support: full
    description: Runs on the records host, with Python alone.
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
seealso:
  - module: careops.maintenance.send_notice
"""

EXAMPLES = r"""
- name: What is to be sent now
  careops.maintenance.notice_ledger:
    state: claim
  register: claimed

- name: Say that somebody is on it
  careops.maintenance.notice_ledger:
    state: acknowledge
    identity: 20261121T020000Z-emergency-3f9a1c.failure
    by: m.berger
"""

RETURN = r"""
findings:
  description: >-
    V(notice.delivery) for what was given up (critical) or is tried again (warning), V(notice.ledger) for files that
    cannot be read, V(notice.answer) where somebody is on it.
  returned: always
  type: list
  elements: dict
actions:
  description: The actions V(queue), V(claim), V(settle), V(give_up), V(drop), V(acknowledge), V(prune), one a notice.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: The notices.
  returned: success
  type: dict
  contains:
    notices:
      description:
        - For O(state=claim) what is due, each with the names of the channels to try.
        - For O(state=listed) all of them, with the state of each channel.
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.glue import conclude
from ..module_utils.notices.arguments import LEDGER_ARGUMENTS, LEDGER_RULES
from ..module_utils.notices.keeping import keep


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=LEDGER_ARGUMENTS, supports_check_mode=True, **LEDGER_RULES)
    conclude(module, lambda: keep(module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
