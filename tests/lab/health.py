"""What health checks look at, for real: a portal over HTTP(S) with a login, a Redis, and a systemd of one's own."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.health.arguments import ARGUMENTS
from tests.lab.postgres import free_port

NOW = datetime.datetime(2026, 11, 21, 12, 0, 0, tzinfo=datetime.timezone.utc)
PASSWORD = "lab-Portal-password-9"
HEALTHY: dict[str, Any] = {
    "status": "healthy",
    "uptime": 86400,
    "checks": {"database": {"ok": True, "latency_ms": 4}, "queue": {"length": 3}},
    "nodes": [{"name": "a", "state": "ready"}, {"name": "b", "state": "ready"}],
    "version": "2.4.1",
    "session_token": "eyJ-never-shown-0123456789",
}


def options_of(**given: Any) -> dict[str, Any]:
    """The options as the module gets them, defaults and all; nothing of the host is looked at unless told."""
    result = ModuleArgumentSpecValidator(ARGUMENTS).validate({"resources": [], **given})
    if result.error_messages:
        raise MaintenanceError("; ".join(result.error_messages))
    options: dict[str, Any] = result.validated_parameters
    return options


@dataclass
class Portal:
    """The service and how it is to behave. tokens: of those who are logged in. seen: method and path of requests."""

    port: int = 0
    scheme: str = "http"
    health: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(HEALTHY)))
    broken_profile: bool = False
    tokens: set[str] = field(default_factory=set)
    seen: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    portal: Portal

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_HEAD = do_PUT = do_GET

    def _answer(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        self.portal.seen.append((self.command, self.path))
        self.portal.headers.append(dict(self.headers.items()))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = "at_" + path.strip("/").replace("/", "_").replace("-", "_")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, name, self.at_nowhere)(body)

    def say(self, status: int, content: Any = None, **headers: str) -> None:
        data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def at_nowhere(self, _body: bytes) -> None:
        self.say(404, {"error": "not found"})

    def at_health(self, _body: bytes) -> None:
        self.say(200, self.portal.health)

    def at_list(self, _body: bytes) -> None:
        self.say(200, [{"ok": True}, {"ok": False}])

    def at_text(self, _body: bytes) -> None:
        self.say(200, b"<html>All systems operational</html>")

    def at_empty(self, _body: bytes) -> None:
        self.say(204)

    def at_broken(self, _body: bytes) -> None:
        self.say(500, {"error": "boom", "token": "must-not-be-told"})

    def at_moved(self, _body: bytes) -> None:
        self.say(302, None, Location="/health?token=must-not-be-told")

    def at_bucket(self, _body: bytes) -> None:
        self.say(403)

    def at_big(self, _body: bytes) -> None:
        self.say(200, b'{"filler": "' + b"x" * (2 << 20) + b'"}')

    def at_slow(self, _body: bytes) -> None:
        self.portal.released.wait(0.4)
        self.say(200, {"status": "healthy"})

    def at_silent(self, _body: bytes) -> None:
        self.portal.released.wait(60)

    def at_drip(self, _body: bytes) -> None:
        """A byte now and then: no single reading is ever late."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.portal.released.wait(0.1):
            self.wfile.write(b" ")

    def at_cut(self, _body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"status": ')

    def at_guarded(self, _body: bytes) -> None:
        allowed = self.headers.get("X-Api-Key") == PASSWORD
        self.say(200 if allowed else 401, {"status": "healthy"} if allowed else None)

    def at_echo(self, body: bytes) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        self.say(200, {"said": {**{key: values[0] for key, values in query.items()}, "body": body.decode()}})

    def at_api_login(self, body: bytes) -> None:
        given = self._given(body)
        if given.get("user") != "probe" or given.get("password") != PASSWORD:
            self.say(401, {"error": f"wrong password {given.get('password')}"})
            return
        token = secrets.token_urlsafe(24)
        self.portal.tokens.add(token)
        self.say(200, {"access_token": token, "user": "probe"}, Set_Cookie=f"sid={token}; HttpOnly", X_Csrf=token)

    def _given(self, body: bytes) -> Mapping[str, Any]:
        if "form" in self.headers.get("Content-Type", ""):
            return dict(urllib.parse.parse_qsl(body.decode()))
        given: dict[str, Any] = json.loads(body or b"{}")
        return given

    def _token(self) -> str:
        cookie = self.headers.get("Cookie", "").partition("sid=")[2]
        return self.headers.get("Authorization", "").partition("Bearer ")[2] or cookie

    def at_api_me(self, _body: bytes) -> None:
        token = self._token()
        if token not in self.portal.tokens:
            self.say(401, {"error": "denied"})
        elif self.portal.broken_profile:
            self.say(200, {"user": f"token {token}", "token": token})
        else:
            self.say(200, {"user": "probe", "id": 17})

    def at_api_logout(self, _body: bytes) -> None:
        self.portal.tokens.discard(self._token())
        self.say(204)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps quiet."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away, or that do not trust it, are what the tests are about."""


@contextlib.contextmanager
def portal(context: ssl.SSLContext | None = None) -> Iterator[Portal]:
    """Starts the portal on the loopback address, with TLS where there is a context."""
    state = Portal(scheme="https" if context else "http")
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"portal": state}))
    if context:
        # The handshake in the thread of the connection, not in the one that accepts.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def greeter(greeting: bytes) -> Iterator[int]:
    """A TCP server that says this to everybody, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _address = listener.accept()
                    with contextlib.suppress(OSError), connection:
                        connection.sendall(greeting)
                        connection.settimeout(5)
                        connection.recv(64)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@dataclass
class Redis:
    """A running Redis. Its password is PASSWORD."""

    port: int
    process: subprocess.Popen[bytes]

    def command(self, *words: str) -> str:
        """What redis-cli gets as an answer."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port), *words],
            env={**os.environ, "REDISCLI_AUTH": PASSWORD},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    """Starts Debian's Redis on the loopback address, with a password and without a file."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="careops-redis-"))
    config = folder / "redis.conf"
    config.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {PASSWORD}\nsave ""\nappendonly no\ndir {folder}\n')
    process = subprocess.Popen(["redis-server", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    running = Redis(port, process)
    try:
        wait_for(lambda: running.command("PING") == "PONG")
        yield running
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(condition: Any, *, seconds: float = 20) -> None:
    """Waits until it holds; an error counts as not yet."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            if condition():
                return
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


