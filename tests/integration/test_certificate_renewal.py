"""certificate_renewal against pebble, certbot and nginx: what is due, obtained, refused, put into use."""

from __future__ import annotations

import datetime
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import acme, renewals
from tests.lab.acme import World
from tests.lab.acme_front import Refusal
from tests.lab.certificates import authority
from tests.lab.modules import findings_of, run_module
from tests.lab.renewals import Ward, acted, outcome

NAME = "clinic.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with renewals.serving(tmp_path_factory.mktemp("acme"), NAME, "www.clinic.example") as made:
        yield made


@pytest.fixture
def clinic(world: World, tmp_path: Path) -> Iterator[Ward]:
    assert world.on_disk(NAME) == world.served(NAME)
    yield Ward(world, NAME, tmp_path, mode="auto")
    assert world.on_disk(NAME) == world.served(NAME)


def later(days: float) -> str:
    """Pebble's certificates live 90 days from the moment they are issued."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return moment.isoformat()


@pytest.mark.parametrize("mode", ["check", "validate", "auto"])
def test_what_is_not_due_is_left_alone(clinic: Ward, mode: str) -> None:
    result = clinic.renew(mode=mode)
    assert result["changed"] is False and result["actions"] == []
    assert {finding["status"] for finding in findings_of(result, "renewal.served")} == {"ok"}
    checked = "renewal.valid" if mode == "validate" else "renewal.due"
    assert outcome(result, checked)["status"] == "ok"
    assert clinic.is_as_before()
    assert not (clinic.folder / "backups").exists()


def test_check_mode_and_mode_check_tell_what_is_due_and_touch_nothing(clinic: Ward) -> None:
    for options in ({"mode": "check"}, {"check": True}):
        result = clinic.renew(now=later(61), **options)
        due = outcome(result, "renewal.due")
        assert due["status"] == "warning" and "a third or less of its lifetime is left" in due["message"]
        assert acted(result) == ([] if "mode" in options else [("renew", "planned")])
        assert result["changed"] is ("mode" not in options)
        assert list(clinic.folder.iterdir()) == [] and clinic.is_as_before()


def test_what_is_due_is_renewed_and_then_not_again(clinic: Ward) -> None:
    result = clinic.renew(now=later(61))
    assert result["changed"] is True
    (action,) = result["actions"]
    assert (action["action"], action["outcome"], action["before"]["fingerprint"]) == ("renew", "done", clinic.before)
    new = clinic.world.on_disk(NAME)
    assert action["after"]["fingerprint"] == new == clinic.world.served(NAME) != clinic.before
    assert outcome(result)["status"] == "ok"
    numbers = {Path(target).name.strip("abcdefghijklmnopqrstuvwxyz.") for target in clinic.world.links(NAME).values()}
    assert len(numbers) == 1 and all(
        target.startswith("../../archive/") for target in clinic.world.links(NAME).values()
    )
    again = clinic.renew()
    assert again["changed"] is False and clinic.world.on_disk(NAME) == new


def test_the_backup_keeps_the_links_and_is_closed_to_others(clinic: Ward) -> None:
    clinic.renew(mode="force")
    (backup,) = (clinic.folder / "backups" / NAME).iterdir()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700
    assert {path.name: str(path.readlink()) for path in (backup / "live").glob("*.pem")} == clinic.links
    kept = (backup / "live" / "cert.pem").readlink().name
    assert acme.fingerprint((backup / "archive" / kept).read_bytes()) == clinic.before
    assert (backup / "renewal" / f"{NAME}.conf").exists()


def test_old_backups_go(clinic: Ward) -> None:
    folder = clinic.folder / "backups" / NAME
    folder.mkdir(parents=True)
    for name in ("2025-01-01T000000Z", "2025-02-01T000000Z", "2025-03-01T000000Z.partial"):
        (folder / name).mkdir()
    clinic.renew(mode="force", backups_kept=2)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 2 and names[0] == "2025-02-01T000000Z"


def test_the_key_keeps_its_permissions(clinic: Ward) -> None:
    key = (clinic.world.live(NAME) / "privkey.pem").resolve()
    key.chmod(0o640)
    clinic.renew(mode="force")
    fresh = (clinic.world.live(NAME) / "privkey.pem").resolve()
    assert fresh != key and stat.S_IMODE(fresh.stat().st_mode) == 0o640


def test_the_renewal_configuration_stays_as_it_was(clinic: Ward) -> None:
    path = clinic.world.config_dir / "renewal" / f"{NAME}.conf"
    before = path.read_bytes()
    clinic.renew(mode="force")
    assert path.read_bytes() == before
    done = clinic.world.certbot("renew", "--cert-name", NAME, "--force-renewal")
    assert "success" in done.stdout.lower()
    clinic.world.nginx.reload()


@pytest.mark.parametrize("authenticator", ["webroot", "dns_hook"])
def test_the_authenticator_of_policy_is_used(clinic: Ward, authenticator: str) -> None:
    world = clinic.world
    if authenticator == "webroot":
        more = {"webroot": str(world.nginx.webroot)}
    else:
        more = {"auth_hook": str(world.auth_hook), "cleanup_hook": str(world.cleanup_hook)}
        world.nginx.withhold_challenges()
    try:
        result = clinic.renew(mode="force", certificate={"authenticator": authenticator, **more})
    finally:
        world.nginx.mend()
    assert outcome(result)["status"] == "ok", outcome(result)["message"]
    assert world.served(NAME) != clinic.before


@pytest.mark.parametrize("authenticator", ["standalone", "nginx"])
def test_a_lineage_is_renewed_as_it_was_made(world: World, tmp_path: Path, authenticator: str) -> None:
    name = f"{authenticator}.example"
    if authenticator == "nginx":
        world.nginx.answer_challenges(name)
    world.issue(name, authenticator=authenticator)
    world.serve(name)
    before = world.on_disk(name)
    folders = {"state_dir": str(tmp_path / "state"), "backup_dir": str(tmp_path / "backups")}
    result = run_module("certificate_renewal", world.options(world.certificate(name), mode="force", **folders))
    assert outcome(result)["status"] == "ok", outcome(result)["message"]
    assert world.served(name) == world.on_disk(name) != before


def test_names_that_policy_wants_and_the_certificate_lacks_make_it_due(clinic: Ward) -> None:
    result = clinic.renew(mode="check", certificate={"names": [NAME, "new.clinic.example"]})
    due = outcome(result, "renewal.due")
    assert due["status"] == "warning" and "does not cover new.clinic.example" in due["message"]


def refusal_of(clinic: Ward, **options: Any) -> dict[str, Any]:
    """The finding of an order that does not come through; nothing may be different afterwards."""
    result = clinic.renew(mode="force", **options)
    assert result["changed"] is False
    assert acted(result) == [("renew", "failed")]
    assert clinic.is_as_before()
    assert not (clinic.folder / "state" / NAME / "journal.json").exists()
    finding = outcome(result)
    assert finding["status"] == "critical"
    return finding


@pytest.mark.parametrize(
    ("kind", "status", "cause"),
    [("rateLimited", 429, "rate_limit"), ("serverInternal", 500, "authority"), ("caa", 403, "caa")],
)
def test_a_refusal_of_the_authority_is_told_by_its_cause(clinic: Ward, kind: str, status: int, cause: str) -> None:
    clinic.world.front.refusals["newOrder"] = Refusal(status, kind, "a reason of the lab")
    try:
        finding = refusal_of(clinic)
    finally:
        clinic.world.front.refusals.clear()
    assert finding["evidence"]["cause"] == cause and "a reason of the lab" in finding["message"]


def test_a_challenge_that_fails_is_told(clinic: Ward) -> None:
    clinic.world.nginx.withhold_challenges()
    try:
        assert refusal_of(clinic)["evidence"]["cause"] == "validation"
    finally:
        clinic.world.nginx.mend()


def test_an_authority_that_cannot_be_reached_is_told(clinic: Ward) -> None:
    clinic.world.front.go_down()
    try:
        assert refusal_of(clinic)["evidence"]["cause"] == "network"
    finally:
        clinic.world.front.come_back()


def test_an_authority_that_never_answers_is_not_waited_for(clinic: Ward) -> None:
    clinic.world.front.silent = True
    try:
        assert refusal_of(clinic, timeout=4)["evidence"]["cause"] == "timeout"
    finally:
        clinic.world.front.silent = False


def test_a_missing_client_is_told(clinic: Ward) -> None:
    finding = refusal_of(clinic, certbot_program="certbot-of-nobody")
    assert finding["evidence"]["cause"] == "setup" and "certbot-of-nobody is not installed" in finding["message"]


def test_folders_that_may_not_be_written_are_told(clinic: Ward) -> None:
    logs = clinic.folder / "logs"
    logs.write_text("in the way of a folder\n")
    assert refusal_of(clinic, certbot_logs_dir=str(logs))["evidence"]["cause"] in ("setup", "permissions", "unknown")


def test_after_a_failed_order_nothing_is_ordered_for_a_while(clinic: Ward) -> None:
    clinic.world.front.refusals["newOrder"] = Refusal(429, "rateLimited", "too many certificates")
    try:
        clinic.renew(now=later(61))
        orders = len(clinic.world.front.seen)
        waits = clinic.renew(now=later(61.5), use_ari=False)
        assert len(clinic.world.front.seen) == orders
        assert outcome(waits)["evidence"]["cause"] == "waiting" and outcome(waits)["status"] == "critical"
    finally:
        clinic.world.front.refusals.clear()
    assert clinic.renew(now=later(62.1))["changed"] is True


def test_a_certificate_for_another_name_is_not_put_into_use(clinic: Ward) -> None:
    clinic.world.front.forge = {"names": ["elsewhere.example"]}
    try:
        finding = refusal_of(clinic)
    finally:
        clinic.world.front.forge = {}
    assert finding["evidence"]["cause"] == "invalid"
    assert f"it does not cover {NAME}, www.clinic.example" in finding["message"]


def test_a_certificate_of_yesterday_is_not_put_into_use(clinic: Ward) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    clinic.world.front.forge = {"start": now - 3 * day, "end": now - day}
    try:
        assert "it expired on" in refusal_of(clinic)["message"]
    finally:
        clinic.world.front.forge = {}


def test_a_certificate_of_an_unknown_authority_is_not_put_into_use(clinic: Ward) -> None:
    other = authority("Another root")
    (clinic.folder / "other.pem").write_bytes(other.pem)
    finding = refusal_of(clinic, certificate={"trust_store": str(clinic.folder / "other.pem")})
    assert "its chain does not lead to" in finding["message"]


def test_the_authority_may_ask_for_an_early_renewal(clinic: Ward) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    front = clinic.world.front
    try:
        front.window = (now - 2 * hour, now - hour)
        assert (
            "its authority suggests to renew it by now" in outcome(clinic.renew(mode="check"), "renewal.due")["message"]
        )
        assert outcome(clinic.renew(mode="check", use_ari=False), "renewal.due")["status"] == "ok"
        assert clinic.renew()["changed"] is True
        front.window = (now + 1000 * hour, now + 1001 * hour)
        clinic.before = clinic.world.on_disk(NAME)
        assert clinic.renew()["changed"] is False
        asked = len(front.asked)
        clinic.renew()
        assert len(front.asked) == asked, "the answer holds for as long as the authority said"
    finally:
        front.window = None


def test_nothing_begins_after_the_deadline(clinic: Ward) -> None:
    now = "2026-11-21T06:00:00+00:00"
    result = clinic.renew(mode="force", now=now, deadline="2026-11-21T05:59:59+00:00")
    (action,) = result["actions"]
    assert (action["outcome"], result["changed"]) == ("skipped", False) and "deadline" in action["reason"]
    assert clinic.is_as_before()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"certificates": []}, "There is no certificate to renew"),
        ({"certificates": [{"name": "../etc"}]}, "is the name of a folder"),
        ({"certificates": [{"name": "a"}, {"name": "a"}]}, "stands twice"),
        ({"certificates": [{"name": "a", "client": "command"}]}, "set command, certificate and key"),
        ({"certificates": [{"name": "a", "authenticator": "webroot"}]}, "set webroot"),
        ({"certificates": [{"name": "a", "authenticator": "dns_hook"}]}, "set auth_hook"),
        ({"certificates": [{"name": "a", "command": ["true"]}]}, "is renewed by certbot"),
        ({"certificates": [{"name": "a"}], "backups_kept": 0}, "backups_kept must be at least 1"),
        ({"certificates": [{"name": "a"}], "timeout": 0}, "timeout must be more than 0"),
        ({"certificates": [{"name": "a"}], "renew_days": -1}, "renew_days must not be negative"),
        ({"certificates": [{"name": "a"}], "state_dir": "/proc/careops"}, "correct state_dir"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], says: str) -> None:
    result = run_module("certificate_renewal", options)
    assert result["failed"] is True and says in result["msg"]


def test_a_lineage_that_is_not_there_is_unknown(world: World, tmp_path: Path) -> None:
    entry = world.certificate("nowhere.example")
    result = run_module("certificate_renewal", world.options(entry, state_dir=str(tmp_path)))
    finding = outcome(result, "renewal.due")
    assert finding["status"] == "unknown" and "certbot certonly --cert-name nowhere.example" in finding["message"]
