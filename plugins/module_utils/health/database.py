# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: whether it answers, in the part it should play, how fast, and with how many connections left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from ..errors import MaintenanceError, MissingLibrary
from ..findings import Finding, judge
from ..postgres import connection as postgres
from ..report.humanise import clean, number, shorten
from .look import Fault, Look, Probe, say
from .variables import Secrets, Variables, check_names, fill

CHECK = "health.database"
_FULL = ("too many clients", "connection slots", "too many connections")
# It is there, but this account may not look.
_LOCKED_OUT = ("the password is wrong", "peer authentication failed", "pg_hba.conf has no line")
# Backends that this role may not see all of have no type; those of a database are clients or close to it.
_STATE = """
SELECT pg_is_in_recovery(),
       current_setting('max_connections')::int,
       count(*) FILTER (WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL))
FROM pg_stat_activity
"""


def database_probe(options: Mapping[str, Any], *, option: str, secrets: Secrets, timeout: float) -> Probe:
    """The probe of one database. Raises MaintenanceError for options that cannot be meant."""
    check_names(options["login_password"] or "", secrets.names, option=f"{option}.login_password")
    seconds = options["timeout"] if options["timeout"] is not None else timeout
    if seconds <= 0:
        raise MaintenanceError(f"The option {option}.timeout must be greater than 0.")
    warning, critical = options["connections_warning"], options["connections_critical"]
    if not (0 <= warning <= 100 and 0 <= critical <= 100) or (critical and warning > critical):
        raise MaintenanceError(
            f"The options connections_warning and connections_critical of {option} must be percentages, "
            "the first not above the second."
        )
    name = options["name"]
    return Probe([(f"database:{name}", CHECK, name)], lambda: _look(options, seconds, secrets))


def _look(options: Mapping[str, Any], timeout: float, secrets: Secrets) -> Look:
    name = options["name"]
    password = fill(options["login_password"], Variables(secrets))
    spec = postgres.ConnectionSpec.from_params({**options, "login_password": password})
    started = time.monotonic()
    try:
        connection = postgres.connect(spec, options["database"], application="careops-health")
    except MissingLibrary as error:
        raise Fault("library", str(error).rstrip("."), blind=True) from None
    except MaintenanceError as error:
        return _refused(name, str(error))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", (str(int(timeout * 1000)),))
            cursor.execute("SELECT 1")
            seconds = round(time.monotonic() - started, 3)
            cursor.execute(_STATE)
            standby, most, used = cursor.fetchone()
            findings = [_part(name, options["role"], standby), _connections(options, used, most)]
            if options["query"]:
                findings.append(_probe_query(cursor, options, timeout))
    except postgres.psycopg2.Error as error:
        reason = _reason(error)
        raise Fault("database", f"PostgreSQL answers, but not as it should ({reason}): see its log") from None
    finally:
        with contextlib.suppress(postgres.psycopg2.Error):
            connection.close()
    up = all(finding.status != "critical" for finding in findings if finding.check == CHECK)
    return Look(findings, {f"database:{name}": up}, {f"database:{name}": seconds})


def _refused(name: str, reason: str) -> Look:
    if any(word in reason for word in _LOCKED_OUT):
        raise Fault("access", reason.rstrip("."), blind=True)
    findings = []
    if any(word in reason for word in _FULL):
        message = f"Every connection of the database {name} is taken: see who holds them, or use a pool."
        findings.append(Finding("health.connections", name, "critical", say(message), 100, "percent"))
    message = f"The database {name} cannot be used. {reason}"
    findings.append(Finding(CHECK, name, "critical", say(message), evidence={"error": "refused"}))
    return Look(findings, {f"database:{name}": False})


def _part(name: str, wanted: str, standby: bool) -> Finding:
    part = "standby" if standby else "primary"
    if wanted not in ("any", part):
        message = f"The database {name} answers as a {part}, and should be a {wanted}: find out whether it failed over."
        return Finding(CHECK, name, "critical", say(message), evidence={"role": part, "error": "role"})
    return Finding(CHECK, name, "ok", say(f"The database {name} answers, as a {part}."), evidence={"role": part})


def _connections(options: Mapping[str, Any], used: int, most: int) -> Finding:
    name = options["name"]
    percent = round(100 * used / most, 1)
    limits = {key: options[f"connections_{key}"] or None for key in ("warning", "critical")}
    status, threshold = judge(percent, warning=limits["warning"], critical=limits["critical"])
    message = f"The database {name} uses {number(used)} of {number(most)} connections ({number(percent)} %)"
    if status != "ok":
        message += ": see who holds them, use a pool, or raise max_connections"
    evidence = {"used": used, "max_connections": most}
    return Finding("health.connections", name, status, say(f"{message}."), percent, "percent", threshold, evidence)


def _probe_query(cursor: Any, options: Mapping[str, Any], timeout: float) -> Finding:
    subject = f"{options['name']}: query"
    most = options["query_max_ms"]
    started = time.monotonic()
    try:
        cursor.execute(options["query"])
        if cursor.description:
            cursor.fetchmany(100)
    except postgres.psycopg2.extensions.QueryCanceledError:
        message = (
            f"The query of the database {options['name']} did not end within {timeout:g} s: see its plan and locks."
        )
        return Finding("health.response_time", subject, "critical", say(message), timeout * 1000, "milliseconds", most)
    except postgres.psycopg2.Error as error:
        message = (
            f"The query of the database {options['name']} fails ({_reason(error)}): correct the query, or its rights."
        )
        return Finding("health.response_time", subject, "critical", say(message), evidence={"error": "query"})
    spent = round(1000 * (time.monotonic() - started), 1)
    status, threshold = judge(spent, warning=most or None, critical=None)
    message = f"The query of the database {options['name']} took {number(spent)} ms"
    if status != "ok":
        message += f", {number(most)} ms or more: see its plan, its indexes and the load"
    return Finding("health.response_time", subject, status, say(f"{message}."), spent, "milliseconds", threshold)


def _reason(error: Any) -> str:
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    return shorten(clean(primary or type(error).__name__), 200).rstrip(".")
