"""Endpoints by name where the resolver hangs: no longer than ``timeout``, and the process ends."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.certificates import NOW_TEXT, authority, make, tls_server
from tests.lab.modules import findings_of, run_module
from tests.lab.renewals import script

SILENT = "127.0.0.77"  # of this test alone


@pytest.fixture
def python(tmp_path: Path) -> Iterator[str]:
    """A Python on a host whose name server takes questions and says nothing, for minutes."""
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(f"nameserver {SILENT}\noptions timeout:30 attempts:5\n")
    files = tmp_path / "nsswitch.conf"
    files.write_text("hosts: files dns\n")
    mounts = [f"mount --bind {path} /etc/{path.name}" for path in (resolver, files)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((SILENT, 53))
        inside = script(tmp_path / "inside", "set -e", *mounts, f'exec {sys.executable} "$@"')
        yield str(script(tmp_path / "python", f'exec unshare --mount {inside} "$@"'))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_a_resolver_that_hangs_costs_no_more_than_the_timeout(python: str, tmp_path: Path) -> None:
    ca = authority()
    with tls_server(tmp_path, [make("localhost", issuer=ca)]) as server:
        names = ["one.example", "two.example", "localhost"]
        endpoints = [{"host": name, "port": server.port} for name in names]
        begun = time.monotonic()
        options = {"endpoints": endpoints, "timeout": 1, "tls_minimum": "TLSv1.2", "now": NOW_TEXT}
        result = run_module("cert_expiry", options, python=python)
        seconds = time.monotonic() - begun
    assert seconds < 15, f"it took {seconds:.0f} seconds"
    unknown = {one["subject"]: one["message"] for one in findings_of(result, "certificate.readable", status="unknown")}
    assert set(unknown) == {f"{name}:{server.port}" for name in names[:2]}
    for message in unknown.values():
        assert "its name cannot be resolved (no answer within 1 second" in message
    assert {one["status"] for one in findings_of(result, "certificate.expiry")} == {"ok"}
