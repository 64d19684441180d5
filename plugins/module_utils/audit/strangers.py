# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records and documents that the log was never told of: whoever can write on the records host can make them up."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from ..clock import to_text
from ..files import names_in
from ..findings import Finding
from ..record.journal import RECORD
from ..records.attached import DOCUMENT, read_head
from ..records.index import moment_of
from ..report.humanise import count

# What was delivered or attached is there some moments before the log is told of it.
_UNDER_WAY = timedelta(minutes=15)
_RUN = timedelta(days=1)
_NAMED = 3


def judge(
    directory: str,
    closed: Collection[str],
    told: Mapping[str, Mapping[str, str]],
    runs: Iterable[str],
    *,
    since: str,
    now: datetime,
) -> list[Finding]:
    """A finding for runs, and one for documents. closed: the runs whose end the log knows. told: files of runs.

    runs: those whose documents are looked at. since: the log was told of nothing that was before.
    """
    started = (run for run in sorted(names_in(directory)) if run not in closed and moment_of(run, {}) >= since)
    strange = [
        run
        for run in started
        if _is_settled(os.path.join(directory, run, RECORD), moment_of(run, {}), within=_RUN, now=now)
    ]
    loose = [
        f"{run}/{name}"
        for run in runs
        if moment_of(run, {}) >= since
        for name in sorted(names_in(os.path.join(directory, run)))
        if DOCUMENT.fullmatch(name) and name not in told[run]
        if _is_attached(os.path.join(directory, run, name), now=now)
    ]
    return [*([_finding(_of_runs(strange), strange)] if strange else []), *_of_loose(loose)]


def _is_attached(path: str, *, now: datetime) -> bool:
    return _is_settled(path, read_head(path)["at"], within=_UNDER_WAY, now=now)


def _is_settled(path: str, said: str, *, within: timedelta, now: datetime) -> bool:
    """Whether the file is there, and not since a moment ago. said: its own time, since that of a file is easily set."""
    try:
        age = abs(os.stat(path).st_mtime - now.timestamp())
    except OSError:
        return False
    return age >= _UNDER_WAY.total_seconds() or said < to_text(now - within)


def _finding(message: str, names: Sequence[str]) -> Finding:
    return Finding("audit.records", "strangers", "warning", message, value=len(names), unit="count")


def _of_runs(strange: Sequence[str]) -> str:
    return (
        f"The log knows no end of {count(len(strange), 'run')} whose record is there ({_shown(strange)}): the next run "
        "of their controller enters what it delivered; find out who wrote what stays."
    )


def _of_loose(loose: Sequence[str]) -> list[Finding]:
    if not loose:
        return []
    message = (
        f"The log was never told of {count(len(loose), 'document')} attached to runs ({_shown(loose)}): attach the "
        "same again, which enters it, or find out who wrote it."
    )
    return [_finding(message, loose)]


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")
