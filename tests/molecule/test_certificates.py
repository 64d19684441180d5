"""Renewals on real systemd hosts, by the daily playbook: rehearsed, done, not done again, forced, and put back."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import engine, images, observed
from tests.lab.runs import ALWAYS, read_record
from tests.molecule.steps import ROOT, Scenario

WEB = ("renewal-bookworm", "renewal-trixie")
HOSTS = (*WEB, "renewal-acme")
OTHERS = ("health", "backups", "patching", "audit", "calendar")  # procedures of the playbook without hosts here
KEPT = ("/etc", "/var/lib/careops", "/var/backups", "/var/lib/letsencrypt", "/var/www")
# As it is read: where each link under live leads, what lies there, and what nginx presents.
LINEAGE = """
cd /etc/letsencrypt/live/{name}
for part in cert chain fullchain privkey; do readlink $part.pem; done
fingerprint() {{ openssl x509 -noout -fingerprint -sha256; }}
fingerprint <cert.pem
openssl s_client -connect 127.0.0.1:443 -servername {name} </dev/null 2>/dev/null | fingerprint
"""

# What keeps a renewal from coming into use. Nginx's configuration test does not mind a port that another program has;
# the reload does, and nginx goes on as before. The deploy hook fails when the new certificate is already served.
BREAK = {
    "renewal-bookworm": """
systemd-run --quiet --unit=blocker python3 -m http.server --bind 127.0.0.1 8443
until ss --listening --tcp --numeric | grep --quiet 127.0.0.1:8443; do sleep 0.1; done
echo 'server { listen 127.0.0.1:8443; }' >/etc/nginx/conf.d/blocked.conf
nginx -t
""",
    "renewal-trixie": r"""
printf '#!/bin/sh\nexit 1\n' >/etc/letsencrypt/renewal-hooks/deploy/portal
chmod 0755 /etc/letsencrypt/renewal-hooks/deploy/portal
""",
}
MEND = {
    "renewal-bookworm": "rm /etc/nginx/conf.d/blocked.conf; systemctl stop blocker; systemctl reload nginx",
    "renewal-trixie": "rm /etc/letsencrypt/renewal-hooks/deploy/portal",
}


@dataclass(frozen=True)
class Lineage:
    """links: where the four of them lead. disk, served: fingerprints, lower case without colons."""

    links: tuple[str, ...]
    disk: str
    served: str

    @property
    def generation(self) -> set[str]:
        """What is left of the links when the names of the parts are taken away: one number where all is well."""
        return {re.sub("[a-z]", "", Path(link).stem) for link in self.links}


@dataclass(frozen=True)
class Done:
    """A run, and what the hosts are like after it."""

    status: int
    output: str
    record: dict[str, Any]
    findings: list[dict[str, Any]]
    lineages: dict[str, Lineage]

    def statuses(self, check: str) -> dict[str, str]:
        """By host, the status of its finding of this check."""
        return {row["host"]: row["status"] for row in self.findings if row["check"] == check}

    def actions(self) -> dict[str, list[tuple[str, str]]]:
        """By host, what was done and how it went."""
        found: dict[str, list[tuple[str, str]]] = {}
        for row in self.record["actions"]:
            found.setdefault(row["host"], []).append((row["action"], row["outcome"]))
        return found


def lineage(host: str) -> Lineage:
    name = f"portal.{host.removeprefix('renewal-')}.example"
    *links, disk, served = observed.run(host, LINEAGE.format(name=name)).split("\n")[:6]
    return Lineage(tuple(links), *(line.partition("=")[2].replace(":", "").lower() for line in (disk, served)))


def like() -> dict[str, str]:
    """What the web hosts are like."""
    seen = {}
    for host in WEB:
        seen[f"files of {host}"] = observed.files(host, *KEPT)
        seen[f"services of {host}"] = observed.services(host, "nginx", "certbot.timer")
    return seen


def inventory(scenario: Scenario) -> str:
    """The hosts with their policy: what a user writes down to have a host's certificates renewed day by day."""
    hosts: dict[str, dict[str, Any]] = {host: {"ansible_connection": "community.docker.docker"} for host in HOSTS}
    for host in WEB:
        name = f"portal.{host.removeprefix('renewal-')}.example"
        hosts[host]["certificates_renewals"] = [
            {
                "name": name,
                "names": [name],
                "services": [{"name": "nginx"}],
                "endpoints": [{"host": "127.0.0.1", "port": 443, "server_name": name}],
                "trust_store": "/etc/ssl/acme-root.pem",
            }
        ]
        hosts[host]["certificates_sources"] = [{"path": f"/etc/letsencrypt/live/{name}/fullchain.pem", "names": [name]}]
    policy = {
        "run_open_system": "renewal-lab",
        "policy_windows": [ALWAYS],
        "policy_cadences": {"daily": {**dict.fromkeys(OTHERS, "skip"), "certificates": "renew"}},
        "certificates_acme_ca": "/etc/ssl/acme-ca.pem",
    }
    groups = {"certificates": WEB, "records": ["renewal-acme"]}
    content = {
        "all": {
            "vars": policy,
            "hosts": hosts,
            "children": {name: {"hosts": {host: {} for host in members}} for name, members in groups.items()},
        }
    }
    path = scenario.folder / "estate.json"
    path.write_text(json.dumps(content))
    return str(path)


