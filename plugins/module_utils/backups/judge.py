# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging the backups that were found: pure functions of them, the policy and the moment."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Optional

from ..clock import to_text
from ..findings import Finding, judge
from .found import Found
from .policy import Policy
from .zones import load_zone

# Nightly work starts a little earlier or later; a night without it leaves 48 hours.
LONGEST_GAP = timedelta(hours=30)
_CLOCK_SKEW = timedelta(minutes=10)
_COMPARED = 7


def judge_readable(found: Sequence[Found]) -> list[Finding]:
    """One finding for each backup: whole as far as it was read, or what exactly is wrong with it."""
    findings = []
    for backup in found:
        if backup.good:
            how = "from its first byte to its last" if backup.read_whole else "head, contents and data places"
            message = f"The backup {backup.path} is whole ({how}; {backup.size:,} bytes)."
        elif backup.damage == "unreadable":
            message = f"The backup {backup.path} {backup.problem}."
        else:
            message = f"The backup {backup.path} {backup.problem}; do not rely on it."
        status = {"": "ok", "unreadable": "unknown"}.get(backup.damage, "critical")
        evidence = {"damage": backup.damage} if backup.damage else {"read_whole": backup.read_whole}
        findings.append(
            Finding("backup.readable", backup.path, status, message, value=backup.size, unit="bytes", evidence=evidence)
        )
    return findings


def judge_presence(found: Sequence[Found], policy: Policy, now: datetime) -> list[Finding]:
    """Whether there are good backups at all, and one of each of the last days; each missing day by its date."""
    good = [backup.created for backup in found if backup.good and backup.created]
    if not good:
        what = f"None of the {len(found)} backups" if found else "There is no backup"
        message = (
            f"{what} of {policy.database} in {', '.join(policy.backups)} "
            f"({policy.pattern}){' is good' if found else ''}: take one now, and find out why."
        )
        return [Finding("backup.presence", policy.database, "critical", message, value=0, unit="count")]
    if policy.days == 0:
        return []
    missing = missing_days(good, now=now, days=policy.days, zone=policy.archive_timezone)
    if not missing:
        message = f"{policy.database} has its backup of every day of the last {policy.days}."
        return [Finding("backup.presence", policy.database, "ok", message, value=policy.days, unit="days")]
    return [
        Finding(
            "backup.presence",
            f"{policy.database} {day.isoformat()}",
            "warning",
            f"There is no good backup of {policy.database} of {day:%A}, {day.isoformat()}: "
            "find out why that night's backup failed.",
            evidence={"date": day.isoformat()},
        )
        for day in missing
    ]


def missing_days(created: Sequence[datetime], *, now: datetime, days: int, zone: str) -> list[date]:
    """The dates, oldest first, of the last days (today included) that lack a backup.

    A date without one is covered where no more than LONGEST_GAP lies between the backups around it: the
    work then started a little before or after midnight, or is not due yet today.
    zone: of the dates, empty for this host's own.
    """
    place = load_zone(zone)
    moments = sorted(moment.astimezone(place) for moment in created)
    local_now = now.astimezone(place)
    today = local_now.date()
    missing = []
    for day in (today - timedelta(days=back) for back in range(days - 1, -1, -1)):
        if any(moment.date() == day for moment in moments):
            continue
        noon = datetime.combine(day, time(12), tzinfo=local_now.tzinfo)
        before = max((moment for moment in moments if moment < noon), default=None)
        after = min((moment for moment in moments if moment > noon), default=local_now)
        if before is None or after - before > LONGEST_GAP:
            missing.append(day)
    return missing


