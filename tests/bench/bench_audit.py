"""A large audit log: audit_log's verify and append, against hashing the same lines and nothing else."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import Table, compare
from tests.lab.modules import ROOT

sys.path.insert(0, str(ROOT / ".collections"))

from tests.lab.audit import Log, entry, found

VERIFY, KEYLESS = "verify, with the key", "verify, without the key"
BARE = "SHA-256 of the lines alone"
ONE, MANY, DISK = "append, a call for each entry", "append, 100 entries a call", "a line and fsync, nothing else"


def tables(*, quick: bool) -> Iterator[Table]:
    count = 5_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="careops-bench-") as base:
        log = Log(Path(base))
        log.run("append", entries=[long_entry(number) for number in range(count - 1)])
        yield verifying(log, count, runs=3 if quick else 9)
        yield appending(Path(base, "appended"), rounds=1 if quick else 5)


def long_entry(number: int) -> dict[str, object]:
    """An entry as a maintenance run writes it."""
    details = {"before": {"bytes": 123_456_789}, "after": {"bytes": 98_765_432}, "seconds": 1.25, "changed": True}
    run = "20261121T020000Z-weekly-3f9a1c"
    return entry(number, run=run, procedure="postgresql_maintenance", ref=f"{run}/{number:016x}", details=details)


def verifying(log: Log, count: int, *, runs: int) -> Table:
    lines = log.lines()
    missing = str(log.root / "no.key")

    def verified(**options: str) -> None:
        assert found(log.verify(**options), "audit.chain").evidence["last"] == count

    def bare() -> None:
        for line in log.lines():
            hashlib.sha256(line).digest()

    table = compare(
        f"An audit log of {count:,} entries, {sum(map(len, lines)) // count} bytes each",
        {
            BARE: bare,
            VERIFY: verified,
            KEYLESS: lambda: verified(key_file=missing),
        },
        baseline=BARE,
        runs=runs,
        unit="line",
        unit_count=count,
    )
    rate = 1 / table.row(VERIFY).per_unit
    goal = "met" if rate >= 50_000 else "missed"
    return Table(
        title=table.title,
        rows=table.rows,
        baseline=BARE,
        unit="line",
        notes=[f"With the key, {rate:,.0f} entries a second are verified; the goal of 50,000 is {goal}."],
    )


def appending(folder: Path, *, rounds: int) -> Table:
    folder.mkdir()
    log = Log(folder)
    log.append(1)

    def calls(number: int, size: int) -> None:
        for call in range(number):
            log.run("append", entries=[long_entry(row) | {"ref": ""} for row in range(call, call + size)])

    def plain() -> None:
        with (folder / "plain").open("ab", buffering=0) as target:
            for _line in range(100):
                target.write(b"x" * 600 + b"\n")
                os.fsync(target.fileno())

    return compare(
        "Entries that are on the disk before the call returns",
        {DISK: plain, ONE: lambda: calls(100, 1), MANY: lambda: calls(10, 100)},
        baseline=DISK,
        runs=rounds,
        unit="line",
        unit_count={DISK: 100, ONE: 100, MANY: 1000},
        notes=["A call writes and syncs the entries, then the head; Ansible's own time for a task comes on top."],
    )
