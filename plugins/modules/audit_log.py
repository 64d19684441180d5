#!/usr/bin/python
# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.audit."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_log
short_description: Keeps an audit log in which nothing can be altered unseen
version_added: "0.1.0"
description:
  - Every entry has a number, the hash of the entry before it, and a seal made with a key. What was changed, deleted,
    put in another order, cut off, inserted or played again is found, and the first such place is named.
  - Whoever holds the key can forge a whole log. Therefore the head of the log goes to another host as a checkpoint,
    in the form of C2SP, and that host takes none that does not go on from the one before.
  - An entry is on the disk before the module returns, and a call that fails leaves none. Writers wait for each other.
  - The form of the log, what it proves and what not, stands in docs/audit-log.md of this collection.
author:
  - careops contributors (@careops)
options:
  state:
    description:
      - V(append) writes entries (O(entries), O(run)) and returns the checkpoints of every stream; the first call
        begins the log and makes its key. Entries with a C(ref) that is in the log already are not written again.
      - V(verify) checks every entry, and the log against the checkpoints of another host (O(anchored),
        O(checkpoints)).
      - V(checkpoint) returns the checkpoint of every stream.
      - V(anchor), on another host, takes checkpoints (O(offers)) and returns what it knows. Here, O(path) is its own
        folder.
      - V(export) writes entries (O(since), O(until), O(run_id)) to O(destination), with a checkpoint and what proves
        that they are of the log. It writes nothing of a log that does not verify.
      - V(rotate) makes a new key. Every stream says with the old key that it turns to the new one; the old one stays in
        the file, for the entries that it sealed.
      - V(prune) drops files whose entries are all older than O(keep_days), after an entry that says so and from which
        the rest can be verified.
    type: str
    choices: [append, verify, checkpoint, anchor, rotate, prune, export]
    required: true
  path:
    description: Folder of the log, with a folder for each stream.
    type: path
    default: /var/lib/careops/audit
  streams:
    description:
      - The logs under O(path). Every entry goes to each of them, but to V(security) only what belongs there.
    type: list
    elements: str
    default: [operational, security]
  key_file:
    description:
      - File with the keys, readable by its owner alone. It is made where there is neither a key nor a log.
      - Without it, V(verify) checks numbers and hashes, and no seals.
    type: path
    default: /etc/careops/audit.key
  key_kind:
    description:
      - What a new key signs checkpoints with. Entries are always sealed with HMAC-SHA256.
      - V(ed25519) lets anybody check a checkpoint with the public key, and needs python3-cryptography on this host. A
        checkpoint of V(hmac) can be checked with the key alone.
    type: str
    choices: [hmac, ed25519]
    default: hmac
  origin:
    description:
      - Name of the log, to which the name of the stream is added. A log keeps its name.
      - With V(verify), a log of another name is critical. Where it is empty, V(verify) believes what the log says of
        itself, so give it where this host may have been taken over.
      - Where it is empty, a new log gets the name of this host.
    type: str
    default: ""
  entries:
    description: What to append.
    type: list
    elements: dict
    default: []
    suboptions:
      time:
        description: When it happened, in ISO 8601 with its offset; now where it is not set.
        type: str
      run:
        description: The run that it belongs to.
        type: str
        default: ""
      ref:
        description: By which the log knows that it has the entry, for example V(20261121T020000Z-weekly-3f9a1c/open).
        type: str
        default: ""
      procedure:
        description: The procedure that it belongs to.
        type: str
        default: ""
      operator:
        description: Who did it.
        type: str
        required: true
      host:
        description: Where.
        type: str
        required: true
      action:
        description: What, in small letters, digits and underscores.
        type: str
        required: true
      target:
        description: What it was done to.
        type: str
        required: true
      outcome:
        description: How it ended.
        type: str
        choices: [done, skipped, failed, planned, refused]
        default: done
      reason:
        description: Why, where it needs saying.
        type: str
        default: ""
      details:
        description: Anything else, never a secret.
        type: dict
        default: {}
      security:
        description: Whether it belongs in the stream V(security) whatever policy says.
        type: bool
        default: false
  run:
    description:
      - Folder of a run with its C(record.json), on this host. Its opening, approval, actions, failed tasks, hosts
        that were away and verdict become entries; what the log has of them already is not written again.
    type: path
  documents:
    description: Documents that were made of that run, as M(careops.maintenance.maintenance_records) names them.
    type: list
    elements: path
    default: []
  security_procedures:
    description: Procedures whose entries belong in the stream V(security) too.
    type: list
    elements: str
    default: []
  security_actions:
    description: Actions whose entries do. Approvals and refused runs always do.
    type: list
    elements: str
    default: []
  segment_bytes:
    description: Size from which the next entry begins a new file; a new month begins one too.
    type: int
    default: 16777216
  anchored:
    description:
      - What the anchor host knows, as RV(details.streams) of V(anchor) on that host returns it.
      - With V(append) and V(checkpoint), the checkpoints come with a proof that they go on from there.
    type: dict
    default: {}
  checkpoints:
    description: Checkpoints to verify against, each the text of a signed note.
    type: list
    elements: str
    default: []
  anchor_error:
    description: Why the anchor host could not be asked, where that was tried; it becomes a finding.
    type: str
    default: ""
  anchor_age_hours:
    description: Age of an entry from which it must be covered by a checkpoint.
    type: float
    default: 48
  offers:
    description:
      - Checkpoints for V(anchor), as V(append) and V(checkpoint) return them in RV(details.streams).
      - The public keys that come with the first checkpoint of a log are trusted from then on, and its new key when
        the old one signed the checkpoint too.
    type: dict
    default: {}
  repair:
    description: Whether V(verify) moves aside what an interrupted writer left; the next V(append) does in any case.
    type: bool
    default: true
  records:
    description:
      - Folder of the records of runs, which V(verify) holds against the digests that V(append) took of them.
      - Where it is not set, nobody looks at them.
    type: path
  sign_offs:
    description:
      - The ledger of M(careops.maintenance.calendar_sign_off), which V(verify) holds against the entries of sign-offs.
      - Where it is not set, nobody looks at it.
    type: path
  checkpoint_count:
    description: How many checkpoints of a log V(anchor) returns at most; the newest are always among them.
    type: int
    default: 100
  keep_days:
    description:
      - Days that entries are kept at least, with V(prune). Entries that the anchor host does not know (O(anchored)) are
        kept in any case.
      - The default is six years, as 45 CFR 164.316(b)(2)(i) asks for.
    type: int
    default: 2192
  destination:
    description: Folder to export to, with a folder for each stream.
    type: path
  since:
    description: Only entries of what happened from this moment on are exported, in ISO 8601 with its offset.
    type: str
    default: ""
  until:
    description: Only entries of what happened before this moment are exported, in ISO 8601 with its offset.
    type: str
    default: ""
  run_id:
    description: Only entries of this run are exported.
    type: str
    default: ""
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
attributes:
  check_mode:
    support: full
    description:
      - Writes nothing, neither key nor log nor checkpoint, and returns what would be written as actions with the
        outcome V(planned). V(verify) leaves what an interrupted writer left where it is.
  diff_mode:
    support: none
    description: There is no difference to show.
  platform:
    platforms: posix
    support: full
    description: Target systems the module runs on.
