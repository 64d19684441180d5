# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose turn it is, where there are more runs than can be read each time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

# Up to so many runs, all of them are read each time. Of more, as looking every few minutes makes them, those of a month
# are, and of the older ones another part each day.
ALL_UP_TO = 5000
_RECENT, _PARTS = timedelta(days=31), 28


def due(runs: Sequence[str], *, now: datetime) -> Sequence[str]:
    """The runs to read now. Each has its day, and none is left out for longer than four weeks."""
    if len(runs) <= ALL_UP_TO:
        return runs
    recent, part = f"{now - _RECENT:%Y%m%d}", now.toordinal() % _PARTS
    return [run for run in runs if run >= recent or zlib.crc32(run.encode()) % _PARTS == part]
