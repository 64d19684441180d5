# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``cryptography`` is asked, in the words of all its versions from 3.3 (Debian 11) on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional

from ..libraries import optional, require
from . import algorithms, der, distinguished

x509 = optional("cryptography.x509")
serialization = optional("cryptography.hazmat.primitives.serialization")

_MODERN_DATES = x509 is not None and hasattr(x509.Certificate, "not_valid_after_utc")
_LONGEST_NAME = 200
_MOST_KNOWN = 4096
_RSA_PSS = "1.2.840.113549.1.1.10"


class KeyLocked(Exception):
    """The private key is protected by a passphrase."""


class Unreadable(Exception):
    """What was read is no such thing; the words say why."""


def require_cryptography() -> None:
    """Raises MissingLibrary, naming the package, where it is not there."""
    require(x509 and serialization, "cryptography", package="python3-cryptography")


def validity(certificate: bytes) -> tuple[int, int]:
    """First and last second of the validity (both inclusive, RFC 5280, 4.1.2.5), since the epoch.

    Raises Unreadable where the DER is no certificate.
    """
    _loaded, not_before, not_after = _load(certificate)
    return int(not_before.timestamp()), int(not_after.timestamp())


def _load(certificate: bytes) -> tuple[Any, datetime, datetime]:
    """What the library makes of the DER, and the ends of its validity. Raises Unreadable."""
    try:
        loaded = x509.load_der_x509_certificate(certificate)
        if _MODERN_DATES:
            return loaded, loaded.not_valid_before_utc, loaded.not_valid_after_utc
        return loaded, _utc(loaded.not_valid_before), _utc(loaded.not_valid_after)
    except Exception as error:  # noqa: BLE001 - whatever a broken certificate makes the library raise
        raise Unreadable(_reason(error)) from None


def _utc(naive: datetime) -> datetime:
    return naive.replace(tzinfo=timezone.utc)


class Certificate(NamedTuple):
    """A certificate as it is carried around: DER, and in words.

    not_before, not_after: the validity, both inclusive, in seconds since the epoch. begins, ends: the same as
    text, ISO 8601. subject, issuer: whole names (RFC 4514). serial: hexadecimal. name: the shortest thing that
    a person knows it by. signature: the name of its algorithm. refused: why the library does not take it, though
    services do; empty where it does.
    """

    der: bytes
    not_before: int
    not_after: int
    begins: str
    ends: str
    subject: str
    issuer: str
    serial: str
    name: str
    key: algorithms.Key
    signature: str
    refused: str = ""


class Reader:
    """Reads certificates. It keeps names in words, which cost most: an issuer's stands in many certificates."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, str]] = {}

    def read(self, certificate: bytes) -> tuple[der.Outline, Certificate]:
        """The certificate's outline, and it in words. Raises Unreadable, ValueError, IndexError."""
        refused = ""
        try:
            not_before, not_after = _load(certificate)[1:]
        except Unreadable as error:
            from . import structure

            not_before, not_after = structure.validity(certificate)
            refused = str(error)
        outline = der.outline(certificate)
        subject, common = self._words(outline.subject)
        serial = f"{outline.serial:x}"
        return outline, Certificate(
            der=certificate,
            not_before=int(not_before.timestamp()),
            not_after=int(not_after.timestamp()),
            begins=not_before.isoformat()[:19] + "Z",
            ends=not_after.isoformat()[:19] + "Z",
            subject=subject,
            issuer=self._words(outline.issuer)[0],
            serial=serial,
            name=common or _first_alternative(certificate) or subject or serial,
            key=_key(outline.key),
            signature=_signature(outline.signature),
            refused=refused,
        )

    def _words(self, encoded: bytes) -> tuple[str, str]:
        words = self._known.get(encoded)
        if words is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            name, common = distinguished.words(encoded)
            words = self._known[encoded] = one_line(name), one_line(common)
        return words


def _key(encoded: bytes) -> algorithms.Key:
    try:
        return algorithms.key(encoded)
    except (ValueError, IndexError):
        return algorithms.Key("", 0, "one that cannot be decoded")


def _signature(encoded: bytes) -> str:
    try:
        return algorithms.signature(encoded)
    except (ValueError, IndexError):
        return "one that cannot be decoded"


def _first_alternative(certificate: bytes) -> str:
    try:
        names = alternative_names(certificate)
    except Unreadable:
        return ""
    return one_line(next(iter((*names.dns, *names.addresses)), ""))


