# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of an nginx configuration: words, quotes, comments, blocks."""

from __future__ import annotations

from typing import NamedTuple, Optional

_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", '"': '"', "'": "'", "\\": "\\", " ": " "}
_ENDS = frozenset(" \t\r\n;{")


class Broken(Exception):
    """The text is no configuration. where: file:line. reason: in words that end a sentence."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(reason)
        self.where = where
        self.reason = reason


class Directive(NamedTuple):
    """A directive: its name and arguments, and what stands in its braces where it has some."""

    words: list[str]
    block: Optional[list[Directive]]
    where: str


def parse(text: str, path: str) -> list[Directive]:
    """The directives of a file. Raises Broken."""
    return _Parser(text, path).parse()


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self._at = 0
        self._line = 1

    def parse(self) -> list[Directive]:
        top: list[Directive] = []
        open_blocks = [top]
        words: list[str] = []
        where = ""
        while (word := self._word()) is not None:
            kind, value = word
            if kind == "word":
                where = where if words else f"{self._path}:{self._line}"
                words.append(value)
            elif value == ";":
                self._add(open_blocks[-1], words, None, where)
                words = []
            elif value == "{" and words and words[0].endswith("_by_lua_block"):
                self._skip_code()
                words = []
            elif value == "{":
                inside: list[Directive] = []
                self._add(open_blocks[-1], words, inside, where)
                open_blocks.append(inside)
                words = []
            elif words or len(open_blocks) == 1:
                raise self._broken("there is a closing brace too many, or a semicolon is missing before it")
            else:
                open_blocks.pop()
        if words or len(open_blocks) > 1:
            raise self._broken("the file ends inside of a directive or a block")
        return top

    def _add(self, block: list[Directive], words: list[str], inside: Optional[list[Directive]], where: str) -> None:
        if not words:
            raise self._broken("a directive has no name")
        block.append(Directive(words, inside, where))

    def _broken(self, reason: str) -> Broken:
        return Broken(f"{self._path}:{self._line}", reason)

    def _next(self) -> str:
        letter = self._text[self._at]
        self._at += 1
        self._line += letter == "\n"
        return letter

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _word(self) -> Optional[tuple[str, str]]:
        """The next word, or sign (one of ``;{}``); None at the end."""
        while (letter := self._peek()) and (letter.isspace() or letter in "#\ufeff"):
            if letter == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            else:
                self._next()
        if not letter:
            return None
        if letter in ";{}":
            return "sign", self._next()
        if letter in "\"'":
            return "word", self._quoted(self._next())
        return "word", self._plain()

    def _quoted(self, quote: str) -> str:
        begin = self._line
        letters: list[str] = []
        while letter := self._peek():
            self._next()
            if letter == quote:
                return "".join(letters)
            letters.append(self._escaped() if letter == "\\" else letter)
        raise Broken(f"{self._path}:{begin}", "a quotation does not end")

    def _plain(self) -> str:
        letters: list[str] = []
        while (letter := self._peek()) and (letter not in _ENDS or (letter == "{" and letters[-1:] == ["$"])):
            self._next()
            if letter == "{":  # ${name}: its brace opens no block
                while (letter or "}") != "}":
                    letters.append(letter)
                    letter = self._next() if self._peek() else ""
            letters.append(self._escaped() if letter == "\\" else letter)
        return "".join(letters)

    def _escaped(self) -> str:
        """What the backslash and the letter behind it stand for."""
        following = self._peek()
        if following not in _ESCAPES:
            return "\\"  # of a regular expression: both stay
        self._next()
        return _ESCAPES[following]

    def _skip_code(self) -> None:
        """Passes over Lua up to the brace that closes the block; braces in its strings count for nothing."""
        depth = 1
        while depth and (letter := self._peek()):
            self._next()
            if letter in "\"'":
                self._quoted(letter)
            elif letter == "-" and self._peek() == "-":
                while self._peek() not in ("", "\n"):
                    self._next()
            else:
                depth += {"{": 1, "}": -1}.get(letter, 0)
