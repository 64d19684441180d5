# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installed packages and the versions that wait for them, read through python-apt from apt's own cache."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Optional

from ..errors import MaintenanceError
from ..libraries import optional
from . import lists
from .blocklist import blocking_entry
from .origins import Origin, Pattern, matches_any

apt_pkg = optional("apt_pkg")


@dataclass(frozen=True)
class Update:
    """A newer version of an installed package.

    security: it, or a version between, comes from a security archive. held: by dpkg's selection.
    blocked_by: the entry of the blocklist. pinned: apt's preferences keep it back.
    new_packages, removals: what it needs besides. unmet: its dependencies cannot be met.
    published: when the archive got it, as the downloaded package tells. known_since: not older than this list.
    """

    name: str
    installed: str
    version: str
    origin: str
    security: bool
    held: bool = False
    blocked_by: str = ""
    pinned: bool = False
    new_packages: tuple[str, ...] = ()
    removals: tuple[str, ...] = ()
    unmet: bool = False
    published: Optional[datetime] = None
    known_since: Optional[datetime] = None

    @property
    def obstacle(self) -> str:
        """Why automatic updates leave it alone; empty where they do not."""
        if self.held:
            return "held"
        if self.blocked_by:
            return "blocklist"
        if self.pinned:
            return "pinned"
        if self.unmet:
            return "unmet dependencies"
        return "needs a removal" if self.removals else ""


@dataclass(frozen=True)
class Survey:
    """installed: version by package. security_lists: the security archives that apt has lists of.

    any_lists: whether it has a list of anything.
    """

    installed: dict[str, str]
    updates: list[Update]
    held: list[str]
    security_lists: list[str] = field(default_factory=list)
    expired_lists: list[str] = field(default_factory=list)
    any_lists: bool = True


def survey(*, root: str, security: Sequence[Pattern], blocklist: Sequence[str], now: datetime) -> Survey:
    """Everything about installed packages and what waits for them.

    Raises MaintenanceError where apt cannot read its lists. Needs python-apt.
    """
    try:
        cache = _open(root)
        return _Reader(cache, root=root, security=security, blocklist=blocklist, now=now).read()
    except (SystemError, ValueError, UnicodeDecodeError) as error:  # apt_pkg.Error is a SystemError
        reason = " ".join(str(error).split())[:500]
        raise MaintenanceError(
            f"apt cannot read its package lists ({reason}): repair them with apt-get update."
        ) from None


def _open(root: str) -> Any:
    if root != "/":
        apt_pkg.config.set("Dir", root.rstrip("/") + "/")
    apt_pkg.init_config()
    apt_pkg.init_system()
    return apt_pkg.Cache(None)


