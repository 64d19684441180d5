# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed notes and checkpoints in the forms that C2SP gives them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MaintenanceError
from ..libraries import optional, require

_ED25519 = b"\x01"
# The specification's escape for types that it does not list, with a name of our own.
_HMAC = b"\xffcareops.maintenance/hmac-sha256"
_NAME = re.compile(r"[^\s+\x00-\x20]{1,200}")
_SIGNATURE = re.compile(r"\u2014 (?P<name>[^\s+]+) (?P<seal>[A-Za-z0-9+/]+=*)")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_MOST_SIGNATURES = 32


@dataclass(frozen=True)
class Signature:
    """One signature line: name of the key, its number in hexadecimal, and what it signed the text with."""

    name: str
    key: str
    seal: bytes


@dataclass(frozen=True)
class Checkpoint:
    """What a log was when it had ``size`` entries. text: the bytes that are signed."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: Sequence[Signature] = ()


def is_name(text: str) -> bool:
    """Whether this may be the name of a log and of its key: no spaces, no plus sign, not empty.

    Nor of dots alone: the anchor host has a folder for each log.
    """
    return _NAME.fullmatch(text) is not None and text.strip(".") != ""


def body(*, origin: str, size: int, root: bytes) -> str:
    """The text of a checkpoint, which is what gets signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def signed(text: str, seals: Sequence[tuple[str, str, bytes]]) -> str:
    """The note: the text, an empty line, a line for each seal (name, number of the key, signature)."""
    lines = (f"\u2014 {name} {base64.b64encode(bytes.fromhex(key) + seal).decode()}\n" for name, key, seal in seals)
    return f"{text}\n{''.join(lines)}"


def parse(note: str) -> Checkpoint:
    """Reads a checkpoint. Raises MaintenanceError where the note is none."""
    text, gap, tail = note.rpartition("\n\n")
    text = text + "\n" if gap else ""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not tail.endswith("\n"):
        raise _no_checkpoint(note, "it needs an origin, a size and a root, an empty line, and signatures")
    origin, size, root = lines[:3]
    if not is_name(origin) or _SIZE.fullmatch(size) is None:
        raise _no_checkpoint(note, "its origin or its size is none")
    signatures = [_signature(line, note) for line in tail[:-1].split("\n")]
    if len(signatures) > _MOST_SIGNATURES:
        raise _no_checkpoint(note, f"it has more than {_MOST_SIGNATURES} signatures")
    return Checkpoint(origin=origin, size=int(size), root=_root(root, note), text=text, signatures=signatures)


def _root(text: str, note: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        root = b""
    if len(root) != 32 or base64.b64encode(root).decode() != text:
        raise _no_checkpoint(note, "its third line is no root hash of 32 bytes in base64")
    return root


def _signature(line: str, note: str) -> Signature:
    found = _SIGNATURE.fullmatch(line)
    try:
        raw = base64.b64decode(found["seal"], validate=True) if found else b""
    except (binascii.Error, ValueError):
        raw = b""
    if found is None or len(raw) < 5:
        raise _no_checkpoint(note, "a line after the empty one is no signature")
    return Signature(name=found["name"], key=raw[:4].hex(), seal=raw[4:])


def _no_checkpoint(note: str, why: str) -> MaintenanceError:
    shown = " ".join(note.split())[:80]
    return MaintenanceError(f"This is no checkpoint, {why}: '{shown}'. Hand over the text as the log made it.")


def hmac_key_id(name: str, secret: bytes) -> str:
    """Number of a shared key, in hexadecimal. It tells nothing of the key."""
    return hashlib.sha256(name.encode() + b"\n" + _HMAC + hashlib.sha256(secret).digest()).hexdigest()[:8]


def hmac_seal(secret: bytes, text: str) -> bytes:
    """Seal of a text with a shared key."""
    return hmac.digest(secret, text.encode(), "sha256")


def ed25519_key_id(name: str, public: bytes) -> str:
    """Number of an Ed25519 key as the specification computes it, in hexadecimal."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).hexdigest()[:8]


def verifier_key(name: str, public: bytes) -> str:
    """The public key in the form that tools for signed notes take: name+number+base64."""
    return f"{name}+{ed25519_key_id(name, public)}+{base64.b64encode(_ED25519 + public).decode()}"


@dataclass(frozen=True)
class Verifier:
    """A public key that a checkpoint may be signed with."""

    name: str
    key: str
    public: bytes

    @classmethod
    def read(cls, text: str) -> Verifier:
        """Reads name+number+base64. Raises MaintenanceError where it is no Ed25519 key, or not its own number."""
        name, _plus, rest = text.partition("+")
        key, _plus, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        public = raw[1:]
        if not is_name(name) or raw[:1] != _ED25519 or len(public) != 32 or ed25519_key_id(name, public) != key:
            raise MaintenanceError(
                f"'{text[:80]}' is no public key of the form name+number+base64; take it from what the log reports."
            )
        return cls(name=name, key=key, public=public)

    def verifies(self, checkpoint: Checkpoint) -> bool:
        """Whether the checkpoint carries a valid signature of this key. Raises MissingLibrary."""
        return any(
            seal.name == self.name
            and seal.key == self.key
            and ed25519_verifies(self.public, seal.seal, checkpoint.text)
            for seal in checkpoint.signatures
        )


def ed25519() -> Any:
    """The library of Ed25519, or None."""
    return optional("cryptography.hazmat.primitives.asymmetric.ed25519")


def ed25519_verifies(public: bytes, seal: bytes, text: str) -> bool:
    """Whether the seal is the signature of the text. Raises MissingLibrary."""
    library = _library()
    invalid = optional("cryptography.exceptions").InvalidSignature
    try:
        library.Ed25519PublicKey.from_public_bytes(public).verify(seal, text.encode())
    except (invalid, ValueError):
        return False
    return True


def ed25519_sign(seed: bytes, text: str) -> bytes:
    """Signature of the text. Raises MissingLibrary."""
    signature: bytes = _library().Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    return signature


def ed25519_public(seed: bytes) -> bytes:
    """The public key of a private one. Raises MissingLibrary."""
    key = _library().Ed25519PrivateKey.from_private_bytes(seed).public_key()
    serialization = optional("cryptography.hazmat.primitives.serialization")
    public: bytes = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return public


def _library() -> Any:
    library = ed25519()
    require(library, "cryptography", package="python3-cryptography")
    return library
