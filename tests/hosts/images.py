"""The images of the test hosts: a Debian release each, with systemd and what such a host has in real life.

Made from Debian's packages alone (no registry), by way of the mirror that apt uses on this machine. What a
recipe made is kept under .cache/images by the recipe's hash, so that only a changed recipe costs time.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import engine

CACHE = engine.ROOT / ".cache" / "images"
LABEL = "careops.recipe"

BASE = (
    *("systemd", "systemd-sysv", "dbus", "iproute2", "procps", "ca-certificates", "sudo"),
    *("python3", "python3-apt", "python3-cryptography"),
    *("unattended-upgrades", "needrestart", "apt-utils"),
)

# Inside the new host's folder. Its sources go: nothing that a test sees may depend on what a mirror offers today.
FINISH = """
rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*
chroot "$1" systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer systemd-timesyncd.service
# Its own hardening keeps it from starting in a container: who wants it says so.
if [ -e "$1"/lib/systemd/system/redis-server.service ]; then chroot "$1" systemctl disable --quiet redis-server.service; fi
"""  # noqa: E501


@dataclass(frozen=True)
class Recipe:
    """A release of Debian and the packages beside the base. kind: what tells it from another of the same release."""

    release: str
    packages: tuple[str, ...]
    kind: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.release}" if self.kind else self.release

    @property
    def tag(self) -> str:
        return f"careops-host:{self.name}"

    @property
    def key(self) -> str:
        """Changes with whatever goes into the image."""
        made_of = {"release": self.release, "packages": self.packages}
        text = json.dumps([made_of, BASE, FINISH])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


RECIPES = (
    Recipe("bookworm", ("nginx-light", "openssl", "redis-server", "tzdata")),
    Recipe("trixie", ("postgresql-17", "postgresql-client-17", "python3-psycopg2", "zstd", "faketime")),
)
# Hosts that renew certificates, and the one with the ACME server.
_RENEWAL = ("nginx-light", "openssl", "certbot", "python3-certbot-nginx")
RENEWAL = (
    Recipe("bookworm", (*_RENEWAL, "pebble"), kind="renewal"),
    Recipe("trixie", _RENEWAL, kind="renewal"),
)


def build(recipes: Sequence[Recipe] = RECIPES) -> None:
    """Makes the images that are not there yet, side by side. Raises RuntimeError with the tool's own words."""
    with engine.turn("images"):
        stale = [recipe for recipe in recipes if not _is_there(recipe)]
        if not stale:
            return
        arguments = mirror()
        with ThreadPoolExecutor(len(stale)) as pool:
            list(pool.map(lambda recipe: _make(recipe, arguments), stale))


def mirror() -> list[str]:
    """Where apt gets Debian from on this machine; nothing (mmdebstrap's own default) where it is no Debian."""
    for attempt in range(2):
        listing = _run(
            ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"],
            "reading its sources",
        )
        found = [line.removeprefix("Debian ") for line in listing.splitlines() if line.startswith("Debian ")]
        if found:
            return found[:1]
        if attempt == 0:
            _run(["apt-get", "update"], "reading its package lists")
    return []


def _is_there(recipe: Recipe) -> bool:
    done = subprocess.run(
        ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', recipe.tag],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() == recipe.key


def _make(recipe: Recipe, mirror_arguments: list[str]) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"{recipe.name}-{recipe.key}.tar"
    if not archive.exists():
        partial = archive.with_suffix(".partial.tar")
        _run(
            [
                *("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root"),
                f"--include={','.join((*BASE, *recipe.packages))}",
                f"--customize-hook={FINISH.strip()}",
                *(recipe.release, str(partial), *mirror_arguments),
            ],
            f"making the host image {recipe.tag}",
        )
        partial.rename(archive)
        _forget_others(recipe, archive)
    _run(
        ["docker", "import", "--change", f"LABEL {LABEL}={recipe.key}", str(archive), recipe.tag],
        f"importing the host image {recipe.tag}",
    )


def _forget_others(recipe: Recipe, archive: Path) -> None:
    for other in CACHE.glob(f"{recipe.name}-*.tar"):
        if other != archive:
            other.unlink()


def _run(argv: list[str], purpose: str) -> str:
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} failed while {purpose}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    with engine.running():
        build((*RECIPES, *RENEWAL))
    sys.exit()
