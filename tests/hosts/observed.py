"""What a host is like, as plain text: proof that a run changed nothing is that this stayed the same."""

from __future__ import annotations

import subprocess

# Names, owners, modes and moments as well as content: a file rewritten with the same words was touched too.
FILES = """
find {folders} -xdev -printf '%p %y %m %u:%g %T@ %l\\n' | sort
find {folders} -xdev -type f -print0 | sort -z | xargs -0 --no-run-if-empty sha256sum
"""

PACKAGES = "dpkg-query --show --showformat '${Package} ${Version} ${db:Status-Abbrev}\\n'"

# When each unit that a run could restart or reload did so last.
SERVICES = "systemctl show --property=Id,ActiveState,MainPID,StateChangeTimestamp {services}"

# Whatever maintenance touches shows here: a relation's file, its pages, its statistics; settings; a database more.
CATALOGUE = """
SELECT 'database', datname, oid::text, datconnlimit::text FROM pg_database ORDER BY 2;
SELECT 'role', rolname, oid::text FROM pg_roles ORDER BY 2;
SELECT 'setting', name, setting FROM pg_settings WHERE source NOT IN ('client', 'session') ORDER BY 2;
SELECT 'extension', extname, extversion FROM pg_extension ORDER BY 2;
SELECT 'relation', c.oid::regclass::text, c.relfilenode, c.relpages, c.reltuples, c.relfrozenxid, c.relkind
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 2;
SELECT 'index', indexrelid::regclass::text, indisvalid, indisready FROM pg_index WHERE indexrelid >= 16384 ORDER BY 2;
SELECT 'table', relname, n_live_tup, n_dead_tup, n_mod_since_analyze, n_tup_ins, n_tup_upd, n_tup_del,
       vacuum_count, analyze_count, last_vacuum, last_analyze
FROM pg_stat_user_tables ORDER BY 2;
"""


def run(host: str, script: str, *, account: str = "root") -> str:
    """Runs a shell script on a host. Raises AssertionError with its words where it fails."""
    done = subprocess.run(
        ["docker", "exec", "--interactive", "--user", account, host, "bash", "-euo", "pipefail"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"on {host}:\n{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def files(host: str, *folders: str) -> str:
    """Every file under the folders that are there."""
    there = run(host, f"ls -d {' '.join(folders)} 2>/dev/null || true").split()
    return f"no {set(folders) - set(there)}\n" + run(host, FILES.format(folders=" ".join(there))) if there else "none"


def packages(host: str) -> str:
    """Every package with its version and state."""
    return run(host, PACKAGES)


def services(host: str, *names: str) -> str:
    """The state of the services, and since when they are in it."""
    return run(host, SERVICES.format(services=" ".join(names)))


def catalogue(host: str, database: str) -> str:
    """The database catalogue, with the figures that maintenance moves."""
    script = (
        f"psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 {database} <<'END'\n{CATALOGUE}END\n"
    )
    return run(host, script, account="postgres")
