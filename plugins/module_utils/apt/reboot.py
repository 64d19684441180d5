# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host needs a reboot, and which services still run old code."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Optional

from ..runner import Runner

_MARKERS = ("var/run/reboot-required", "run/reboot-required")
# 6.1.0-30-amd64, 6.12.43+deb13-cloud-amd64, 5.15.0-100-generic: version, then flavour.
_RELEASE = re.compile(r"(?P<version>\d[^-]*(?:-\d[^-]*)?)-(?P<flavour>[A-Za-z].*)")

CompareVersions = Callable[[str, str], int]


@dataclass(frozen=True)
class RunningKernel:
    """release: uname -r. build: uname -v."""

    release: str
    build: str


@dataclass(frozen=True)
class RebootState:
    """Reasons for a reboot, each a clause. services: those that run replaced files. unseen: why they are not known."""

    reasons: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    services: Optional[tuple[str, ...]] = None
    unseen: str = ""


@dataclass(frozen=True)
class Needrestart:
    """What ``needrestart -b`` says. kernel_state: 1 current, 2 rebuilt, 3 newer version, 0 not known."""

    kernel_state: int = 0
    running: str = ""
    expected: str = ""
    services: tuple[str, ...] = field(default_factory=tuple)


def marker(root: str) -> Optional[tuple[str, ...]]:
    """The packages that asked for a reboot, where any did; None where no reboot was asked for."""
    for place in _MARKERS:
        path = os.path.join(root, place)
        if os.path.exists(path):
            try:
                with open(f"{path}.pkgs", encoding="utf-8", errors="replace") as stream:
                    return tuple(dict.fromkeys(stream.read().split()))
            except OSError:
                return ()
    return None


def kernel_reason(
    running: RunningKernel, installed: Mapping[str, str], *, compare: Optional[CompareVersions]
) -> Optional[str]:
    """Why the running kernel is not the one that a reboot would bring; None where it is.

    installed: package version by kernel release. A kernel that no package of this host brought
    (in a container, or from the hypervisor) is never judged.
    """
    if compare is None or running.release not in installed:
        return None
    own = _RELEASE.fullmatch(running.release)
    same_flavour = [
        release
        for release in installed
        for found in [_RELEASE.fullmatch(release)]
        if found and own and found.group("flavour") == own.group("flavour")
    ]
    newest = max(same_flavour, key=cmp_to_key(compare), default=running.release)
    if compare(newest, running.release) > 0:
        return f"kernel {newest} is installed and {running.release} runs"
    # Debian writes the version of the package into the kernel; the same release may have been rebuilt.
    built = re.search(r"\bDebian (\S+)", running.build)
    package = installed[running.release]
    if built and package and compare(package, built.group(1)) > 0:
        return f"kernel {running.release} was updated to {package} and {built.group(1)} runs"
    return None


def parse_needrestart(text: str) -> Needrestart:
    """From the batch mode of needrestart, whose lines are ``NEEDRESTART-KSTA: 3``."""
    fields = re.findall(r"^NEEDRESTART-(\w+): *(.*)$", text, re.MULTILINE)
    single = dict(fields)
    state = single.get("KSTA", "")
    return Needrestart(
        kernel_state=int(state) if state.isdigit() else 0,
        running=single.get("KCUR", ""),
        expected=single.get("KEXP", ""),
        services=tuple(sorted({value.strip() for name, value in fields if name == "SVC"})),
    )


def read_state(
    run: Runner,
    *,
    root: str,
    running: Optional[RunningKernel],
    installed: Mapping[str, str],
    compare: Optional[CompareVersions],
    needrestart: str,
    privileged: bool,
) -> RebootState:
    """What asks for a reboot. running: None where the root is not the running system; then only the marker counts.

    needrestart: path of the program; empty where it is not installed. privileged: whether this is root, for
    needrestart looks at nobody else's processes for others, and then finds nothing.
    """
    reasons = []
    asked = marker(root)
    if asked is not None:
        reasons.append(f"asked for by {', '.join(asked[:8])}" if asked else "asked for by an update")
    if running is None:
        return RebootState(reasons=tuple(reasons), packages=asked or ())
    kernel = kernel_reason(running, installed, compare=compare)
    services: Optional[tuple[str, ...]] = None
    unseen = ""
    if needrestart and not privileged:
        unseen = "only root sees every process; use become"
    elif needrestart:
        done = run([needrestart, "-b"], timeout=300, environment={"NEEDRESTART_MODE": "l"})
        if done.returncode == 0:
            seen = parse_needrestart(done.stdout)
            services = seen.services
            if not kernel and seen.kernel_state in (2, 3) and running.release in installed:
                kernel = f"kernel {seen.expected} is installed and {seen.running} runs"
        else:
            unseen = " ".join(done.stderr.split())[:300] or f"needrestart ended with {done.returncode}"
    if kernel:
        reasons.append(kernel)
    return RebootState(reasons=tuple(reasons), packages=asked or (), services=services, unseen=unseen)


def installed_kernels(packages: Mapping[str, str], files: Sequence[str]) -> dict[str, str]:
    """Package version by release, of each kernel that lies in /boot. packages: version by installed package."""
    releases = [name[len("vmlinuz-") :] for name in files if name.startswith("vmlinuz-")]
    return {
        release: packages.get(f"linux-image-{release}") or packages.get(f"linux-image-unsigned-{release}") or ""
        for release in releases
    }
