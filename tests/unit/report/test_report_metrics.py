"""Metrics, read back by Prometheus' own parser."""

from __future__ import annotations

import re
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.careops.maintenance.plugins.module_utils.report import metrics
from ansible_collections.careops.maintenance.plugins.module_utils.report.metrics import render_metrics
from tests.unit.report import clinic

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> Series:
    """Every series by name and labels; fails where one comes twice, has a timestamp or no description."""
    series: Series = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        assert family.type == "gauge", family.name
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in series, key
            assert sample.timestamp is None
            assert sample.name.startswith("careops_")
            assert {"system", "cadence"} <= set(sample.labels)
            series[key] = sample.value
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == len(series)
    assert text.endswith("\n")
    return series


def value(series: Series, name: str, **labels: str) -> float:
    """The one series that has these labels."""
    found = [figure for (given, told), figure in series.items() if given == name and set(labels.items()) <= set(told)]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def rendered(record: dict[str, Any] | None = None, findings: list[dict[str, Any]] | None = None) -> Series:
    findings = clinic.findings() if findings is None else findings
    return parse(render_metrics(record or clinic.record(seen=findings), findings))


def test_a_run_in_figures() -> None:
    series = rendered()
    assert value(series, "careops_run_verdict", outcome="attention", system="clinic", cadence="weekly") == 1
    assert value(series, "careops_run_verdict", outcome="failed") == 0
    assert value(series, "careops_run_timestamp_seconds") == 1795312891
    assert value(series, "careops_run_duration_seconds") == 91.4
    assert value(series, "careops_findings", check="certificate.expiry", status="ok", host="clinic-web") == 4
    assert value(series, "careops_findings", check="certificate.expiry", status="warning") == 1
    assert value(series, "careops_actions", action="reindex", outcome="skipped") == 1
    assert value(series, "careops_procedure_ok", procedure="backups") == 1


def test_figures_of_what_is_not_ok_and_of_lasting_checks() -> None:
    series = rendered()
    assert value(series, "careops_finding_value", check="apt.security_updates", unit="count") == 3
    assert value(series, "careops_finding_threshold", check="apt.security_updates") == 1
    assert value(series, "careops_finding_value", check="backup.recovery_time", subject="clinic") == 48.6
    assert (
        value(series, "careops_certificate_expiry_timestamp_seconds", subject="/etc/ssl/clinic/portal.pem")
        == 1797153240
    )
    assert not [key for key in series if ("check", "postgres.bloat") in key[1] and key[0] == "careops_finding_value"]


def test_check_mode_interrupt_and_unreachable_hosts_show() -> None:
    hosts = [{"name": "clinic-db", "state": "unreachable"}, {"name": "clinic-web", "state": "failed"}]
    series = rendered(clinic.record(check_mode=True, interrupted="Killed.", hosts=hosts, outcome="failed"))
    assert value(series, "careops_run_check_mode") == 1
    assert value(series, "careops_run_interrupted") == 1
    assert value(series, "careops_host_reachable", host="clinic-db") == 0
    assert value(series, "careops_host_reachable", host="clinic-web") == 1


def test_labels_hold_any_text() -> None:
    nasty = 'a"b\\c\nd{e="f"} 日本 \x1b \udcff'
    finding = clinic.finding("backup.age", nasty, "critical", "m", host=nasty, procedure="p", value=1.5, unit="hours")
    series = rendered(findings=[finding])
    subject = 'a"b\\c d{e="f"} 日本 \ufffd \ufffd'
    assert value(series, "careops_finding_value", subject=subject, host=subject) == 1.5


def test_alike_findings_give_one_series() -> None:
    twice = [
        clinic.finding("backup.age", "clinic", status, "m", host="h", procedure="p", value=figure, unit="hours")
        for status, figure in (("ok", 1.0), ("critical", 99.0), ("warning", 30.0))
    ]
    assert value(rendered(findings=twice), "careops_finding_value", check="backup.age") == 99.0


def test_odd_numbers_are_written_as_prometheus_reads_them() -> None:
    odd = [
        clinic.finding("x.y", str(figure), "unknown", "m", host="h", procedure="p", value=figure)
        for figure in (float("inf"), float("-inf"), 1e-9, 10**20)
    ]
    series = rendered(findings=odd)
    assert value(series, "careops_finding_value", subject="inf") == float("inf")
    assert value(series, "careops_finding_value", subject="-inf") == float("-inf")
    assert value(series, "careops_finding_value", subject="1e-09") == 1e-9


def test_the_number_of_series_is_bounded_and_said() -> None:
    many = [clinic.certificate(f"c{number}", -1.0, "critical") for number in range(5000)]
    series = rendered(findings=many)
    exported = [
        key for key in series if key[0] in ("careops_finding_value", "careops_certificate_expiry_timestamp_seconds")
    ]
    assert len(exported) <= metrics.MOST_VALUES + 1
    assert value(series, "careops_finding_values_left_out") == 5000 - len(exported) // 2


def test_an_empty_run_has_metrics_too() -> None:
    series = rendered(clinic.record(seen=[], done=[], ran=[], hosts=[], outcome="ok"), [])
    assert value(series, "careops_run_verdict", outcome="ok") == 1


def test_help_and_type_come_once_a_metric_and_first() -> None:
    text = render_metrics(clinic.record(), clinic.findings())
    names = re.findall(r"^# TYPE (\S+) gauge$", text, flags=re.MULTILINE)
    assert len(names) == len(set(names))
    for name in names:
        assert text.index(f"# HELP {name} ") < text.index(f"# TYPE {name} ") < text.index(f"\n{name}{{")
