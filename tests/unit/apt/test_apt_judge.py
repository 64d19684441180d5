"""From what was seen of updates to findings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.apt import judge
from ansible_collections.careops.maintenance.plugins.module_utils.apt.packages import Survey, Update

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=timezone.utc)
UPDATE = Update(name="openssl", installed="3.0.1", version="3.0.2", origin="Debian/Debian-Security", security=True)


def seen(*updates: Update, lists: tuple[str, ...] = ("Debian/Debian-Security",), held: tuple[str, ...] = ()) -> Survey:
    return Survey(installed={}, updates=list(updates), held=list(held), security_lists=list(lists))


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("update", "obstacle"),
    [
        (UPDATE, ""),
        (replace(UPDATE, held=True, blocked_by="x"), "held"),
        (replace(UPDATE, blocked_by="openssl"), "blocklist"),
        (replace(UPDATE, pinned=True), "pinned"),
        (replace(UPDATE, unmet=True), "unmet dependencies"),
        (replace(UPDATE, removals=("old",)), "needs a removal"),
        (replace(UPDATE, new_packages=("libnew",)), ""),
    ],
)
def test_the_first_obstacle_is_named(update: Update, obstacle: str) -> None:
    assert update.obstacle == obstacle


@pytest.mark.parametrize(
    ("survey", "status", "says"),
    [
        (seen(), "ok", "No security update"),
        (seen(lists=()), "unknown", "no package list of a security archive"),
        (seen(replace(UPDATE, security=False)), "ok", "No security update"),
        (seen(UPDATE), "warning", "1 security update is pending: openssl 3.0.2"),
        (seen(UPDATE, replace(UPDATE, held=True)), "warning", "(1 on hold): "),
        (seen(*[UPDATE] * 8), "warning", "and 3 more"),
        (seen(replace(UPDATE, new_packages=("x",))), "warning", "1 in need of a new package"),
    ],
)
def test_pending_security_updates(survey: Survey, status: str, says: str) -> None:
    finding = judge.security_updates(survey, asked=["origin=Debian"])
    assert (finding.status, finding.value) == (status, None if status == "unknown" else _count(survey))
    assert says in finding.message


def _count(survey: Survey) -> int:
    return sum(update.security for update in survey.updates)


@pytest.mark.parametrize(
    ("published", "known_since", "status", "hours"),
    [
        (hours_ago(23.9), None, "ok", 23.9),
        (hours_ago(24), None, "critical", 24.0),
        # What is known of the download goes before the list, which may be of the same morning.
        (hours_ago(30), hours_ago(1), "critical", 30.0),
        (None, hours_ago(30), "critical", 30.0),
        (None, hours_ago(1), "unknown", 1.0),
        (None, None, "unknown", None),
        (hours_ago(-2), None, "ok", 0.0),
    ],
)
def test_the_age_of_a_security_update(
    published: datetime | None, known_since: datetime | None, status: str, hours: float | None
) -> None:
    update = replace(UPDATE, published=published, known_since=known_since)
    finding = judge.security_update_age([update], objective=24, now=NOW)
    assert (finding.status, finding.value) == (status, hours)


def test_one_late_update_is_not_hidden_by_others() -> None:
    updates = [replace(UPDATE, published=hours_ago(1)), replace(UPDATE, name="late", published=hours_ago(50)), UPDATE]
    finding = judge.security_update_age(updates, objective=24, now=NOW)
    assert finding.status == "critical"
    assert "1 security update is pending longer" in finding.message
    assert "late 3.0.2 waits for 50 hours" in finding.message


def test_no_pending_update_is_never_late() -> None:
    assert judge.security_update_age([replace(UPDATE, security=False)], objective=24, now=NOW).status == "ok"


@pytest.mark.parametrize(
    ("survey", "statuses"),
    [
        (seen(), ["ok"]),
        (seen(held=("nginx",)), ["ok"]),
        (seen(replace(UPDATE, held=True), replace(UPDATE, held=True, name="b")), ["warning", "warning"]),
        (seen(replace(UPDATE, held=True, security=False)), ["ok"]),
    ],
)
def test_holds_count_where_a_security_update_waits(survey: Survey, statuses: list[str]) -> None:
    assert [finding.status for finding in judge.held(survey)] == statuses


@pytest.mark.parametrize(
    ("refreshed", "expired", "problem", "status"),
    [
        (None, [], "", "unknown"),
        (hours_ago(47), [], "", "ok"),
        (hours_ago(48), [], "", "warning"),
        (hours_ago(1), ["Debian/Debian-Security"], "", "warning"),
        (hours_ago(0), [], "no network", "warning"),
        (hours_ago(-1), [], "", "ok"),
    ],
)
def test_old_lists_are_not_trusted(refreshed: datetime | None, expired: list[str], problem: str, status: str) -> None:
    finding = judge.lists_age(refreshed, expired=expired, warning=2, problem=problem, now=NOW)
    assert finding.status == status


def test_a_broken_blocklist_entry_is_critical() -> None:
    (finding,) = judge.blocklist(seen(), ["lib("])
    assert (finding.subject, finding.status) == ("lib(", "critical")
