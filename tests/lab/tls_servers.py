"""Real TLS servers with the versions and cipher suites that a test wants, on ports of their own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.lab.certificates import Made, make
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
        with running(argv, next(iter(ports.values())), log=folder / "log"):
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


PROTOCOLS = {"TLSv1": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}


def accepted_by_s_client(port: int, *arguments: str) -> dict[str, set[str]]:
    """The suites (names of IANA) that the openssl program is let in with, by version."""
    listed = subprocess.run(
        ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {words[4]: words[2] for words in map(str.split, listed.splitlines())}
    found: dict[str, set[str]] = {}
    for version, option in PROTOCOLS.items():
        for name, iana in names.items():
            new = iana == name
            if new is (version == "TLSv1.3") and _let_in(port, option, name, new=new, arguments=arguments):
                found.setdefault(version, set()).add(iana)
    return found


def _let_in(port: int, option: str, name: str, *, new: bool, arguments: Sequence[str]) -> bool:
    offer = ["-ciphersuites", name] if new else ["-cipher", f"{name}:@SECLEVEL=0"]
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", option, *offer, *arguments]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return f"Cipher is {name}" in done.stdout
