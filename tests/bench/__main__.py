"""Runs every bench_*.py of this folder, or those named, and prints their tables as Markdown."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from tests.bench.harness import Table, goals, machine

HERE = Path(__file__).resolve().parent


def main() -> None:
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="subject", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="small inputs, to see that the benches still run")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.subjects) - set(names)):
        parser.error(f"no such bench: {', '.join(unknown)} (there are {', '.join(names)})")
    print(f"Machine: {machine()}\n", flush=True)
    made: list[Table] = []
    for name in chosen.subjects or names:
        module = importlib.import_module(f"tests.bench.bench_{name}")
        for table in module.tables(quick=chosen.quick):
            print(table.markdown(), flush=True)
            made.append(table)
    print(goals(made), flush=True)


if __name__ == "__main__":
    main()
