"""Records of runs at a clinic: a web and a database host, with what a week really brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STATUSES = ("ok", "warning", "unknown", "critical")
OUTCOMES = ("done", "planned", "skipped", "failed")
TIME = "2026-11-22T02:00:12Z"
MIB = 1024 * 1024

Row = dict[str, Any]


def finding(check: str, subject: str, status: str, message: str, *, host: str, procedure: str, **more: Any) -> Row:
    return {
        "check": check,
        "subject": subject,
        "status": status,
        "message": message,
        **more,
        "host": host,
        "procedure": procedure,
        "time": TIME,
    }


def action(
    verb: str, target: str, *, host: str = "clinic-db", procedure: str = "postgresql_maintenance", **more: Any
) -> Row:
    settings = {"changed": more.get("outcome", "done") == "done", "outcome": "done", **more}
    return {"action": verb, "target": target, **settings, "host": host, "procedure": procedure, "time": TIME}


def certificate(name: str, days: float, status: str = "ok", *, folder: str = "/etc/ssl/clinic") -> Row:
    words = {
        "ok": f"Valid for {days:g} more days.",
        "warning": f"Ends in {days:g} days: see why the renewer has not replaced it.",
        "critical": f"Expired {-days:g} days ago: renew it now, clients refuse it.",
    }
    return finding(
        *("certificate.expiry", f"{folder}/{name}.pem", status, words[status]),
        host="clinic-web",
        procedure="certificates",
        value=days,
        unit="days",
        threshold=30.0,
        evidence={
            "not_after": "2026-12-13T09:14:00Z",
            "names": [f"{name}.clinic.example", f"www.{name}.clinic.example"],
            "issuer": "CN=Clinic Issuing CA 2",
            "lifetime_days": 90,
        },
        controls=["hipaa:164.312(e)(1)"],
    )


def findings() -> list[Row]:
    """What the checks of a good week with three warnings and one blind spot saw."""
    db: Row = {"host": "clinic-db", "procedure": "postgresql_maintenance"}
    backups: Row = {"host": "clinic-db", "procedure": "backups"}
    patching: Row = {"procedure": "patching"}
    rows = [certificate(name, days) for name, days in (("portal", 74.2), ("api", 61.0), ("hl7", 148.5), ("ldap", 33.9))]
    rows.append(certificate("imaging", 18.4, "warning"))
    rows.append(
        finding(
            *("certificate.key_match", "/etc/ssl/clinic/portal.pem", "ok", "Key and certificate belong together."),
            host="clinic-web",
            procedure="certificates",
        )
    )
    rows += [
        finding(
            *("postgres.bloat", f"clinic.public.{name}", "ok", f"{percent} % of the table is dead."),
            value=percent,
            unit="percent",
            threshold=20.0,
            **db,
        )
        for name, percent in (("patients", 2.1), ("transcriptions", 4.9), ("diagnosis_codes", 0.0), ("audit_log", 1.2))
    ]
    rows += [
        finding(
            *("postgres.index_valid", "clinic.public.user_sessions_token_idx_ccnew", "warning"),
            "An invalid index was left by a concurrent build that failed; it has been dropped and built again.",
            **db,
        ),
        finding(
            *("postgres.amcheck", "clinic", "unknown"),
            "The extension amcheck is not installed, so the indexes' structure could not be verified: "
            "install postgresql-contrib.",
            **db,
        ),
        finding(
            *("backup.age", "clinic", "ok", "The newest backup is 3.4 hours old."),
            value=3.4,
            unit="hours",
            threshold=26,
            **backups,
        ),
        finding(
            *("backup.recovery_time", "clinic", "ok", "Restored and verified in 48.6 seconds."),
            value=48.6,
            unit="seconds",
            threshold=240,
            **backups,
        ),
        finding(
            *("backup.recovery_time", "billing", "ok", "Restored and verified in 12.1 seconds."),
            value=12.1,
            unit="seconds",
            threshold=240,
            **backups,
        ),
        finding(
            *("backup.objects", "clinic", "ok", "14 tables, 31 indexes and 9 constraints are there."),
            value=14,
            unit="count",
            **backups,
        ),
        finding(
            *("apt.security_updates", "clinic-web", "warning"),
            "3 security updates are pending (openssl, libssl3, curl): they come tonight, or run patching now.",
            host="clinic-web",
            value=3,
            unit="count",
            threshold=1,
            evidence={"packages": ["openssl 3.0.15-1~deb12u1", "libssl3 3.0.15-1~deb12u1", "curl 7.88.1-10+deb12u8"]},
            **patching,
        ),
        finding(*("apt.reboot", "clinic-db", "ok", "No reboot is needed."), host="clinic-db", **patching),
    ]
    return rows


def actions() -> list[Row]:
    """What the maintenance of that week did."""
    rows = [
        action(
            "vacuum",
            f"clinic.public.{name}",
            before={"dead_rows": dead, "bytes": old * MIB},
            after={"dead_rows": 0, "bytes": new * MIB},
            seconds=seconds,
        )
        for name, dead, old, new, seconds in (
            ("user_sessions", 412_873, 96, 61, 3.214),
            ("audit_log", 120_400, 214, 209, 6.02),
            ("transcriptions", 22_091, 388, 388, 4.4),
        )
    ]
    rows += [
        action("analyze", f"clinic.public.{name}", after={"rows": rows_}, seconds=0.31)
        for name, rows_ in (("patients", 120_000), ("diagnosis_codes", 71_486))
    ]
    return [
        action("backup", "clinic", procedure="backups", after={"bytes": 83 * MIB}, seconds=7.9),
        *rows,
        action(
            "reindex",
            "clinic.public.user_sessions_token_idx",
            before={"bytes": 41 * MIB, "valid": False},
            after={"bytes": 12 * MIB, "valid": True},
            seconds=2.75,
        ),
        action(
            "reindex",
            "clinic.public.audit_log_created_at_idx",
            before={"bytes": 30 * MIB},
            after={"bytes": 22 * MIB},
            seconds=1.9,
        ),
        action(
            "reindex",
            "clinic.public.patients_pkey",
            outcome="skipped",
            reason="Only 4 % would be given back.",
        ),
        action(
            "restore_test",
            "/var/backups/clinic/clinic-20261121T233000Z.dump",
            procedure="backups",
            changed=False,
            after={
                "create_seconds": 0.21,
                "restore_seconds": 41.3,
                "verify_seconds": 6.7,
                "drop_seconds": 0.4,
                "rows": 1_204_882,
            },
            seconds=48.6,
        ),
    ]


def procedures() -> list[Row]:
    rows = (
        ("run_open", "localhost", "ok", 1.1, 0.1),
        ("certificates", "clinic-web", "ok", 2.4, 1.6),
        ("postgresql_maintenance", "clinic-db", "ok", 24.9, 21.3),
        ("backups", "clinic-db", "ok", 52.2, 49.9),
        ("patching", "clinic-web", "ok", 3.1, 2.2),
        ("patching", "clinic-db", "ok", 2.9, 1.8),
        ("run_close", "localhost", "ok", 2.6, 0.7),
    )
    return [
        {"name": name, "host": host, "state": state, "started": TIME, "seconds": seconds, "work_seconds": work}
        for name, host, state, seconds, work in rows
    ]


def record(
    *,
    seen: list[Row] | None = None,
    done: list[Row] | None = None,
    outcome: str = "attention",
    sentence: str = "The run went well; 4 findings need attention.",
    reasons: list[str] | None = None,
    interrupted: str | None = None,
    check_mode: bool = False,
    hosts: list[Row] | None = None,
    ran: list[Row] | None = None,
) -> Row:
    """A whole record, its sums right."""
    seen = findings() if seen is None else seen
    done = actions() if done is None else done
    ran = procedures() if ran is None else ran
    attention = sorted((row for row in seen if row["status"] != "ok"), key=lambda row: -STATUSES.index(row["status"]))
    tallies: dict[tuple[str, str], dict[str, int]] = {}
    for row in seen:
        tallies.setdefault((row["check"], row["host"]), dict.fromkeys(STATUSES, 0))[row["status"]] += 1
    counts = {status: sum(row["status"] == status for row in seen) for status in STATUSES}
    return {
        "schema": 1,
        "run": {
            "id": "20261122T020000Z-weekly-3f9a1c",
            "system": "clinic",
            "cadence": "weekly",
            "work_class": "maintenance",
            "check_mode": check_mode,
            "operator": "m.berger",
            "ticket": "CHG-4711",
            "controller": "ops1",
            "playbook": "weekly.yml",
            "ansible_version": "2.19.14",
            "collection_version": "0.1.0",
            "started": "2026-11-22T02:00:00Z",
            "ended": "2026-11-22T02:01:31Z",
            "seconds": 91.4,
        },
        "verdict": {
            "outcome": outcome,
            "sentence": sentence,
            "reasons": [f"{row['host']}: {row['subject']}: {row['message']}" for row in attention[:10]]
            if reasons is None
            else reasons,
        },
        "interrupted": interrupted,
        "summary": {
            "worst": max((row["status"] for row in seen), key=STATUSES.index, default="ok"),
            "counts": counts,
            "outcomes": {name: sum(row["outcome"] == name for row in done) for name in OUTCOMES},
        },
        "hosts": [{"name": name, "state": "ok"} for name in ("clinic-db", "clinic-web", "localhost")]
        if hosts is None
        else hosts,
        "procedures": ran,
        "attention": attention,
        "checks": [{"check": check, "host": host, "counts": tally} for (check, host), tally in sorted(tallies.items())],
        "actions": done,
        "timing": {
            "wall_seconds": 91.4,
            "work_seconds": 78.2,
            "ansible_seconds": 13.2,
            "tasks": [
                {
                    "procedure": row["name"],
                    "task": f"{row['name']} : Do the whole job",
                    "host": row["host"],
                    "seconds": row["seconds"],
                    "work_seconds": row["work_seconds"],
                }
                for row in sorted(ran, key=lambda row: -float(row["seconds"]))[:20]
            ],
        },
    }


def write(folder: Path, run: Row, seen: list[Row] | None = None) -> Path:
    """The run's directory as the modules find it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(json.dumps(run))
    lines = (json.dumps(row) + "\n" for row in (findings() if seen is None else seen))
    (folder / "findings.jsonl").write_text("".join(lines))
    return folder
