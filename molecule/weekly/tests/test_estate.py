"""What the three hosts are like after the weekly run."""

from __future__ import annotations

import json
from typing import Any

import pytest
import testinfra

RUNS = "/var/lib/careops/logs/maintenance"
BEFORE = "/var/backups/postgresql-before-maintenance"


def on(name: str) -> Any:
    return testinfra.get_host(f"docker://{name}")


def ask(sql: str, database: str = "clinic") -> str:
    command = on("clinic-db").run("sudo -u postgres psql -XAtq -v ON_ERROR_STOP=1 -d %s -c %s", database, sql)
    assert command.rc == 0, command.stderr
    answer: str = command.stdout.strip()
    return answer


def kept() -> list[str]:
    """The runs that the records host has, in the order of time."""
    found: list[str] = on("clinic-records").check_output(f"cd {RUNS} && ls -1d */").split()
    return [name.rstrip("/") for name in found]


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """The record of the last run, from the host that keeps it."""
    records = on("clinic-records")
    newest = kept()[-1]
    content: dict[str, Any] = json.loads(records.file(f"{RUNS}/{newest}/record.json").content_string)
    return content


@pytest.fixture(scope="module")
def first_record() -> dict[str, Any]:
    """The record of the first real run, the one that had work to do."""
    records = on("clinic-records")
    oldest = kept()[0]
    content: dict[str, Any] = json.loads(records.file(f"{RUNS}/{oldest}/record.json").content_string)
    return content


def test_the_record_is_closed_with_its_verdict(record: dict[str, Any]) -> None:
    assert record["run"]["system"] == "clinic-lab"
    assert record["run"]["check_mode"] is False
    assert record["run"]["ended"] > record["run"]["started"]
    assert record["interrupted"] is None
    assert record["verdict"]["outcome"] == "attention"
    assert {host["name"]: host["state"] for host in record["hosts"]}["clinic-db"] == "ok"
    done = {(procedure["name"], procedure["host"]) for procedure in record["procedures"] if procedure["state"] == "ok"}
    assert done >= {
        ("backups", "clinic-db"),
        ("certificates", "clinic-web"),
        ("postgresql_maintenance", "clinic-db"),
        ("patching", "clinic-db"),
        ("patching", "clinic-web"),
    }


def test_only_real_runs_are_kept_and_each_is_whole() -> None:
    records = on("clinic-records")
    for run in kept():
        folder = records.file(f"{RUNS}/{run}")
        assert folder.mode == 0o750
        files = set(records.check_output(f"ls -1 {RUNS}/{run}").split())
        assert files >= {"record.json", "findings.jsonl", "journal.jsonl", "report.html", "metrics.prom"}
        content = json.loads(records.file(f"{RUNS}/{run}/record.json").content_string)
        assert content["run"]["id"] == run
        assert content["run"]["check_mode"] is False


def test_the_certificate_near_its_end_is_the_only_one_that_warns(record: dict[str, Any]) -> None:
    warned = [item for item in record["attention"] if item["procedure"] == "certificates"]
    assert [(item["check"], item["status"]) for item in warned] == [("certificate.expiry", "warning")]
    assert "portal" in warned[0]["subject"]
    assert "portal.clinic.example" in warned[0]["message"]


def test_the_web_server_still_serves() -> None:
    web = on("clinic-web")
    assert web.service("nginx").is_running
    assert web.run("nginx -t").rc == 0
    assert web.socket("tcp://0.0.0.0:8443").is_listening


def test_the_waiting_security_update_is_told_and_left_alone(record: dict[str, Any]) -> None:
    waiting = {
        item["host"]: item["value"]
        for item in record["attention"]
        if item["check"] == "apt.security_updates" and item["status"] == "warning"
    }
    assert waiting == {"clinic-web": 1, "clinic-db": 1}
    assert on("clinic-web").package("clinic-agent").version == "1.0-1"


