"""The calendars of the five inventories: valid, whole, and at the moments that the documents ask for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.calendars.tasks import Task, read_tasks
from tests.lab.modules import ROOT
from tests.unit.inventories import systems

FROM = datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))
UNTIL = datetime(2031, 1, 1, tzinfo=ZoneInfo("UTC"))

# By system, what its document calls the work, and the task that it became.
NAMED = {
    "neonpro": {
        "certificate renewal": "certificate-renewal",
        "daily check of validity": "certificate-check",
        "certificate monitoring service": "certificate-monitor",
        "dependency updates": "dependency-updates",
        "security scan of dependencies": "dependency-scan",
        "Python environment setup": "python-environments",
        "Git hook installation": "git-hooks",
        "validation of environments": "environment-approval",
        "vulnerability assessment": "vulnerability-assessment",
        "testing in isolated environments": "patch-test",
        "staged rollout": "patch-rollout",
        "post-deployment monitoring": "post-deployment-health",
        "TLS 1.3": "tls-policy",
        "audit logging": "audit-log",
        "service availability": "availability",
        "retention of logs": "records-kept",
        "LGPD": "lgpd-compliance",
        "backup systems": "backup-systems",
    },
    "smartmed": {
        "Review error dashboard": "error-dashboard",
        "Check system health": "system-health",
        "Review support tickets": "support-tickets",
        "Monitor key metrics": "key-metrics",
        "npm audit review": "npm-audit",
        "Performance metrics review": "performance-metrics",
        "Audit log review": "audit-log-review",
        "Backup verification": "backup-verification",
        "Dependency update review": "dependency-review",
        "Database optimization": "database-optimization",
        "Security log deep review": "security-log-review",
        "Capacity planning": "capacity-planning",
        "Dependency updates": "dependency-updates",
        "Documentation review": "documentation-review",
        "Audit log archival": "audit-log-archival",
        "Backup restoration test": "restore-test",
        "Security assessment": "security-assessment",
        "Performance load test": "load-test",
        "Access review": "access-review",
        "BAA renewal check": "vendor-agreements",
        "DR drill": "recovery-drill",
        "Full security audit": "security-audit",
        "HIPAA compliance review": "hipaa-review",
        "Infrastructure review": "infrastructure-review",
        "Vendor assessment": "vendor-assessment",
        "Policy review": "policy-review",
        "Team training": "team-training",
        "Uptime": "uptime",
        "Health endpoint": "health-endpoint",
        "Error rate": "error-rate",
        "Database connections": "database-connections",
        "Database vacuum": "database-vacuum",
        "Certificate renewal": "certificate-renewal",
        "Dependency updates, automated": "dependency-proposals",
    },
    "hysio": {
        "weekly database maintenance": "database-maintenance",
        "weekly optimization": "database-report",
        "cache maintenance": "cache-maintenance",
        "SSL certificates": "certificates",
        "security vulnerability assessment": "vulnerability-assessment",
        "critical patches within 24 hours": "security-update-monitor",
        "unattended updates": "automatic-updates",
        "monthly cleanup": "database-cleanup",
        "performance analysis": "performance-report",
        "zero-downtime updates": "application-update",
        "container maintenance": "container-maintenance",
        "server optimization": "host-tuning",
        "AI models": "model-tuning",
        "recent backups": "recent-backups",
        "before: window schedule": "window-review",
        "before: backup systems": "backup-systems",
        "before: rollback in staging": "rollback-rehearsal",
        "before: facilities": "facilities-told",
        "before: emergency contacts": "emergency-contacts",
        "week: window confirmed": "window-confirmed",
        "week: updates in staging": "updates-in-staging",
        "week: recovery site": "recovery-site",
        "week: rollback plans": "rollback-plans",
        "week: on-call team": "on-call-briefing",
        "during: backup": "pre-maintenance-backup",
        "during: patches": "security-patches",
        "during: certificates": "certificate-renewal",
        "during: services in sequence": "services-restarted",
        "during: performance": "performance-watch",
        "during: validation": "post-maintenance-validation",
        "after: validation": "complete-validation",
        "after: HIPAA": "hipaa-after-maintenance",
        "after: performance": "performance-after-maintenance",
        "after: logs": "maintenance-logs",
        "after: documentation": "maintenance-documents",
        "after: meeting": "review-meeting",
        "documentation: procedures": "procedures-updated",
        "documentation: issues": "issues-recorded",
        "documentation: systems": "system-documents",
        "documentation: report": "completion-report",
        "documentation: next window": "next-window",
        "documentation: this document": "document-review",
        "extended: system updates": "major-updates",
        "extended: infrastructure": "infrastructure-upgrades",
        "extended: compliance audits": "compliance-audit",
        "164.308(a)(2)": "security-officer",
        "164.308(a)(5)": "hipaa-training",
        "164.308(a)(7)": "contingency-plan",
        "164.310": "physical-safeguards",
    },
    "trusted_login": {
        "health endpoint": "backend-health",
        "error rates and alerts": "error-rates",
        "spot check": "spot-check",
        "log review": "log-review",
        "backups of 7 days": "backups-of-the-week",
        "quick security checks": "dependency-scan",
        "database maintenance": "database-maintenance",
        "performance dashboards": "performance-review",
        "capacity plans": "scaling-plan",
        "minor dependency updates": "dependency-updates",
        "slow queries": "slow-queries",
        "connection pool": "connection-pool",
        "full scans": "full-security-scan",
        "secrets rotated": "secret-rotation",
        "authorization paths": "access-paths",
        "daily backups": "daily-backup",
        "restore test": "restore-test",
        "capacity review": "capacity-review",
        "ticket approved": "change-approval",
        "stakeholders informed": "stakeholders-informed",
        "post-change health": "post-change-health",
        "post-change review": "post-change-review",
    },
    "guide": {
        "Service availability": "availability",
        "Performance metrics": "performance-metrics",
        "Security monitoring": "security-monitoring",
        "Authentication failures": "authentication-failures",
        "API errors": "api-errors",
        "System performance": "response-time",
        "Service health check": "service-health",
        "Database connection test": "database-connection",
        "SSL certificate validation": "ssl-validation",
        "Token validation check": "token-validation",
        "Session cleanup": "session-cleanup",
        "Security scan": "security-scan",
        "Resource usage monitoring": "resource-usage",
        "Cache hit rate analysis": "cache-hit-rate",
        "Database query performance": "query-performance",
        "Review security advisories": "security-advisories",
        "Test patches in staging": "patches-in-staging",
        "Deploy to production": "security-patches",
        "Dependency updates": "dependency-updates",
        "Configuration updates": "configuration-review",
        "System updates": "system-updates",
        "Security updates": "security-updates",
        "Documentation updates": "documentation-updates",
        "Performance Review": "performance-review",
        "Security log analysis": "security-log-analysis",
        "Incident report review": "security-review",
        "Error log review": "error-analysis",
        "Resolution tracking": "error-resolution",
        "Infrastructure assessment": "infrastructure-assessment",
        "Capacity planning": "capacity-planning",
        "Access log review": "access-log-review",
        "Permission audit": "permission-audit",
        "Security policy review": "security-policy-review",
        "Performance Analysis": "performance-analysis",
        "Security assessment": "comprehensive-audit",
        "Quarterly performance review": "quarterly-performance",
        "Policy Review": "policy-review",
        "Compliance requirements": "compliance-requirements",
        "Documentation Review": "documentation-review",
        "Scheduled with stakeholders": "quarterly-window",
    },
}

# SmartMed's slots: what the table says of day, week, month or quarter, its owner and duration in minutes.
SLOTS = [
    ("error-dashboard", "every day", "On-call", 15),
    ("system-health", "every day", "On-call", 10),
    ("support-tickets", "every day", "Support", 30),
    ("npm-audit", "Monday", "DevOps", 30),
    ("performance-metrics", "Monday", "DevOps", 30),
    ("audit-log-review", "Wednesday", "Security", 60),
    ("backup-verification", "Friday", "DevOps", 30),
    ("dependency-review", "Friday", "Dev Team", 60),
    ("database-optimization", "week 1", "DBA/DevOps", 120),
    ("security-log-review", "week 2", "Security", 120),
    ("capacity-planning", "week 3", "DevOps", 60),
    ("dependency-updates", "week 4", "Dev Team", 240),
    ("documentation-review", "week 4", "All", 60),
    ("restore-test", "month 1", "DevOps", 240),
    ("security-assessment", "month 2", "Security", 480),
    ("load-test", "month 2", "QA", 240),
    ("access-review", "month 3", "Security", 120),
    ("vendor-agreements", "month 3", "Compliance", 60),
    ("recovery-drill", "month 3", "All", 240),
    ("security-audit", "quarter 1", "External", 14 * 1440),
    ("hipaa-review", "quarter 1", "Compliance", 7 * 1440),
    ("infrastructure-review", "quarter 2", "DevOps", 2 * 1440),
    ("vendor-assessment", "quarter 2", "Procurement", 7 * 1440),
    ("policy-review", "quarter 3", "Legal/Compliance", 7 * 1440),
    ("team-training", "quarter 4", "HR/Dev", 2 * 1440),
]

# Hysio's checklist: how many days lie between the task and the first Sunday of the month.
PHASES = {
    9: ["window-review", "backup-systems", "rollback-rehearsal", "facilities-told", "emergency-contacts"],
    6: ["window-confirmed"],
    5: ["updates-in-staging"],
    4: ["recovery-site", "rollback-plans"],
    3: ["on-call-briefing"],
    0: [
        *("pre-maintenance-backup", "security-patches", "database-cleanup", "certificate-renewal"),
        *("services-restarted", "performance-watch", "post-maintenance-validation"),
        *("complete-validation", "hipaa-after-maintenance", "performance-after-maintenance"),
        *("maintenance-logs", "maintenance-documents", "review-meeting"),
    ],
    -1: ["procedures-updated", "issues-recorded", "system-documents", "completion-report", "next-window"],
}
IN_WINDOW = ("pre-maintenance-backup", "security-patches", "database-cleanup", "certificate-renewal")


def tasks_of(system: str) -> dict[str, Task]:
    policy = systems.policy(system)
    return {task.name: task for task in read_tasks(policy["policy_calendar"], time_zone=policy["policy_time_zone"])}


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_the_calendar_is_valid(system: str) -> None:
    rows = systems.policy(system)["policy_calendar"]
    tasks = tasks_of(system)
    assert len(tasks) == len(rows)
    for row in rows:
        assert row["cadence"] in {*systems.CADENCES, *systems.SUB_DAILY} - {"sub_daily"}
        assert {"title", "duration", "owner", "evidence", "source"} <= {key for key in row if row[key]}, row["task"]
        assert "checklist" not in row or row["work"] == "manual"


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_a_task_begins_with_its_first_slot(system: str) -> None:
    # A start that its own rule does not meet is a slip.
    for task in tasks_of(system).values():
        first = task.slots.following(FROM - timedelta(days=2))
        assert first is not None
        assert first.astimezone(task.slots.zone).replace(tzinfo=None) == task.slots.start, task.name


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_everything_that_the_document_names_is_in_the_calendar(system: str) -> None:
    tasks = tasks_of(system)
    assert {name: task for name, task in NAMED[system].items() if task not in tasks} == {}


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_automated_work_names_a_procedure(system: str) -> None:
    for task in tasks_of(system).values():
        if task.work != "automated":
            assert task.procedure == ""
        elif task.procedure not in systems.FUTURE:
            assert task.procedure in systems.ROLES, task.name
            assert (ROOT / "roles" / task.procedure / "tasks" / f"{task.entry}.yml").exists(), task.name
            assert systems.hosts(system, task.procedure), f"{task.name}: no host has the procedure {task.procedure}"


def test_what_is_to_come_is_not_there_yet() -> None:
    # Whoever makes one of these roles looks through the calendars and documents.
    assert set() == systems.FUTURE & systems.ROLES


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_automated_work_has_a_cadence_that_runs_it(system: str) -> None:
    """A task that no playbook of the system ever does would be overdue for ever."""
    cadences = systems.policy(system)["policy_cadences"]
    runs: dict[str, set[str]] = {}
    for cadence in (*systems.CADENCES[1:], *systems.SUB_DAILY):
        entries = systems.playbook("sub_daily" if cadence in systems.SUB_DAILY else cadence)
        for procedure, entry in {**entries, **cadences.get(cadence, {})}.items():
            runs.setdefault(procedure, set()).add(entry)
            if cadence in systems.SUB_DAILY:
                runs.setdefault(f"{cadence} {procedure}", set()).add(entry)
    for task in tasks_of(system).values():
        if task.work != "automated" or task.procedure in systems.FUTURE:
            continue
        often = f"{task.cadence} {task.procedure}" if task.cadence in systems.SUB_DAILY else task.procedure
        enough = {"main"} if task.entry == "main" else {"main", "check"}
        assert runs.get(often, set()) & enough, f"{task.name}: no {task.cadence} run does {task.procedure} {task.entry}"


@pytest.mark.parametrize(("name", "slot", "owner", "minutes"), SLOTS)
def test_smartmed_has_its_exact_slots(name: str, slot: str, owner: str, minutes: int) -> None:
    task = tasks_of("smartmed")[name]
    assert (task.owner, task.duration) == (owner, timedelta(minutes=minutes))
    moments = [moment.astimezone(task.slots.zone) for moment in task.slots.between(FROM, UNTIL)]
    # What stops the database waits for a window.
    assert {f"{moment:%H:%M}" for moment in moments} == {"02:00" if name == "database-optimization" else "09:00"}
    kind, _space, number = slot.partition(" ")
    years = 5
    if slot == "every day":
        assert len(moments) == (UNTIL - FROM).days
    elif kind == "week":
        assert {(moment.day - 1) // 7 + 1 for moment in moments} == {int(number)}
        assert len(moments) == 12 * years
    elif kind == "month":
        assert {(moment.month - 1) % 3 + 1 for moment in moments} == {int(number)}
        assert len(moments) == 4 * years
    elif kind == "quarter":
        assert {(moment.month - 1) // 3 + 1 for moment in moments} == {int(number)}
        assert len(moments) == years
    else:
        assert {f"{moment:%A}" for moment in moments} == {slot}
        assert len(moments) in (5 * 52, 5 * 52 + 1)


def first_sunday(day: date) -> date:
    """The first Sunday of a month that is nearest to the day."""
    near = [day + timedelta(days=days) for days in range(-10, 11)]
    return min((each for each in near if each.weekday() == 6 and each.day <= 7), key=lambda each: abs(each - day))


@pytest.mark.parametrize(("days", "name"), [(days, name) for days, names in PHASES.items() for name in names])
def test_the_checklist_of_hysio_follows_the_window(days: int, name: str) -> None:
    task = tasks_of("hysio")[name]
    moments = [moment.astimezone(task.slots.zone) for moment in task.slots.between(FROM, UNTIL)]
    apart = {(first_sunday(moment.date()) - moment.date()).days for moment in moments}
    assert apart == {days}
    # Each first Sunday has its own; at the edges of the five years, one may lie beyond.
    assert len(moments) in (59, 60)
    if name in IN_WINDOW:
        assert all(2 <= moment.hour < 6 for moment in moments)


def test_services_restart_behind_the_updates_and_before_the_validation() -> None:
    tasks = tasks_of("hysio")
    order = [tasks[name].slots.start.time() for name in PHASES[0][:7]]
    assert order == sorted(order)
    assert tasks["services-restarted"].checklist[0] == "Database"


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("service-health", 300),
        ("database-connection", 900),
        ("resource-usage", 900),
        ("token-validation", 3600),
        ("cache-hit-rate", 3600),
        ("session-cleanup", 6 * 3600),
        ("query-performance", 6 * 3600),
        ("ssl-validation", 86400),
        ("security-scan", 86400),
    ],
)
def test_the_checks_of_the_guide_come_as_often_as_it_says(name: str, seconds: int) -> None:
    task = tasks_of("guide")[name]
    moments = task.slots.between(FROM, FROM + timedelta(days=3))
    assert {later - earlier for earlier, later in zip(moments, moments[1:])} == {timedelta(seconds=seconds)}


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_maintenance_is_planned_for_when_a_window_is_open(system: str) -> None:
    """What a weekly, monthly or quarterly run does to the platform has its slot inside of a window for it."""
    from tests.unit.inventories.test_inventory_policy import opened

    for task in tasks_of(system).values():
        if task.procedure not in ("postgresql_maintenance", "patch_rollout", "system_updates", "app_update"):
            continue
        if task.entry != "main" or task.cadence not in ("weekly", "monthly", "quarterly"):
            continue
        for moment in task.slots.between(FROM.replace(month=11), FROM.replace(year=2027, month=11)):
            assert opened(system, moment, task.cadence), f"{task.name} at {moment}"
