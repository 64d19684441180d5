"""cert_expiry on real services: what their configuration says, and whether they serve what is on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.lab import services
from tests.lab.certificates import NOW_TEXT, Made, listening, tls_server
from tests.lab.health import wait_for
from tests.lab.modules import ROOT, findings_of, run_module
from tests.lab.postgres import free_port
from tests.lab.services import Service, becomes_served, look, make, statuses

SERVED, SERVICE, NAMES, KEY = (f"certificate.{name}" for name in ("served", "service", "names", "key_match"))

# nginx


@dataclass
class Web:
    """An nginx with two servers by name at one port and a third at another."""

    service: Service
    made: dict[str, Made]

    def label(self, name: str, port: int = 0) -> str:
        return f"127.0.0.1:{self.service.ports[port]}" + (f" ({name})" if name else "")

    def replace(self, name: str) -> Made:
        self.made[name] = made = make(f"{name}.clinic.example", days=80)
        services.install(self.service.folder / f"{name}.pem", made, key=self.service.folder / f"{name}.key")
        return made


@pytest.fixture
def web() -> Iterator[Web]:
    with services.folder_for("nginx") as folder:
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
        text = (
            f"http {{ access_log off; ssl_certificate {folder}/fallback.pem; ssl_certificate_key fallback.key;\n"
            "include sites/*.conf; # all\n"
            f"server {{ listen {ports[1]} ssl default_server; server_name _; return 204; }} }}"
        )
        with services.nginx(folder, text, *ports) as service:
            yield Web(service, made)


def test_nginx_serves_what_is_on_disk(web: Web) -> None:
    result = look(web.service)
    folder = web.service.folder
    assert result["summary"]["worst"] == "ok", result["findings"]
    assert statuses(result) == {
        web.label("api.clinic.example"): "ok",
        web.label("portal.clinic.example"): "ok",
        web.label("", 1): "ok",
    }
    assert statuses(result, KEY) == {f"{folder}/{name}.pem": "ok" for name in ("portal", "api", "fallback")}
    assert statuses(result, NAMES) == {
        web.label("api.clinic.example"): "ok",
        web.label("portal.clinic.example"): "ok",
    }
    assert findings_of(result, SERVICE)[0]["value"] == 3
    assert result["details"]["uses"][0] == {
        "service": "nginx",
        "certificate": f"{folder}/api.pem",
        "key": f"{folder}/api.key",
        "endpoints": [web.label("api.clinic.example")],
        "where": f"{folder}/sites/api.conf:1",
    }


def test_nginx_that_was_not_reloaded(web: Web) -> None:
    old = web.made["api"]
    new = web.replace("api")
    result = look(web.service)
    found = {one["subject"]: one for one in findings_of(result, SERVED)}
    assert sorted(one["status"] for one in found.values()) == ["critical", "ok", "ok"]
    stale = found[web.label("api.clinic.example")]
    assert stale["status"] == "critical"
    assert stale["message"].startswith(f"nginx still serves the certificate with fingerprint {old.fingerprint[:12]}")
    assert "reload it" in stale["message"]
    path = f"{web.service.folder}/api.pem"
    assert stale["evidence"] == {
        "service": "nginx",
        "where": f"{web.service.folder}/sites/api.conf:1",
        "served": {"fingerprint": old.fingerprint, "not_after": "2027-01-20T12:00:00Z"},
        "on_disk": [{"file": path, "fingerprint": new.fingerprint, "not_after": "2027-02-09T12:00:00Z"}],
    }
    web.service.reload()
    becomes_served(web.service.ports[0], new, "api.clinic.example")
    assert look(web.service)["summary"]["worst"] == "ok"


def test_a_reload_that_failed_although_its_exit_status_is_0(web: Web) -> None:
    web.replace("portal")
    folder = web.service.folder
    with listening() as taken:  # the reload gives up on a port that another process has
        extra = f"server {{ listen 127.0.0.1:{taken.getsockname()[1]}; }}"
        (folder / "sites" / "more.conf").write_text(extra)
        web.service.reload()
        wait_for(lambda: "still could not bind" in (folder / "error.log").read_text())
        result = look(web.service)
    assert statuses(result)[web.label("portal.clinic.example")] == "critical"
    assert findings_of(result, SERVED, status="ok")


def test_a_file_that_went_back_to_an_older_certificate(web: Web) -> None:
    old = web.made["api"]
    new = web.replace("api")
    web.service.reload()
    becomes_served(web.service.ports[0], new, "api.clinic.example")
    services.install(web.service.folder / "api.pem", old, key=web.service.folder / "api.key")
    stale = findings_of(look(web.service), SERVED, status="critical")
    assert len(stale) == 1
    assert "serves a newer certificate" in stale[0]["message"]


def test_what_cannot_be_known_is_unknown(web: Web) -> None:
    folder = web.service.folder
    (folder / "api.pem").unlink()
    (folder / "sites" / "variable.conf").write_text(
        f"server {{ listen {free_port()} ssl; server_name v.example;\n ssl_certificate /etc/$ssl_server_name.pem; }}\n"
        f"server {{ listen 127.0.0.1:{free_port()} ssl; server_name gone.example; }}\n"
    )
    result = look(web.service)
    seen = statuses(result)
    assert seen.pop(web.label("portal.clinic.example")) == seen.pop(web.label("", 1)) == "ok"
    assert len(seen) == 2
    assert set(seen.values()) == {"unknown"}
    assert statuses(result, SERVICE) == {f"nginx {folder}/sites/variable.conf:2": "unknown"}
    assert result["summary"]["worst"] == "unknown"


def test_a_server_with_certificates_for_two_kinds_of_keys() -> None:
    key = rsa.generate_private_key(65537, 2048)
    with services.folder_for("nginx") as folder:
        port = free_port()
        services.install(folder / "rsa.pem", make("a.example", key=key))
        services.install(folder / "ecdsa.pem", make("a.example"))
        both = "".join(f"ssl_certificate {kind}.pem; ssl_certificate_key {kind}.pem; " for kind in ("rsa", "ecdsa"))
        text = f"http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl; server_name a.example; {both} }} }}"
        with services.nginx(folder, text, port) as service:
            label = f"127.0.0.1:{port} (a.example)"
            result = look(service)
            assert result["summary"]["worst"] == "ok", result["findings"]
            assert statuses(result) == {label: "ok", f"{label} [RSA]": "ok"}
            # What most clients are shown is in order; the other one was forgotten.
            services.install(folder / "rsa.pem", make("a.example", key=key, days=80))
            result = look(service)
            assert statuses(result) == {label: "ok", f"{label} [RSA]": "critical"}
            [stale] = findings_of(result, SERVED, status="critical")
            assert [one["file"] for one in stale["evidence"]["on_disk"]] == [f"{folder}/rsa.pem"]


# The role


def test_the_role_hands_services_over(web: Web, tmp_path: Path) -> None:
    web.replace("api")
    role = {"hosts": "localhost", "gather_facts": False, "roles": ["careops.maintenance.certificates"]}
    (tmp_path / "play.yml").write_text(json.dumps([role]))
    variables = {
        "ansible_python_interpreter": sys.executable,
        "certificates_become": False,
        "certificates_now": NOW_TEXT,
        "certificates_services": [{"kind": "nginx", "config": str(web.service.config)}],
    }
    done = subprocess.run(
        [*("ansible-playbook", "-i", "localhost,", "-c", "local", "-v", "-e", json.dumps(variables)), "play.yml"],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("nginx still serves the certificate") == 1, done.stdout


# Endpoints that are named by hand


def test_an_endpoint_that_must_serve_a_file(tmp_path: Path) -> None:
    made, other = make(), make(days=80)
    path = tmp_path / "clinic.pem"
    path.write_bytes(made.pem)
    with tls_server(tmp_path, [made]) as server:
        options = {"now": NOW_TEXT, "endpoints": [server.endpoint(certificate=str(path))]}
        label = f"127.0.0.1:{server.port}"
        assert statuses(run_module("cert_expiry", options)) == {label: "ok"}
        path.write_bytes(other.pem)
        result = run_module("cert_expiry", options)
        assert statuses(result) == {label: "critical"}
        assert findings_of(result, SERVED)[0]["message"].startswith("The server still serves")
        path.unlink()
        assert statuses(run_module("cert_expiry", options)) == {label: "unknown"}
    path.write_bytes(made.pem)
    assert statuses(run_module("cert_expiry", options)) == {label: "unknown"}


def test_an_endpoint_that_is_named_by_hand_and_found_is_asked_once(web: Web) -> None:
    port = web.service.ports[0]
    by_hand = {"host": "127.0.0.1", "port": port, "server_name": "api.clinic.example"}
    result = look(web.service, endpoints=[by_hand])
    assert result["details"]["endpoints"] == 3
    assert statuses(result)[web.label("api.clinic.example")] == "ok"


def test_a_file_that_is_left_out_is_held_against_what_is_served_all_the_same(web: Web) -> None:
    result = look(web.service, exclude=["*/api.pem"])
    assert result["summary"]["worst"] == "ok"
    assert result["details"]["files"] == 2
    assert len(statuses(result)) == 3


def test_a_service_without_tls_is_in_order(tmp_path: Path) -> None:
    config = tmp_path / "nginx.conf"
    config.write_text("http { server { listen 80; } }")
    result = look(Service("nginx", tmp_path, config, (), lambda: None))
    assert result["summary"]["worst"] == "ok"
    assert findings_of(result, SERVICE)[0]["message"] == f"nginx serves no TLS, by its configuration {config}."
    assert result["details"]["uses"] == []


def test_a_configuration_that_is_missing_is_unknown(tmp_path: Path) -> None:
    result = look(Service("haproxy", tmp_path, tmp_path / "none.cfg", (), lambda: None))
    assert statuses(result, SERVICE) == {f"haproxy {tmp_path}/none.cfg": "unknown"}
    assert "no such file" in findings_of(result, SERVICE)[0]["message"]
