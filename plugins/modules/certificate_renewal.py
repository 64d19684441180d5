# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_renewal
short_description: Renews certificates, proves that they are served, and puts the old ones back where they are not
version_added: "0.1.0"
author: careops contributors (@careops)
description:
  - Renews what is due, by certbot or by another ACME client, without a moment in which a service does not serve.
  - A new certificate is looked at before any service may read it. Certbot works on a copy of its configuration;
    only a certificate that decodes, has its key, covers its names and is valid now gets into C(archive/) and C(live/).
  - Then every service tests its configuration and reloads, and each endpoint must serve the new certificate.
    Whatever fails on that way, the certificate before it is put back and proven to be served, and the new one is taken
    out of C(archive/), since certbot would put it into use by itself.
  - What is about to happen is written down first. The next run finishes what an interrupted one began, or undoes it.
options:
  mode:
    description:
      - V(auto) renews what is due, puts into use what was obtained and is not in use, and reloads a service that
        serves another certificate than the one on disk.
      - V(force) orders new certificates, due or not.
      - V(check) tells what is due, and does nothing.
      - V(validate) holds the certificates against their keys, names and trust store, has the services test their
        configuration, and compares what they serve with what is on disk. It changes nothing.
    type: str
    choices: [auto, force, check, validate]
    default: auto
  certificates:
    description: The certificates, each with what belongs to it.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of certbot's lineage; for other clients any name that can be one of a folder.
        type: str
        required: true
      client:
        description: Who obtains it, certbot or a command.
        type: str
        choices: [certbot, command]
        default: certbot
      names:
        description:
          - Host names, wildcards and IP addresses that a new certificate must cover; those of the present one where
            there are none. A present certificate that does not cover them is due, and certbot orders them in addition.
          - A present certificate that cannot be read is renewed only where they are set.
        type: list
        elements: str
        default: []
      services:
        description: Services that read the certificate, in the order in which they are tested and reloaded.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the service's unit.
            type: str
            required: true
          config_test:
            description:
              - Command that tests its configuration. Known for C(nginx), C(apache2), C(haproxy), C(postfix) and
                C(dovecot); an empty list for none.
            type: list
            elements: str
          reload:
            description: Command that has it read its certificates anew; C(systemctl reload) where it is not set.
            type: list
            elements: str
          may_be_stopped:
            description:
              - Whether it is in order that its unit is stopped, as on a standby. Then it gets the new certificate, and
                is not reloaded; where no service of the certificate runs, its endpoints are not asked either.
              - Where it is not set, this holds for a unit that is disabled or masked, unless
                O(certificates[].services[].reload) is set. A service that died is trouble in any case.
            type: bool
      endpoints:
        description: Where the certificate is served, to prove that it is.
        type: list
        elements: dict
        default: []
        suboptions:
          host:
            description: Host name or IP address to connect to.
            type: str
            required: true
          port:
            description: TCP port; that of the protocol where it is not set.
            type: int
          server_name:
            description: Name to ask for (SNI), where it is not O(certificates[].endpoints[].host).
            type: str
          starttls:
            description: Protocol that begins without TLS and is told to go on with it.
            type: str
            choices: [smtp, lmtp, imap, pop3, ftp, ldap, postgres, mysql]
          proxy_protocol:
            description: Whether it expects the PROXY protocol before all else, as behind a load balancer.
            type: bool
            default: false
      trust_store:
        description:
          - File or folder of authorities that a new certificate must lead to, or V(system) for that of the host.
            No such demand where it is empty.
        type: str
        default: ""
      certificate:
        description: File with the certificate and its chain that services read, for V(command).
        type: path
      key:
        description: File with its private key, for V(command). Where it is the same, it gets certificate and key.
        type: path
      command:
        description: Argument vector of a client that obtains a new certificate, such as acme.sh or lego. No shell.
        type: list
        elements: str
        default: []
      issued_certificate:
        description:
          - Where the command leaves the new certificate with its chain. Where it is not set, the command writes
            O(certificates[].certificate) itself; it is looked at only then, and put back where it is not good.
        type: path
      issued_key:
        description: Where the command leaves the new private key.
        type: path
      authenticator:
        description:
          - How certbot proves its right to the names; as the lineage was made with where it is empty.
          - V(dns_hook) runs O(certificates[].auth_hook), which makes the DNS record.
        type: str
        choices: ["", webroot, standalone, nginx, dns_hook]
        default: ""
      webroot:
        description: Folder that the web server serves challenges from, for V(webroot).
        type: path
      auth_hook:
        description: Program that makes the DNS record, for V(dns_hook).
        type: path
      cleanup_hook:
        description: Program that removes it again.
        type: path
  certbot_program:
    description: Certbot's program.
    type: str
    default: certbot
  certbot_config_dir:
    description: Certbot's configuration folder.
    type: path
    default: /etc/letsencrypt
  certbot_work_dir:
    description: Certbot's working folder.
    type: path
    default: /var/lib/letsencrypt
  certbot_logs_dir:
    description: Certbot's folder for logs.
    type: path
    default: /var/log/letsencrypt
  acme_ca:
    description: File of the authority of the ACME server's own HTTPS certificate, where the host does not trust it.
    type: path
  acme_directory:
    description: Address of the ACME directory of clients other than certbot, to ask it when to renew.
    type: str
    default: ""
  use_ari:
    description:
      - Whether to follow the authority's suggestion of when to renew (ACME Renewal Information, RFC 9773), where it
        offers one. It may ask for an early renewal when it has to revoke. Nobody waits beyond three quarters of
        the lifetime for it.
    type: bool
    default: true
  renew_days:
    description:
      - Days left at which a certificate is due, but never more than half of its lifetime.
      - With V(0), a third of the lifetime, or half of a lifetime of up to ten days.
    type: float
    default: 0
  interval_hours:
    description: Hours until the next run; what the authority wants renewed before then is renewed now.
    type: float
    default: 24
  retry_hours:
    description:
      - Hours in which nothing is ordered after an order that failed, at least a day after a rate limit.
        V(force) does not wait.
    type: float
    default: 6
  state_dir:
    description: Folder for notes on what is going on, and for certificates that were obtained and not yet put into use.
    type: path
    default: /var/lib/careops/renewal
  backup_dir:
    description: Folder for the backups, which hold private keys. Each keeps certbot's links as links.
    type: path
    default: /var/backups/careops/certificates
  backups_kept:
    description: Backups of each certificate that stay.
    type: int
    default: 5
  timeout:
    description: Seconds that the client has for one certificate.
    type: float
    default: 600
  serve_timeout:
    description: Seconds in which every endpoint must serve the new certificate after the reload.
    type: float
    default: 30
