"""The harness of all benches: contenders do the same work in turns, medians and their ratios are what counts.

A bench is a file ``bench_<subject>.py`` with one function::

    def tables(*, quick: bool) -> Iterator[Table]:
        with a_prepared_server() as server:
            yield compare(
                "What is measured, in a few words",
                {"ours": lambda: run_ours(server), "theirs": lambda: run_theirs(server)},
                baseline="theirs",
                goals={"ours": 1.1},
                versions={"PostgreSQL": "15.8"},
            )

A contender is called once a round. It returns the seconds it took, so that preparing and cleaning up are
not counted, or None: then the whole call is timed. Rounds go over all contenders in turn, so that a machine
that is slow for a while is slow for each of them.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

Contender = Callable[[], "float | None"]


@dataclass(frozen=True)
class Row:
    """What one contender took. units: how many things it did in a run."""

    name: str
    seconds: Sequence[float]
    units: int

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def per_unit(self) -> float:
        """Seconds a unit."""
        return self.median / self.units


@dataclass(frozen=True)
class Table:
    """The measurements of one comparison. goals: highest ratio to the baseline that a contender may have."""

    title: str
    rows: Sequence[Row]
    baseline: str
    unit: str
    goals: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    def ratio(self, name: str) -> float:
        """Time a unit against the baseline's, from the medians."""
        return self.row(name).per_unit / self.row(self.baseline).per_unit

    def missed(self) -> list[str]:
        """The contenders that are above their goal."""
        return [name for name, goal in self.goals.items() if self.ratio(name) > goal]

    def markdown(self) -> str:
        lines = [
            f"### {self.title}",
            "",
            f"| | median | lowest to highest | rounds | {self.unit}s | each | ratio | goal |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
            *(self._line(row) for row in self.rows),
            "",
            *self.notes,
            "; ".join(
                f"{name} {version}" for name, version in {"Python": platform.python_version(), **self.versions}.items()
            )
            + f"; load {os.getloadavg()[0]:.1f}",
            "",
        ]
        return "\n".join(lines)

    def _line(self, row: Row) -> str:
        goal = self.goals.get(row.name)
        verdict = "" if goal is None else f"{goal:g} {'missed' if row.name in self.missed() else 'met'}"
        cells = (
            row.name,
            duration(row.median),
            f"{duration(min(row.seconds))} to {duration(max(row.seconds))}",
            str(len(row.seconds)),
            f"{row.units:,}",
            duration(row.per_unit),
            f"{self.ratio(row.name):.3g}",
            verdict,
        )
        return f"| {' | '.join(cells)} |"


def compare(
    title: str,
    contenders: Mapping[str, Contender],
    *,
    baseline: str,
    runs: int = 5,
    runs_of: Mapping[str, int] | None = None,
    unit: str = "run",
    unit_count: int | Mapping[str, int] = 1,
    goals: Mapping[str, float] | None = None,
    versions: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Runs the contenders in turns, ``runs`` rounds of them.

    baseline: the contender that the ratios are against. runs_of: other numbers of runs, for slow contenders.
    unit, unit_count: what is counted, and how many a run does (by contender, where a slow one gets a sample);
    ratios are by unit. goals: highest ratios wished for. versions: of what is compared.
    """
    wanted = {name: (runs_of or {}).get(name, runs) for name in contenders}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(max(wanted.values())):
        for name, contender in contenders.items():
            if turn < wanted[name]:
                seconds[name].append(_time(contender))
    counts = unit_count if isinstance(unit_count, Mapping) else dict.fromkeys(contenders, unit_count)
    return Table(
        title=title,
        rows=[Row(name=name, seconds=taken, units=counts[name]) for name, taken in seconds.items()],
        baseline=baseline,
        unit=unit,
        goals=goals or {},
        versions=versions or {},
        notes=notes,
    )


def goals(tables: Sequence[Table]) -> str:
    """One table of everything that has a goal."""
    lines = ["### Goals", "", "| | | ratio | goal | |", "|---|---|--:|--:|---|"]
    for table in tables:
        lines += [
            f"| {table.title} | {name} | {table.ratio(name):.3g} | {goal:g} "
            f"| {'missed' if name in table.missed() else 'met'} |"
            for name, goal in table.goals.items()
        ]
    return "\n".join(lines) if len(lines) > 4 else ""


def _time(contender: Contender) -> float:
    started = time.perf_counter()
    own = contender()
    return time.perf_counter() - started if own is None else own


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    for size, name in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1e6:.3g} µs"


def machine() -> str:
    """The machine in one line, without its name."""
    model = ""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{model or platform.machine()}, {cores} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def package_version(name: str) -> str:
    """The version of an installed Python package."""
    return metadata.version(name)


def program_version(*argv: str) -> str:
    """The first line that the program says about its version."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[0]
