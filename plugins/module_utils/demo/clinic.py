# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clinic's database: its tables, what is in them, and what a day changes.

Everything is made by SQL on the server from row numbers, so it is quick, and the same every time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SCHEMA = "clinic"
DATABASE = "clinic"
# Until it is complete the database carries this name, so that a killed build is known as one.
DRAFT = "clinic_being_built"

# Restores backups, and may do nothing else.
RESTORER = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'restorer') THEN CREATE ROLE restorer LOGIN CREATEDB; END IF;
END $$
"""

# Shares of the rows asked for. Of the sessions ever opened, one in five is still there after the purge.
SHARES = {
    "patient_records": 0.06,
    "medical_transcriptions": 0.18,
    "diagnosis_codes": 0.16,
    "audit_logs": 0.52,
    "user_sessions": 0.08,
}
SESSIONS_OPENED_PER_KEPT = 5

TABLES = """
CREATE SCHEMA clinic;
CREATE TABLE clinic.patient_records (
    id bigint GENERATED ALWAYS AS IDENTITY, medical_record_number text NOT NULL,
    family_name text NOT NULL, given_name text NOT NULL, born date NOT NULL, sex char(1) NOT NULL,
    city text NOT NULL, registered_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
    CHECK (sex IN ('f', 'm', 'x')));
CREATE TABLE clinic.medical_transcriptions (
    id bigint GENERATED ALWAYS AS IDENTITY, patient_id bigint NOT NULL, author text NOT NULL,
    dictated_at timestamptz NOT NULL, status text NOT NULL, body text NOT NULL,
    CHECK (status IN ('draft', 'final', 'signed')));
CREATE TABLE clinic.diagnosis_codes (
    id bigint GENERATED ALWAYS AS IDENTITY, patient_id bigint NOT NULL, code text NOT NULL,
    certain boolean NOT NULL, recorded_at timestamptz NOT NULL);
CREATE TABLE clinic.audit_logs (
    id bigint GENERATED ALWAYS AS IDENTITY, happened_at timestamptz NOT NULL, actor text NOT NULL,
    action text NOT NULL, record text NOT NULL, source inet NOT NULL, hash text);
CREATE TABLE clinic.user_sessions (
    id bigint GENERATED ALWAYS AS IDENTITY, token text NOT NULL, account text NOT NULL,
    opened_at timestamptz NOT NULL, expires_at timestamptz NOT NULL);
CREATE TABLE clinic.nightly_jobs (night date PRIMARY KEY, finished_at timestamptz NOT NULL DEFAULT now());
"""

PATIENTS = """
INSERT INTO clinic.patient_records
    (medical_record_number, family_name, given_name, born, sex, city, registered_at, updated_at)
SELECT 'MRN-' || lpad(i::text, 8, '0'),
    (ARRAY['Almeida','Barbosa','Cardoso','Duarte','Esteves','Fonseca','Gomes','Hansen','Ito','Jansen'])[1 + i * 7 %% 10]
        || (ARRAY['',' Lima',' Moreira',' Neves',' Okafor',' Prado',' Quint'])[1 + i %% 7],
    (ARRAY['Ana','Bruno','Clara','Davi','Elisa','Felix','Gina','Hugo','Iris','Jonas','Kofi'])[1 + i * 3 %% 11],
    date '1935-01-01' + (i::bigint * 37 %% 32000)::int, (ARRAY['f','m','x','f','m'])[1 + i %% 5],
    'District ' || i %% 211, %(at)s - i %% 2000 * interval '1 day', %(at)s - i %% 2000 * interval '1 hour'
