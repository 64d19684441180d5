# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has been seen and done so far, so that it can go along with an error as well."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..postgres.connection import psycopg2

_REFUSALS: tuple[type[Exception], ...] = (psycopg2.Error,) if psycopg2 else ()


@dataclass
class Log:
    """Grows while the work goes on. details: what is special to the module."""

    findings: list[Finding] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Makes one sentence of what PostgreSQL or the system refuses, and gives every error what is known.

        Raises MaintenanceError.
        """
        try:
            yield
        except MaintenanceError as error:
            error.findings, error.actions = self.findings, self.actions
            raise
        except OSError as error:
            place = error.filename or "a file"
            self._raise(f"{place} could not be worked with: {error.strerror}; see to it and start again.")
        except _REFUSALS as error:
            first = " ".join(str(error).split())[:400].rstrip(".")
            self._raise(f"PostgreSQL refused what was asked of it: {first}; see to it and start again.")

    def _raise(self, sentence: str) -> None:
        raise MaintenanceError(sentence, findings=self.findings, actions=self.actions) from None