UNITS = {
    "good": "[Service]\nExecStart=/bin/sleep 1000\n",
    "bad": "[Service]\nExecStart=/bin/false\n",
    "loop": "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=300\n",
    "slow": "[Service]\nType=notify\nExecStart=/bin/sleep 1000\n",
    "fragile": "[Service]\nExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=50ms\n",
    "broken": "[Service]\nExecStart=sleep without a path\nExecStart=/bin/x\n",
}


@dataclass
class Systemd:
    """A systemd for an account, in a mount namespace where it believes that the host was booted with systemd."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def python(self) -> str:
        """A Python that runs in there, for ``run_module``."""
        return str(self.folder / "python")

    def control(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "enter", "systemctl", "--user", *arguments], capture_output=True, text=True, check=False
        )


_START = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/0
chmod 700 /run/user/0
export XDG_RUNTIME_DIR=/run/user/0 HOME=$1/home
exec /lib/systemd/systemd --user
"""


@contextlib.contextmanager
def systemd() -> Iterator[Systemd | None]:
    """Starts it with UNITS; None where this machine does not let us."""
    import sys

    folder = Path(tempfile.mkdtemp(prefix="careops-systemd-"))
    units = folder / "home" / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    for name, content in UNITS.items():
        (units / f"{name}.service").write_text(content)
    (units / "masked.service").symlink_to("/dev/null")
    process = subprocess.Popen(
        ["unshare", "--mount", "--fork", "--kill-child", "bash", "-c", _START, "start", folder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    running = Systemd(process, folder)
    try:
        child = _child(process)
        for name, program in (("enter", ""), ("python", sys.executable)):
            script = folder / name
            script.write_text(
                "#!/bin/sh\nexport XDG_RUNTIME_DIR=/run/user/0\n"
                f'exec nsenter --target {child} --mount --wd=/ {program} "$@"\n'
            )
            script.chmod(0o755)
        try:
            wait_for(lambda: "running" in running.control("is-system-running").stdout, seconds=10)
        except AssertionError:
            yield None
            return
        yield running
        running.control("exit")
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _child(process: subprocess.Popen[bytes]) -> int:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _attempt in range(100):
        with contextlib.suppress(OSError, IndexError):
            return int(path.read_text().split()[0])
        time.sleep(0.05)
    return process.pid