FROM generate_series(%(first)s::int, %(last)s::int) i
"""

TRANSCRIPTIONS = """
INSERT INTO clinic.medical_transcriptions (patient_id, author, dictated_at, status, body)
SELECT 1 + i::bigint * 7919 %% %(patients)s, 'dr.' || i %% 83, %(at)s - (%(last)s - i) * interval '3 minutes',
    CASE WHEN i %% 5 = 0 THEN 'draft' WHEN i %% 5 = 4 THEN 'signed' ELSE 'final' END,
    'Visit ' || i || ': ' || repeat((ARRAY['blood pressure stable, ', 'patient reports less pain, ',
        'follow-up in six weeks, ', 'no adverse reaction observed, '])[1 + i %% 4], 3 + i %% 7) || md5(i::text)
FROM generate_series(%(first)s::int, %(last)s::int) i
"""

DIAGNOSES = """
INSERT INTO clinic.diagnosis_codes (patient_id, code, certain, recorded_at)
SELECT 1 + i::bigint * 104729 %% %(patients)s,
    chr(65 + i %% 26) || lpad((i::bigint * 31 %% 100)::text, 2, '0') || '.' || i %% 10, i %% 9 <> 0,
    %(at)s - (%(last)s - i) * interval '4 minutes'
FROM generate_series(%(first)s::int, %(last)s::int) i
"""

AUDIT = """
INSERT INTO clinic.audit_logs (happened_at, actor, action, record, source, hash)
SELECT %(at)s - (%(last)s - i) * interval '1 minute', 'user' || i %% 457,
    (ARRAY['view','update','view','print','login','view','export'])[1 + i %% 7],
    'patient/' || 1 + i::bigint * 13 %% %(patients)s, ('10.20.' || i %% 250 || '.' || i::bigint * 7 %% 250)::inet,
    md5(i::text)
FROM generate_series(%(first)s::int, %(last)s::int) i
"""

# Four in five are expired from the start; the others expire day by day.
SESSIONS = """
INSERT INTO clinic.user_sessions (token, account, opened_at, expires_at)
SELECT md5('session ' || i), 'user' || i %% 457, %(at)s - (%(last)s - i) * interval '2 minutes',
    CASE WHEN i %% 5 = 0 THEN %(at)s + (1 + i / 5 %% 40) * interval '1 day' ELSE %(at)s - interval '1 hour' END
FROM generate_series(%(first)s::int, %(last)s::int) i
"""

KEYS = """
ALTER TABLE clinic.patient_records ADD PRIMARY KEY (id);
ALTER TABLE clinic.patient_records ADD UNIQUE (medical_record_number);
ALTER TABLE clinic.medical_transcriptions ADD PRIMARY KEY (id);
ALTER TABLE clinic.medical_transcriptions ADD FOREIGN KEY (patient_id) REFERENCES clinic.patient_records;
CREATE INDEX ON clinic.medical_transcriptions (patient_id, dictated_at);
ALTER TABLE clinic.diagnosis_codes ADD PRIMARY KEY (id);
ALTER TABLE clinic.diagnosis_codes ADD FOREIGN KEY (patient_id) REFERENCES clinic.patient_records;
CREATE INDEX ON clinic.diagnosis_codes (patient_id);
ALTER TABLE clinic.audit_logs ADD PRIMARY KEY (id);
CREATE INDEX ON clinic.audit_logs (happened_at);
ALTER TABLE clinic.user_sessions ADD PRIMARY KEY (id);
ALTER TABLE clinic.user_sessions ADD UNIQUE (token);
"""

# What a year without maintenance leaves. Purged sessions leave their index four fifths empty: VACUUM frees
# the table's space for new rows, and the index keeps its size. The hashes written anew leave dead rows.
PURGE = "DELETE FROM clinic.user_sessions WHERE expires_at < %(at)s"
SETTLE = "VACUUM (ANALYZE)"
REHASH = "UPDATE clinic.audit_logs SET hash = md5(hash) WHERE id %% 4 = 0"

DAY = """
UPDATE clinic.medical_transcriptions SET status = 'final' WHERE status = 'draft' AND id %% 40 = %(day)s %% 40;
UPDATE clinic.patient_records SET city = 'District ' || (id + %(day)s) %% 211, updated_at = %(at)s
    WHERE id %% 50 = %(day)s %% 50;
