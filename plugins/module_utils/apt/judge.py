# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was seen of updates, package lists and blocklist to findings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Optional

from ..clock import to_text
from ..findings import Finding
from .blocklist import broken_entries, wide_entries
from .packages import Survey, Update, obstacles

SUBJECT = "security updates"
# A report is read by people; all of them are in the module's details.
SHOWN = 50

_IN_WORDS = {
    "held": "on hold",
    "blocklist": "on the blocklist",
    "pinned": "pinned to an older version",
    "unmet dependencies": "with dependencies that cannot be met",
    "needs a removal": "in need of a removal",
}
_KEPT_BACK_ADVICE = {
    "pinned": "apt's preferences keep it back; change the pin in /etc/apt/preferences.d",
    "unmet dependencies": "its dependencies cannot be met; see apt-get --simulate install",
    "needs a removal": "it needs other packages removed; see apt-get --simulate install, and decide",
}


def security_updates(survey: Survey, *, asked: Sequence[str]) -> Finding:
    """How many security updates wait. Unknown where apt has no list of any security archive."""
    pending = [update for update in survey.updates if update.security]
    if not survey.security_lists:
        return Finding(
            check="apt.security_updates",
            subject=SUBJECT,
            status="unknown",
            message=(
                "apt has no package list of a security archive, so no security update can be seen: "
                "add the archive to its sources, run apt-get update, or correct security_origins."
            ),
            evidence={"security_origins": list(asked)},
        )
    if not pending:
        return Finding(
            check="apt.security_updates",
            subject=SUBJECT,
            status="ok",
            message="No security update is pending.",
            value=0,
            unit="count",
            threshold=1,
            evidence={"archives": survey.security_lists},
        )
    remarks = [f"{count} {_IN_WORDS[word]}" for word, count in obstacles(pending)]
    new = sum(1 for update in pending if update.new_packages)
    if new:
        remarks.append(f"{new} in need of a new package")
    aside = f" ({', '.join(remarks)})" if remarks else ""
    return Finding(
        check="apt.security_updates",
        subject=SUBJECT,
        status="warning",
        message=(
            f"{_count(len(pending), 'security update')} pending{aside}: {_names(pending)}; "
            "apply them in the next window."
        ),
        value=len(pending),
        unit="count",
        threshold=1,
        evidence={"archives": survey.security_lists, "packages": [brief(update) for update in pending[:SHOWN]]},
    )


def security_update_age(updates: Sequence[Update], *, objective: float, now: datetime) -> Finding:
    """How long the oldest pending security update waits, in hours, against the objective.

    Measured from the time that the archive gave to the downloaded package. Without it, the date of the
    list that has the update is the least age; too young a list leaves the age unknown.
    """
    pending = [update for update in updates if update.security]
    common: dict[str, Any] = {"check": "apt.security_update_age", "subject": SUBJECT}
    if not pending:
        return Finding(**common, status="ok", message="No security update is pending, so none waits too long.")
    ages = [(_age(update, now), update) for update in pending]
    known = [(age, update) for age, update in ages if age is not None]
    oldest_age, oldest = max(known, key=lambda pair: pair[0], default=(None, pending[0]))
    measured: dict[str, Any] = {
        "value": None if oldest_age is None else round(oldest_age, 1),
        "unit": None if oldest_age is None else "hours",
        "threshold": None if oldest_age is None else objective,
        "evidence": {"package": oldest.name, "measured_by": "download" if oldest.published else "package list"},
    }
    if oldest_age is not None and oldest_age >= objective:
        late = sum(1 for age, _update in known if age >= objective)
        least = "" if oldest.published else "at least "
        message = (
            f"{_count(late, 'security update')} pending longer than the objective of {objective:g} hours; "
            f"{oldest.name} {oldest.version} waits for {least}{oldest_age:.0f} hours: apply it now."
        )
        return Finding(**common, **measured, status="critical", message=message)
    unmeasured = [update for update in pending if update.published is None]
    if unmeasured:
        message = (
            f"The age of {_count(len(unmeasured), 'pending security update', verb=False)} is not known "
            f"({_names(unmeasured)}): have updates downloaded ahead (download_upgradeable_packages) to measure it."
        )
        return Finding(**common, **measured, status="unknown", message=message)
    message = f"The oldest pending security update waits for {oldest_age:.0f} of {objective:g} hours."
    return Finding(**common, **measured, status="ok", message=message)


def _age(update: Update, now: datetime) -> Optional[float]:
    since = update.published or update.known_since
    return None if since is None else max(0.0, (now - since).total_seconds() / 3600)


def other_updates(updates: Sequence[Update]) -> Finding:
    """Updates that are not about security: told, not judged."""
    others = [update for update in updates if not update.security]
    return Finding(
        check="apt.updates",
        subject="other updates",
        status="ok",
        message=f"{_count(len(others), 'other update')} pending{': ' + _names(others) if others else ''}.",
        value=len(others),
        unit="count",
        evidence={"packages": [brief(update) for update in others[:SHOWN]]} if others else {},
    )


