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
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(int(number))],
        env={"PYTHONPATH": str(ROOT / ".collections")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == [f"heard {number.name}", "interrupted", "end"], done.stderr
