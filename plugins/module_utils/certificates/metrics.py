# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every certificate as metrics, for the textfile collector of Prometheus' node_exporter.

A series is known by place, name and kind, none of which a renewal changes: an alert goes away when the new
certificate is in its place. What a renewal changes stands in one series for information.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import MaintenanceError
from ..files import write_atomic
from ..findings import STATUSES, Finding
from ..report.metrics import Family
from . import judge
from .gather import Gathered
from .library import printable
from .sources import reason_of

MODE = 0o644  # node_exporter reads it as an account of its own


@dataclass(frozen=True)
class Scan:
    """What is told of the look as a whole. now: seconds since the epoch; seconds: how long it took.

    name: of the file, which tells its series from those of another look at the same host. Where two files
    hold one series, node_exporter drops it from the second.
    """

    name: str
    now: float
    seconds: float
    files: int
    endpoints: int


def write(path: str, text: str, *, findings: Sequence[Finding]) -> None:
    """Puts the metrics in their place at once. Raises MaintenanceError with what was found until then."""
    try:
        write_atomic(path, text.encode("utf-8", "replace"), mode=MODE)
    except OSError as error:
        raise MaintenanceError(
            f"The metrics could not be written to {path}: {reason_of(error)}; make its folder, or correct textfile.",
            findings=findings,
        ) from None


def render(gathered: Gathered, findings: Sequence[Finding], *, thresholds: judge.Thresholds, scan: Scan) -> str:
    """The metrics in the text format of Prometheus, without timestamps and without a series twice."""
    families = [*_certificates(gathered, findings, thresholds), *_problems(findings), *_scan(gathered, findings, scan)]
    own = ("scan", scan.name)
    for family in families:
        family.samples = {(own, *labels): value for labels, value in family.samples.items()}
    return "".join(f"{line}\n" for family in families for line in family.lines())


def _certificates(gathered: Gathered, findings: Sequence[Finding], thresholds: judge.Thresholds) -> Sequence[Family]:
    info = Family("careops_certificate_info", "What a renewal of the certificate changes, as labels.")
    begins = _moment("not_before", "First second that the certificate is valid in")
    ends = _moment("not_after", "Last second that the certificate is valid in")
    chain = _moment("chain_not_after", "Last second that all issuers of the certificate are valid in")
    warning = _moment("warning", "When the certificate becomes a warning, by its own lifetime")
    critical = _moment("critical", "When the certificate becomes critical, by its own lifetime")
    status = Family("careops_certificate_status", "At the last look: 0 ok, 1 warning, 2 unknown, 3 critical.")
    statuses = _statuses(findings)
    for identity, labels in _labels(gathered).items():
        one = gathered.certificates[identity]
        early, late = thresholds.seconds(judge.lifetime(one.not_before, one.not_after))
        begins.add(labels, one.not_before)
        ends.add(labels, one.not_after)
        warning.add(labels, round(one.not_after - early))
        critical.add(labels, round(one.not_after - late))
        status.add(labels, statuses.get(identity.hex(), 0))
        if identity in gathered.chains:
            chain.add(labels, gathered.chain_end(gathered.chains[identity]).not_after)
        more = {"serial": one.serial, "issuer": one.issuer, "key": one.key.name, "signature": one.signature}
        info.add({**labels, "fingerprint": identity.hex(), **more}, 1)
    return info, begins, ends, chain, warning, critical, status


def _moment(name: str, words: str) -> Family:
    return Family(f"careops_certificate_{name}_timestamp_seconds", f"{words}, in seconds since 1970.")


def _statuses(findings: Sequence[Finding]) -> dict[str, int]:
    """The gravest status of each certificate, by its fingerprint."""
    statuses: dict[str, int] = {}
    for finding in findings:
        fingerprint = finding.evidence.get("fingerprint", "")
        statuses[fingerprint] = max(statuses.get(fingerprint, 0), STATUSES.index(finding.status))
    return statuses


def _labels(gathered: Gathered) -> dict[bytes, dict[str, str]]:
    """The labels of each certificate; where two would be alike, the fingerprint tells them apart."""
    labels = {}
    for identity, certificate in gathered.certificates.items():
        leaf = "leaf" if identity in gathered.leaves else "issuer"
        kind = "spare" if gathered.is_spare(identity) else leaf
        place = printable(gathered.places[identity][0])
        labels[identity] = {"place": place, "name": certificate.name, "kind": kind}
    times = Counter(tuple(one.values()) for one in labels.values())
    for identity, one in labels.items():
        if times[tuple(one.values())] > 1:
            labels[identity] = {**one, "name": f"{one['name']} {identity.hex()[:12]}"}
    return labels


def _problems(findings: Sequence[Finding]) -> Sequence[Family]:
    tally = Family("careops_certificate_findings", "Findings of the last look by check and status.")
    problems = Family("careops_certificate_problem", "What is not in order: 1 warning, 2 unknown, 3 critical.")
    counts = Counter((finding.check, finding.status) for finding in findings)
    for check in dict.fromkeys(finding.check for finding in findings):
        for status in STATUSES:
            tally.add({"check": check, "status": status}, counts[check, status])
    for finding in sorted(findings, key=lambda finding: -STATUSES.index(finding.status)):
        if finding.status != "ok":
            problems.add({"check": finding.check, "subject": finding.subject}, STATUSES.index(finding.status))
    return tally, problems


def _scan(gathered: Gathered, findings: Sequence[Finding], scan: Scan) -> Sequence[Family]:
    unreadable = sum(finding.check == "certificate.readable" and finding.status != "ok" for finding in findings)
    families = []
    for name, words, value in (
        ("timestamp_seconds", "When certificates were last looked at, in seconds since 1970.", int(scan.now)),
        ("duration_seconds", "How long the last look took.", round(scan.seconds, 3)),
        ("files", "Files that were looked into.", scan.files),
        ("endpoints", "Endpoints that were asked.", scan.endpoints),
        ("certificates", "Different certificates that were seen.", len(gathered.certificates)),
        ("unreadable", "Things that could not be looked at.", unreadable),
    ):
        family = Family(f"careops_certificate_scan_{name}", words)
        family.add({}, value)
        families.append(family)
    return families
