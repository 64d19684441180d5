# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of keystores and private keys: read where the sources say that they are, and never shown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from .scan import read_file, why_unreadable
from .sources import Problem, Source


def read(sources: Sequence[Source], *, environment: Mapping[str, str]) -> tuple[dict[int, bytes], list[Problem]]:
    """The passwords by number of their source, and what could not be read. environment: of this process."""
    found: dict[int, bytes] = {}
    problems = []
    for number, source in enumerate(sources):
        if source.password_file is not None:
            try:
                found[number] = _first_line(read_file(source.password_file))
            except (OSError, ValueError) as error:
                why = f"{why_unreadable(source.password_file, error)}; it is to hold the password of {source.path}"
                problems.append(Problem(source.password_file, why, number))
        elif source.password_env is not None:
            if source.password_env in environment:
                found[number] = os.fsencode(environment[source.password_env])
            else:
                why = f"it is not set; it is to hold the password of {source.path}, use password_file in its place"
                problems.append(Problem(f"The environment variable {source.password_env}", why, number))
    return found, problems


def _first_line(data: bytes) -> bytes:
    return data.partition(b"\n")[0].rstrip(b"\r")
