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
  - Looks at services, HTTP endpoints with what their JSON must say and how fast they answer, workflows such as a login,
    integrations, databases, caches, pending alerts, filesystems, memory and load; everything at once, each with a time
    limit, and all of it by a deadline.
  - Keeps a history of what was up, and holds availability over days and in business hours against a target. Time that
    nobody looked at is not known, and never counts as up.
  - What cannot be looked at is a finding with the status V(unknown), and never keeps the rest from being looked at.
  - Redirects are not followed, proxies not used, and certificates always held against an authority.
  - Of what a server answers, findings show the values of the expected places alone, and none of a place that sounds
    like a secret.
  - Is never V(changed). Its history is the memory of the module itself, and nothing that is maintained.
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
  workflows:
    description:
      - Requests one after the other, such as a login, what it is for, a denial without it, and the logout.
      - The first step that does not answer as expected ends the workflow, but for steps that are always done.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name by which findings call it.
        type: str
        required: true
      url:
        description: What the addresses of steps that begin with a slash are put behind.
        type: str
        default: ""
      steps:
        description: Its requests.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Name by which findings call it.
            type: str
            required: true
          url:
            description:
              - Its address, or the rest of it after O(workflows[].url) where it begins with a slash.
              - C(${name}) stands for a secret, or for what an earlier step captured, here, in the headers and in the
                body.
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
              - What the JSON of the answer must say, by place. Places are written C(checks.database.ok),
                C(nodes[0].name), C(nodes[*].state) for every entry of a list, or C(["name.with.dots"]).
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
            description: File of its key, where O(workflows[].steps[].client_cert) does not hold it.
            type: path
          timeout:
            description: Seconds for the whole exchange, in place of O(timeout).
            type: float
          capture:
            description:
              - Values of the answer that later steps use as C(${name}).
              - They are never shown, unless they are shorter than 4 characters.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description: Name of letters, digits and underscores.
                type: str
                required: true
              json:
                description: Place in the JSON of the answer.
                type: str
              header:
                description: Header of the answer.
                type: str
              cookie:
                description: Cookie that the answer sets.
                type: str
          always:
            description: Whether it is done even after a step that failed, where the values it needs are there.
            type: bool
            default: false
      response_warning:
        description: In place of O(response_warning).
        type: float
      response_critical:
        description: In place of O(response_critical).
        type: float
  integrations:
    description: Systems that others run and that must be reachable from here.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name by which findings call it.
        type: str
        required: true
      kind:
        description:
          - V(tcp) connects, V(smtp) waits for a mail server's greeting as well, V(dns) resolves a name.
          - V(http) and V(storage) ask an address, by C(GET) and by C(HEAD). Any answer below 500 will do, also one that
            lets a stranger in no further, unless O(integrations[].status) says otherwise.
        type: str
        choices: [tcp, http, storage, dns, smtp]
        required: true
      host:
        description: Host name or address (V(tcp), V(smtp)); the name to resolve (V(dns)).
        type: str
      port:
        description: TCP port (V(tcp)); 25 where it is not set (V(smtp)).
        type: int
      url:
        description: Address (V(http), V(storage)).
        type: str
      status:
        description: Status codes of which one must come (V(http), V(storage)).
        type: list
        elements: int
        default: []
      headers:
        description: Headers to send along.
        type: dict
        default: {}
      ca_cert:
        description: File of the certificate authorities to trust, where the system's are not meant.
        type: path
      client_cert:
        description: File of a certificate to show.
        type: path
      client_key:
        description: File of its key, where O(integrations[].client_cert) does not hold it.
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
  databases:
    description: PostgreSQL databases. Needs psycopg2 on the host (Debian package C(python3-psycopg2)).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name by which findings call it.
        type: str
        required: true
      database:
        description: Database to connect to.
        type: str
        default: postgres
      login_host:
        description: Host of the PostgreSQL server; the Unix socket where it is empty.
        type: str
        default: ""
      login_port:
        description: Port of the server.
        type: int
        default: 5432
      login_user:
        description: PostgreSQL role to look as. It needs no privileges.
        type: str
        default: postgres
      login_password:
        description:
          - Its password; C(${name}) stands for a secret of that name.
          - Better still, leave it out and let libpq read E(PGPASSWORD) or the file C(.pgpass).
        type: str
      login_unix_socket:
        description: Folder of the Unix socket, where it is not the default one.
        type: path
      ssl_mode:
        description: How the connection is encrypted, in libpq's words.
        type: str
        choices: [allow, disable, prefer, require, verify-ca, verify-full]
        default: prefer
      ca_cert:
        description: File of the certificate authorities that V(verify-ca) and V(verify-full) trust.
        type: path
      role:
        description: The part that the server must play.
        type: str
        choices: [any, primary, standby]
        default: any
      query:
        description: A query to time, in a session that may only read.
        type: str
        default: ""
      query_max_ms:
        description: Milliseconds from which that query is slow.
        type: float
        default: 1000
      connections_warning:
        description: Percent of C(max_connections) in use that is a warning.
        type: float
        default: 80
      connections_critical:
        description: Percent of C(max_connections) in use that is critical.
        type: float
        default: 90
      timeout:
        description: Seconds after which the server cancels a statement, in place of O(timeout). Connecting may take 10.
        type: float
  caches:
    description:
      - Redis servers, and the share of lookups that they could serve, since the last look where there is a history,
        else since they started.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name by which findings call it.
        type: str
        required: true
      host:
        description: Host name or address.
        type: str
        default: 127.0.0.1
      port:
        description: TCP port.
        type: int
        default: 6379
      username:
        description: Account; the default one where it is empty.
        type: str
        default: ""
      password:
        description: Its password; C(${name}) stands for a secret of that name.
        type: str
      tls:
        description: Whether to connect by TLS.
        type: bool
        default: false
      ca_cert:
        description: File of the certificate authorities to trust, where the system's are not meant.
        type: path
      hit_warning:
        description: Percent of lookups served below which it is a warning; V(0) where that does not matter.
        type: float
        default: 80
      hit_critical:
        description: Percent of lookups served below which it is critical.
        type: float
        default: 0
      min_lookups:
        description: Lookups below which their share is not judged.
        type: int
        default: 100
      timeout:
        description: Seconds for the whole exchange, in place of O(timeout).
        type: float
  alertmanagers:
    description:
      - Alertmanagers to ask for pending alerts, of which each is a critical finding. Silenced and inhibited ones are
        left out.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name by which findings call it.
        type: str
        required: true
      url:
        description: Its address, such as C(http://alerts.clinic.example:9093).
        type: str
        required: true
      matchers:
        description: Matchers that an alert must fulfil, all of them.
        type: list
        elements: str
        default: ['severity="critical"']
      headers:
        description: Headers to send along.
        type: dict
        default: {}
      ca_cert:
        description: File of the certificate authorities to trust, where the system's are not meant.
        type: path
      client_cert:
        description: File of a certificate to show.
        type: path
      client_key:
        description: File of its key, where O(alertmanagers[].client_cert) does not hold it.
        type: path
      timeout:
        description: Seconds for the whole exchange, in place of O(timeout).
        type: float
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
  history:
    description:
      - File that remembers what earlier looks saw; its folder is made where it is missing. Nothing is remembered, and
        no availability told, where it is not set.
      - Beside it stand a file of figures to compare with (C(.last)) and a lock.
    type: path
  record:
    description: Whether this look is added to the history.
    type: bool
    default: true
  history_days:
    description: Days that the history goes back.
    type: int
    default: 40
  max_gap:
    description:
      - Seconds for which a look speaks at most, where no other follows it. What is beyond is not known.
      - More than the time between two looks, and not much more.
    type: float
    default: 900
  availability_target:
    description: Percent below which availability is a warning; V(0) where nothing is told of it.
    type: float
    default: 99.9
  availability_critical:
    description: Percent below which availability is critical; V(0) for never.
    type: float
    default: 0
  availability_days:
    description:
      - Periods, in days until now. The worst of them is the finding, and it has the figures of all.
      - A period that the history does not reach back over yet is told of only where the target is missed for certain.
    type: list
    elements: int
    default: [1, 7, 30]
  availability_coverage:
    description: Percent of a period that must be known, or its availability is unknown.
    type: float
    default: 90
  business_hours:
    description: Hours whose availability is told as well.
    type: dict
    suboptions:
      time_zone:
        description: IANA time zone. The host needs the time zones of its distribution (Debian package C(tzdata)).
        type: str
        default: UTC
      days:
        description: Days of the week.
        type: list
        elements: str
        choices: [MO, TU, WE, TH, FR, SA, SU]
        default: [MO, TU, WE, TH, FR]
      start:
        description: Time of day at which they begin.
        type: str
        default: "08:00"
      end:
        description: Time of day at which they end, at the latest V(24:00).
        type: str
        default: "18:00"
attributes:
  check_mode:
    support: full
    description: Looks as ever, and adds nothing to the history.
  diff_mode:
    support: none
    description: Changes nothing, so there is no difference to show.
  platform:
    platforms: posix
    support: full
    description: Target systems the module runs on.
extends_documentation_fragment:
  - careops.maintenance.contract
  - careops.maintenance.moment
requirements:
  - psycopg2 >= 2.8, for databases
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
    databases:
      - name: clinic
        database: clinic
        role: primary
        query: SELECT count(*) FROM visits WHERE day = current_date
    caches:
      - name: sessions
    alertmanagers:
      - name: alerts
        url: http://alerts.clinic.example:9093
    history: /var/lib/careops/health/clinic.jsonl
    business_hours:
      time_zone: Europe/Amsterdam

- name: Log in, look at the profile, and see that nobody gets it without a login
  careops.maintenance.health_check:
    resources: []
    secrets:
      - name: probe_password
        file: /etc/careops/probe.password
    workflows:
      - name: login
        url: https://portal.clinic.example
        steps:
          - name: log in
            url: /api/login
            method: POST
            body: {user: probe, password: "${probe_password}"}
            capture:
              - name: token
                json: access_token
          - name: see the profile
            url: /api/me
            headers: {Authorization: "Bearer ${token}"}
            expect: {user: probe}
          - name: is denied without the token
            url: /api/me
            status: [401, 403]
          - name: log out
            url: /api/logout
            method: POST
            headers: {Authorization: "Bearer ${token}"}
            status: [200, 204]
            always: true

- name: See whether what the clinic leans on can be reached
  careops.maintenance.health_check:
    resources: []
    integrations:
      - {name: laboratory, kind: tcp, host: hl7.lab.example, port: 2575}
      - {name: mail, kind: smtp, host: mail.clinic.example}
      - {name: images, kind: storage, url: "https://objects.clinic.example/images"}
      - {name: insurer, kind: dns, host: api.insurer.example}
"""

RETURN = r"""
findings:
  description:
    - What was seen, in the form of docs/schema/result.schema.json.
    - The checks are V(health.service), V(health.endpoint), V(health.response_time), V(health.uptime), V(health.login)
      for workflows, V(health.integration), V(health.database), V(health.connections), V(health.cache),
      V(health.alerts), V(health.disk), V(health.inodes), V(health.memory), V(health.load) and V(health.availability).
  type: list
  elements: dict
  returned: always
  sample:
    - check: health.endpoint
      subject: portal
      status: critical
      message: 'The endpoint portal is not healthy: status is "degraded", expected "healthy".'
      evidence:
        status: 200
        url: https://portal.clinic.example/health
        error: expectation
actions:
  description: The action V(record) where the look was added to the history. It changes nothing that is maintained.
  type: list
  elements: dict
  returned: always
summary:
  description: The gravest status (C(worst)), findings by status (C(counts)) and how long the work took (C(seconds)).
  type: dict
  returned: always
details:
  description: What was up, how fast it was, and how available.
  type: dict
  returned: success
  contains:
    states:
      description: Whether each thing is up, by kind and name; null where that is not known.
      type: dict
      returned: always
      sample: {"endpoint:portal": true, "service:nginx": true}
    seconds:
      description: How long each took to answer.
      type: dict
      returned: always
      sample: {"endpoint:portal": 0.041}
    availability:
      description: For each of them, and again for business hours, a figure for each period.
      type: dict
      returned: always
      sample:
        "endpoint:portal": [{"days": 1, "percent": 99.93, "coverage": 100.0, "down_seconds": 60.0, "status": ok}]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.clock import now_or
from ..module_utils.glue import Outcome, conclude
from ..module_utils.health.arguments import ARGUMENTS
from ..module_utils.health.work import Host, check_health
from ..module_utils.runner import run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    conclude(module, lambda: _work(module))


def _work(module: AnsibleModule) -> Outcome:
    now = now_or(module.params["now"])
    return check_health(module.params, now=now, host=Host(run=run), check_mode=module.check_mode)


if __name__ == "__main__":
    main()
