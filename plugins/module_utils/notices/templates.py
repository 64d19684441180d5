# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates of notices: the words of the house, in files that a person can change, and that can break nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ..findings import Finding
from ..libraries import optional
from ..report.humanise import clean, shorten

CHECK = "notice.template"
SUFFIX = ".j2"


class Templates:
    """Looks for ``<name>.j2`` in the folders, in their order; the first that is there counts.

    The first line of what a template gives is the subject, the rest is the text.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = [folder for folder in folders if folder]

    def render(self, name: str, context: Mapping[str, Any], *, ours: tuple[str, str]) -> tuple[str, str, list[str]]:
        """Subject, text, and what is wrong with the template; where something is, or there is none, our words."""
        path = next(
            (
                path
                for path in (os.path.join(folder, name + SUFFIX) for folder in self._folders)
                if os.path.exists(path)
            ),
            None,
        )
        # One fault is enough: where the folder of the house is away, no template of it counts.
        gone = [folder for folder in self._folders if not os.path.isdir(folder)]
        away = [f"The folder of templates {folder} is not there" for folder in gone]
        if path is None:
            return (*ours, away[:1])
        try:
            said = _rendered(path, context)
        except Exception as error:  # noqa: BLE001 - a template is a program of somebody else, and the notice must go out
            return (*ours, [_fault(path, error)])
        subject, _line, body = said.lstrip("\n").partition("\n")
        if not subject.strip() or not body.strip():
            return (*ours, [f"The template {path} gives no subject in its first line, or no text after it"])
        return subject.strip(), body.strip("\n"), away[:1]


def _rendered(path: str, context: Mapping[str, Any]) -> str:
    jinja2, sandbox = optional("jinja2"), optional("jinja2.sandbox")
    if sandbox is None:
        raise RuntimeError("the Python library Jinja2 is missing on the controller")
    environment = sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(os.path.dirname(path)),
        trim_blocks=True,
        lstrip_blocks=True,
        # It is mail, not a web page.
        autoescape=False,
    )
    text: str = environment.get_template(os.path.basename(path)).render(**context)
    return text


def _fault(path: str, error: Exception) -> str:
    """Which template and line, and why."""
    name, line = path, getattr(error, "lineno", None)
    if line is None:
        for name, line in _lines(error, os.path.dirname(path)):  # noqa: B007 - the last one counts
            pass
    place = f"{name or path}, line {line}" if line else path
    return f"The template {place} is broken ({shorten(clean(error), 300) or type(error).__name__})"


def _lines(error: Exception, folder: str) -> Iterator[tuple[str, Optional[int]]]:
    """The places in templates that the error came through; Jinja2 puts them into the traceback."""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if os.path.dirname(name) == folder:
            yield name, trace.tb_lineno
        trace = trace.tb_next


def findings_of(faults: Sequence[str], *, identity: str) -> list[Finding]:
    """One warning for each template that is broken."""
    return [
        Finding(CHECK, identity, "warning", f"{fault}: correct it; the notice has this collection's own words.")
        for fault in faults
    ]
