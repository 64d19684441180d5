# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: health_check
short_description: Look at the health of a host and of the services it can reach, in one call
version_added: "0.1.0"
author: careops contributors (@careops)
description:
  - Looks at services, HTTP endpoints with what their JSON must say and how fast they answer, filesystems, memory and
    load; everything at once, each with a time limit, and all of it by a deadline.
  - What cannot be looked at is a finding with the status V(unknown), and never keeps the rest from being looked at.
  - Redirects are not followed, proxies not used, and certificates always held against an authority.
  - Of what a server answers, findings show the values of the expected places alone, and none of a place that sounds
    like a secret.
  - Needs nothing but Python on the host.
options:
  services:
    description:
      - systemd units that must run; C(.service) may be left out. A timer or a socket is named with its suffix.
      - On Debian, C(postgresql.service) is always active, whatever its clusters do; name C(postgresql@15-main).
    type: list
    elements: str
    default: []
  service_scope:
    description: Whose systemd is asked, that of the host or that of the account.
    type: str
    choices: [system, user]
    default: system
  service_start_seconds:
    description: Seconds after which a unit that is still starting is critical.
    type: float
    default: 60
  endpoints:
    description: HTTP addresses and what they must answer.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name by which findings call it.
        type: str
        required: true
      url:
        description:
          - Its address. C(${name}) stands for a secret of that name here, in O(endpoints[].headers) and in
            O(endpoints[].body).
        type: str
        required: true
      method:
        description: Method of the request.
        type: str
        default: GET
      headers:
        description: Headers to send along.
        type: dict
        default: {}
      body:
        description: What to send; nothing where it is not set.
        type: raw
      body_format:
        description: How it is sent. V(form) takes a mapping, V(text) a text.
        type: str
        choices: [json, form, text]
        default: json
      status:
        description: Status codes of which one must come.
        type: list
        elements: int
        default: [200]
      expect:
        description:
          - What the JSON of the answer must say, by place. Places are written C(checks.database.ok), C(nodes[0].name),
            C(nodes[*].state) for every entry of a list, or C(["name.with.dots"]).
          - The value is what must be there, or a mapping of comparisons, C(equals), C(min), C(max), C(matches) (a
            regular expression that is found in a text) and C(present).
        type: dict
        default: {}
      contains:
        description: Texts that the answer must contain.
        type: list
        elements: str
        default: []
      ca_cert:
        description: File of the certificate authorities to trust, where the system's are not meant.
        type: path
      client_cert:
        description: File of a certificate to show.
        type: path
      client_key:
        description: File of its key, where O(endpoints[].client_cert) does not hold it.
        type: path
      timeout:
        description: Seconds for the whole exchange, in place of O(timeout).
        type: float
      response_warning:
        description: In place of O(response_warning).
        type: float
      response_critical:
        description: In place of O(response_critical).
        type: float
      uptime:
        description: Place in the JSON where the endpoint says how long it has been running.
        type: str
      uptime_unit:
        description: Unit of that figure.
        type: str
        choices: [milliseconds, seconds, minutes, hours, days]
        default: seconds
      uptime_min:
        description: Seconds below which it has restarted lately, which is a warning.
        type: float
        default: 0
  secrets:
    description:
      - Secrets for requests, that are written C(${name}) there. They appear in no finding, error or log.
      - Environment and files are those of the host that the module runs on.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of letters, digits and underscores.
        type: str
        required: true
      value:
        description: The secret itself, for instance from a vault.
        type: str
      env:
        description: Environment variable that holds it.
        type: str
      file:
        description: File that holds it.
        type: path
  response_warning:
    description: Seconds from which an answer is slow; V(0) where that does not matter.
    type: float
    default: 2
  response_critical:
    description: Seconds from which an answer is critically slow; V(0) where that does not matter.
    type: float
    default: 0
  resources:
    description: What of the host itself is looked at.
    type: list
    elements: str
    choices: [disk, memory, load]
    default: [disk, memory, load]
  disk_mounts:
    description:
      - Mount points to look at, each of which must be mounted and writable.
      - Where it is empty, every filesystem on a real device.
    type: list
    elements: path
    default: []
  disk_exclude:
    description: Shell patterns of mount points to leave out; C(*) reaches over slashes.
    type: list
    elements: str
    default: []
  disk_read_only:
    description:
      - Shell patterns of mount points that may be mounted read-only.
      - Any other is critical where fstab or O(disk_mounts) want it to be writable, or where the kernel made it
        read-only after an error.
    type: list
    elements: str
    default: []
  disk_warning:
    description: Percent of a filesystem from which it is too full; V(0) turns this off, as with the figures below.
    type: float
    default: 85
  disk_critical:
    description: Percent of a filesystem from which that is critical.
    type: float
    default: 95
  inodes_warning:
    description: Percent of a filesystem's inodes in use that is a warning.
    type: float
    default: 85
  inodes_critical:
    description: Percent of a filesystem's inodes in use that is critical.
    type: float
    default: 95
  memory_warning:
    description: Percent of memory in use that is a warning. What the kernel can give back at once is not in use.
    type: float
    default: 90
  memory_critical:
    description: Percent of memory in use that is critical.
    type: float
    default: 0
  swap_warning:
    description: Percent of swap in use that is a warning.
    type: float
    default: 90
  load_warning:
    description: Load for each core that is a warning.
    type: float
    default: 1
  load_critical:
    description: Load for each core that is critical.
    type: float
    default: 0
  load_minutes:
    description: Minutes over which load is judged.
    type: int
    choices: [1, 5, 15]
    default: 5
  timeout:
    description: Seconds for each exchange on the network, from the name's resolution to the last byte.
    type: float
    default: 5
  workers:
    description: How many things are looked at beside each other.
    type: int
    default: 16
  deadline:
    description: Seconds for everything. What was not looked at by then is unknown.
    type: float
    default: 60
extends_documentation_fragment:
  - careops.maintenance.attributes.observes
  - careops.maintenance.contract
  - careops.maintenance.moment
seealso:
  - module: careops.maintenance.cert_expiry
  - module: careops.maintenance.pg_maintenance
"""

EXAMPLES = r"""
- name: Look at the services of the host and at the health of the portal
  careops.maintenance.health_check:
    services: [nginx, postgresql@15-main, redis-server]
    endpoints:
      - name: portal
        url: https://portal.clinic.example/health
        expect:
          status: healthy
          checks.database.ok: true
          queue.length: {max: 100}
        uptime: uptime
"""

RETURN = r"""
findings:
  description:
    - What was seen, in the form of docs/schema/result.schema.json.
    - The checks are V(health.service), V(health.endpoint), V(health.response_time), V(health.uptime), V(health.disk),
      V(health.inodes), V(health.memory) and V(health.load).
  type: list
  elements: dict
  returned: always
actions:
  description: Always empty, the module changes nothing.
  type: list
  elements: dict
  returned: always
summary:
  description: The gravest status (C(worst)), findings by status (C(counts)) and how long the work took (C(seconds)).
  type: dict
  returned: always
details:
  description: What was looked at.
  type: dict
  returned: success
  contains:
    looked_at:
      description: Number of findings.
      type: int
      returned: always
    seconds:
      description: How long each thing took to answer.
      type: dict
      returned: always
      sample: {"endpoint:portal": 0.041}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.clock import now_or
from ..module_utils.glue import conclude
from ..module_utils.health.arguments import ARGUMENTS
from ..module_utils.health.work import Host, check_health
from ..module_utils.runner import run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    conclude(module, lambda: check_health(module.params, now=now_or(module.params["now"]), host=Host(run=run)))


if __name__ == "__main__":
    main()
