"""What must hold for every certificate as time goes by, and the table of docs/certificates.md."""

from __future__ import annotations

import datetime
import functools
import itertools
import math
import re
import tempfile
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import judge
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.check import check
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.policy import Policy
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.sources import Source
from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding
from tests.lab.certificates import NOW, authority, make
from tests.lab.modules import ROOT

HOUR, DAY = 3600, 86_400
YEAR = 365 * DAY
ORDER = ("ok", "warning", "critical", "expired")
DEFAULT = judge.Thresholds()


def state(not_before: int, not_after: int, now: float, thresholds: judge.Thresholds = DEFAULT) -> str:
    if judge.expired(not_after, now=now):
        assert judge.expiry(not_before, not_after, now=now, thresholds=thresholds).status == "critical"
        return "expired"
    return judge.expiry(not_before, not_after, now=now, thresholds=thresholds).status


def renews_at(lifetime: int) -> float:
    """Seconds left when the common renewers act."""
    return lifetime / 2 if lifetime <= 10 * DAY else lifetime / 3


lifetimes = st.integers(min_value=HOUR, max_value=10 * YEAR)
begins = st.integers(min_value=0, max_value=4_000_000_000)
policies = st.builds(
    lambda days, ratios: judge.Thresholds(
        warning_days=max(days), critical_days=min(days), warning_ratio=max(ratios), critical_ratio=min(ratios)
    ),
    st.tuples(*[st.floats(min_value=0, max_value=400)] * 2),
    st.tuples(*[st.floats(min_value=0, max_value=1)] * 2),
)


@given(lifetime=lifetimes, start=begins, thresholds=policies, moments=st.lists(st.floats(-0.5, 1.5), min_size=2))
def test_a_certificate_only_grows_older(
    lifetime: int, start: int, thresholds: judge.Thresholds, moments: list[float]
) -> None:
    end = start + lifetime - 1
    thresholds.check()
    seen = [state(start, end, start + share * lifetime, thresholds) for share in sorted(moments)]
    assert [ORDER.index(one) for one in seen] == sorted(ORDER.index(one) for one in seen)


@given(lifetime=lifetimes, start=begins)
def test_it_comes_through_every_state_in_turn(lifetime: int, start: int) -> None:
    end = start + lifetime - 1
    # The last whole seconds that belong to each, so that no fraction is lost.
    warning, critical = (math.floor(seconds) for seconds in DEFAULT.seconds(lifetime))
    moments = (start, end - warning - 1, end - warning, end - critical - 1, end - critical, end, end + 0.999, end + 1)
    assert [state(start, end, now) for now in moments] == [
        "ok", "ok", "warning", "warning", "critical", "critical", "critical", "expired",
    ]  # fmt: skip


@given(lifetime=lifetimes, start=begins, early=st.floats(min_value=0, max_value=1))
def test_one_that_is_renewed_in_time_never_alarms(lifetime: int, start: int, early: float) -> None:
    end = start + lifetime - 1
    # At the renewer's moment or any before it, with a tenth of the lifetime in which it may fail and try again.
    left = renews_at(lifetime) + early * (lifetime - renews_at(lifetime))
    assert state(start, end, end + 1 - left) == "ok"
    if lifetime > 10 * DAY:
        assert state(start, end, end + 1 - renews_at(lifetime) + 0.08 * lifetime) == "ok"


@given(lifetime=lifetimes)
def test_the_warning_is_before_critical_and_both_before_the_end(lifetime: int) -> None:
    warning, critical = DEFAULT.seconds(lifetime)
    assert 0 < critical < warning < lifetime


@given(lifetime=st.integers(min_value=HOUR, max_value=10 * YEAR - DAY), more=st.integers(min_value=1, max_value=DAY))
def test_who_lives_longer_is_not_warned_of_later(lifetime: int, more: int) -> None:
    for shorter, longer in zip(DEFAULT.seconds(lifetime), DEFAULT.seconds(lifetime + more)):
        assert shorter <= longer


