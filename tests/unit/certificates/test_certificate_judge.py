"""The judgement of dates: a table, the table's own proof, and what must hold for every certificate."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import judge
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

HOUR, DAY = 3600, 86_400

# Lifetime in seconds, seconds left at ``now`` (notAfter - now), status with the default thresholds.
CASES: list[tuple[str, float, float, str]] = [
    ("a year, months left", 398 * DAY, 120 * DAY, "ok"),
    ("a year, just above the cap", 398 * DAY, 30 * DAY + 1, "ok"),
    ("a year, at the cap", 398 * DAY, 30 * DAY, "warning"),
    ("a year, just above a week", 398 * DAY, 7 * DAY + 1, "warning"),
    ("a year, at a week", 398 * DAY, 7 * DAY, "critical"),
    ("200 days, above the cap", 200 * DAY, 31 * DAY, "ok"),
    ("200 days, at the cap", 200 * DAY, 30 * DAY, "warning"),
    ("100 days, a quarter comes before 30 days", 100 * DAY, 26 * DAY, "ok"),
    ("90 days, when its renewer acts", 90 * DAY, 30 * DAY, "ok"),
    ("90 days, just above a quarter", 90 * DAY, 22.5 * DAY + 1, "ok"),
    ("90 days, at a quarter", 90 * DAY, 22.5 * DAY, "warning"),
    ("90 days, just above a week", 90 * DAY, 7 * DAY + 1, "warning"),
    ("90 days, at a week", 90 * DAY, 7 * DAY, "critical"),
    ("47 days, when its renewer acts", 47 * DAY, 47 * DAY / 3, "ok"),
    ("47 days, below a quarter", 47 * DAY, 11 * DAY, "warning"),
    ("47 days, above a tenth", 47 * DAY, 5 * DAY, "warning"),
    ("47 days, below a tenth", 47 * DAY, 4 * DAY, "critical"),
    ("45 days, when its renewer acts", 45 * DAY, 15 * DAY, "ok"),
    ("45 days, below a quarter", 45 * DAY, 11 * DAY, "warning"),
    ("160 hours, when issued", 160 * HOUR, 160 * HOUR - 1, "ok"),
    ("160 hours, when its renewer acts", 160 * HOUR, 80 * HOUR, "ok"),
    ("160 hours, above a quarter", 160 * HOUR, 41 * HOUR, "ok"),
    ("160 hours, at a quarter", 160 * HOUR, 40 * HOUR, "warning"),
    ("160 hours, at a tenth", 160 * HOUR, 16 * HOUR, "critical"),
    ("a day, above a quarter", DAY, 7 * HOUR, "ok"),
    ("a day, below a quarter", DAY, 5 * HOUR, "warning"),
    ("in its last second", 90 * DAY, 0, "critical"),
    ("expired", 90 * DAY, -1, "critical"),
    ("expired, and begins after its end", -100 * DAY, -5 * DAY, "critical"),
]


def wrong(module: ModuleType) -> list[str]:
    """The cases of the tables that this judgement gets wrong."""
    thresholds = module.Thresholds()
    now = 1_800_000_000.0
    failed = []
    for name, lifetime, left, status in CASES:
        not_after = int(now + left)
        not_before = not_after - int(lifetime) + 1
        verdict = module.expiry(not_before, not_after, now=not_after - left, thresholds=thresholds)
        if (verdict.status, verdict.remaining) != (status, left):
            failed.append(name)
    for left, gone in ((0, False), (-0.5, False), (-0.999, False), (-1, True), (1, False)):
        if module.expired(1_800_000_000, now=1_800_000_000 - left) != gone:
            failed.append(f"expired with {left} left")
    days = module.Thresholds(warning_days=60, critical_days=14, warning_ratio=1, critical_ratio=1)
    for left, status in ((61, "ok"), (60, "warning"), (15, "warning"), (14, "critical")):
        if module.expiry(0, 90 * DAY, now=(90 - left) * DAY, thresholds=days).status != status:
            failed.append(f"days alone, {left} left")
    none = module.Thresholds(warning_days=0, critical_days=0)
    if module.expiry(0, 90 * DAY, now=90 * DAY + 1, thresholds=none).status != "critical":
        failed.append("expired without thresholds")
    return failed


def test_the_table_holds() -> None:
    assert wrong(judge) == []


MUTATIONS = [
    ("warning_days: float = 30.0", "warning_days: float = 31.5"),
    ("warning_days: float = 30.0", "warning_days: float = 29.0"),
    ("critical_days: float = 7.0", "critical_days: float = 8.0"),
    ("critical_days: float = 7.0", "critical_days: float = 6.0"),
    ("warning_ratio: float = 0.25", "warning_ratio: float = 0.34"),
    ("warning_ratio: float = 0.25", "warning_ratio: float = 0.2"),
    ("critical_ratio: float = 0.1", "critical_ratio: float = 0.2"),
    ("critical_ratio: float = 0.1", "critical_ratio: float = 0.05"),
    ("min(self.warning_days * DAY", "max(self.warning_days * DAY"),
    ("min(self.critical_days * DAY", "max(self.critical_days * DAY"),
    ("DAY = 86_400", "DAY = 86_000"),
    ("not_after - not_before + 1", "not_after - not_before"),
    ("remaining <= critical:", "remaining < critical:"),
    ("remaining <= warning", "remaining < warning"),
    ("max(0, not_after", "max(-9e9, not_after"),
    ("now >= not_after + 1", "now >= not_after"),
    ("now >= not_after + 1", "now > not_after + 1"),
    ('return Verdict("warning"', 'return Verdict("ok"'),
    ('return Verdict("critical"', 'return Verdict("warning"'),
    ("remaining = not_after - now", "remaining = not_after - now + 1"),
]


@pytest.mark.parametrize(("old", "new"), MUTATIONS, ids=[f"{old} -> {new}" for old, new in MUTATIONS])
def test_the_table_notices_a_wrong_judgement(old: str, new: str, tmp_path: Path) -> None:
    source = Path(str(judge.__file__)).read_text()
    assert source.count(old) == 1
    path = tmp_path / "judge.py"
    path.write_text(source.replace(old, new))
    # A sibling in the same package, so that its relative imports hold.
    name = judge.__name__.rpartition(".")[0] + ".mutated_judge"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    mutated = importlib.util.module_from_spec(spec)
    sys.modules[name] = mutated
    try:
        spec.loader.exec_module(mutated)
        assert wrong(mutated) != []
    finally:
        del sys.modules[name]


lifetimes = st.integers(min_value=HOUR, max_value=40 * 365 * DAY)
moments = st.floats(min_value=-0.2, max_value=1.2, allow_nan=False)


@given(lifetime=lifetimes, share=moments)
def test_never_an_alarm_while_a_third_is_left(lifetime: int, share: float) -> None:
    now = lifetime * share
    if judge.expiry(0, lifetime, now=now, thresholds=judge.Thresholds()).status != "ok":
        assert lifetime - now <= lifetime / 3 + 1


@given(lifetime=lifetimes, share=moments, later=st.floats(min_value=0, max_value=1))
def test_it_never_gets_better_with_time(lifetime: int, share: float, later: float) -> None:
    order = ("ok", "warning", "critical")
    thresholds = judge.Thresholds()
    first = judge.expiry(0, lifetime, now=lifetime * share, thresholds=thresholds)
    second = judge.expiry(0, lifetime, now=lifetime * (share + later), thresholds=thresholds)
    assert order.index(first.status) <= order.index(second.status)


@given(lifetime=lifetimes, share=moments)
def test_days_cap_and_expiry_is_always_critical(lifetime: int, share: float) -> None:
    now = lifetime * share
    verdict = judge.expiry(0, lifetime, now=now, thresholds=judge.Thresholds())
    if lifetime - now > 30 * DAY:
        assert verdict.status == "ok"
    if now > lifetime + 1:
        assert verdict.status == "critical"
    assert verdict.threshold <= 30 * DAY


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ({"warning_days": -1}, "warning_days"),
        ({"critical_days": -1}, "critical_days"),
        ({"warning_ratio": 1.5}, "warning_ratio"),
        ({"critical_ratio": -0.1}, "critical_ratio"),
        ({"warning_days": 5}, "critical_days"),
        ({"critical_ratio": 0.5}, "critical_ratio"),
    ],
)
def test_thresholds_that_make_no_sense(wish: dict[str, float], named: str) -> None:
    with pytest.raises(MaintenanceError, match=named):
        judge.Thresholds(**wish).check()
