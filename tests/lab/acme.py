"""A real ACME world on the loopback address: pebble, its DNS, certbot with folders of its own, and an nginx.

    with acme.world(tmp_path) as world:
        world.issue("clinic.example")                # certbot certonly --webroot; "standalone", "nginx", "dns_hook" too
        world.serve("clinic.example")                # a TLS site from live/clinic.example on world.nginx.https_port
        run_module("certificate_renewal", world.options(world.certificate("clinic.example"), mode="force"))
        assert world.on_disk("clinic.example") == world.served("clinic.example")

Every name is at 127.0.0.1, where nginx answers on ``http_port`` for HTTP-01, but ``standalone.example`` and
``standalone2.example`` are at 127.0.0.2, where that port is free for certbot's own server. Certbot's nginx plugin wants
``world.nginx.answer_challenges(name)`` first. Certbot talks to ``world.front`` (see
tests/lab/acme_front.py), which hands all on to pebble and can be down, silent, rate limited, offer renewal
information (this pebble has none), and issue for other names or dates than were asked. What else can be broken:
``nginx.withhold_challenges()``, ``nginx.break_configuration()``, ``nginx.block_reload()``, each undone by ``mend()``.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.lab.acme_front import Front, front
from tests.lab.certificates import DAY, authority, make
from tests.lab.health import wait_for
from tests.lab.nginx import ADDRESS, Nginx, nginx
from tests.lab.postgres import free_port

FREE_ADDRESS = "127.0.0.2"  # nginx does not listen there
# Pebble makes validations wait and refuses good nonces to teach its users; our tests want to know what happens.
PEBBLE = {
    "PEBBLE_VA_NOSLEEP": "1",
    "PEBBLE_WFE_NONCEREJECT": "0",
    "PEBBLE_AUTHZREUSE": "0",
}


@dataclass
class World:
    """All of it. acme_ca: what the ACME server's own HTTPS certificate rests on. root: what those it issues rest on."""

    folder: Path
    acme_ca: Path
    root: Path
    front: Front
    nginx: Nginx
    dns_control: int

    @property
    def config_dir(self) -> Path:
        return self.folder / "letsencrypt"

    def live(self, name: str) -> Path:
        return self.config_dir / "live" / name

    def environment(self) -> dict[str, str]:
        """For a certbot that a test runs itself."""
        return {**os.environ, "REQUESTS_CA_BUNDLE": str(self.acme_ca)}

    def certbot(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs certbot within this world; fails with its words where it failed and ``check`` is set."""
        done = subprocess.run(
            [
                *("certbot", *arguments, "--non-interactive", "--no-random-sleep-on-renew"),
                *("--config-dir", str(self.config_dir)),
                *("--work-dir", str(self.folder / "certbot-work")),
                *("--logs-dir", str(self.folder / "certbot-logs")),
            ],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done

    def issue(self, *names: str, authenticator: str = "webroot", check: bool = True, **more: str) -> str:
        """A certificate for the names, its lineage called by the first; certbot's output.

        authenticator: webroot, standalone, nginx or dns_hook. more: options of certbot, underscores for dashes.
        """
        done = self.certbot(
            *("certonly", "--cert-name", names[0], "--force-renewal", "--agree-tos"),
            *("--register-unsafely-without-email", "--server", self.front.directory),
            *(word for name in names for word in ("--domain", name)),
            *self._authenticator(authenticator),
            *(word for key, value in more.items() for word in (f"--{key.replace('_', '-')}", value)),
            check=check,
        )
        return done.stdout

    def _authenticator(self, name: str) -> list[str]:
        port = ["--http-01-port", str(self.nginx.http_port)]
        return {
            "webroot": ["--webroot", "--webroot-path", str(self.nginx.webroot)],
            "standalone": ["--standalone", "--http-01-address", FREE_ADDRESS, *port],
            "nginx": [
                *("--nginx", "--nginx-server-root", str(self.nginx.folder)),
                *("--https-port", str(self.nginx.https_port), *port),
            ],
            "dns_hook": [
                *("--manual", "--preferred-challenges", "dns"),
                *("--manual-auth-hook", str(self.auth_hook), "--manual-cleanup-hook", str(self.cleanup_hook)),
            ],
        }[name]

    @property
    def auth_hook(self) -> Path:
        """Publishes the TXT record of a dns-01 challenge."""
        return _hook(self.folder / "dns-auth-hook", f"http://{ADDRESS}:{self.dns_control}/set-txt", "value")

    @property
    def cleanup_hook(self) -> Path:
        return _hook(self.folder / "dns-cleanup-hook", f"http://{ADDRESS}:{self.dns_control}/clear-txt", "")

    def certificate(self, name: str, **more: Any) -> dict[str, Any]:
        """An entry of the option ``certificates`` of certificate_renewal."""
        return {
            "name": name,
            "client": "certbot",
            "services": [self.nginx.service()],
            "endpoints": [{"host": ADDRESS, "port": self.nginx.https_port, "server_name": name}],
            "trust_store": str(self.root),
            **more,
        }

    def options(self, *certificates: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Options of certificate_renewal that stay within this world."""
        return {
            "certificates": list(certificates),
            "certbot_config_dir": str(self.config_dir),
            "certbot_work_dir": str(self.folder / "certbot-work"),
            "certbot_logs_dir": str(self.folder / "certbot-logs"),
            "acme_ca": str(self.acme_ca),
            "state_dir": str(self.folder / "state"),
            "backup_dir": str(self.folder / "backups"),
            **more,
        }

    def serve(self, name: str, *others: str) -> None:
        """A TLS site that presents the lineage of the name, for the others too."""
        live = self.live(name)
        self.nginx.serve(name, *others, certificate=live / "fullchain.pem", key=live / "privkey.pem")

    def on_disk(self, name: str) -> str:
        """The fingerprint of the lineage's live certificate."""
        return fingerprint((self.live(name) / "cert.pem").read_bytes())

    def served(self, name: str) -> str:
        """The fingerprint that nginx presents for the name."""
        return served(ADDRESS, self.nginx.https_port, name)

    def links(self, name: str) -> dict[str, str]:
        """Where each file under live leads, as written: ../../archive/clinic.example/cert2.pem. A plain file is ''."""
        return {
            path.name: str(path.readlink()) if path.is_symlink() else ""
            for path in sorted(self.live(name).glob("*.pem"))
        }


def fingerprint(pem: bytes) -> str:
    """SHA-256 of the first certificate, as the modules write it."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()


def served(host: str, port: int, name: str) -> str:
    """The fingerprint that a TLS server presents for the name, whatever it is worth."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        found = secured.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found).fingerprint(hashes.SHA256()).hex()


_HOOK = """#!{python}
import json, os, urllib.request
content = {{"host": "_acme-challenge." + os.environ["CERTBOT_DOMAIN"] + "."}}
if {key!r}:
    content[{key!r}] = os.environ["CERTBOT_VALIDATION"]
urllib.request.urlopen(urllib.request.Request({url!r}, json.dumps(content).encode())).close()
"""


def _hook(path: Path, url: str, key: str) -> Path:
    if not path.exists():
        path.write_text(_HOOK.format(python=sys.executable, url=url, key=key))
        path.chmod(0o755)
    return path


@contextlib.contextmanager
def world(folder: Path, *, validity: datetime.timedelta = 90 * DAY) -> Iterator[World]:
    """Starts everything. validity: lifetime of the certificates that pebble issues from now on."""
    acme_ca, certificate, key = _own_certificate(folder)
    dns, dns_control, acme, management = (free_port() for _number in range(4))
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(nginx(folder / "nginx"))
        config = {
            "listenAddress": f"{ADDRESS}:{acme}",
            "managementListenAddress": f"{ADDRESS}:{management}",
            "certificate": str(certificate),
            "privateKey": str(key),
            "httpPort": web.http_port,
            "tlsPort": web.https_port,
            "certificateValidityPeriod": int(validity.total_seconds()),
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        stack.enter_context(
            _process(
                *("pebble-challtestsrv", "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""),
                *("-dns01", f"{ADDRESS}:{dns}", "-management", f"{ADDRESS}:{dns_control}"),
                log=folder / "dns.log",
            )
        )
        stack.enter_context(
            _process(
                *("pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"{ADDRESS}:{dns}"),
                log=folder / "pebble.log",
            )
        )
        wait_for(lambda: _listens(dns_control) and _listens(management) and _listens(acme))
        for name in ("standalone.example", "standalone2.example"):
            _post(dns_control, "add-a", {"host": name, "addresses": [FREE_ADDRESS]})
        before = stack.enter_context(front(acme=acme, management=management, certificate=certificate, key=key))
        root = folder / "pebble-root.pem"
        root.write_bytes(before.issuing("roots"))
        yield World(folder, acme_ca, root, before, web, dns_control)


def _own_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """The certificate of the ACME server itself: its authority, chain and key."""
    # Programs that know no other time than the clock's are to find it valid.
    now = datetime.datetime.now(datetime.timezone.utc)
    valid: dict[str, Any] = {"start": now - DAY, "end": now + 365 * DAY}
    ca = authority("Lab ACME server CA", **valid)
    leaf = make("localhost", names=["localhost", ADDRESS], issuer=ca, **valid)
    paths = (folder / "acme-ca.pem", folder / "acme.pem", folder / "acme.key")
    for path, content in zip(paths, (ca.pem, leaf.pem + ca.pem, leaf.key_pem)):
        path.write_bytes(content)
    return paths


@contextlib.contextmanager
def _process(*argv: str, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **PEBBLE}
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.create_connection((ADDRESS, port), timeout=1):
        return True


def _post(port: int, path: str, content: Any) -> None:
    request = urllib.request.Request(f"http://{ADDRESS}:{port}/{path}", json.dumps(content).encode())
    with urllib.request.urlopen(request, timeout=10):
        pass
