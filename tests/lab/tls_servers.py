"""Real TLS servers with the versions and cipher suites that a test wants, on ports of their own."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.lab.certificates import NOW_TEXT, Made, make
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port
from tests.lab.starttls import running, served

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp;
    scgi_temp_path {folder}/temp;
    ssl_certificate {folder}/chain.pem;
    ssl_certificate_key {folder}/key.pem;
{sites}
}}
"""
SITE = """\
    server {{
        listen 127.0.0.1:{port} ssl;
        {settings}
    }}
"""


def rsa_made() -> Made:
    """Old cipher suites want a key of this kind."""
    return make(key=rsa.generate_private_key(65537, 2048))


@contextlib.contextmanager
def nginx(sites: Mapping[str, str], *, made: Made | None = None) -> Iterator[dict[str, int]]:
    """nginx with a site for each of the settings; returns their ports."""
    ports = {name: free_port() for name in sites}
    with served([made or rsa_made()]) as folder:
        text = "".join(SITE.format(port=ports[name], settings=settings) for name, settings in sites.items())
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, sites=text))
        argv = ["/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
        with running(argv, min(ports.values()), log=folder / "log"):
            yield ports


@contextlib.contextmanager
def s_server(*arguments: str, made: Made | None = None) -> Iterator[int]:
    """The server of the openssl program."""
    port = free_port()
    with served([made or rsa_made()]) as folder:
        files = ["-cert", folder / "chain.pem", "-key", folder / "key.pem"]
        argv = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", *files, *arguments]
        with running(argv, port, log=folder / "log"):
            yield port


@contextlib.contextmanager
def gnutls(priority: str, *, made: Made | None = None) -> Iterator[int]:
    """The server of GnuTLS, which speaks what Debian's OpenSSL was built without."""
    port = free_port()
    with served([made or rsa_made()]) as folder:
        files = [f"--x509certfile={folder}/chain.pem", f"--x509keyfile={folder}/key.pem"]
        argv = ["gnutls-serv", "--http", f"--port={port}", f"--priority={priority}", *files]
        with running(argv, port, log=folder / "log"):
            yield port


@contextlib.contextmanager
def nss(versions: str, *, made: Made | None = None) -> Iterator[int]:
    """The server of Mozilla's NSS, which speaks SSLv3 still. versions: as ``ssl3:tls1.2``."""
    port = free_port()
    with served([made or rsa_made()]) as folder:
        bundle = ["-in", f"{folder}/chain.pem", "-inkey", f"{folder}/key.pem", "-name", "lab"]
        for making in (
            ["openssl", "pkcs12", "-export", *bundle, "-passout", "pass:", "-out", f"{folder}/lab.p12"],
            ["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"],
            ["pk12util", "-i", f"{folder}/lab.p12", "-d", f"sql:{folder}", "-W", "", "-K", ""],
        ):
            subprocess.run(making, check=True, capture_output=True)
        argv = ["selfserv", "-d", f"sql:{folder}", "-n", "lab", "-p", port, "-V", versions, "-w", ""]
        with running(argv, port, log=folder / "log"):
            yield port


PROTOCOLS = {"TLSv1": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}


def accepted_by_s_client(port: int) -> dict[str, set[str]]:
    """The suites (names of IANA) that the openssl program is let in with, by version."""
    listed = subprocess.run(
        ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {words[4]: words[2] for words in map(str.split, listed.splitlines())}
    new = [name for name, iana in names.items() if name == iana]
    old = [name for name in names if name not in new]
    found: dict[str, set[str]] = {}
    for version, option in PROTOCOLS.items():
        left = list(new if version == "TLSv1.3" else old)
        while left:
            offer = (
                ["-ciphersuites", ":".join(left)] if left[0] in new else ["-cipher", ":".join(left) + ":@SECLEVEL=0"]
            )
            chosen = _chosen(port, option, *offer)
            if chosen not in left:
                break
            left.remove(chosen)
            found.setdefault(version, set()).add(names[chosen])
    return found


def _chosen(port: int, *arguments: str) -> str:
    """The suite that the server chose of those that the program offered; empty where it refused."""
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    line = re.search(r"^New, [^,]+, Cipher is (\S+)$", done.stdout, flags=re.MULTILINE)
    return line[1] if line and line[1] != "(NONE)" else ""


def look(*endpoints: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What cert_expiry returns for these endpoints."""
    return run_module("cert_expiry", {"endpoints": list(endpoints), "now": NOW_TEXT, **more})


def at(port: int, **more: Any) -> dict[str, Any]:
    """An endpoint on the loopback."""
    return {"host": "127.0.0.1", "port": port, **more}


def verdicts(result: dict[str, Any], check: str) -> list[str]:
    """The statuses of a check, in the order of the endpoints."""
    return [finding["status"] for finding in findings_of(result, check)]


def only(result: dict[str, Any], check: str) -> dict[str, Any]:
    (finding,) = findings_of(result, check)
    return finding
