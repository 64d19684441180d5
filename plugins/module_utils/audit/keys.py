# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of an audit log: one file, read by its owner alone, with every key that ever sealed entries."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

from ..clock import to_text
from ..errors import MaintenanceError
from ..files import locked, sync_folder, write_atomic
from ..findings import Finding
from . import note

HMAC, ED25519 = "hmac", "ed25519"
KINDS = (HMAC, ED25519)
_NAME = "careops-audit"


@dataclass(frozen=True)
class Key:
    """One key. secret: seals entries and heads. seed: signs checkpoints, where the log has such a key."""

    secret: bytes = field(repr=False)
    seed: bytes = field(default=b"", repr=False)
    created: str = ""

    @property
    def id(self) -> str:
        """Its number, which tells nothing of it."""
        return note.hmac_key_id(_NAME, self.secret)

    @property
    def kind(self) -> str:
        """What it signs checkpoints with."""
        return ED25519 if self.seed else HMAC


@dataclass(frozen=True)
class Ring:
    """All keys, oldest first. The last is the one that new entries get."""

    keys: Sequence[Key] = ()

    @property
    def current(self) -> Key:
        """The newest."""
        return self.keys[-1]

    def find(self, key: str) -> Optional[Key]:
        """The key of that number."""
        return next((known for known in self.keys if known.id == key), None)


def new_key(kind: str, *, now: datetime) -> Key:
    """A key from the system's random numbers. Raises MissingLibrary where its kind needs one."""
    seed = b""
    if kind == ED25519:
        seed = secrets.token_bytes(32)
        note.ed25519_public(seed)
    return Key(secret=secrets.token_bytes(32), seed=seed, created=to_text(now))


def read(path: str) -> Optional[Ring]:
    """The keys in the file; None where there is no file. Raises MaintenanceError where it cannot be used."""
    try:
        with open(path, encoding="ascii") as stream:
            content = json.load(stream)
        ring = Ring(keys=[_key(row) for row in content["keys"]])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MaintenanceError(f"The key file {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        ring = Ring()
    if not ring.keys:
        raise MaintenanceError(
            f"The key file {path} holds no keys of an audit log: restore it from a copy, or name the right file."
        )
    return ring


def _key(row: Any) -> Key:
    key = Key(secret=bytes.fromhex(row["hmac"]), seed=bytes.fromhex(row.get("ed25519", "")), created=row["created"])
    if len(key.secret) != 32 or len(key.seed) not in (0, 32):
        raise ValueError("no key")
    return key


def create(path: str, *, kind: str, now: datetime) -> Ring:
    """Makes the file with one key, unless somebody else was faster. Raises MaintenanceError."""
    ring = Ring(keys=[new_key(kind, now=now)])
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(_content(ring))
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            os.unlink(temporary)
        sync_folder(folder)
    except OSError as error:
        raise MaintenanceError(f"The key file {path} cannot be made: {error.strerror}.") from None
    return read(path) or ring


def add(path: str, *, kind: str, now: datetime) -> Ring:
    """Puts a new key behind the others. Raises MaintenanceError."""
    key = new_key(kind, now=now)
    try:
        with locked(f"{path}.lock"):
            ring = read(path) or Ring()
            longer = Ring(keys=[*ring.keys, key])
            write_atomic(path, _content(longer), mode=0o600)
    except OSError as error:
        raise MaintenanceError(f"The key file {path} cannot be written: {error.strerror}.") from None
    return longer


def _content(ring: Ring) -> bytes:
    rows = [
        {
            "id": key.id,
            "created": key.created,
            "hmac": key.secret.hex(),
            **({"ed25519": key.seed.hex()} if key.seed else {}),
        }
        for key in ring.keys
    ]
    about = "Keys of an audit log. Whoever reads this file can forge entries; keep a copy where only auditors get."
    return (json.dumps({"about": about, "keys": rows}, indent=1) + "\n").encode()


def left_behind(path: str, ring: Ring, key: str, *, stream: str) -> list[Finding]:
    """A word where a stream goes on with a key that was replaced, other than in a rotation. key: its number."""
    if ring.find(key) in (None, ring.current):
        return []
    return [
        Finding(
            check="audit.key",
            subject=path,
            status="warning",
            message=f"The stream {stream} ends with the key {key}, which {ring.current.id} replaced on "
            f"{ring.current.created}: either that rotation was interrupted, or who holds the old key put back or "
            "wrote entries. Compare its end with the checkpoints of the anchor host, or with a copy; the next append "
            "turns to the new key.",
            evidence={"stream": stream, "key": key, "newest": ring.current.id},
        )
    ]


def judge(path: str, ring: Optional[Ring], *, begun: bool) -> Finding:
    """What is to be said of the key file. begun: whether there is a log that it belongs to."""
    if ring is None:
        message = "There is no key file here yet: the first append makes one."
        if begun:
            message = (
                "There is no key file here, so the seals of the entries were not checked; the chain of hashes was: put "
                "the key file back from its copy."
            )
        return Finding(check="audit.key", subject=path, status="unknown", message=message)
    mode = os.stat(path)
    loose = stat.S_IMODE(mode.st_mode) & 0o077
    foreign = mode.st_uid not in (0, os.geteuid())
    if loose or foreign:
        who = f"has the mode {stat.S_IMODE(mode.st_mode):04o}" if loose else f"belongs to the user {mode.st_uid}"
        return Finding(
            check="audit.key",
            subject=path,
            status="critical",
            message=f"The key file {who}, so others than its owner may have read it and could forge entries: "
            "set it to 0600 and its owner to root, and rotate the key.",
        )
    return Finding(
        check="audit.key",
        subject=path,
        status="ok",
        message=f"The key file is for its owner alone; the log is sealed with the key {ring.current.id}.",
        evidence={"key": ring.current.id, "kind": ring.current.kind, "keys": len(ring.keys)},
    )


def seals(ring: Ring, *, origin: str, text: str) -> list[tuple[str, str, bytes]]:
    """Signatures of the newest key, and of the one before, by which others learn the newest. Raises MissingLibrary."""
    made = []
    for key in reversed(ring.keys[-2:]):
        if key.seed:
            number = note.ed25519_key_id(origin, note.ed25519_public(key.seed))
            made.append((origin, number, note.ed25519_sign(key.seed, text)))
        else:
            made.append((origin, note.hmac_key_id(origin, key.secret), note.hmac_seal(key.secret, text)))
    return made


def verifiers(ring: Ring, *, origin: str) -> list[str]:
    """Public keys of the two newest keys that have one, newest first. Raises MissingLibrary."""
    return [note.verifier_key(origin, note.ed25519_public(key.seed)) for key in reversed(ring.keys[-2:]) if key.seed]
