# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt's configuration: reading what apt makes of all its files, and writing one file of our own.

The grammar is in apt.conf(5). Files in apt.conf.d are read in the order of their names, apt.conf
after them; the last value wins, but lists grow from file to file unless they are cleared.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import unquote

from ..errors import MaintenanceError
from ..files import names_in, text_of
from ..runner import Runner
from .settings import Setting, Value, Wanted

HEADER = "// Written by careops.maintenance.unattended_upgrades: it sets the lines it knows, and keeps all others.\n"


@dataclass(frozen=True)
class Dump:
    """What holds after all files. Keys in lower case: apt ignores case."""

    scalars: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parse_dump(text: str) -> Dump:
    """From ``apt-config dump --format '%F%N%V%n'``, which writes a child without a name as ``Key::``."""
    scalars: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, separator, quoted = line.partition("\t")
        if not separator:
            continue
        key, value = unquote(name).lower(), unquote(quoted)
        scalars[key] = value
        parent = key.rpartition("::")[0]
        lists.setdefault(parent, []).append(value)
    return Dump(scalars=scalars, lists={key: tuple(values) for key, values in lists.items()})


def value_of(dump: Dump, setting: Setting) -> Optional[Value]:
    """What holds for the setting; None where nothing sets it. A list with what others add to it."""
    if setting.kind != "list":
        return dump.scalars.get(setting.key.lower()) or None
    keys = (setting.key, *setting.also_clears)
    if not any(key.lower() in dump.scalars for key in keys):
        return None
    return tuple(value for key in keys for value in dump.lists.get(key.lower(), ()))


@contextlib.contextmanager
def led_to(root: str) -> Iterator[dict[str, str]]:
    """Environment that leads apt's programs to the root; nothing to add where that is ``/``."""
    if root == "/":
        yield {}
        return
    with tempfile.NamedTemporaryFile("w", prefix="careops-apt-", suffix=".conf") as stream:
        # Read before all others, so that they are searched for under the root.
        stream.write(f'Dir "{root.rstrip("/")}/";\n')
        stream.flush()
        yield {"APT_CONFIG": stream.name}


def read_effective(run: Runner, *, root: str) -> Dump:
    """What apt itself makes of its configuration. Raises MaintenanceError where apt cannot read it."""
    with led_to(root) as environment:
        done = run(["apt-config", "dump", "--format", "%F%N%V%n"], environment=environment, timeout=60)
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()) or f"apt-config ended with {done.returncode}"
        raise MaintenanceError(f"apt cannot read its configuration, so nothing on this host is updated: {reason[:600]}")
    return parse_dump(done.stdout)


def render(wanted: Wanted) -> list[str]:
    """The lines that give the setting this value and no other."""
    if isinstance(wanted.value, str):
        return [f'{wanted.setting.key} "{wanted.value}";']
    clears = [f"#clear {key};" for key in (*wanted.setting.also_clears, wanted.setting.key)]
    return clears + [f'{wanted.setting.key}:: "{entry}";' for entry in wanted.value]


def merge(text: str, wanted: Sequence[Wanted]) -> str:
    """The file with the wanted settings in it: lines of others stay, and ours stand last, where they win."""
    if not wanted:
        return text
    ours = re.compile("|".join(_own_lines(item.setting) for item in wanted), re.IGNORECASE)
    kept = [line for line in (text or HEADER).splitlines() if not ours.fullmatch(line)]
    return "".join(f"{line}\n" for line in [*kept, *(line for item in wanted for line in render(item))])


def _own_lines(setting: Setting) -> str:
    """Matches each line that ``render`` writes for the setting, whatever its value."""
    key = re.escape(setting.key)
    if setting.kind != "list":
        return rf'{key} "[^"]*";'
    clears = "|".join(re.escape(other) for other in (setting.key, *setting.also_clears))
    return rf'#clear (?:{clears});|{key}:: "[^"]*";'


def later_mentions(folder: str, name: str, settings: Iterable[Setting]) -> dict[str, list[str]]:
    """Files that apt reads after ours and that name a setting: where an override comes from. By option."""
    later = sorted(entry for entry in names_in(folder) if entry > name)
    paths = [os.path.join(folder, entry) for entry in later]
    paths.append(os.path.join(os.path.dirname(folder), "apt.conf"))
    texts = {path: text_of(path).lower() for path in paths}
    return {
        setting.option: [path for path, text in texts.items() if setting.key.rpartition("::")[2].lower() in text]
        for setting in settings
    }