# The whole check, by moments that are handed in


@functools.cache
def bundle() -> Path:
    """A leaf of 90 days and an issuer that ends ten days after it."""
    ca = authority(days=70, lifetime=3650)
    folder = Path(tempfile.mkdtemp(prefix="careops-over-time-"))
    path = folder / "bundle.pem"
    path.write_bytes(make(issuer=ca).pem + ca.pem)
    return path


@pytest.fixture(scope="module", autouse=True)
def _no_leftovers() -> object:
    yield
    bundle().unlink()
    bundle().parent.rmdir()
    bundle.cache_clear()


def look(now: datetime.datetime, path: Optional[Path] = None) -> dict[str, Finding]:
    outcome = check(Policy(sources=[Source(str(path or bundle()))]), now=now)
    return {finding.check: finding for finding in outcome.findings}


offsets = st.integers(min_value=-14 * 60, max_value=14 * 60).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
spans = st.timedeltas(min_value=datetime.timedelta(days=-29), max_value=datetime.timedelta(days=100))


@settings(deadline=None)
@given(after=spans, zone=offsets)
def test_the_time_zone_makes_no_difference(after: datetime.timedelta, zone: datetime.timezone) -> None:
    assert look(NOW + after) == look((NOW + after).astimezone(zone))


@settings(deadline=None)
@given(after=spans)
def test_leaf_and_issuer_are_each_told_of(after: datetime.timedelta) -> None:
    findings = look(NOW + after)
    for name, days, lifetime in (("certificate.expiry", 60, 90), ("certificate.chain_expiry", 70, 3650)):
        end = int(NOW.timestamp()) + days * DAY
        expected = judge.expiry(end - lifetime * DAY, end, now=(NOW + after).timestamp(), thresholds=DEFAULT)
        assert (findings[name].status, findings[name].value) == (expected.status, round(expected.remaining / DAY, 2))
    assert findings["certificate.expiry"].evidence["chain_not_after"] == "2027-01-30T12:00:00Z"


@settings(deadline=None)
@given(moments=st.lists(spans, min_size=2, max_size=4))
def test_the_whole_check_never_goes_back(moments: list[datetime.timedelta]) -> None:
    told = [look(NOW + moment) for moment in sorted(moments)]
    for name in ("certificate.expiry", "certificate.chain_expiry"):
        for earlier, later in itertools.pairwise(told):
            assert ORDER.index(earlier[name].status) <= ORDER.index(later[name].status)
            assert earlier[name].value >= later[name].value  # type: ignore[operator]


# The table of the documentation

TEXT = (ROOT / "docs" / "certificates.md").read_text()
ROW = re.compile(r"^\| (\d+) days(?: \((\d+) h\))? \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def words(seconds: float) -> str:
    days, hours = divmod(int(seconds) // HOUR, 24)
    return " ".join([f"{days} d"] * bool(days) + [f"{hours} h"] * bool(hours))


def test_the_table_of_the_documentation_is_what_is_judged_by() -> None:
    told = {}
    for days, hours, *moments in ROW.findall(TEXT):
        lifetime = int(hours) * HOUR if hours else int(days) * DAY
        told[lifetime] = moments
        assert moments == [words(seconds) for seconds in (renews_at(lifetime), *DEFAULT.seconds(lifetime))], days
    assert list(told) == [160 * HOUR, *(days * DAY for days in (45, 47, 90, 100, 200, 398))]


def test_the_text_names_the_figures() -> None:
    assert (DEFAULT.warning_days, DEFAULT.critical_days) == (30, 7) and "more than 30 and 7 days left" in TEXT
    assert DEFAULT.warning_ratio == 1 / 4 and "a quarter of that is left" in TEXT
    assert DEFAULT.critical_ratio == 1 / 10 and "critical when at most a tenth is" in TEXT
