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
from tests.lab import acme
from tests.lab.acme import World
from tests.lab.certificates import make
from tests.lab.health import wait_for
from tests.lab.modules import findings_of, run_module, start_module
from tests.lab.nginx import ADDRESS

NAME = "ward.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with acme.world(tmp_path_factory.mktemp("acme")) as made:
        made.issue(NAME)
        made.serve(NAME)
        yield made


class Ward:
    """One lineage that nginx serves, with notes, backups and services that only this test has."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.before = world.on_disk(NAME)
        self.links = world.links(NAME)
        self.state = folder / "state" / NAME
        self.certificate = world.certificate(NAME)

    def options(self, **more: Any) -> dict[str, Any]:
        own = {"state_dir": str(self.folder / "state"), "backup_dir": str(self.folder / "backups"), "serve_timeout": 5}
        return self.world.options(self.certificate, **{**own, "mode": "force", **more})

    def renew(self, **more: Any) -> dict[str, Any]:
        return run_module("certificate_renewal", self.options(**more))

    def is_as_before(self) -> bool:
        return self.world.links(NAME) == self.links and self.world.on_disk(NAME) == self.before == self.world.served(
            NAME
        )

    def archived(self) -> set[str]:
        return {path.name for path in (self.world.config_dir / "archive" / NAME).iterdir()}

    def script(self, name: str, *lines: str) -> str:
        """A program for hooks and services."""
        path = self.folder / name
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)
        return str(path)

    def service(self, **more: Any) -> None:
        self.certificate = {**self.certificate, "services": [{**self.world.nginx.service(), **more}]}

    def on_the_second_call(self, do: str) -> str:
        """A configuration test that is one, and does something when it is asked for the second time."""
        test = " ".join(self.world.nginx.service()["config_test"])
        count = self.folder / "calls"
        return self.script(
            "test", f"echo x >> {count}", f'[ "$(wc -l < {count})" -ne 2 ] || {{ {do}; }}', f"exec {test}"
        )


@pytest.fixture
def ward(world: World, tmp_path: Path) -> Iterator[Ward]:
    assert world.on_disk(NAME) == world.served(NAME)
    yield Ward(world, tmp_path)
    world.nginx.mend()
    assert world.on_disk(NAME) == world.served(NAME)


def outcome(result: dict[str, Any]) -> dict[str, Any]:
    (finding,) = findings_of(result, "renewal.outcome")
    return finding


def rolled_back(ward: Ward, result: dict[str, Any]) -> dict[str, Any]:
    """The finding of a renewal that was put back, with nothing left of it where certbot would find it."""
    assert result["changed"] is False
    assert [action["action"] for action in result["actions"]] == ["renew", "roll_back"]
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
    ward.certificate = ward.world.certificate(NAME)
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


def test_links_that_were_switched_by_half_are_put_right(ward: Ward) -> None:
    ward.service(config_test=[ward.on_the_second_call("kill -9 $PPID")])
    killed(ward, start_module("certificate_renewal", ward.options()))
    live = ward.world.live(NAME)
    for kind in ("cert", "chain", "fullchain"):
        (live / f"{kind}.pem").unlink()
        (live / f"{kind}.pem").symlink_to(ward.links[f"{kind}.pem"])
    ward.certificate = ward.world.certificate(NAME)
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


class Box:
    """A certificate that a command of its own renews, in the way of acme.sh or lego, for the same nginx."""

    def __init__(self, world: World, folder: Path, *, apart: bool) -> None:
        self.world = world
        self.folder = folder
        self.certificate, self.key = folder / "box.pem", folder / "box.key"
        place = folder / "client" if apart else folder
        place.mkdir(exist_ok=True)
        self.issued, self.issued_key = place / "box.pem", place / "box.key"
        self.put(self.certificate, self.key, days=20)
        self.key.chmod(0o640)
        world.nginx.serve("box.example", certificate=self.certificate, key=self.key)
        self.entry = {
            "name": "box",
            "client": "command",
            "command": ["/bin/sh", "-c", "exit 9"],
            "certificate": str(self.certificate),
            "key": str(self.key),
            "services": [world.nginx.service()],
            "endpoints": [{"host": ADDRESS, "port": world.nginx.https_port, "server_name": "box.example"}],
        }
        if apart:
            self.entry |= {"issued_certificate": str(self.issued), "issued_key": str(self.issued_key)}

    @staticmethod
    def put(certificate: Path, key: Path, *, name: str = "box.example", days: float = 90, **more: Any) -> None:
        made = make(name, days=days, lifetime=90, **more)
        certificate.write_bytes(made.pem)
        key.write_bytes(made.key_pem)

    def client(self, **made: Any) -> None:
        """A client that brings this certificate."""
        ready = self.folder / "ready"
        ready.mkdir(exist_ok=True)
        self.put(ready / "box.pem", ready / "box.key", **made)
        script = self.folder / "client.sh"
        script.write_text(f"#!/bin/sh\ncp {ready}/box.pem {self.issued}\ncp {ready}/box.key {self.issued_key}\n")
        script.chmod(0o755)
        self.entry["command"] = [str(script)]

    def renew(self, **more: Any) -> dict[str, Any]:
        folders = {"state_dir": str(self.folder / "state"), "backup_dir": str(self.folder / "backups")}
        now = "2026-11-21T12:00:00+00:00"
        options = {"certificates": [self.entry], "now": now, "serve_timeout": 5, **folders, **more}
        return run_module("certificate_renewal", options)

    def served(self) -> str:
        return self.world.served("box.example")


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "in place"])
def test_another_client_renews(world: World, tmp_path: Path, apart: bool) -> None:
    box = Box(world, tmp_path, apart=apart)
    before = box.served()
    box.client()
    result = box.renew()
    assert outcome(result)["status"] == "ok", outcome(result)["message"]
    assert box.served() == acme.fingerprint(box.certificate.read_bytes()) != before
    assert box.key.stat().st_mode & 0o777 == 0o640
    assert box.renew()["actions"] == []


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "in place"])
@pytest.mark.parametrize("trouble", ["wrong name", "exit status", "half written"])
def test_another_client_that_fails_is_put_back(world: World, tmp_path: Path, apart: bool, trouble: str) -> None:
    box = Box(world, tmp_path, apart=apart)
    before, content = box.served(), (box.certificate.read_bytes(), box.key.read_bytes())
    if trouble == "wrong name":
        box.client(name="elsewhere.example")
    else:
        end = "exit 4" if trouble == "exit status" else "exit 0"
        box.entry["command"] = ["/bin/sh", "-c", f"head -c 300 /dev/zero > {box.issued}; {end}"]
    result = box.renew()
    assert outcome(result)["status"] == "critical" and result["changed"] is False
    assert (box.certificate.read_bytes(), box.key.read_bytes()) == content
    assert box.served() == before


def test_what_another_client_renewed_by_itself_is_put_into_use(world: World, tmp_path: Path) -> None:
    box = Box(world, tmp_path, apart=True)
    box.put(box.issued, box.issued_key)
    result = box.renew()
    assert [(action["action"], action["outcome"]) for action in result["actions"]] == [("install", "done")]
    assert box.served() == acme.fingerprint(box.issued.read_bytes())


def test_without_room_for_a_backup_nothing_begins(ward: Ward) -> None:
    (ward.folder / "backups").write_text("a file where the folder should be\n")
    result = ward.renew()
    assert "no backup could be taken" in outcome(result)["message"] and ward.is_as_before()


def test_a_backup_that_is_gone_does_not_stop_the_renewals_for_ever(ward: Ward) -> None:
    ward.service(reload=[ward.script("reload", "kill -9 $PPID")])
    killed(ward, start_module("certificate_renewal", ward.options()))
    shutil.rmtree(ward.folder / "backups")
    ward.certificate = ward.world.certificate(NAME)
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
