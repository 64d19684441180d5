"""A host that is reached as real ones are: by ssh, as an account that only sudo lets do anything.

It is this machine, with accounts and sudo rules that nobody else sees: sshd runs in a mount namespace of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.postgres import free_port
from tests.lab.runs import wait_until

# One that sudo asks for nothing, and one that it asks for a password.
FREE, ASKED = "careops-free", "careops-asked"
PASSWORD = "clinic s3cret"
OWN = ("passwd", "group", "shadow", "sudoers")

_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
MaxStartups 100
"""
_START = """
folder=$1; shift
for name; do mount --bind "$folder/$name" "/etc/$name"; done
exec /usr/sbin/sshd -D -e -f "$folder/config"
"""


@dataclass
class Host:
    """A machine with sshd."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def reached(self, account: str = FREE) -> dict[str, Any]:
        """What an inventory says of it."""
        return {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": account,
            "ansible_ssh_private_key_file": str(self.folder / "key"),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            "ansible_control_path_dir": str(self.folder / "cp"),
            "ansible_python_interpreter": "/usr/bin/python3",
            **({"ansible_become_password": PASSWORD} if account == ASKED else {}),
        }

    def freeze(self) -> None:
        """Stops sshd and its sessions: connections stay, and nobody answers any more."""
        for number, name in self._processes():
            if name.startswith("sshd"):
                os.kill(number, signal.SIGSTOP)

    def stop(self) -> None:
        """Ends sshd, its sessions and what they run, frozen or not."""
        for number, _name in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait()

    def _processes(self) -> list[tuple[int, str]]:
        """Process ids and names of sshd and everything below it."""
        listing = subprocess.run(["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in listing.splitlines()]
        found = {self.process.pid}
        while more := {int(number) for number, parent, _name in rows if int(parent) in found} - found:
            found |= more
        return [(int(number), name) for number, _parent, name in rows if int(number) in found]


@contextlib.contextmanager
def host() -> Iterator[Host]:
    """A machine with both accounts, for as long as the block lasts."""
    # A short path: that of a control socket has an end.
    folder = Path(tempfile.mkdtemp(prefix="careops-ssh-"))
    folder.chmod(0o711)
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    _make_accounts(folder)
    port = free_port()
    (folder / "config").write_text(_CONFIG.format(folder=folder, port=port))
    # Where a package made no folder for it, because nothing may start at its installation.
    Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _START, "sh", folder, *OWN],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    made = Host(folder=folder, port=port, process=process)
    try:
        wait_until(lambda: "Server listening" in (folder / "log").read_text() or process.poll() is not None, seconds=10)
        assert process.poll() is None, (folder / "log").read_text()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def _make_accounts(folder: Path) -> None:
    """This machine's accounts and two more, in files of the folder that take the place of those in /etc."""
    for name in OWN[:-1]:
        shutil.copy2(f"/etc/{name}", folder / name)
        shutil.chown(folder / name, 0, os.stat(f"/etc/{name}").st_gid)
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
    ).stdout.strip()
    for number, (account, secret) in enumerate(((FREE, "*"), (ASKED, hashed)), start=61001):
        home = folder / account
        home.mkdir(mode=0o700)
        os.chown(home, number, number)
        _append(folder / "passwd", f"{account}:x:{number}:{number}::{home}:/bin/sh")
        _append(folder / "group", f"{account}:x:{number}:")
        _append(folder / "shadow", f"{account}:{secret}:19000:0:99999:7:::")
    sudoers = folder / "sudoers"
    sudoers.write_text(f"{FREE} ALL=(ALL:ALL) NOPASSWD: ALL\n{ASKED} ALL=(ALL:ALL) ALL\n")
    sudoers.chmod(0o440)


def _append(path: Path, line: str) -> None:
    with path.open("a") as stream:
        stream.write(f"{line}\n")
