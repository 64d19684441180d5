"""Thousands of certificates: cert_expiry against a bare parallel program, and against what people loop over."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.harness import Table, compare, package_version, program_version
from tests.lab.certificates import make, shared_key
from tests.lab.modules import ROOT

OURS, BARE = "cert_expiry", "bare parallel cryptography"
OURS_ALL = "cert_expiry, a finding for every certificate"
ANSIBLE, OPENSSL = "community.crypto.x509_certificate_info, looped over", "openssl x509, looped over"

# What the collection allows itself against the bare program, and of memory, in MiB.
MOST, MOST_MEMORY = 1.3, 300

PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - community.crypto.x509_certificate_info:
        path: "{{ item }}"
      loop: "{{ paths }}"
"""
LOOP = """
for file in "$@"; do
  openssl x509 -in "$file" -noout -fingerprint -sha256 -subject -issuer -serial -dates -ext subjectAltName
done
"""


def tables(*, quick: bool) -> Iterator[Table]:
    count = 500 if quick else 10_000
    with tempfile.TemporaryDirectory(prefix="careops-bench-") as base:
        folder = Path(base, "certificates")
        folder.mkdir()
        fill(folder, count)
        # The start of a process is most of what a few files cost: no goal for those.
        goals = {} if quick else {OURS: MOST, OURS_ALL: MOST}
        yield against_the_bare_program(folder, count, runs=3 if quick else 11, goals=goals)
        copies = Path(base, "copies")
        copies.mkdir()
        fill_with_copies(copies, 100 if quick else 1000)
        yield copies_against_the_bare_program(copies, runs=3 if quick else 11, goals={} if quick else {OURS: MOST})
        yield against_the_loops(folder, count, ansible=3 if quick else 30, openssl=30 if quick else 300)


def copies_against_the_bare_program(folder: Path, *, runs: int, goals: dict[str, float]) -> Table:
    count = len(list(folder.iterdir()))
    return compare(
        f"{count:,} copies of one PEM file of two certificates",
        {
            BARE: lambda: run([sys.executable, ROOT / "tests/bench/bare_certificates.py", folder]),
            OURS: lambda: scan(folder, 1),
        },
        baseline=BARE,
        runs=runs,
        unit="path",
        unit_count=count,
        goals=goals,
        versions={"cryptography": package_version("cryptography")},
        notes=["The bare program prints a finding for each copy; cert_expiry prints one, with every path."],
    )


def against_the_bare_program(folder: Path, count: int, *, runs: int, goals: dict[str, float]) -> Table:
    memory = peak_memory(folder, healthy_findings=3 * count)
    return compare(
        f"{count:,} PEM files of two certificates each, all different",
        {
            BARE: lambda: run([sys.executable, ROOT / "tests/bench/bare_certificates.py", folder]),
            OURS: lambda: scan(folder, count),
            OURS_ALL: lambda: scan(folder, count, healthy_findings=3 * count),
        },
        baseline=BARE,
        runs=runs,
        unit="certificate",
        unit_count=2 * count,
        goals=goals,
        versions={"cryptography": package_version("cryptography")},
        notes=[
            "Whole processes, from start to printed result. The bare program prints the same fields of every "
            "certificate; of those in order, cert_expiry by itself prints the 5,000 that expire first. "
            f"Peak memory with a finding for every certificate, workers included: {memory:.0f} MiB "
            f"(goal {MOST_MEMORY}: {'met' if memory <= MOST_MEMORY else 'missed'}).",
        ],
    )


def against_the_loops(folder: Path, count: int, *, ansible: int, openssl: int) -> Table:
    paths = sorted(str(path) for path in folder.iterdir())
    return compare(
        "A certificate, against the loops",
        {
            ANSIBLE: lambda: ansible_loop(paths[:ansible], folder.parent),
            OPENSSL: lambda: run(["sh", "-c", LOOP, "sh", *paths[:openssl]]),
            OURS: lambda: scan(folder, count),
        },
        baseline=ANSIBLE,
        runs=3,
        unit="certificate",
        unit_count={ANSIBLE: ansible, OPENSSL: openssl, OURS: 2 * count},
        goals={OURS: 1 / 500},
        versions={
            "cryptography": package_version("cryptography"),
            "ansible-core": package_version("ansible-core"),
            "OpenSSL": program_version("openssl", "version").split()[1],
        },
        notes=["The loops read the first certificate of a file only. The start of ansible-playbook is not counted."],
    )


def fill(folder: Path, count: int) -> None:
    """Files of a leaf and its issuer, no certificate like another."""
    for number in range(count):
        issuer = make(f"CA {number}", authority=True, key=shared_key(1), days=700, lifetime=1000)
        leaf = make(f"h{number}.example", issuer=issuer, names=[f"h{number}.example", f"www.h{number}.example"])
        (folder / f"{number:05}.pem").write_bytes(leaf.pem + issuer.pem)


def fill_with_copies(folder: Path, count: int) -> None:
    """One certificate and its issuer under so many paths."""
    issuer = make("CA", authority=True, key=shared_key(1), days=700, lifetime=1000)
    content = make("copied.example", issuer=issuer).pem + issuer.pem
    for number in range(count):
        (folder / f"{number:05}.pem").write_bytes(content)


def run(argv: Sequence[str | Path], *, cwd: Path = ROOT) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=cwd)


def scan(folder: Path, count: int, **options: Any) -> float:
    """Seconds that the module took."""
    started = time.perf_counter()
    with start(folder, **options) as process:
        output = process.communicate()[0]
    seconds = time.perf_counter() - started
    assert json.loads(output)["details"]["distinct"] == 2 * count
    return seconds


def start(folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    """The module's process; without the test lab's way to hand options over, which loads more than the module does."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ansible_collections.careops.maintenance.plugins.modules.cert_expiry",
            json.dumps({"ANSIBLE_MODULE_ARGS": {"paths": [str(folder)], **options}}),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
    )


def ansible_loop(paths: Sequence[str], folder: Path) -> float:
    """Seconds that the loop took, without those of a playbook that loops over nothing."""
    playbook = folder / "loop.yml"
    playbook.write_text(PLAYBOOK)
    seconds = []
    for chosen in ([], paths):
        extra = json.dumps({"paths": chosen, "ansible_python_interpreter": sys.executable})
        started = time.perf_counter()
        # From outside the checkout, whose settings switch the recorder on.
        run(["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", extra, playbook], cwd=folder)
        seconds.append(time.perf_counter() - started)
    return seconds[1] - seconds[0]


def peak_memory(folder: Path, **options: Any) -> float:
    """Most memory that the module and its workers had together, in MiB; shared pages count once."""
    process = start(folder, **options)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, sum(proportional(pid) for pid in family(process.pid)))
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.communicate()
    watcher.join()
    return peak / 1024


def family(pid: int) -> list[int]:
    children = ""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *(int(word) for word in children.split())]


def proportional(pid: int) -> int:
    """The process's share of memory, in KiB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