def printable(text: str) -> str:
    """Text from a certificate or a path as one line of plain text, whatever it holds."""
    if text.isprintable():
        return text
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in plain)


def one_line(text: str, *, longest: int = _LONGEST_NAME) -> str:
    """The same, short enough for a message."""
    plain = printable(text)
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


@dataclass(frozen=True)
class AlternativeNames:
    """The names a certificate is for (RFC 5280, 4.2.1.6). addresses: IP addresses as text."""

    dns: Sequence[str] = ()
    addresses: Sequence[str] = field(default_factory=list)


def alternative_names(certificate: bytes) -> AlternativeNames:
    """The subject's alternative names; none where it has no such extension. Raises Unreadable."""
    try:
        loaded = x509.load_der_x509_certificate(certificate)
        names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return AlternativeNames(
            dns=names.get_values_for_type(x509.DNSName),
            addresses=[str(address) for address in names.get_values_for_type(x509.IPAddress)],
        )
    except Exception as error:  # noqa: BLE001 - as above
        if isinstance(error, x509.ExtensionNotFound):
            return AlternativeNames()
        raise Unreadable(_reason(error)) from None


def authority_key_identifier(certificate: bytes) -> Optional[bytes]:
    """How its issuer's key is known (RFC 5280, 4.2.1.1); None where the certificate does not say so."""
    try:
        loaded = x509.load_der_x509_certificate(certificate)
        found = loaded.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        return bytes(found) if found else None
    except Exception:  # noqa: BLE001 - as above
        return None


def is_authority(certificate: bytes) -> bool:
    """Whether the certificate may issue others (RFC 5280, 4.2.1.9); a root of version 1 does not say so."""
    try:
        loaded = x509.load_der_x509_certificate(certificate)
        return bool(loaded.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except Exception:  # noqa: BLE001 - as above
        return False


def public_key(certificate: bytes) -> Optional[bytes]:
    """The certificate's public key in its one canonical form; None where the library does not know its kind."""
    try:
        return canonical(x509.load_der_x509_certificate(certificate).public_key())
    except Exception:  # noqa: BLE001
        return None


def key_kind(certificate: bytes) -> str:
    """RSA, ECDSA, or nothing for a key of another kind."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except Exception:  # noqa: BLE001
        return ""
    kinds = {"RSA": rsa.RSAPublicKey, "ECDSA": ec.EllipticCurvePublicKey}
    return next((kind for kind, known in kinds.items() if isinstance(key, known)), "")


def public_half(key: bytes, *, password: Optional[bytes] = None) -> bytes:
    """The public half of a private key in PEM or DER, in the same form. Raises KeyLocked, Unreadable."""
    try:
        return canonical(_load_key(key, password).public_key())
    except TypeError:
        raise KeyLocked from None
    except Exception as error:  # noqa: BLE001
        raise Unreadable(_reason(error)) from None


def _load_key(key: bytes, password: Optional[bytes]) -> Any:
    if b"OPENSSH PRIVATE KEY" in key:
        return serialization.load_ssh_private_key(key, password)
    if key.startswith(b"-----"):
        return serialization.load_pem_private_key(key, password)
    return serialization.load_der_private_key(key, password)


def canonical(key: Any) -> bytes:
    """A public key of the library in its one form: SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in DER."""
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def encoded(certificate: Any) -> bytes:
    """A certificate of the library in DER."""
    data: bytes = certificate.public_bytes(serialization.Encoding.DER)
    return data


def signed_by(certificate: bytes, issuer: bytes) -> bool:
    """Whether the issuer's key made the certificate's signature; True also where that cannot be told."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    try:
        loaded = x509.load_der_x509_certificate(certificate)
        key = x509.load_der_x509_certificate(issuer).public_key()
        signed = (loaded.signature, loaded.tbs_certificate_bytes)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(*signed, ec.ECDSA(loaded.signature_hash_algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            if loaded.signature_algorithm_oid.dotted_string == _RSA_PSS:
                return True
            key.verify(*signed, padding.PKCS1v15(), loaded.signature_hash_algorithm)
        else:
            key.verify(*signed)
    except InvalidSignature:
        return False
    except Exception:  # noqa: BLE001 - an algorithm that this version does not know
        return True
    return True


def _reason(error: Exception) -> str:
    text = one_line(" ".join(str(error).split()))
    return text or type(error).__name__
