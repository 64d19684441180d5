# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.records."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_records
short_description: Keep, search and check the records of maintenance runs
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Works on the records host, on the folders of runs that P(careops.maintenance.run_close#role) delivers, one a run.
  - V(begin) writes down what is planned before a run changes anything, and never overwrites it.
  - V(file) brings a run to its folder, takes it into the index, and makes documents of what it says about backups and
    security.
  - V(search) and V(show) find runs and show one as text.
  - V(evidence) tells a calendar which procedure ran when, and how that ended. Rehearsals are no evidence.
  - V(document) attaches what people wrote, a post-mortem for instance. What is attached never changes.
  - V(check) tells of emergencies without documentation, of runs without an end, and of an index that is not whole.
  - V(prune) removes what is older than policy asks for.
  - V(reindex) makes the index anew of the folders, which are the truth, and documents of runs that it lacked.
  - Writers take turns. One that is killed leaves nothing that the next one does not put in order.
options:
  state:
    description: What to do.
    type: str
    choices: [begin, file, search, show, evidence, document, check, prune, reindex]
    required: true
  root:
    description:
      - Folder of all that is kept. Documents are written to C(logs/backup-verification) and
        C(compliance/security-reviews) in it.
    type: path
    default: /var/lib/careops
  directory:
    description: Folder of the runs; C(logs/maintenance) in O(root) where it is not set.
    type: path
  run:
    description:
      - Name of the run, which is that of its folder; for O(state=file), O(state=show) and O(state=document).
      - With O(state=file) and none given, every delivered run that the index does not know.
    type: str
  parcel:
    description:
      - With O(state=file), the files of O(run) as P(careops.maintenance.run_parcel#lookup) packs them on the
        controller. They are written to its folder before anything is made of them, the record last.
      - Without it the folder must have them already.
    type: str
  before:
    description:
      - What is known before the run, for O(state=begin). Written as it is given.
      - C(id), C(system) and C(moment) are needed. Searches know C(cadence), C(work_class), C(operator), C(ticket),
        C(window), C(approval), C(change) and C(procedures) as well.
    type: dict
  backup_checks:
    description: Shell patterns of checks whose findings belong to the verification of backups.
    type: list
    elements: str
    default: [backup.*, restore.*]
  backup_procedures:
    description: Shell patterns of procedures whose actions belong to the verification of backups.
    type: list
    elements: str
    default: [backups]
  review_checks:
    description:
      - Shell patterns of checks whose findings belong to a security review.
      - A run that went ahead without a window, by approval, has a review whatever it found.
    type: list
    elements: str
    default:
      - access.*
      - account.*
      - advisory.*
      - apt.*
      - audit.*
      - certificate.*
      - compliance.*
      - dependency.*
      - firewall.*
      - hardening.*
      - security.*
      - tls.*
  review_procedures:
    description: Shell patterns of procedures whose actions belong to a security review.
    type: list
    elements: str
    default: [certificates, patching]
  query:
    description:
      - A search in one line, C(key=value) with spaces between and quotation marks around a value that has spaces.
      - The keys are the options O(since) to O(limit); a key in the line stands above the option.
    type: str
    default: ""
  since:
    description:
      - The first moment, a date (UTC) or an ISO 8601 moment with its offset.
      - With O(state=evidence), what ran before is told of where nothing newer is alike.
    type: str
  until:
    description:
      - The last moment, as O(since); a date counts to its end.
      - With O(state=evidence), O(now) where it is not set, so that a run which was given a time ahead hides none.
    type: str
  system:
    description: Shell pattern of the system, whatever its letters' size, as in the options that follow.
    type: str
  cadence:
    description: Shell pattern of the cadence.
    type: str
  operator:
    description: Shell pattern of the person who ran it.
    type: str
  ticket:
    description: Shell pattern of the change ticket.
    type: str
  host:
    description: Shell pattern of a host that took part.
    type: str
  procedure:
    description: Shell pattern of a procedure that was part of the run; with O(state=evidence), of those to tell of.
    type: str
  outcome:
    description: How it ended. V(unfinished) is a run without a record, V(unknown) one whose record does not say.
    type: str
    choices: [ok, attention, failed, unfinished, unknown]
  work_class:
    description: The class of its work.
    type: str
    choices: [observe, routine, maintenance, emergency]
  text:
    description: Words in the check, subject or message of one of its findings, whatever its letters' size.
    type: str
  limit:
    description: How many runs to return, the newest first.
    type: int
    default: 50
  documentation:
    description: The text to attach, for O(state=document).
    type: str
  src:
    description: A text file in UTF-8 on this host to attach, in place of O(documentation).
    type: path
  by:
    description: Who wrote it, for O(state=document).
    type: str
  kind:
    description: What it is. V(post_mortem) and V(documentation) document an emergency, V(note) does not.
    type: str
    choices: [post_mortem, documentation, note]
    default: documentation
  documentation_hours:
    description:
      - Hours after its end within which a run of class V(emergency), or one that an approval let go ahead without a
        window, has to be documented.
    type: float
    default: 24
  unfinished_warning_hours:
    description: Hours after which a run that began and has no record is a warning.
    type: float
    default: 24
  unfinished_critical_hours:
    description: Hours after which it is critical.
    type: float
    default: 72
  repeat_hours:
    description:
      - With O(state=file), how often people are told again of trouble that goes on.
      - A run of class V(observe) that saw what the one before it saw (RV(details.repeats)) is news once in that many
        hours, counted from 1970 in UTC. Every time with V(0).
    type: float
    default: 24
  keep_days:
    description:
      - Days that the record of a run is kept. Six years is what 45 CFR 164.316(b)(2)(i) asks for.
      - What stays whatever its age is the newest run of each system and cadence, an emergency without documentation,
        and a run without an end that nobody explained.
    type: float
    default: 2192
  keep_observe_days:
    description: Days that the record of a run of class V(observe) is kept. Documents made of it stay longer.
    type: float
    default: 400
  keep_backup_verification_days:
    description: Days that a document of the verification of backups is kept.
    type: float
    default: 2192
  keep_security_review_days:
    description: Days that a security review is kept.
    type: float
    default: 2192
attributes:
  check_mode:
    support: full
    description: Returns the plan as actions with the outcome V(planned), and changes nothing.
  diff_mode:
    support: none
    description: There is no difference to show.
  platform:
    platforms: posix
    support: full
    description: Runs on the records host.
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
seealso:
  - module: careops.maintenance.run_record
"""

EXAMPLES = r"""
- name: Take a delivered run into the records
  careops.maintenance.maintenance_records:
    state: file
    run: 20261121T020000Z-weekly-3f9a1c

- name: Bring a run from the controller and take it into the records
  careops.maintenance.maintenance_records:
    state: file
    run: "{{ folder | basename }}"
    parcel: "{{ lookup('careops.maintenance.run_parcel', folder) }}"
  vars:
    folder: .careops/runs/20261121T020000Z-weekly-3f9a1c

- name: Find failed runs that spoke of a replication slot
  careops.maintenance.maintenance_records:
    state: search
    query: outcome=failed host=db1 since=2026-01-01 text="replication slot"
  register: found

- name: Show them
  ansible.builtin.debug:
    msg: "{{ found.details.runs | map(attribute='run_id') }}"

- name: Attach the post-mortem of an emergency
  careops.maintenance.maintenance_records:
    state: document
    run: 20261121T020000Z-emergency-3f9a1c
    src: /root/post-mortem.md
    by: Ana Jansen
    kind: post_mortem

- name: See what the records are short of
  careops.maintenance.maintenance_records:
    state: check
    documentation_hours: 24
"""

RETURN = r"""
findings:
  description:
    - With O(state=check), V(records.documentation) for every emergency that waits for its documentation or was
      documented lately, V(records.unfinished) for every run without an end, and V(records.index).
    - V(records.index) is V(unknown) where there is no folder of runs yet.
    - V(records.index) with other states as well, where the index does not know every run; V(records.search), where
      findings could not be searched.
  returned: always
  type: list
  elements: dict
actions:
  description:
    - What was written, V(record), V(deliver), V(document), V(index) and V(attach), or removed, V(prune).
    - In check mode a parcel is a plan to deliver, and what would be made of it is not told.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: What is special to this module.
  returned: success
  type: dict
  contains:
    runs:
      description:
        - With O(state=search), the runs found, newest first, each with what the index says of it, its C(folder), and
          with O(text) the findings that have it (C(found)).
        - With O(state=prune), the names of the runs that went.
        - With other states, how many there are.
      returned: with O(state=search), O(state=prune), O(state=check), O(state=reindex), and O(state=file) without O(run)
      type: raw
    more:
      description: Whether more runs may fit than were returned.
      returned: with O(state=search)
      type: bool
    searched:
      description: How many runs were looked at.
      returned: with O(state=search)
      type: int
    evidence:
      description:
        - Every run of a procedure on a host, newest first, each with C(procedure), C(entry), C(state), C(host),
          C(moment), C(run_id), C(outcome) and C(cadence).
      returned: with O(state=evidence)
      type: list
      elements: dict
    run_id:
      description: Name of the run.
      returned: with O(state=file), O(state=show) and O(state=document)
      type: str
      sample: 20261121T020000Z-weekly-3f9a1c
    folder:
      description: Its folder.
      returned: with O(state=begin), O(state=file) and O(state=show)
      type: str
    path:
      description: The file that was written, or was there already.
      returned: with O(state=begin) and O(state=document)
      type: str
    document:
      description: C(kind), C(by), C(at) and C(sha256) of the document that was attached, or was there already.
      returned: with O(state=document), but for a rehearsal
      type: dict
    outcome:
      description: How the run ended.
      returned: with O(state=file)
      type: str
      sample: attention
    repeats:
      description: Whether it only looked, and saw the same trouble as the run of its cadence before it.
      returned: with O(state=file) and O(run)
      type: bool
    documents:
      description: The documents that were made of the run; with O(state=prune) those that went.
      returned: with O(state=file) and O(state=prune)
      type: list
      elements: str
    text:
      description: The runs as a table, or the record as a person reads it.
      returned: with O(state=search) and O(state=show)
      type: str
    unfinished:
      description: Names of runs that began and have no record.
      returned: with O(state=check)
      type: list
      elements: str
    late:
      description: Names of runs whose documentation is late.
      returned: with O(state=check)
      type: list
      elements: str
    added:
      description: How many runs were missing from the index.
      returned: with O(state=reindex)
      type: int
    corrected:
      description: How many runs had another line.
      returned: with O(state=reindex)
      type: int
    removed:
      description: How many runs of the index are not there any more.
      returned: with O(state=reindex)
      type: int
    damaged:
      description: How many lines could not be read.
      returned: with O(state=reindex)
      type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.glue import conclude
from ..module_utils.records.states import ARGUMENTS, MUTUALLY_EXCLUSIVE, REQUIRED_BY, REQUIRED_IF, work


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=REQUIRED_IF,
        required_by=REQUIRED_BY,
        mutually_exclusive=MUTUALLY_EXCLUSIVE,
        supports_check_mode=True,
    )
    conclude(module, lambda: work(module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
