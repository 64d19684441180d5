"""Whatever stands in a configuration, its reader comes to an end and says what it could not make out."""

from __future__ import annotations

import random
from types import ModuleType

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import (
    apache,
    haproxy,
    nginx,
    postfix,
    postgresql,
)
from tests.unit.certificates.services.handed import reading

TEXTS = {
    nginx: """http { include /etc/*; ssl_certificate "a b.pem"; server { listen [::]:443 ssl; server_name ~^a$ *.b .c _;
        ssl_certificate ${x}/a.pem; ssl_certificate_key 'k'; } } mail { starttls on; server { listen 25-30; } }""",
    apache: """Define A "x y"
        Include /etc/*
        <IfModule !mod_x.c>
        <Macro M $a>
        <VirtualHost *:443 [::1]:1>
        SSLEngine on \\
        SSLCertificateFile ${A}/"b c"
        </VirtualHost>
        </Macro>
        Use M 1
        Listen 443
        </IfModule>""",
    haproxy: """global
        setenv A '/x'
        bind :443,[::]:1-9 ssl crt "${A}/b" crt-list /etc/main.conf accept-proxy # x
        .if defined(A)
        bind unix@x ssl crt \\ y""",
    postgresql: """ssl = on # x
        listen_addresses = '*, ''a'' '
        include_dir '/etc'
        include 'main.conf'
        port = 5433
        ssl_cert_file = 'a\\'b'""",
    postfix: """smtp inet n - y - - smtpd
  -o smtpd_tls_security_level=may -o { x = $y }
a = $b ${b?{c}:{d}} $(a)
b = $a$a$a$a
smtpd_tls_cert_file = $b
smtpd_tls_chain_files = /etc/main.conf, $a
smtpd_use_tls = yes""",
}


@pytest.mark.parametrize("reader", list(TEXTS), ids=lambda reader: reader.__name__.rpartition(".")[2])
def test_any_text(reader: ModuleType) -> None:
    chance = random.Random(7)
    text = TEXTS[reader]
    letters = [*sorted(set(text)), "\x00", "\udcff", "\n", '"', "{", "}", "$", "\\"]
    for _unused in range(200):
        changed = list(text)
        for _unused in range(chance.randrange(12)):
            at = chance.randrange(len(changed))
            changed[at : at + chance.randrange(3)] = chance.choices(letters, k=chance.randrange(3))
        mutated = "".join(changed)[: chance.randrange(len(text) * 2)]
        found = reading(reader, {"/etc/main.conf": mutated, "/etc/master.cf": mutated, "/etc/other": text})
        for use in found.uses:
            assert use.pairs
            assert all(0 <= listen.port < 10**6 for listen in use.listens)
