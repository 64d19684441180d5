# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the automatic-update configuration to what policy asks for, and proving that it holds."""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Optional

from ..errors import MaintenanceError
from ..files import locked, write_atomic
from ..findings import Action, Finding
from ..runner import Runner
from . import conf
from .settings import Value, Wanted, same_value, show_value

CHECK = "apt.configuration"
DISTRIBUTION_FILE = "50unattended-upgrades"
MODE = 0o644


@dataclass(frozen=True)
class Target:
    """The one file that is ours. root: where the system's files begin. name: within apt.conf.d."""

    root: str
    name: str

    @property
    def folder(self) -> str:
        return os.path.join(self.root, "etc/apt/apt.conf.d")

    @property
    def path(self) -> str:
        return os.path.join(self.folder, self.name)


@dataclass
class Configured:
    """What the configuration was, is, and what was done about it."""

    effective: conf.Dump
    findings: list[Finding] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    before: str = ""
    after: str = ""


def check_name(name: str) -> str:
    """The name of our file, if apt reads a file of that name, and after the distribution's own.

    Raises MaintenanceError where it would not.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.conf)?", name):
        raise MaintenanceError(
            f"apt would not read a file named {name!r}: use letters, digits, - and _, and no ending or .conf."
        )
    if name <= DISTRIBUTION_FILE:
        raise MaintenanceError(
            f"A file named {name} is read before {DISTRIBUTION_FILE}, which would override it: "
            "begin its name with a higher number."
        )
    return name


def configure(target: Target, wanted: Sequence[Wanted], *, run: Runner, write: bool, plan: bool) -> Configured:
    """Compares, and where told writes, the configuration.

    write: bring it to what is wanted. plan: only say what would be written (check mode).
    Raises MaintenanceError where apt cannot read its configuration or the file cannot be written.
    """
    effective = conf.read_effective(run, root=target.root)
    result = Configured(effective=effective)
    if write and wanted:
        with _folder_to_ourselves(target, plan=plan):
            result.actions += _remove_leftovers(target, plan=plan)
            result.before = _read(target.path)
            result.after = conf.merge(result.before, wanted)
            if result.after != result.before or _mode(target.path) != MODE:
                result.actions.append(_write(target, wanted, result, plan=plan))
        if not plan and result.after != result.before:
            result.effective = conf.read_effective(run, root=target.root)
    result.findings += compare(target, wanted, result.effective, written=write and not plan)
    return result


def compare(target: Target, wanted: Sequence[Wanted], effective: conf.Dump, *, written: bool) -> list[Finding]:
    """Whether what apt reads is what policy asks for. Critical once our own file is in place and does not win."""
    differing = [
        (item, found)
        for item in wanted
        for found in [conf.value_of(effective, item.setting)]
        if not same_value(item.setting.kind, found if found is not None else _unset(item), item.value)
    ]
    if not differing:
        return [
            Finding(
                check=CHECK,
                subject="automatic updates",
                status="ok",
                message=f"All {len(wanted)} settings of automatic updates are as policy asks."
                if wanted
                else "Policy asks for no setting of automatic updates, so none was compared.",
            )
        ]
    sources = conf.later_mentions(target.folder, target.name, [item.setting for item, _found in differing])
    return [_differs(target, item, found, sources[item.setting.option], written=written) for item, found in differing]


def _unset(item: Wanted) -> Value:
    # A list that is cleared and one that nobody sets are the same to apt; so are empty and unset text.
    return () if item.setting.kind == "list" else ""


def _differs(target: Target, item: Wanted, found: Optional[Value], sources: Sequence[str], *, written: bool) -> Finding:
    said = f"{item.setting.key} is {_short(found)}, and policy asks for {_short(item.value)}"
    if written and sources:
        advice = f"{' or '.join(sources)} is read after {target.path} and overrides it; remove the setting there"
    elif written:
        advice = f"something that apt reads after {target.path} overrides it; look for it with apt-config dump"
    else:
        advice = "run the patching procedure to set it"
    return Finding(
        check=CHECK,
        subject=item.setting.key,
        status="critical" if written else "warning",
        message=f"{said}: {advice}.",
        evidence={"found": _plain(found), "wanted": _plain(item.value), "overridden_by": list(sources)},
    )


def _short(value: Optional[Value]) -> str:
    text = show_value(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _plain(value: Optional[Value]) -> object:
    return list(value) if isinstance(value, tuple) else value


def _write(target: Target, wanted: Sequence[Wanted], result: Configured, *, plan: bool) -> Action:
    before = {item.setting.option: _plain(conf.value_of(result.effective, item.setting)) for item in wanted}
    after = {item.setting.option: _plain(item.value) for item in wanted}
    changed = {name: value for name, value in after.items() if before[name] != value}
    if not plan:
        try:
            write_atomic(target.path, result.after.encode("utf-8", "surrogateescape"), mode=MODE)
        except OSError as error:
            raise MaintenanceError(
                f"The file {target.path} could not be written ({error.strerror}): "
                "the old configuration is in place; use become, or free space."
            ) from None
    return Action(
        action="configure",
        target=target.path,
        changed=True,
        outcome="planned" if plan else "done",
        before={name: before[name] for name in changed},
        after=changed,
    )


@contextlib.contextmanager
def _folder_to_ourselves(target: Target, *, plan: bool) -> Iterator[None]:
    """One run at a time: what lies there unfinished then is a killed run's and nobody's work."""
    if plan:
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(target.folder))
        except OSError as error:
            raise MaintenanceError(
                f"The folder {target.folder} cannot be opened ({error.strerror}): use become."
            ) from None
        yield


def _remove_leftovers(target: Target, *, plan: bool) -> list[Action]:
    """Files that a killed run was still writing; apt reads none of them, for their names."""
    actions = []
    for path in sorted(glob.glob(os.path.join(glob.escape(target.folder), f".{glob.escape(target.name)}.*.partial"))):
        if not plan:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        actions.append(
            Action(
                action="remove",
                target=path,
                changed=True,
                outcome="planned" if plan else "done",
                reason="An interrupted run left it unfinished.",
            )
        )
    return actions


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise MaintenanceError(f"The file {path} cannot be read ({error.strerror}): use become.") from None


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode & 0o7777
    except OSError:
        return MODE
