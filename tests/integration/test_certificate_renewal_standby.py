"""certificate_renewal on a standby: what is stopped on purpose is given the new certificate, what died is trouble."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import health
from tests.lab.health import Systemd, wait_for
from tests.lab.modules import findings_of, run_module
from tests.lab.nginx import Nginx, nginx
from tests.lab.renewals import Box, acted, outcome, outcomes

# Of this process alone: another systemd on this machine would have its processes in the same control group.
NAME = f"nginx-{os.getpid()}"
UNIT = """
[Service]
ExecStart={nginx} -g "daemon off;"
ExecReload={nginx} -s reload
[Install]
WantedBy=default.target
"""


@pytest.fixture(scope="module")
def systemd() -> Iterator[Systemd]:
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(health.systemd())
        if running is None:
            pytest.skip("this machine does not let us start a systemd")
        yield running


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Nginx]:
    with nginx(tmp_path / "nginx") as made:
        yield made


class Node:
    """A host whose nginx is a unit of a real systemd, and serves a certificate that is due."""

    def __init__(self, systemd: Systemd, web: Nginx, folder: Path) -> None:
        self.systemd = systemd
        self.web = web
        self.box = Box(web, folder, left=20)
        # Where masking finds nothing in its way.
        unit = systemd.folder / "home" / ".local" / "share" / "systemd" / "user" / f"{NAME}.service"
        unit.parent.mkdir(parents=True, exist_ok=True)
        unit.write_text(UNIT.format(nginx=f"/usr/sbin/nginx -c {web.config}"))
        self.box.script("bin/systemctl", f'echo "$@" >> {folder}/calls', 'exec /usr/bin/systemctl --user "$@"')
        self.control("daemon-reload")
        self.service()

    def control(self, *arguments: str) -> None:
        done = self.systemd.control(*arguments)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """In the place of the one that the lab has started."""
        self.web.stop()
        self.control("start", NAME)
        wait_for(self.box.served)

    def service(self, **more: Any) -> None:
        """Without a reload of its own."""
        self.box.entry["services"] = [{"name": NAME, "config_test": self.web.service()["config_test"], **more}]

    def renew(self, **more: Any) -> dict[str, Any]:
        environment = {**os.environ, "PATH": f"{self.box.folder}/bin:{os.environ['PATH']}"}
        python = self.systemd.python
        return run_module("certificate_renewal", self.box.options(**more), env=environment, python=python)

    def installed(self) -> bytes:
        return self.box.certificate.read_bytes()

    def clean(self) -> None:
        for arguments in (("kill", "--signal=KILL"), ("stop",), ("unmask",), ("disable",), ("reset-failed",)):
            self.systemd.control(*arguments, NAME)


@pytest.fixture
def node(systemd: Systemd, web: Nginx, tmp_path: Path) -> Iterator[Node]:
    made = Node(systemd, web, tmp_path / "node")
    yield made
    made.clean()


@pytest.mark.parametrize("how", ["enable", "disable"])
def test_what_runs_is_reloaded_whatever_its_unit(node: Node, how: str) -> None:
    node.start()
    node.control(how, NAME)
    result = node.renew()
    assert outcomes(result) == ["ok"], outcome(result)["message"]
    assert node.box.served() == node.box.new.fingerprint


@pytest.mark.parametrize(("how", "policy"), [("disable", None), ("mask", None), ("enable", True)])
def test_what_is_stopped_on_purpose_gets_the_new_one(node: Node, how: str, policy: bool | None) -> None:
    node.service(may_be_stopped=policy)
    node.start()
    node.control("stop", NAME)
    node.control(how, NAME)
    result = node.renew()
    assert acted(result) == [("renew", "done")] and node.installed() == node.box.new.pem
    for told in (outcome(result)["message"], result["actions"][0]["reason"]):
        assert f"{NAME} is stopped on purpose, and reads it when it starts" in told
    assert outcome(result)["evidence"]["stopped"] == [NAME]
    (served,) = findings_of(result, "renewal.served")
    assert served["status"] == "ok" and f"{NAME} is stopped on purpose" in served["message"]
    assert "reload" not in (node.box.folder / "calls").read_text()
    again = node.renew()
    assert again["actions"] == [] and {finding["status"] for finding in again["findings"]} == {"ok"}
    assert {finding["status"] for finding in node.renew(mode="validate")["findings"]} == {"ok"}


@pytest.mark.parametrize(
    ("ended", "how", "policy"),
    [("died", "disable", None), ("died", "enable", True), ("stopped", "enable", None), ("stopped", "disable", False)],
)
def test_what_died_or_should_run_is_trouble(node: Node, ended: str, how: str, policy: bool | None) -> None:
    node.service(may_be_stopped=policy)
    node.start()
    node.control(how, NAME)
    node.control(*(("kill", "--signal=KILL") if ended == "died" else ("stop",)), NAME)
    wait_for(lambda: node.systemd.control("is-active", NAME).returncode)
    result = node.renew()
    assert acted(result) == [("renew", "failed"), ("roll_back", "done")] and node.installed() == node.box.old.pem
    assert f"{NAME} did not reload (" in outcome(result)["message"]
    (served,) = findings_of(result, "renewal.served")
    assert served["status"] == "unknown" and "start the service" in served["message"]


def test_a_standby_whose_configuration_is_broken_is_told(node: Node) -> None:
    """It could not take over."""
    node.web.stop()
    node.web.break_configuration()
    assert outcome(node.renew())["evidence"]["cause"] == "configuration" and node.installed() == node.box.old.pem


def test_another_host_that_answers_is_not_held_against_the_files_here(node: Node) -> None:
    """As behind an address that moves with the active one; here, it is one that systemd knows nothing of."""
    result = node.renew()
    assert outcomes(result) == ["ok"] and node.installed() == node.box.new.pem
    assert node.box.served() == node.box.old.fingerprint
    again = node.renew()
    assert again["actions"] == [] and {finding["status"] for finding in again["findings"]} == {"ok"}


def test_one_that_stops_on_purpose_meanwhile_is_not_waited_for(node: Node) -> None:
    """The other node takes over between the order and the reload."""
    node.start()
    node.box.brings(node.box.new, f"systemctl stop {NAME}")
    assert outcomes(node.renew()) == ["ok"] and node.installed() == node.box.new.pem
