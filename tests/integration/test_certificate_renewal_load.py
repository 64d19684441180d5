"""No request is lost, however a renewal goes: more than ten thousand of them through good and bad ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import acme, load
from tests.lab.modules import findings_of, run_module

RATE = 300
PATIENCE = 10.0  # seconds in which each must be answered, on a machine that is busy with other tests too
GENERATION = "../../archive/{name}/{part}{number}.pem"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[acme.World]:
    with acme.world(tmp_path_factory.mktemp("acme")) as made:
        yield made


@pytest.fixture
def mended(world: acme.World) -> Iterator[acme.World]:
    """The world, whole again after each test."""
    yield world
    mend(world)


def mend(world: acme.World) -> None:
    world.front.forge.clear()
    world.front.when_issued = None
    world.nginx.mend()


def renew(world: acme.World, name: str, *, least: int, **more: Any) -> tuple[dict[str, Any], load.Report]:
    """Renews under load."""
    options = world.options(world.certificate(name), mode="force", **more)
    with load.steady(port=world.nginx.https_port, name=name, rate=RATE, least=least) as requests:
        result = run_module("certificate_renewal", options)
    report = requests.report
    assert report.planned >= least
    assert report.lost == []
    assert report.late(seconds=PATIENCE) == []
    return result, report


def issued(world: acme.World, name: str) -> str:
    """A lineage that nginx serves; its fingerprint."""
    world.issue(name)
    world.serve(name)
    old = world.on_disk(name)
    assert world.served(name) == old
    return old


def generation(name: str, number: int) -> dict[str, str]:
    """The links of a lineage that is at that generation."""
    parts = ("cert", "chain", "fullchain", "privkey")
    return {f"{part}.pem": GENERATION.format(name=name, part=part, number=number) for part in parts}


def outcome(result: dict[str, Any]) -> dict[str, Any]:
    found = findings_of(result, "renewal.outcome")
    assert len(found) == 1, found
    return found[0]


def acted(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(action["action"], action["outcome"]) for action in result["actions"]]


def assert_the_old_one_stays(world: acme.World, name: str, old: str) -> None:
    """On the disk, at the endpoint, and for certbot when it decides by itself; and it can still renew."""
    assert (world.on_disk(name), world.served(name)) == (old, old)
    assert world.links(name) == generation(name, 1)
    assert not list((world.config_dir / "archive" / name).glob("*2.pem"))
    mend(world)
    world.certbot("renew", "--cert-name", name)
    assert (world.on_disk(name), world.served(name)) == (old, old)
    world.certbot("renew", "--cert-name", name, "--force-renewal")
    world.nginx.reload()
    assert world.served(name) == world.on_disk(name) != old
    assert all(link.startswith(f"../../archive/{name}/") for link in world.links(name).values())


def test_a_good_renewal(mended: acme.World) -> None:
    name = "good.example"
    old = issued(mended, name)
    result, report = renew(mended, name, least=2600)
    new = mended.on_disk(name)
    assert result["changed"] is True and outcome(result)["status"] == "ok"
    assert acted(result) == [("renew", "done")]
    assert mended.served(name) == new != old
    assert mended.links(name) == generation(name, 2)
    # First the one, then the other, and no third.
    assert list(report.fingerprints) == [old, new]
    assert report.requests[-1].fingerprint == new
    # Certbot goes on from there.
    mended.certbot("renew", "--cert-name", name)
    assert mended.on_disk(name) == new
    mended.certbot("renew", "--cert-name", name, "--force-renewal")
    assert mended.links(name) == generation(name, 3)


def test_one_that_the_acme_server_refuses(mended: acme.World) -> None:
    name = "refused.example"
    old = issued(mended, name)
    mended.nginx.withhold_challenges()
    result, report = renew(mended, name, least=2600)
    assert outcome(result)["status"] == "critical"
    assert acted(result) == [("renew", "failed")]
    assert list(report.fingerprints) == [old]
    assert_the_old_one_stays(mended, name, old)


def test_one_that_is_issued_for_another_name(mended: acme.World) -> None:
    name = "misissued.example"
    old = issued(mended, name)
    mended.front.forge = {"names": ["somebody-else.example"]}
    result, report = renew(mended, name, least=2600)
    assert outcome(result)["status"] == "critical"
    assert acted(result) == [("renew", "failed")]
    assert list(report.fingerprints) == [old], "what was rejected was served"
    assert_the_old_one_stays(mended, name, old)


def test_one_while_another_part_of_the_configuration_is_broken(mended: acme.World) -> None:
    name = "broken.example"
    old = issued(mended, name)
    # It was in order when the renewal looked; the new certificate is in the archive when it looks again.
    mended.front.when_issued = mended.nginx.break_configuration
    result, report = renew(mended, name, least=1300)
    assert outcome(result)["status"] == "critical"
    assert acted(result) == [("renew", "failed"), ("roll_back", "done")]
    assert list(report.fingerprints) == [old]
    assert_the_old_one_stays(mended, name, old)


def test_one_whose_reload_has_no_effect(mended: acme.World) -> None:
    name = "stuck.example"
    old = issued(mended, name)
    mended.nginx.block_reload()
    result, report = renew(mended, name, least=1300, serve_timeout=3)
    assert outcome(result)["status"] == "critical"
    assert acted(result) == [("renew", "failed"), ("roll_back", "done")]
    assert list(report.fingerprints) == [old]
    assert_the_old_one_stays(mended, name, old)
