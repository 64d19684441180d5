# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of Postfix's main.cf and master.cf (https://www.postfix.org/postconf.5.html, master.5.html)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_REFERENCE = re.compile(r"\$(?:\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}|\(([^()]*)\)|(\w+))")
_LONGEST = 10_000


class Setting(NamedTuple):
    """A value as it stands, and where."""

    value: str
    where: str


class Service(NamedTuple):
    """A line of master.cf. overrides: its -o options."""

    name: str
    kind: str
    command: str
    overrides: dict[str, Setting]
    where: str


class Parameters:
    """Settings with their references to others replaced."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        self._settings = settings
        self._known: dict[str, str] = {}

    def value(self, name: str) -> str:
        """The value; empty where it is not set."""
        if name not in self._known:
            self._known[name] = ""  # what refers to itself is nothing
            own = self._settings.get(name)
            self._known[name] = self._expanded(own.value).strip() if own else ""
        return self._known[name]

    def items(self, name: str) -> list[str]:
        """The parts of a value that is a list."""
        return [part for part in re.split(r"[\s,]+", self.value(name)) if part]

    def is_on(self, name: str) -> bool:
        return self.value(name).lower() == "yes"

    def where(self, name: str) -> str:
        return self._settings[name].where

    def _expanded(self, text: str) -> str:
        if len(text) > _LONGEST:
            return text
        return _REFERENCE.sub(lambda match: self._referred(match[1] or match[2] or match[3] or ""), text)

    def _referred(self, inside: str) -> str:
        """What a reference stands for: name, name?value, name:value, name?{value}:{value}."""
        match = re.match(r"\s*(\w+)\s*(?:([?:])(.*))?$", inside, re.DOTALL)
        if match is None:
            return ""
        own = self.value(match[1])
        if match[2] is None:
            return own
        then, otherwise = _branches(match[3])
        if match[2] == ":":
            then, otherwise = "", then
        return self._expanded(then if own else otherwise)


def _branches(text: str) -> tuple[str, str]:
    match = re.match(r"\s*\{\s*(.*?)\s*\}\s*(?::\s*\{\s*(.*?)\s*\}\s*)?$", text, re.DOTALL)
    return (match[1], match[2] or "") if match else (text, "")


def logical_lines(text: str, path: str) -> list[Setting]:
    """Lines, each with those that continue it (they begin with white space); without comments."""
    lines: list[Setting] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and lines:
            lines[-1] = lines[-1]._replace(value=f"{lines[-1].value} {line.strip()}")
        else:
            lines.append(Setting(line.strip(), f"{path}:{number}"))
    return lines


def main_cf(text: str, path: str) -> dict[str, Setting]:
    """The settings; of several with one name, the last counts."""
    settings = {}
    for line in logical_lines(text, path):
        name, equals, value = line.value.partition("=")
        if equals:
            settings[name.strip()] = Setting(value.strip(), line.where)
    return settings


def master_cf(text: str, path: str) -> list[Service]:
    """The services: name, kind, five columns that do not matter here, command and its arguments."""
    services = []
    for line in logical_lines(text, path):
        words = line.value.split(None, 7)
        if len(words) == 8:
            command, _space, arguments = words[7].partition(" ")
            services.append(Service(words[0], words[1], command, _overrides(arguments, line.where), line.where))
    return services


def _overrides(arguments: str, where: str) -> dict[str, Setting]:
    """What ``-o name=value`` and ``-o { name = value }`` set."""
    found = re.findall(r"-o\s+(?:\{\s*(\w+)\s*=\s*([^}]*?)\s*\}|(\w+)=(\S*))", arguments)
    return {braced or plain: Setting(value if braced else short, where) for braced, value, plain, short in found}
