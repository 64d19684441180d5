"""Runs ``ansible-test sanity`` on a copy of the checkout.

ansible-test wants a collection at ``ansible_collections/<namespace>/<name>`` in a git repository of its own,
and fetches an installer of pip from a server that many networks do not reach; it uses the one in its cache,
where there is one. All that it keeps goes into a home folder of its own, so a second run is quick.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".cache" / "sanity"
COLLECTION = LAB / "ansible_collections" / "careops" / "maintenance"
HOME = LAB / "home"

# In a process of its own: imported, ensurepip would switch pip's configuration off for what follows.
PIP_INSTALLER = """\
import subprocess, sys
subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *options]).returncode)
"""


def main(arguments: list[str]) -> int:
    """Runs it; arguments (a test, files) are passed on. Returns the exit status."""
    copy_checkout()
    make_home(os.environ)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    done = subprocess.run(
        ["ansible-test", "sanity", "--local", "--python", python, "--color", "no", *arguments],
        cwd=COLLECTION,
        env={**os.environ, "HOME": str(HOME)},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode


def copy_checkout() -> None:
    """Every file that git knows or would take, as a repository of its own."""
    shutil.rmtree(COLLECTION, ignore_errors=True)
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listing.split("\0")):
        source = ROOT / name
        if name.startswith(".collections/") or not source.exists():
            continue
        target = COLLECTION / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    subprocess.run(["git", "init", "--quiet"], cwd=COLLECTION, check=True)


def make_home(environment: Mapping[str, str]) -> None:
    """The home folder: the stand-in for pip's installer, and pip's settings, since ansible-test drops variables."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"get_pip_{pip_version().replace('.', '_')}.py").write_text(PIP_INSTALLER)
    settings = {"quiet": "1"} | {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE"
    }
    lines = ["[global]", *(f"{name} = {value}" for name, value in sorted(settings.items()))]
    folder = HOME / ".config" / "pip"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pip.conf").write_text("\n".join(lines) + "\n")


def pip_version() -> str:
    """The version of pip that this ansible-test asks for."""
    script = """
import sys, types
from ansible_test._internal.python_requirements import get_venv_packages
print(get_venv_packages(types.SimpleNamespace(version="%d.%d" % sys.version_info[:2]))["pip"])
"""
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
