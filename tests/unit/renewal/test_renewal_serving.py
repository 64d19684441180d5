"""Services tested, reloaded and looked at, with time and answers as told; and what policy may not ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint, Presented
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.policy import Service, Wanted
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.serving import NotServing, Serving
from ansible_collections.careops.maintenance.plugins.module_utils.runner import Completed

OLD, NEW = b"the old certificate", b"the new certificate"
AT = Endpoint("127.0.0.1", 443)


class World:
    """Answers one after the other, the last one for ever; every look costs a tenth of a second."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.seconds = 0.0
        self.looks = 0
        self.calls: list[tuple[Sequence[str], Any]] = []

    def ask(self, endpoints: Sequence[Endpoint], kind: str) -> list[Presented]:
        answer = self.answers[min(self.looks, len(self.answers) - 1)]
        self.looks += 1
        self.seconds += 0.1
        return [Presented(one, [answer]) if answer else Presented(one, problem="silence") for one in endpoints]

    def run(self, argv: Sequence[str], **how: Any) -> Completed:
        self.calls.append((argv, how.get("timeout")))
        return Completed(int(argv[0] == "broken"), "", "it said: error\n" if argv[0] == "broken" else "")

    def pause(self, seconds: float) -> None:
        self.seconds += seconds

    def serving(self, *services: Service, timeout: float = 5.0) -> Serving:
        wanted = Wanted("clinic", services=services, endpoints=[AT])
        return Serving(
            wanted, run=self.run, ask=self.ask, timeout=timeout, pause=self.pause, clock=lambda: self.seconds
        )


def fingerprint(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


@pytest.mark.parametrize(
    ("answers", "looks"),
    [((NEW,), 3), ((OLD, NEW), 4), ((NEW, NEW, OLD, NEW), 6), ((NEW, b"", NEW), 5)],
    ids=["at once", "a moment later", "not yet all of them", "silent in between"],
)
def test_three_good_answers_in_a_row_prove_it(answers: tuple[bytes, ...], looks: int) -> None:
    world = World(*answers)
    served = world.serving().prove(fingerprint(NEW), at=[AT.label])
    assert (world.looks, served.silent) == (looks, {})


@pytest.mark.parametrize(
    ("answers", "why"),
    [((OLD,), "still serves another certificate 5 seconds after the reload"), ((b"",), "does not answer any more")],
)
def test_what_is_never_served_is_told_when_the_time_is_over(answers: tuple[bytes, ...], why: str) -> None:
    world = World(*answers)
    with pytest.raises(NotServing, match=why):
        world.serving().prove(fingerprint(NEW), at=[AT.label])
    assert 5.0 < world.seconds < 6.0


def test_an_endpoint_that_was_silent_before_is_not_waited_for() -> None:
    world = World(b"")
    world.serving().prove(fingerprint(NEW), at=[])
    assert world.seconds < 1.0


def test_services_are_tested_and_reloaded_in_their_order() -> None:
    world = World(NEW)
    serving = world.serving(Service("a", ["test-a"], ["reload-a"]), Service("b", [], ["reload-b"]))
    serving.test()
    serving.reload()
    assert [argv[0] for argv, _timeout in world.calls] == ["test-a", "reload-a", "reload-b"]


@pytest.mark.parametrize("what", ["test", "reload"])
def test_a_service_that_fails_is_told_in_its_own_words(what: str) -> None:
    world = World(NEW)
    with pytest.raises(NotServing, match=r"\(it said: error\)"):
        getattr(world.serving(Service("a", ["broken"], ["broken"])), what)()


def test_a_hook_has_the_time_that_it_is_given() -> None:
    world = World(NEW)
    world.serving().hook(["/hooks/deploy"], {}, timeout=600.0)
    assert world.calls == [(["/hooks/deploy"], 600.0)]


def test_one_issued_file_for_two_installed_ones_is_refused() -> None:
    """Else the private key would stand in the file of the certificate, which everybody may read."""
    both = {"issued_certificate": "/client/all.pem", "issued_key": "/client/all.pem", "command": ["renew"]}
    with pytest.raises(MaintenanceError, match="private key in the file of the certificate"):
        Wanted("clinic", client="command", certificate="/tls/a.pem", key="/tls/a.key", **both).check()  # type: ignore[arg-type]
    Wanted("clinic", client="command", certificate="/tls/a.pem", key="/tls/a.pem", **both).check()  # type: ignore[arg-type]
