# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request together with what is expected of its answer: an endpoint, or one step of a workflow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import responses
from typing import Any, Optional
from urllib.parse import quote, urlencode

from ..errors import MaintenanceError
from . import http
from .expectations import Expectation, parse_expectations, unmet
from .look import Fault
from .variables import Variables, check_names, fill

_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
_SHOWN = 3


@dataclass(frozen=True)
class Ask:
    """The request, with ``${name}`` where secrets and captured values go, and the expectations."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    body_format: str = "json"
    statuses: Sequence[int] = (200,)
    expectations: Sequence[Expectation] = ()
    contains: Sequence[str] = ()
    ca_cert: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    timeout: float = 5.0


@dataclass(frozen=True)
class Reply:
    """The answer, its JSON where it has any, and what is wrong with it: nothing where that is None."""

    answer: http.Answer
    document: Any
    fault: Optional[Fault]


def make_ask(options: Mapping[str, Any], *, option: str, known: Iterable[str], timeout: float) -> Ask:
    """From the options of an endpoint or a step.

    option: what it is called. known: names that have a value. timeout: seconds, where it has none of its own.
    Raises MaintenanceError.
    """
    for name in ("url", "headers", "body"):
        check_names(options[name], known, option=f"{option}.{name}")
    http.check_url(options["url"].replace("${", "").replace("}", ""), option=f"{option}.url")
    http.check_method(options["method"], option=f"{option}.method")
    seconds = options["timeout"] if options["timeout"] is not None else timeout
    if seconds <= 0:
        raise MaintenanceError(f"The option {option}.timeout must be greater than 0.")
    if options["client_key"] and not options["client_cert"]:
        raise MaintenanceError(f"The option {option}.client_key needs client_cert beside it.")
    body, form = options["body"], options["body_format"]
    if (form == "form" and body is not None and not isinstance(body, Mapping)) or (
        form == "text" and not isinstance(body, (str, type(None)))
    ):
        wanted = "a mapping" if form == "form" else "a text"
        raise MaintenanceError(f"The option {option}.body must be {wanted} where body_format is {form}.")
    for status in options["status"]:
        if not 100 <= status <= 599:
            raise MaintenanceError(f"The option {option}.status must hold HTTP status codes, not {status}.")
    return Ask(
        url=options["url"],
        method=options["method"],
        headers={str(name): str(value) for name, value in options["headers"].items()},
        body=body,
        body_format=form,
        statuses=options["status"],
        expectations=parse_expectations(options["expect"], option=f"{option}.expect"),
        contains=options["contains"],
        ca_cert=options["ca_cert"],
        client_cert=options["client_cert"],
        client_key=options["client_key"],
        timeout=seconds,
    )


def put(ask: Ask, variables: Variables) -> Reply:
    """Asks, and holds the answer against what is expected. Raises Fault where there is no answer."""
    headers = fill(ask.headers, variables)
    body = _body(ask, variables)
    if body is not None and ask.body_format in _TYPES and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = _TYPES[ask.body_format]
    answer = http.exchange(
        http.Request(
            url=fill(ask.url, variables, quote=lambda value: quote(value, safe="")),
            method=ask.method,
            headers=headers,
            body=body,
            ca_cert=ask.ca_cert,
            client_cert=ask.client_cert,
            client_key=ask.client_key,
            timeout=ask.timeout,
        )
    )
    document, trouble = document_of(answer)
    return Reply(answer, document, _judge(ask, answer, document, trouble))


def _body(ask: Ask, variables: Variables) -> Optional[bytes]:
    if ask.body is None:
        return None
    body = fill(ask.body, variables)
    if ask.body_format == "form":
        return urlencode(body, doseq=True).encode()
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def document_of(answer: http.Answer) -> tuple[Any, str]:
    """The answer's JSON, or why it has none."""
    if not answer.whole:
        return None, f"is longer than {http.LONGEST_BODY // 1024} KiB"
    try:
        return json.loads(answer.body.decode("utf-8-sig")), ""
    except (ValueError, RecursionError):
        return None, "is no JSON" if answer.body.strip() else "is empty"


def _judge(ask: Ask, answer: http.Answer, document: Any, trouble: str) -> Optional[Fault]:
    if answer.status not in ask.statuses:
        return Fault("status", f"it answers {_named(answer.status)}, expected {_listed(ask.statuses)}{_hint(answer)}")
    if ask.expectations and trouble:
        return Fault("json", f"its answer {trouble}, so nothing can be expected of it: correct the address or expect")
    faults = unmet(ask.expectations, document)
    if faults:
        more = f", and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        return Fault("expectation", f"{'; '.join(faults[:_SHOWN])}{more}")
    text = answer.body.decode("utf-8", "replace") if ask.contains else ""
    missing = [wanted for wanted in ask.contains if wanted not in text]
    if missing:
        return Fault("expectation", f"its answer does not contain the text {missing[0]!r}")
    return None


def _named(status: int) -> str:
    return f"{status} {responses[status]}" if status in responses else str(status)


def _listed(statuses: Sequence[int]) -> str:
    return " or ".join(map(str, statuses))


def _hint(answer: http.Answer) -> str:
    if 300 <= answer.status < 400 and answer.headers.get("Location"):
        return " (redirects are not followed: give the final address)"
    if answer.status in (401, 403):
        return " (look at the account or token that it is asked with)"
    if answer.status >= 500:
        return " (look at the logs of the service)"
    return ""
