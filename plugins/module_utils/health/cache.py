# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis: whether it answers, and how many of the lookups since the last look it could serve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Finding
from ..report.humanise import number
from .look import Fault, Look, Probe, say
from .variables import Secrets, Variables, check_names, fill
from .wire import Wire, exchange_fault, open_socket, secure, tls_context

CHECK = "health.cache"
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Counters:
    """What Redis counts since it started. run: another one after each start."""

    run: str
    hits: int
    misses: int


def cache_probe(
    options: Mapping[str, Any], *, option: str, secrets: Secrets, timeout: float, before: Optional[Counters]
) -> Probe:
    """The probe of one cache. before: what the last look saw. Raises MaintenanceError."""
    check_names(options["password"] or "", secrets.names, option=f"{option}.password")
    own = options["timeout"] if options["timeout"] is not None else timeout
    if own <= 0 or not 1 <= options["port"] <= 65535:
        raise MaintenanceError(f"The options timeout and port of {option} must be above 0, the port at most 65535.")
    for name in ("hit_warning", "hit_critical"):
        if not 0 <= options[name] <= 100:
            raise MaintenanceError(f"The option {option}.{name} must be a percentage from 0 (off) to 100.")
    key = f"cache:{options['name']}"

    def look() -> Look:
        started = time.monotonic()
        try:
            now = _counters(options, started + own, Variables(secrets))
        except OSError as error:
            raise exchange_fault(error) from None
        seconds = round(time.monotonic() - started, 3)
        facts = {"caches": {options["name"]: [now.run, now.hits, now.misses]}}
        return Look([judge_cache(options, now, before)], {key: True}, {key: seconds}, facts)

    return Probe([(key, CHECK, options["name"])], look)


def _counters(options: Mapping[str, Any], end: float, variables: Variables) -> Counters:
    connection: Any = open_socket(options["host"], options["port"], end=end)
    if options["tls"]:
        connection = secure(connection, host=options["host"], context=tls_context(options["ca_cert"], None, None))
    try:
        wire = Wire(connection, end=end)
        reader = wire.makefile("rb")
        password = fill(options["password"], variables)
        if password:
            account = [options["username"]] if options["username"] else []
            wire.sendall(command("AUTH", *account, password))
            read_reply(reader)
        wire.sendall(command("INFO"))
        return parse_info(read_reply(reader))
    finally:
        connection.close()


def command(*words: str) -> bytes:
    """A command in the protocol of Redis (RESP 2): its words, each with its length."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def read_reply(reader: Any) -> str:
    """The text of a reply. Raises Fault for an error, whose words stay untold, and for what is no reply."""
    line = reader.readline(_LONGEST)
    if not line.endswith(b"\r\n"):
        raise Fault("protocol", "the connection was closed before the reply was complete: see the log of Redis")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        word = rest.split(b" ", 1)[0]
        if word in (b"NOAUTH", b"WRONGPASS", b"NOPERM", b"ERR"):
            raise Fault("access", "Redis does not let this account in: correct username and password", blind=True)
        raise Fault("redis", f"Redis answers with the error {word.decode('ascii', 'replace')[:30]}: see its log")
    if kind == b"+":
        return str(rest.decode("utf-8", "replace"))
    if kind != b"$" or not rest.isdigit() or int(rest) > _LONGEST:
        raise Fault("protocol", "what answers there is no Redis: correct host and port")
    data = reader.read(int(rest) + 2)
    if len(data) < int(rest) + 2:
        raise Fault("protocol", "the connection was closed before the reply was complete: see the log of Redis")
    return str(data[:-2].decode("utf-8", "replace"))


def parse_info(text: str) -> Counters:
    """The counters of INFO. Raises Fault without them."""
    pairs = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    try:
        return Counters(pairs.get("run_id", ""), int(pairs["keyspace_hits"]), int(pairs["keyspace_misses"]))
    except (KeyError, ValueError):
        raise Fault("protocol", "Redis does not tell its hits and misses", blind=True) from None


def judge_cache(options: Mapping[str, Any], now: Counters, before: Optional[Counters]) -> Finding:
    """The finding of the share of hits: since the last look, or since the start of Redis where there was none."""
    since = "since it started"
    hits, misses = now.hits, now.misses
    if before and before.run == now.run and before.hits <= hits and before.misses <= misses:
        since, hits, misses = "since the last look", hits - before.hits, misses - before.misses
    name, lookups = options["name"], hits + misses
    evidence = {"hits": hits, "misses": misses}
    if lookups < max(1, options["min_lookups"]):
        message = f"The cache {name} answers; {number(lookups)} lookups {since} are too few to judge."
        return Finding(CHECK, name, "ok", say(message), evidence=evidence)
    percent = round(100 * hits / lookups, 1)
    status, threshold = judge_low(percent, options["hit_warning"], options["hit_critical"])
    message = f"The cache {name} served {number(percent)} % of its {number(lookups)} lookups {since}"
    if status != "ok":
        message += f", less than {number(threshold or 0)} %: look at its memory, evictions and times to live"
    return Finding(CHECK, name, status, say(f"{message}."), percent, "percent", threshold, evidence)


def judge_low(value: float, warning: float, critical: float) -> tuple[str, Optional[float]]:
    """Status of a value that is bad when low, and what it was held against; a nought is not applied."""
    if critical and value < critical:
        return "critical", critical
    if warning and value < warning:
        return "warning", warning
    return "ok", warning or critical or None


def counters_from(row: Any) -> Optional[Counters]:
    """From what was kept of the last look; None where that is none."""
    if not isinstance(row, Sequence) or len(row) != 3 or not all(isinstance(figure, int) for figure in row[1:]):
        return None
    return Counters(str(row[0]), row[1], row[2])
