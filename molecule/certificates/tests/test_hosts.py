"""What the web hosts are like after a renewal, one by force, and one that was put back."""

from __future__ import annotations

import json
from typing import Any

import pytest
import testinfra

WEB = ("renewal-bookworm", "renewal-trixie")
RUNS = "/var/lib/careops/logs/maintenance"


def on(name: str) -> Any:
    return testinfra.get_host(f"docker://{name}")


def portal(name: str) -> str:
    return f"portal.{name.removeprefix('renewal-')}.example"


def records() -> list[dict[str, Any]]:
    """What the records host has of the runs, in the order of time."""
    keeper = on("renewal-acme")
    folders = keeper.check_output(f"cd {RUNS} && ls -1d */").split()
    return [json.loads(keeper.file(f"{RUNS}/{folder}record.json").content_string) for folder in folders]


@pytest.mark.parametrize("name", WEB)
def test_nginx_serves_what_the_live_folder_has(name: str) -> None:
    host = on(name)
    fingerprint = "openssl x509 -noout -fingerprint -sha256"
    on_disk = host.check_output(f"{fingerprint} -in /etc/letsencrypt/live/{portal(name)}/cert.pem")
    connect = f"openssl s_client -connect 127.0.0.1:443 -servername {portal(name)} </dev/null 2>/dev/null"
    assert host.check_output(f"{connect} | {fingerprint}") == on_disk
    assert host.service("nginx").is_running
    assert host.run("nginx -t").rc == 0


@pytest.mark.parametrize("name", WEB)
def test_the_live_links_lead_into_the_archive(name: str) -> None:
    host = on(name)
    for part in ("cert", "chain", "fullchain", "privkey"):
        link = host.file(f"/etc/letsencrypt/live/{portal(name)}/{part}.pem")
        assert link.is_symlink
        assert link.linked_to == f"/etc/letsencrypt/archive/{portal(name)}/{part}3.pem"
    # The one that was put back is not there for certbot to find.
    kept = host.check_output(f"ls /etc/letsencrypt/archive/{portal(name)}").split()
    assert not [path for path in kept if path.endswith("4.pem")]
    assert host.file(f"/etc/letsencrypt/archive/{portal(name)}/privkey3.pem").mode == 0o600


@pytest.mark.parametrize("name", WEB)
def test_certbot_goes_on_by_itself(name: str) -> None:
    host = on(name)
    # Debian's own timer is as it was: on one of them it still looks twice a day, and would find what we left.
    assert host.service("certbot.timer").is_enabled == (name == "renewal-bookworm")
    assert host.service("certbot.timer").is_running == (name == "renewal-bookworm")
    renew = "REQUESTS_CA_BUNDLE=/etc/ssl/acme-ca.pem certbot renew --no-random-sleep-on-renew"
    quiet = host.run(renew)
    assert quiet.rc == 0, quiet.stdout
    assert "not yet due" in quiet.stdout and "fixing" not in quiet.stdout
    rehearsed = host.run(f"{renew} --dry-run --server https://renewal-acme:14000/dir")
    assert rehearsed.rc == 0, rehearsed.stdout


@pytest.mark.parametrize("name", WEB)
def test_nothing_is_left_to_finish(name: str) -> None:
    host = on(name)
    assert host.check_output("find /var/lib/careops -name journal.json") == ""
    backups = host.file(f"/var/backups/careops/certificates/{portal(name)}")
    assert backups.mode == 0o700
    assert 1 <= len(backups.listdir()) <= 5


def test_the_records_tell_the_story() -> None:
    told = [{(row["host"], row["action"], row["outcome"]) for row in record["actions"]} for record in records()]
    done = {(name, "renew", "done") for name in WEB}
    put_back = {(name, *act) for name in WEB for act in (("renew", "failed"), ("roll_back", "done"))}
    assert told == [done, set(), done, put_back]
    assert [record["verdict"]["outcome"] for record in records()] == [*["attention"] * 3, "failed"]


@pytest.mark.parametrize("name", WEB)
def test_the_last_record_says_what_was_wrong(name: str) -> None:
    (row,) = [row for row in records()[-1]["attention"] if row["host"] == name and row["check"] == "renewal.outcome"]
    assert row["status"] == "critical"
    assert portal(name) in row["message"]
