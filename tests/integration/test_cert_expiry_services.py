"""cert_expiry on real services: what their configuration says, and whether they serve what is on disk."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab import services
from tests.lab.certificates import NOW_TEXT, Made, listening, make
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port

SERVED, SERVICE, NAMES, KEY = (f"certificate.{name}" for name in ("served", "service", "names", "key_match"))


def look(kind: str, config: Path, **options: Any) -> dict[str, Any]:
    return run_module("cert_expiry", {"services": [{"kind": kind, "config": str(config)}], "now": NOW_TEXT, **options})


def served(result: dict[str, Any]) -> dict[str, str]:
    """Status by endpoint."""
    return {finding["subject"]: finding["status"] for finding in findings_of(result, SERVED)}


def becomes_served(port: int, made: Made, name: str) -> None:
    """Waits until a reload has come through."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def there() -> bool:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=2) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            return secured.getpeercert(binary_form=True) == made.der

    services.wait_for(there, "the new certificate must be served")


# nginx


@dataclass
class Web:
    """An nginx with two servers by name at one port and a third at another."""

    folder: Path
    running: services.Running
    ports: tuple[int, int]
    made: dict[str, Made]

    def label(self, name: str, port: int = 0) -> str:
        return f"127.0.0.1:{self.ports[port]}" + (f" ({name})" if name else "")

    def replace(self, name: str, **how: Any) -> Made:
        self.made[name] = made = make(f"{name}.clinic.example", days=80, **how)
        services.install(self.folder / f"{name}.pem", made, key=self.folder / f"{name}.key")
        return made


@pytest.fixture
def web() -> Iterator[Web]:
    with services.service_folder("nginx") as folder:
        ports = (free_port(), free_port())
        made = {name: make(f"{name}.clinic.example") for name in ("portal", "api", "fallback")}
        for name, one in made.items():
            services.install(folder / f"{name}.pem", one, key=folder / f"{name}.key")
        (folder / "sites").mkdir()
        (folder / "sites" / "portal.conf").write_text(
            f"server {{ listen 127.0.0.1:{ports[0]} ssl; server_name ~^x portal.clinic.example;\n"
            "  ssl_certificate portal.pem; ssl_certificate_key 'portal.key'; return 204; }\n"
        )
        many = " ".join(f"n{number}.clinic.example" for number in range(40))
        (folder / "sites" / "api.conf").write_text(
            f"server {{ listen 127.0.0.1:{ports[0]} ssl; server_name {many} api.clinic.example;\n"
            "  ssl_certificate api.pem; ssl_certificate_key api.key; return 204; }\n"
        )
        body = (
            f"http {{ access_log off; ssl_certificate {folder}/fallback.pem; ssl_certificate_key fallback.key;\n"
            "include sites/*.conf; # all\n"
            f"server {{ listen {ports[1]} ssl default_server; server_name _; return 204; }} }}"
        )
        with services.nginx(folder, body, ports) as running:
            yield Web(folder, running, ports, made)


def test_nginx_serves_what_is_on_disk(web: Web) -> None:
    result = look("nginx", web.running.config)
    assert result["summary"]["worst"] == "ok", result["findings"]
    assert served(result) == {
        web.label("api.clinic.example"): "ok",
        web.label("portal.clinic.example"): "ok",
        web.label("", 1): "ok",
    }
    assert {one["subject"]: one["status"] for one in findings_of(result, KEY)} == {
        f"{web.folder}/{name}.pem": "ok" for name in ("portal", "api", "fallback")
    }
    assert findings_of(result, SERVICE)[0]["value"] == 3
    assert result["details"]["uses"][0] == {
        "service": "nginx",
        "certificate": f"{web.folder}/api.pem",
        "key": f"{web.folder}/api.key",
        "endpoints": [web.label("api.clinic.example")],
        "where": f"{web.folder}/sites/api.conf:1",
    }


def test_nginx_that_was_not_reloaded(web: Web) -> None:
    old = web.made["api"]
    new = web.replace("api")
    result = look("nginx", web.running.config)
    found = {one["subject"]: one for one in findings_of(result, SERVED)}
    assert [one["status"] for one in found.values()].count("critical") == 1
    stale = found[web.label("api.clinic.example")]
    assert stale["status"] == "critical"
    assert stale["message"].startswith(f"nginx still serves the certificate with fingerprint {old.fingerprint[:12]}")
    assert "reload it" in stale["message"]
    assert stale["evidence"] == {
        "service": "nginx",
        "where": f"{web.folder}/sites/api.conf:1",
        "served": {"fingerprint": old.fingerprint, "not_after": "2027-01-20T12:00:00Z"},
        "on_disk": [
            {"file": f"{web.folder}/api.pem", "fingerprint": new.fingerprint, "not_after": "2027-02-09T12:00:00Z"}
        ],
    }
    assert services.nginx_reload(web.folder) == 0
    becomes_served(web.ports[0], new, "api.clinic.example")
    assert look("nginx", web.running.config)["summary"]["worst"] == "ok"


def test_a_reload_that_failed_although_its_exit_status_is_0(web: Web) -> None:
    web.replace("portal")
    with listening() as taken:  # the reload gives up on a port that another process has
        extra = f"server {{ listen 127.0.0.1:{taken.getsockname()[1]}; }}"
        (web.folder / "sites" / "more.conf").write_text(extra)
        assert services.nginx_reload(web.folder) == 0
        log = web.folder / "error.log"
        services.wait_for(lambda: "still could not bind" in log.read_text(), "nginx must give up")
        result = look("nginx", web.running.config)
    assert served(result)[web.label("portal.clinic.example")] == "critical"
    assert findings_of(result, SERVED, status="ok")
