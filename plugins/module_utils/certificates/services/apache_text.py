# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of an Apache configuration, read as its server does: each line in the light of those before."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..sources import reason_of
from .use import Files, Nesting, Trouble, beside

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SHELL_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|[^\s;]*)", re.MULTILINE)
_CONDITIONS = ("ifmodule", "ifdefine", "ifversion", "iffile")
# Built into Debian's server, and so never loaded.
_BUILT_IN = frozenset(
    ("core_module", "so_module", "http_module", "log_config_module", "unixd_module", "version_module")
)


class Statement(NamedTuple):
    """A directive, or the begin (``<name``) or end (``</name``) of a section; name: in lower case."""

    name: str
    words: Sequence[str]
    where: str


class _Line(NamedTuple):
    text: str
    where: str


class Loader:
    """Reads the files. troubles: what could not be read. root: what relative paths are relative to."""

    def __init__(self, path: str, files: Files) -> None:
        self.troubles: list[Trouble] = []
        self._nesting = Nesting(self.troubles)
        self.root = os.path.dirname(os.path.abspath(path))
        self._path = path
        self._files = files
        self._environment = self._envvars(os.path.join(self.root, "envvars"))
        arguments = self._environment.get("APACHE_ARGUMENTS", "")
        self._defined = dict.fromkeys(re.findall(r"-D\s*(\S+)", arguments), "")
        self._modules = set(_BUILT_IN)
        self._macros: dict[str, tuple[Sequence[str], list[_Line]]] = {}

    def statements(self) -> Iterator[Statement]:
        """What holds, conditions decided, variables replaced, files included."""
        yield from self._file(self._path, 0)

    def _envvars(self, path: str) -> dict[str, str]:
        """What Debian's start script puts into the environment; nothing where there is no such file."""
        known: dict[str, str] = {}
        try:
            text = self._files.read(path)
        except OSError:
            return known
        for name, value in _ASSIGNMENT.findall(text):
            known[name] = _SHELL_VARIABLE.sub(lambda match: known.get(match[1] or match[2], ""), value.strip("\"'"))
        return known

    def _file(self, path: str, depth: int) -> Iterator[Statement]:
        try:
            text = self._files.read(path)
        except OSError as error:
            self.troubles.append(Trouble(path, reason_of(error)))
            return
        yield from self._run(_lines(text, path), depth)

    def _run(self, lines: Sequence[_Line], depth: int) -> Iterator[Statement]:
        """The statements of these lines. skipped: how many sections are open below a condition that does not hold."""
        skipped = 0
        numbered = iter(lines)
        for line in numbered:
            opens, closes = line.text.startswith("<") and not line.text.startswith("</"), line.text.startswith("</")
            if skipped:
                skipped += opens - closes
                continue
            name, words = _words(line.text)
            if opens and name == "<macro":
                self._macros[words[0].lower() if words else ""] = (words[1:], _until_end(numbered))
            elif opens and name[1:] in _CONDITIONS:
                skipped = 0 if self._holds(name[1:], [self._replaced(word) for word in words]) else 1
            elif not (closes and name[2:] in _CONDITIONS):
                yield from self._statement(Statement(name, [self._replaced(word) for word in words], line.where), depth)

    def _statement(self, one: Statement, depth: int) -> Iterator[Statement]:
        words = one.words
        if one.name in ("include", "includeoptional") and words:
            yield from self._include(one, depth)
        elif one.name == "use" and words:
            yield from self._use(one, depth)
        elif one.name == "serverroot" and words:
            self.root = words[0]
        elif one.name == "define" and words:
            self._defined[words[0]] = words[1] if len(words) > 1 else ""
        elif one.name == "undefine" and words:
            self._defined.pop(words[0], None)
        elif one.name == "loadmodule" and words:
            self._modules.add(words[0])
        else:
            yield one

    def _include(self, one: Statement, depth: int) -> Iterator[Statement]:
        pattern = beside(one.words[0], self.root)
        found = self._files.glob(pattern) if set(pattern) & set("*?[") else [pattern]
        if one.name == "includeoptional" and found == [pattern]:
            found = self._files.glob(pattern)
        for path in found:
            for file in self._below(path):
                if self._nesting.allows(depth + 1, one.where):
                    yield from self._file(file, depth + 1)

    def _below(self, path: str) -> list[str]:
        """The file; of a folder, those in it and in the folders below."""
        if not self._files.isdir(path):
            return [path]
        return [file for inside in self._files.glob(os.path.join(path, "*")) for file in self._below(inside)]

    def _use(self, one: Statement, depth: int) -> Iterator[Statement]:
        names, lines = self._macros.get(one.words[0].lower(), ((), []))
        values = dict(zip(names, one.words[1:]))
        if not self._nesting.allows(depth + 1, one.where):
            return
        if values:
            pattern = re.compile("|".join(re.escape(name) for name in sorted(values, key=len, reverse=True)))
            lines = [line._replace(text=pattern.sub(lambda match: values[match[0]], line.text)) for line in lines]
        yield from self._run(lines, depth + 1)

    def _replaced(self, word: str) -> str:
        """The word with its variables replaced; one that is not known stays as it is."""

        def value(match: re.Match[str]) -> str:
            return self._defined.get(match[1], self._environment.get(match[1], match[0]))

        return _VARIABLE.sub(value, word)

    def _holds(self, kind: str, words: Sequence[str]) -> bool:
        if not words:
            return False
        turned = words[0].startswith("!")
        asked = words[0][turned:] or (words[1] if len(words) > 1 else "")
        if kind == "ifversion":
            return _version_holds(words)
        if kind == "iffile":
            return bool(self._files.glob(beside(asked, self.root))) != turned
        known: Sequence[str] | set[str] | dict[str, str] = self._defined
        if kind == "ifmodule":
            known = self._modules
            asked = re.sub(r"^(?:mod_)?(.+)\.c$", r"\1_module", asked)
        return (asked in known) != turned


