"""Certificates as no program of today makes them, and hosts still hold them: written byte by byte, always the same."""

from __future__ import annotations

import random
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

INTEGER, BITS, OCTETS, UTF8, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x0C, 0x30, 0x31
PRINTABLE, T61, IA5, UTC, GENERAL, UNIVERSAL, BMP = 0x13, 0x14, 0x16, 0x17, 0x18, 0x1C, 0x1E

COUNTRY, ORGANISATION, UNIT, COMMON = (bytes.fromhex(one) for one in ("550406", "55040a", "55040b", "550403"))
MAIL, OWN = bytes.fromhex("2a864886f70d010901"), bytes.fromhex("2b06010401ce0f01")
_ALTERNATIVES = bytes.fromhex("551d11")
_SIGNED_BY_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")


def element(tag: int, *parts: bytes) -> bytes:
    """An element of DER."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(content).to_bytes(size, "big") + content


def number(value: int) -> bytes:
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def attribute(kind: bytes, value: bytes) -> bytes:
    return element(SEQUENCE, element(0x06, kind), value)


def name(*attributes: bytes) -> bytes:
    """A name; each attribute a group of its own."""
    return element(SEQUENCE, *(element(SET, one) for one in attributes))


def common(text: str, tag: int = UTF8, encoding: str = "utf-8") -> bytes:
    return attribute(COMMON, element(tag, text.encode(encoding)))


def utc(text: str) -> bytes:
    return element(UTC, text.encode())


def general(text: str) -> bytes:
    return element(GENERAL, text.encode())


def ec_key() -> bytes:
    return _encoded(ec.derive_private_key(0xC0FFEE, ec.SECP256R1()).public_key())


def ed25519_key() -> bytes:
    return _encoded(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key())


def rsa_key() -> bytes:
    modulus = number(random.Random(5).getrandbits(2048) | 1 << 2047 | 1)
    key = element(SEQUENCE, modulus, number(65537))
    return element(SEQUENCE, bytes.fromhex("300d06092a864886f70d0101010500"), element(BITS, b"\0", key))


def _encoded(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def alternative(host: str) -> bytes:
    """The extension that holds a host's name."""
    held = element(OCTETS, element(SEQUENCE, element(0x82, host.encode())))
    return element(SEQUENCE, element(0x06, _ALTERNATIVES), held)


def certificate(
    *,
    version: bytes = b"\xa0\x03\x02\x01\x02",
    serial: bytes = b"\x02\x02\x12\x34",
    issuer: bytes | None = None,
    begins: bytes | None = None,
    ends: bytes | None = None,
    subject: bytes | None = None,
    key: bytes | None = None,
    more: bytes = b"",
    extensions: bytes | None = None,
) -> bytes:
    """A certificate of these parts, each encoded already. Its signature is none that holds.

    more: between key and extensions.
    """
    own = alternative("clinic.example") if extensions is None else extensions
    signed = element(
        SEQUENCE,
        version,
        serial,
        _SIGNED_BY_RSA,
        name(common("Lab CA")) if issuer is None else issuer,
        element(SEQUENCE, begins or utc("261001000000Z"), ends or utc("270101000000Z")),
        name(common("clinic.example")) if subject is None else subject,
        key or ec_key(),
        more,
        element(0xA3, element(SEQUENCE, own)) if own else b"",
    )
    return element(SEQUENCE, signed, _SIGNED_BY_RSA, element(BITS, b"\0", random.Random(7).randbytes(128)))


