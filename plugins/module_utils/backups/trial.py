# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole test of a database's backups: look, read, judge, restore, verify, and leave nothing behind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import to_text
from ..deadline import LEFT
from ..errors import MaintenanceError
from ..findings import Action, Finding, judge
from ..glue import Outcome
from ..postgres.connection import connect, psycopg2
from .archive import Archive
from .found import Found, find_backups, read_whole
from .judge import judge_age, judge_checksum, judge_presence, judge_readable, judge_size, newest_good
from .log import Log
from .objects import check_objects
from .policy import Policy
from .programs import interruptible
from .restore import explain, restore_into, restorer, room_problem
from .restored import check_constraints, check_query, check_sequences, count_restored, judge_rows
from .scratch import ScratchServer
from .sidecar import read_checksum

# A restored database with its indexes is so many times its compressed archive, where nothing better is known.
_EXPANSION = 6


def prove_backups(policy: Policy, *, now: datetime, check_mode: bool) -> Outcome:
    """Judges the backups and restores one. Raises MaintenanceError, with what was seen until then."""
    log = Log(details={"backups": [], "restored": "", "recovery_seconds": 0.0, "recovery_point_hours": 0.0, "rows": {}})
    with log.told(), interruptible():
        found = _examine(policy, log, now=now)
        if policy.restore != "none":
            _restore_stage(policy, log, found, now=now, check_mode=check_mode)
    return Outcome(log.findings, log.actions, log.details)


def _examine(policy: Policy, log: Log, *, now: datetime) -> list[Found]:
    found = _read(find_backups(policy), policy)
    log.findings += judge_presence(found, policy, now)
    log.findings += judge_age(found, policy, now)
    log.findings += judge_size(found, policy, now)
    log.findings += judge_readable(found)
    log.findings += _judge_checksums(found, policy)
    newest = newest_good(found)
    if newest and newest.created:
        log.details["recovery_point_hours"] = round((now - newest.created) / timedelta(hours=1), 2)
    log.details["backups"] = [
        {
            "path": backup.path,
            "bytes": backup.size,
            "created": to_text(backup.created) if backup.created else "",
            "problem": backup.problem,
        }
        for backup in found
    ]
    return found


def _read(found: Sequence[Found], policy: Policy) -> list[Found]:
    """Reads as many backups whole as asked for; with ``newest``, until one of them is good."""
    backups = list(found)
    for position, backup in enumerate(backups):
        asked = policy.read == "full" or backup.path == policy.restore
        newest = policy.read == "newest" or policy.restore == "newest"
        is_newest = newest and backup.good and newest_good(backups) is backup
        if (asked or is_newest) and backup.damage not in ("empty", "foreign", "unreadable"):
            backups[position] = _distrust(read_whole(backup, bindir=policy.bindir, timeout=policy.timeout))
    return backups


def _distrust(backup: Found) -> Found:
    """A backup that is not the file that was written is no good one, even if it can be read."""
    recorded = _recorded(backup)
    if backup.good and recorded and recorded != backup.sha256:
        return replace(backup, damage="checksum", problem="does not match the SHA-256 beside it")
    return backup


def _recorded(backup: Found) -> Optional[str]:
    try:
        return read_checksum(backup.path)
    except OSError:
        return ""


def _judge_checksums(found: Sequence[Found], policy: Policy) -> list[Finding]:
    judged = (
        judge_checksum(backup, _recorded(backup), required=policy.require_checksum)
        for backup in found
        if backup.damage != "unreadable"
    )
    return [finding for finding in judged if finding is not None]


def _choose(policy: Policy, found: Sequence[Found]) -> Optional[Found]:
    if policy.restore == "newest":
        return newest_good(found)
    for backup in found:
        if backup.path == policy.restore:
            return backup if backup.good else None
    raise MaintenanceError(
        f"The backup {policy.restore} to restore is none of those found: correct the option restore or backups."
    )


def _restore_stage(policy: Policy, log: Log, found: Sequence[Found], *, now: datetime, check_mode: bool) -> None:
    chosen = _choose(policy, found)
    server = ScratchServer(
        policy.target, maintenance_database=policy.maintenance_database, prefix=policy.scratch_prefix
    )
    try:
        _reap(server, log, check_mode=check_mode)
        if chosen is None or chosen.archive is None:
            named = policy.database if policy.restore == "newest" else policy.restore
            message = f"Nothing was restored: there is no good backup ({named}); take one now."
            log.findings.append(Finding("backup.restore", named, "critical", message))
            reason = "there is no good backup"
            log.actions.append(Action("restore_test", named, changed=False, outcome="skipped", reason=reason))
            return
        trial = _Trial(policy, log, server, chosen, chosen.archive, now)
        trial.prepare()
        if check_mode:
            log.actions.append(Action("restore_test", chosen.path, changed=False, outcome="planned"))
        elif policy.deadline.passed:
            log.actions.append(Action("restore_test", chosen.path, changed=False, outcome="skipped", reason=LEFT))
            message = f"The backup {chosen.path} was not restored for a test: {LEFT}."
            log.findings.append(Finding("backup.restore", chosen.path, "unknown", message))
        else:
            trial.run()
    finally:
        server.close()


