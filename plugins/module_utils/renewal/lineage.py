# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certbot lineage on disk: links in live/ that lead to numbered generations in archive/."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Mapping
from typing import Optional

from ..errors import MaintenanceError
from ..files import sync_folder, text_of
from . import pair
from .store import read_file, replace_content

# In the order in which links are switched: a service that reads in between finds the key it can refuse.
KINDS = ("privkey", "cert", "chain", "fullchain")
_SETTING = re.compile(r"^[ \t]*([a-z_]+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_QUOTED = re.compile(r"""('''|\"""|'|")(.*?)\1\s*(?:#.*)?""")


class Lineage:
    """The files of one lineage below a configuration folder of certbot."""

    def __init__(self, config_dir: str, name: str) -> None:
        self.name = name
        self.config_dir = config_dir
        self.conf_path = os.path.join(config_dir, "renewal", f"{name}.conf")

    @property
    def is_deleted(self) -> bool:
        """Whether somebody has had certbot delete it: neither its configuration nor its generations are there."""
        archive = os.path.join(self.config_dir, "archive", self.name)
        return not os.path.exists(self.conf_path) and not os.path.isdir(archive)

    def settings(self) -> Mapping[str, str]:
        """What its renewal configuration says. Raises MaintenanceError where there is none."""
        text = text_of(self.conf_path)
        if not text:
            raise MaintenanceError(
                f"{self.conf_path} is not there or may not be read: certbot knows no certificate {self.name} here; "
                f"obtain it once with certbot certonly --cert-name {self.name}, or correct its name."
            )
        found = {name: unquoted(value) for name, value in _SETTING.findall(text)}
        return {name: value for name, value in found.items() if value != "None"}

    @property
    def archive(self) -> str:
        """The folder of its generations."""
        return self.settings().get("archive_dir") or os.path.join(self.config_dir, "archive", self.name)

    def link(self, kind: str) -> str:
        """The path that services are given."""
        return self.settings().get(kind) or os.path.join(self.config_dir, "live", self.name, f"{kind}.pem")

    def present(self) -> pair.Pair:
        """What the links lead to. Raises OSError, MaintenanceError."""
        self.current()
        return pair.read_anyway(read_file(self.link("fullchain")), read_file(self.link("privkey")))

    def generation(self, number: int) -> Optional[pair.Pair]:
        """A generation of the archive; None where it is not whole. Raises Unusable."""
        if not all(os.path.exists(self.path(kind, number)) for kind in KINDS):
            return None
        return pair.read(read_file(self.path("fullchain", number)), read_file(self.path("privkey", number)))

    def path(self, kind: str, number: int) -> str:
        """A file of a generation."""
        return os.path.join(self.archive, f"{kind}{number}.pem")

    def numbers(self) -> list[int]:
        """Of every generation that the archive holds, whole or in parts, ascending."""
        found = {
            int(match.group(1))
            for name in os.listdir(self.archive)
            if (match := re.fullmatch(r"(?:privkey|cert|chain|fullchain)(\d+)\.pem", name))
        }
        return sorted(found)

    def current(self) -> int:
        """The generation that the links lead to. Raises MaintenanceError where they are no links of certbot."""
        numbers = {}
        for kind in KINDS:
            match = None
            with contextlib.suppress(OSError):
                match = re.fullmatch(rf"{kind}(\d+)\.pem", os.path.basename(os.readlink(self.link(kind))))
            if match is None:
                raise MaintenanceError(
                    f"{self.link(kind)} is no link into the archive: somebody has replaced certbot's links by files; "
                    "put the links back, for instance from a backup of the folder."
                )
            numbers[kind] = int(match.group(1))
        return numbers["cert"]

    def add(self, other: Lineage, number: int) -> int:
        """Takes a generation of another lineage over into the archive; returns its number here.

        A generation with the same certificate is not taken over again.
        """
        certificate = read_file(other.path("fullchain", number))
        numbers = self.numbers()
        for known in numbers[::-1]:
            whole = all(os.path.exists(self.path(kind, known)) for kind in KINDS)
            if whole and read_file(self.path("fullchain", known)) == certificate:
                return known
        fresh = numbers[-1] + 1
        now = self.current()
        for kind in KINDS:
            # Owner, group and permissions go over, as services may read by their group.
            replace_content(
                self.path(kind, fresh), read_file(other.path(kind, number)), like=os.path.realpath(self.path(kind, now))
            )
        return fresh

    def switch(self, number: int) -> None:
        """Makes the links lead to this generation. Each is at every moment the old link or the new one."""
        for kind in KINDS:
            link = self.link(kind)
            target = os.path.join(os.path.dirname(os.readlink(link)), f"{kind}{number}.pem")
            if os.readlink(link) != target:
                switch_link(link, target)

    def drop(self, number: int) -> None:
        """Takes a generation out of the archive, or certbot would put it into use by itself."""
        for kind in KINDS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(kind, number))


def unquoted(value: str) -> str:
    """A value of a renewal configuration: certbot quotes those with commas, quotation marks or a hash sign."""
    quoted = _QUOTED.fullmatch(value)
    return quoted.group(2) if quoted else value.partition("#")[0].rstrip()


def switch_link(link: str, target: str) -> None:
    """Makes the link lead to the target, by way of a link beside it. Raises OSError."""
    temporary = f"{link}.careops"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.replace(temporary, link)
    sync_folder(os.path.dirname(link))


def copy_tree(source: str, destination: str) -> None:
    """Copies a folder with its links as links, owners and permissions. Raises OSError."""
    shutil.copytree(source, destination, symlinks=True)
    for folder, folders, files in os.walk(source):
        for name in (".", *folders, *files):
            path = os.path.normpath(os.path.join(folder, name))
            state = os.lstat(path)
            copy = os.path.normpath(os.path.join(destination, os.path.relpath(path, source)))
            os.chown(copy, state.st_uid, state.st_gid, follow_symlinks=False)
