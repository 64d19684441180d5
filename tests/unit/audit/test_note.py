"""Signed notes: the forms of C2SP, and what is none."""

from __future__ import annotations

import base64
import hashlib

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.audit import keys, note
from ansible_collections.careops.maintenance.plugins.module_utils.audit.keys import Key, Ring
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

NAME = "records.clinic.example/operational"
ROOT = hashlib.sha256(b"root").digest()
KEY = Key(secret=b"s" * 32, seed=b"e" * 32)
TEXT = note.body(origin=NAME, size=42, root=ROOT)
NOTE = note.signed(TEXT, keys.seals(Ring(keys=[KEY]), origin=NAME, text=TEXT))


def test_the_text_is_name_size_and_root() -> None:
    assert f"{NAME}\n42\n{base64.b64encode(ROOT).decode()}\n" == TEXT
    assert NOTE.startswith(f"{TEXT}\n\u2014 {NAME} ")
    assert NOTE.endswith("\n") and NOTE.count("\n") == 5


def test_what_is_written_is_read() -> None:
    checkpoint = note.parse(NOTE)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.text) == (NAME, 42, ROOT, TEXT)
    assert note.Verifier.read(keys.verifiers(Ring(keys=[KEY]), origin=NAME)[0]).verifies(checkpoint)


def test_the_number_of_a_key_is_made_as_the_specification_says() -> None:
    public = note.ed25519_public(KEY.seed)
    expected = hashlib.sha256(NAME.encode() + b"\n\x01" + public).hexdigest()[:8]
    (signature,) = note.parse(NOTE).signatures
    assert (signature.key, len(signature.seal)) == (expected, 64)
    assert note.verifier_key(NAME, public).split("+", 2)[:2] == [NAME, expected]


def test_a_published_note_verifies() -> None:
    # The example that the Go implementation of signed notes documents itself with.
    key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    seal = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    known, raw = note.Verifier.read(key), base64.b64decode(seal)
    assert (known.name, known.key) == ("PeterNeumann", raw[:4].hex())
    assert note.ed25519_verifies(known.public, raw[4:], text)
    assert not note.ed25519_verifies(known.public, raw[4:], text.upper())


def test_signatures_of_others_do_not_matter() -> None:
    witness = note.signed(TEXT, [("witness.example/w1", "0badcafe", b"x" * 72)]).rpartition("\n\n")[2]
    checkpoint = note.parse(NOTE + witness)
    assert len(checkpoint.signatures) == 2
    assert note.Verifier.read(keys.verifiers(Ring(keys=[KEY]), origin=NAME)[0]).verifies(checkpoint)


def test_extension_lines_are_signed_along() -> None:
    text = f"{TEXT}an extension\n"
    extended = note.signed(text, keys.seals(Ring(keys=[KEY]), origin=NAME, text=text))
    checkpoint = note.parse(extended)
    verifier = note.Verifier.read(keys.verifiers(Ring(keys=[KEY]), origin=NAME)[0])
    assert (checkpoint.size, verifier.verifies(checkpoint)) == (42, True)
    assert not verifier.verifies(note.parse(extended.replace("an extension", "another")))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n42\n", "\n43\n"),
        lambda text: text.replace(NAME + "\n", "other.example/log\n", 1),
        lambda text: text.replace(base64.b64encode(ROOT).decode(), base64.b64encode(ROOT[::-1]).decode()),
    ],
    ids=["size", "name", "root"],
)
def test_a_note_that_was_altered_does_not_verify(change: object) -> None:
    assert callable(change)
    checkpoint = note.parse(change(NOTE))
    assert not note.Verifier.read(keys.verifiers(Ring(keys=[KEY]), origin=NAME)[0]).verifies(checkpoint)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        TEXT,
        TEXT + "\n",
        NOTE[:-1],
        NOTE.replace("\n42\n", "\n042\n"),
        NOTE.replace("\n42\n", "\n-1\n"),
        NOTE.replace("\n42\n", "\n42 \n"),
        NOTE.replace("\n42\n", "\n99999999999999999999\n"),
        NOTE.replace(f"{NAME}\n", "a name\n", 1),
        NOTE.replace(f"{NAME}\n", "\n", 1),
        NOTE.replace("\u2014", "-"),
        NOTE.replace(base64.b64encode(ROOT).decode(), "AAAA"),
        NOTE.replace(base64.b64encode(ROOT).decode(), "*" * 44),
        NOTE.replace(base64.b64encode(ROOT).decode(), base64.b64encode(ROOT).decode()[:-2] + "1="),
        f"{TEXT}\n\u2014 {NAME} AAAA\n",
        f"{TEXT}\n" + f"\u2014 {NAME} AAAAAAAA\n" * 33,
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MaintenanceError, match="This is no checkpoint"):
        note.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Another+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpctQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+****",
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(MaintenanceError, match="is no public key"):
        note.Verifier.read(text)


def test_a_shared_key_signs_with_a_type_of_its_own() -> None:
    ring = Ring(keys=[Key(secret=b"s" * 32)])
    (signature,) = note.parse(note.signed(TEXT, keys.seals(ring, origin=NAME, text=TEXT))).signatures
    hidden = b"\xffcareops.maintenance/hmac-sha256" + hashlib.sha256(b"s" * 32).digest()
    assert signature.key == hashlib.sha256(NAME.encode() + b"\n" + hidden).hexdigest()[:8]
    assert keys.verifiers(ring, origin=NAME) == []
