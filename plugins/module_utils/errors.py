# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that end a module's work: each says in one sentence what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from .findings import Action, Finding


class MaintenanceError(Exception):
    """The job could not be done. What was seen and done until then goes with it, so nothing is lost."""

    def __init__(self, message: str, *, findings: Sequence[Finding] = (), actions: Sequence[Action] = ()) -> None:
        super().__init__(message)
        self.findings = findings
        self.actions = actions


class MissingLibrary(MaintenanceError):
    """A Python library that the work needs is not installed for the Python that runs it."""

    def __init__(self, library: str, *, package: str, python: str) -> None:
        super().__init__(
            f"The Python library {library} is missing for {python}: "
            f"install the package {package} on this host, or point ansible_python_interpreter at a Python that has it."
        )
