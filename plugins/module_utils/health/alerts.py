# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager: alerts that fire now and that nobody silenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ..errors import MaintenanceError
from ..findings import Finding
from ..report.humanise import clean, count, shorten
from .ask import document_of, make_ask, put
from .http import check_url
from .look import Fault, Look, Probe, say
from .variables import Secrets, Variables

CHECK = "health.alerts"
_TOLD = 50


def alerts_probe(options: Mapping[str, Any], *, option: str, secrets: Secrets, timeout: float) -> Probe:
    """The probe of one Alertmanager. Raises MaintenanceError for options that cannot be meant."""
    check_url(options["url"].replace("${", "").replace("}", ""), option=f"{option}.url")
    if "?" in options["url"]:
        raise MaintenanceError(f"The option {option}.url must be the address of Alertmanager without a query.")
    wanted = [("active", "true"), ("silenced", "false"), ("inhibited", "false")]
    wanted += [("filter", matcher) for matcher in options["matchers"]]
    url = f"{options['url'].rstrip('/')}/api/v2/alerts?{urlencode(wanted)}"
    request = {
        **options,
        "url": url,
        "method": "GET",
        "body": None,
        "body_format": "json",
        "status": [200],
        "expect": {},
        "contains": [],
    }
    ask = make_ask(request, option=option, known=secrets.names, timeout=timeout)
    name = options["name"]

    def look() -> Look:
        try:
            reply = put(ask, Variables(secrets))
            if reply.fault:
                raise reply.fault
        except Fault as fault:
            # Without it nobody knows whether an alert is pending.
            raise Fault(fault.kind, f"its alerts are not known: {fault}", blind=True) from None
        document, trouble = document_of(reply.answer)
        if trouble or not _are_alerts(document):
            raise Fault("json", "its alerts are not known: what answers there is no Alertmanager", blind=True)
        return Look(judge_alerts(name, document))

    return Probe([("", CHECK, name)], look)


def _are_alerts(document: Any) -> bool:
    return isinstance(document, list) and all(
        isinstance(alert, Mapping) and isinstance(alert.get("labels"), Mapping) for alert in document
    )


def judge_alerts(name: str, alerts: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """A finding for each alert, and one for how many there are."""
    if not alerts:
        return [Finding(CHECK, name, "ok", say(f"No alert is pending in {name}."), 0, "count")]
    ordered = sorted(alerts, key=lambda alert: (_subject(name, alert), str(alert.get("fingerprint", ""))))
    findings: dict[str, Finding] = {}
    for alert in ordered[:_TOLD]:
        finding = _finding(name, alert)
        findings.setdefault(finding.subject, finding)
    more = f", of which {_TOLD} have a finding" if len(alerts) > _TOLD else ""
    message = (
        f"{count(len(alerts), 'alert is', 'alerts are')} pending in {name}{more}: deal with them, or silence them."
    )
    return [Finding(CHECK, name, "critical", say(message), len(alerts), "count", 1), *findings.values()]


def _finding(name: str, alert: Mapping[str, Any]) -> Finding:
    annotations = alert.get("annotations")
    annotations = annotations if isinstance(annotations, Mapping) else {}
    words = str(annotations.get("summary") or annotations.get("description") or "it says no more")
    words = shorten(clean(words), 300).rstrip(".")
    since = clean(str(alert.get("startsAt", "")))[:19]
    subject = _subject(name, alert)
    message = f"The alert {clean(str(alert['labels'].get('alertname', 'without a name')))} is pending"
    message += f" since {since} UTC: {words}." if since else f": {words}."
    evidence = {"starts_at": since, "fingerprint": clean(str(alert.get("fingerprint", "")))}
    return Finding(CHECK, subject, "critical", say(message), evidence=evidence)


def _subject(name: str, alert: Mapping[str, Any]) -> str:
    labels = alert["labels"]
    others = [f"{key}={labels[key]}" for key in sorted(labels) if key not in ("alertname", "severity")]
    title = f"{labels.get('alertname', 'alert')}" + (f" ({', '.join(others)})" if others else "")
    return shorten(clean(f"{name}: {title}"), 300)
