"""An interrupted run is closed whatever became of its terminal, and with all the access that it had."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible.release
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.lab.modules import ROOT
from tests.lab.runs import Platform, ended, wait_until

SECRET = "Corr3ct-Horse"


@dataclass
class Launched(Platform):
    """A platform whose runs are started in a way of their own. Its only procedure takes long."""

    prefix: tuple[str, ...] = ()
    popen: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=lambda: {"slow": ["a"]})

    def playbook(
        self, playbook: Path, *, arguments: tuple[str, ...] = (), environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        command = [*self.prefix, sys.executable, "-m", "ansible", "playbook"]
        options: dict[str, Any] = {
            "cwd": ROOT,
            "env": {**os.environ, **self.environment(), **(environment or {})},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
            "preexec_fn": hear_signals,
            **self.popen,
        }
        return subprocess.Popen([*command, "-i", str(self.folder / "inventory.json"), *arguments, playbook], **options)

    def under_way(self) -> bool:
        return any("Take long" in path.read_text() for path in self.journals())

    def closed(self) -> bool:
        return bool(list(self.journals())) and all('"kind":"closed"' in path.read_text() for path in self.journals())

    def closing(self) -> list[str]:
        """The words of the nested command, where it runs."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_text().split("\0")
            except OSError:
                continue
            if "/playbooks/close.yml" in words[-2:][0] and str(self.inventory) in " ".join(words):
                return words
        return []

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.json"


def hear_signals() -> None:
    # Those who start tests in the background let them ignore some.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def own_terminal() -> None:
    hear_signals()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def platform(tmp_path: Path) -> Launched:
    return Launched(folder=tmp_path)


def test_a_run_whose_terminal_goes_away_is_closed_and_delivered(platform: Launched) -> None:
    master, slave = pty.openpty()
    platform.popen = {
        **dict.fromkeys(("stdin", "stdout", "stderr"), slave),
        "start_new_session": True,
        "preexec_fn": own_terminal,
    }
    process = platform.start("slow")
    os.close(slave)

    def under_way() -> bool:
        if select.select([master], [], [], 0)[0]:
            os.read(master, 65536)
        return platform.under_way()

    wait_until(under_way)
    os.close(master)
    assert process.wait(timeout=120) != 0
    assert platform.closed()
    assert "SIGHUP" in platform.record()["interrupted"]
    assert list(platform.delivered.glob("*/record.json"))


def test_nohup_is_respected(platform: Launched) -> None:
    platform.prefix = ("nohup",)
    process = platform.start("slow")
    wait_until(platform.under_way)
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    (journal,) = platform.journals()
    assert '"interrupted"' not in journal.read_text()
    process.send_signal(signal.SIGTERM)
    ended(process)
    assert "SIGTERM" in platform.record()["interrupted"]


def test_an_impatient_operator_does_not_stop_the_closing(platform: Launched) -> None:
    platform.popen = {"start_new_session": True}
    process = platform.start("slow")
    wait_until(platform.under_way)
    os.killpg(process.pid, signal.SIGINT)
    wait_until(lambda: bool(platform.closing()))
    while platform.closing():
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    run = ended(process)
    assert run.status != 0, run.output
    assert platform.closed()
    assert "The run was interrupted" in run.output


def test_extra_variables_are_handed_on_in_their_order_and_not_shown(platform: Launched, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "vars.yml").write_text(f"secret_word: {SECRET}\npolicy_records_root: /proc/nowhere\n")
    arguments = (
        f"@{os.path.relpath(tmp_path / 'vars.yml', ROOT)}",
        json.dumps({"secret_word": SECRET, "policy_records_root": "/proc/no-more"}),
        f"policy_records_root='{{{{ somewhere }}}}/here' secret_word={SECRET}",
        f"{{somewhere: {elsewhere}}}",
    )
    process = platform.start("slow", arguments=tuple(word for each in arguments for word in ("-e", each)))
    wait_until(platform.under_way)
    process.send_signal(signal.SIGTERM)
    seen: list[list[str]] = []

    def closing() -> bool:
        seen.append(platform.closing())
        return bool(seen[-1])

    wait_until(closing)
    words = seen[-1]
    handed = [Path(word.partition("@")[2]) for word in words if word.startswith("--extra-vars=")]
    modes = [path.stat().st_mode & 0o777 for path in handed]
    run = ended(process)
    assert platform.closed(), run.output
    assert (elsewhere / "here").exists()
    assert len(handed) == 4
    assert handed[0] == tmp_path / "vars.yml"
    assert modes[1:] == [0o600] * 3
    assert not any(path.exists() for path in handed[1:])
    assert SECRET not in " ".join(words)
    assert not [path for path in (*elsewhere.rglob("*"), *platform.runs.rglob("*")) if holds_secret(path)]


def holds_secret(path: Path) -> bool:
    return path.is_file() and SECRET in path.read_text()


def locked(platform: Launched) -> dict[str, Any]:
    """Popen options and arguments of a run that has its vault password from a pipe, and needs it to deliver."""
    vault = VaultLib([("default", VaultSecret(SECRET.encode()))])
    variables = platform.folder / "locked.yml"
    variables.write_bytes(vault.encrypt(f"policy_records_root: {platform.folder}/vaulted".encode()))
    reading, writing = os.pipe()
    os.write(writing, SECRET.encode())
    os.close(writing)
    platform.popen = {"pass_fds": (reading,)}
    return {"arguments": ("--vault-password-file", f"/dev/fd/{reading}", "-e", f"@{variables}")}


def test_a_vault_password_from_a_pipe_closes_the_run_or_is_named(platform: Launched) -> None:
    process = platform.start("slow", **locked(platform))
    wait_until(platform.under_way)
    process.send_signal(signal.SIGTERM)
    run = ended(process)
    if tuple(map(int, ansible.release.__version__.split(".")[:2])) >= (2, 19):
        assert platform.closed(), run.output
        assert list((platform.folder / "vaulted").glob("logs/maintenance/*/record.json"))
    else:
        output = " ".join(run.output.split())
        assert "The run could not be closed now because: The vault password file /dev/fd/" in output
        assert "was not found (" in output
        assert "; the next run closes it." in output
    assert not [path for path in platform.folder.rglob("*") if holds_secret(path)]


def test_a_closing_that_fails_says_why(platform: Launched, tmp_path: Path) -> None:
    variables = tmp_path / "vars.json"
    variables.write_text("{}")
    process = platform.start("slow", arguments=("-e", f"@{variables}"))
    wait_until(platform.under_way)
    variables.unlink()
    process.send_signal(signal.SIGTERM)
    run = ended(process)
    output = " ".join(run.output.split())
    assert not platform.closed()
    assert "The run could not be closed now because: Unable to retrieve file contents (" in output
    assert "; the next run closes it." in output
    assert "Traceback" not in output
