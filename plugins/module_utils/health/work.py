# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of health_check to what was seen: every probe of a host, beside each other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

from ..errors import MaintenanceError
from ..files import text_of
from ..glue import Outcome
from ..runner import Runner
from .alerts import alerts_probe
from .cache import cache_probe
from .database import database_probe
from .endpoints import Limits, endpoint_probe
from .integrations import integration_probe
from .keep import Keeper
from .look import Probe, masked
from .mounts import DiskPolicy, disk_probes, parse_mountinfo
from .pool import look_at_all
from .resources import ResourcePolicy, load_probe, memory_probe
from .services import check_units, services_probe
from .variables import Secrets
from .workflows import workflow_probe

Options = Mapping[str, Any]
_PERCENT = ("disk_warning", "disk_critical", "inodes_warning", "inodes_critical", "memory_warning", "memory_critical")
_PAIRS = ("disk", "inodes", "memory", "load", "response")


@dataclass(frozen=True)
class Host:
    """What of the host is handed in: how programs run, its monotonic clock, its cores, and how its files are read."""

    run: Runner
    monotonic: Callable[[], float] = time.monotonic
    cores: int = os.cpu_count() or 1
    read: Callable[[str], str] = text_of


def check_health(options: Options, *, now: datetime, host: Host, check_mode: bool = False) -> Outcome:
    """Looks at everything that the options name, those of the module health_check.

    Raises MaintenanceError for options that cannot be meant; before anything was looked at.
    """
    check_options(options)
    secrets = Secrets(options["secrets"])
    keeper = Keeper(options, now=now.timestamp())
    probes = [*_local(options, host, keeper), *_remote(options, secrets, keeper)]
    looks = look_at_all(probes, workers=options["workers"], deadline=options["deadline"])
    kept, actions, figures = keeper.keep(looks, check_mode=check_mode)
    findings = [*(finding for look in looks for finding in look.findings), *kept]
    return Outcome(
        findings=masked(findings, secrets.known),
        actions=actions,
        details={
            "states": {key: state for look in looks for key, state in look.states.items()},
            "seconds": {key: value for look in looks for key, value in look.seconds.items()},
            "availability": figures,
        },
    )


def check_options(options: Options) -> None:
    """Raises MaintenanceError where figures or names contradict each other."""
    for name in ("timeout", "deadline", "workers"):
        if options[name] <= 0:
            raise MaintenanceError(f"The option {name} must be greater than 0.")
    if options["workers"] > 256:
        raise MaintenanceError("The option workers must not be above 256.")
    for name in (*_PERCENT, "swap_warning"):
        if not 0 <= options[name] <= 100:
            raise MaintenanceError(
                f"The option {name} must be a percentage from 0 (off) to 100, not {options[name]:g}."
            )
    for name in _PAIRS:
        warning, critical = options[f"{name}_warning"], options[f"{name}_critical"]
        if warning < 0 or critical < 0:
            raise MaintenanceError(f"The options {name}_warning and {name}_critical must not be below 0.")
        if critical and warning > critical:
            raise MaintenanceError(f"The option {name}_warning is above {name}_critical: swap them.")
    check_units(options["services"])
    for kind in ("endpoints", "workflows", "integrations", "databases", "alertmanagers", "caches"):
        _check_unique(options[kind], kind)


def _check_unique(entries: Sequence[Mapping[str, Any]], kind: str) -> None:
    names = [entry["name"] for entry in entries]
    for name in names:
        if not name.strip():
            raise MaintenanceError(f"The option {kind} has an entry without a name: findings call it by that.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MaintenanceError(f"The option {kind} has two entries with the name {twice}: give each its own.")


def _local(options: Options, host: Host, keeper: Keeper) -> list[Probe]:
    probes = []
    if options["services"]:
        probes.append(
            services_probe(
                options["services"],
                run=host.run,
                monotonic=host.monotonic(),
                patience=options["service_start_seconds"],
                before=keeper.restarts(),
                user=options["service_scope"] == "user",
            )
        )
    wanted = options["resources"]
    policy = ResourcePolicy(
        load_minutes=options["load_minutes"],
        **_limits(options, "memory_warning", "memory_critical", "swap_warning", "load_warning", "load_critical"),
    )
    if "memory" in wanted:
        probes.append(memory_probe(host.read("/proc/meminfo"), policy))
    if "load" in wanted:
        probes.append(load_probe(host.read("/proc/loadavg"), host.cores, policy))
    if "disk" in wanted:
        probes += _disks(options, host)
    return probes


def _disks(options: Options, host: Host) -> list[Probe]:
    figures = _limits(options, "disk_warning", "disk_critical", "inodes_warning", "inodes_critical")
    policy = DiskPolicy(
        warning=figures["disk_warning"],
        critical=figures["disk_critical"],
        inodes_warning=figures["inodes_warning"],
        inodes_critical=figures["inodes_critical"],
        named=options["disk_mounts"],
        exclude=options["disk_exclude"],
        may_be_read_only=options["disk_read_only"],
    )
    return disk_probes(parse_mountinfo(host.read("/proc/self/mountinfo")), host.read("/etc/fstab"), policy)


def _remote(options: Options, secrets: Secrets, keeper: Keeper) -> list[Probe]:
    common = {"secrets": secrets, "timeout": options["timeout"]}
    measured = {**common, "usual": Limits(options["response_warning"], options["response_critical"])}
    makers: list[tuple[str, Callable[..., Probe], dict[str, Any]]] = [
        ("endpoints", endpoint_probe, measured),
        ("workflows", workflow_probe, measured),
        ("integrations", integration_probe, measured),
        ("databases", database_probe, common),
        ("alertmanagers", alerts_probe, common),
    ]
    probes = [
        make(entry, option=f"{kind}[{entry['name']}]", **more) for kind, make, more in makers for entry in options[kind]
    ]
    return probes + [
        cache_probe(entry, option=f"caches[{entry['name']}]", before=keeper.counters(entry["name"]), **common)
        for entry in options["caches"]
    ]


def _limits(options: Options, *names: str) -> dict[str, Optional[float]]:
    """The figures; a nought turns one off."""
    return {name: options[name] or None for name in names}
