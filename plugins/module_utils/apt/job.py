# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job of the module ``unattended_upgrades``: configure where told, then look at everything."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from ..runner import Runner
from . import conf, configure, dpkg, host, judge, lists, origins, packages, reboot, refresh, workers
from .settings import SETTINGS, Wanted, settings_by_option


@dataclass(frozen=True)
class Request:
    """What the module was asked. root: where the system's files begin, ``/`` for this host.

    objective: hours within which a security update is to be installed. lists_warning: days.
    refresh_after: hours, None for never. running: None where the root is not the running system.
    privileged: whether this is root.
    """

    root: str
    target: configure.Target
    wanted: Sequence[Wanted]
    write: bool
    check_mode: bool
    security_origins: Sequence[str]
    objective: float
    lists_warning: float
    refresh_after: Optional[float]
    lock_timeout: float
    running: Optional[reboot.RunningKernel]
    privileged: bool


def apt_is_here(root: str) -> bool:
    """Whether there is an apt to configure and ask."""
    return (
        shutil.which("apt-config") is not None
        and os.path.isdir(os.path.join(root, "etc/apt/apt.conf.d"))
        and os.path.isfile(os.path.join(root, "var/lib/dpkg/status"))
    )


def work(request: Request, *, run: Runner, now: datetime) -> Outcome:
    """Configures and observes. Raises MaintenanceError where apt cannot read its configuration."""
    if not apt_is_here(request.root):
        where = "This host" if request.root == "/" else f"The root {request.root}"
        message = (
            f"{where} has no apt, so its security updates are not known: "
            "take it out of the group patching, or look at them with its own package manager."
        )
        return Outcome(
            findings=[Finding("apt.security_updates", judge.SUBJECT, "unknown", message)], details=_details()
        )
    configured = configure.configure(
        request.target, request.wanted, run=run, write=request.write, plan=request.check_mode
    )
    findings = list(configured.findings)
    actions = list(configured.actions)
    refreshed = _refresh(request, run=run, now=now)
    actions += refreshed
    survey, patterns = _look(request, configured.effective, findings, run=run, now=now)
    findings += host.dpkg_findings(dpkg.read_state(run, root=request.root))
    findings += host.reboot_findings(_reboot_state(request, survey, run=run))
    findings.append(
        judge.lists_age(
            lists.refreshed_at(request.root),
            expired=survey.expired_lists if survey else [],
            warning=request.lists_warning,
            problem="".join(action.reason for action in refreshed if action.outcome == "failed"),
            now=now,
        )
    )
    return Outcome(
        findings=findings,
        actions=actions,
        details=_details(configured.effective, survey, patterns),
        diff=_diff(request.target, configured) if request.write and request.wanted else None,
    )


def _refresh(request: Request, *, run: Runner, now: datetime) -> list[Action]:
    if request.refresh_after is None:
        return []
    return refresh.refresh(
        run,
        root=request.root,
        refreshed=lists.refreshed_at(request.root),
        after=request.refresh_after,
        lock_timeout=request.lock_timeout,
        now=now,
        plan=request.check_mode,
    )


def _look(
    request: Request, effective: conf.Dump, findings: list[Finding], *, run: Runner, now: datetime
) -> tuple[Optional[packages.Survey], list[str]]:
    """Adds what is seen of packages to the findings."""
    release = _os_release(request.root)
    asked = list(request.security_origins or origins.default_security_origins(release))
    patterns = [
        origins.parse_pattern(text, distribution=release.get("ID", ""), codename=release.get("VERSION_CODENAME", ""))
        for text in asked
    ]
    if packages.apt_pkg is None:
        message = (
            f"The pending updates are not known, for python-apt is missing for {sys.executable}: "
            "install the package python3-apt on this host."
        )
        findings.append(Finding("apt.security_updates", judge.SUBJECT, "unknown", message))
        return None, asked
    (blocklist_setting,) = settings_by_option(["package_blocklist"])
    entries = conf.value_of(effective, blocklist_setting) or ()
    try:
        survey = packages.survey(root=request.root, security=patterns, blocklist=entries, now=now)
    except MaintenanceError as error:
        findings.append(Finding("apt.security_updates", judge.SUBJECT, "unknown", str(error)))
        return None, asked
    findings.append(judge.security_updates(survey, asked=asked))
    if survey.security_lists:
        findings.append(judge.security_update_age(survey.updates, objective=request.objective, now=now))
        findings += [*judge.held(survey), *judge.blocklist(survey, entries), *judge.kept_back(survey)]
    else:
        # That none is held, blocked or late says nothing where none can be seen; what is wrong in itself still is.
        findings += [finding for finding in judge.blocklist(survey, entries) if finding.status != "ok"]
    if survey.any_lists:
        findings.append(judge.other_updates(survey.updates))
    findings += workers.findings(
        survey.installed, effective, run=run if request.root == "/" and os.path.isdir("/run/systemd/system") else None
    )
    return survey, asked


def _reboot_state(request: Request, survey: Optional[packages.Survey], *, run: Runner) -> reboot.RebootState:
    return reboot.read_state(
        run,
        root=request.root,
        running=request.running,
        installed=reboot.installed_kernels(survey.installed, _boot_files(request.root)) if survey else {},
        compare=packages.compare_versions if survey else None,
        needrestart=shutil.which("needrestart", path="/usr/sbin:/sbin:/usr/bin:/bin") or "",
        privileged=request.privileged,
    )


def _boot_files(root: str) -> list[str]:
    try:
        return os.listdir(os.path.join(root, "boot"))
    except OSError:
        return []


def _os_release(root: str) -> dict[str, str]:
    try:
        with open(os.path.join(root, "etc/os-release"), encoding="utf-8", errors="replace") as stream:
            return origins.parse_os_release(stream.read())
    except OSError:
        return {}


def _details(
    effective: Optional[conf.Dump] = None, survey: Optional[packages.Survey] = None, asked: Sequence[str] = ()
) -> dict[str, Any]:
    updates = survey.updates if survey else []
    values = {setting.option: conf.value_of(effective, setting) for setting in SETTINGS} if effective else {}
    return {
        "apt": effective is not None,
        "settings": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value is not None
        },
        "security_origins": list(asked),
        "security_updates": [judge.brief(update) for update in updates if update.security],
        "other_updates": [judge.brief(update) for update in updates if not update.security],
        "held": survey.held if survey else [],
    }


def _diff(target: configure.Target, configured: configure.Configured) -> dict[str, str]:
    return {
        "before": configured.before,
        "after": configured.after,
        "before_header": target.path,
        "after_header": target.path,
    }