@pytest.mark.parametrize("name", ["clinic-web", "clinic-db"])
def test_automatic_updates_are_set_up(name: str) -> None:
    settings = on(name).check_output("apt-config dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in settings
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in settings
    assert 'Unattended-Upgrade::Package-Blacklist:: "postgresql";' in settings
    # What policy does not speak of is as the distribution set it.
    assert "label=Debian-Security" in settings


def test_the_dead_rows_are_gone() -> None:
    assert ask("SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables") == "0"
    assert ask("SELECT bool_and(last_vacuum IS NOT NULL) FROM pg_stat_user_tables") == "t"
    assert ask("SELECT bool_and(last_analyze IS NOT NULL) FROM pg_stat_user_tables") == "t"


def test_the_swollen_indexes_are_small_and_valid(first_record: dict[str, Any]) -> None:
    assert int(ask("SELECT pg_relation_size('transcriptions_written')")) < 4 * 1024 * 1024
    assert ask("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "0"
    assert ask("SELECT count(*) FROM pg_class WHERE relname ~ '_cc(new|old)'") == "0"
    assert first_record["summary"]["outcomes"]["done"] >= 5


def test_no_row_was_lost() -> None:
    assert ask("SELECT count(*) FROM transcriptions") == "100000"
    assert ask("SELECT count(*) FROM user_sessions") == "5000"
    assert ask("SELECT count(*) FROM bt_index_check('transcriptions_written', true)") == "1"


def test_there_is_one_verified_backup_of_before() -> None:
    database = on("clinic-db")
    backups = database.check_output(f"find {BEFORE} -name 'clinic-*.dump'").split()
    # The second run had nothing to do, so it needed none.
    assert len(backups) == 1
    assert database.file(backups[0]).mode == 0o600
    assert database.run(f"cd {BEFORE} && sha256sum --check --quiet *.sha256").rc == 0
    listing = database.check_output(f"pg_restore --list {backups[0]}")
    assert "TABLE DATA public transcriptions" in listing


def test_nothing_is_left_of_the_restore_test(first_record: dict[str, Any]) -> None:
    assert (
        ask("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database")
        == "clinic postgres template0 template1"
    )
    restored = [check for check in first_record["checks"] if check["check"].startswith("backup.restore")]
    assert restored, "the restore test left no finding"
    assert all(check["counts"]["critical"] + check["counts"]["unknown"] == 0 for check in restored)


def test_the_nightly_backups_are_as_they_were() -> None:
    assert len(on("clinic-db").check_output("find /var/backups/clinic -type f").split()) == 7


def test_every_run_is_in_the_index_and_had_its_plan_written_down() -> None:
    records = on("clinic-records")
    index = records.file(f"{RUNS}/index.jsonl").content_string
    for run in kept():
        assert run in index
        before = json.loads(records.file(f"{RUNS}/{run}/before.json").content_string)
        assert (before["id"], before["window"]["name"]) == (run, "lab")


def test_the_audit_log_holds_and_its_head_is_anchored_elsewhere(record: dict[str, Any]) -> None:
    verified = [row for row in record["checks"] if row["check"].startswith("audit.")]
    assert verified and {row["counts"]["critical"] for row in verified} == {0}
    assert on("clinic-web").check_output("find /var/lib/careops/anchors -type f")
    assert on("clinic-records").file("/etc/careops/audit.key").mode == 0o600


def test_health_was_looked_at_with_the_real_systemd(record: dict[str, Any]) -> None:
    looked = {(row["check"], row["host"]) for row in record["checks"]}
    assert {
        *(("health.service", "clinic-web"), ("health.service", "clinic-db")),
        *(("health.database", "clinic-db"), ("health.integration", "clinic-web")),
    } <= looked


def test_the_calendar_knows_what_was_done(record: dict[str, Any]) -> None:
    assert [row["check"] for row in record["attention"] if row["check"].startswith("calendar.")] == []
