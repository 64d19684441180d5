"""certificate_renewal with several certificates of one nginx: what is wrong with one of them keeps no other waiting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.modules import findings_of
from tests.lab.nginx import Nginx, nginx
from tests.lab.renewals import Box, acted, fresh

NAMES = ("first.example", "second.example", "third.example")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web") / "nginx") as made:
        yield made


@pytest.fixture
def boxes(web: Nginx, tmp_path: Path) -> Iterator[list[Box]]:
    """Three that are due, in the order in which they are worked on."""
    made = [Box(web, tmp_path / name, left=20, name=name) for name in NAMES]
    yield made
    for one in made:
        one.put(one.new)
    for one in made:
        one.remove()


def renew(boxes: list[Box], **more: Any) -> dict[str, Any]:
    return boxes[0].renew(certificates=[one.entry for one in boxes], **more)


def broken(box: Box) -> None:
    box.certificate.write_bytes(b"no certificate\n")


def outcomes(result: dict[str, Any]) -> dict[str, str]:
    """By certificate; each has one."""
    found = findings_of(result, "renewal.outcome")
    assert len({one["subject"] for one in found}) == len(found)
    return {one["subject"]: one["status"] for one in found}


@pytest.mark.parametrize("which", [{0}, {1}, {2}, {0, 2}, {0, 1, 2}], ids=str)
@pytest.mark.parametrize("mode", ["auto", "force"])
def test_all_are_renewed_in_one_run(boxes: list[Box], which: set[int], mode: str) -> None:
    for number in which:
        broken(boxes[number])
    result = renew(boxes, mode=mode)
    assert outcomes(result) == {"first": "ok", "second": "ok", "third": "ok"}, result["findings"]
    assert [box.served() for box in boxes] == [box.new.fingerprint for box in boxes]
    assert {finding["status"] for finding in result["findings"]} == {"ok"}
    assert sorted(result["details"]["changed"]) == ["first", "second", "third"]
    assert not list(boxes[0].folder.rglob("journal.json"))
    assert [box.orders() for box in boxes] == [1, 1, 1]
    assert renew(boxes)["actions"] == []


def test_what_cannot_be_repaired_keeps_the_others_from_being_ordered(boxes: list[Box]) -> None:
    """They would be wasted; and each is told once."""
    broken(boxes[1])
    boxes[1].entry["command"] = ["/bin/sh", "-c", "exit 9"]
    result = renew(boxes)
    assert set(outcomes(result).values()) == {"critical"} and len(outcomes(result)) == 3
    assert set(acted(result)) == {("renew", "failed")} and len(result["actions"]) == 3
    assert [box.orders() for box in boxes] == [0, 0, 0]
    assert boxes[1].certificate.read_bytes() == b"no certificate\n"


def test_what_somebody_else_repaired_meanwhile_is_kept_as_a_way_back(boxes: list[Box]) -> None:
    """By hand, as the finding of the run that could not put its own into use had asked for."""
    broken(boxes[0])
    boxes[0].web.break_configuration()
    renew(boxes[:1])
    by_hand = fresh(50, name=NAMES[0])
    boxes[0].put(by_hand)
    boxes[0].web.mend()
    reload = boxes[0].entry["services"]
    boxes[0].service(reload=["/bin/sh", "-c", "exit 1"])
    result = renew(boxes[:1])
    assert "somebody has put another one in its place" in findings_of(result, "renewal.leftover")[0]["message"]
    assert acted(result) == [("renew", "failed"), ("roll_back", "done")]
    assert boxes[0].certificate.read_bytes() == by_hand.pem and boxes[0].served() == by_hand.fingerprint
    boxes[0].entry["services"] = reload
    assert acted(renew(boxes[:1])) == [("install", "done")] and boxes[0].served() == boxes[0].new.fingerprint


def test_what_was_repaired_waits_for_the_rest_of_the_configuration(boxes: list[Box]) -> None:
    """What was there before is of no use, so nothing is gained by going back to it; nothing is ordered twice."""
    broken(boxes[0])
    boxes[0].web.break_configuration()
    result = renew(boxes[:1])
    assert outcomes(result) == {"first": "critical"} and result["changed"] is True
    assert "the configuration of nginx is broken" in result["findings"][-1]["message"]
    assert boxes[0].certificate.read_bytes() == boxes[0].new.pem and boxes[0].served() == boxes[0].old.fingerprint
    again = renew(boxes[:1])
    assert outcomes(again) == {"first": "critical"}
    assert "waits still" in findings_of(again, "renewal.leftover")[0]["message"]
    boxes[0].web.mend()
    assert outcomes(renew(boxes[:1])) == {"first": "ok"}
    assert boxes[0].served() == boxes[0].new.fingerprint
    assert boxes[0].orders() == 1
    assert not list(boxes[0].folder.rglob("journal.json")) and renew(boxes[:1])["actions"] == []
