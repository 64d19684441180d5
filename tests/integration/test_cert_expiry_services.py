"""cert_expiry on real services: what their configuration says, and whether they serve what is on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import served as serving
from tests.lab import certificates, services
from tests.lab.certificates import NOW_TEXT, Made, authority, listening, tls_server
from tests.lab.health import wait_for
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port
from tests.lab.services import Service

SERVED, SERVICE, NAMES, KEY = (f"certificate.{name}" for name in ("served", "service", "names", "key_match"))

# What services serve is not to be self-signed.
AUTHORITY = authority()


def make(name: str = "clinic.example", **how: Any) -> Made:
    return certificates.make(name, issuer=AUTHORITY, **how)


def look(service: Service, **options: Any) -> dict[str, Any]:
    wanted = {"kind": service.kind, "config": str(service.config)}
    return run_module("cert_expiry", {"services": [wanted], "now": NOW_TEXT, **options})


def statuses(result: dict[str, Any], check: str = SERVED) -> dict[str, str]:
    return {finding["subject"]: finding["status"] for finding in findings_of(result, check)}


def becomes_served(port: int, made: Made, name: str | None = None, starttls: str | None = None) -> None:
    """Waits until a reload has come through."""
    endpoint = Endpoint("127.0.0.1", port, name, starttls=starttls)
    wait_for(lambda: serving.serves(endpoint, made.fingerprint, timeout=5)[0])


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
