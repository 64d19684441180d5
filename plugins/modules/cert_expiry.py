# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: cert_expiry
short_description: Judges every certificate of a host in one call
version_added: "0.1.0"
author: careops contributors (@careops)
description:
  - Finds certificates in files, folders, patterns and at TLS endpoints, thousands of them in one task and in parallel.
  - Tells which of them expire soon, measured by the lifetime they were issued with, which are not valid yet,
    which have a private key that does not belong to them, and which do not cover the names they are for.
  - Tells which endpoints accept TLS versions and cipher suites that policy does not.
  - Reads PEM, DER, PKCS#7, PKCS#12, JKS and JCEKS, told apart by what is in the file, whatever its name.
  - Every certificate of a file counts, in whatever order they stand, and whatever stands between them.
    Copies of one certificate are one finding, which lists every place it was found at.
  - Knows the live folders of Let's Encrypt by their links. C(/etc/letsencrypt/live) stands for all lineages in it, also
    without O(recurse); the key of each is held against its certificate; the old generations in C(archive) are left out,
    unless they are named themselves.
  - What cannot be looked at is a finding with the status V(unknown), and never keeps the rest from being looked at.
    Files in a folder that hold no certificate are passed over.
options:
  paths:
    description:
      - Files, folders and shell patterns (C(**) reaches over folders) to look for certificates in.
      - A file named here must hold a certificate. Of those in a folder or found by a pattern, any number may hold none.
    type: list
    elements: path
    default: []
  sources:
    description: As O(paths), with expectations of their own.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: File, folder or pattern.
        type: path
        required: true
      key:
        description:
          - File of the private key that must belong to one of the source's certificates.
          - A key in the same file as its certificate is always checked and need not be named; so is one in a keystore.
        type: path
      password_file:
        description:
          - File on the host whose first line is the password of the source's keystores and private keys.
          - PKCS#12 files are tried with no password and an empty one first. JKS and JCEKS keystores show their
            certificates without it; with it, they are checked for damage.
          - Mutually exclusive with O(sources[].password_env).
        type: path
      password_env:
        description:
          - Name of the environment variable that holds this password, as the host or its container sets it.
          - Do not set it with C(environment) of the task, which Ansible puts on a command line, for the host's list of
            processes and C(-vvv) to show, also with C(no_log). Use O(sources[].password_file) there.
        type: str
      names:
        description: Host names, wildcards and IP addresses that the source's certificates must cover between them.
        type: list
        elements: str
        default: []
      recurse:
        description: Whether to look into the folders below, too; O(recurse) where it is not set.
        type: bool
      trust_store:
        description: Takes the place of O(trust_store) for these certificates; V(none) leaves their trust unchecked.
        type: path
      self_signed:
        description:
          - Whether certificates that signed themselves are expected here.
          - Where it is not set, they are not where O(sources[].names) are expected, and not judged elsewhere.
          - Where a trust store is given, C(certificate.trust) judges them in its place.
        type: bool
  endpoints:
    description:
      - TLS servers to ask for their certificates.
      - Nothing is trusted and nothing is refused in the handshake, so that an expired certificate can be judged, too.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Host name or IP address to connect to.
        type: str
        required: true
      port:
        description:
          - TCP port. Where it is not set, that of O(endpoints[].starttls), else 443.
          - V(smtp) 25 (set 587 for the submission of mail), V(lmtp) 24, V(imap) 143, V(pop3) 110, V(ftp) 21,
            V(ldap) 389, V(postgres) 5432, V(mysql) 3306.
        type: int
      server_name:
        description: Name to ask for (SNI), where it is not O(endpoints[].host).
        type: str
      names:
        description:
          - Names that the certificate must cover.
          - Where it is not set, the name that is asked for; nothing for an IP address. An empty list expects nothing.
        type: list
        elements: str
      trust_store:
        description: Takes the place of O(trust_store) for this endpoint; V(none) leaves its trust unchecked.
        type: path
      self_signed:
        description: Whether a certificate that signed itself is expected here.
        type: bool
        default: false
      starttls:
        description:
          - Protocol that the server speaks before TLS begins. Where it is not set, TLS begins at once.
          - A server that does not begin TLS when asked is a finding with the status V(unknown).
        type: str
        choices: [smtp, lmtp, imap, pop3, ftp, ldap, postgres, mysql]
      tls_minimum:
        description: As O(tls_minimum), for this endpoint. V("") checks nothing.
        type: str
        choices: ["", TLSv1, TLSv1.1, TLSv1.2, TLSv1.3]
      tls_ciphers:
        description: As O(tls_ciphers), for this endpoint. An empty list checks nothing.
        type: list
        elements: str
      certificate:
        description:
          - File that begins with the certificate which the endpoint must serve. One that was replaced in the file but
            is still served is critical, since the service has not read the new one.
          - For services that O(services) knows, it need not be set.
        type: path
      proxy_protocol:
        description: Whether the endpoint expects the PROXY protocol before all else, as behind a load balancer.
        type: bool
        default: false
      may_be_stopped:
        description:
          - Whether it is in order that nothing listens there, as on a standby. A server that listens is judged all the
            same, and one that does not answer is V(unknown).
        type: bool
        default: false
  tls_minimum:
    description:
      - Oldest TLS version that endpoints may accept; with V(""), it is not checked.
      - That a server speaks a new version does not say that it refuses the old ones. So each version is offered alone,
        from SSLv3 to TLS 1.3, in handshakes that go no further than the server's answer.
        What this host's own TLS library speaks does not matter.
    type: str
    default: ""
    choices: ["", TLSv1, TLSv1.1, TLSv1.2, TLSv1.3]
  tls_ciphers:
    description:
      - Shell patterns of the cipher suites that endpoints may accept, held against the names of IANA and of OpenSSL,
        whatever their case; V(TLS_AES_*) and V(ECDHE-*-GCM-*) for instance. With an empty list, it is not checked.
      - All other suites are offered in every version that the server speaks, again and again without those it
        has chosen, until it refuses them.
    type: list
    elements: str
    default: []
  services:
    description:
      - Services of the host whose configuration says which certificates they use. Each certificate is looked at with
        its key, each place where it is served is an endpoint, and what is served there must be what is in the file.
      - Servers that share certificates at one address and port are asked for once, with a name that the certificate
        covers.
      - What cannot be told from the configuration, such as a path that depends on a variable, is a finding with the
        status V(unknown).
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: Which service it is.
        type: str
        required: true
        choices: [nginx, apache, haproxy, postgresql, postfix]
      config:
        description:
          - Its main configuration file, or a pattern of several. For C(postfix), its C(main.cf).
          - Where it is not set, where Debian has it.
        type: path
      address:
        description: Where to connect to what listens on all addresses.
        type: str
        default: 127.0.0.1
      self_signed:
        description: Whether certificates that signed themselves are expected, as between a database and its clients.
        type: bool
        default: false
      may_be_stopped:
        description: As O(endpoints[].may_be_stopped), for all places where the service serves.
        type: bool
        default: false
  recurse:
    description: Whether to look into the folders below those of O(paths) and O(sources), too.
    type: bool
    default: false
  exclude:
    description: Shell patterns of paths to leave out; C(*) reaches over slashes.
    type: list
    elements: str
    default: []
  warning_days:
    description: A certificate with at most so many days left is a warning, unless O(warning_ratio) makes it one later.
    type: float
    default: 30
  critical_days:
    description: A certificate with at most so many days left is critical, unless O(critical_ratio) makes it so later.
    type: float
    default: 7
  warning_ratio:
    description:
      - Share of the issued lifetime; a certificate with more than that left is never a warning.
      - Renewers act when a third is left, or half of a lifetime of up to ten days. The default is later than that,
        so that certificates that are renewed in time never alarm, however short they live.
      - With V(1), the days alone decide.
    type: float
    default: 0.25
  critical_ratio:
    description: Share of the issued lifetime; a certificate with more than that left is never critical.
    type: float
    default: 0.1
  trust_store:
    description:
      - File or folder of the authorities that the chains of O(sources) and O(endpoints) must lead to, in PEM form.
        V(system) stands for those that the host itself trusts (package C(ca-certificates)).
      - Where it is empty, no chain is held against a store. What O(paths) find never is.
      - The way up is built by the program C(openssl), from the certificates that were presented together.
    type: path
    default: ""
  minimum_rsa_bits:
    description: RSA keys of fewer bits are critical (CA/Browser Forum baseline requirements, 6.1.5).
    type: int
    default: 2048
  minimum_ec_bits:
    description:
      - Keys on elliptic curves of fewer bits are critical.
      - The default is the smallest curve of the CA/Browser Forum baseline requirements (6.1.5).
    type: int
    default: 256
  textfile:
    description:
      - File to write metrics of every certificate to, for the textfile collector of Prometheus' node_exporter.
        Its name must end in C(.prom), its folder must exist. Several calls on a host need a file each.
      - It is the module's report, as the findings are, and so it is never C(changed). Check mode does not write it.
    type: path
    default: ""
  timeout:
    description:
      - Seconds that an endpoint has for the connection, again for what comes before TLS, and again for the handshake.
      - What O(tls_minimum) and O(tls_ciphers) ask of an endpoint takes at most twelve times as long altogether.
    type: float
    default: 5
  workers:
    description: Processes that read files; V(0) stands for one a core.
    type: int
    default: 0
  healthy_findings:
    description:
      - How many certificates in order get a finding each, those first that expire first. The others share one finding.
      - What is not in order always has its own.
    type: int
    default: 5000
