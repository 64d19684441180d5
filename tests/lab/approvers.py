"""People who approve with a real SSH key, as they would at their own desk."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMESPACE = "approval@careops.maintenance"


@dataclass(frozen=True)
class Signer:
    """An approver. key: the path of the private key."""

    name: str
    key: Path

    @property
    def public(self) -> str:
        return self.key.with_suffix(".pub").read_text().strip()

    @property
    def fingerprint(self) -> str:
        done = subprocess.run(["ssh-keygen", "-lf", self.key], capture_output=True, text=True, check=True)
        return done.stdout.split()[1]

    def sign(self, line: str, *, namespace: str = NAMESPACE) -> str:
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self.key)]
        return subprocess.run(command, input=f"{line}\n", capture_output=True, text=True, check=True).stdout

    def approve(self, **given: str) -> str:
        """The signature of the line that the guide describes."""
        return self.sign(json.dumps({"by": self.name, **given}, sort_keys=True))

    def verifies(self, approval: dict[str, Any], folder: Path) -> bool:
        """Whether what a record keeps of an approval proves it to somebody who has the public key alone."""
        signed = approval["signed"]
        (folder / "allowed").write_text(f"{self.name.split()[0]} {self.public}\n")
        (folder / "signature").write_text(signed["signature"])
        command = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", self.name.split()[0]]
        command += ["-f", str(folder / "allowed"), "-s", str(folder / "signature")]
        return subprocess.run(command, input=f"{signed['statement']}\n", text=True, check=False).returncode == 0


def signer(folder: Path, name: str, *, kind: str = "ed25519") -> Signer:
    key = folder / name.replace(" ", "-").lower()
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", key], check=True)
    return Signer(name, key)
