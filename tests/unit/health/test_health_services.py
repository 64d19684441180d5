"""What systemctl shows of units, as systemd 252 printed it, and what is said of them."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.health.look import Fault
from ansible_collections.careops.maintenance.plugins.module_utils.health.services import (
    Before,
    check_units,
    judge_unit,
    parse,
    restarts_since,
    services_probe,
)
from ansible_collections.careops.maintenance.plugins.module_utils.runner import Completed

SHOWN = """\
Result=success
NRestarts=0
Id=good.service
LoadState=loaded
ActiveState=active
SubState=running
StateChangeTimestampMonotonic=1238176328
InvocationID=e5c04905dc1044db81ea2d83a68170b0

Result=exit-code
NRestarts=0
Id=bad.service
LoadState=loaded
ActiveState=failed
SubState=failed
StateChangeTimestampMonotonic=1238183667
InvocationID=be6ad36d4a3748079332100d04954127

Result=success
NRestarts=0
Id=nowhere.service
LoadState=not-found
ActiveState=inactive
SubState=dead
StateChangeTimestampMonotonic=0
InvocationID=

Id=default.target
LoadState=loaded
ActiveState=active
SubState=active
StateChangeTimestampMonotonic=1236258167
InvocationID=17ebc1e66f54460a9de1974510552397
"""
UNITS = ("good", "bad.service", "nowhere", "default.target")


def state(load: str = "loaded", active: str = "active", sub: str = "running", **more: str) -> dict[str, str]:
    shown = {"LoadState": load, "ActiveState": active, "SubState": sub, "StateChangeTimestampMonotonic": "100000000"}
    return {**shown, "NRestarts": "0", "InvocationID": "a", **more}


def test_a_paragraph_for_each_unit() -> None:
    shown = parse(SHOWN)
    assert [row["Id"] for row in shown] == ["good.service", "bad.service", "nowhere.service", "default.target"]
    assert shown[0]["ActiveState"] == "active" and "NRestarts" not in shown[3]


def test_one_call_for_all_of_them() -> None:
    calls = []

    def run(argv: object, **_more: object) -> Completed:
        calls.append(argv)
        return Completed(0, SHOWN, "")

    probe = services_probe(UNITS, run=run, monotonic=1240.0, patience=60, before={})
    look = probe.look()
    assert len(calls) == 1
    assert look.states == {
        "service:good": True,
        "service:bad.service": False,
        "service:nowhere": False,
        "service:default.target": True,
    }
    assert look.facts["restarts"]["good"] == [0, "e5c04905dc1044db81ea2d83a68170b0"]
    assert "default.target" not in look.facts["restarts"]


@pytest.mark.parametrize(
    "done",
    [
        Completed(1, "", "System has not been booted with systemd as init system (PID 1). Can't operate."),
        Completed(0, SHOWN.partition("\n\n")[0], ""),
        Completed(0, "", ""),
    ],
)
def test_without_an_answer_nothing_is_known(done: Completed) -> None:
    probe = services_probe(UNITS, run=lambda argv, **_more: done, monotonic=1240.0, patience=60, before={})
    with pytest.raises(Fault) as caught:
        probe.look()
    assert caught.value.status == "unknown"


@pytest.mark.parametrize(
    ("shown", "status", "words"),
    [
        (state(), "ok", "is active (running)"),
        (state(sub="exited"), "ok", "is active (exited)"),
        (state(active="reloading", sub="reload"), "ok", "is reloading"),
        (state(active="inactive", sub="dead"), "critical", "is not running"),
        (state(active="failed", Result="oom-kill"), "critical", "ran out of memory"),
        (state(active="failed", Result="resources"), "critical", "the result is resources"),
        (state(active="activating", sub="auto-restart"), "critical", "ends again and again"),
        (state(active="activating", sub="auto-restart-queued"), "critical", "ends again and again"),
        (state(active="deactivating", sub="stop-sigterm"), "critical", "is stopping"),
        (state(active="maintenance", sub="x"), "warning", "is in maintenance"),
        (state("not-found", "inactive", "dead"), "critical", "does not exist on this host"),
        (state("masked", "inactive", "dead"), "critical", "is masked"),
        (state("bad-setting", "inactive", "dead"), "critical", "unit file that systemd cannot use"),
        (state(active="surprised"), "unknown", "not known (surprised)"),
        ({}, "unknown", "not known (none)"),
    ],
)
def test_states(shown: dict[str, str], status: str, words: str) -> None:
    finding = judge_unit("nginx", shown, monotonic=110.0, patience=60, before=None)
    assert finding.status == status
    assert words in finding.message


@pytest.mark.parametrize(("monotonic", "status"), [(159.9, "warning"), (160.0, "critical"), (90.0, "warning")])
def test_how_long_a_start_may_take(monotonic: float, status: str) -> None:
    shown = state(active="activating", sub="start")
    assert judge_unit("db", shown, monotonic=monotonic, patience=60, before=None).status == status


@pytest.mark.parametrize(
    ("restarts", "invocation", "before", "expected"),
    [
        ("5", "b", None, 0),  # the first look knows nothing
        ("5", "a", Before(5, "a"), 0),
        ("7", "b", Before(5, "a"), 2),
        ("5", "b", Before(5, "a"), 5),  # the host was booted anew, or it was started by hand
        ("2", "b", Before(5, "a"), 2),  # started by hand, and twice by itself since
        ("0", "b", Before(5, "a"), 0),  # started by hand
        ("", "b", Before(5, "a"), 0),
    ],
)
def test_restarts_since_the_last_look(restarts: str, invocation: str, before: Before | None, expected: int) -> None:
    assert restarts_since(state(NRestarts=restarts, InvocationID=invocation), before) == expected


def test_a_unit_that_was_restarted_is_a_warning() -> None:
    finding = judge_unit("db", state(NRestarts="3", InvocationID="b"), monotonic=1, patience=60, before=Before(1, "a"))
    assert (finding.status, finding.value, finding.unit) == ("warning", 2, "count")


@pytest.mark.parametrize("unit", ["nginx", "postgresql@15-main", "a-b_c.d:e.service", "dev-disk-by\\x2duuid.device"])
def test_names_of_units(unit: str) -> None:
    check_units([unit])


@pytest.mark.parametrize("unit", ["", "*", "nginx*", "-a", "--help", "a b", "a;b", "a/b", "a\n"])
def test_what_is_no_name_of_a_unit(unit: str) -> None:
    with pytest.raises(MaintenanceError, match="names of systemd units"):
        check_units([unit])