def run(scenario: Scenario, *arguments: str, **variables: Any) -> Done:
    """The daily playbook."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "--inventory", inventory(scenario)),
            *("--extra-vars", json.dumps(variables), *arguments, "playbooks/daily.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "CAREOPS_RUNS_DIRECTORY": str(scenario.runs),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    folder = scenario.latest_run()
    return Done(
        done.returncode,
        done.stdout,
        read_record(folder / "record.json"),
        [json.loads(line) for line in (folder / "findings.jsonl").read_text().splitlines()],
        {host: lineage(host) for host in WEB},
    )


@pytest.fixture(scope="module")
def scenario() -> Iterator[Scenario]:
    """The hosts, prepared."""
    here = Scenario("certificates")
    with engine.running():
        images.build(images.RENEWAL)
        if engine.containers(HOSTS):
            # Of a test that was killed.
            here.step("destroy")
        shutil.rmtree(here.runs, ignore_errors=True)
        try:
            here.step("create")
            yield here
        finally:
            here.step("destroy")


@pytest.fixture(scope="module")
def before(scenario: Scenario) -> dict[str, str]:
    """What the hosts are like before anything is done."""
    return like()


@pytest.fixture(scope="module")
def aged(scenario: Scenario) -> dict[str, Lineage]:
    """The certificates of seventy days ago."""
    return {host: lineage(host) for host in WEB}


# Each begins where the one before it ended.


@pytest.fixture(scope="module")
def rehearsed(scenario: Scenario, before: dict[str, str], aged: dict[str, Lineage]) -> tuple[Done, dict[str, str]]:
    return run(scenario, "--check"), like()


@pytest.fixture(scope="module")
def renewed(scenario: Scenario, rehearsed: tuple[Done, dict[str, str]]) -> Done:
    return run(scenario)


@pytest.fixture(scope="module")
def again(scenario: Scenario, renewed: Done) -> Done:
    return run(scenario)


@pytest.fixture(scope="module")
def forced(scenario: Scenario, again: Done) -> Done:
    return run(scenario, certificates_renewal_mode="force")


@pytest.fixture(scope="module")
def rolled_back(scenario: Scenario, forced: Done) -> Iterator[Done]:
    """On each host another trouble."""
    for host in WEB:
        observed.run(host, BREAK[host])
    yield run(scenario, certificates_renewal_mode="force", certificates_renewal_serve_timeout=5)
    for host in WEB:
        observed.run(host, MEND[host])


@pytest.fixture(scope="module")
def verified(scenario: Scenario, rolled_back: Done) -> str:
    """What testinfra says of the hosts after all that."""
    return scenario.step("verify")


def test_check_mode_shows_what_is_due_and_changes_nothing(
    before: dict[str, str], aged: dict[str, Lineage], rehearsed: tuple[Done, dict[str, str]]
) -> None:
    done, after = rehearsed
    assert done.status == 0, done.output
    assert done.actions() == {host: [("renew", "planned")] for host in WEB}
    assert after == before
    assert done.lineages == aged


def test_what_is_due_is_renewed_and_served(aged: dict[str, Lineage], renewed: Done) -> None:
    assert renewed.status == 0, renewed.output
    assert renewed.actions() == {host: [("renew", "done")] for host in WEB}
    assert renewed.record["verdict"]["outcome"] == "attention"
    assert renewed.statuses("renewal.other_renewer") == {"renewal-bookworm": "warning", "renewal-trixie": "ok"}
    assert renewed.statuses("renewal.outcome") == dict.fromkeys(WEB, "ok")
    for host, found in renewed.lineages.items():
        assert found.served == found.disk != aged[host].disk
        assert found.generation == {"2"}


def test_a_second_run_finds_nothing_due(renewed: Done, again: Done) -> None:
    assert again.status == 0, again.output
    assert again.actions() == {}
    assert again.lineages == renewed.lineages
    assert again.statuses("renewal.due") == dict.fromkeys(WEB, "ok")
    for host in WEB:
        assert re.search(rf"^{host}\s.*changed=0", again.output, re.MULTILINE), again.output


def test_it_is_renewed_once_more_by_force(again: Done, forced: Done) -> None:
    assert forced.status == 0, forced.output
    for host, found in forced.lineages.items():
        assert found.served == found.disk != again.lineages[host].disk
        assert found.generation == {"3"}


def test_what_does_not_come_into_use_is_put_back(forced: Done, rolled_back: Done) -> None:
    assert rolled_back.status != 0
    assert rolled_back.statuses("renewal.outcome") == dict.fromkeys(WEB, "critical")
    assert rolled_back.actions() == {host: [("renew", "failed"), ("roll_back", "done")] for host in WEB}
    assert rolled_back.record["verdict"]["outcome"] == "failed"
    assert rolled_back.lineages == forced.lineages


def test_the_hosts_are_as_they_should_be(verified: str) -> None:
    passed = re.search(r"(\d+) passed", verified)
    assert passed is not None
    assert int(passed.group(1)) >= 10
