"""Questions put over real connections: to servers that say anything at all, or take their time."""

from __future__ import annotations

import random
import time

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls import probe
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls.policy import Wish
from tests.lab.scripted import scripted

WISH = Wish("TLSv1.2", ("TLS_AES_*",))
HELLO = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(33) + b"\xc0\x2f\x00"
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


def statuses(port: int, *, timeout: float) -> list[str]:
    findings = probe.look_all([(Endpoint("127.0.0.1", port), WISH)], timeout=timeout)
    assert [finding.check for finding in findings] == ["tls.version", "tls.ciphers"]
    return [finding.status for finding in findings]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_server_says_is_never_in_order(seed: int) -> None:
    """And never an error: what makes no sense is unknown."""
    chance = random.Random(seed)
    seen = set()
    for _unused in range(12):
        said = bytearray(chance.choice((HELLO, ALERT, HELLO + ALERT)))
        for _change in range(chance.randint(0, 3)):
            said[chance.randrange(len(said))] = chance.choice((0, 2, 3, 0xFF, chance.randrange(256)))
        if chance.random() < 0.3:
            del said[chance.randrange(len(said)) :]
        with scripted(bytes(said), first=False) as port:
            seen.update(statuses(port, timeout=0.3))
    assert seen <= {"unknown", "critical"} and "unknown" in seen


def test_one_answer_for_everything_is_not_believed() -> None:
    """It answers old versions with a newer one. The suite is not allowed, and was offered at least once."""
    with scripted(HELLO, first=False) as port:
        assert statuses(port, timeout=2) == ["unknown", "critical"]


def test_a_slow_server_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_PATIENCE", 2)
    with scripted(HELLO, first=False, pause=0.2) as port:
        started = time.monotonic()
        findings = probe.look_all([(Endpoint("127.0.0.1", port), WISH)], timeout=0.4)
        assert time.monotonic() - started < 3
    assert [finding.status for finding in findings] == ["unknown", "unknown"]
    assert "had not answered everything after 0.8 seconds" in findings[0].message


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        *(("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True)),
        *(("192.0.2.1", False), ("fe80::1%eth0", False), ("::ffff:192.0.2.1", False)),
    ],
)
def test_the_loopback_is_known(address: str, wanted: bool) -> None:
    assert probe.is_loopback(address) is wanted
