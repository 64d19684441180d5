"""cert_expiry on real services of every kind, and on names and listeners that are out of the ordinary."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import services
from tests.lab.certificates import NOW_TEXT, Made
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port
from tests.lab.services import Service, becomes_served, look, make, statuses

SERVED, SERVICE, NAMES, KEY = (f"certificate.{name}" for name in ("served", "service", "names", "key_match"))


@pytest.mark.parametrize("kind", ["nginx", "haproxy"])
def test_a_server_behind_a_proxy(kind: str) -> None:
    with services.folder_for(kind) as folder, contextlib.ExitStack() as stack:
        port = free_port()
        services.install(folder / "a.pem", make("a.example"))
        if kind == "nginx":
            server = f"listen 127.0.0.1:{port} ssl proxy_protocol; server_name a.example;"
            pair = "ssl_certificate a.pem; ssl_certificate_key a.pem;"
            service = stack.enter_context(
                services.nginx(folder, f"http {{ access_log off; server {{ {server} {pair} }} }}", port)
            )
        else:
            bind = f"    bind 127.0.0.1:{port} accept-proxy ssl crt a.pem\n"
            service = stack.enter_context(services.haproxy(folder, bind, port))
        assert statuses(look(service)) == {f"127.0.0.1:{port} (a.example)": "ok"}
        services.install(folder / "a.pem", make("a.example", days=80))
        assert statuses(look(service)) == {f"127.0.0.1:{port} (a.example)": "critical"}
        by_hand = {"host": "127.0.0.1", "port": port, "server_name": "a.example", "certificate": f"{folder}/a.pem"}
        options = {"endpoints": [{**by_hand, "proxy_protocol": True}], "now": NOW_TEXT}
        assert statuses(run_module("cert_expiry", options)) == {f"127.0.0.1:{port} (a.example)": "critical"}


# The other services


@contextlib.contextmanager
def apache(folder: Path, first: Made) -> Iterator[Service]:
    port = free_port()
    services.install(folder / "server.pem", first, key=folder / "server.key")
    services.install(folder / "other.pem", make("other.example"))
    host = f"<VirtualHost *:{port}>\n  SSLEngine on\n  ServerName"
    sites = {
        "a-other": f"Listen 127.0.0.1:{port}\n{host} other.example\nSSLCertificateFile other.pem\n</VirtualHost>",
        "b-clinic": f"<IfModule ssl_module>\n{host} x.example\n  ServerAlias clinic.example *.clinic.example\n"
        '  SSLCertificateFile "${certificates}/server.pem"\n  SSLCertificateKeyFile server.key\n'
        "</VirtualHost>\n</IfModule>\n<IfModule mod_gnutls.c>\nnonsense\n</IfModule>",
    }
    with services.apache(folder, sites, port) as service:
        yield service


@contextlib.contextmanager
def haproxy(folder: Path, first: Made) -> Iterator[Service]:
    ports = (free_port(), free_port())
    (folder / "many").mkdir()
    services.install(folder / "many" / "server.pem", first)
    services.install(folder / "many" / "another.pem", make("another.example"))
    services.install(folder / "first.pem", make("first.example"))
    (folder / "list").write_text("first.pem !*\nmany/server.pem [alpn http/1.1] portal.example *.clinic.example\n")
    binds = (
        f"    bind 127.0.0.1:{ports[0]} ssl crt first.pem crt '{folder}/many' # both\n"
        f'    bind "127.0.0.1:{ports[1]}" ssl crt-list {folder}/list\n'
    )
    with services.haproxy(folder, binds, *ports) as service:
        yield service


@contextlib.contextmanager
def postgresql(folder: Path, first: Made) -> Iterator[Service]:
    services.install(folder / "server.pem", first, key=folder / "server.key", account="postgres")
    with services.postgresql(folder) as service:
        yield service


@contextlib.contextmanager
def postfix(folder: Path, first: Made) -> Iterator[Service]:
    services.install(folder / "server.pem", first, key=folder / "server.key")
    services.install(folder / "named.pem", make("named.example"))
    (folder / "names").write_text(f"named.example {folder}/named.pem\n")
    with services.postfix(folder) as service:
        yield service


# Service, file that is replaced, its endpoints, those of other files, and how to see that a reload came through.
CASES = [
    (apache, "server.pem", ["{0} (clinic.example)"], ["{0} (other.example)"], {"name": "clinic.example"}),
    (
        haproxy,
        "many/server.pem",
        ["{0} (clinic.example)", "{1} (careops-check.clinic.example)"],
        ["{0} (another.example)", "{0} (first.example)", "{1}"],
        {"name": "clinic.example"},
    ),
    (postgresql, "server.pem", ["{0} (postgres)"], [], {"starttls": "postgres"}),
    (
        postfix,
        "server.pem",
        ["{0} (smtp)", "{1}"],
        ["{0} (smtp, named.example)", "{1} (named.example)"],
        {"starttls": "smtp"},
    ),
]


@pytest.mark.parametrize(
    ("start", "file", "own", "others", "how"), CASES, ids=["apache", "haproxy", "postgresql", "postfix"]
)
def test_a_service(start: Any, file: str, own: list[str], others: list[str], how: dict[str, str]) -> None:
    names = ["clinic.example", "*.clinic.example"]
    old, new = make(names=names), make(names=names, days=80)
    with services.folder_for(start.__name__) as folder, start(folder, old) as service:
        addresses = [f"127.0.0.1:{port}" for port in service.ports]
        mine = {label.format(*addresses) for label in own}
        every = mine | {label.format(*addresses) for label in others}
        result = look(service)
        assert result["summary"]["worst"] == "ok", result["findings"]
        assert statuses(result) == dict.fromkeys(every, "ok")
        assert {one["service"] for one in result["details"]["uses"]} == {service.kind}

        path = folder / file
        split = path.with_suffix(".key").exists()
        account = "postgres" if service.kind == "postgresql" else "root"
        services.install(path, new, key=path.with_suffix(".key") if split else None, account=account)
        result = look(service)
        assert statuses(result) == {label: "critical" if label in mine else "ok" for label in every}
        stale = findings_of(result, SERVED, status="critical")[0]
        assert stale["message"].startswith(f"{service.kind} still serves the certificate")
        assert stale["evidence"]["served"]["fingerprint"] == old.fingerprint
        assert [one["fingerprint"] for one in stale["evidence"]["on_disk"]] == [new.fingerprint]

        service.reload()
        becomes_served(service.ports[0], new, **how)
        assert look(service)["summary"]["worst"] == "ok"


def test_stream_and_mail_of_nginx() -> None:
    with services.folder_for("nginx") as folder:
        ports = {name: free_port() for name in ("stream", "smtp", "imap", "imaps", "pop3")}
        for name in ("stream", "mail"):
            services.install(folder / f"{name}.pem", make(f"{name}.example"))
        text = """
            stream { server { listen 127.0.0.1:%(stream)d ssl; ssl_certificate stream.pem;
                ssl_certificate_key stream.pem; return ok; } }
            mail { server_name mail.example; auth_http 127.0.0.1:1; ssl_certificate mail.pem;
                ssl_certificate_key mail.pem; starttls on;
                server { listen 127.0.0.1:%(smtp)d; protocol smtp; smtp_auth none; xclient off; }
                server { listen 127.0.0.1:%(imap)d; protocol imap; }
                server { listen 127.0.0.1:%(pop3)d; protocol pop3; starttls only; }
                server { listen 127.0.0.1:%(imaps)d ssl; protocol imap; } }"""
        modules = "".join(
            f"load_module {services.NGINX_MODULES}/ngx_{name}_module.so;\n" for name in ("stream", "mail")
        )
        with services.nginx(folder, text % ports, ports["imaps"], before=modules) as service:
            asked = {f"127.0.0.1:{ports[name]} ({name})" for name in ("smtp", "imap", "pop3")}
            asked |= {f"127.0.0.1:{ports[name]}" for name in ("stream", "imaps")}
            assert statuses(look(service)) == dict.fromkeys(asked, "ok")
            services.install(folder / "mail.pem", make("mail.example", days=80))
            stale = findings_of(look(service), SERVED, status="critical")
            assert {one["subject"] for one in stale} == asked - {f"127.0.0.1:{ports['stream']}"}


def test_a_key_with_a_password_that_nginx_is_told() -> None:
    with services.folder_for("nginx") as folder:
        port, made = free_port(), make()
        (folder / "a.pem").write_bytes(made.pem)
        (folder / "a.key").write_bytes(made.locked_key(b"lab-Secret-7"))
        (folder / "password").write_text("lab-Secret-7\n")
        pair = "ssl_certificate a.pem; ssl_certificate_key a.key; ssl_password_file password;"
        text = f"http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl; {pair} }} }}"
        with services.nginx(folder, text, port) as service:
            result = look(service)
            assert statuses(result, "certificate.key_match") == {f"{folder}/a.pem": "ok"}
            assert result["summary"]["worst"] == "ok"
            assert "lab-Secret-7" not in json.dumps(result)


@contextlib.contextmanager
def nginx_with(folder: Path, path: str, port: int) -> Iterator[Service]:
    listen = f"listen 127.0.0.1:{port} ssl; location ~ '^/{{1,2}}$' {{ return 204; }}"
    text = f"http {{ access_log off; server {{ {listen} ssl_certificate {path}; ssl_certificate_key {path}; }} }}"
    with services.nginx(folder, text, port) as service:
        yield service


@contextlib.contextmanager
def apache_with(folder: Path, path: str, port: int) -> Iterator[Service]:
    text = (
        f"Listen {port}\n<VirtualHost _default_:{port}>\nSSLEngine \\\n on\nSSLCertificateFile {path}\n</VirtualHost>"
    )
    with services.apache(folder, {"odd": text}, port) as service:
        yield service


@contextlib.contextmanager
def haproxy_with(folder: Path, path: str, port: int) -> Iterator[Service]:
    with services.haproxy(folder, f"    bind *:{port} ssl crt {path} # and no more\n", port) as service:
        yield service


@contextlib.contextmanager
def postgresql_with(folder: Path, path: str, _port: int) -> Iterator[Service]:
    shutil.chown(folder / ODD, "postgres")
    plain = path[1:-1].replace('\\"', '"').replace("'", "''")
    with services.postgresql(folder, {"ssl_cert_file": plain, "ssl_key_file": plain}) as service:
        yield service


ODD = 'it\'s "a" {b}; #.pem'


@pytest.mark.parametrize("start", [nginx_with, apache_with, haproxy_with, postgresql_with])
def test_an_odd_name_is_read_as_the_service_reads_it(start: Any) -> None:
    with services.folder_for("odd") as folder:
        services.install(folder / ODD, make())
        escaped = str(folder / ODD).replace('"', '\\"')
        with start(folder, f'"{escaped}"', free_port()) as service:
            result = look(service)
            assert set(statuses(result).values()) == {"ok"}, result["findings"]
            assert [one["certificate"] for one in result["details"]["uses"]] == [str(folder / ODD)]
