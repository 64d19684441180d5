# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named secrets, written as ``${name}`` where they are to stand, and what steps captured on the way."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional

from ..errors import MaintenanceError
from .look import Fault

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLACE = re.compile(r"\$\{([^{}$]*)\}")
# What is shorter is a figure or a word that would be blotted out all over.
_SHORTEST = 4


class Secrets:
    """The secrets by name. They are read where they are used first, so that one that is missing spoils no more."""

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Raises MaintenanceError for names that cannot be used, or that are given twice."""
        self._entries: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self.known: list[str] = []
        for entry in entries:
            name = entry["name"]
            if not _NAME.match(name):
                raise MaintenanceError(
                    f"The secret {name!r} has a name that cannot be used: take letters, digits and _."
                )
            if name in self._entries:
                raise MaintenanceError(f"The secret {name} is there twice: give each a name of its own.")
            self._entries[name] = entry

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._entries)

    def value(self, name: str) -> str:
        """The secret. Raises Fault where the place it should come from does not have it."""
        found = _read(self._entries[name])
        self.remember(found)
        return found

    def remember(self, value: str, *, shortest: int = 1) -> None:
        """Keeps the value out of everything that is said."""
        if len(value) >= shortest:
            with self._lock:
                self.known.append(value)


class Variables:
    """The secrets, and what one workflow captured."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._captured: dict[str, str] = {}

    def capture(self, name: str, value: str) -> None:
        self._captured[name] = value
        self._secrets.remember(value, shortest=_SHORTEST)

    def has(self, names: Iterable[str]) -> bool:
        return all(name in self._captured or name in self._secrets.names for name in names)

    def value(self, name: str) -> str:
        return self._captured[name] if name in self._captured else self._secrets.value(name)


def names_in(template: Any) -> set[str]:
    """Every name that the text, or a text anywhere within the mapping or list, uses."""
    if isinstance(template, str):
        return set(_PLACE.findall(template))
    if isinstance(template, Mapping):
        return {name for pair in template.items() for part in pair for name in names_in(part)}
    if isinstance(template, (list, tuple)):
        return {name for part in template for name in names_in(part)}
    return set()


def check_names(template: Any, known: Iterable[str], *, option: str) -> None:
    """Raises MaintenanceError where the template uses a name that nobody gives a value."""
    for name in sorted(names_in(template) - set(known)):
        raise MaintenanceError(
            f"The option {option} uses ${{{name}}}, which is no secret and was not captured before: "
            "name it in secrets, or capture it in an earlier step."
        )


def fill(template: Any, variables: Variables, *, quote: Optional[Callable[[str], str]] = None) -> Any:
    """The template with values in it, in texts anywhere within it. Raises Fault."""
    if isinstance(template, str):
        return _PLACE.sub(lambda match: (quote or str)(variables.value(match.group(1))), template)
    if isinstance(template, Mapping):
        return {fill(name, variables): fill(value, variables) for name, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [fill(part, variables) for part in template]
    return template


def _read(entry: Mapping[str, Any]) -> str:
    name = entry["name"]
    if entry.get("value"):
        return str(entry["value"])
    if entry.get("env"):
        found = os.environ.get(entry["env"], "")
        place = f"the environment variable {entry['env']} of this host"
    else:
        place = f"the file {entry['file']}"
        try:
            with open(entry["file"], encoding="utf-8") as stream:
                found = stream.read().strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise Fault("setup", f"the secret {name} could not be read from {place}: {reason}", blind=True) from None
    if not found:
        raise Fault("setup", f"the secret {name} is empty: put it into {place}", blind=True)
    return found