def held(survey: Survey) -> list[Finding]:
    """Packages on hold that a security update waits for."""
    stuck = [update for update in survey.updates if update.security and update.held]
    if stuck:
        return [
            _per_package(
                "apt.held", update, f"it is on hold; release it with apt-mark unhold {update.name}, or write down why"
            )
            for update in stuck
        ]
    message = (
        f"{_count(len(survey.held), 'package')} on hold, no security update among them: {', '.join(survey.held[:10])}."
        if survey.held
        else "No package is on hold."
    )
    return [Finding(check="apt.held", subject="packages on hold", status="ok", message=message)]


def blocklist(survey: Survey, entries: Sequence[str]) -> list[Finding]:
    """Entries that break or block more than they say, and the security updates that the list keeps back."""
    findings = [
        Finding(
            check="apt.blocklist",
            subject=entry,
            status="critical",
            message=(
                f"The package blocklist entry {entry!r} is not a regular expression: unattended-upgrades stops at it "
                "and installs nothing; correct it."
            ),
        )
        for entry in broken_entries(entries)
    ]
    findings += [
        Finding(
            check="apt.blocklist",
            subject=wide.entry,
            status="warning",
            message=(
                f"The package blocklist entry {wide.entry!r} blocks more than it says, for {wide.why} "
                f"({', '.join(wide.blocks[:5])}): end it with $ or -, or write it out."
            ),
            evidence={"blocks": list(wide.blocks)},
        )
        for wide in wide_entries(entries, sorted(survey.installed))
    ]
    findings += [
        _per_package(
            "apt.blocklist",
            update,
            f"the blocklist entry {update.blocked_by!r} keeps it back; update it in its own window",
        )
        for update in survey.updates
        if update.security and update.blocked_by
    ]
    return findings or [
        Finding(
            check="apt.blocklist",
            subject="package blocklist",
            status="ok",
            message=f"The package blocklist ({_entries(len(entries))}) keeps no security update back.",
        )
    ]


def kept_back(survey: Survey) -> list[Finding]:
    """Security updates that no automatic run will install, for other reasons than hold and blocklist."""
    stuck = [update for update in survey.updates if update.security and update.obstacle in _KEPT_BACK_ADVICE]
    return [_per_package("apt.kept_back", update, _KEPT_BACK_ADVICE[update.obstacle]) for update in stuck] or [
        Finding(
            check="apt.kept_back",
            subject=SUBJECT,
            status="ok",
            message="No security update is kept back by pins or dependencies.",
        )
    ]


def _per_package(check: str, update: Update, why: str) -> Finding:
    return Finding(
        check=check,
        subject=update.name,
        status="warning",
        message=f"The security update of {update.name} to {update.version} will not be installed: {why}.",
        evidence=brief(update),
    )


def lists_age(
    refreshed: Optional[datetime], *, expired: Sequence[str], warning: float, problem: str, now: datetime
) -> Finding:
    """How old the lists are, in days. warning: days from which counts are no longer to be trusted.

    expired: archives whose lists are past their own date. problem: why they could not be refreshed just now.
    """
    common: dict[str, Any] = {"check": "apt.lists_age", "subject": "package lists"}
    if problem:
        # Not by its age: an attempt that failed leaves the same trace as one that worked.
        message = f"The package lists could not be refreshed, so newer security updates may not be seen: {problem}"
        return Finding(**common, status="warning", message=message)
    if refreshed is None:
        message = "apt has never fetched its package lists: run apt-get update, and look at its sources."
        return Finding(**common, status="unknown", message=message)
    days = max(0.0, round((now - refreshed).total_seconds() / 86400, 2))
    measured: dict[str, Any] = {
        "value": days,
        "unit": "days",
        "threshold": warning,
        "evidence": {"refreshed": to_text(refreshed)},
    }
    if expired:
        message = (
            f"The package lists of {', '.join(expired)} are past their own expiry date, so newer security updates "
            "are not seen: run apt-get update and see what fails."
        )
        return Finding(**common, **measured, status="warning", message=message)
    if days >= warning:
        message = (
            f"The package lists are {days:.1f} days old (limit {warning:g}), so newer security updates are not seen: "
            "run apt-get update, and see why it does not happen by itself."
        )
        return Finding(**common, **measured, status="warning", message=message)
    return Finding(**common, **measured, status="ok", message=f"The package lists were refreshed {days:.1f} days ago.")


def brief(update: Update) -> dict[str, Any]:
    """The update as plain data, without what is not set."""
    data: dict[str, Any] = {
        "name": update.name,
        "installed": update.installed,
        "version": update.version,
        "origin": update.origin,
        "obstacle": update.obstacle,
        "blocked_by": update.blocked_by,
        "new_packages": list(update.new_packages),
        "removals": list(update.removals),
        "published": to_text(update.published) if update.published else "",
    }
    return {name: value for name, value in data.items() if value}


def _count(number: int, word: str, *, verb: bool = True) -> str:
    text = f"{number} {word}{'' if number == 1 else 's'}"
    return f"{text} {'is' if number == 1 else 'are'}" if verb else text


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _names(updates: Sequence[Update]) -> str:
    shown = ", ".join(f"{update.name} {update.version}" for update in updates[:5])
    return f"{shown} and {len(updates) - 5} more" if len(updates) > 5 else shown
