# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filesystems: which of them count, how full they are, and whether they can still be written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Optional

from ..findings import Finding, judge
from ..report.humanise import number, size
from .look import Fault, Look, Probe, say

# Made by the kernel, or full on purpose.
PSEUDO = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs"),
        *("fuse.gvfsd-fuse", "fuse.portal", "fuse.snapfuse", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs"),
        *("overlay", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "squashfs", "sysfs", "tmpfs", "tracefs"),
        "udf",
    )
)


@dataclass(frozen=True)
class Mount:
    """A mounted filesystem. read_only: as it is now. by_itself: the kernel made it so, after an error."""

    path: str
    kind: str
    device: str
    read_only: bool
    by_itself: bool


@dataclass(frozen=True)
class DiskPolicy:
    """Percentages from which a filesystem is too full, and which of them are looked at.

    named: only these, each of which has to be mounted; every real one where it is empty. exclude, may_be_read_only:
    shell patterns of paths.
    """

    warning: Optional[float] = 85
    critical: Optional[float] = 95
    inodes_warning: Optional[float] = 85
    inodes_critical: Optional[float] = 95
    named: Sequence[str] = field(default_factory=tuple)
    exclude: Sequence[str] = field(default_factory=tuple)
    may_be_read_only: Sequence[str] = field(default_factory=tuple)


def parse_mountinfo(text: str) -> list[Mount]:
    """The lines of /proc/self/mountinfo (proc(5)), later ones over earlier ones at the same place."""
    found: dict[str, Mount] = {}
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if not separator or len(fields) < 6 or len(rest) < 3:
            continue
        path = _unescaped(fields[4])
        own, whole = fields[5].split(","), rest[2].split(",")
        found.pop(path, None)
        found[path] = Mount(
            path=path,
            kind=rest[0],
            device=fields[2],
            read_only="ro" in own or "ro" in whole,
            by_itself="ro" in whole and "ro" not in own,
        )
    return list(found.values())


def _unescaped(path: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path


def writable_in_fstab(text: str) -> set[str]:
    """Mount points that fstab(5) wants to be writable."""
    rows = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {_unescaped(row[1]) for row in rows if len(row) >= 4 and "ro" not in row[3].split(",")}


def chosen(mounts: Sequence[Mount], policy: DiskPolicy) -> list[Mount]:
    """Those that count, each device once, at its shortest path."""
    if policy.named:
        wanted = {os.path.normpath(path) for path in policy.named}
        return [mount for mount in mounts if mount.path in wanted]
    real = [
        mount
        for mount in mounts
        if (mount.kind not in PSEUDO or (mount.path == "/" and mount.kind == "overlay"))
        and not any(fnmatchcase(mount.path, pattern) for pattern in policy.exclude)
    ]
    seen: set[str] = set()
    picked = []
    for mount in sorted(real, key=lambda mount: (len(mount.path), mount.path)):
        if mount.device not in seen:
            seen.add(mount.device)
            picked.append(mount)
    return picked


def disk_probes(
    mounts: Sequence[Mount],
    fstab: str,
    policy: DiskPolicy,
    *,
    statvfs: Callable[[str], Any] = os.statvfs,
    is_folder: Callable[[str], bool] = os.path.isdir,
) -> list[Probe]:
    """A probe for each: one that hangs, as a network disk may, leaves the others alone."""
    writable = writable_in_fstab(fstab)
    there = chosen(mounts, policy)
    probes = [_probe(mount, mount.path in writable, policy, statvfs, is_folder) for mount in there]
    missing = sorted({os.path.normpath(path) for path in policy.named} - {mount.path for mount in there})
    return probes + [_missing(path) for path in missing]


def _probe(
    mount: Mount,
    in_fstab: bool,
    policy: DiskPolicy,
    statvfs: Callable[[str], Any],
    is_folder: Callable[[str], bool],
) -> Probe:
    def look() -> Look:
        try:
            if not is_folder(mount.path):
                return Look()  # a file that a container has from its host
            figures = statvfs(mount.path)
        except OSError as error:
            raise Fault("disk", f"the filesystem cannot be looked at: {error.strerror}", blind=True) from None
        return Look(judge_mount(mount, figures, policy, in_fstab=in_fstab))

    return Probe(things=[("", "health.disk", mount.path)], look=look)


def _missing(path: str) -> Probe:
    finding = Finding(
        "health.disk", path, "critical", say(f"{path} is not mounted: mount it, or take it out of disk_mounts.")
    )
    return Probe(things=[("", "health.disk", path)], look=lambda: Look([finding]))


def judge_mount(mount: Mount, figures: Any, policy: DiskPolicy, *, in_fstab: bool) -> list[Finding]:
    """Findings of space and of inodes. figures: of os.statvfs. in_fstab: whether fstab wants it writable."""
    findings = []
    used = figures.f_blocks - figures.f_bfree
    percent = share(used, figures.f_bavail)
    if percent is not None:
        findings.append(_space(mount, figures, percent, policy, in_fstab=in_fstab))
    percent = share(figures.f_files - figures.f_ffree, figures.f_favail) if figures.f_files else None
    if percent is not None:
        status, threshold = judge(percent, warning=policy.inodes_warning, critical=policy.inodes_critical)
        words = "remove small files" if status != "ok" else ""
        message = f"{number(percent)} % of the inodes of {mount.path} are used{': ' + words if words else ''}."
        findings.append(Finding("health.inodes", mount.path, status, say(message), percent, "percent", threshold))
    return findings


def _space(mount: Mount, figures: Any, percent: float, policy: DiskPolicy, *, in_fstab: bool) -> Finding:
    free = figures.f_bavail * figures.f_frsize
    evidence: dict[str, Any] = {"free_bytes": free, "total_bytes": figures.f_blocks * figures.f_frsize}
    status, threshold = judge(percent, warning=policy.warning, critical=policy.critical)
    message = f"{mount.path} is {number(percent)} % full, {size(free)} are free"
    if status != "ok":
        message += ": make room or enlarge it"
    if _should_be_writable(mount, in_fstab, policy):
        status, evidence["read_only"] = "critical", True
        message = f"{mount.path} is mounted read-only, and should be writable: see dmesg, repair it, remount it"
    return Finding("health.disk", mount.path, status, say(f"{message}."), percent, "percent", threshold, evidence)


def _should_be_writable(mount: Mount, in_fstab: bool, policy: DiskPolicy) -> bool:
    allowed = any(fnmatchcase(mount.path, pattern) for pattern in policy.may_be_read_only)
    return mount.read_only and not allowed and (mount.by_itself or in_fstab or bool(policy.named))


def share(used: int, available: int) -> Optional[float]:
    """Percent in use of what ordinary accounts can use, as df has it; None of nothing."""
    total = used + available
    return round(100 * used / total, 1) if total > 0 else None
