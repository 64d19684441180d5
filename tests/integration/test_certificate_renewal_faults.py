"""certificate_renewal when things go wrong behind the issue: put back; and killed anywhere: finished or undone."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.renewal.journal import is_locked
from tests.lab import renewals
from tests.lab.acme import World
from tests.lab.health import wait_for
from tests.lab.modules import findings_of, run_module, start_module
from tests.lab.renewals import Ward, acted, outcome

NAME = "ward.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with renewals.serving(tmp_path_factory.mktemp("acme"), NAME) as made:
        yield made


@pytest.fixture
def ward(world: World, tmp_path: Path) -> Iterator[Ward]:
    assert world.on_disk(NAME) == world.served(NAME)
    yield Ward(world, NAME, tmp_path)
    world.nginx.mend()
    assert world.on_disk(NAME) == world.served(NAME)


def rolled_back(ward: Ward, result: dict[str, Any]) -> dict[str, Any]:
    """The finding of a renewal that was put back, with nothing left of it where certbot would find it."""
    assert result["changed"] is False
    assert acted(result) == [("renew", "failed"), ("roll_back", "done")]
    assert ward.is_as_before()
    finding = outcome(result)
    assert finding["status"] == "critical" and "is back" in finding["message"]
    assert not (ward.state / "journal.json").exists()
    return finding


def test_a_configuration_that_breaks_meanwhile_is_no_reason_to_lose_the_certificate(ward: Ward) -> None:
    archived = ward.archived()
    ward.world.front.when_issued = ward.world.nginx.break_configuration
    try:
        finding = rolled_back(ward, ward.renew())
    finally:
        ward.world.front.when_issued = None
    assert "the configuration of nginx is broken" in finding["message"] and ward.archived() == archived
    ward.world.nginx.mend()
    # Certbot by itself would put into use what it finds newer in its archive.
    ward.world.certbot("renew", "--cert-name", NAME)
    assert ward.is_as_before()
    # Who only looks leaves what was obtained where it is.
    assert ward.renew(mode="check")["actions"] == []
    later = ward.renew(mode="auto")
    assert [action["action"] for action in later["actions"]] == ["install"]
    assert ward.world.served(NAME) == ward.world.on_disk(NAME) != ward.before


def test_a_broken_configuration_is_found_before_anything_is_ordered(ward: Ward) -> None:
    ward.world.nginx.break_configuration()
    orders = len(ward.world.front.seen)
    result = ward.renew()
    assert "POST" not in {method for method, _path in ward.world.front.seen[orders:]}
    assert outcome(result)["evidence"]["cause"] == "configuration" and ward.is_as_before()


def test_a_reload_without_effect_is_seen(ward: Ward) -> None:
    ward.world.front.when_issued = ward.world.nginx.block_reload
    try:
        finding = rolled_back(ward, ward.renew())
    finally:
        ward.world.front.when_issued = None
    assert "still serves another certificate 5 seconds after the reload" in finding["message"]


def test_a_reload_that_fails_is_put_back(ward: Ward) -> None:
    ward.service(reload=[ward.script("reload", "echo 'reload: error: no such unit' >&2", "exit 5")])
    assert "nginx did not reload (reload: error: no such unit)" in rolled_back(ward, ward.renew())["message"]


def test_a_service_that_is_gone_after_the_reload_is_told(ward: Ward) -> None:
    other = ward.world.nginx
    ward.service(reload=[ward.script("reload", f"kill $(cat {other.folder}/nginx.pid)")])
    result = ward.renew(serve_timeout=2)
    finding = outcome(result)
    assert finding["status"] == "critical" and "does not answer any more" in finding["message"]
    assert "not proven served" in finding["message"]
    assert ward.world.links(NAME) == ward.links
    other.stop()
    other.start()


@pytest.fixture
def deploy_hooks(world: World) -> Iterator[Path]:
    folder = world.config_dir / "renewal-hooks" / "deploy"
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    for path in folder.iterdir():
        path.unlink()


def test_deploy_hooks_run_once_it_is_served_and_their_status_counts(ward: Ward, deploy_hooks: Path) -> None:
    seen = ward.folder / "seen"
    hook = deploy_hooks / "tell"
    hook.write_text(f'#!/bin/sh\necho "$RENEWED_LINEAGE $RENEWED_DOMAINS" >> {seen}\n')
    hook.chmod(0o755)
    ward.renew()
    assert seen.read_text() == f"{ward.world.live(NAME)} {NAME}\n"
    ward.before, ward.links = ward.world.on_disk(NAME), ward.world.links(NAME)
    hook.write_text("#!/bin/sh\nexit 3\n")
    finding = rolled_back(ward, ward.renew())
    assert "tell failed with exit status 3" in finding["message"]


def killed(ward: Ward, process: Any) -> None:
    process.wait()
    assert process.returncode == -signal.SIGKILL
    for stream in (process.stdout, process.stderr):
        stream.close()


def finished_by_the_next_run(ward: Ward) -> dict[str, Any]:
    assert json.loads((ward.state / "journal.json").read_text())["phase"]
    seen = run_module("certificate_renewal", ward.options(mode="check"))
    (finding,) = findings_of(seen, "renewal.leftover")
    assert finding["status"] == "warning" and (ward.state / "journal.json").exists()
    result = ward.renew(mode="auto")
    assert not (ward.state / "journal.json").exists()
    assert {finding["status"] for finding in findings_of(result, "renewal.leftover")} == {"ok"}
    assert ward.world.on_disk(NAME) == ward.world.served(NAME)
    again = ward.renew(mode="auto")
    assert again["actions"] == [] and not findings_of(again, "renewal.leftover")
    return result


@pytest.mark.parametrize("where", ["config_test", "reload"])
def test_killed_while_it_puts_the_certificate_into_use(ward: Ward, where: str) -> None:
    if where == "config_test":
        ward.service(config_test=[ward.on_the_second_call("kill -9 $PPID")])
    else:
        ward.service(reload=[ward.script("reload", "kill -9 $PPID")])
    killed(ward, start_module("certificate_renewal", ward.options()))
    ward.entry = ward.world.certificate(NAME)
    result = finished_by_the_next_run(ward)
    assert [action["action"] for action in result["actions"]] == ["install"]
    assert ward.world.on_disk(NAME) != ward.before


def test_killed_in_a_deploy_hook(ward: Ward, deploy_hooks: Path) -> None:
    hook = deploy_hooks / "kill"
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    killed(ward, start_module("certificate_renewal", ward.options()))
    hook.unlink()
    finished_by_the_next_run(ward)
    assert ward.world.on_disk(NAME) != ward.before


def test_killed_while_the_client_orders(ward: Ward) -> None:
    """The client lives on. Until it ends nobody else renews; what it brought is then put into use."""
    process = start_module("certificate_renewal", ward.options())
    started = ward.folder / "ordering"

    def kill() -> None:
        os.kill(process.pid, signal.SIGKILL)
        started.touch()
        wait_for(lambda: not started.exists())

    ward.world.front.when_issued = kill
    try:
        wait_for(started.exists, seconds=60)
        busy = ward.renew(mode="auto")
        assert busy["failed"] is True and "wait for its end" in busy["msg"]
        assert findings_of(ward.renew(mode="check"), "renewal.leftover") == []
        started.unlink()
    finally:
        started.unlink(missing_ok=True)
        ward.world.front.when_issued = None
    killed(ward, process)
    assert ward.is_as_before()
    wait_for(lambda: not is_locked(str(ward.folder / "state")), seconds=60)
    finished_by_the_next_run(ward)
    assert ward.world.on_disk(NAME) != ward.before


def test_a_lineage_that_somebody_made_anew_after_a_run_was_killed_stays(ward: Ward) -> None:
    """As when its key had to be given up: neither it nor its configuration may come back from the backup."""
    world, client = ward.world, ward.script("certbot", "kill -9 $PPID")
    killed(ward, start_module("certificate_renewal", ward.options(certbot_program=client)))
    world.certbot("delete", "--cert-name", NAME)
    assert "certbot knows no certificate" in ward.renew(mode="auto")["findings"][0]["message"]
    assert not ward.conf.exists()
    world.issue(NAME)
    made = world.on_disk(NAME)
    result = ward.renew(mode="auto")
    (told,) = findings_of(result, "renewal.leftover")
    assert "somebody has put another one in its place" in told["message"]
    assert world.on_disk(NAME) == world.served(NAME) == made
    assert ward.archived() == {f"{kind}1.pem" for kind in ("cert", "chain", "fullchain", "privkey")}


def test_links_that_were_switched_by_half_are_put_right(ward: Ward) -> None:
    ward.service(config_test=[ward.on_the_second_call("kill -9 $PPID")])
    killed(ward, start_module("certificate_renewal", ward.options()))
    live = ward.world.live(NAME)
    for kind in ("cert", "chain", "fullchain"):
        (live / f"{kind}.pem").unlink()
        (live / f"{kind}.pem").symlink_to(ward.links[f"{kind}.pem"])
    ward.entry = ward.world.certificate(NAME)
    finished_by_the_next_run(ward)
    assert ward.world.on_disk(NAME) != ward.before
    assert len({target[-5] for target in ward.world.links(NAME).values()}) == 1


def test_what_was_renewed_by_somebody_else_and_is_not_served_is_served_after(ward: Ward) -> None:
    ward.world.certbot("renew", "--cert-name", NAME, "--force-renewal")
    assert ward.world.served(NAME) == ward.before
    result = ward.renew(mode="validate")
    assert {finding["status"] for finding in findings_of(result, "renewal.served")} == {"critical"}
    result = ward.renew(mode="auto")
    assert [(action["action"], action["outcome"]) for action in result["actions"]] == [("reload", "done")]
    assert ward.world.served(NAME) == ward.world.on_disk(NAME) != ward.before


def test_without_room_for_a_backup_nothing_begins(ward: Ward) -> None:
    (ward.folder / "backups").write_text("a file where the folder should be\n")
    result = ward.renew()
    assert "no backup could be taken" in outcome(result)["message"] and ward.is_as_before()


def test_a_backup_that_is_gone_does_not_stop_the_renewals_for_ever(ward: Ward) -> None:
    ward.service(reload=[ward.script("reload", "kill -9 $PPID")])
    killed(ward, start_module("certificate_renewal", ward.options()))
    shutil.rmtree(ward.folder / "backups")
    ward.entry = ward.world.certificate(NAME)
    result = ward.renew(mode="auto")
    (finding,) = findings_of(result, "renewal.leftover")
    assert finding["status"] == "warning" and "its backup is gone" in finding["message"]
    # The links lead to the new one already, so it is the service that lags behind.
    assert [action["action"] for action in result["actions"]] == ["reload"]
    assert ward.world.on_disk(NAME) == ward.world.served(NAME)


def test_a_client_that_is_stopped_may_clean_up(ward: Ward) -> None:
    seen = ward.folder / "ended"
    program = ward.script("certbot", f"trap 'echo bye > {seen}; exit 1' TERM", "sleep 60 & wait")
    finding = outcome(ward.renew(certbot_program=program, timeout=2))
    assert finding["evidence"]["cause"] == "timeout" and seen.read_text() == "bye\n"
    assert ward.is_as_before()
