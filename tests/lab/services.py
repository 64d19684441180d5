"""Real services with certificates, each with a configuration of its own on free ports of the loopback."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.certificates import Made

_PATIENCE = 20.0


def install(path: Path, *made: Made, key: Path | None = None) -> Path:
    """Puts certificates (the first with its key) into the file, as renewers do: all at once. key: its own file."""
    parts = b"".join(one.pem for one in made)
    if key is None:
        parts = made[0].key_pem + parts
    else:
        _replace(key, made[0].key_pem, 0o600)
    _replace(path, parts, 0o600 if key is None else 0o644)
    return path


def _replace(path: Path, data: bytes, mode: int) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(data)
    fresh.chmod(mode)
    if path.exists():
        shutil.chown(fresh, path.stat().st_uid, path.stat().st_gid)
    fresh.rename(path)


def wait_for(true: Callable[[], bool], what: str) -> None:
    """Returns as soon as it is true."""
    end = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < end, f"{what} within {_PATIENCE:g} seconds"
        time.sleep(0.05)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def service_folder(name: str) -> Iterator[Path]:
    """A folder that every account may enter, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix=f"careops-{name}-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Running:
    """A service in the foreground of its own process."""

    folder: Path
    config: Path
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        return (self.folder / "output").read_text(errors="replace")


@contextlib.contextmanager
def foreground(
    folder: Path, config: Path, argv: Sequence[str], ports: Sequence[int], *, stop: int = 15
) -> Iterator[Running]:
    """Runs the program until the end of the block, once it listens at these ports. stop: signal that ends it."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/")
    running = Running(folder, config, process)
    try:
        for port in ports:
            wait_for(
                lambda port=port: process.poll() is not None or listens(port),  # type: ignore[misc]
                f"{argv[0]} must listen at port {port}",
            )
        assert process.poll() is None, running.log()
        yield running
    finally:
        process.send_signal(stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait(10)


@contextlib.contextmanager
def nginx(folder: Path, body: str, ports: Sequence[int]) -> Iterator[Running]:
    """An nginx with this configuration, ``http`` and its like written out."""
    config = folder / "nginx.conf"
    config.write_text(nginx_config(folder, body))
    with foreground(folder, config, nginx_argv(folder), ports) as running:
        yield running


def nginx_config(folder: Path, body: str) -> str:
    """The whole text around it. One worker: after a reload there is one old one at most."""
    return (
        "user root;\nworker_processes 1;\ndaemon off;\n"
        f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"events {{ worker_connections 64; }}\n{body}"
    )


def nginx_argv(folder: Path, *more: str) -> list[str]:
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"), *more]


def nginx_reload(folder: Path) -> int:
    """Exit status of ``nginx -s reload``."""
    return subprocess.run(nginx_argv(folder, "-s", "reload"), capture_output=True, check=False).returncode
