# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one boundary between a module and its logic: from outcome or error to exit_json or fail_json."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Optional, Protocol

from .errors import MaintenanceError
from .findings import Action, Finding, build_result

_MANY = 1000
_NONE = '"findings": []'


class AnsibleModuleLike(Protocol):
    """The two ways out of an AnsibleModule."""

    def exit_json(self, **kwargs: Any) -> NoReturn: ...

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn: ...


@dataclass
class Outcome:
    """What a module's logic hands back. details: what is special to the module."""

    findings: Sequence[Finding] = ()
    actions: Sequence[Action] = ()
    details: Optional[dict[str, Any]] = None
    diff: Optional[dict[str, Any]] = None


def conclude(module: AnsibleModuleLike, work: Callable[[], Outcome]) -> NoReturn:
    """Does the work and leaves the module with its result, or with the error and what was seen until then."""
    started = time.monotonic()
    try:
        outcome = work()
    except MaintenanceError as error:
        module.fail_json(
            msg=str(error),
            **build_result(error.findings, error.actions, seconds=time.monotonic() - started),
        )
    result = build_result(
        outcome.findings,
        outcome.actions,
        seconds=time.monotonic() - started,
        details=outcome.details,
        diff=outcome.diff,
    )
    if len(outcome.findings) > _MANY and not getattr(module, "no_log_values", True):
        _leave_with_many(module, result)
    module.exit_json(**result)


def _leave_with_many(module: AnsibleModuleLike, result: dict[str, Any]) -> None:
    """Prints what exit_json would, with the findings put into its text.

    exit_json copies every value to take secrets out of it, which costs more than 20,000 certificates do. Where
    the module was given none, there is nothing to take out. Returns where Ansible writes in another way.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        module.exit_json(**{**result, "findings": []})
    before, found, after = printed.getvalue().partition(_NONE)  # no text of the result holds it: quotes are escaped
    if found:
        sys.stdout.write("".join((before, _NONE[:-2], json.dumps(result["findings"]), after)))
        sys.stdout.flush()
        raise SystemExit(0)
