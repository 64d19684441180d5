# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the record of a run to the entries of the audit log."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from ..clock import parse_moment
from ..errors import MaintenanceError
from ..files import open_plain
from . import entry, records
from .entry import Deed

# Findings of the run about itself that stand for a deed that went wrong.
_TROUBLES = {"run.task": "task", "run.unreachable": "reach", "window.gate": "refuse_run"}
_ACTION_KEYS = ("before", "after", "seconds", "changed")
# What any policy wants to see in the security stream.
_ALWAYS = ("approve", "refuse_run")


@dataclass(frozen=True)
class Policy:
    """Which entries belong in the security stream too."""

    procedures: Sequence[str] = ()
    actions: Sequence[str] = ()

    def marks(self, deed: Deed) -> bool:
        """Whether this one does."""
        return (
            deed.security
            or deed.action in _ALWAYS
            or deed.action in self.actions
            or (deed.procedure != "" and deed.procedure in self.procedures)
        )


def read_record(folder: str) -> dict[str, Any]:
    """The record in the folder of a run. Raises MaintenanceError."""
    path = os.path.join(folder, "record.json")
    try:
        with open_plain(path) as stream:
            record: dict[str, Any] = json.load(stream)
        if not all((record["run"]["id"], record["run"]["started"], record["verdict"]["outcome"])):
            raise ValueError("empty")
    except OSError as error:
        raise MaintenanceError(f"The record {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise _no_record(path) from None
    return record


def _no_record(path: str) -> MaintenanceError:
    return MaintenanceError(f"The file {path} is no record of a run; close the run anew, which makes one.")


def deeds_in(folder: str, *, documents: Sequence[str] = ()) -> list[Deed]:
    """What the record in the folder of a run says was done. documents: what was made of it. Raises MaintenanceError."""
    record = read_record(folder)
    try:
        made = records.made_of(folder, documents)
        deeds = deeds_of(record, files=records.digests_of(folder), documents=made)
        for deed in deeds:
            parse_moment(deed.time, option="time")
    except (KeyError, TypeError, AttributeError, ValueError, MaintenanceError):
        raise _no_record(os.path.join(folder, "record.json")) from None
    return deeds


def deeds_of(
    record: Mapping[str, Any],
    *,
    files: Optional[Mapping[str, str]] = None,
    documents: Optional[Mapping[str, str]] = None,
) -> list[Deed]:
    """Everything that the run did, each with a ref by which the log knows it again.

    files: digests of what it left. documents: of what was made of it.

    A ref is made of what the entry says, so that a record that came twice adds nothing, and one that was corrected
    adds what is new in it. The opening has the ref ``<run>/open``: it may be in the log before there is a record.
    """
    run = record["run"]
    counts: dict[str, int] = {}
    deeds = []
    for deed in map(entry.fitted, _deeds(record, {"files": files, "documents": documents})):
        known = json.dumps([deed.fields()], sort_keys=True)
        digest = hashlib.sha256(known.encode()).hexdigest()[:16]
        counts[digest] = counts.get(digest, 0) + 1
        again = f".{counts[digest]}" if counts[digest] > 1 else ""
        name = "open" if deed.action == "open_run" else f"{digest}{again}"
        deeds.append(replace(deed, ref=f"{run['id']}/{name}", run=run["id"]))
    return deeds


def _deeds(record: Mapping[str, Any], digests: Mapping[str, Optional[Mapping[str, str]]]) -> Iterator[Deed]:
    run = record["run"]
    who: dict[str, Any] = {"operator": str(run.get("operator") or "unknown")}
    here: dict[str, Any] = {**who, "host": str(run.get("controller") or "controller")}
    yield Deed(
        time=run["started"],
        **here,
        action="open_run",
        target=str(run.get("system") or run["id"]),
        outcome="done",
        details=_set(
            {key: run.get(key) for key in ("cadence", "work_class", "ticket", "playbook", "change", "window")}
            | {"check_mode": run.get("check_mode") or None}
        ),
    )
    approval = run.get("approval")
    if approval:
        yield Deed(
            time=approval["given_at"],
            operator=approval["by"],
            host=here["host"],
            action="approve",
            target=run["id"],
            outcome="done",
            reason=approval["reason"],
            details=_set({"kind": approval["kind"], "key": approval.get("signed", {}).get("key")}),
        )
    yield from (_action(row, who) for row in record.get("actions", ()))
    yield from (
        _trouble(row, who)
        for row in record.get("attention", ())
        # A warning of the gate is an approval that overrode it, which has an entry of its own.
        if row["check"] in _TROUBLES and (row["check"], row["status"]) != ("window.gate", "warning")
    )
    verdict = record["verdict"]
    yield Deed(
        time=run.get("ended") or run["started"],
        **here,
        action="close_run",
        target=str(run.get("system") or run["id"]),
        outcome="failed" if verdict["outcome"] == "failed" else "done",
        reason=str(verdict.get("sentence") or ""),
        # The digests stay, however long the reasons are.
        details={
            **_set(
                {
                    "verdict": verdict["outcome"],
                    "interrupted": record.get("interrupted"),
                    "reasons": verdict.get("reasons"),
                }
            ),
            **{kind: dict(found) for kind, found in digests.items() if found},
        },
    )


def _set(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return entry.details_within({key: value for key, value in values.items() if value})


def _action(row: Mapping[str, Any], who: Mapping[str, Any]) -> Deed:
    return Deed(
        time=row["time"],
        **who,
        host=row["host"],
        procedure=row.get("procedure", ""),
        action=row["action"],
        target=row["target"],
        outcome=row["outcome"],
        reason=row.get("reason", ""),
        details=entry.details_within({key: row[key] for key in _ACTION_KEYS if key in row}),
    )


def _trouble(row: Mapping[str, Any], who: Mapping[str, Any]) -> Deed:
    """A task that failed, or a host that was away; the failed opening of a run is its refusal."""
    action = _TROUBLES[row["check"]]
    outcome = "refused" if action == "refuse_run" else "failed"
    if row.get("procedure") == "run_open" and row["status"] == "critical" and action == "task":
        action, outcome = "refuse_run", "refused"
    return Deed(
        time=row["time"],
        **who,
        host=row["host"],
        procedure=row.get("procedure", ""),
        action=action,
        target=row["subject"],
        outcome=outcome,
        reason=row["message"],
        details={"status": row["status"]},
    )
