"""One step of a Molecule scenario at a time, its output kept and shown where it fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Scenario:
    """A scenario whose state stays within this checkout."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = ROOT / ".cache" / "molecule" / name
        # Beside it: Molecule tidies its own folder up.
        self.runs = ROOT / ".cache" / "molecule" / f"{name}-runs"

    def step(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        """Runs ``molecule <step> ...``. Raises AssertionError with the end of its output where it fails."""
        self.folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["molecule", arguments[0], "--scenario-name", self.name, "--no-command-borders", *arguments[1:]],
            cwd=ROOT,
            env={
                **os.environ,
                "MOLECULE_EPHEMERAL_DIRECTORY": str(self.folder),
                "CAREOPS_RUNS_DIRECTORY": str(self.runs),
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
                "NO_COLOR": "1",
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        log = ROOT / ".cache" / f"molecule-{self.name}-{arguments[0]}.log"
        log.write_text(done.stdout)
        tail = "\n".join(line for line in done.stdout.splitlines()[-120:] if line.strip())
        assert done.returncode == 0, f"molecule {' '.join(arguments)} failed (all of it in {log}):\n{tail}"
        return done.stdout

    def latest_run(self) -> Path:
        """The folder of the last run of a cadence."""
        return max(path for path in self.runs.iterdir() if (path / "record.json").exists())