def judge_age(found: Sequence[Found], policy: Policy, now: datetime) -> list[Finding]:
    """Age of the newest good backup: what would be lost if the database were lost now."""
    newest = newest_good(found)
    if newest is None or newest.created is None or not (policy.age_warning_hours or policy.age_critical_hours):
        return []
    hours = (now - newest.created) / timedelta(hours=1)
    subject, made = policy.database, f"{newest.path} was made at {to_text(newest.created)}"
    doubt = _doubt(newest, now)
    if doubt:
        message = f"The age of {newest.path} cannot be told: {doubt}; set archive_timezone, or correct the clock."
        return [Finding("backup.age", subject, "unknown", message, value=round(hours, 2), unit="hours")]
    status, threshold = judge(hours, warning=policy.age_warning_hours, critical=policy.age_critical_hours)
    advice = "" if status == "ok" else "; take a backup, and find out why there is none since"
    message = f"The newest good backup of {policy.database} is {hours:.1f} hours old ({made}){advice}."
    return [Finding("backup.age", subject, status, message, value=round(hours, 2), unit="hours", threshold=threshold)]


def _doubt(backup: Found, now: datetime) -> str:
    created, modified = backup.created, backup.modified
    if created is None:
        return "it has no moment of creation"
    if created > now + _CLOCK_SKEW:
        return f"it would have been made at {to_text(created)}, which is yet to come"
    if modified is not None and created > modified + _CLOCK_SKEW:
        return f"it would have been made at {to_text(created)}, after its file was last written ({to_text(modified)})"
    return ""


def judge_size(found: Sequence[Found], policy: Policy, now: datetime) -> list[Finding]:
    """Size of the newest good backup, and of each odd one of the last days, against those before it."""
    series = [backup for backup in reversed(found) if backup.good and backup.created]
    since = now - timedelta(days=max(policy.days, 1))
    findings = []
    for position, backup in enumerate(series):
        before = [other.size for other in series[max(0, position - _COMPARED) : position]]
        if len(before) < 2 or (backup.created or now) < since:
            continue
        finding = _size_finding(backup, middle=statistics.median(before), policy=policy)
        if finding.status != "ok" or position == len(series) - 1:
            findings.append(finding)
    return findings


def _size_finding(backup: Found, *, middle: float, policy: Policy) -> Finding:
    ratio = backup.size / middle if middle else 1.0
    status, threshold, message = "ok", None, "is as large as those before it"
    if policy.size_ratio_min and ratio < policy.size_ratio_min:
        status, threshold = "warning", policy.size_ratio_min
        message = "is much smaller than those before it: look whether rows or tables are gone"
    elif policy.size_ratio_max and ratio > policy.size_ratio_max:
        status, threshold = "warning", policy.size_ratio_max
        message = "is much larger than those before it: look what has grown"
    return Finding(
        "backup.size",
        backup.path,
        status,
        f"The backup {backup.path} {message} ({backup.size:,} bytes, {ratio:.2f} times their middle).",
        value=round(ratio, 3),
        unit="ratio",
        threshold=threshold,
        evidence={"bytes": backup.size, "middle_bytes": int(middle)},
    )


def judge_checksum(backup: Found, recorded: Optional[str], *, required: bool) -> Optional[Finding]:
    """The recorded SHA-256 (None without one, ``""`` where it is none) against that of the file, once known."""
    subject = backup.path
    if recorded is None:
        if not required:
            return None
        message = f"The backup {backup.path} has no SHA-256 beside it: let it be written when the backup is taken."
        return Finding("backup.checksum", subject, "warning", message)
    if not recorded:
        message = f"The file {backup.path}.sha256 holds no SHA-256: write it anew from a copy you trust."
        return Finding("backup.checksum", subject, "critical", message)
    if not backup.sha256:
        return None
    if recorded != backup.sha256:
        message = (
            f"The backup {backup.path} does not match its SHA-256: it is not the file that was written; "
            "use another copy."
        )
        evidence = {"recorded": recorded, "found": backup.sha256}
        return Finding("backup.checksum", subject, "critical", message, evidence=evidence)
    return Finding("backup.checksum", subject, "ok", f"The backup {backup.path} matches its SHA-256.")


def newest_good(found: Sequence[Found]) -> Optional[Found]:
    """The backup that would be used now; found is newest first."""
    return next((backup for backup in found if backup.good and backup.created), None)
