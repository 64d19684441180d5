# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How old the package lists are: counts of pending updates are no better than the lists they come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Optional

from ..files import names_in, text_of


@dataclass(frozen=True)
class Release:
    """What a Release file says of an archive. prefix: of all its files in the lists folder."""

    prefix: str
    date: Optional[datetime] = None
    valid_until: Optional[datetime] = None


def parse_release(text: str, *, prefix: str) -> Release:
    """From a Release or InRelease file."""
    fields = {}
    for line in text.splitlines():
        name, separator, value = line.partition(": ")
        if separator and name in ("Date", "Valid-Until"):
            fields[name] = value.strip()
    return Release(prefix=prefix, date=_moment(fields.get("Date")), valid_until=_moment(fields.get("Valid-Until")))


def _moment(text: Optional[str]) -> Optional[datetime]:
    if not text:
        return None
    try:
        # Archives write UTC for GMT.
        moment = parsedate_to_datetime(text.replace("UTC", "GMT"))
    except (TypeError, ValueError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)


def read_releases(folder: str) -> list[Release]:
    """Every archive that apt has fetched lists of. Files that cannot be read are left out."""
    releases = []
    for name in sorted(names_in(folder)):
        for ending in ("InRelease", "Release"):
            if name.endswith(f"_{ending}"):
                releases.append(
                    parse_release(text_of(os.path.join(folder, name), longest=4096), prefix=name[: -len(ending)])
                )
                break
    return releases


def release_of(list_path: str, releases: list[Release]) -> Optional[Release]:
    """The archive that a list of packages belongs to."""
    name = os.path.basename(list_path)
    matching = [release for release in releases if name.startswith(release.prefix)]
    return max(matching, key=lambda release: len(release.prefix), default=None)


def refreshed_at(root: str) -> Optional[datetime]:
    """When the lists were last refreshed; None where they never were.

    Only the success stamp knows of success; it is there where apt is told to write one (Ubuntu).
    Else the newer of apt's daily stamp and the folder that every refresh works in.
    """
    success = _modified(os.path.join(root, "var/lib/apt/periodic/update-success-stamp"))
    if success:
        return success
    if not read_releases(os.path.join(root, "var/lib/apt/lists")):
        return None
    places = ("var/lib/apt/periodic/update-stamp", "var/lib/apt/lists/partial", "var/lib/apt/lists")
    return max(
        (moment for place in places for moment in [_modified(os.path.join(root, place))] if moment), default=None
    )


def _modified(path: str) -> Optional[datetime]:
    try:
        return datetime.fromtimestamp(os.stat(path).st_mtime, tz=timezone.utc)
    except OSError:
        return None