requirements:
  - cryptography, for O(key_kind=ed25519)
seealso:
  - module: careops.maintenance.run_record
notes:
  - V(verify) reports V(audit.chain), V(audit.anchor), V(audit.key), V(audit.torn), V(audit.records) with
    O(records), V(audit.sign_offs) with O(sign_offs). V(append) also reports V(audit.clock).
"""

EXAMPLES = r"""
- name: Write down what a run did
  careops.maintenance.audit_log:
    state: append
    run: /var/lib/careops/logs/maintenance/20261121T020000Z-weekly-3f9a1c
    security_procedures: [patching, certificates]
  become: true
  register: written

- name: Keep the checkpoints on another host
  careops.maintenance.audit_log:
    state: anchor
    path: /var/lib/careops/anchors
    offers: "{{ written.details.streams }}"
  delegate_to: anchor.clinic.example
  become: true
  register: anchored

- name: Verify the log
  careops.maintenance.audit_log:
    state: verify
    anchored: "{{ anchored.details.streams }}"
  become: true

- name: Write down what a person did
  careops.maintenance.audit_log:
    state: append
    entries:
      - operator: a.jansen
        host: clinic-db
        action: change_firewall
        target: port 5432
        reason: Ticket CHG-1042
        security: true
  become: true

- name: Take out what happened in a month, for an auditor
  careops.maintenance.audit_log:
    state: export
    destination: /var/lib/careops/export/2026-10
    since: "2026-10-01T00:00:00Z"
    until: "2026-11-01T00:00:00Z"
  become: true
"""

RETURN = r"""
findings:
  description: What was seen; the evidence of V(audit.chain) names kind, entry, file and line of the first fault.
  returned: always
  type: list
  elements: dict
actions:
  description: What was written.
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
    streams:
      description:
        - Each log by its name. With V(append) and V(checkpoint), C(origin), C(size), C(root), C(note), C(verifiers),
          C(since) and C(proof), and with V(append) C(appended) and C(known), the numbers of entries that are new and
          that were there.
        - With V(verify), C(origin), C(first), C(size), C(root), C(keys), C(anchored) and C(fault).
        - With V(anchor), C(size), C(count), C(verifiers) and C(checkpoints).
        - With V(prune), C(dropped), the number of the last entry that was dropped, and C(segments), how many files.
          With V(export), C(size), C(exported) and C(folder). With V(rotate), the same as with V(append).
      type: dict
      returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.audit.arguments import ARGUMENTS
from ..module_utils.audit.work import work
from ..module_utils.glue import conclude


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, required_if=[("state", "export", ["destination"])], supports_check_mode=True
    )
    conclude(module, lambda: work(module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
