# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three moments of a run's record: opened before anything else, closed after everything, judged at last."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Optional

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..files import write_atomic
from ..findings import Action, Finding
from ..glue import Outcome
from .journal import FINDINGS, RECORD, Journal, JournalWriter, read_journal
from .record import compile_record
from .runs import Run, claim, claiming, find_runs, note_delivery, prune, state_of

NOT_ACTIVE = (
    "The recorder is not active, so nothing of this run would be written down and nothing was started: add "
    "careops.maintenance.recorder to callbacks_enabled in ansible.cfg. The variable ANSIBLE_CALLBACKS_ENABLED, where "
    "it is set, replaces that list and must name it too."
)


def open_run(folder: str, *, facts: Mapping[str, Any], keep: int, now: datetime, recorder_error: str) -> Outcome:
    """Proves that the recorder writes, finds what earlier runs left, and refuses to run beside a live run.

    folder: where the recorder of this run writes. facts: what is known of the run, for its record.
    keep: how many delivered runs stay on the controller.
    Raises MaintenanceError where the recorder does not write or another run of the system is live.
    """
    if recorder_error:
        raise MaintenanceError(
            f"The recorder cannot write to {folder}, so nothing was started: {recorder_error}. Mend that and run again."
        )
    if not folder or not os.path.isdir(folder):
        raise MaintenanceError(NOT_ACTIVE)
    started = read_journal(folder).first("started")
    if not started:
        raise MaintenanceError(NOT_ACTIVE)
    check_mode = bool(started["check_mode"])
    _require_class(facts["work_class"], read_journal(folder).first("declared").get("work_class"))
    changes = not check_mode and facts["work_class"] != "observe"
    try:
        others = _claim(folder, system=facts["system"], changes=changes, now=now)
    except OSError as error:
        raise MaintenanceError(f"The folder of runs cannot be written: {error}. Mend that and run again.") from None
    gone = [] if check_mode else prune(others, keep=keep)
    account = os.environ.get("SUDO_USER") or _account()
    return Outcome(
        findings=[_left_over(run, check_mode=check_mode) for run in others if run.state == "cut_off"],
        actions=[Action(action="prune", target=name, changed=True, outcome="done") for name in gone],
        details={
            "run": {
                **facts,
                "operator": facts["operator"] or account,
                "account": account,
                "moment": _moment(facts) or started["time"],
                "change": {part: text.strip() for part, text in (facts.get("change") or {}).items() if text},
                "id": started["run_id"],
                "started": started["time"],
                "controller": started.get("controller", ""),
                "check_mode": check_mode,
            },
            "unfinished": [
                {"folder": run.folder, "check_mode": run.check_mode}
                for run in others
                if run.state in ("cut_off", "closed")
            ],
        },
    )


def _claim(folder: str, *, system: str, changes: bool, now: datetime) -> list[Run]:
    """The other runs; none of them is live on the same system where this one changes something."""
    directory = os.path.dirname(folder)
    with claiming(directory):
        others = [run for run in find_runs(directory, now=now) if run.folder != folder]
        for run in others:
            if changes and run.state == "live" and run.system == system:
                raise MaintenanceError(
                    f"Another run of {system} is under way ({run.run_id}): "
                    "wait until it has ended, or stop it, then run again."
                )
        if changes:
            claim(folder, system=system)
    return others


def _require_class(given: str, declared: Optional[str]) -> None:
    """Refuses a class that is not the playbook's: it would open what the windows keep closed."""
    if declared and given not in (declared, "emergency"):
        raise MaintenanceError(
            f"The playbook does work of the class {declared}, and run_open_work_class says {given}; nothing was "
            "started. Leave that variable to the playbook: validate.yml only looks, and an approval permits what the "
            "windows do not."
        )


def _moment(facts: Mapping[str, Any]) -> str:
    given: str = facts.get("moment") or ""
    return to_text(parse_moment(given, option="run.moment")) if given else ""


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that no account has.
        return f"uid {os.getuid()}"


