# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a package version comes from, in unattended-upgrades' patterns: ``origin=Debian,label=Debian-Security``."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import MaintenanceError

# The words that apt-cache policy and Release files use for the same field.
_FIELDS = {
    "o": "origin",
    "origin": "origin",
    "l": "label",
    "label": "label",
    "a": "archive",
    "suite": "archive",
    "archive": "archive",
    "c": "component",
    "component": "component",
    "site": "site",
    "n": "codename",
    "codename": "codename",
}

# Debian's security team signs one archive for all releases; Ubuntu has a pocket for each, and ESM beside it.
_SECURITY = {
    "debian": ("origin=Debian,label=Debian-Security",),
    "ubuntu": (
        "origin=Ubuntu,archive=*-security",
        "origin=UbuntuESM,archive=*-infra-security",
        "origin=UbuntuESMApps,archive=*-apps-security",
    ),
}


@dataclass(frozen=True)
class Origin:
    """What the Release file of a package list says of itself."""

    origin: str = ""
    label: str = ""
    archive: str = ""
    codename: str = ""
    component: str = ""
    site: str = ""

    def __str__(self) -> str:
        named = [self.origin, self.label, self.archive or self.codename]
        return "/".join(part for part in named if part) or self.site or "an archive without a name"


@dataclass(frozen=True)
class Pattern:
    """All the conditions must hold; values are shell patterns."""

    text: str
    conditions: tuple[tuple[str, str], ...]

    def matches(self, origin: Origin) -> bool:
        return all(fnmatch.fnmatchcase(getattr(origin, name), value) for name, value in self.conditions)


def parse_pattern(text: str, *, distribution: str = "", codename: str = "") -> Pattern:
    """The pattern, with the distribution and its release filled in. Raises MaintenanceError where it is none."""
    conditions = []
    for token in text.replace("\\,", "%2C").split(","):
        name, separator, value = (part.strip() for part in token.partition("="))
        if not separator or "=" in value or name not in _FIELDS or not value:
            raise MaintenanceError(
                f"The origin pattern {text!r} is not understood at {token.strip()!r}: write for instance "
                "origin=Debian,label=Debian-Security, with origin, label, archive, codename, component or site."
            )
        filled = value.replace("%2C", ",")
        for variable, known in (("distro_id", distribution), ("distro_codename", codename)):
            filled = filled.replace("${" + variable + "}", known)
        conditions.append((_FIELDS[name], filled))
    return Pattern(text=text, conditions=tuple(conditions))


def default_security_origins(os_release: dict[str, str]) -> tuple[str, ...]:
    """The security archives of this distribution, by ID and then by ID_LIKE of os-release; none where unknown."""
    for name in [os_release.get("ID", ""), *os_release.get("ID_LIKE", "").split()]:
        if name in _SECURITY:
            return _SECURITY[name]
    return ()


def matches_any(patterns: Sequence[Pattern], origin: Origin) -> bool:
    return any(pattern.matches(origin) for pattern in patterns)


def parse_os_release(text: str) -> dict[str, str]:
    """The fields of os-release(5)."""
    fields = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            fields[name] = value.strip("\"'")
    return fields
