# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking one backup: dumped beside its place, read through, and only then given its name."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from ..clock import to_text
from ..deadline import LEFT, Deadline
from ..errors import MaintenanceError
from ..files import sync_folder, write_atomic
from ..findings import Action, Finding
from ..glue import Outcome
from ..postgres.connection import ConnectionSpec, connect, tool_path
from .access import why_not
from .blocks import read_through
from .folder import PARTIAL, Kept, Naming, is_locked, kept_backups, leftovers, locked, removable, remove_backup
from .log import Log
from .programs import how_it_ended, interruptible, run_to_its_end
from .sidecar import CHECKSUM, MANIFEST, Manifest, checksum_line, read_checksum
from .zones import utc_offset

# A first backup may need half of what the database takes; a later one a quarter more than the one before.
_FIRST_SHARE, _GROWTH = 0.5, 1.25


@dataclass(frozen=True)
class Order:
    """What to back up, where to, how many to keep. Options of pg_backup."""

    spec: ConnectionSpec
    database: str
    directory: str
    naming: Naming
    compress: int
    keep: int
    interval_hours: float
    lock_wait_seconds: int
    timeout: int
    bindir: str
    deadline: Deadline


def back_up(order: Order, *, now: datetime, check_mode: bool) -> Outcome:
    """Takes the backup if it is due, and lets those go that need not be kept. Raises MaintenanceError."""
    log = Log(details={"path": "", "bytes": 0, "sha256": "", "taken": False, "kept": 0, "removed": 0})
    problem = why_not(order.directory, write=True)
    if problem:
        raise MaintenanceError(problem)
    os.umask(0o077)
    with log.told(), interruptible():
        if check_mode:
            _work(order, log, now=now, check_mode=True, lock=-1)
        else:
            with locked(order.directory, order.database) as lock:
                _work(order, log, now=now, check_mode=False, lock=lock)
    return Outcome(log.findings, log.actions, log.details)


def _work(order: Order, log: Log, *, now: datetime, check_mode: bool, lock: int) -> None:
    _sweep(order, log, check_mode=check_mode)
    kept = kept_backups(order.directory, order.naming)
    path = os.path.join(order.directory, order.naming.name_at(now))
    kept, recent = _recent(order, kept, now=now, path=path)
    newest = next((backup for backup in kept if not backup.problem), None)
    if recent:
        hours = (now - recent.moment) / timedelta(hours=1)
        reason = (
            f"{recent.path} is {hours:.1f} hours old and was read through now; "
            f"the next one is due after {order.interval_hours:g} hours"
        )
        log.actions.append(Action("backup", order.database, changed=False, outcome="skipped", reason=reason))
        log.details.update(path=recent.path, bytes=recent.bytes)
    elif order.deadline.passed:
        log.actions.append(Action("backup", order.database, changed=False, outcome="skipped", reason=LEFT))
        message = f"The backup of {order.database} was not taken: {LEFT}."
        log.findings.append(Finding("backup.taken", order.database, "critical", message))
    else:
        _take(order, log, path=path, newest=newest, now=now, check_mode=check_mode, lock=lock)
        kept = [Kept(path, now, 0), *kept] if check_mode else kept_backups(order.directory, order.naming)
    _prune(order, log, kept, check_mode=check_mode)


def _recent(order: Order, kept: list[Kept], *, now: datetime, path: str) -> tuple[list[Kept], Optional[Kept]]:
    """The good backup that makes a new one unnecessary, read through since it will be relied upon."""
    for position, backup in enumerate(kept):
        age = now - backup.moment
        young = timedelta(0) <= age < timedelta(hours=order.interval_hours)
        if backup.problem or not (young or backup.path == path):
            continue
        _reading, damage, sha256 = read_through(backup.path)
        if damage is None and read_checksum(backup.path) in (None, sha256):
            return kept, backup
        kept[position] = replace(backup, problem=str(damage or "does not match its SHA-256"))
    return kept, None


def _sweep(order: Order, log: Log, *, check_mode: bool) -> None:
    if check_mode and is_locked(order.directory, order.database):
        # What is there is being written.
        return
    for path in leftovers(order.directory, order.naming):
        size = os.stat(path).st_size
        if not check_mode:
            os.unlink(path)
        log.actions.append(
            Action("remove", path, changed=True, outcome="planned" if check_mode else "done", before={"bytes": size})
        )
        log.findings.append(
            Finding(
                "backup.leftover",
                path,
                "ok" if not check_mode else "warning",
                f"An interrupted backup of {order.database} left {path} ({size:,} bytes); "
                f"{'the next run removes it' if check_mode else 'it was removed'}.",
                value=size,
                unit="bytes",
            )
        )


