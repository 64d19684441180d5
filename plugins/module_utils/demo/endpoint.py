# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the TLS endpoint, and knows whether it serves what it should."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import pwd
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

from ..errors import MaintenanceError
from ..files import write_atomic
from . import cluster, processes, tls_server
from .layout import Layout
from .pki import SITES, Pki

ADDRESS = "127.0.0.1"
START_SECONDS = 10


@dataclass(frozen=True)
class Endpoint:
    """The process that serves the certificates."""

    layout: Layout
    pki: Pki
    port: int

    @property
    def script(self) -> str:
        return os.path.join(self.layout.endpoint, "server.py")

    @property
    def log(self) -> str:
        return os.path.join(self.layout.endpoint, "server.log")

    @property
    def _configuration(self) -> str:
        return os.path.join(self.layout.endpoint, "server.json")

    def due(self) -> str:
        """Why it has to be started (again); empty where it runs and serves what is on disk."""
        if not processes.running(self.script):
            return "it does not run"
        if self._read() != self._wanted():
            return "its port or its certificates have changed"
        return "" if self._served() else "it does not answer"

    def restart(self) -> None:
        """Raises MaintenanceError where the port is somebody else's or the server does not come up."""
        processes.stop(self.script)
        self._require_port()
        os.makedirs(self.layout.endpoint, mode=0o700, exist_ok=True)
        write_atomic(self.script, inspect.getsource(tls_server).encode(), mode=0o600)
        write_atomic(self._configuration, json.dumps(self._wanted()).encode(), mode=0o600)
        process = processes.start(self.script, [self._configuration], log=self.log)
        limit = time.monotonic() + START_SECONDS
        while not self._served():
            if process.poll() is not None or time.monotonic() > limit:
                processes.stop(self.script)
                raise MaintenanceError(f"The demo's TLS endpoint did not start: see {self.log}.")
            time.sleep(0.03)

    def stop(self) -> bool:
        """Whether there was one."""
        return bool(processes.stop(self.script))

    def _wanted(self) -> dict[str, Any]:
        sites = [
            {
                "hosts": list(leaf.hosts),
                "certificate": self.pki.certificate_of(leaf),
                "key": self.pki.key_of(leaf),
                # Not for the server: a renewed certificate makes another configuration, and so a restart.
                "sha256": _digest(self.pki.certificate_of(leaf)),
            }
            for leaf in SITES
            if leaf.served
        ]
        name = cluster.account()
        entry = pwd.getpwnam(name) if name else None
        return {"port": self.port, "account": [entry.pw_uid, entry.pw_gid] if entry else None, "sites": sites}

    def _read(self) -> Any:
        try:
            with open(self._configuration, encoding="utf-8") as stream:
                return json.load(stream)
        except (OSError, ValueError):
            return None

    def _served(self) -> bool:
        """Whether a handshake succeeds; what it is about is the checks' business."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            plain = socket.create_connection((ADDRESS, self.port), timeout=2)
            context.wrap_socket(plain, server_hostname=SITES[0].hosts[0]).close()
        except OSError:
            return False
        return True

    def _require_port(self) -> None:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((ADDRESS, self.port))
            except (OSError, OverflowError) as error:
                raise MaintenanceError(
                    f"The demo's TLS endpoint cannot have port {self.port} on {ADDRESS} "
                    f"({getattr(error, 'strerror', None) or error}): choose another with -e demo_tls_port=PORT."
                ) from None


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return ""
