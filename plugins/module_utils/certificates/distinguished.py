# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinguished names as text (RFC 4514), whatever characters their issuers liked to write.

The versions of the library differ in what they refuse here, and all of them take longer.
"""

from __future__ import annotations

import re

from . import der

_COMMON_NAME = bytes.fromhex("550403")
# RFC 4514, 3
_SHORT = {
    _COMMON_NAME: "CN",
    bytes.fromhex("550407"): "L",
    bytes.fromhex("550408"): "ST",
    bytes.fromhex("55040a"): "O",
    bytes.fromhex("55040b"): "OU",
    bytes.fromhex("550406"): "C",
    bytes.fromhex("550409"): "STREET",
    bytes.fromhex("0992268993f22c640119"): "DC",
    bytes.fromhex("0992268993f22c640101"): "UID",
}
# What the strings of ASN.1 (X.680, 41) hold in practice: those of single bytes hold Latin-1, if not ASCII.
_TEXT = {
    0x0C: "utf-8",
    0x12: "latin-1",
    0x13: "latin-1",
    0x14: "latin-1",
    0x16: "latin-1",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
# Values that OpenSSL takes without knowing what they say.
_OPAQUE = frozenset((0x03, 0x07, 0x08, 0x09, 0x0B, 0x0D, 0x0E, 0x0F, 0x1D, 0x30))
_SPECIAL = re.compile(r'[\\"+,;<>\0]|^[# ]| $')


def words(name: bytes) -> tuple[str, str]:
    """The whole name, the last part first as RFC 4514 wants it, and its first common name. Raises ValueError."""
    common = ""
    parts = []
    for group in der.parts(name, *der.element(name)):
        _expect(group, *der.SETS)
        values = []
        for attribute in der.parts(name, group.begin, group.end):
            _expect(attribute, der.SEQUENCE)
            kind, value = _pair(name, attribute)
            label = _SHORT.get(kind) or der.dotted(kind)
            if value.tag == der.BITS and (value.begin == value.end or name[value.begin] > 7):
                raise ValueError("a name in it holds a string of bits that is none")
            if value.tag in _OPAQUE:
                values.append(f"{label}=#{name[value.at : value.end].hex()}")
                continue
            text = _text(value.tag, name[value.begin : value.end])
            common = common or (text if kind == _COMMON_NAME else "")
            values.append(f"{label}={_SPECIAL.sub(_escaped, text)}")
        parts += ["+".join(values)] if values else []
    return ",".join(reversed(parts)), common


def _expect(part: der.Part, *tags: int) -> None:
    if part.tag not in tags:
        raise ValueError("a name in it has not the form of a name")


def _pair(name: bytes, attribute: der.Part) -> tuple[bytes, der.Part]:
    """The type, as it is encoded, and where the value is."""
    both = der.parts(name, attribute.begin, attribute.end)
    if len(both) != 2 or both[0].tag != der.OID:
        raise ValueError("a name in it has not the form of a name")
    return name[both[0].begin : both[0].end], both[1]


def _text(tag: int, content: bytes) -> str:
    encoding = _TEXT.get(tag)
    if encoding is None:
        raise ValueError("a name in it holds something that is no text")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError("a name in it holds characters that do not exist") from None


def _escaped(found: re.Match[str]) -> str:
    return "\\00" if found.group() == "\0" else "\\" + found.group()
