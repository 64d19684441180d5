"""Killed before each change that a renewal makes to names of files, one by one: the next run puts all right."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import acme
from tests.lab.certificates import NOW_TEXT, Made, make
from tests.lab.modules import ROOT, findings_of, run_module
from tests.lab.nginx import ADDRESS, Nginx, nginx

NAME = "box.example"
KINDS = ("privkey", "cert", "chain", "fullchain")
# Ends the process before the call with this number, of those that change names in folders.
STARTER = """
import json, os, runpy, signal, sys
from ansible.module_utils.testing import patch_module_args

given = json.load(sys.stdin)
left = given.pop("calls")

def counted(call):
    def counts(*args, **more):
        global left
        path = str(args[-1])
        if "/whole/" in path and "/staged/" not in path:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **more)
    return counts

for name in ("replace", "rename", "unlink", "symlink", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
with patch_module_args(given):
    runpy.run_module("ansible_collections.careops.maintenance.plugins.modules.certificate_renewal", run_name="__main__")
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web") / "nginx") as made:
        yield made


def fresh(days: float) -> Made:
    return make(NAME, days=days, lifetime=90, key=ec.generate_private_key(ec.SECP256R1()))


OLD, NEW = fresh(20), fresh(89)


class Host:
    """A lineage whose certbot is a script that brings the new certificate, or another client's files."""

    def __init__(self, web: Nginx, folder: Path, client: str) -> None:
        self.web, self.folder, self.client = web, folder, client
        self.work = folder / "whole"
        self.conf = self.work / "letsencrypt"
        self.live = self.conf / "live" / NAME
        self.entry: dict[str, Any] = {
            "name": NAME,
            "services": [web.service()],
            "endpoints": [{"host": ADDRESS, "port": web.https_port, "server_name": NAME}],
        }
        ready = folder / "ready"
        ready.mkdir()
        for kind in KINDS:
            (ready / f"{kind}.pem").write_bytes(NEW.key_pem if kind == "privkey" else NEW.pem)
        if client == "certbot":
            self.program = self.script(
                f"cd {self.work}/state/{NAME}/staged",
                *(f"cp {ready}/{kind}.pem archive/{NAME}/{kind}2.pem" for kind in KINDS),
                *(f"ln -sf ../../archive/{NAME}/{kind}2.pem live/{NAME}/{kind}.pem" for kind in KINDS),
            )
            self.certificate, self.key = self.live / "fullchain.pem", self.live / "privkey.pem"
        else:
            self.certificate, self.key = self.work / "box.pem", self.work / "box.key"
            issued, issued_key = folder / "issued.pem", folder / "issued.key"
            if client == "in place":
                issued, issued_key = self.certificate, self.key
            self.program = self.script(f"cp {ready}/cert.pem {issued}", f"cp {ready}/privkey.pem {issued_key}")
            self.entry |= {
                "client": "command",
                "command": [str(self.program)],
                "certificate": str(self.certificate),
                "key": str(self.key),
                "issued_certificate": str(issued),
                "issued_key": str(issued_key),
            }

    def script(self, *lines: str) -> Path:
        path = self.folder / "client"
        path.write_text("\n".join(("#!/bin/sh -e", f"echo >> {self.folder}/orders", *lines, "")))
        path.chmod(0o755)
        return path

    def reset(self) -> None:
        """As on the day before."""
        shutil.rmtree(self.work, ignore_errors=True)
        for path in (*self.folder.glob("issued*"), *self.folder.glob("orders")):
            path.unlink()
        self.work.mkdir()
        if self.client == "certbot":
            archive = self.conf / "archive" / NAME
            for folder in (archive, self.live, self.conf / "renewal", self.conf / "accounts"):
                folder.mkdir(parents=True)
            for kind in KINDS:
                path = archive / f"{kind}1.pem"
                path.write_bytes(OLD.key_pem if kind == "privkey" else OLD.pem)
                path.chmod(0o640 if kind == "privkey" else 0o644)
                (self.live / f"{kind}.pem").symlink_to(f"../../archive/{NAME}/{kind}1.pem")
            (self.conf / "renewal" / f"{NAME}.conf").write_text(f"archive_dir = {archive}\n[renewalparams]\n")
        else:
            self.certificate.write_bytes(OLD.pem)
            self.key.write_bytes(OLD.key_pem)
            self.key.chmod(0o640)
        self.web.serve(NAME, certificate=self.certificate, key=self.key)

    def options(self) -> dict[str, Any]:
        return {
            "certificates": [self.entry],
            "certbot_program": str(self.program),
            "certbot_config_dir": str(self.conf),
            "certbot_logs_dir": str(self.folder),
            "certbot_work_dir": str(self.folder),
            "state_dir": str(self.work / "state"),
            "backup_dir": str(self.work / "backups"),
            "now": NOW_TEXT,
            "serve_timeout": 5,
        }

    def killed(self, calls: int) -> bool:
        """Whether it was before it came to its end."""
        done = subprocess.run(
            [sys.executable, "-c", STARTER],
            input=json.dumps({**self.options(), "calls": calls}),
            env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stdout
        return done.returncode != 0

    def orders(self) -> int:
        """How often the client was called since the day before."""
        path = self.folder / "orders"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def served(self) -> str:
        return acme.served(ADDRESS, self.web.https_port, NAME)


@pytest.mark.parametrize("client", ["certbot", "command", "in place"])
def test_killed_before_each_change(web: Nginx, tmp_path: Path, client: str) -> None:
    host = Host(web, tmp_path, client)
    calls = 0
    while True:
        calls += 1
        host.reset()
        if not host.killed(calls):
            break
        assert host.served() in (OLD.fingerprint, NEW.fingerprint)
        assert host.orders() <= 1
        result = run_module("certificate_renewal", host.options())
        told = f"killed before change {calls}: {result['findings']} {result['actions']}"
        assert host.served() == NEW.fingerprint, told
        assert host.orders() == 1, f"what was obtained is ordered again: {told}"
        assert host.certificate.read_bytes() == NEW.pem and host.key.read_bytes() == NEW.key_pem, told
        assert host.key.stat().st_mode & 0o777 == 0o640, told
        assert not findings_of(result, "renewal.due", status="unknown"), told
        assert {finding["status"] for finding in result["findings"]} <= {"ok", "warning"}, told
        # Some of it would be a private key that nobody knows of.
        left = {path.name for path in host.work.rglob("*") if path.name.endswith((".partial", ".careops"))}
        assert not left, told
        assert not [*host.work.rglob("journal.json"), *host.work.rglob("staged")], told
    assert calls > (4 if client == "in place" else 6), "there are so many changes at least"
