# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a run that was interrupted, and showing how a run ended."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ansible import constants, context

from ..module_utils.record.journal import RECORD, REPORT
from ..module_utils.report.text import render_text

# Set for the nested ansible-playbook: the folder of the run that it closes.
CLOSING = "CAREOPS_CLOSING_RUN"
PLAYBOOK = Path(__file__).parents[2] / "playbooks" / "close.yml"
SECONDS_TO_CLOSE = 120
SECONDS_TO_RAISE_AGAIN = 0.05
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Recorder(Protocol):
    """The two calls that the end of a process makes."""

    def interrupted(self, number: int) -> None: ...

    def end(self) -> None: ...


def register(recorder: Recorder) -> None:
    """Sees to it that the recorder hears of signals and of the end of this process.

    SIGTERM and SIGHUP would kill Ansible on the spot; they become what Ctrl-C is. Workers inherit the
    handlers, and must die of these signals as ever.
    """
    owner = os.getpid()
    for number in INTERRUPTS:
        signal.signal(number, _handler(recorder, owner))
    _raise_again_what_is_swallowed(owner)
    atexit.register(recorder.end)


def _raise_again_what_is_swallowed(owner: int) -> None:
    # Python drops what is raised in a hook, and forking a worker calls hooks: the run would go on.
    pass_on = sys.unraisablehook

    def interrupt(_number: int, _frame: Any) -> None:
        if os.getpid() == owner:
            raise KeyboardInterrupt

    def hook(unraisable: Any) -> None:
        if unraisable.exc_type is KeyboardInterrupt:
            signal.signal(signal.SIGALRM, interrupt)
            signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_RAISE_AGAIN)
        else:
            pass_on(unraisable)

    sys.unraisablehook = hook


def _handler(recorder: Recorder, owner: int) -> Callable[[int, Any], None]:
    def handle(number: int, _frame: Any) -> None:
        if os.getpid() == owner:
            recorder.interrupted(number)
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    return handle


def close_interrupted(folder: str, display: Any) -> None:
    """Runs playbooks/close.yml on the run in the folder, with the inventory and access of this one."""
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)
    display.display("Closing the interrupted run ...", stderr=True)
    log = Path(folder) / "closing.log"
    try:
        with log.open("wb") as output:
            subprocess.run(
                [sys.executable, "-m", "ansible", "playbook", *_access(context.CLIARGS), str(PLAYBOOK)],
                env={**os.environ, CLOSING: folder},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                timeout=SECONDS_TO_CLOSE,
                check=False,
            )
    except (OSError, subprocess.SubprocessError) as error:
        display.warning(f"The run could not be closed now, the next run will do it: {error}")
        return
    show(folder, display)


def leave(status: int) -> None:
    """Ends this process with that exit status, from a function that atexit calls."""
    shutil.rmtree(constants.DEFAULT_LOCAL_TMP, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _access(arguments: Mapping[str, Any]) -> list[str]:
    """The options of this command line that lead to the hosts, for the nested one."""
    options: list[str] = []
    for source in arguments.get("inventory") or ():
        options += ["--inventory", source]
    for variables in arguments.get("extra_vars") or ():
        options += ["--extra-vars", variables]
    for identity in arguments.get("vault_ids") or ():
        options += ["--vault-id", identity]
    for file in arguments.get("vault_password_files") or ():
        options += ["--vault-password-file", file]
    for name in ("remote_user", "connection", "private_key_file", "ssh_common_args", "ssh_extra_args"):
        if arguments.get(name):
            options += [f"--{name.replace('_file', '').replace('_', '-').replace('remote-', '')}", arguments[name]]
    if arguments.get("check"):
        options.append("--check")
    return options


def show(folder: str, display: Any) -> None:
    """Prints how the run ended, from its record."""
    try:
        record = json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        display.warning(f"The run in {folder} has no record: {error}. The next run closes it.")
        return
    display.display("\n" + render_text(record, report_path=str(Path(folder) / REPORT)))
