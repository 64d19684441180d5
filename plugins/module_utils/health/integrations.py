# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a system leans on and others run: whether it can be reached from here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

from ..errors import MaintenanceError
from ..findings import Finding, judge
from ..report.humanise import duration
from .ask import make_ask, put
from .endpoints import Limits, limits_of
from .look import Fault, Look, Probe, say
from .variables import Secrets, Variables
from .wire import Wire, exchange_fault, left, open_socket, resolve

CHECK = "health.integration"
# Whatever else it says to a stranger, it is there.
REACHED = tuple(range(100, 500))
_PORTS = {"smtp": 25}
_LINE = 1024


def integration_probe(
    options: Mapping[str, Any], *, option: str, secrets: Secrets, timeout: float, usual: Limits
) -> Probe:
    """The probe of one integration. Raises MaintenanceError for options that cannot be meant."""
    name, kind = options["name"], options["kind"]
    own = options["timeout"] if options["timeout"] is not None else timeout
    if own <= 0:
        raise MaintenanceError(f"The option {option}.timeout must be greater than 0.")
    if options["port"] is not None and not 1 <= options["port"] <= 65535:
        raise MaintenanceError(f"The option {option}.port must be from 1 to 65535, not {options['port']}.")
    reach = _web(options, option, secrets, own) if kind in ("http", "storage") else _plain(options, own)
    limits = limits_of(options, usual)

    def look() -> Look:
        seconds = round(reach(), 3)
        status, threshold = judge(seconds, warning=limits.warning, critical=limits.critical)
        words = f"The integration {name} was reached in {duration(seconds)}"
        if status != "ok":
            words += f", {duration(threshold or 0)} or more: look at the network and ask who runs it"
        finding = Finding(CHECK, name, status, say(f"{words}."), seconds, "seconds", threshold, {"kind": kind})
        return Look([finding], {f"integration:{name}": True}, {f"integration:{name}": seconds})

    return Probe([(f"integration:{name}", CHECK, name)], look)


def _web(options: Mapping[str, Any], option: str, secrets: Secrets, timeout: float) -> Callable[[], float]:
    request = {
        "method": "HEAD" if options["kind"] == "storage" else "GET",
        "body": None,
        "body_format": "json",
        "expect": {},
        "contains": [],
        **options,
        "status": options["status"] or REACHED,
    }
    ask = make_ask(request, option=option, known=secrets.names, timeout=timeout)

    def reach() -> float:
        reply = put(ask, Variables(secrets))
        if reply.fault and not options["status"]:
            raise Fault("status", f"it answers {reply.answer.status}: ask who runs it")
        if reply.fault:
            raise reply.fault
        return reply.answer.seconds

    return reach


def _plain(options: Mapping[str, Any], timeout: float) -> Callable[[], float]:
    kind, host = options["kind"], options["host"]
    port: Optional[int] = options["port"] or _PORTS.get(kind)

    def reach() -> float:
        started = time.monotonic()
        end = started + timeout
        try:
            if kind == "dns":
                resolve(host, port or 0, end=end)
            else:
                _connect(host, port or 0, end=end, greeting=kind == "smtp")
        except OSError as error:
            raise exchange_fault(error) from None
        return time.monotonic() - started

    return reach


def _connect(host: str, port: int, *, end: float, greeting: bool) -> None:
    connection = open_socket(host, port, end=end)
    try:
        if greeting:
            wire = Wire(connection, end=end)
            line = wire.makefile("rb").readline(_LINE)
            if not line.startswith(b"220"):
                raise Fault("greeting", f"{host} takes connections to port {port}, but does not greet as a mail server")
            connection.settimeout(left(end, time.monotonic))
            connection.sendall(b"QUIT\r\n")
    finally:
        connection.close()
