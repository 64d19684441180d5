"""A log in a folder of its own, and the tools of somebody who tampers with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.careops.maintenance.plugins.module_utils.audit.arguments import ARGUMENTS
from ansible_collections.careops.maintenance.plugins.module_utils.audit.work import work
from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding
from ansible_collections.careops.maintenance.plugins.module_utils.glue import Outcome

NOW = "2026-11-21T02:00:00Z"


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {
        "operator": "a.jansen",
        "host": "clinic-db",
        "action": "reindex",
        "target": f"clinic.table_{number}",
        "outcome": "done",
        **more,
    }


class Log:
    """One stream, and its anchor host."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "audit"
        self.folder = self.root / "operational"
        self.key_file = folder / "keys" / "audit.key"
        self.anchor = folder / "anchors"
        self._numbers = itertools.count(1)

    def run(self, state: str, *, check_mode: bool = False, **options: Any) -> Outcome:
        defaults = {name: spec.get("default") for name, spec in ARGUMENTS.items()}
        own = {"path": str(self.root), "key_file": str(self.key_file), "origin": "clinic", "streams": ["operational"]}
        return work({**defaults, "now": NOW, **own, **options, "state": state}, check_mode=check_mode)

    def append(self, count: int = 1, **options: Any) -> dict[str, Any]:
        """Appends so many entries and returns what is said of the stream."""
        entries = [entry(number) for number in itertools.islice(self._numbers, count)]
        return stream(self.run("append", entries=entries, **options))

    def verify(self, **options: Any) -> Outcome:
        return self.run("verify", **options)

    def take_anchor(self, offers: dict[str, Any], **options: Any) -> Outcome:
        return self.run("anchor", path=str(self.anchor), offers=offers, **options)

    def known(self) -> dict[str, Any]:
        """What the anchor host knows."""
        details = self.take_anchor({}).details
        assert details is not None
        known: dict[str, Any] = details["streams"]
        return known

    def anchored_append(self, count: int = 1, **options: Any) -> Outcome:
        """Appends, and brings the checkpoint to the anchor host."""
        written = self.append(count, anchored=self.known(), **options)
        return self.take_anchor({written["origin"]: written})

    # Tampering

    def segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def lines(self) -> list[bytes]:
        return [line for path in self.segments() for line in path.read_bytes().splitlines()]

    def rewrite(self, change: Callable[[list[bytes]], None]) -> None:
        """Changes the lines of the whole log, each staying in its segment by what it was; for logs of one segment."""
        (path,) = self.segments()
        lines = path.read_bytes().splitlines()
        change(lines)
        path.write_bytes(b"".join(line + b"\n" for line in lines))


def stream(outcome: Outcome) -> dict[str, Any]:
    """Details of the only stream."""
    assert outcome.details is not None
    (details,) = outcome.details["streams"].values()
    found: dict[str, Any] = details
    return found


def found(outcome: Outcome, check: str) -> Finding:
    """The only finding of that check."""
    (finding,) = [finding for finding in outcome.findings if finding.check == check]
    return finding


def fault(outcome: Outcome) -> tuple[str, int]:
    """Kind and number of the fault that the finding names."""
    finding = found(outcome, "audit.chain")
    assert finding.status == "critical"
    return finding.evidence["kind"], finding.evidence["entry"]
