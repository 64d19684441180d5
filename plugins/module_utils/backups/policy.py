# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of backup_restore_test, made sure of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..deadline import Deadline
from ..errors import MaintenanceError
from ..postgres.connection import ConnectionSpec
from .zones import load_zone


@dataclass(frozen=True)
class Query:
    """A sample query and what its first value is held against."""

    name: str
    sql: str
    expect: Optional[str]
    least: Optional[float]
    most: Optional[float]


@dataclass(frozen=True)
class Policy:
    """What good backups are, and where one is restored. Hours, seconds and ratios as the options say."""

    database: str
    backups: Sequence[str]
    pattern: str
    days: int
    age_warning_hours: Optional[float]
    age_critical_hours: Optional[float]
    archive_timezone: str
    size_ratio_min: float
    size_ratio_max: float
    read: str
    require_checksum: bool
    without_data: Sequence[str]
    restore: str
    recovery_time_objective: float
    min_rows: dict[str, int]
    queries: Sequence[Query]
    query_timeout: int
    jobs: int
    timeout: int
    scratch_prefix: str
    maintenance_database: str
    target: ConnectionSpec
    bindir: str
    deadline: Deadline

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Policy:
        """From the module's options. Raises MaintenanceError for what makes no sense or could harm the source."""
        _refuse_negative(params)
        _refuse_dangerous_target(params)
        load_zone(params["archive_timezone"])
        return cls(
            database=params["database"],
            backups=params["backups"],
            pattern=params["pattern"].replace("{database}", params["database"]),
            days=params["days"],
            age_warning_hours=params["age_warning_hours"] or None,
            age_critical_hours=params["age_critical_hours"] or None,
            archive_timezone=params["archive_timezone"],
            size_ratio_min=params["size_ratio_min"],
            size_ratio_max=params["size_ratio_max"],
            read=params["read"],
            require_checksum=params["require_checksum"],
            without_data=params["without_data"],
            restore=params["restore"],
            recovery_time_objective=params["recovery_time_objective"],
            min_rows={name: _whole(name, number) for name, number in params["min_rows"].items()},
            queries=[_query(item) for item in params["queries"]],
            query_timeout=params["query_timeout"],
            jobs=params["jobs"],
            timeout=params["timeout"],
            scratch_prefix=params["scratch_prefix"],
            maintenance_database=params["maintenance_database"],
            target=_target(params),
            bindir=params["pg_bindir"] or "",
            deadline=Deadline.from_options(params["deadline"], params["now"]),
        )


def _refuse_negative(params: dict[str, Any]) -> None:
    for name in (
        *("days", "age_warning_hours", "age_critical_hours", "size_ratio_min", "size_ratio_max"),
        *("recovery_time_objective", "query_timeout", "timeout"),
    ):
        if params[name] < 0:
            raise MaintenanceError(f"The option {name} must not be below 0, and is {params[name]:g}.")
    if params["jobs"] < 1:
        raise MaintenanceError(f"The option jobs must be at least 1, and is {params['jobs']}.")


def _refuse_dangerous_target(params: dict[str, Any]) -> None:
    prefix = params["scratch_prefix"]
    if not params["database"]:
        raise MaintenanceError("The option database must name the database that the backups are of; it is empty.")
    if not re.fullmatch(r"[a-z_][a-z0-9_]{4,31}", prefix):
        raise MaintenanceError(
            f"The option scratch_prefix must be 5 to 32 lower-case letters, digits and underscores, not {prefix!r}."
        )
    for option in ("database", "maintenance_database"):
        if params[option].lower().startswith(prefix):
            raise MaintenanceError(
                f"Restore refused: the {option.replace('_', ' ')} {params[option]} begins with the scratch_prefix "
                f"{prefix}, so the restore could hit the source; choose another scratch_prefix."
            )


def _whole(name: str, number: Any) -> int:
    try:
        return int(number)
    except (TypeError, ValueError):
        raise MaintenanceError(f"The option min_rows must give a number for {name}, not {number!r}.") from None


def _query(item: dict[str, Any]) -> Query:
    return Query(
        name=item["name"] or " ".join(item["sql"].split())[:80],
        sql=item["sql"],
        expect=item["expect"],
        least=item["min"],
        most=item["max"],
    )


def _target(params: dict[str, Any]) -> ConnectionSpec:
    elsewhere = params["restore_login_host"] or params["restore_login_unix_socket"]
    # The password belongs to its role: another role does not get it.
    own_password = params["restore_login_password"] or params["restore_login_user"]
    return ConnectionSpec(
        host=(params["restore_login_host"] if elsewhere else params["login_host"]) or "",
        port=params["restore_login_port"] or params["login_port"],
        user=params["restore_login_user"] or params["login_user"],
        password=params["restore_login_password"] if own_password else params["login_password"],
        socket_directory=(params["restore_login_unix_socket"] if elsewhere else params["login_unix_socket"]) or "",
        sslmode=params["ssl_mode"],
        sslrootcert=params["ca_cert"] or "",
    )
