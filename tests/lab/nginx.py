"""A real nginx with a folder of its own, and what can go wrong with its reload."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.health import wait_for
from tests.lab.postgres import free_port

ADDRESS = "127.0.0.1"
SETTLED = 3.5  # seconds; a reload tries for 2.5 to have its ports

_MAIN = """
user root;
worker_processes 2;
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    ssl_session_cache off;
    ssl_session_tickets off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/sites/*.conf;
}}
"""

# Its own server block for plain HTTP, so that certbot's nginx plugin finds one to put its challenge into.
_SITE = """
server {{
    listen {address}:{http_port};
    server_name {name};
    include {folder}/challenges.inc;
    location / {{ return 404; }}
}}
"""

_TLS_SITE = """
server {{
    listen {address}:{https_port} ssl;
    server_name {name};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{ default_type text/plain; return 200 "well\\n"; }}
}}
"""


@dataclass
class Nginx:
    """A running nginx. webroot: where HTTP-01 challenges are read from."""

    folder: Path
    http_port: int
    https_port: int
    process: subprocess.Popen[bytes] | None = None
    blocker: socket.socket | None = field(default=None, repr=False)

    @property
    def webroot(self) -> Path:
        return self.folder / "webroot"

    @property
    def config(self) -> Path:
        return self.folder / "nginx.conf"

    def service(self) -> dict[str, Any]:
        """An entry of the option ``services`` of certificate_renewal. Its reload exits with 0 always."""
        program = ["nginx", "-c", str(self.config)]
        return {"name": "nginx", "config_test": [*program, "-q", "-t"], "reload": [*program, "-s", "reload"]}

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        self.process = subprocess.Popen(
            ["nginx", "-c", str(self.config), "-g", "daemon off;"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: _connects(self.http_port) and (self.folder / "nginx.pid").read_text())

    def stop(self) -> None:
        """Stops it at once, connections and all."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def stand_still(self, *, seconds: float) -> None:
        """Does nothing at all for a while, and then goes on."""
        assert self.process is not None
        everybody = [self.process.pid, *(int(number) for number in self._workers())]
        for signal_number, pause in ((signal.SIGSTOP, seconds), (signal.SIGCONT, 0.0)):
            for number in everybody:
                os.kill(number, signal_number)
            time.sleep(pause)

    def reload(self) -> None:
        """Reloads, and waits until workers of the new configuration have taken over."""
        assert self.process is not None
        before = self._workers()
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not before & self._workers())

    def _workers(self) -> set[str]:
        """The workers that take connections: those that only finish theirs say so in their title."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        titles = {}
        for number in children:
            # One may end while we look.
            with contextlib.suppress(OSError):
                titles[number] = Path(f"/proc/{number}/cmdline").read_text()
        return {number for number, title in titles.items() if "shutting down" not in title}

    def serve(self, *names: str, certificate: Path, key: Path) -> None:
        """A TLS site for the names."""
        site = _TLS_SITE.format(
            address=ADDRESS,
            https_port=self.https_port,
            name=" ".join(names),
            certificate=certificate,
            key=key,
        )
        (self.folder / "sites" / f"tls-{names[0]}.conf").write_text(site)
        self.reload()

    def answer_challenges(self, *names: str) -> None:
        """Server blocks for plain HTTP by name, which certbot's nginx plugin wants; others have the default one."""
        for name in names:
            (self.folder / "sites" / f"{name}.conf").write_text(self._plain(name))
        self.reload()

    def _plain(self, name: str) -> str:
        return _SITE.format(address=ADDRESS, http_port=self.http_port, name=name, folder=self.folder)

    def withhold_challenges(self) -> None:
        """HTTP-01 finds nothing any more, so that authorizations fail."""
        (self.folder / "challenges.inc").write_text("location /.well-known/ { return 403; }\n")
        self.reload()

    def break_configuration(self) -> None:
        """From now on the configuration test fails, and a reload does nothing."""
        (self.folder / "sites" / "zz-broken.conf").write_text("nonsense on;\n")

    def block_reload(self) -> None:
        """The configuration test passes, yet a reload has no effect: it has to bind to a port that another has."""
        self.blocker = socket.create_server((ADDRESS, 0))
        port = self.blocker.getsockname()[1]
        (self.folder / "sites" / "zz-broken.conf").write_text(f"server {{ listen {ADDRESS}:{port}; }}\n")

    def unblock_reload(self) -> None:
        """Lets it have the port; a reload that is still trying gets through."""
        if self.blocker is not None:
            self.blocker.close()
            self.blocker = None

    def settle(self) -> None:
        """Waits until the reloads that were asked for are over, asking for none: the workers stay the same."""
        workers, since = self._workers(), time.monotonic()
        while time.monotonic() - since < SETTLED:
            time.sleep(0.05)
            if self._workers() != workers:
                workers, since = self._workers(), time.monotonic()

    def mend(self) -> None:
        """Undoes all that was broken."""
        (self.folder / "sites" / "zz-broken.conf").unlink(missing_ok=True)
        self.unblock_reload()
        self._with_challenges()
        self.reload()

    def _with_challenges(self) -> None:
        (self.folder / "challenges.inc").write_text(f"location /.well-known/ {{ root {self.webroot}; }}\n")


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    """Starts it with plain HTTP alone."""
    (folder / "sites").mkdir(parents=True)
    made = Nginx(folder, http_port=free_port(), https_port=free_port())
    made.webroot.mkdir()
    made.config.write_text(_MAIN.format(folder=folder))
    made._with_challenges()
    (folder / "sites" / "default.conf").write_text(made._plain("_"))
    try:
        made.start()
        yield made
    finally:
        made.stop()
        if made.blocker is not None:
            made.blocker.close()


def _connects(port: int) -> bool:
    with socket.create_connection((ADDRESS, port), timeout=1):
        return True
