"""Whole runs on hosts that are reached by ssh, as accounts that only sudo lets do anything."""

from __future__ import annotations

import configparser
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import ssh
from tests.lab.modules import ROOT
from tests.lab.runs import Platform, ended, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets root alone start sessions of others")


@pytest.fixture
def host() -> Iterator[ssh.Host]:
    with ssh.host() as made:
        yield made


def platform_of(folder: Path, host: ssh.Host) -> Platform:
    """Two hosts, of which one wants a password; a records host and an anchor host, which are reached the same way."""
    return Platform(
        folder,
        variables={
            "policy_records_become": True,
            "audit_key_file": str(folder / "audit.key"),
            "audit_anchor_root": str(folder / "anchors"),
            "audit_anchor_host": "b",
            "health_become_user": "postgres",
            "health_resources": ["disk"],
            "health_history_dir": "",
        },
        hosts={"a": host.reached(), "b": host.reached(ssh.ASKED)},
        records=host.reached(),
        more_groups={"audit": ["rec"], "anchors": ["b"]},
        own_roles=("health",),
    )


def test_a_run_as_accounts_without_privileges(host: ssh.Host, tmp_path: Path) -> None:
    platform = platform_of(tmp_path, host)
    # As where an ansible.cfg that is not ours says nothing of pipelining.
    run = platform.run("health", environment={"ANSIBLE_PIPELINING": "0"}, arguments=("-vvvv",))
    record = platform.record()
    assert (run.status, record["verdict"]["outcome"]) == (0, "ok"), run.output
    looked = {row["host"] for row in record["procedures"] if row["name"] == "health" and row["state"] == "ok"}
    assert looked == {"a", "b"}
    (taken,) = platform.taken()
    assert taken.stat().st_uid == 0
    assert list((tmp_path / "anchors").glob("*/checkpoints.jsonl"))
    # Neither the password nor what was delivered is among what is printed, however much is asked for.
    assert ssh.PASSWORD not in run.output
    assert "parcel: VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in run.output


def test_a_host_that_freezes_is_left_behind(host: ssh.Host, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    platform = Platform(tmp_path, hosts={"a": host.reached(), "b": {}})
    command = f"[ {{{{ inventory_hostname }}}} = b ] || {{ touch {begun}; sleep 60; }}"
    platform.add_role(
        "endless", json.dumps([{"ansible.builtin.shell": command, "become_method": "sudo", "become": True}])
    )
    settings = configparser.ConfigParser()
    settings.read(ROOT / "ansible.cfg")
    # What users have, in a hurry.
    hurried = settings["ssh_connection"]["ssh_args"].replace("ServerAliveInterval=15", "ServerAliveInterval=1")
    process = platform.start("endless", environment={"ANSIBLE_SSH_ARGS": hurried})
    wait_until(begun.exists)
    host.freeze()
    frozen = time.monotonic()
    run = ended(process)
    assert time.monotonic() - frozen < 50, run.output
    record = platform.record()
    states = {row["host"]: row["state"] for row in record["procedures"] if row["name"] == "endless"}
    assert (run.status, states) == (4, {"a": "unreachable", "b": "ok"}), run.output
    assert record["verdict"]["outcome"] == "failed"
    assert platform.taken()
