# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.notices.silence."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alert_silence
short_description: Silence the alerts that a maintenance run is expected to cause
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Makes one silence in Prometheus Alertmanager for the time of a run, extends it, and ends it.
  - The silence carries the id of its run, so it is found again, whoever looks for it.
  - An Alertmanager that does not answer fails nothing; it becomes the finding V(notice.silence), a warning.
options:
  state:
    description: Whether the run's alerts are silenced.
    type: str
    choices: [present, absent]
    default: present
  url:
    description: Address of Alertmanager, without C(/api/v2).
    type: str
    required: true
  run_id:
    description: The run that the silence is for.
    type: str
    required: true
  matchers:
    description: Which alerts are silenced; all of the matchers must fit. Needed for O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the label.
        type: str
        required: true
      value:
        description: Its value.
        type: str
        required: true
      regex:
        description: Whether O(matchers[].value) is a regular expression that must fit the whole value.
        type: bool
        default: false
      equal:
        description: Whether the label must fit; else it must not.
        type: bool
        default: true
  until:
    description: The moment the silence ends by itself, in ISO 8601 with its offset, for instance the end of the window.
    type: str
  seconds:
    description: How long it lasts where O(until) is not set.
    type: int
    default: 14400
  longest:
    description:
      - Seconds that it lasts at most, whatever O(until) and O(seconds) say, since a run that was lost does not end it.
      - Asking again moves its end along.
    type: int
    default: 86400
  comment:
    description: What people read beside the silence.
    type: str
    default: ""
  created_by:
    description: Who is named as its author.
    type: str
    default: careops
  timeout:
    description: Seconds for each request.
    type: float
    default: 5
  ca_cert:
    description: File of the certificate authorities to trust, where the system's are not meant.
    type: path
  username:
    description: Account for basic authentication.
    type: str
  password:
    description: Its password.
    type: str
  password_env:
    description: Environment variable that holds the password.
    type: str
  password_file:
    description: File that holds the password.
    type: path
  token:
    description: Bearer token, in place of an account.
    type: str
  token_env:
    description: Environment variable that holds the token.
    type: str
  token_file:
    description: File that holds the token.
    type: path
attributes:
  check_mode:
    support: full
    description: Looks for the silence, and returns what would be done as actions with the outcome V(planned).
  platform:
    platforms: posix
    support: full
    description: Runs on the controller.
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
requirements:
  - requests
  - Prometheus Alertmanager 0.22 or newer
seealso:
  - module: careops.maintenance.send_notice
"""

EXAMPLES = r"""
- name: Let nobody be called by alerts of the clinic while it is maintained
  careops.maintenance.alert_silence:
    url: https://alerts.clinic.example
    run_id: 20261121T020000Z-weekly-3f9a1c
    matchers:
      - {name: system, value: clinic}
      - {name: severity, value: "warning|critical", regex: true}
    until: "2026-11-21T06:00:00Z"
    token_env: CAREOPS_ALERTMANAGER_TOKEN

- name: Let people be called again
  careops.maintenance.alert_silence:
    state: absent
    url: https://alerts.clinic.example
    run_id: 20261121T020000Z-weekly-3f9a1c
    token_env: CAREOPS_ALERTMANAGER_TOKEN
"""

RETURN = r"""
findings:
  description: Whether the alerts are silenced, one finding V(notice.silence).
  returned: always
  type: list
  elements: dict
actions:
  description: The actions V(silence) and V(unsilence); none where it was as it should be.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: The silence.
  returned: success
  type: dict
  contains:
    silence:
      description: Its id; empty where there is none, or none yet.
      type: str
    until:
      description: When it ends by itself.
      type: str
      sample: "2026-11-21T06:00:00Z"
    expired:
      description: Ids of silences of this run that were ended.
      type: list
      elements: str
    failed:
      description: What could not be done, V(silence) or V(unsilence); left out where nothing failed.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.glue import conclude
from ..module_utils.notices.arguments import SILENCE_ARGUMENTS, SILENCE_RULES
from ..module_utils.notices.silence import silence


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=SILENCE_ARGUMENTS, supports_check_mode=True, **SILENCE_RULES)
    conclude(module, lambda: silence(module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