extends_documentation_fragment:
  - careops.maintenance.deadline
  - careops.maintenance.moment
  - careops.maintenance.contract
  - careops.maintenance.attributes.acts
attributes:
  diff_mode:
    support: none
    description: The fingerprints before and after stand in the actions.
requirements:
  - cryptography >= 3.3
notes:
  - Hooks that certbot would run on deployment (C(renewal-hooks/deploy) and the lineage's own) run once the new
    certificate is proven to be served, and their exit status counts. The renewal configuration is never changed.
  - Certbot's own timer renews without any of this. It is reported where it is active.
seealso:
  - module: careops.maintenance.cert_expiry
"""

EXAMPLES = r"""
- name: Renew what is due, and prove that nginx serves it
  careops.maintenance.certificate_renewal:
    certificates:
      - name: portal.clinic.example
        names: [portal.clinic.example, www.clinic.example]
        services: [{name: nginx}]
        endpoints: [{host: 127.0.0.1, server_name: portal.clinic.example}]

- name: Another ACME client, which keeps its certificates for itself
  careops.maintenance.certificate_renewal:
    certificates:
      - name: mail
        client: command
        command: [/usr/local/bin/lego, --path, /var/lib/lego, --domains, mail.clinic.example, renew]
        issued_certificate: /var/lib/lego/certificates/mail.clinic.example.crt
        issued_key: /var/lib/lego/certificates/mail.clinic.example.key
        certificate: /etc/postfix/tls/mail.pem
        key: /etc/postfix/tls/mail.key
        services: [{name: postfix}]
        endpoints: [{host: 127.0.0.1, port: 25, server_name: mail.clinic.example, starttls: smtp}]

- name: See what is due, and what is not as it should be
  careops.maintenance.certificate_renewal:
    mode: validate
    certificates:
      - name: portal.clinic.example
        endpoints: [{host: 127.0.0.1, server_name: portal.clinic.example}]
        trust_store: system
"""

RETURN = r"""
findings:
  description:
    - What was seen, in the form of docs/schema/result.schema.json.
    - The checks are C(renewal.due), C(renewal.outcome) for what was done or could not be, C(renewal.served) for each
      endpoint, C(renewal.valid) in the mode V(validate), C(renewal.leftover) for what an interrupted run left, and
      C(renewal.other_renewer) for timers that renew as well.
    - A failed renewal tells its cause in C(evidence.cause), one of C(network), C(dns), C(validation), C(caa),
      C(rate_limit), C(permissions), C(resources), C(port), C(setup), C(running), C(authority), C(timeout),
      C(unknown) of the client; C(invalid) for a certificate that no service may be given; C(configuration),
      C(activation), C(roll_back) and C(waiting).
    - Services that are stopped on purpose, and so were not reloaded, stand in C(evidence.stopped).
  type: list
  elements: dict
  returned: always
  sample:
    - check: renewal.outcome
      subject: portal.clinic.example
      status: ok
      message: portal.clinic.example was renewed; it is valid until 2027-02-19T02:30:11Z, and nginx was reloaded.
      evidence:
        fingerprint: 5f0c9b8f1d3c2a7e64b7a1f2d9c4e8b3a6d5f7091c2b3a4d5e6f708192a3b4c5
        not_after: "2027-02-19T02:30:11Z"
        serial: 4a1b2c
actions:
  description: What was done, C(renew), C(install), C(reload) and C(roll_back), with the fingerprints before and after.
  type: list
  elements: dict
  returned: always
summary:
  description: The gravest status (C(worst)), findings by status (C(counts)) and how long the work took (C(seconds)).
  type: dict
  returned: always
details:
  description: What was gone through.
  type: dict
  returned: success
  contains:
    certificates:
      description: Certificates of the policy.
      type: int
      returned: always
    changed:
      description: Names of those that were renewed, put into use, or whose services were reloaded.
      type: list
      elements: str
      returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.deadline import Deadline
from ..module_utils.glue import conclude
from ..module_utils.renewal.arguments import ARGUMENT_SPEC, policy_from
from ..module_utils.renewal.work import renew


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params: dict[str, Any] = module.params
    conclude(
        module,
        lambda: renew(
            policy_from(params, check_mode=module.check_mode),
            deadline=Deadline.from_options(params["deadline"], params["now"]),
        ),
    )


if __name__ == "__main__":
    main()
