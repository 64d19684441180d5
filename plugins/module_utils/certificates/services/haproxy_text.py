# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a line of HAProxy's configuration (its manual, 2.2 "Quoting and escaping")."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Stands for the value of a variable that is not known.
UNKNOWN = "\x00"
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:-([^}]*))?(?:\[\*\])?\}|([A-Za-z_]\w*))")


def words(line: str, variables: Mapping[str, str]) -> list[str]:
    """The words: quotes removed, escapes and variables (between double quotes) replaced. Raises ValueError."""
    found: list[str] = []
    word: list[str] = []
    begun = False
    at = 0
    while at < len(line):
        letter = line[at]
        if letter == "#" or letter.isspace():
            if begun:
                found.append("".join(word))
            word, begun = [], False
            if letter == "#":
                break
            at += 1
            continue
        begun = True
        piece, at = _piece(line, at, variables)
        word.append(piece)
    if begun:
        found.append("".join(word))
    return found


def _piece(line: str, at: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """What begins here, and where the next thing begins."""
    letter = line[at]
    if letter == "\\":
        return line[at + 1 : at + 2], at + 2
    if letter == "'":
        end = line.find("'", at + 1)
        if end < 0:
            raise ValueError("a quotation does not end")
        return line[at + 1 : end], end + 1
    if letter == '"':
        return _double(line, at + 1, variables)
    return letter, at + 1


def _double(line: str, at: int, variables: Mapping[str, str]) -> tuple[str, int]:
    letters: list[str] = []
    while at < len(line) and line[at] != '"':
        variable = _VARIABLE.match(line, at)
        if line[at] == "\\" and line[at + 1 : at + 2] in ('"', "\\", "$"):
            letters.append(line[at + 1])
            at += 2
        elif variable:
            name, otherwise = variable[1] or variable[3], variable[2]
            unknown = f"{UNKNOWN}{name}" if otherwise is None else otherwise
            letters.append(variables.get(name, unknown))
            at = variable.end()
        else:
            letters.append(line[at])
            at += 1
    if at >= len(line):
        raise ValueError("a quotation does not end")
    return "".join(letters), at + 1