class _Reader:
    """One pass over the cache."""

    def __init__(
        self, cache: Any, *, root: str, security: Sequence[Pattern], blocklist: Sequence[str], now: datetime
    ) -> None:
        self.cache = cache
        self.choice = apt_pkg.DepCache(cache)
        self.security = security
        self.blocklist = blocklist
        self.now = now
        self.archives = apt_pkg.config.find_dir("Dir::Cache::archives") or os.path.join(root, "var/cache/apt/archives")
        self.releases = lists.read_releases(apt_pkg.config.find_dir("Dir::State::lists"))

    def read(self) -> Survey:
        installed: dict[str, str] = {}
        held: list[str] = []
        updates: list[Update] = []
        free: list[tuple[int, Any, Any]] = []
        for package in self.cache.packages:
            if package.current_ver is None:
                continue
            name = package.get_fullname(True)
            installed[name] = package.current_ver.ver_str
            if package.selected_state == apt_pkg.SELSTATE_HOLD:
                held.append(name)
            version = self._security_version(package)
            if version is not None:
                update = self._security_update(package, version)
                if not update.obstacle:
                    free.append((len(updates), package, version))
                updates.append(update)
            else:
                candidate = self.choice.get_candidate_ver(package)
                if candidate is not None and _newer(candidate, package.current_ver):
                    updates.append(_update(package, candidate, origin=_origins(candidate)[0], security=False))
        for place, package, version in self._not_by_themselves(free):
            updates[place] = self._with_needs(updates[place], package, version)
        updates.sort(key=lambda update: update.name)
        names, expired = self._security_lists()
        return Survey(
            installed=installed,
            updates=updates,
            held=sorted(held),
            security_lists=names,
            expired_lists=expired,
            any_lists=any(not file.not_source for file in self.cache.file_list),
        )

    def _security_version(self, package: Any) -> Optional[Any]:
        """The newest version from a security archive, if newer than the installed one.

        Not apt's candidate alone: a still newer version from elsewhere would hide the security update.
        """
        found = [
            version
            for version in package.version_list
            if _newer(version, package.current_ver) and self._is_security(version)
        ]
        best = None
        for version in found:
            if best is None or _newer(version, best):
                best = version
        return best

    def _is_security(self, version: Any) -> bool:
        return any(matches_any(self.security, origin) for origin in _origins(version))

    def _security_update(self, package: Any, version: Any) -> Update:
        candidate = self.choice.get_candidate_ver(package)
        origin = next(origin for origin in _origins(version) if matches_any(self.security, origin))
        dates = [
            release.date
            for file, _index in version.file_list
            for release in [lists.release_of(file.filename, self.releases)]
            if release and release.date
        ]
        return replace(
            _update(package, version, origin=origin, security=True),
            held=package.selected_state == apt_pkg.SELSTATE_HOLD,
            blocked_by=blocking_entry(package.name, self.blocklist),
            pinned=candidate is None or _newer(version, candidate),
            published=self._published(package, version),
            known_since=min(dates, default=None),
        )

    def _published(self, package: Any, version: Any) -> Optional[datetime]:
        """When the archive got the package: apt gives a downloaded file the time that the archive's file had."""
        name = f"{package.name}_{version.ver_str.replace(':', '%3a')}_{version.arch}.deb"
        try:
            status = os.stat(os.path.join(self.archives, name))
        except OSError:
            return None
        if status.st_size != version.size:
            return None
        return datetime.fromtimestamp(status.st_mtime, tz=timezone.utc)

    def _not_by_themselves(self, free: list[tuple[int, Any, Any]]) -> list[tuple[int, Any, Any]]:
        """Those that a plain upgrade leaves out. Few: only for these it pays to reckon one by one."""
        for _place, package, version in free:
            self.choice.set_candidate_ver(package, version)
        self.choice.upgrade(False)
        return [entry for entry in free if not self.choice.marked_upgrade(entry[1])]

    def _with_needs(self, update: Update, package: Any, version: Any) -> Update:
        """What installing it would bring along. Nothing is installed: apt only reckons."""
        self.choice.init()
        broken = self.choice.broken_count
        self.choice.set_candidate_ver(package, version)
        self.choice.mark_install(package, True, True)
        if self.choice.broken_count > broken or not self.choice.marked_upgrade(package):
            return replace(update, unmet=True)
        others = self.choice.inst_count > 1 or self.choice.del_count > 0
        marked = list(self.cache.packages) if others else []
        return replace(
            update,
            new_packages=tuple(sorted(item.name for item in marked if self._is_new(item))),
            removals=tuple(sorted(item.name for item in marked if self.choice.marked_delete(item))),
        )

    def _is_new(self, package: Any) -> bool:
        return package.current_ver is None and bool(self.choice.marked_install(package))

    def _security_lists(self) -> tuple[list[str], list[str]]:
        names = set()
        expired = set()
        for file in self.cache.file_list:
            origin = _origin(file)
            if file.not_source or not matches_any(self.security, origin):
                continue
            names.add(str(origin))
            release = lists.release_of(file.filename, self.releases)
            if release and release.valid_until and release.valid_until < self.now:
                expired.add(str(origin))
        return sorted(names), sorted(expired)


def _update(package: Any, version: Any, *, origin: Origin, security: bool) -> Update:
    return Update(
        name=package.get_fullname(True),
        installed=package.current_ver.ver_str,
        version=version.ver_str,
        origin=str(origin),
        security=security,
    )


def _newer(one: Any, other: Any) -> bool:
    return bool(apt_pkg.version_compare(one.ver_str, other.ver_str) > 0)


def _origins(version: Any) -> list[Origin]:
    """Where the version can be had; the list of installed packages is no such place."""
    found = [_origin(file) for file, _index in version.file_list if not file.not_source]
    return found or [Origin()]


def _origin(file: Any) -> Origin:
    return Origin(
        origin=file.origin or "",
        label=file.label or "",
        archive=file.archive or "",
        codename=getattr(file, "codename", "") or "",
        component=file.component or "",
        site=file.site or "",
    )


def compare_versions(one: str, other: str) -> int:
    """By Debian's rules; needs python-apt."""
    return int(apt_pkg.version_compare(one, other))


def obstacles(updates: Sequence[Update]) -> Iterator[tuple[str, int]]:
    """How many security updates each obstacle keeps back."""
    counted: dict[str, int] = {}
    for update in updates:
        if update.security and update.obstacle:
            counted[update.obstacle] = counted.get(update.obstacle, 0) + 1
    yield from sorted(counted.items())