def _left_over(run: Run, *, check_mode: bool) -> Finding:
    who = "the next run that is no rehearsal" if check_mode else "this run"
    return Finding(
        check="run.cut_off",
        subject=run.run_id,
        status="warning",
        message=f"An earlier run was killed before it could close; {who} closes its record, read it before going on.",
    )


def close_run(
    folder: str, *, fail_on: Sequence[str], now: datetime, recorder_error: str = "", undelivered: str = ""
) -> Outcome:
    """Writes record.json and findings.jsonl from the journal; again where called again and there is news.

    undelivered: why the records host did not take all of the run, where that was tried.
    A run whose process is gone is closed in its place, as interrupted, at the time of its last entry.
    Raises MaintenanceError where there is no journal or the folder cannot be written.
    """
    if not folder:
        raise MaintenanceError(NOT_ACTIVE)
    journal = read_journal(folder)
    if not journal.first("started"):
        raise MaintenanceError(f"The journal in {folder} does not say which run it is of: nothing to close.")
    cut_off = state_of(folder, journal, now=now) == "cut_off"
    killed = cut_off and not journal.first("interrupted")
    if killed:
        journal.entries.append(_killed(journal))
    interruption = journal.last("interrupted")
    ended = parse_moment(interruption["time"], option="time") if interruption else now
    if recorder_error:
        journal.problems.append(f"The recorder could not write: {recorder_error}.")
    if undelivered:
        journal.problems.append(
            f"The records host did not take all of this run, the next run tries again: {undelivered}"
        )
    record, findings = compile_record(journal, ended=ended, fail_on=fail_on)
    before = _read_record(folder)
    news = any(record[key] != before.get(key) for key in ("verdict", "attention", "actions"))
    try:
        if news:
            write_atomic(os.path.join(folder, RECORD), _json(record), mode=0o640)
            write_atomic(os.path.join(folder, FINDINGS), b"".join(map(_json, findings)), mode=0o640)
        if cut_off:
            _seal(folder, interruption=interruption if killed else None, now=now)
    except OSError as error:
        raise MaintenanceError(
            f"The record cannot be written to {folder}: {error.strerror}. Mend that; the next run closes this one."
        ) from None
    # Without news the record stays as it is: the report has its times.
    return _closed(record if news else before, news=news)


def _seal(folder: str, *, interruption: Optional[Mapping[str, Any]], now: datetime) -> None:
    # The recorder of that run is gone and cannot do it.
    writer = JournalWriter(folder)
    if interruption:
        writer.append("interrupted", interruption["time"], sentence=interruption["sentence"])
    writer.append("closed", to_text(now), failed=True)
    writer.close()


def _closed(record: Mapping[str, Any], *, news: bool) -> Outcome:
    run = record["run"]
    return Outcome(
        details={
            "run_id": run["id"],
            "series": f"{run['system']}_{run['cadence']}",
            "verdict": record["verdict"],
            "news": news,
        }
    )


def _killed(journal: Journal) -> dict[str, Any]:
    task = journal.last("task").get("task")
    during = f" during the task '{task}'" if task else ""
    return {
        "kind": "interrupted",
        "time": journal.entries[-1]["time"],
        "sentence": f"The run was killed{during}.",
    }


def _read_record(folder: str) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, RECORD), encoding="utf-8") as stream:
            record: dict[str, Any] = json.load(stream)
    except (OSError, ValueError):
        return {}
    return record


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def mark_delivered(folder: str) -> Outcome:
    """Notes that the records host has the record, so that no later run brings it there again."""
    try:
        note_delivery(folder)
    except OSError as error:
        raise MaintenanceError(f"The folder {folder} cannot be written: {error.strerror}.") from None
    return Outcome()


def judge_run(folder: str) -> Outcome:
    """Ends the run as its record says.

    Raises MaintenanceError with the verdict where that is ``failed``, so that the exit status tells it.
    """
    record = _read_record(folder)
    if not record:
        raise MaintenanceError(f"The run in {folder} has no record: its closing failed, see above.")
    verdict = record["verdict"]
    if verdict["outcome"] == "failed":
        raise MaintenanceError(" ".join([verdict["sentence"], *verdict["reasons"]]))
    return Outcome(details={"verdict": verdict})
