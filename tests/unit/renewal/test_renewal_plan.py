"""What is done about a certificate, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.renewal import pair, plan
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.due import Due
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.serving import Served
from tests.lab.certificates import NOW, make


def made(days: float) -> pair.Pair:
    one = make("clinic.example", days=days, lifetime=90)
    return pair.read(one.pem, one.key_pem)


OLD, FRESH, WORN = made(10), made(89), made(20)
BROKEN = replace(OLD, key=b"no key")


def seen(*, due: bool = False, obtained: pair.Pair | None = None, served: str = "same", **failure: str) -> plan.Seen:
    fingerprints = {"same": {"a:443": OLD.fingerprint}, "other": {"a:443": "ff" * 32}, "silent": {}}[served]
    return plan.Seen(
        present=OLD,
        due=Due(due, "a third or less of its lifetime is left" if due else "more than a third is left", NOW),
        served=Served(fingerprints=fingerprints, silent={} if fingerprints else {"a:443": "it is silent"}),
        obtained=obtained,
        failure={"at": HAPPENED, **failure} if failure else None,
    )


HAPPENED = (NOW - timedelta(hours=5)).isoformat()
SOON = (NOW + timedelta(hours=1)).isoformat()
YEARS = (NOW + timedelta(days=3650)).isoformat()
PAST = (NOW - timedelta(seconds=1)).isoformat()


@pytest.mark.parametrize(
    ("case", "mode", "what"),
    [
        (seen(), "auto", plan.NOTHING),
        (seen(due=True), "auto", plan.ORDER),
        (seen(), "force", plan.ORDER),
        (seen(due=True, until=SOON, kind="network"), "auto", plan.WAIT),
        (seen(due=True, until=PAST, kind="network"), "auto", plan.ORDER),
        (seen(due=True, until="soon", kind="network"), "auto", plan.ORDER),
        # The clock was ahead when it failed.
        (seen(due=True, at=SOON, until=YEARS, kind="network"), "auto", plan.ORDER),
        (seen(due=True, until=SOON, kind="network"), "force", plan.ORDER),
        (seen(until=SOON, kind="network"), "auto", plan.NOTHING),
        # What was obtained already need not be ordered again, whatever failed before.
        (seen(due=True, obtained=FRESH), "auto", plan.INSTALL),
        (seen(due=True, obtained=FRESH, until=SOON, kind="activation"), "auto", plan.INSTALL),
        (seen(obtained=FRESH), "force", plan.ORDER),
        (seen(due=True, obtained=WORN), "auto", plan.ORDER),
        (seen(due=True, obtained=OLD), "auto", plan.ORDER),
        # What no service can use may be replaced by any that is good, also by the same.
        (replace(seen(due=True, obtained=made(80)), present=replace(made(81), key=b"no key")), "auto", plan.INSTALL),
        (replace(seen(due=True, obtained=WORN), present=BROKEN), "auto", plan.ORDER),
        (seen(served="other"), "auto", plan.RELOAD),
        (seen(served="silent"), "auto", plan.NOTHING),
        (seen(due=True, served="other"), "auto", plan.ORDER),
    ],
)
def test_what_is_done(case: plan.Seen, mode: str, what: str) -> None:
    assert plan.decide(case, mode=mode, now=NOW, renew_days=0).what == what


@pytest.mark.parametrize(
    ("kind", "retry", "hours"), [("network", 6, 6), ("rate_limit", 6, 24), ("rate_limit", 48, 48), ("network", 0, 0)]
)
def test_how_long_nothing_is_ordered(kind: str, retry: float, hours: float) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
    kept: dict[str, Any] = plan.failure(kind, now=now, retry=timedelta(hours=retry))
    assert datetime.fromisoformat(kept["until"]) == now + timedelta(hours=hours)
    assert kept["kind"] == kind
