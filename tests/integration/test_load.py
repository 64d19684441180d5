"""The load that proves that nothing is lost must itself see what is lost, late or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import load
from tests.lab.certificates import Made, make
from tests.lab.nginx import Nginx, nginx

RATE = 250
PRESENTED = make(serial=1)


def present(server: Nginx, made: Made) -> str:
    """From the next reload on, this is what it presents; the fingerprint."""
    (server.folder / "site.pem").write_bytes(made.pem)
    (server.folder / "site.key").write_bytes(made.key_pem)
    return made.fingerprint


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Nginx]:
    with nginx(tmp_path / "nginx") as started:
        present(started, PRESENTED)
        started.serve("clinic.example", certificate=started.folder / "site.pem", key=started.folder / "site.key")
        yield started


def test_the_load_sees_what_a_restart_loses(server: Nginx) -> None:
    with load.steady(port=server.https_port, name="clinic.example", rate=RATE, least=500) as requests:
        server.stop()
        server.start()
    assert requests.report.lost
    assert requests.report.requests[-1].problem == ""


def test_the_load_sees_an_answer_that_is_none(server: Nginx) -> None:
    site = server.folder / "sites" / "tls-clinic.example.conf"
    site.write_text(site.read_text().replace("return 200", "return 503"))
    with load.steady(port=server.https_port, name="clinic.example", rate=RATE, least=100) as requests:
        server.reload()
    assert "503" in requests.report.lost[-1].problem


def test_the_load_does_not_wait_for_a_server_that_stands_still(server: Nginx) -> None:
    with load.steady(port=server.https_port, name="clinic.example", rate=RATE, least=500) as requests:
        server.stand_still(seconds=1.5)
    report = requests.report
    assert report.lost == []
    # All whose time came meanwhile had begun, and are known to be late.
    assert len(report.late(seconds=0.7)) >= 0.7 * RATE


def test_the_load_tells_one_certificate_from_the_next(server: Nginx) -> None:
    with load.steady(port=server.https_port, name="clinic.example", rate=RATE, least=300) as requests:
        new = present(server, make(serial=2))
        server.reload()
    assert list(requests.report.fingerprints) == [PRESENTED.fingerprint, new]
    assert requests.report.lost == []