DELETE FROM clinic.user_sessions WHERE expires_at < %(at)s;
INSERT INTO clinic.nightly_jobs (night) VALUES (%(night)s)
"""


@dataclass(frozen=True)
class Table:
    """A table that grows: the statement that adds rows, and how many a day, as a share of what it has."""

    name: str
    insert: str
    daily: float
    # Rows that the statement writes for each row that stays.
    excess: int = 1


GROWING = (
    Table("patient_records", PATIENTS, 0.001),
    Table("medical_transcriptions", TRANSCRIPTIONS, 0.003),
    Table("diagnosis_codes", DIAGNOSES, 0.003),
    Table("audit_logs", AUDIT, 0.004),
    Table("user_sessions", SESSIONS, 0.03, SESSIONS_OPENED_PER_KEPT),
)


def plan(rows: int) -> dict[str, int]:
    """Rows by table for about so many in total."""
    return {name: max(50, int(rows * share)) for name, share in SHARES.items()}


def build(connect: Callable[[bool], Any], *, rows: int, at: datetime) -> None:
    """Fills an empty database. connect: given whether to autocommit, a connection to it.

    at: the moment before the first night.
    """
    connection = connect(False)
    try:
        with connection.cursor() as cursor:
            load(cursor, rows=rows, at=at)
        connection.commit()
    finally:
        connection.close()
    connection = connect(True)
    try:
        with connection.cursor() as cursor:
            for statement in (SETTLE, REHASH, "ANALYZE clinic.audit_logs"):
                cursor.execute(statement, {})
    finally:
        connection.close()


def measure(cursor: Any) -> tuple[int, int]:
    """Rows by the statistics, and the bytes of the database."""
    cursor.execute(
        "SELECT coalesce(sum(reltuples) FILTER (WHERE reltuples > 0), 0)::bigint, "
        "pg_database_size(current_database()) FROM pg_class "
        "WHERE relnamespace = 'clinic'::regnamespace AND relkind = 'r'"
    )
    rows, size = cursor.fetchone()
    return int(rows), int(size)


def load(cursor: Any, *, rows: int, at: datetime) -> None:
    """Tables, rows and keys, in the transaction that is open. at: the moment before the first night."""
    wanted = plan(rows)
    cursor.execute(TABLES)
    for table in GROWING:
        _add(cursor, table, first=1, count=wanted[table.name] * table.excess, patients=wanted["patient_records"], at=at)
    cursor.execute(KEYS)
    cursor.execute(PURGE, {"at": at})


def live_through_a_day(cursor: Any, *, at: datetime) -> None:
    """The changes of the day that ends with this night, in the transaction that is open.

    at: the night's backup, whose local date names the night.
    """
    night = at.astimezone().date()
    patients = _highest(cursor, "patient_records")
    for table in GROWING:
        highest = _highest(cursor, table.name)
        count = max(5, int(highest * table.daily))
        _add(cursor, table, first=highest + 1, count=count, patients=patients, at=at)
    cursor.execute(DAY, {"day": night.toordinal(), "at": at, "night": night})


def count_rows(cursor: Any) -> dict[str, int]:
    """Rows by table, counted."""
    counts = {}
    for name in SHARES:
        # Names of this file, nobody's input.
        cursor.execute(f"SELECT count(*) FROM clinic.{name}")  # noqa: S608
        counts[name] = int(cursor.fetchone()[0])
    return counts


def _add(cursor: Any, table: Table, *, first: int, count: int, patients: int, at: datetime) -> None:
    cursor.execute(table.insert, {"first": first, "last": first + count - 1, "patients": patients, "at": at})


def _highest(cursor: Any, name: str) -> int:
    cursor.execute(f"SELECT coalesce(max(id), 0) FROM clinic.{name}")  # noqa: S608
    return int(cursor.fetchone()[0])
