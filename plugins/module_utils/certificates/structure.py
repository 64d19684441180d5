# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that the library refuses, and that services load all the same.

The newest versions read only what RFC 5280 allows: a negative serial number or an unknown version is enough to
be refused. Such certificates expire like any other. What OpenSSL asks of a certificate is asked here (the form of
RFC 5280, 4.1, in BER or DER), and no more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Optional

from . import der

_VERSION, _ISSUER_ID, _SUBJECT_ID, _EXTENSIONS = 0xA0, 0x81, 0x82, 0xA3
_UTC_TIME, _GENERAL_TIME = 0x17, 0x18
_TIMES = {
    _UTC_TIME: re.compile(rb"(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(Z|[+-]\d{4})"),
    _GENERAL_TIME: re.compile(rb"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(?:\.\d+)?(Z|[+-]\d{4})"),
}
_ENUMERATED = 0x0A
_SIZES = {der.NULL: 0, der.BOOLEAN: 1}
# Numbers and the like in pieces, and tags of more than one byte.
_NEVER = (0x21, 0x22, 0x25, 0x26, 0x2A, 0x1F, 0x3F, 0x5F, 0x7F, 0x9F, 0xBF, 0xDF, 0xFF)
_UNKNOWN_FORM = "it has not the form of a certificate"


def validity(certificate: bytes) -> tuple[datetime, datetime]:
    """First and last second of the validity. Raises ValueError where OpenSSL would not take it as a certificate."""
    outer = der.parts(certificate, *der.element(certificate))
    if certificate[0] != der.SEQUENCE or [part.tag for part in outer] != [der.SEQUENCE, der.SEQUENCE, der.BITS]:
        raise ValueError(_UNKNOWN_FORM)
    signed, algorithm, signature = outer
    _hold_algorithm(certificate, algorithm)
    _hold_bits(certificate, signature)
    return _hold_signed(certificate, _within(certificate, signed))


def _hold_signed(data: bytes, parts: list[der.Part]) -> tuple[datetime, datetime]:
    """Holds the signed part against its form, and returns the validity."""
    if parts and parts[0].tag == _VERSION:
        version = _within(data, parts.pop(0))
        if len(version) != 1:
            raise ValueError(_UNKNOWN_FORM)
        _hold_number(data, version[0])
    if len(parts) < 6:
        raise ValueError(_UNKNOWN_FORM)
    serial, algorithm, issuer, dates, subject, key = parts[:6]
    if [algorithm.tag, dates.tag, key.tag] != [der.SEQUENCE] * 3 or not {issuer.tag, subject.tag} <= {*der.LISTS}:
        raise ValueError(_UNKNOWN_FORM)
    _hold_number(data, serial)
    _hold_algorithm(data, algorithm)
    _hold_key(data, key)
    last = 0
    for part in parts[6:]:
        if part.tag <= last or part.tag not in (_ISSUER_ID, _SUBJECT_ID, _EXTENSIONS):
            raise ValueError(_UNKNOWN_FORM)
        last = part.tag
        if part.tag == _EXTENSIONS:
            _hold_extensions(data, part)
        else:
            _hold_bits(data, part)
    return _dates(data, dates)


def _within(data: bytes, part: der.Part) -> list[der.Part]:
    if not part.tag & 0x20:
        raise ValueError(_UNKNOWN_FORM)
    return der.parts(data, part.begin, part.end)


def _hold_number(data: bytes, part: der.Part, *, tags: Sequence[int] = (der.INTEGER,)) -> None:
    content = data[part.begin : part.end]
    padded = len(content) > 1 and (content[0], content[1] >> 7) in ((0, 0), (0xFF, 1))
    if part.tag not in tags or not content or padded:
        raise ValueError("a number in it is encoded wrongly")


def _hold_bits(data: bytes, part: der.Part) -> None:
    if part.begin == part.end or data[part.begin] > 7:
        raise ValueError("a string of bits in it is encoded wrongly")


def _hold_algorithm(data: bytes, part: der.Part) -> None:
    parts = _within(data, part)
    if not 1 <= len(parts) <= 2:
        raise ValueError(_UNKNOWN_FORM)
    _hold_oid(data, parts[0])
    if len(parts) == 2:
        _hold_anything(data, parts[1])


def _hold_anything(data: bytes, part: der.Part) -> None:
    """What may be of any kind must at least be one of its kind."""
    if part.tag == der.OID:
        _hold_oid(data, part)
    elif part.tag in (der.INTEGER, _ENUMERATED):
        _hold_number(data, part, tags=(part.tag,))
    elif part.tag == der.BITS:
        _hold_bits(data, part)
    elif part.tag in _NEVER or part.end - part.begin != _SIZES.get(part.tag, part.end - part.begin):
        raise ValueError("a parameter of an algorithm is encoded wrongly")
    elif 0x20 <= part.tag < 0x40:
        der.definite(data[part.at : part.end])


def _hold_oid(data: bytes, part: der.Part) -> None:
    if part.tag != der.OID:
        raise ValueError(_UNKNOWN_FORM)
    der.dotted(data[part.begin : part.end])


def _hold_key(data: bytes, part: der.Part) -> None:
    parts = _within(data, part)
    if [one.tag for one in parts] != [der.SEQUENCE, der.BITS]:
        raise ValueError(_UNKNOWN_FORM)
    _hold_algorithm(data, parts[0])
    _hold_bits(data, parts[1])


def _hold_extensions(data: bytes, part: der.Part) -> None:
    held = _within(data, part)
    if len(held) != 1 or held[0].tag not in der.LISTS:
        raise ValueError(_UNKNOWN_FORM)
    for extension in der.parts(data, held[0].begin, held[0].end):
        parts = _within(data, extension)
        if not parts:
            raise ValueError("an extension in it has not the form of an extension")
        _hold_oid(data, parts[0])
        tags = [one.tag for one in parts[1:]]
        if tags[:1] == [der.BOOLEAN] and parts[1].end - parts[1].begin == 1:
            del tags[0]
        if extension.tag != der.SEQUENCE or len(tags) != 1 or not _is_string(data, parts[-1]):
            raise ValueError("an extension in it has not the form of an extension")


def _is_string(data: bytes, part: der.Part) -> bool:
    """Whether it is a string of octets, in one piece or in several."""
    if part.tag == der.PIECES_OF_OCTETS:
        der.definite(data[part.at : part.end])
    return part.tag in (der.OCTETS, der.PIECES_OF_OCTETS)


def _dates(data: bytes, part: der.Part) -> tuple[datetime, datetime]:
    parts = _within(data, part)
    if len(parts) != 2:
        raise ValueError(_UNKNOWN_FORM)
    begin, end = (_moment(one.tag, data[one.begin : one.end]) for one in parts)
    if begin is None or end is None:
        raise ValueError("the dates of its validity do not exist")
    return begin, end


def _moment(tag: int, content: bytes) -> Optional[datetime]:
    """A time in one of its two forms (X.680, 46 and 47); None where there is no such day."""
    found = _TIMES[tag].fullmatch(content) if tag in _TIMES else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if tag == _UTC_TIME:
        year += 2000 if year < 50 else 1900  # RFC 5280, 4.1.2.5.1
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
        return moment - _offset(found.group(7))
    except (ValueError, OverflowError):
        return None


def _offset(text: bytes) -> timedelta:
    if text == b"Z":
        return timedelta(0)
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return offset if text[:1] == b"+" else -offset