def _reap(server: ScratchServer, log: Log, *, check_mode: bool) -> None:
    for name in server.leftovers():
        if not check_mode:
            server.drop(name)
        log.actions.append(Action("drop_leftover", name, changed=True, outcome="planned" if check_mode else "done"))
        log.findings.append(
            Finding(
                "backup.leftover",
                name,
                "warning" if check_mode else "ok",
                f"A restore test that was killed left the scratch database {name} on {server.spec.address}; "
                f"{'the next run drops it' if check_mode else 'it was dropped'}.",
            )
        )


@dataclass
class _Trial:
    """The restore of one backup, and what it shows."""

    policy: Policy
    log: Log
    server: ScratchServer
    backup: Found
    archive: Archive
    now: datetime

    def prepare(self) -> None:
        """Makes sure that it can work at all, before anything is created. Raises MaintenanceError."""
        self.facts = self.server.facts()
        address = self.server.spec.address
        if self.facts["standby"]:
            raise MaintenanceError(
                f"The server at {address} is a standby and cannot be written to: set restore_login_host to another."
            )
        self.program, self.tool = restorer(self.archive, bindir=self.policy.bindir)
        needed = self.server.database_bytes(self.policy.database) or self.backup.size * _EXPANSION
        problem = room_problem(self.server.spec, self.facts["data_directory"], needed=needed)
        if problem:
            raise MaintenanceError(problem)
        self._check_roles()

    def _check_roles(self) -> None:
        owners = {entry.owner for entry in self.archive.entries if entry.owner}
        missing = sorted(owners - self.server.roles())
        path, status = self.backup.path, "ok"
        message = f"The {len(owners)} roles that own what is in {path} exist on {self.server.spec.address}."
        if missing:
            status = "warning"
            message = (
                f"The backup {path} has objects of roles that {self.server.spec.address} lacks "
                f"({', '.join(missing[:5])}): a real recovery must create them first, so back up the roles too."
            )
        evidence = {"missing": missing[:20]} if missing else {}
        self.log.findings.append(
            Finding("backup.roles", path, status, message, value=len(missing), unit="count", evidence=evidence)
        )

    def run(self) -> None:
        """Restores, verifies, and drops the scratch database whatever happens."""
        path, seconds = self.backup.path, {}
        name = self.server.reserve(now=self.now)
        begun = time.monotonic()
        try:
            self.server.create(name, self.archive, now=self.now, source=path)
            reason = restore_into(
                self.program,
                path,
                name,
                spec=self.server.spec,
                jobs=self.policy.jobs,
                timeout=self.policy.deadline.bound(self.policy.timeout),
            )
            seconds["restore"] = round(time.monotonic() - begun, 3)
            if reason:
                self._failed(explain(reason, self.archive, tool=self.tool, server=self.facts["major"]), seconds)
                return
            begun = time.monotonic()
            self._verify(name)
            seconds["verify"] = round(time.monotonic() - begun, 3)
        finally:
            self.server.drop(name)
        self._succeeded(seconds)

    def _failed(self, reason: str, seconds: dict[str, float]) -> None:
        path = self.backup.path
        message = f"The backup {path} cannot be restored: {reason}."
        self.log.findings.append(Finding("backup.restore", path, "critical", message[:1000]))
        self.log.actions.append(
            Action("restore_test", path, changed=False, outcome="failed", reason=reason, seconds=seconds["restore"])
        )

    def _verify(self, name: str) -> None:
        policy, path = self.policy, self.backup.path
        connection = connect(self.server.spec, name, application="careops restore test")
        try:
            self.log.findings.append(check_objects(connection, self.archive, subject=path))
            rows = count_restored(connection)
            self.log.details["rows"] = rows
            self.log.findings += judge_rows(rows, self.backup.rows, min_rows=policy.min_rows, subject=path)
            self.log.findings += check_sequences(connection, self.archive, subject=path)
            self.log.findings.append(check_constraints(connection, subject=path))
            self.log.findings += [
                check_query(connection, item, seconds=policy.query_timeout) for item in policy.queries
            ]
        except psycopg2.Error as error:
            message = f"What was restored from {path} cannot be verified: {' '.join(str(error).split())[:300]}."
            self.log.findings.append(Finding("backup.restore", path, "critical", message))
        finally:
            connection.close()

    def _succeeded(self, seconds: dict[str, float]) -> None:
        path, took = self.backup.path, seconds["restore"]
        evidence: dict[str, Any] = {"role": self.server.spec.user, "superuser": self.facts["superuser"]}
        message = f"The backup {path} was restored in {took:.1f} s, and the scratch database dropped."
        self.log.findings.append(
            Finding("backup.restore", path, "ok", message, value=took, unit="seconds", evidence=evidence)
        )
        objective = self.policy.recovery_time_objective or None
        status, threshold = judge(took, warning=objective and objective * 0.8, critical=objective)
        against = f"the objective is {objective:g} s" if objective else "there is no objective for it"
        message = f"Recovering {self.policy.database} took {took:.1f} s; {against}."
        self.log.findings.append(
            Finding(
                "backup.recovery_time",
                self.policy.database,
                status,
                message,
                value=took,
                unit="seconds",
                threshold=threshold,
            )
        )
        after = {f"{step}_seconds": value for step, value in seconds.items()}
        after["rows"] = sum(self.log.details["rows"].values())
        whole = round(sum(seconds.values()), 3)
        self.log.details.update(restored=path, recovery_seconds=took)
        self.log.actions.append(Action("restore_test", path, changed=False, outcome="done", after=after, seconds=whole))
