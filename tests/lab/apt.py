"""A real apt for tests, beside the machine's own: its own root folder, archives and installed packages.

apt, apt-get, dpkg and python-apt are the machine's; everything that they read and write is under the root.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path

import ansible

RELEASED = datetime(2026, 3, 1, 6, 0, tzinfo=timezone.utc)

# python-apt belongs to the distribution's Python; Ansible's own files come from the tests' one.
_WRAPPER = f"""#!/bin/sh
PYTHONPATH="%s$PYTHONPATH:{Path(ansible.__file__).parent.parent}" exec /usr/bin/python3 "$@"
"""


@dataclass(frozen=True)
class Package:
    """One version of one package."""

    name: str
    version: str
    depends: str = ""
    conflicts: str = ""

    @property
    def file_name(self) -> str:
        return f"{self.name}_{self.version}_all.deb"

    def build(self, folder: Path) -> Path:
        tree = folder / f"{self.name}_{self.version}"
        (tree / "DEBIAN").mkdir(parents=True)
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": "all",
            "Maintainer": "lab <lab@example.org>",
            "Depends": self.depends,
            "Conflicts": self.conflicts,
            "Description": "a package of the lab",
        }
        control = "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
        (tree / "DEBIAN" / "control").write_text(control)
        content = tree / "usr" / "share" / self.name
        content.mkdir(parents=True)
        (content / "version").write_text(f"{self.version}\n")
        built = folder / self.file_name
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, built],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        shutil.rmtree(tree)
        return built


@dataclass(frozen=True)
class Archive:
    """A package archive with what its Release file says of it."""

    folder: Path
    origin: str
    label: str
    suite: str
    codename: str

    @property
    def source_line(self) -> str:
        # Not file: for that apt would link to the lists, and see what was published without having fetched it.
        return f"deb [trusted=yes] copy:{self.folder} {self.codename} main\n"

    def publish(self, packages: list[Package], *, released: datetime = RELEASED, extra: str = "") -> None:
        """Builds the packages and the indexes anew. extra: more lines of the Release file."""
        pool = self.folder / "pool"
        shutil.rmtree(self.folder, ignore_errors=True)
        pool.mkdir(parents=True)
        index = "".join(_index_entry(package.build(pool), self.folder) for package in packages)
        binary = self.folder / "dists" / self.codename / "main" / f"binary-{architecture()}"
        binary.mkdir(parents=True)
        (binary / "Packages").write_text(index)
        content = index.encode()
        (binary.parent.parent / "Release").write_text(
            f"Origin: {self.origin}\nLabel: {self.label}\nSuite: {self.suite}\nCodename: {self.codename}\n"
            f"Date: {format_datetime(released, usegmt=True)}\n{extra}"
            f"Architectures: {architecture()}\nComponents: main\n"
            f"SHA256:\n {hashlib.sha256(content).hexdigest()} {len(content)} main/{binary.name}/Packages\n"
        )


def _index_entry(built: Path, folder: Path) -> str:
    control = subprocess.run(["dpkg-deb", "--field", built], capture_output=True, text=True, check=True).stdout
    content = built.read_bytes()
    return (
        f"{control}Filename: {built.relative_to(folder)}\nSize: {len(content)}\n"
        f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n"
    )


def architecture() -> str:
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


@dataclass
class Root:
    """A root folder that apt and dpkg take for a system."""

    folder: Path
    archives: list[Archive] = field(default_factory=list)

    @property
    def conf(self) -> Path:
        return self.folder / "etc/apt/apt.conf.d"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "APT_CONFIG": str(self.folder / "apt-root.conf"), "LC_ALL": "C.UTF-8"}

    def create(self) -> None:
        for name in (
            *("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "etc/apt/sources.list.d"),
            *("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/apt/periodic", "var/log/apt"),
            *("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/run", "boot"),
        ):
            (self.folder / name).mkdir(parents=True)
        for name in ("status", "available", "lock", "lock-frontend"):
            (self.folder / "var/lib/dpkg" / name).touch()
        (self.folder / "etc/os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
        (self.folder / "etc/apt/sources.list").write_text("".join(archive.source_line for archive in self.archives))
        # The lab's folders belong to whoever runs the tests.
        (self.conf / "01lab").write_text('APT::Sandbox::User "root";\nAcquire::Languages "none";\n')
        self._lead_here()

    def _lead_here(self) -> None:
        (self.folder / "apt-root.conf").write_text(f'Dir "{self.folder}/";\n')

    def copy(self, folder: Path) -> Root:
        """The same system elsewhere, to be changed without changing this one."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copied = Root(folder=folder, archives=self.archives)
        copied._lead_here()
        return copied

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=check)

    def update(self) -> None:
        self.run("apt-get", "update")

    def dpkg(self, *arguments: str) -> None:
        """dpkg on this root; its database only, which is all that the lab's packages need."""
        self.run(
            *("dpkg", f"--root={self.folder}", "--force-not-root", "--force-unsafe-io", "--log=/dev/null"),
            *("--force-script-chrootless", *arguments),
        )

    def install(self, packages: list[Package], builds: Path) -> None:
        builds.mkdir(exist_ok=True)
        self.dpkg("--install", *(str(package.build(builds)) for package in packages))

    def hold(self, *names: str) -> None:
        subprocess.run(
            ["dpkg", f"--root={self.folder}", "--set-selections"],
            input="".join(f"{name} hold\n" for name in names),
            text=True,
            check=True,
        )

    def configure(self, name: str, text: str) -> None:
        (self.conf / name).write_text(text)

    def effective(self, key: str) -> str:
        """What the real apt-config says of a key and all below it."""
        return self.run("apt-config", "dump", key).stdout

    def digest(self) -> dict[str, str]:
        """Every file that is no cache, with a hash of its content: to prove that nothing changed."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "var/cache/apt" not in str(path)
        }


def system_python(folder: Path, *, startup: str = "") -> str:
    """The distribution's Python, which has python-apt, able to run modules as the tests do.

    startup: code that it runs first, for tests that stop it at a certain place.
    """
    folder.mkdir(exist_ok=True)
    wrapper = folder / "python3-with-apt"
    (folder / "sitecustomize.py").write_text(startup)
    wrapper.write_text(_WRAPPER % f"{folder}:")
    wrapper.chmod(0o755)
    return str(wrapper)


def security_archive(folder: Path) -> Archive:
    return Archive(folder / "security", "Debian", "Debian-Security", "stable-security", "bookworm-security")


def main_archive(folder: Path) -> Archive:
    return Archive(folder / "main", "Debian", "Debian", "stable", "bookworm")


def foreign_archive(folder: Path) -> Archive:
    """Another vendor's, whose packages have the word in their names and versions."""
    return Archive(folder / "vendor", "Vendor", "Vendor tools", "security", "security")
