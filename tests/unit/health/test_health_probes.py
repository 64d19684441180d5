"""Probes beside each other, secrets, and what is read from Redis and Alertmanager."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding
from ansible_collections.careops.maintenance.plugins.module_utils.health.alerts import judge_alerts
from ansible_collections.careops.maintenance.plugins.module_utils.health.cache import (
    Counters,
    command,
    counters_from,
    judge_cache,
    parse_info,
    read_reply,
)
from ansible_collections.careops.maintenance.plugins.module_utils.health.look import Fault, Look, Probe, masked
from ansible_collections.careops.maintenance.plugins.module_utils.health.pool import look_at_all
from ansible_collections.careops.maintenance.plugins.module_utils.health.variables import (
    Secrets,
    Variables,
    check_names,
    fill,
    names_in,
)


def probe(name: str, look: Any) -> Probe:
    return Probe([(f"x:{name}", "health.x", name)], look)


def fine(name: str) -> Look:
    return Look([Finding("health.x", name, "ok", "Fine.")], {f"x:{name}": True})


def test_what_fails_leaves_the_others_alone_and_the_order_stays() -> None:
    def fault() -> Look:
        raise Fault("refused", "nobody is there")

    def bug() -> Look:
        raise KeyError("hunter2")

    looks = look_at_all([probe("a", fault), probe("b", lambda: fine("b")), probe("c", bug)], workers=2, deadline=30)
    assert [look.findings[0].status for look in looks] == ["critical", "ok", "unknown"]
    assert looks[2].findings[0].message == "c: the check itself failed (KeyError)."
    assert [list(look.states.values()) for look in looks] == [[False], [True], [None]]


def test_the_deadline_and_the_number_of_workers_hold() -> None:
    released, inside, most = threading.Event(), [0], [0]
    lock = threading.Lock()

    def hang() -> Look:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        released.wait(30)
        return Look()

    looks = look_at_all([probe(str(number), hang) for number in range(10)], workers=3, deadline=0.2)
    released.set()
    assert most == [3]
    assert {look.findings[0].status for look in looks} == {"unknown"}
    assert "within the deadline of 0.2 seconds" in looks[9].findings[0].message
    assert look_at_all([], workers=3, deadline=1) == []


def test_secrets_are_taken_out_of_everything_that_is_said() -> None:
    finding = Finding(
        "health.x", "a", "critical", "it says long-secret and secret.", evidence={"a": ["secret", {"b": "secret"}]}
    )
    (hidden,) = masked([finding], ["secret", "long-secret", ""])
    assert hidden.message == "it says ******** and ********."
    assert hidden.evidence == {"a": ["********", {"b": "********"}]}


def test_variables() -> None:
    secrets = Secrets([{"name": "key", "value": "s3cret-key"}])
    variables = Variables(secrets)
    variables.capture("id", "17")
    variables.capture("token", "long-enough")
    template = {"a ${id}": ["${key}", {"b": "${token}/${token}"}], "n": 1, "plain": "$ {x} $x"}
    assert names_in(template) == {"id", "key", "token"}
    assert fill(template, variables) == {
        "a 17": ["s3cret-key", {"b": "long-enough/long-enough"}],
        "n": 1,
        "plain": "$ {x} $x",
    }
    assert set(secrets.known) == {"s3cret-key", "long-enough"}, "a short figure would be blotted out all over"
    assert variables.has({"id", "key"}) and not variables.has({"other"})
    # What was captured is never a template itself.
    variables.capture("trap", "${key}")
    assert fill("${trap}", variables) == "${key}"
    with pytest.raises(MaintenanceError, match=r"uses \$\{other\}"):
        check_names(["${other}"], ["key"], option="x")


def test_commands_of_redis() -> None:
    assert command("AUTH", "pässword") == b"*2\r\n$4\r\nAUTH\r\n$9\r\np\xc3\xa4ssword\r\n"


def test_replies_of_redis() -> None:
    assert read_reply(io.BytesIO(b"+OK\r\n")) == "OK"
    assert read_reply(io.BytesIO(b"$5\r\na\r\nbc\r\n")) == "a\r\nbc"
    for reply, kind in (
        (b"", "protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n", "protocol"),
        (b"$9\r\nshort\r\n", "protocol"),
        (b"$-1\r\n", "protocol"),
        (b"-NOAUTH Authentication required.\r\n", "access"),
        (b"-WRONGPASS invalid hunter2\r\n", "access"),
        (b"-LOADING Redis is loading hunter2\r\n", "redis"),
    ):
        with pytest.raises(Fault) as caught:
            read_reply(io.BytesIO(reply))
        assert caught.value.kind == kind, reply
        assert "hunter2" not in str(caught.value)


CACHE = {"name": "c", "hit_warning": 80.0, "hit_critical": 50.0, "min_lookups": 100}


@pytest.mark.parametrize(
    ("now", "before", "status", "value"),
    [
        (Counters("a", 90, 10), None, "ok", 90.0),
        (Counters("a", 80, 20), None, "ok", 80.0),
        (Counters("a", 799, 201), None, "warning", 79.9),
        (Counters("a", 49, 51), None, "critical", 49.0),
        (Counters("a", 0, 99), None, "ok", None),
        (Counters("a", 1000, 1000), Counters("a", 100, 1000), "ok", 100.0),
        (Counters("a", 1000, 1000), Counters("a", 1000, 950), "ok", None),
        (Counters("b", 90, 10), Counters("a", 5, 5), "ok", 90.0),  # restarted
        (Counters("a", 90, 10), Counters("a", 500, 5), "ok", 90.0),  # CONFIG RESETSTAT
    ],
)
def test_the_share_of_hits(now: Counters, before: Counters | None, status: str, value: float | None) -> None:
    finding = judge_cache(CACHE, now, before)
    assert (finding.status, finding.value) == (status, value)


def test_counters() -> None:
    assert parse_info("# Server\r\nrun_id:ab\r\n# Stats\r\nkeyspace_hits:3\r\nkeyspace_misses:4\r\n") == Counters(
        "ab", 3, 4
    )
    with pytest.raises(Fault):
        parse_info("run_id:ab\r\n")
    assert counters_from(["a", 1, 2]) == Counters("a", 1, 2)
    for rubbish in (None, "abc", [1], ["a", "1", "2"], {"a": 1}):
        assert counters_from(rubbish) is None


def alert(name: str, **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": "The disk\nis full."},
        "startsAt": "2026-11-21T10:00:00.000Z",
        "fingerprint": "ab",
    }


def test_a_finding_for_each_alert() -> None:
    first, second = judge_alerts("alerts", [alert("DiskFull", instance="db", job="node")])
    assert (first.subject, first.status, first.value) == ("alerts", "critical", 1)
    assert second.subject == "alerts: DiskFull (instance=db, job=node)"
    assert second.message == "The alert DiskFull is pending since 2026-11-21T10:00:00 UTC: The disk is full."


def test_many_alerts_are_not_all_told() -> None:
    findings = judge_alerts("alerts", [alert("Down", instance=f"host-{number}") for number in range(200)])
    assert len(findings) == 51
    assert findings[0].message.startswith("200 alerts are pending in alerts, of which 50 have a finding")


def test_alerts_with_nothing_but_labels() -> None:
    findings = judge_alerts("alerts", [{"labels": {}}, {"labels": {}, "annotations": "odd"}])
    assert [finding.subject for finding in findings] == ["alerts", "alerts: alert"], "no subject twice"
