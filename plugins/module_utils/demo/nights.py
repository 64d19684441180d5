# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nights of the clinic: each day's changes, and the dump that was made after them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from ..errors import MaintenanceError
from ..files import write_atomic
from ..runner import run
from . import archive, clinic
from .cluster import Cluster
from .layout import Layout

# Clocks change before four o'clock, so every night has that moment once.
HOUR = time(4, 0)
# A week is asked for; one more, so that the week is whole at any hour of the day.
NIGHTS = 8
# Dumps older than these are removed, as a retention policy would.
KEPT = 10
NAME = re.compile(r"^clinic-(\d{4}-\d{2}-\d{2})\.dump(\.sha256)?$")


def wanted_nights(now: datetime) -> list[datetime]:
    """The moments of the last nights' backups, the oldest first, in local time."""
    local = now.astimezone()
    newest = local.date() if local.time() >= HOUR else local.date() - timedelta(days=1)
    return [_moment(newest - timedelta(days=back)) for back in reversed(range(NIGHTS))]


def _moment(night: date) -> datetime:
    return datetime.combine(night, HOUR).astimezone()


@dataclass(frozen=True)
class Nights:
    """The backups of the estate. now: aware."""

    layout: Layout
    cluster: Cluster
    now: datetime

    def file(self, night: datetime) -> str:
        """The dump of the night."""
        return os.path.join(self.layout.backups, f"clinic-{night.astimezone().date().isoformat()}.dump")

    def missing(self) -> list[datetime]:
        """The nights that have no dump."""
        return [night for night in wanted_nights(self.now) if not os.path.exists(self.file(night))]

    def outdated(self) -> list[str]:
        """Dumps that no policy keeps any more, and drafts of dumps that were killed."""
        if not os.path.isdir(self.layout.backups):
            return []
        oldest = (wanted_nights(self.now)[-1] - timedelta(days=KEPT - 1)).date().isoformat()
        found = []
        for name in sorted(os.listdir(self.layout.backups)):
            match = NAME.match(name)
            draft = name.endswith(".partial") and name.lstrip(".").startswith("clinic-")
            if draft or (match and match.group(1) < oldest):
                found.append(os.path.join(self.layout.backups, name))
        return found

    def fill(self, nights: Sequence[datetime]) -> None:
        """Lives through each night that the database has not seen, and dumps it. Oldest first."""
        os.makedirs(self.layout.backups, mode=0o700, exist_ok=True)
        connection = self.cluster.connect(clinic.DATABASE, autocommit=False)
        try:
            for night in nights:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT max(night) FROM clinic.nightly_jobs")
                    newest = cursor.fetchone()[0]
                    if newest is None or newest < night.astimezone().date():
                        clinic.live_through_a_day(cursor, at=night)
                connection.commit()
                self.dump(night)
        finally:
            connection.close()

    def dump(self, night: datetime) -> None:
        """A dump of the database as it is, dated to the night. Raises MaintenanceError with pg_dump's reason."""
        path = self.file(night)
        draft = f"{path}.partial"
        done = run(
            [
                *(os.path.join(self.layout.bindir, "pg_dump"), "--format=custom", "--compress=gzip:1"),
                *("--no-password", "--file", draft, clinic.DATABASE),
            ],
            environment=self.cluster.connection.environment(),
            timeout=600,
        )
        if done.returncode:
            raise MaintenanceError(f"The dump {path} could not be made: {' '.join(done.stderr.split())}")
        os.chmod(draft, 0o600)
        archive.redate(draft, night)
        line = f"{_sha256(draft)}  {os.path.basename(path)}\n"
        write_atomic(f"{path}.sha256", line.encode(), mode=0o600)
        os.replace(draft, path)

    def prune(self) -> None:
        """Removes what is outdated."""
        for path in self.outdated():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1024 * 1024), b""):
            digest.update(block)
    return digest.hexdigest()
