"""Age, presence, size, checksum: judged from what was found, by a moment that is handed in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.backups import judge, policy, zones
from ansible_collections.careops.maintenance.plugins.module_utils.backups.found import Found
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.modules.backup_restore_test import argument_spec

NOW = datetime(2026, 3, 8, 9, tzinfo=timezone.utc)
WEEK = [NOW - timedelta(days=day, hours=7) for day in range(7)]


def params(**more: Any) -> dict[str, Any]:
    given = {"database": "clinic", "backups": ["/b"], "archive_timezone": "UTC", **more}
    return {name: given.get(name, option.get("default")) for name, option in argument_spec().items()}


POLICY = policy.Policy.from_params(params())


def found(created: datetime, size: int = 1000, **more: Any) -> Found:
    return Found(path=f"/b/{created:%d}.dump", size=size, created=created, modified=created, **more)


@pytest.mark.parametrize(
    ("created", "days", "missing"),
    [
        (WEEK, 7, []),
        (WEEK[:3] + WEEK[4:], 7, [date(2026, 3, 5)]),
        (WEEK[:5], 7, [date(2026, 3, 2), date(2026, 3, 3)]),
        (WEEK[1:], 7, [date(2026, 3, 8)]),
        (WEEK[2:], 7, [date(2026, 3, 7), date(2026, 3, 8)]),
        # Started before midnight one night and after it the next: no night is missing.
        ([datetime(2026, 3, 7, 0, 5, tzinfo=timezone.utc), datetime(2026, 3, 8, 0, 4, tzinfo=timezone.utc)], 2, []),
        ([datetime(2026, 3, 6, 23, 55, tzinfo=timezone.utc), datetime(2026, 3, 8, 0, 5, tzinfo=timezone.utc)], 2, []),
        # Today's is not due yet.
        ([NOW - timedelta(hours=29)], 1, []),
        ([NOW - timedelta(hours=31)], 1, [date(2026, 3, 8)]),
    ],
)
def test_a_missing_night_is_named(created: list[datetime], days: int, missing: list[date]) -> None:
    assert judge.missing_days(created, now=NOW, days=days, zone="UTC") == missing


def test_presence_tells_the_date() -> None:
    findings = judge.judge_presence([found(moment) for moment in WEEK[:3] + WEEK[4:]], POLICY, NOW)
    assert [(finding.status, finding.subject) for finding in findings] == [("warning", "clinic 2026-03-05")]
    assert "Thursday, 2026-03-05" in findings[0].message
    assert [finding.status for finding in judge.judge_presence([found(moment) for moment in WEEK], POLICY, NOW)] == [
        "ok"
    ]


@pytest.mark.parametrize(
    ("backups", "words"),
    [([], "There is no backup of clinic"), ([found(WEEK[0], damage="empty")], "None of the 1 backups of clinic")],
)
def test_no_good_backup_is_critical(backups: list[Found], words: str) -> None:
    (finding,) = judge.judge_presence(backups, POLICY, NOW)
    assert finding.status == "critical"
    assert words in finding.message


@pytest.mark.parametrize(
    ("hours", "status"),
    [(0, "ok"), (23.9, "ok"), (24, "warning"), (47.9, "warning"), (48, "critical"), (-0.1, "ok"), (-1, "unknown")],
)
def test_age_is_judged(hours: float, status: str) -> None:
    (finding,) = judge.judge_age([found(NOW - timedelta(hours=hours))], POLICY, NOW)
    assert finding.status == status


def test_age_is_that_of_the_newest_good_one() -> None:
    backups = [found(NOW - timedelta(hours=1), damage="truncated"), found(NOW - timedelta(hours=30))]
    (finding,) = judge.judge_age(backups, POLICY, NOW)
    assert (finding.status, finding.value) == ("warning", 30.0)


def test_age_is_not_judged_without_thresholds() -> None:
    without = policy.Policy.from_params(params(age_warning_hours=0.0, age_critical_hours=0.0))
    assert judge.judge_age([found(NOW + timedelta(days=1))], without, NOW) == []


def test_a_file_older_than_its_backup_is_doubted() -> None:
    backup = replace(found(NOW - timedelta(hours=1)), modified=NOW - timedelta(hours=6))
    (finding,) = judge.judge_age([backup], POLICY, NOW)
    assert finding.status == "unknown"
    assert "set archive_timezone" in finding.message


@pytest.mark.parametrize(
    ("sizes", "status"),
    [
        ([1000, 1000, 1000, 1000], "ok"),
        ([600, 1000, 1000, 1000], "ok"),
        ([499, 1000, 1000, 1000], "warning"),
        ([2001, 1000, 1000, 1000], "warning"),
        # One odd predecessor does not make the next one odd.
        ([1000, 10, 1000, 1000], "ok"),
    ],
)
def test_size_is_held_against_those_before(sizes: list[int], status: str) -> None:
    backups = [found(moment, size) for moment, size in zip(WEEK, sizes)]
    newest = [finding for finding in judge.judge_size(backups, POLICY, NOW) if finding.subject == backups[0].path]
    assert [finding.status for finding in newest] == [status]


def test_size_needs_predecessors() -> None:
    assert judge.judge_size([found(WEEK[0]), found(WEEK[1], 10)], POLICY, NOW) == []


@pytest.mark.parametrize(
    ("recorded", "sha256", "required", "status"),
    [
        ("a" * 64, "a" * 64, False, "ok"),
        ("a" * 64, "b" * 64, False, "critical"),
        ("", "b" * 64, False, "critical"),
        (None, "b" * 64, False, None),
        (None, "b" * 64, True, "warning"),
        ("a" * 64, "", False, None),
    ],
)
def test_checksum(recorded: str | None, sha256: str, required: bool, status: str | None) -> None:
    finding = judge.judge_checksum(found(NOW, sha256=sha256), recorded, required=required)
    assert (finding.status if finding else None) == status


@pytest.mark.parametrize(
    ("local", "daylight_saving", "zone", "hours"),
    [
        (datetime(2026, 1, 10, 2), False, "UTC", 0),
        (datetime(2026, 1, 10, 2), False, "Europe/Berlin", 1),
        (datetime(2026, 7, 10, 2), True, "Europe/Berlin", 2),
        # 02:30 comes twice that night.
        (datetime(2026, 10, 25, 2, 30), True, "Europe/Berlin", 2),
        (datetime(2026, 10, 25, 2, 30), False, "Europe/Berlin", 1),
        (datetime(2026, 3, 1, 2), False, "America/Sao_Paulo", -3),
    ],
)
def test_archive_time_in_its_zone(local: datetime, daylight_saving: bool, zone: str, hours: int) -> None:
    assert zones.utc_offset(local, daylight_saving=daylight_saving, zone=zone) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"database": "careops_restore_x"}, "Restore refused"),
        ({"scratch_prefix": "clinic"}, "Restore refused"),
        ({"scratch_prefix": "postgres"}, "Restore refused"),
        ({"scratch_prefix": ""}, "scratch_prefix must be"),
        ({"scratch_prefix": "dbname=clinic"}, "scratch_prefix must be"),
        ({"archive_timezone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ({"days": -1}, "days must not be below 0"),
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"min_rows": {"patients": "many"}}, "min_rows must give a number for patients"),
    ],
)
def test_policy_refuses(options: dict[str, Any], words: str) -> None:
    with pytest.raises(MaintenanceError, match=words):
        policy.Policy.from_params(params(**options))


def test_password_stays_with_its_role() -> None:
    given = {"login_user": "postgres", "login_password": "secret", "restore_login_user": "restorer"}
    target = policy.Policy.from_params(params(**given)).target
    assert (target.user, target.password) == ("restorer", None)
    target = policy.Policy.from_params(params(login_password="secret", restore_login_host="lab")).target
    assert (target.host, target.password) == ("lab", "secret")
