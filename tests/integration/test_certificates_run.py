"""Whole runs that renew: what the record, the notice and the audit log say of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import renewals, webhook
from tests.lab.acme import World
from tests.lab.runs import PLAYBOOKS, Platform, ended, read_record

NAME = "portal.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with renewals.serving(tmp_path_factory.mktemp("acme"), NAME) as made:
        yield made


@pytest.fixture
def platform(world: World, tmp_path: Path) -> Iterator[Platform]:
    """One host whose certificate nginx serves, beside one that renews nothing."""
    options = world.options(world.certificate(NAME))
    renewal = {
        "certificates_renewals": options["certificates"],
        "certificates_renewal_state_dir": str(tmp_path / "state"),
        "certificates_renewal_backup_dir": str(tmp_path / "backups"),
        "certificates_renewal_serve_timeout": 5,
        "certificates_acme_ca": options["acme_ca"],
        **{f"certificates_{key}": options[key] for key in options if key.startswith("certbot_")},
    }
    with webhook.receiver() as receiver:
        made = Platform(
            tmp_path,
            variables={
                "certificates_become": False,
                "certificates_become_user": "",
                "certificates_paths": [str(world.live(NAME) / "fullchain.pem")],
                "notify_channels": [receiver.options()],
                "audit_root": str(tmp_path / "kept" / "audit"),
                "audit_key_file": str(tmp_path / "audit.key"),
                "audit_security_procedures": ["certificates"],
            },
            hosts={"a": renewal, "b": {}},
            more_groups={"certificates": ["a", "b"], "audit": ["rec"]},
        )
        made.posts = receiver.posts  # type: ignore[attr-defined]
        yield made


def play(platform: Platform, *arguments: str, playbook: str = "certificates") -> tuple[int, dict[str, Any], str]:
    """How the playbook ended, and the record that the records host was given."""
    platform._write_inventory(())
    done = ended(platform.playbook(PLAYBOOKS / f"{playbook}.yml", arguments=arguments))
    return done.status, read_record(platform.newest()), done.output


def security_log(platform: Platform) -> list[dict[str, Any]]:
    folder = Path(platform.variables["audit_root"]) / "security"
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def test_a_renewal_is_written_down_told_and_sealed(platform: Platform, world: World) -> None:
    before = world.on_disk(NAME)
    status, record, output = play(platform, "-e", "certificates_renewal_mode=force")
    assert status == 0, output
    (action,) = [one for one in record["actions"] if one["action"] == "renew"]
    assert (action["outcome"], action["host"], action["target"]) == ("done", "a", NAME)
    assert action["before"]["fingerprint"] == before
    assert action["after"]["fingerprint"] == world.served(NAME) == world.on_disk(NAME) != before
    (entry,) = [one for one in security_log(platform) if one.get("action") == "renew"]
    assert entry["run"] == record["run"]["id"]
    told = platform.posts[-1]  # type: ignore[attr-defined]
    assert told and record["verdict"]["outcome"] in ("ok", "attention")


def test_a_renewal_that_fails_fails_the_run_and_says_why(platform: Platform, world: World) -> None:
    before = world.links(NAME)
    world.nginx.withhold_challenges()
    try:
        status, record, output = play(platform, "-e", "certificates_renewal_mode=force")
    finally:
        world.nginx.mend()
    assert status != 0 and "could not be renewed (validation" in output
    assert record["verdict"]["outcome"] == "failed" and world.links(NAME) == before
    assert world.served(NAME) == world.on_disk(NAME)


def test_a_rehearsal_shows_the_plan_and_validating_changes_nothing(platform: Platform, world: World) -> None:
    before = world.links(NAME)
    status, record, output = play(platform, "--check", "-e", "certificates_renewal_mode=force")
    assert status == 0, output
    assert [one["outcome"] for one in record["actions"] if one["action"] == "renew"] == ["planned"]
    status, record, output = play(platform, playbook="validate")
    findings = [json.loads(line) for line in (platform.newest().parent / "findings.jsonl").read_text().splitlines()]
    assert {one["status"] for one in findings if one["check"] == "renewal.valid"} == {"ok"}
    assert world.links(NAME) == before and not (platform.folder / "backups").exists()
