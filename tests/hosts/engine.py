"""The Docker Engine that carries the test hosts: used where it runs, else started and stopped again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / ".cache" / "dockerd.log"
# The process id of the engine that these tests started.
STARTED = ROOT / ".cache" / "dockerd.started"
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
def turn(name: str) -> Iterator[None]:
    """One process at a time: scenarios run side by side and share the engine and its images."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with (LOG.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def running() -> Iterator[None]:
    """An engine for as long as the block lasts; the last of its users stops it, where one of them started it.

    Raises RuntimeError with the end of its log where it does not start.
    """
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with (LOG.parent / "engine.users").open("w") as users:
        with turn("engine"):
            if not answers():
                _start()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with turn("engine"), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _stop()


def _start() -> None:
    if os.geteuid() != 0:
        raise RuntimeError("No Docker Engine answers: start one, or run this as root.")
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    STARTED.write_text(str(process.pid))
    deadline = time.monotonic() + PATIENCE
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"dockerd did not start; the end of {LOG}:\n{tail}")
        time.sleep(0.2)


def _stop() -> None:
    """Stops the engine that one of us started, which may be another process than this one."""
    if not STARTED.exists():
        return
    number = int(STARTED.read_text())
    STARTED.unlink()
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGTERM)
    # Until it is gone: it answers no more long before, and another one cannot start beside it.
    deadline = time.monotonic() + PATIENCE
    while _lives(number) and time.monotonic() < deadline:
        time.sleep(0.2)


def _lives(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
