"""The metrics of cert_expiry, held against the real promtool: form, alerts, and the dashboard's expressions."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.certificates import NOW, NOW_TEXT, Made, authority, make, tls_server
from tests.lab.modules import ROOT, findings_of, run_module

MONITORING = ROOT / "monitoring"
RULES = MONITORING / "prometheus" / "certificates.rules.yml"
DASHBOARD = MONITORING / "grafana" / "certificates.json"
METRIC = re.compile(r"\bcareops_\w+")

Samples = dict[str, list[tuple[dict[str, str], float]]]


def promtool(*argv: str | Path, stdin: str | None = None) -> str:
    done = subprocess.run(["promtool", *argv], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def write(path: Path, *parts: Made) -> Path:
    path.write_bytes(b"".join(part.pem for part in parts))
    return path


def samples(text: str) -> Samples:
    """The samples by metric; promtool and the parser must both be content with the text."""
    promtool("check", "metrics", stdin=text)
    found: Samples = {}
    seen = set()
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in seen, "a series twice"
            assert sample.timestamp is None
            seen.add(key)
            assert sample.labels.pop("scan") == "careops"
            found.setdefault(sample.name.removeprefix("careops_certificate_"), []).append((sample.labels, sample.value))
    return found


def written(tmp_path: Path, **options: Any) -> Samples:
    path = tmp_path / "careops.prom"
    result = run_module("cert_expiry", {"now": NOW_TEXT, "textfile": str(path), **options})
    assert not result.get("failed"), result
    assert result["changed"] is False and result["actions"] == []
    return samples(path.read_text())


def by_place(found: Samples, metric: str) -> dict[str, float]:
    return {f"{labels['place']} {labels['name']}": value for labels, value in found[metric]}


def test_a_series_a_certificate(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    ca = authority()
    leaf = make(issuer=ca, days=20)
    for number in range(3):
        write(folder / f"{number}.pem", leaf, ca)
    found = written(tmp_path, paths=[str(folder)])
    place = f"{folder}/0.pem"
    now = NOW.timestamp()
    assert by_place(found, "not_after_timestamp_seconds") == {
        f"{place} clinic.example": now + 20 * 86400,
        f"{place} Lab CA": now + 1000 * 86400,
    }
    assert by_place(found, "not_before_timestamp_seconds")[f"{place} clinic.example"] == now - 70 * 86400
    assert by_place(found, "warning_timestamp_seconds")[f"{place} clinic.example"] == now - 2.5 * 86400
    assert by_place(found, "critical_timestamp_seconds")[f"{place} clinic.example"] == now + 13 * 86400
    assert by_place(found, "chain_not_after_timestamp_seconds") == {f"{place} clinic.example": now + 1000 * 86400}
    assert by_place(found, "status") == {f"{place} clinic.example": 1, f"{place} Lab CA": 0}
    assert {labels["name"]: labels["kind"] for labels, _value in found["status"]} == {
        "clinic.example": "leaf",
        "Lab CA": "issuer",
    }
    (info,) = [labels for labels, _value in found["info"] if labels["kind"] == "leaf"]
    assert (info["fingerprint"], info["issuer"], info["key"]) == (leaf.fingerprint, "CN=Lab CA", "EC P-256")
    assert [value for _labels, value in found["scan_certificates"]] == [2]
    assert found["scan_timestamp_seconds"] == [({}, now)]
    assert found["scan_unreadable"] == [({}, 0)]
    assert found["scan_duration_seconds"][0][1] > 0


def test_a_renewal_keeps_the_series(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    ca = authority()
    labels = []
    for days in (10, 85):
        write(path, make(issuer=ca, days=days), ca)
        found = written(tmp_path, paths=[str(path)])
        labels.append([one for one, _value in found["warning_timestamp_seconds"]])
    assert labels[0] == labels[1]


def test_problems_by_check_and_their_counts(tmp_path: Path) -> None:
    good = write(tmp_path / "good.pem", make())
    (tmp_path / "broken.pem").write_text("nothing")
    store = write(tmp_path / "store.pem", authority())
    with tls_server(tmp_path, [make(names=["127.0.0.1"], days=-1)]) as server:
        found = written(
            tmp_path,
            paths=[str(good), str(tmp_path / "broken.pem"), str(tmp_path / "gone.pem")],
            endpoints=[server.endpoint(trust_store=str(store))],
        )
    problems = {(labels["check"], labels["subject"]): value for labels, value in found["problem"]}
    assert problems == {
        ("certificate.readable", str(tmp_path / "broken.pem")): 2,
        ("certificate.readable", str(tmp_path / "gone.pem")): 2,
        ("certificate.expiry", f"127.0.0.1:{server.port}"): 3,
        ("certificate.trust", f"127.0.0.1:{server.port}"): 3,
    }
    counts = {(labels["check"], labels["status"]): value for labels, value in found["findings"]}
    assert counts["certificate.readable", "unknown"] == 2
    assert counts["certificate.expiry", "ok"] == counts["certificate.expiry", "critical"] == 1
    assert counts["certificate.expiry", "warning"] == 0
    assert found["scan_unreadable"] == [({}, 2)]


def test_what_would_be_alike_is_kept_apart(tmp_path: Path) -> None:
    write(tmp_path / "two.pem", *(made := [make(days=10), make(days=50)]))
    found = written(tmp_path, paths=[str(tmp_path / "two.pem")])
    assert {labels["name"] for labels, _value in found["status"]} == {
        f"clinic.example {one.fingerprint[:12]}" for one in made
    }


def test_names_that_would_break_the_form(tmp_path: Path) -> None:
    wild = 'evil"} 1\ncareops_forged 1\\'
    path = tmp_path / 'a"b\\c\nd.pem'
    write(path, make(wild, names=["a.example"]))
    found = written(tmp_path, paths=[str(path)])
    assert "forged" not in found
    assert len(found["status"]) == 1


def test_one_file_at_once_and_readable_to_its_collector(tmp_path: Path) -> None:
    path = tmp_path / "careops.prom"
    path.write_text("old")
    path.chmod(0o600)
    before = path.stat().st_ino
    written(tmp_path, paths=[str(write(tmp_path / "a.pem", make()))])
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.stat().st_ino != before, "it was written in place"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.pem", "careops.prom"]


def test_two_looks_at_one_host_have_no_series_in_common(tmp_path: Path) -> None:
    """The collector takes the first of two alike, and the other look would be lost."""
    certificate = str(write(tmp_path / "a.pem", make(days=-1)))
    texts = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.prom"
        run_module("cert_expiry", {"now": NOW_TEXT, "textfile": str(path), "paths": [certificate]})
        texts.append(path.read_text())
    promtool("check", "metrics", stdin=texts[0])
    one, two = ({line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"} for text in texts)
    assert one and len(one) == len(two) and not one & two


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    options = {"paths": [str(write(tmp_path / "a.pem", make()))], "textfile": str(tmp_path / "careops.prom")}
    result = run_module("cert_expiry", {**options, "now": NOW_TEXT}, check=True)
    assert not result.get("failed") and not (tmp_path / "careops.prom").exists()


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    options = {"paths": [str(write(tmp_path / "a.pem", make()))], "now": NOW_TEXT}
    result = run_module("cert_expiry", {**options, "textfile": str(tmp_path / "none" / "careops.prom")})
    assert result["failed"] and "could not be written" in result["msg"]
    assert findings_of(result, "certificate.expiry"), "what was seen is lost"
    result = run_module("cert_expiry", {**options, "textfile": str(tmp_path / "careops.txt")})
    assert result["failed"] and ".prom" in result["msg"]


def test_the_role_hands_everything_on(tmp_path: Path) -> None:
    ca = authority()
    path = write(tmp_path / "a.pem", make(issuer=ca), ca)
    alone = write(tmp_path / "alone.pem", make("alone.example"))
    textfile = tmp_path / "careops.prom"
    variables = {
        "ansible_python_interpreter": sys.executable,
        "certificates_become": False,
        "certificates_now": NOW_TEXT,
        "certificates_trust_store": str(write(tmp_path / "store.pem", authority("Other"))),
        "certificates_sources": [
            {"path": str(path)},
            {"path": str(path), "trust_store": str(write(tmp_path / "own.pem", ca))},
            {"path": str(alone), "trust_store": "none", "self_signed": False},
        ],
        "certificates_minimum_ec_bits": 384,
        "certificates_minimum_rsa_bits": 3072,
        "certificates_textfile": str(textfile),
    }
    (tmp_path / "play.yml").write_text(
        yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "roles": ["careops.maintenance.certificates"]}])
    )
    argv = [
        "ansible-playbook",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        json.dumps(variables),
        str(tmp_path / "play.yml"),
    ]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout
    found = samples(textfile.read_text())
    assert [(labels["check"], labels["subject"]) for labels, _value in found["problem"]] == [
        ("certificate.strength", str(path)),
        ("certificate.strength", f"{path} [Lab CA]"),
        ("certificate.strength", str(alone)),
        ("certificate.trust", str(path)),
        ("certificate.self_signed", str(alone)),
    ]


# What reads them


def test_the_alerts() -> None:
    assert "SUCCESS" in promtool("check", "rules", RULES)
    assert "SUCCESS" in promtool("test", "rules", MONITORING / "prometheus" / "certificates.test.yml")


def test_every_alert_is_tested() -> None:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((MONITORING / "prometheus" / "certificates.test.yml").read_text())["tests"]
    fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in rules}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unless careops_certificate_not_after", "unless nothing"),
        ('kind!="spare"', 'kind!="leaf"'),
        ("36 * 3600", "90 * 3600"),
        ("<= time()", "> time()"),
        ("|trust", ""),
    ],
)
def test_a_wrong_alert_is_noticed(tmp_path: Path, old: str, new: str) -> None:
    assert old in RULES.read_text()
    (tmp_path / RULES.name).write_text(RULES.read_text().replace(old, new))
    tests = tmp_path / "certificates.test.yml"
    tests.write_text((MONITORING / "prometheus" / "certificates.test.yml").read_text())
    done = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, text=True, check=False)
    assert done.returncode != 0


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all metrics that the module can write."""
    folder = tmp_path_factory.mktemp("exported")
    ca = authority()
    found = written(folder, paths=[str(write(folder / "a.pem", make(days=1, issuer=ca), ca))])
    return {f"careops_certificate_{name}" for name in found}


def test_alerts_ask_for_what_is_exported(exported: set[str]) -> None:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    assert {name for rule in rules for name in METRIC.findall(rule["expr"])} <= exported


def test_the_dashboard_asks_for_what_is_exported(tmp_path: Path, exported: set[str]) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for text in (*expressions, json.dumps(dashboard["templating"])) for name in METRIC.findall(text)}
    assert asked <= exported
    # Nothing is written for nobody.
    alerts = [rule["expr"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]]
    assert exported - asked - {name for text in alerts for name in METRIC.findall(text)} <= {
        "careops_certificate_chain_not_after_timestamp_seconds",
        "careops_certificate_scan_files",
        "careops_certificate_scan_endpoints",
    }
    rules = [{"record": f"dashboard:{number}", "expr": text} for number, text in enumerate(expressions)]
    (tmp_path / "expressions.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "expressions.yml")
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