def _version_holds(words: Sequence[str]) -> bool:
    """Of a server that is some 2.4."""
    operator, version = words[0], words[-1]
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    later = numbers < [2, 4]
    if operator.lstrip("!") in (">", ">="):
        holds = later or numbers == [2, 4]
    elif operator.lstrip("!") in ("<", "<="):
        holds = not later and numbers != [2, 4]
    else:
        holds = numbers == [2, 4]
    return holds != operator.startswith("!")


def _lines(text: str, path: str) -> list[_Line]:
    """The lines that say something; one that ends in a backslash goes on in the next."""
    lines: list[_Line] = []
    whole, begin = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        begin = begin or number
        whole += line
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        if whole.strip() and not whole.lstrip().startswith("#"):
            lines.append(_Line(whole.strip(), f"{path}:{begin}"))
        whole, begin = "", 0
    return lines


def _until_end(lines: Iterator[_Line]) -> list[_Line]:
    inside = []
    for line in lines:
        if line.text.lower().startswith("</macro"):
            break
        inside.append(line)
    return inside


def _words(text: str) -> tuple[str, list[str]]:
    """The name in lower case, and the arguments without their quotes."""
    if text.startswith("<"):
        text = text.rstrip().removesuffix(">")
    words: list[str] = []
    at = 0
    while (at := _after_space(text, at)) < len(text):
        word, at = _quoted(text, at) if text[at] in "\"'" else _plain(text, at)
        words.append(word)
    return (words[0].lower() if words else ""), words[1:]


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _plain(text: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[at:end], end


def _quoted(text: str, at: int) -> tuple[str, int]:
    quote, letters = text[at], []
    at += 1
    while at < len(text) and text[at] != quote:
        if text[at] == "\\" and text[at + 1 : at + 2] in (quote, "\\"):
            at += 1
        letters.append(text[at])
        at += 1
    return "".join(letters), at + 1
