"""Signals reach the run, wherever in Ansible they arrive."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.lab.modules import ROOT

# The signal arrives in a hook of fork, where Python drops whatever is raised.
PROGRAM = """
import os, signal, sys, time
from ansible_collections.careops.maintenance.plugins.plugin_utils import closing

class Recorder:
    def interrupted(self, number):
        print("heard", signal.Signals(number).name, flush=True)
    def end(self):
        print("end", flush=True)

closing.register(Recorder())
os.register_at_fork(before=lambda: os.kill(os.getpid(), int(sys.argv[1])))
try:
    child = os.fork()
    if child == 0:
        os._exit(0)
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_in_a_hook_of_fork_is_not_lost(number: signal.Signals) -> None:
    assert _printed(PROGRAM, str(int(number))) == [f"heard {number.name}", "interrupted", "end"]


# The second Ctrl-C of an impatient operator, and one that was to be raised again.
IMPATIENT = """
import os, signal, sys
from ansible_collections.careops.maintenance.plugins.plugin_utils import closing

class Recorder:
    def interrupted(self, number):
        print("heard", flush=True)
    def end(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        print("end", flush=True)

signal.signal(signal.SIGALRM, signal.default_int_handler)
closing.register(Recorder())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM])
def test_nothing_interrupts_the_end(number: signal.Signals) -> None:
    assert _printed(IMPATIENT, str(int(number))) == ["end"]


IGNORED = """
import signal
from ansible_collections.careops.maintenance.plugins.plugin_utils import closing

class Recorder:
    def end(self):
        pass

signal.signal(signal.SIGHUP, signal.SIG_IGN)
closing.register(Recorder())
print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""


def test_what_is_ignored_stays_ignored() -> None:
    assert _printed(IGNORED) == ["True False"]


def _printed(program: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={"PYTHONPATH": str(ROOT / ".collections")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.splitlines()
