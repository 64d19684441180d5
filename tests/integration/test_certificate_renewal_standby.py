"""certificate_renewal on a standby: what is stopped on purpose is given the new certificate, what died is trouble."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.modules import findings_of, run_module
from tests.lab.nginx import Nginx, nginx
from tests.lab.renewals import Box, acted, outcome, outcomes


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Nginx]:
    with nginx(tmp_path / "nginx") as made:
        yield made


class Node:
    """A host whose nginx is a unit of a systemd that is a script: it knows its state, and reloads what is active."""

    def __init__(self, web: Nginx, folder: Path) -> None:
        self.box = Box(web, folder, left=20)
        self.unit = folder / "unit"
        self.state("active", "enabled")
        reload = " ".join(web.service()["reload"])
        self.box.script(
            "bin/systemctl",
            f'echo "$@" >> {folder}/calls',
            f". {self.unit}",
            'case "$1" in',
            'show) printf "LoadState=loaded\\nActiveState=%s\\nUnitFileState=%s\\n" $active $file ;;',
            f"reload) [ $active = active ] && exec {reload}",
            'echo "$2.service is not active, cannot reload." >&2; exit 1 ;;',
            "esac",
        )
        self.service()

    def service(self, **more: Any) -> None:
        """Without a reload of its own."""
        test = self.box.web.service()["config_test"]
        self.box.entry["services"] = [{"name": "nginx", "config_test": test, **more}]

    def state(self, active: str, file: str) -> None:
        self.unit.write_text(f"active={active} file={file}\n")

    def stop(self, active: str, file: str) -> None:
        self.box.web.stop()
        self.state(active, file)

    def renew(self, **more: Any) -> dict[str, Any]:
        path = f"{self.box.folder}/bin:{os.environ['PATH']}"
        return run_module("certificate_renewal", self.box.options(**more), env={**os.environ, "PATH": path})

    def installed(self) -> bytes:
        return self.box.certificate.read_bytes()


@pytest.fixture
def node(web: Nginx, tmp_path: Path) -> Node:
    return Node(web, tmp_path / "node")


def test_what_runs_is_reloaded_whatever_its_unit(node: Node) -> None:
    node.state("active", "disabled")
    assert outcomes(node.renew()) == ["ok"] and node.box.served() == node.box.new.fingerprint


@pytest.mark.parametrize(
    ("file", "policy"), [("disabled", None), ("masked", None), ("enabled", True), ("static", True)]
)
def test_what_is_stopped_on_purpose_gets_the_new_one(node: Node, file: str, policy: bool | None) -> None:
    node.service(may_be_stopped=policy)
    node.stop("inactive", file)
    result = node.renew()
    assert acted(result) == [("renew", "done")] and node.installed() == node.box.new.pem
    for told in (outcome(result)["message"], result["actions"][0]["reason"]):
        assert "nginx is stopped on purpose, and reads it when it starts" in told
    assert outcome(result)["evidence"]["stopped"] == ["nginx"]
    (served,) = findings_of(result, "renewal.served")
    assert served["status"] == "ok" and "nginx is stopped on purpose" in served["message"]
    assert "reload" not in (node.box.folder / "calls").read_text()
    again = node.renew()
    assert again["actions"] == [] and {finding["status"] for finding in again["findings"]} == {"ok"}
    assert {finding["status"] for finding in node.renew(mode="validate")["findings"]} == {"ok"}


@pytest.mark.parametrize(
    ("active", "file", "policy"),
    [
        ("failed", "disabled", None),
        ("failed", "enabled", True),
        ("inactive", "enabled", None),
        ("inactive", "disabled", False),
    ],
)
def test_what_died_or_should_run_is_trouble(node: Node, active: str, file: str, policy: bool | None) -> None:
    node.service(may_be_stopped=policy)
    node.stop(active, file)
    result = node.renew()
    assert acted(result) == [("renew", "failed"), ("roll_back", "done")] and node.installed() == node.box.old.pem
    assert "nginx did not reload (nginx.service is not active, cannot reload.)" in outcome(result)["message"]
    (served,) = findings_of(result, "renewal.served")
    assert served["status"] == "unknown" and "start the service" in served["message"]


def test_a_standby_whose_configuration_is_broken_is_told(node: Node) -> None:
    """It could not take over."""
    node.stop("inactive", "disabled")
    node.box.web.break_configuration()
    assert outcome(node.renew())["evidence"]["cause"] == "configuration" and node.installed() == node.box.old.pem


def test_another_host_that_answers_is_not_held_against_the_files_here(node: Node) -> None:
    """As behind an address that moves with the active one."""
    node.state("inactive", "disabled")
    result = node.renew()
    assert outcomes(result) == ["ok"] and node.installed() == node.box.new.pem
    assert node.box.served() == node.box.old.fingerprint
    again = node.renew()
    assert again["actions"] == [] and {finding["status"] for finding in again["findings"]} == {"ok"}


def test_one_that_stops_on_purpose_meanwhile_is_not_waited_for(node: Node) -> None:
    """The other node takes over between the order and the reload."""
    pid = (node.box.web.folder / "nginx.pid").read_text().strip()
    node.box.brings(node.box.new, f"kill {pid}", f"echo active=inactive file=disabled > {node.unit}")
    assert outcomes(node.renew()) == ["ok"] and node.installed() == node.box.new.pem