extends_documentation_fragment:
  - careops.maintenance.moment
  - careops.maintenance.contract
  - careops.maintenance.attributes.observes
requirements:
  - cryptography >= 3.3
notes:
  - On Python 3.9, the issuers that endpoints present are seen only where the program C(openssl) is installed.
  - A MySQL server shuts a host out whose connections were broken off too often (C(max_connect_errors)), unless they
    come from 127.0.0.1. So O(tls_minimum) and O(tls_ciphers) are checked from there alone, and V(unknown) elsewhere.
"""

EXAMPLES = r"""
- name: Look at every certificate of the web server
  careops.maintenance.cert_expiry:
    paths:
      - /etc/nginx/tls
      - /etc/haproxy/certs/*.pem
    endpoints:
      - host: portal.clinic.example
        port: 8443

- name: Hold a certificate against its key and its names
  careops.maintenance.cert_expiry:
    sources:
      - path: /etc/letsencrypt/live/portal.clinic.example/fullchain.pem
        key: /etc/letsencrypt/live/portal.clinic.example/privkey.pem
        names: [portal.clinic.example]
    endpoints:
      - host: 127.0.0.1
        port: 8443
        server_name: portal.clinic.example

- name: Look at a mail server and a database, which begin TLS when asked
  careops.maintenance.cert_expiry:
    endpoints:
      - host: mail.clinic.example
        starttls: smtp
      - host: db.clinic.example
        starttls: postgres

- name: See that nothing older than TLS 1.3 is accepted, but TLS 1.2 with good suites for one partner
  careops.maintenance.cert_expiry:
    endpoints:
      - host: portal.clinic.example
      - host: partner.clinic.example
        tls_minimum: TLSv1.2
        tls_ciphers: ["TLS_AES_*", TLS_CHACHA20_POLY1305_SHA256, "ECDHE-*-GCM-*"]
    tls_minimum: TLSv1.3

- name: See that the web server and the load balancer serve the certificates that are on disk
  careops.maintenance.cert_expiry:
    services:
      - kind: nginx
      - kind: haproxy
        address: 10.20.0.5
    endpoints:
      - host: 127.0.0.1
        port: 636
        server_name: ldap.clinic.example
        certificate: /etc/ldap/tls/ldap.pem

- name: Look into a Java keystore and a PKCS#12 file, and at every lineage of Let's Encrypt
  careops.maintenance.cert_expiry:
    paths: [/etc/letsencrypt/live]
    sources:
      - path: /etc/tomcat/keystore.jks
        password_file: /etc/tomcat/keystore.password
      - path: /srv/portal/portal.p12
        password_file: /etc/portal/keystore.password

- name: Hold chains against authorities, and tell Prometheus
  careops.maintenance.cert_expiry:
    sources:
      - path: /etc/nginx/tls
      - path: /etc/clinic/tls/devices
        trust_store: /etc/clinic/tls/clinic-ca.pem
    endpoints:
      - host: portal.clinic.example
      - host: 10.20.0.9
        self_signed: true
        trust_store: none
    trust_store: system
    textfile: /var/lib/prometheus/node-exporter/careops_certificates.prom

- name: Alarm by days alone
  careops.maintenance.cert_expiry:
    paths: [/srv/pki]
    recurse: true
    exclude: ["*/archive/*"]
    warning_days: 60
    critical_days: 14
    warning_ratio: 1
    critical_ratio: 1
"""

RETURN = r"""
findings:
  description:
    - What was seen, in the form of docs/schema/result.schema.json.
    - The checks are C(certificate.expiry) for the ends of chains, C(certificate.chain_expiry) for their issuers,
      C(certificate.validity) for those that are not valid yet, C(certificate.key_match), C(certificate.names),
      C(tls.version) and C(tls.ciphers) for what endpoints accept,
      C(certificate.trust) for chains that are held against a trust store, C(certificate.strength) for weak keys and
      signatures, C(certificate.self_signed) for self-signed certificates where none is expected,
      C(certificate.served) for endpoints that must serve a certificate on disk, C(certificate.service) for
      configurations, and C(certificate.readable) for what could not be looked at.
    - A certificate that the cryptography library refuses and OpenSSL reads is judged by its dates and names all the
      same; C(refused) in its evidence says what the library found.
  type: list
  elements: dict
  returned: always
  sample:
    - check: certificate.expiry
      subject: /etc/nginx/tls/clinic.pem
      status: warning
      value: 20.5
      unit: days
      threshold: 22.5
      message: >-
        clinic.example.org expires in 20 days, on 2026-12-11 14:02 UTC: renew it, or find out why it was not
        renewed by itself.
      evidence:
        fingerprint: 5f0c9b8f1d3c2a7e64b7a1f2d9c4e8b3a6d5f7091c2b3a4d5e6f708192a3b4c5
        subject: CN=clinic.example.org
        issuer: CN=Example CA
        serial: 4a1b2c
        not_before: "2026-09-12T14:02:11Z"
        not_after: "2026-12-11T14:02:10Z"
        key: EC P-256
        key_bits: 256
        signature: ecdsa-with-SHA256
        chain_not_after: "2030-01-01T00:00:00Z"
        places: [/etc/nginx/tls/clinic.pem, "clinic.example.org:443"]
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
    files:
      description: Files that were looked into.
      type: int
      returned: always
    endpoints:
      description: Endpoints that were asked.
      type: int
      returned: always
    certificates:
      description: Certificates seen, with all copies.
      type: int
      returned: always
    distinct:
      description: Different certificates among them.
      type: int
      returned: always
    left_out:
      description: Certificates in order that have no finding of their own.
      type: int
      returned: always
    uses:
      description:
        - Which service uses which certificate. Each has C(service), C(certificate) and C(key) (files), C(endpoints)
          that show it, and C(where) in the configuration (file:line).
      type: list
      elements: dict
      returned: where O(services) or O(endpoints[].certificate) is set
"""

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.certificates.check import check
from ..module_utils.certificates.endpoints import STARTTLS_PORTS, endpoint
from ..module_utils.certificates.judge import Thresholds
from ..module_utils.certificates.policy import Policy
from ..module_utils.certificates.sources import Source
from ..module_utils.certificates.strength import Minimum
from ..module_utils.clock import now_or
from ..module_utils.glue import Outcome, conclude

if TYPE_CHECKING:
    from ..module_utils.certificates.services.find import Service

_VERSIONS = ["", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
_SPEC: dict[str, dict[str, Any]] = {
    "paths": {"type": "list", "elements": "path", "default": []},
    "sources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "key": {"type": "path", "no_log": False},
            "password_file": {"type": "path", "no_log": False},
            "password_env": {"type": "str", "no_log": False},
            "names": {"type": "list", "elements": "str", "default": []},
            "recurse": {"type": "bool"},
            "trust_store": {"type": "path"},
            "self_signed": {"type": "bool"},
        },
        "mutually_exclusive": [("password_file", "password_env")],
    },
    "endpoints": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "required": True},
            "port": {"type": "int"},
            "server_name": {"type": "str"},
            "names": {"type": "list", "elements": "str"},
            "trust_store": {"type": "path"},
            "self_signed": {"type": "bool", "default": False},
            "starttls": {"type": "str", "choices": list(STARTTLS_PORTS)},
            "tls_minimum": {"type": "str", "choices": _VERSIONS},
            "tls_ciphers": {"type": "list", "elements": "str"},
            "certificate": {"type": "path"},
            "proxy_protocol": {"type": "bool", "default": False},
            "may_be_stopped": {"type": "bool", "default": False},
        },
    },
    "services": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "kind": {
                "type": "str",
                "required": True,
                "choices": ["nginx", "apache", "haproxy", "postgresql", "postfix"],
            },
            "config": {"type": "path"},
            "address": {"type": "str", "default": "127.0.0.1"},
            "self_signed": {"type": "bool", "default": False},
            "may_be_stopped": {"type": "bool", "default": False},
        },
    },
    "tls_minimum": {"type": "str", "default": "", "choices": _VERSIONS},
    "tls_ciphers": {"type": "list", "elements": "str", "default": []},
    "recurse": {"type": "bool", "default": False},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "warning_days": {"type": "float", "default": 30},
    "critical_days": {"type": "float", "default": 7},
    "warning_ratio": {"type": "float", "default": 0.25},
    "critical_ratio": {"type": "float", "default": 0.1},
    "trust_store": {"type": "path", "default": ""},
    "minimum_rsa_bits": {"type": "int", "default": 2048},
    "minimum_ec_bits": {"type": "int", "default": 256},
    "textfile": {"type": "path", "default": ""},
    "timeout": {"type": "float", "default": 5},
    "workers": {"type": "int", "default": 0},
    "healthy_findings": {"type": "int", "default": 5000},
    "now": {"type": "str"},
}


def main() -> None:
    # Thousands of findings make no cycles; to look for some among them costs a tenth of the time.
    gc.disable()
    module = AnsibleModule(argument_spec=_SPEC, supports_check_mode=True)
    conclude(module, lambda: _work(module.params, writes=not module.check_mode))


def _work(params: dict[str, Any], *, writes: bool) -> Outcome:
    recurse = params["recurse"]
    sources = [Source(path=path, recurse=recurse, trust_store="none") for path in params["paths"]]
    sources += [
        Source(**{**source, "recurse": recurse if source["recurse"] is None else source["recurse"]})
        for source in params["sources"]
    ]
    policy = Policy(
        sources=sources,
        endpoints=[endpoint(**options) for options in params["endpoints"]],
        tls_minimum=params["tls_minimum"],
        tls_ciphers=params["tls_ciphers"],
        exclude=params["exclude"],
        thresholds=Thresholds(
            **{name: params[name] for name in ("warning_days", "critical_days", "warning_ratio", "critical_ratio")}
        ),
        timeout=params["timeout"],
        workers=params["workers"],
        healthy=params["healthy_findings"],
        trust_store=params["trust_store"],
        textfile=params["textfile"],
        services=_services(params["services"]),
        minimum=Minimum(rsa=params["minimum_rsa_bits"], ec=params["minimum_ec_bits"]),
    )
    return check(policy, now=now_or(params["now"]), writes=writes)


def _services(options: list[dict[str, Any]]) -> Sequence[Service]:
    if not options:
        return []
    from ..module_utils.certificates.services.find import Service

    return [Service(**option) for option in options]


if __name__ == "__main__":
    main()
