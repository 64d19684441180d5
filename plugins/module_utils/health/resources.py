# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory, swap and load of the host, as the kernel has them in /proc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from ..findings import Finding, judge
from ..report.humanise import number, size
from .look import Fault, Look, Probe, say


@dataclass(frozen=True)
class ResourcePolicy:
    """Percentages of memory and swap, and load for each core; None for what does not matter.

    load_minutes: over which time load is judged, 1, 5 or 15.
    """

    memory_warning: Optional[float] = 90
    memory_critical: Optional[float] = None
    swap_warning: Optional[float] = 90
    load_warning: Optional[float] = 1
    load_critical: Optional[float] = None
    load_minutes: int = 5


def memory_probe(meminfo: str, policy: ResourcePolicy) -> Probe:
    """meminfo: /proc/meminfo."""
    return Probe([("", "health.memory", "memory")], lambda: Look(judge_memory(parse_meminfo(meminfo), policy)))


def load_probe(loadavg: str, cores: int, policy: ResourcePolicy) -> Probe:
    """loadavg: /proc/loadavg."""
    return Probe([("", "health.load", "load")], lambda: Look([judge_load(loadavg, cores, policy)]))


def parse_meminfo(text: str) -> dict[str, int]:
    """The figures of /proc/meminfo, in bytes."""
    figures = {}
    for line in text.splitlines():
        name, _colon, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            figures[name] = int(words[0]) * (1024 if words[-1] == "kB" else 1)
    return figures


def judge_memory(figures: Mapping[str, int], policy: ResourcePolicy) -> list[Finding]:
    """Findings of memory, and of swap where there is any.

    What the kernel can give back at once (MemAvailable) is not in use. Raises Fault without the figures.
    """
    total, available = figures.get("MemTotal", 0), figures.get("MemAvailable")
    if not total or available is None:
        raise Fault("proc", "/proc/meminfo does not tell how much is available", blind=True)
    percent = _percent(total - available, total)
    status, threshold = judge(percent, warning=policy.memory_warning, critical=policy.memory_critical)
    message = f"{number(percent)} % of the memory is in use, {size(available)} of {size(total)} are available"
    if status != "ok":
        message += ": find out what uses it, or add memory"
    evidence = {"available_bytes": available, "total_bytes": total}
    findings = [Finding("health.memory", "memory", status, f"{message}.", percent, "percent", threshold, evidence)]
    swap = figures.get("SwapTotal", 0)
    if swap:
        percent = _percent(swap - figures.get("SwapFree", 0), swap)
        status, threshold = judge(percent, warning=policy.swap_warning, critical=None)
        message = f"{number(percent)} % of {size(swap)} swap are in use"
        if status != "ok":
            message += ": the host needs more memory, or something leaks it"
        findings.append(Finding("health.memory", "swap", status, f"{message}.", percent, "percent", threshold))
    return findings


def judge_load(loadavg: str, cores: int, policy: ResourcePolicy) -> Finding:
    """The finding of the load, for each core. Raises Fault where the figures cannot be read."""
    try:
        one, five, fifteen = (float(word) for word in loadavg.split()[:3])
    except ValueError:
        raise Fault("proc", "/proc/loadavg cannot be read", blind=True) from None
    average = {1: one, 5: five, 15: fifteen}[policy.load_minutes]
    ratio = round(average / max(1, cores), 2)
    status, threshold = judge(ratio, warning=policy.load_warning, critical=policy.load_critical)
    minutes = "minute" if policy.load_minutes == 1 else f"{policy.load_minutes} minutes"
    message = f"The load of the last {minutes} is {number(average)} on {number(cores)} cores"
    if status != "ok":
        message += ": find out what keeps the host busy (top, iotop), or add cores"
    evidence = {"load_1": one, "load_5": five, "load_15": fifteen, "cores": cores}
    return Finding("health.load", "load", status, say(f"{message}."), ratio, "ratio", threshold, evidence)


def _percent(part: int, whole: int) -> float:
    return round(100 * max(0, part) / whole, 1)
