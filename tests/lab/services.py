"""Real services with certificates, each with a configuration of its own on free ports of the loopback."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import served as serving
from tests.lab import certificates, postgres
from tests.lab.certificates import NOW_TEXT, Made
from tests.lab.health import wait_for
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port
from tests.lab.starttls import postfix_in, running


@dataclass
class Service:
    """A running service. ports: where it serves TLS. reload: makes it read its files again."""

    kind: str
    folder: Path
    config: Path
    ports: tuple[int, ...]
    reload: Callable[[], None]


def install(path: Path, made: Made, *, key: Path | None = None, account: str = "root") -> None:
    """Puts the certificate into the file, as renewers do: by a new file. key: its own file, else the same."""
    if key is not None:
        _put(key, made.key_pem, account)
    _put(path, made.pem if key is not None else made.key_pem + made.pem, account)


def _put(path: Path, data: bytes, account: str) -> None:
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(data)
    fresh.chmod(0o600)
    shutil.chown(fresh, account)
    fresh.rename(path)


@contextlib.contextmanager
def folder_for(name: str) -> Iterator[Path]:
    """A folder that every account may enter, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix=f"careops-{name}-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


NGINX_MODULES = "/usr/lib/nginx/modules"
NGINX = """\
user root;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
"""


@contextlib.contextmanager
def nginx(folder: Path, text: str, *ports: int, before: str = "") -> Iterator[Service]:
    """An nginx with this configuration, ``http`` and its like written out. before: what must be said first."""
    config = folder / "nginx.conf"
    config.write_text(before + NGINX.format(folder=folder) + text)
    argv = ["nginx", "-p", folder, "-c", config, "-e", folder / "error.log"]
    with running(argv, ports[0], log=folder / "log"):
        yield Service("nginx", folder, config, ports, lambda: _run(*argv, "-s", "reload"))


APACHE = """\
ServerRoot {folder}
ServerName localhost
PidFile apache.pid
ErrorLog error.log
DefaultRuntimeDir {folder}
Mutex file:{folder} default
User www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
Include modules
Define certificates {folder}
IncludeOptional sites/*.conf
"""


@contextlib.contextmanager
def apache(folder: Path, sites: dict[str, str], *ports: int) -> Iterator[Service]:
    """An Apache with these sites by name."""
    config = folder / "apache2.conf"
    config.write_text(APACHE.format(folder=folder))
    for name in ("modules", "sites"):
        (folder / name).mkdir()
    (folder / "modules" / "ssl.load").write_text("LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n")
    for name, text in sites.items():
        (folder / "sites" / f"{name}.conf").write_text(text)
    argv = ["apache2", "-f", config]
    with running([*argv, "-D", "FOREGROUND"], ports[0], log=folder / "log"):
        yield Service("apache", folder, config, ports, lambda: _run(*argv, "-k", "graceful"))


HAPROXY = """\
global
    master-worker
    crt-base {folder}
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend web
    http-request return status 204
"""


@contextlib.contextmanager
def haproxy(folder: Path, binds: str, *ports: int) -> Iterator[Service]:
    """An HAProxy with one frontend that has these lines."""
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(folder=folder) + binds)
    process = folder / "haproxy.pid"

    def reload() -> None:
        _run("kill", f"-{signal.SIGUSR2.value}", process.read_text().split()[0])

    with running(["/bin/sh", "-c", f"echo $$ >{process}; exec haproxy -W -f {config}"], ports[0], log=folder / "log"):
        yield Service("haproxy", folder, config, ports, reload)


@contextlib.contextmanager
def postgresql(folder: Path, more: dict[str, str] | None = None) -> Iterator[Service]:
    """A PostgreSQL with ``server.pem`` and ``server.key`` of the folder, which its account must own."""
    settings = {"ssl": "on", "ssl_cert_file": f"{folder}/server.pem", "ssl_key_file": f"{folder}/server.key"}
    with postgres.server(settings={**settings, **(more or {})}) as server:
        config = server.folder / "data" / "postgresql.conf"
        yield Service("postgresql", folder, config, (server.port,), lambda: server.control("reload"))


POSTFIX = """\
tls = {folder}
smtpd_tls_cert_file =
    $tls/server.pem
smtpd_tls_key_file = ${{tls}}/server.key
tls_server_sni_maps = texthash:{folder}/names
"""
# One process each: another one would read the certificate when it begins.
POSTFIX_SERVICES = """\
{smtp} inet n - n - 1 smtpd
{smtps} inet n - n - 1 smtpd
  -o smtpd_tls_wrappermode=yes
{plain} inet n - n - - smtpd -o smtpd_tls_security_level=none
"""


@contextlib.contextmanager
def postfix(folder: Path) -> Iterator[Service]:
    """A Postfix with ``server.pem`` and ``server.key`` of the folder; ports: STARTTLS, TLS from the beginning."""
    ports = {name: free_port() for name in ("smtp", "smtps", "plain")}
    (folder / "names").touch()
    settings, listeners = POSTFIX.format(folder=folder), POSTFIX_SERVICES.format(**ports)
    with postfix_in(folder, settings, listeners, port=ports["smtp"]) as config:
        both = (ports["smtp"], ports["smtps"])
        yield Service("postfix", folder, config / "main.cf", both, lambda: _run("postfix", "-c", config, "reload"))


def _run(*argv: object) -> None:
    """Runs a program that must say that it did its work."""
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# What services serve is not to be self-signed.
AUTHORITY = certificates.authority()


def make(name: str = "clinic.example", **how: Any) -> Made:
    """A certificate that the authority of these services issued."""
    return certificates.make(name, issuer=AUTHORITY, **how)


def look(service: Service, **options: Any) -> dict[str, Any]:
    """What cert_expiry makes of the service."""
    wanted = {"kind": service.kind, "config": str(service.config)}
    return run_module("cert_expiry", {"services": [wanted], "now": NOW_TEXT, **options})


def statuses(result: dict[str, Any], check: str = "certificate.served") -> dict[str, str]:
    """The statuses of one check by subject."""
    return {finding["subject"]: finding["status"] for finding in findings_of(result, check)}


def becomes_served(port: int, made: Made, name: str | None = None, starttls: str | None = None) -> None:
    """Waits until a reload has come through."""
    endpoint = Endpoint("127.0.0.1", port, name, starttls=starttls)
    wait_for(lambda: serving.serves(endpoint, made.fingerprint, timeout=5)[0])
