# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a run that was interrupted, and showing how a run ended."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ansible import constants, context
from ansible.parsing import vault
from ansible.parsing.splitter import parse_kv
from ansible.utils.collection_loader import AnsibleCollectionConfig

from ..module_utils.errors import MaintenanceError
from ..module_utils.record.journal import RECORD, REPORT, read_journal
from ..module_utils.report.text import render_text

# Set for the nested ansible-playbook: the folder of the run that it closes.
CLOSING = "CAREOPS_CLOSING_RUN"
PLAYBOOK = Path(__file__).parents[2] / "playbooks" / "close.yml"
SECONDS_TO_CLOSE = 120
SECONDS_TO_RAISE_AGAIN = 0.05
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The options that lead to the hosts, by the names under which Ansible keeps what they were given.
ALIKE = (
    *("connection", "timeout", "connection_password_file", "become_method", "become_user", "become_password_file"),
    *("ssh_common_args", "ssh_extra_args", "scp_extra_args", "sftp_extra_args"),
)
ACCESS = {"remote_user": "user", "private_key_file": "private-key", **{name: name.replace("_", "-") for name in ALIKE}}
# A vault password that was asked for or came through a pipe cannot be read twice; ansible-core 2.19 keeps them here.
KNOWN_SECRETS = getattr(vault, "VaultSecretsContext", None)
PROMPTS = ("@prompt", "@prompt_ask_vault_pass")
# How Ansible 2.16 to 2.19 begin the line that says what went wrong.
# A long message goes on, as YAML does, in lines that are indented further.
ERROR = re.compile(
    r"""^(?:(?:ERROR! |\[ERROR\]: |fatal: .*"msg": )(?P<line>.+)|"""
    r"""(?P<indent> +)msg: (?![|>])(?P<text>.+(?:\n(?P=indent) +.+)*))$""",
    re.MULTILINE,
)


class Recorder(Protocol):
    """The two calls that the end of a process makes."""

    def interrupted(self, number: int) -> None: ...
    def end(self) -> None: ...


def register(recorder: Recorder) -> None:
    """Sees to it that the recorder hears of signals and of the end of this process.

    SIGTERM and SIGHUP would kill Ansible on the spot; they become what Ctrl-C is. Workers inherit the handlers, and
    must die of these signals as ever. What is ignored, as under nohup, stays ignored.
    """
    owner = os.getpid()
    for number in INTERRUPTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handler(recorder, owner))
    _raise_again_what_is_swallowed(owner)
    atexit.register(recorder.end)
    atexit.register(_ignore_interrupts)  # what is registered last is called first


def _ignore_interrupts() -> None:
    # A second Ctrl-C, or one that is still to be raised again, must not stop the closing.
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda _number, _frame: None)


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
    _ignore_interrupts()
    log = Path(folder) / "closing.log"
    try:
        # Not in the folder of the run: the records host is given a copy of that.
        with tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as private, log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "ansible", "playbook", *access(context.CLIARGS, private), str(PLAYBOOK)],
                env={**os.environ, **_environment(private), CLOSING: folder},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            tell(display.display, "Closing the interrupted run ...", stderr=True)
            process.wait(SECONDS_TO_CLOSE)
        if read_journal(folder).last("closed"):
            show(folder, display)
            return
        reason = f"{last_error(log.read_text(encoding='utf-8', errors='replace'))} ({log} says more)"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        reason = f"it took longer than {SECONDS_TO_CLOSE} seconds"
    except (OSError, MaintenanceError) as error:
        reason = str(error)
    tell(display.warning, f"The run could not be closed now because: {reason}; the next run closes it.")


def leave(status: int) -> None:
    """Ends this process with that exit status, from a function that atexit calls."""
    shutil.rmtree(constants.DEFAULT_LOCAL_TMP, ignore_errors=True)
    for stream in (sys.stdout, sys.stderr):
        tell(stream.flush)
    os._exit(status)


def show(folder: str, display: Any) -> None:
    """Prints how the run ended, from its record."""
    try:
        record = json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))
        tell(display.display, "\n" + render_text(record, report_path=str(Path(folder) / REPORT)))
    except (OSError, ValueError) as error:
        tell(display.warning, f"The run in {folder} has no record: {error}. The next run closes it.")


def tell(say: Callable[..., Any], *words: str, **options: Any) -> None:
    """Says it where somebody may still hear: a terminal that is gone answers EIO, a closed stream ValueError."""
    with suppress(OSError, ValueError):
        say(*words, **options)


def last_error(log: str) -> str:
    """What went wrong at last, from what ansible-playbook printed."""
    errors = [" ".join((match["line"] or match["text"]).split()).strip("\"'}") for match in ERROR.finditer(log)]
    return (errors or log.strip().splitlines() or ["it ended without a word"])[-1].rstrip(". ")


def access(arguments: Mapping[str, Any], private: str) -> list[str]:
    """The options that lead to the hosts, for the nested run. private: a folder for what no other user may see."""
    options = [f"--inventory={source}" for source in arguments.get("inventory") or ()]
    options += [f"--extra-vars={_from_file(variables, private)}" for variables in arguments.get("extra_vars") or ()]
    # One word each, as a value may begin with a dash.
    options += [f"--{option}={arguments[name]}" for name, option in ACCESS.items() if arguments.get(name)]
    if KNOWN_SECRETS is None:
        known = (each for each in arguments.get("vault_ids") or () if not f"@{each}".endswith(PROMPTS))
        options += [f"--vault-id={each}" for each in known]
        options += [f"--vault-password-file={file}" for file in arguments.get("vault_password_files") or ()]
    return options + [f"--{name}" for name in ("become", "check") if arguments.get(name)]


def _from_file(variables: str, private: str) -> str:
    if variables[:1] in ("", "@"):
        return variables
    content = variables if variables[0] in "[{" else json.dumps(parse_kv(variables))
    return "@" + _keep(content.encode(errors="surrogateescape"), private)


def _keep(secret: bytes, private: str) -> str:
    with tempfile.NamedTemporaryFile("wb", dir=private, delete=False) as stream:
        stream.write(secret)
        return stream.name


def _environment(private: str) -> dict[str, str]:
    # Collections may lie beside the playbook of this run, where the nested one would not look.
    collections = os.pathsep.join(AnsibleCollectionConfig.collection_paths)
    settings = {"ANSIBLE_COLLECTIONS_PATH": collections, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_ASK_VAULT_PASS": "0"}
    secrets = () if KNOWN_SECRETS is None else KNOWN_SECRETS.current().secrets
    if secrets:
        files = (f"{name}@{_keep(secret.bytes, private)}" for name, secret in secrets)
        settings["ANSIBLE_VAULT_IDENTITY_LIST"] = ",".join(files)
    return settings
