# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries of the managed host that may be missing: found once, missed with one clear sentence."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from .errors import MissingLibrary


def optional(name: str) -> Any:
    """The library, or None where this Python does not have it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def require(library: Any, name: str, *, package: str) -> None:
    """Raises MissingLibrary, naming the distribution's package, where ``optional`` found none."""
    if library is None:
        raise MissingLibrary(name, package=package, python=sys.executable)
