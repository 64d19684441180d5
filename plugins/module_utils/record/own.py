# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings that the run makes about itself: a task that failed, a host that was away, a record with a gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..findings import Finding
from .journal import Journal

LONGEST_MESSAGE = 900
# Findings of the run about itself. A critical one fails the run whatever policy says.
OWN_CHECKS = ("run.", "window.")


def one_line(text: object, *, longest: int = LONGEST_MESSAGE) -> str:
    """The text as one line, cut where it is too long for a message."""
    # Ansible ends a sentence with a colon where ssh had nothing to say.
    line = " ".join(str(text).split()).rstrip(": ") or "no message"
    return line if len(line) <= longest else f"{line[:longest]} ..."


def of_result(entry: Mapping[str, Any]) -> Iterator[Finding]:
    """What a task's result says about the run, whichever role it came from."""
    task = f"{entry['procedure']}: {entry['task']}"
    if entry["state"] == "unreachable":
        yield Finding(
            check="run.unreachable",
            subject=entry["host"],
            status="critical",
            message=f"The host could not be reached for the task '{task}': {one_line(entry['message'])}",
        )
    elif entry["state"] == "failed" and not _told(entry):
        recovered = entry["rescued"] or entry["ignored"]
        prefix = "The role recovered from a failed task" if recovered else "A task failed"
        yield Finding(
            check="run.task",
            subject=f"{entry['host']} {task}",
            status="warning" if recovered else "critical",
            message=f"{prefix}: {one_line(entry['message'])}",
        )
    if entry.get("hidden"):
        yield Finding(
            check="run.hidden",
            subject=f"{entry['host']} {task}",
            status="unknown",
            message="The task ran with no_log, so its findings cannot be recorded; take no_log from this task.",
        )
    if entry.get("malformed"):
        yield Finding(
            check="run.contract",
            subject=f"{entry['host']} {task}",
            status="unknown",
            message=f"{entry['malformed']} findings or actions break the result contract and were left out.",
        )


def _told(entry: Mapping[str, Any]) -> bool:
    """Whether a finding of the task, one that fails the run by itself, says the same as its failure."""
    return any(
        row["status"] == "critical"
        and row["check"].startswith(OWN_CHECKS)
        and row["message"] == one_line(entry["message"])
        for row in entry.get("findings", ())
    )


def of_procedure(entry: Mapping[str, Any]) -> Iterator[Finding]:
    """A procedure whose group has no host did nothing, and that is worth a word."""
    if not entry.get("members", len(entry["hosts"])):
        yield Finding(
            check="run.procedure",
            subject=entry["procedure"],
            status="unknown",
            message=(
                f"No host is in the inventory group {entry['procedure']}, so the procedure looked at nothing: "
                f"add its hosts to the group, or take the procedure out of the playbook."
            ),
        )


def of_given(names: Sequence[str]) -> Finding:
    """Policy from the command line stands above that of the inventory, and nobody reviewed it."""
    return Finding(
        check="run.given",
        subject="command line",
        status="warning",
        message=one_line(f"The command line set what is policy for this run: {', '.join(names)}."),
    )


def of_policy(cadence: str, unused: str) -> Finding:
    """Policy for a procedure that the playbook does not have does nothing, and whoever wrote it thinks otherwise."""
    return Finding(
        check="run.policy",
        subject=unused,
        status="warning",
        message=(
            f"Policy says how the cadence {cadence} runs the procedure {unused}, which its playbook does not have: "
            f"correct the name in policy_cadences, or add the procedure to the playbook."
        ),
    )


def of_unfinished(procedure: str, host: str) -> Finding:
    """A procedure that neither ended nor failed: something ended the play, and nobody noticed."""
    return Finding(
        check="run.procedure",
        subject=f"{host} {procedure}",
        status="critical",
        message="The procedure did not come to its end on this host, and no task failed: see the output of Ansible.",
    )


def of_record(journal: Journal) -> Iterator[Finding]:
    """What is missing from the record."""
    if not journal.first("opened"):
        yield Finding(
            check="run.record",
            subject="journal",
            status="critical",
            message="The run was not opened, so no procedure could begin.",
        )
    for problem in journal.problems:
        yield Finding(check="run.record", subject="journal", status="critical", message=one_line(problem))