def _take(
    order: Order, log: Log, *, path: str, newest: Optional[Kept], now: datetime, check_mode: bool, lock: int
) -> None:
    program = tool_path("pg_dump", order.bindir)
    before = _look_at_source(order)
    _check_space(order, newest, database_bytes=before["database_bytes"])
    log.details["path"] = path
    if check_mode:
        log.actions.append(Action("backup", order.database, changed=True, outcome="planned", before=before))
        return
    started = time.monotonic()
    try:
        manifest = _dump(order, program, path=path, lock=lock, now=now, server_version=before["server_version"])
    except MaintenanceError as error:
        log.actions.append(
            Action("backup", order.database, changed=False, outcome="failed", before=before, reason=str(error)[:500])
        )
        raise
    seconds = round(time.monotonic() - started, 3)
    after = {"path": path, "bytes": manifest.size, "sha256": manifest.sha256, "seconds": seconds}
    log.actions.append(
        Action("backup", order.database, changed=True, outcome="done", before=before, after=after, seconds=seconds)
    )
    log.details.update(taken=True, bytes=manifest.size, sha256=manifest.sha256)
    log.findings.append(
        Finding(
            "backup.taken",
            order.database,
            "ok",
            f"{order.database} was backed up to {path} in {seconds:.1f} s ({manifest.size:,} bytes, "
            f"{sum(manifest.rows.values()):,} rows of {len(manifest.rows)} tables), and all of it read again.",
            value=manifest.size,
            unit="bytes",
            evidence={"sha256": manifest.sha256, "tables": len(manifest.rows)},
        )
    )


def _look_at_source(order: Order) -> dict[str, Any]:
    connection = connect(order.spec, order.database, application="careops pg_backup")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database()), current_setting('server_version')")
            size, version = cursor.fetchone()
    finally:
        connection.close()
    return {"database_bytes": int(size), "server_version": str(version)}


def _check_space(order: Order, newest: Optional[Kept], *, database_bytes: int) -> None:
    needed = int(newest.bytes * _GROWTH if newest else database_bytes * _FIRST_SHARE)
    volume = os.statvfs(order.directory)
    free = volume.f_bavail * volume.f_frsize
    if free < needed:
        raise MaintenanceError(
            f"The volume of {order.directory} has {free:,} bytes free and the backup of {order.database} may need "
            f"{needed:,}: free some space, or choose another directory; nothing was written."
        )


def _dump(order: Order, program: str, *, path: str, lock: int, now: datetime, server_version: str) -> Manifest:
    """Dumps beside the place, reads the archive through, writes the sidecars, and gives it its name."""
    partial = path + PARTIAL
    written = [partial, path + CHECKSUM, path + MANIFEST]
    try:
        done = run_to_its_end(
            [
                *(program, "--format=custom", f"--compress={order.compress}", f"--file={partial}", "--no-password"),
                f"--lock-wait-timeout={order.lock_wait_seconds * 1000}",
            ],
            # The database by environment: as an argument, a name with "=" would be a connection string.
            environment={**order.spec.environment(), "PGDATABASE": order.database},
            timeout=order.deadline.bound(order.timeout),
            inherit=[lock],
        )
        if done.returncode != 0:
            raise MaintenanceError(_explain(order, how_it_ended(done)))
        os.chmod(partial, 0o600)
        _flush(partial)
        manifest = _verify(order, partial, now=now, server_version=server_version)
        write_atomic(path + CHECKSUM, checksum_line(manifest.sha256, os.path.basename(path)), mode=0o600)
        write_atomic(path + MANIFEST, manifest.as_json(), mode=0o600)
        os.rename(partial, path)
    except BaseException:
        _remove(written)
        raise
    sync_folder(order.directory)
    return manifest


def _explain(order: Order, reason: str) -> str:
    what = f"pg_dump could not back up {order.database}: {reason}"
    if "server version mismatch" in reason:
        return f"{what}: it is older than the server; install the server's client tools, or set pg_bindir to them."
    if "statement timeout" in reason or "lock timeout" in reason:
        return f"{what}: somebody else holds a lock on a table, for over {order.lock_wait_seconds} s; retry later."
    if "No space left on device" in reason or "SIGXFSZ" in reason:
        return (
            f"{what}: there is no room in {order.directory}; free some space and retry. The partial file was removed."
        )
    return f"{what}. The partial file was removed."


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _verify(order: Order, partial: str, *, now: datetime, server_version: str) -> Manifest:
    reading, damage, sha256 = read_through(partial)
    if reading is None:
        raise MaintenanceError(
            f"The backup of {order.database} that pg_dump just wrote {damage}; it was removed: retry."
        )
    archive = reading.archive
    if archive.database != order.database:
        raise MaintenanceError(f"pg_dump wrote a backup of {archive.database}, not of {order.database}: removed.")
    offset = utc_offset(archive.created, daylight_saving=archive.daylight_saving, zone="")
    return Manifest(
        database=order.database,
        created=to_text(archive.created.replace(tzinfo=timezone(offset))),
        utc_offset=int(offset.total_seconds()),
        size=os.stat(partial).st_size,
        sha256=sha256,
        server_version=server_version,
        rows=reading.rows,
    )


def _remove(paths: Sequence[str]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _prune(order: Order, log: Log, kept: Sequence[Kept], *, check_mode: bool) -> None:
    for backup in kept:
        if backup.problem:
            log.findings.append(
                Finding(
                    "backup.damaged",
                    backup.path,
                    "warning",
                    f"The backup {backup.path} {backup.problem}; it counts for nothing and is left for you to look at.",
                )
            )
    gone = removable(kept, keep=order.keep)
    for backup in gone:
        if not check_mode:
            remove_backup(backup.path)
        log.actions.append(
            Action(
                "prune",
                backup.path,
                changed=True,
                outcome="planned" if check_mode else "done",
                before={"bytes": backup.bytes, "created": to_text(backup.moment)},
            )
        )
    log.details["kept"] = sum(not backup.problem for backup in kept) - len(gone)
    log.details["removed"] = len(gone)
