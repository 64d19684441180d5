# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: recorder
type: notification
short_description: Writes down everything that happens in a maintenance run
version_added: "0.1.0"
description:
  - Writes every result, failure and unreachable host of a run to its journal, whichever role it came from and
    whether or not that role cooperates.
  - A run begins with the role C(run_open); a playbook without it is not recorded.
  - A run that is interrupted is closed by a nested C(ansible-playbook) before this one ends.
author:
  - careops contributors (@careops)
options:
  runs_directory:
    description: Where the folder of each run is made on the controller.
    type: path
    default: ~/.careops/runs
    ini:
      - section: callback_recorder
        key: runs_directory
    env:
      - name: CAREOPS_RUNS_DIRECTORY
requirements:
  - "callbacks_enabled in ansible.cfg names careops.maintenance.recorder"
"""

import functools
import os
import secrets
import signal
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from ansible import context
from ansible import release as ansible_release
from ansible.plugins.callback import CallbackBase

from ..module_utils.clock import to_text
from ..module_utils.record.entries import result_entry
from ..module_utils.record.journal import RECORD, JournalWriter
from ..module_utils.record.own import one_line
from ..module_utils.record.runs import process_identity
from ..plugin_utils import closing, tasks

RECORD_MODULE = "careops.maintenance.run_record"
# Roles that opening and closing use to write the run itself down.
BOOKKEEPING = ("records", "audit")
WINDOW_MODULE = "careops.maintenance.maintenance_window"


def _guarded(hook: Callable[..., None]) -> Callable[..., None]:
    """An exception in a callback is only a warning to Ansible: here it makes the record incomplete, and says so."""

    @functools.wraps(hook)
    def guarded(self: CallbackModule, *args: Any, **kwargs: Any) -> None:
        try:
            hook(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001
            self.fail(f"{hook.__name__}: {type(error).__name__}: {error}")

    return guarded


class CallbackModule(CallbackBase):
    """Sees everything; decides nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "careops.maintenance.recorder"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pid = os.getpid()
        self._signal = ""
        self._registered = False
        self._forget()

    def _forget(self) -> None:
        self._folder = ""
        self._journal: Optional[JournalWriter] = None
        self._error = ""
        self._is_run = False
        self._closed = False
        self._ended = False
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._began: dict[tuple[str, str], float] = {}
        self._play: Any = None
        self._procedure = ""
        self._last_task = ""

    # The run

    @_guarded
    def v2_playbook_on_start(self, playbook: Any) -> None:
        # Several playbooks on one command line are a run each.
        self.end()
        self._forget()
        name = Path(playbook._file_name).name
        closing_folder = os.environ.pop(closing.CLOSING, "")
        if closing_folder:
            self._folder = closing_folder
            self._error = os.environ.get("CAREOPS_RECORDER_ERROR", "")
            self._open_journal()
        else:
            run_id = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{Path(name).stem}-{secrets.token_hex(3)}"
            self._folder = os.path.join(self.get_option("runs_directory"), run_id)
            self._is_run = tasks.is_run(playbook)
            self._write("started", **self._identity(run_id, name))
            if not self._registered:
                closing.register(self)
                self._registered = True
        # What the roles run_open and run_close read; it stands for this process and its children alone.
        os.environ["CAREOPS_RUN_DIRECTORY"] = self._folder
        os.environ["CAREOPS_RECORDER_ERROR"] = self._error

    def _identity(self, run_id: str, playbook: str) -> dict[str, Any]:
        return {
            "run_id": run_id,
            "playbook": playbook,
            "ansible_version": ansible_release.__version__,
            "collection_version": tasks.collection_version(),
            "check_mode": bool(context.CLIARGS.get("check", False)),
            **process_identity(os.getpid()),
        }

    @_guarded
    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play
        self._procedure = tasks.procedure_of(play)
        declared = tasks.class_of(play)
        if declared:
            self._write("declared", work_class=declared)
            given = tasks.policy_given(play)
            if given:
                self._write("given", names=given)
        if self._procedure:
            members, hosts = tasks.hosts_of(play, self._procedure)
            entry = tasks.entry_of(play)
            self._write("play", procedure=self._procedure, entry=entry, members=members, hosts=hosts)

    @_guarded
    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self._closed:
            closing.show(self._folder, self._display)

    # Its tasks

    @_guarded
    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if self._journal is None and tasks.resolved(task) == RECORD_MODULE:
            self._open_journal()
        self._last_task = task.get_name()
        self._write("task", task=self._last_task, role=tasks.role_of(task))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    @_guarded
    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._began[(host.get_name(), task._uuid)] = time.time()

    @_guarded
    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result, "ok")

    @_guarded
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result, "failed", ignored=ignore_errors)

    @_guarded
    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result(result, "unreachable")

    def _result(self, result: Any, state: str, *, ignored: bool = False) -> None:
        ended = time.time()
        task = result._task
        action = tasks.resolved(task)
        began = self._began.pop((result._host.get_name(), task._uuid), ended)
        if action == RECORD_MODULE and self._moment(result._result, task.args.get("state"), state):
            return
        if state == "ok" and tasks.is_include(task):
            return
        if state == "ok" and action == WINDOW_MODULE:
            self._write("window", **result._result["details"])
        if state == "ok" and tasks.begins_procedures(task):
            self._write("permitted")
        role = tasks.role_of(task)
        bookkeeping = role in BOOKKEEPING and not self._procedure
        facts = {
            "procedure": self._procedure
            or (tasks.outer_role_of(task) if bookkeeping else role)
            or self._play.get_name(),
            **({"bookkeeping": True} if bookkeeping else {}),
            "task": task.get_name(),
            "action": action,
            "rescued": state == "failed" and tasks.rescued_in_role(task),
            "ignored": ignored,
            "started": to_text(datetime.fromtimestamp(began, timezone.utc)),
        }
        if state == "ok" and tasks.ends_procedure(task):
            self._write("finished", procedure=facts["procedure"], host=result._host.get_name())
            return
        parts = tasks.by_host(result, self._play)
        for host, part in parts.items():
            own_state = state if len(parts) == 1 else tasks.state_of_items(part["results"])
            entry = result_entry(part, state=own_state, task={"host": host, **facts}, started=began, ended=ended)
            self._write("result", **entry)

    def _moment(self, result: dict[str, Any], moment: Any, state: str) -> bool:
        """Notes the opening or the verdict of the run; whether there is no more to write of this result."""
        if moment == "open" and state == "ok":
            self._write("opened", **result["details"]["run"])
        if moment == "verdict" and os.path.exists(os.path.join(self._folder, RECORD)):
            # Fails on purpose where the run failed: that is the verdict, not one more failure.
            self._write("closed", failed=state == "failed")
            self._closed = True
            return True
        return False

    # The journal

    def _open_journal(self) -> None:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            self._journal = JournalWriter(self._folder)
        except OSError as error:
            self.fail(f"{error.strerror} ({self._folder})")
            return
        waiting, self._waiting = self._waiting, []
        for kind, data in waiting:
            self._write(kind, **data)

    def _write(self, kind: str, **data: Any) -> None:
        data.setdefault("time", to_text(datetime.now(timezone.utc)))
        if self._journal is None:
            self._waiting.append((kind, data))
            return
        try:
            self._journal.append(kind, **data)
        except OSError as error:
            self.fail(f"{error.strerror} ({self._folder})")

    def fail(self, reason: str) -> None:
        """Remembers why the record is not whole; closing the run makes it count."""
        self._error = self._error or one_line(reason)
        os.environ["CAREOPS_RECORDER_ERROR"] = self._error

    # An end that nobody planned

    def interrupted(self, number: int) -> None:
        """Remembers the signal that ended the run."""
        self._signal = signal.Signals(number).name

    def end(self) -> None:
        """At the end of a playbook: closes a run that did not come to its verdict, and lets none end with 0."""
        if os.getpid() != self._pid or self._closed or self._ended:
            return
        self._ended = True
        if self._journal is not None:
            reason = f"by {self._signal}" if self._signal else "before its verdict"
            where = f" in the procedure {self._procedure}" if self._procedure else ""
            during = f" during the task '{self._last_task}'" if self._last_task else ""
            hint = "" if self._signal else "; the output of Ansible says why"
            self._write("interrupted", sentence=f"The run was interrupted {reason}{where}{during}{hint}.")
            closing.close_interrupted(self._folder, self._display)
        elif self._is_run:
            closing.tell(
                self._display.error, "The run was never opened, so nothing was done: do not skip its first play."
            )
        if (self._journal is not None or self._is_run) and not self._signal:
            # Ansible has ways to end early with exit status 0; a run without a verdict must not.
            closing.leave(2)
