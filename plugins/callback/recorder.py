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

import os
import secrets
import signal
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from ansible import context
from ansible import release as ansible_release
from ansible.plugins.callback import CallbackBase

from ..module_utils.clock import to_text
from ..module_utils.record.entries import result_entry
from ..module_utils.record.journal import JOURNAL, RECORD, JournalWriter
from ..module_utils.record.runs import process_identity
from ..plugin_utils import closing, tasks

RECORD_MODULE = "careops.maintenance.run_record"


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
        self._forget()

    def _forget(self) -> None:
        self._folder = ""
        self._journal: Optional[JournalWriter] = None
        self._error = ""
        self._closed = False
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._began: dict[tuple[str, str], float] = {}
        self._play: Any = None
        self._procedure = ""
        self._last_task = ""

    # The run

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._forget()
        closing_folder = os.environ.pop(closing.CLOSING, "")
        name = Path(playbook._file_name).name
        now = datetime.now(timezone.utc)
        if closing_folder:
            self._folder = closing_folder
            self._open_journal()
        else:
            run_id = f"{now:%Y%m%dT%H%M%SZ}-{Path(name).stem}-{secrets.token_hex(3)}"
            self._folder = os.path.join(self.get_option("runs_directory"), run_id)
            self._write("started", **self._identity(run_id, name))
            closing.register(self)
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

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play
        self._procedure = tasks.procedure_of(play)
        if self._procedure:
            hosts = tasks.hosts_of(play, self._procedure)
            self._write("play", procedure=self._procedure, hosts=hosts)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self._closed:
            closing.show(self._folder, self._display)

    # Its tasks

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if self._journal is None and tasks.resolved(task) == RECORD_MODULE:
            self._open_journal()
        self._last_task = task.get_name()
        self._write("task", task=self._last_task, role=tasks.role_of(task))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._began[(host.get_name(), task._uuid)] = time.time()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result, "failed", ignored=ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result(result, "unreachable")

    def _result(self, result: Any, state: str, *, ignored: bool = False) -> None:
        now = time.time()
        task = result._task
        facts = {
            "host": tasks.host_of(result, self._play),
            "procedure": self._procedure or tasks.role_of(task) or "playbook",
            "task": task.get_name(),
            "action": tasks.resolved(task),
            "rescued": state == "failed" and tasks.rescued_in_role(task),
            "ignored": ignored,
        }
        began = self._began.pop((result._host.get_name(), task._uuid), now)
        facts["started"] = to_text(datetime.fromtimestamp(began, timezone.utc))
        moment = task.args.get("state") if facts["action"] == RECORD_MODULE else ""
        if moment == "verdict" and os.path.exists(os.path.join(self._folder, RECORD)):
            # Fails on purpose where the run failed: that is the verdict, not one more failure.
            self._write("closed", failed=state == "failed")
            self._closed = True
            return
        if moment == "open" and state == "ok":
            self._write("opened", **result._result["details"]["run"])
        if state == "ok" and tasks.is_include(task):
            return
        entry = result_entry(result._result, state=state, task=facts, started=began, ended=now)
        self._write("result", **entry)

    # The journal

    def _open_journal(self) -> None:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            self._journal = JournalWriter(self._folder)
        except OSError as error:
            self._fail(error)
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
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        # An exception in a callback is only a warning to Ansible; closing the run makes it count.
        self._error = self._error or f"{error.strerror or error} ({os.path.join(self._folder, JOURNAL)})"
        os.environ["CAREOPS_RECORDER_ERROR"] = self._error

    # An end that nobody planned

    def interrupted(self, number: int) -> None:
        """Remembers the signal that ended the run."""
        self._signal = signal.Signals(number).name

    def end(self) -> None:
        """At the end of the process: closes a run that did not come to its verdict."""
        if os.getpid() != self._pid or self._journal is None or self._closed:
            return
        reason = f"by {self._signal}" if self._signal else "before its verdict"
        during = f" during the task '{self._last_task}'" if self._last_task else ""
        self._write("interrupted", sentence=f"The run was interrupted {reason}{during}.")
        closing.close_interrupted(self._folder, self._display)
        if not self._signal:
            # Ansible has ways to end early with exit status 0; a run without a verdict must not.
            closing.leave(1)
