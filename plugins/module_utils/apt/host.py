# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings about the host itself: dpkg's state and needed reboots."""

from __future__ import annotations

from typing import Optional

from ..findings import Finding
from .dpkg import DpkgState
from .reboot import RebootState


def dpkg_findings(state: DpkgState) -> list[Finding]:
    """Whether packages can be installed at all."""
    if state.holder:
        who = f"process {state.holder.pid} ({state.holder.program})"
        return [
            _dpkg(
                "warning",
                f"dpkg is locked by {who}, so its state was not looked at: wait for it to end, then look again.",
                evidence={"pid": state.holder.pid, "program": state.holder.program},
            )
        ]
    findings = []
    if state.journal:
        findings.append(
            _dpkg(
                "critical",
                "A run of dpkg was interrupted, and nothing can be installed until it is finished: "
                "run dpkg --configure -a.",
                evidence={"journal": list(state.journal[:20])},
            )
        )
    if state.audit:
        findings.append(
            _dpkg(
                "critical",
                f"dpkg finds packages that are only half installed ({', '.join(state.audit[:10])}): "
                "run dpkg --audit to see how, then dpkg --configure -a or apt-get --fix-broken install.",
                subject="half installed packages",
                evidence={"packages": list(state.audit[:50])},
            )
        )
    if state.problem:
        findings.append(_dpkg("unknown", f"dpkg could not be asked for its state: {state.problem[:500]}."))
    unseen = "" if state.lock_seen else " Whether somebody works with it just now is seen with become only."
    return findings or [_dpkg("ok", f"dpkg has no unfinished work.{unseen}")]


def _dpkg(status: str, message: str, *, subject: str = "dpkg", evidence: Optional[dict[str, object]] = None) -> Finding:
    return Finding(check="apt.dpkg", subject=subject, status=status, message=message, evidence=evidence or {})


def reboot_findings(state: RebootState) -> list[Finding]:
    """Whether updates wait for a reboot, or for restarts of services."""
    findings = []
    if state.reasons:
        findings.append(
            Finding(
                check="apt.reboot",
                subject="host",
                status="warning",
                message=f"The host needs a reboot ({'; '.join(state.reasons)}): until then old code runs.",
                evidence={"reasons": list(state.reasons), "packages": list(state.packages[:50])},
            )
        )
    else:
        findings.append(
            Finding(check="apt.reboot", subject="host", status="ok", message="No update waits for a reboot.")
        )
    if state.unseen:
        findings.append(
            Finding(
                check="apt.restart",
                subject="services",
                status="unknown",
                message=f"needrestart could not tell which services need a restart: {state.unseen}.",
            )
        )
    elif state.services:
        findings.append(
            Finding(
                check="apt.restart",
                subject="services",
                status="warning",
                message=(
                    f"{len(state.services)} services still run code that was updated "
                    f"({', '.join(state.services[:8])}): restart them in the next window."
                ),
                value=len(state.services),
                unit="count",
                threshold=1,
                evidence={"services": list(state.services[:100])},
            )
        )
    elif state.services is not None:
        findings.append(
            Finding(
                check="apt.restart",
                subject="services",
                status="ok",
                message="No service runs code that was updated.",
                value=0,
                unit="count",
                threshold=1,
            )
        )
    return findings
