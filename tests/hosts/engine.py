"""The Docker Engine that carries the test hosts: used where it runs, else started and stopped again."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / ".cache" / "dockerd.log"
PATIENCE = 60.0  # seconds until the engine answers


def answers() -> bool:
    """Whether an engine answers here."""
    if shutil.which("docker") is None:
        return False
    done = subprocess.run(["docker", "info"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


def containers(names: Iterable[str]) -> set[str]:
    """Which of the names containers have, running or not."""
    listing = subprocess.run(
        ["docker", "ps", "--all", "--format", "{{.Names}}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(names) & set(listing.split())


@contextlib.contextmanager
def running() -> Iterator[None]:
    """An engine for as long as the block lasts. Raises RuntimeError with the end of its log where it does not start."""
    if answers():
        yield
        return
    if os.geteuid() != 0:
        raise RuntimeError("No Docker Engine answers: start one, or run this as root.")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"dockerd did not start; the end of {LOG}:\n{tail}")
        time.sleep(0.2)
