# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as a table for a terminal: a line for each, and how to open one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..report.humanise import clean, shorten
from .store import Row, rows, text

_COLUMNS = (
    ("TIME (UTC)", "moment"),
    ("OUTCOME", "outcome"),
    ("SYSTEM", "system"),
    ("CADENCE", "cadence"),
    ("CLASS", "work_class"),
    ("OPERATOR", "operator"),
    ("TICKET", "ticket"),
    ("RUN", "run_id"),
)
_WIDEST = 48
_GAP = "  "


def as_table(runs: Sequence[Row], *, more: bool) -> str:
    """The runs, newest first, with the findings that a text was found in. more: whether others may fit."""
    if not runs:
        return "No run fits. Leave out a condition, or use patterns such as host=db*."
    columns = [(title, key) for title, key in _COLUMNS if any(text(run, key) for run in runs)]
    cells = [[_cell(run, key) for _title, key in columns] for run in runs]
    widths = [max(map(len, column)) for column in zip([title for title, _key in columns], *cells)]
    lines = [_line([title for title, _key in columns], widths)]
    for run, row in zip(runs, cells):
        lines.append(_line(row, widths))
        lines.extend(_found(run))
    if more:
        lines.append(f"More runs may fit: these are the newest {len(runs)}, and limit=N shows more.")
    lines.append(f"Open one with: ansible-playbook playbooks/records.yml -e records_show={runs[0]['run_id']}")
    return "\n".join(lines)


def _cell(run: Row, key: str) -> str:
    value = clean(text(run, key))
    if key == "moment":
        return value[:16].replace("T", " ") or "unknown"
    return value if key == "run_id" else shorten(value, _WIDEST)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()


def _found(run: Row) -> Iterator[str]:
    for finding in rows(run, "found"):
        words = f"{text(finding, 'host')}: {text(finding, 'subject')}: {text(finding, 'message')}"
        yield f"    {text(finding, 'status')}  {shorten(clean(words), 140)}"
