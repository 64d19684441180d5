# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an approver signed an approval with their SSH key: ssh-keygen -Y sign, OpenSSH 8.1 and later."""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from ..errors import MaintenanceError
from ..runner import Runner

# A signature says what it is for (PROTOCOL.sshsig): one of git, of a file or of a mail approves nothing.
NAMESPACE = "approval@careops.maintenance"
_WHO = "approver"
_SECONDS = 30.0
_KEY = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}(?: .*)?")
_ARMOR = re.compile(r"-----BEGIN SSH SIGNATURE-----([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]+")


def require_keys(keys: Sequence[str], *, whose: str) -> tuple[str, ...]:
    """The public keys, each a line as in ~/.ssh/id_ed25519.pub. Raises MaintenanceError, which repeats no key."""
    lines = tuple(" ".join(key.split()) for key in keys)
    if all(_KEY.fullmatch(line) and _is_whole(line) for line in lines):
        return lines
    raise MaintenanceError(
        f"The keys of approver {whose!r} must be public SSH keys, each a line such as that of ~/.ssh/id_ed25519.pub."
    )


def _is_whole(line: str) -> bool:
    """Whether the key is of the type that stands before it, and nothing of it is missing (RFC 4253, section 6.6).

    Nobody should learn in an emergency that a key was not copied to its end.
    """
    kind, packed = line.split(" ")[:2]
    try:
        rest = base64.b64decode(packed, validate=True)
    except ValueError:
        return False
    parts = []
    while rest:
        end = 4 + int.from_bytes(rest[:4], "big")
        if len(rest) < end:
            return False
        parts.append(rest[4:end])
        rest = rest[end:]
    return len(parts) > 1 and parts[0] == kind.encode()


@dataclass(frozen=True)
class Signed:
    """A good signature: the fingerprint of its key, the line that was signed, and what proves it to anybody later."""

    key: str
    statement: str
    signature: str


class Signatures:
    """Checks what approvers signed with the ssh-keygen of this host. system, cadence: what the work is for.

    wanted: the line that should have been signed, with its line end; empty where none was asked for.
    """

    def __init__(self, run: Runner, *, system: str, cadence: str) -> None:
        self.wanted = ""
        self._run = run
        self._purpose = {"system": system, "cadence": cadence}

    def judge(self, given: Mapping[str, str], signature: str, keys: Sequence[str]) -> Union[Signed, str]:
        """What proves that the owner of one of the keys approved it, or why nothing does, as the end of a sentence.

        Raises MaintenanceError where ssh-keygen is missing or too old, or reads one of the keys as none.
        """
        line = json.dumps({**given, **self._purpose}, sort_keys=True, ensure_ascii=False)
        self.wanted = f"{line}\n"
        if not signature.strip():
            return f"policy has keys of {given['by']}, who must sign this line, as docs/windows.md says: {line}"
        armor = _armored(signature)
        if not armor:
            return "its signature is none of ssh-keygen -Y sign"
        with tempfile.TemporaryDirectory(prefix="careops-approval-") as folder:
            signed = _written(folder, "signature", armor)
            allowed = _written(folder, "allowed", "".join(f"{_WHO} {key}\n" for key in keys))
            listed = self._ask("verify", line, signed, "-I", _WHO, "-f", allowed)
            if listed:
                return Signed(key=listed, statement=line, signature=armor)
            other = self._ask("check-novalidate", line, signed)
        if other:
            return f"it is signed with the key {other}, which policy does not list for {given['by']}"
        return f"its signature is not one of this line: {line}"

    def _ask(self, question: str, line: str, signed: str, *arguments: str) -> str:
        """The fingerprint of the key of a good signature; empty for any other."""
        command = ["ssh-keygen", "-Y", question, "-n", NAMESPACE, "-s", signed, *arguments]
        done = self._run(command, stdin=f"{line}\n", timeout=_SECONDS)
        if "usage:" in done.stderr:
            raise MaintenanceError(
                "The ssh-keygen of the controller checks no signatures: install OpenSSH 8.1 or later."
            )
        if "invalid key" in done.stderr:
            raise MaintenanceError("One of the keys in policy_approvers is no public SSH key: copy it again.")
        found = _FINGERPRINT.search(done.stdout)
        return found.group() if done.returncode == 0 and found else ""


def _armored(signature: str) -> str:
    """The signature in the form that ssh-keygen reads, whatever a command line made of its line ends; else empty."""
    found = _ARMOR.fullmatch(signature.strip())
    if not found:
        return ""
    packed = "".join(found.group(1).split())
    lines = [packed[start : start + 70] for start in range(0, len(packed), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def _written(folder: str, name: str, text: str) -> str:
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path
