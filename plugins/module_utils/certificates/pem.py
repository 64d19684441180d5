# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM files as they are in the field: keys first, text between, several certificates, revocation lists, cut off."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from . import der

CERTIFICATES = frozenset((b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"))
_MESSAGES = frozenset((b"PKCS7", b"PKCS #7 SIGNED DATA", b"CMS"))
_REQUESTS = frozenset((b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"))

# A block never reaches over the next line of five hyphens, so that a block that was cut off does not swallow
# the next one. Single hyphens occur in the headers of encrypted keys.
# Both of its lines stand alone, or servers do not see it.
_BLOCK = re.compile(
    rb"^-----BEGIN ([A-Z0-9# ]+)-----[ \t\r]*\n([^-]*(?:-(?!----)[^-]*)*)(?<=\n)-----END \1-----[ \t\r]*$",
    re.MULTILINE,
)
_BEGIN = re.compile(rb"^-----BEGIN (?:(?:X509 |TRUSTED )?CERTIFICATE|PKCS7|PKCS #7 SIGNED DATA|CMS)-----", re.MULTILINE)
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"
_NOTES = frozenset((0x30, 0xA0, 0x0C, 0x04, 0xA1))
MARK = b"-----BEGIN "


@dataclass
class Contents:
    """What a file holds. certificates: DER each, in the file's order. keys: private keys, PEM or DER each.

    halves: public halves of the private keys that a keystore gave out. closed: why it did not give out others, as
    the end of a sentence. problems: what could not be decoded, in words. instead: what it is if it holds no
    certificate.
    """

    certificates: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    halves: list[bytes] = field(default_factory=list)
    closed: str = ""
    instead: str = ""


def contents(data: bytes) -> Contents:
    """Every certificate and private key of the file. Never raises: what is broken is told in ``problems``."""
    found = Contents()
    blocks = begun = 0
    for block in _BLOCK.finditer(data):
        label, body = block.groups()
        blocks += 1
        if label in CERTIFICATES:
            begun += 1
            try:
                found.certificates.append(_certificate(body))
            except ValueError as error:
                found.problems.append(f"certificate {begun} cannot be decoded ({error})")
        elif label.endswith(b"PRIVATE KEY"):
            found.keys.append(block.group(0) + b"\n")
            found.instead = found.instead or "a private key"
        else:
            begun += label in _MESSAGES
            _other(found, label, body)
    if data.count(MARK) != blocks:
        cut_off = len(_BEGIN.findall(data)) - begun
        if cut_off > 0:
            found.problems.append(
                f"{cut_off} certificate(s) have no begin and end line of their own, so the file was cut off or damaged"
            )
    return found


def _certificate(body: bytes) -> bytes:
    """The certificate of a block in DER. Raises ValueError where servers would not load it."""
    if body.translate(None, _BASE64) or b"=" in body.rstrip()[:-2]:
        raise ValueError("it holds characters that are not of Base64")
    data = binascii.a2b_base64(body)
    end = der.element(data)[1]
    if end == len(data):
        return data
    # OpenSSL's own notes may follow: whom to trust with what, and a name for it.
    notes = der.parts(data, end)[0]
    if notes.tag != der.SEQUENCE or not {part.tag for part in der.parts(data, notes.begin, notes.end)} <= _NOTES:
        raise ValueError("more stands behind it")
    return data[:end]


def _other(found: Contents, label: bytes, body: bytes) -> None:
    """Takes in a block that is neither certificate nor private key."""
    if label in _MESSAGES:
        from .formats import pkcs7

        try:
            found.certificates += pkcs7.certificates(binascii.a2b_base64(body))
        except ValueError as error:
            found.problems.append(f"the PKCS#7 message in it cannot be decoded ({error})")
        found.instead = found.instead or "a PKCS#7 message"
    elif label in _REQUESTS:
        found.instead = found.instead or "a certificate request"
    elif label == b"X509 CRL":
        found.instead = found.instead or "a revocation list"
    elif label.endswith(b"PUBLIC KEY"):
        found.instead = found.instead or "a public key"
