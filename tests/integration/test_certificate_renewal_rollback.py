"""What was put back is what services have in the end, also where nobody sees at once what they have."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import renewals
from tests.lab.acme import World
from tests.lab.health import wait_for
from tests.lab.renewals import Ward, acted, outcome, script

NAME = "clinic.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with renewals.serving(tmp_path_factory.mktemp("acme"), NAME) as made:
        yield made


def refused(world: World, folder: Path, *, serve_timeout: float = 30, **certificate: Any) -> str:
    """The message of a renewal that was put back."""
    result = Ward(world, NAME, folder).renew(certificate=certificate, serve_timeout=serve_timeout)
    assert acted(result) == [("renew", "failed"), ("roll_back", "done")]
    assert outcome(result)["status"] == "critical"
    return str(outcome(result)["message"])


@pytest.fixture
def failing_hook(world: World) -> Iterator[None]:
    hook = script(world.config_dir / "renewal-hooks" / "deploy" / "refuses", "exit 1")
    yield
    hook.unlink()


def test_a_reload_that_takes_effect_late_brings_nothing_back(world: World, tmp_path: Path) -> None:
    old = world.on_disk(NAME)
    world.nginx.block_reload()
    service, reloaded = world.nginx.service(), tmp_path / "reloaded"
    service["reload"] = ["sh", "-c", f"{' '.join(service['reload'])}; touch {reloaded}"]

    def let_it_come_about() -> None:
        wait_for(reloaded.exists, seconds=120)
        # Nginx tries for two and a half seconds; by then the time of the new certificate is over.
        threading.Event().wait(1.9)
        world.nginx.unblock_reload()

    helper = threading.Thread(target=let_it_come_about)
    helper.start()
    refused(world, tmp_path, serve_timeout=1, services=[service])
    helper.join()
    # Until it has done all that it was told.
    world.nginx.settle()
    assert world.served(NAME) == world.on_disk(NAME) == old
    world.nginx.mend()


def test_without_an_endpoint_services_read_again_what_was_put_back(
    world: World, tmp_path: Path, failing_hook: None
) -> None:
    old = world.on_disk(NAME)
    message = refused(world, tmp_path, endpoints=[])
    wait_for(lambda: world.served(NAME) == old)
    world.nginx.settle()
    assert world.served(NAME) == world.on_disk(NAME) == old
    assert "served" not in message
