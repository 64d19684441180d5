"""Many TLS servers: cert_expiry against bare handshakes, with an nginx that has a certificate for each name."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bare_handshakes import AT_ONCE
from tests.bench.harness import Table, compare
from tests.lab.certificates import authority, make
from tests.lab.modules import ROOT
from tests.lab.postgres import free_port

OURS, BARE = "cert_expiry", "bare handshakes"
TRUSTED = "cert_expiry, chains held against a trust store"

MAIN = """
user root;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    ssl_session_cache off;
    ssl_session_tickets off;
    server_names_hash_max_size 16384;
    server_names_hash_bucket_size 128;
    {paths}
    include {folder}/servers.conf;
}}
"""
SERVER = """
server {{ listen 127.0.0.1:{port} ssl; server_name {name}; ssl_certificate {path}; ssl_certificate_key {key}; }}
"""


def tables(*, quick: bool) -> Iterator[Table]:
    count = 100 if quick else 1000
    with tempfile.TemporaryDirectory(prefix="careops-bench-") as base:
        folder = Path(base)
        names = [f"h{number}.example" for number in range(count)]
        port = free_port()
        (folder / "names").write_text("\n".join(names))
        fill(folder, names, port)
        with nginx(folder, port):
            yield compare(
                f"{count:,} endpoints, {AT_ONCE} at once, a certificate and its issuer each",
                {
                    BARE: lambda: run(
                        [sys.executable, ROOT / "tests/bench/bare_handshakes.py", str(port), folder / "names"], count
                    ),
                    OURS: lambda: scan(names, port),
                    TRUSTED: lambda: scan(names, port, trust_store=str(folder / "ca.pem")),
                },
                baseline=BARE,
                runs=3 if quick else 9,
                unit="endpoint",
                unit_count=count,
                # The start of a process is most of what a few endpoints cost: no goal for those.
                goals={} if quick else {OURS: 2.0},
                versions={"nginx": nginx_version(), "OpenSSL": ssl.OPENSSL_VERSION.split()[1]},
                notes=[
                    "Whole processes, from start to printed result. Server and clients share the machine. The bare "
                    "program gets the server's own certificate and reads nothing of it."
                ],
            )


def fill(folder: Path, names: list[str], port: int) -> None:
    ca = authority()
    (folder / "ca.pem").write_bytes(ca.pem)
    servers = []
    for name in names:
        leaf, path = make(name, issuer=ca), folder / f"{name}.pem"
        path.write_bytes(leaf.pem + ca.pem)
        servers.append(SERVER.format(port=port, name=name, path=path, key=folder / "shared.key"))
    (folder / "shared.key").write_bytes(leaf.key_pem)
    (folder / "servers.conf").write_text("".join(servers))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n    ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, paths=paths, workers=len(os.sched_getaffinity(0))))


@contextlib.contextmanager
def nginx(folder: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"])
    try:
        until = time.monotonic() + 20
        while not connects(port):
            assert time.monotonic() < until, "nginx did not start"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def nginx_version() -> str:
    """It says so on standard error: nginx version: nginx/1.22.1."""
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return said.rpartition("/")[2].strip()


def connects(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def run(argv: list[str | Path], count: int) -> float:
    started = time.perf_counter()
    output = subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout
    seconds = time.perf_counter() - started
    assert len(set(json.loads(output))) == count
    return seconds


def scan(names: list[str], port: int, **options: str) -> float:
    endpoints = [{"host": "127.0.0.1", "port": port, "server_name": name} for name in names]
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"endpoints": endpoints, **options}})
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "ansible_collections.careops.maintenance.plugins.modules.cert_expiry"],
        input=arguments.encode(),
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
    )
    seconds = time.perf_counter() - started
    result = json.loads(done.stdout)
    assert result["details"]["distinct"] == len(names) + 1, result["details"]
    assert result["summary"]["worst"] == "ok"
    return seconds