def kinds() -> Iterator[tuple[str, bytes]]:
    """Certificates of every kind, by what is odd about them."""
    yield "rsa", certificate(key=rsa_key())
    yield "ec", certificate()
    yield "ed25519", certificate(key=ed25519_key())
    yield from _names()
    yield from _dates()
    for label, value in {
        "zero": 0,
        "negative": -5,
        "long": 1 << 158,
        "longest": 1 << 400,
        "minus-long": -(1 << 99),
    }.items():
        yield f"serial-{label}", certificate(serial=number(value))
    yield "version-1", certificate(version=b"", extensions=b"")
    yield "version-1-with-extensions", certificate(version=b"")
    yield (
        "version-2",
        certificate(
            version=b"\xa0\x03\x02\x01\x01", extensions=b"", more=element(0x81, b"\0ab") + element(0x82, b"\0cd")
        ),
    )
    yield "version-6", certificate(version=b"\xa0\x03\x02\x01\x05")
    yield "no-extensions", certificate(extensions=b"")
    twice = alternative("a.example")
    yield "extension-twice", certificate(extensions=twice + twice)
    broken = element(SEQUENCE, element(0x06, _ALTERNATIVES), element(OCTETS, b"\x30\x05\x82"))
    yield "extension-broken", certificate(extensions=broken)
    plainly = element(SEQUENCE, element(0x06, _ALTERNATIVES), b"\x01\x01\x00", element(OCTETS, b"\x30\x00"))
    yield "extension-says-not-critical", certificate(extensions=plainly)
    yield (
        "key-of-no-kind",
        certificate(key=element(SEQUENCE, element(SEQUENCE, element(0x06, OWN)), element(BITS, b"\0x"))),
    )


def _names() -> Iterator[tuple[str, bytes]]:
    people = name(
        attribute(COUNTRY, element(PRINTABLE, b"DE")),
        attribute(ORGANISATION, element(UTF8, "Klinikum Würzburg 東京 🏥".encode())),
        common("клиника.example"),
    )
    yield "name-utf8", certificate(subject=people, issuer=people)
    yield "name-bmp", certificate(subject=name(common("Zürich €", BMP, "utf-16-be")))
    yield "name-universal", certificate(subject=name(common("Zürich 🏥", UNIVERSAL, "utf-32-be")))
    yield "name-t61", certificate(subject=name(common("Zürich", T61, "latin-1")))
    yield "name-latin-as-printable", certificate(subject=name(common("Zürich", PRINTABLE, "latin-1")))
    yield "name-empty", certificate(subject=name())
    yield "name-both-empty", certificate(subject=name(), issuer=name(), extensions=b"")
    yield "name-empty-value", certificate(subject=name(common("")))
    several = element(SET, common("a+b"), attribute(UNIT, element(UTF8, b"x,y")), attribute(MAIL, element(IA5, b"a@b")))
    yield "name-several-in-a-group", certificate(subject=element(SEQUENCE, several, element(SET, common('#c ;<>\\"='))))
    yield "name-twice", certificate(subject=name(common("first"), common(" second ")))
    yield "name-control", certificate(subject=name(common("line\nbreak\0zero\x7f")))
    yield "name-own-type", certificate(subject=name(attribute(OWN, element(UTF8, b"own")), common("own.example")))
    yield "name-bits", certificate(subject=name(attribute(OWN, element(BITS, b"\0\x01\x02")), common("bits.example")))
    yield "name-long-country", certificate(subject=name(attribute(COUNTRY, element(PRINTABLE, b"Germany"))))
    yield "name-long", certificate(subject=name(*(attribute(UNIT, element(UTF8, b"u" * 60)) for _n in range(20))))
    yield "name-group-empty", certificate(subject=element(SEQUENCE, element(SET), element(SET, common("a.example"))))


def _dates() -> Iterator[tuple[str, bytes]]:
    yield "date-2049", certificate(ends=utc("491231235959Z"))
    yield "date-2050", certificate(ends=general("20500101000000Z"))
    yield "date-1950", certificate(begins=utc("500101000000Z"))
    yield "date-9999", certificate(ends=general("99991231235959Z"))
    yield "date-early-as-general", certificate(begins=general("20260101000000Z"))
    yield "date-no-seconds", certificate(ends=utc("2701010000Z"))
    yield "date-offset", certificate(ends=utc("270101000000+0130"))
    yield "date-fraction", certificate(ends=general("20270101000000.5Z"))
    yield "date-none", certificate(ends=utc("270230000000Z"))
    yield "date-backwards", certificate(begins=utc("280101000000Z"))
    yield "date-leap", certificate(ends=utc("280229000000Z"))
    yield "date-0001", certificate(begins=general("00010101000000Z"))
