"""What the tests of the backup modules share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ansible

from tests.lab.postgres import drop_to


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """The first true answer. Fails where there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError("what the test waits for did not happen")


def is_gone(pid: int) -> bool:
    """Whether the process has ended, waited for or not."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def as_another_account() -> dict[str, Any]:
    """Arguments of ``run_module`` to run a module as an account that owns nothing; none where we are not root."""
    if os.geteuid() != 0:
        return {}
    # Our own interpreter may stand in a folder that only root may enter; the folder of ansible is found by -c.
    return {"python": "/usr/bin/python3", "cwd": str(Path(ansible.__file__).parents[1]), **drop_to("nobody")}
