"""What is served, held against what is on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint, Presented
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import served
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services.plan import Pledge
from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding
from tests.lab.certificates import Made, make
from tests.lab.modules import ROOT

WHERE = Endpoint("127.0.0.1", 443, "clinic.example")


class World:
    """An endpoint that presents one certificate after the other, and by kind of key what it is told."""

    def __init__(self, *presents: Made, by_kind: dict[str, Made] | None = None) -> None:
        self._presents = list(presents)
        self._by_kind = by_kind or {}
        self.asked_by_kind: list[str] = []

    def ask(self, endpoints: Sequence[Endpoint]) -> list[Presented]:
        return [Presented(one, [self._presents.pop(0).der]) for one in endpoints]

    def ask_by_kind(self, wanted: Sequence[tuple[Endpoint, str]]) -> list[Presented]:
        self.asked_by_kind += [kind for _endpoint, kind in wanted]
        return [Presented(endpoint, [self._by_kind[kind].der]) for endpoint, kind in wanted]

    def findings(self, *files: Path) -> list[Finding]:
        pledge = Pledge(WHERE, tuple(str(path) for path in files), "nginx", "nginx.conf:1")
        return served.findings([pledge], self.ask([WHERE]), ask_again=self.ask, ask_by_kind=self.ask_by_kind)


def put(path: Path, made: Made) -> Path:
    path.write_bytes(made.pem)
    return path


def test_the_first_certificate_of_the_file_counts(tmp_path: Path) -> None:
    leaf, issuer = make(), make("issuer.example")
    path = tmp_path / "a.pem"
    path.write_bytes(leaf.key_pem + leaf.pem + issuer.pem)
    assert [one.status for one in World(leaf).findings(path)] == ["ok"]
    assert [one.status for one in World(issuer, issuer).findings(path)] == ["critical"]


def test_what_differs_is_looked_at_twice(tmp_path: Path) -> None:
    old, new = make(), make(days=80)
    path = put(tmp_path / "a.pem", new)
    assert World(old, new).findings(path)[0].status == "ok"
    assert World(old, old).findings(path)[0].status == "critical"


def test_a_renewal_that_changes_the_kind_of_key_is_one_finding(tmp_path: Path) -> None:
    old = make(key=rsa.generate_private_key(65537, 2048))
    path = put(tmp_path / "a.pem", make(days=80))
    world = World(old, old)
    assert [one.status for one in world.findings(path)] == ["critical"]
    assert world.asked_by_kind == []


@pytest.mark.parametrize(("shown", "status"), [("on disk", "ok"), ("before", "critical")])
def test_each_kind_of_key_is_asked_for(tmp_path: Path, shown: str, status: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    ecdsa, old, new = make(), make(key=key), make(key=key, days=80)
    files = put(tmp_path / "ecdsa.pem", ecdsa), put(tmp_path / "rsa.pem", new)
    world = World(ecdsa, by_kind={"RSA": new if shown == "on disk" else old})
    found = world.findings(*files)
    assert [(one.subject, one.status) for one in found] == [(WHERE.label, "ok"), (f"{WHERE.label} [RSA]", status)]
    assert [one["file"] for one in found[1].evidence["on_disk"]] == [str(files[1])]


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None])
def test_a_file_that_tells_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.pem"
    if content is not None:
        path.write_bytes(content)
    [finding] = World(make()).findings(path)
    assert finding.status == "unknown"
    assert str(path) in finding.message


def test_an_endpoint_that_tells_nothing(tmp_path: Path) -> None:
    path = put(tmp_path / "a.pem", make())
    pledge = Pledge(WHERE, (str(path),))
    for presented in (Presented(WHERE, problem="no answer"), Presented(WHERE), Presented(WHERE, [b"no certificate"])):
        world = World()
        [finding] = served.findings([pledge], [presented], ask_again=world.ask, ask_by_kind=world.ask_by_kind)
        assert finding.status == "unknown"
        assert "served" not in finding.evidence


def test_nothing_of_it_is_loaded_where_no_service_is_named() -> None:
    code = (
        "import sys, datetime\n"
        "from ansible_collections.careops.maintenance.plugins.module_utils.certificates import check, sources\n"
        "from ansible_collections.careops.maintenance.plugins.modules import cert_expiry\n"
        "policy = check.Policy(sources=[sources.Source('/etc/hostname')], services=cert_expiry._services([]))\n"
        "check.check(policy, now=datetime.datetime.now(datetime.timezone.utc))\n"
        "print([name for name in sys.modules if '.services' in name])\n"
    )
    environment = {"PYTHONPATH": str(ROOT / ".collections"), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
