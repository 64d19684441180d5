# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd that start playbooks on time: planned here, installed by the role."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..errors import MaintenanceError
from ..glue import Outcome
from ..runner import Runner
from .on_calendar import on_calendar
from .slots import read_length, read_slots

TIMER_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "playbook": {"type": "str", "required": True},
    "rule": {"type": "str", "default": ""},
    "start": {"type": "str", "default": ""},
    "on_calendar": {"type": "str", "default": ""},
    "time_zone": {"type": "str", "default": ""},
    "arguments": {"type": "list", "elements": "str", "default": []},
    "delay": {"type": "str", "default": ""},
}
ARGUMENTS: dict[str, Any] = {
    "system": {"type": "str", "required": True},
    "timers": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": TIMER_SPEC,
        "mutually_exclusive": [("rule", "on_calendar")],
        "required_one_of": [("rule", "on_calendar")],
        "required_by": {"rule": ["start"]},
    },
    "time_zone": {"type": "str", "required": True},
    "program": {"type": "path", "required": True},
    "directory": {"type": "path", "required": True},
    "inventories": {"type": "list", "elements": "path", "default": []},
    "user": {"type": "str", "required": True},
    "environment": {"type": "dict", "default": {}},
}

MARKER = "# Written by careops.maintenance for {system}; what is changed here by hand is lost."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_@/.,:=+-]+")
# A run closes itself when it is stopped; that takes its time.
_STOP_SECONDS = 600


@dataclass(frozen=True)
class Timer:
    """When what is started. lines: for OnCalendar. delay: at most so much later, by chance."""

    name: str
    playbook: str
    lines: tuple[str, ...]
    arguments: tuple[str, ...]
    delay: timedelta


def plan(options: Mapping[str, Any], *, run: Runner) -> Outcome:
    """The units that policy wants.

    run: asks systemd whether it understands each time; where this host has no systemd, nobody is asked.
    Raises MaintenanceError for a timer that systemd cannot keep.
    """
    _require_system(options["system"])
    _require_place(options)
    timers = [_timer(entry, time_zone=options["time_zone"], run=run) for entry in options["timers"]]
    names = [timer.name for timer in timers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise MaintenanceError(f"Two timers have the name {twice}: give one of them another.")
    return Outcome(
        details={
            "units": [unit for timer in timers for unit in _units(timer, options)],
            "timers": [f"{_unit_name(options, name)}.timer" for name in names],
            "on_calendar": {timer.name: list(timer.lines) for timer in timers},
            "marker": _marker(options),
        }
    )


def _require_system(system: str) -> None:
    if not _NAME.fullmatch(system):
        raise MaintenanceError(
            f"The system {system!r} cannot name units: give a name made of letters, digits, hyphens and underscores."
        )


def _require_place(options: Mapping[str, Any]) -> None:
    for option in ("directory", "program"):
        if not options[option].startswith("/"):
            raise MaintenanceError(f"The option {option}, {options[option]!r}, must be a path from the root (/).")
    wrong = [name for name in options["environment"] if not _VARIABLE.fullmatch(name)]
    if wrong:
        raise MaintenanceError(
            f"The option environment has {wrong[0]!r}, which is no name of a variable: use letters, digits and _."
        )


def _timer(entry: Mapping[str, Any], *, time_zone: str, run: Runner) -> Timer:
    name = entry["name"]
    what = f"The timer {name!r}"
    if not _NAME.fullmatch(name):
        raise MaintenanceError(f"{what} needs a name made of letters, digits, hyphens and underscores.")
    zone = entry.get("time_zone") or time_zone
    if not entry["playbook"].strip():
        raise MaintenanceError(f"{what} has an empty playbook: give one such as playbooks/weekly.yml.")
    if entry.get("rule"):
        slots = read_slots(rule=entry["rule"], start=entry["start"], time_zone=zone, what=what)
        lines = on_calendar(slots.recurrence, what=what)
    elif entry.get("on_calendar", "").strip():
        lines = [f"{_one_line(entry['on_calendar'].strip())} {zone}"]
    else:
        raise MaintenanceError(f"{what} says no time: give a rule such as FREQ=WEEKLY;BYDAY=SU, or on_calendar.")
    _require_readable(lines, run=run, what=what)
    delay = read_length(entry["delay"], what=f"{what}: its delay") if entry.get("delay") else timedelta(0)
    arguments = tuple(entry.get("arguments") or ())
    return Timer(name=name, playbook=entry["playbook"], lines=tuple(lines), arguments=arguments, delay=delay)


def _require_readable(lines: Sequence[str], *, run: Runner, what: str) -> None:
    if shutil.which("systemd-analyze") is None:
        return
    done = run(["systemd-analyze", "calendar", "--", *lines], timeout=20)
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or "it gave no reason"
        raise MaintenanceError(
            f"{what}: systemd does not understand {' and '.join(lines[:2])} ({said}): mend it, its zone as time_zone."
        )


def _unit_name(options: Mapping[str, Any], name: str) -> str:
    return f"careops-{options['system']}-{name}"


def _units(timer: Timer, options: Mapping[str, Any]) -> list[dict[str, str]]:
    base = _unit_name(options, timer.name)
    return [
        {"name": f"{base}.service", "content": _service(timer, options)},
        {"name": f"{base}.timer", "content": _timer_unit(timer, options)},
    ]


def _service(timer: Timer, options: Mapping[str, Any]) -> str:
    inventories = [word for inventory in options["inventories"] for word in ("-i", inventory)]
    command = [options["program"], *inventories, timer.playbook, *timer.arguments]
    lines = [
        *_head(timer, options),
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={_word(options['user'])}",
        f"WorkingDirectory={_percent(options['directory'])}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(options["environment"].items())),
        f"ExecStart={' '.join(_argument(word) for word in command)}",
        "# The run is asked to end, and closes itself; what it started is not killed under its hands.",
        "KillMode=mixed",
        f"TimeoutStopSec={_STOP_SECONDS}",
    ]
    return "\n".join(lines) + "\n"


def _timer_unit(timer: Timer, options: Mapping[str, Any]) -> str:
    seconds = int(timer.delay.total_seconds())
    lines = [
        *_head(timer, options),
        "",
        "[Timer]",
        *(f"OnCalendar={line}" for line in timer.lines),
        "# What was missed while the host was down is started when it is back.",
        "Persistent=true",
        "AccuracySec=1s",
        *([f"RandomizedDelaySec={seconds}"] if seconds else []),
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines) + "\n"


def _head(timer: Timer, options: Mapping[str, Any]) -> list[str]:
    title = f"Maintenance of {options['system']}: {timer.name}"
    return [_marker(options), "[Unit]", f"Description={_percent(title)}"]


def _marker(options: Mapping[str, Any]) -> str:
    return MARKER.format(system=options["system"])


def _percent(text: str) -> str:
    return _one_line(text).replace("%", "%%")


def _argument(word: str) -> str:
    """A word of a command line, so that systemd expands nothing in it (systemd.service(5))."""
    if _PLAIN.fullmatch(word):
        return word
    return _quoted(word.replace("$", "$$"))


def _quoted(word: str) -> str:
    escaped = _percent(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _word(text: str) -> str:
    if not _PLAIN.fullmatch(text):
        raise MaintenanceError(f"The account of the timers cannot be {text!r}: give the name of one.")
    return text


def _one_line(text: str) -> str:
    if any(ord(character) < ord(" ") for character in text):
        raise MaintenanceError(f"A line of a unit cannot hold {text!r}: take the control characters out.")
    return text
