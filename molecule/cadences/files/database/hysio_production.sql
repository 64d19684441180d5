CREATE TABLE entries (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    words text NOT NULL
);
CREATE INDEX entries_at ON entries (at);
INSERT INTO entries (at, words)
SELECT timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', md5(n::text) FROM generate_series(1, 40000) AS n;
CREATE TABLE patient_records (id integer PRIMARY KEY, encrypted_data bytea, medical_record_hash text);
CREATE TABLE medical_transcriptions (id integer PRIMARY KEY, patient integer NOT NULL REFERENCES patient_records);
CREATE TABLE diagnosis_codes (code text PRIMARY KEY);
CREATE TABLE audit_logs (id integer PRIMARY KEY, created_at timestamptz NOT NULL, action text NOT NULL);
CREATE TABLE user_sessions (id integer PRIMARY KEY, expires_at timestamptz NOT NULL);
CREATE TABLE user_permissions (id integer PRIMARY KEY, active boolean NOT NULL);
CREATE TABLE healthcare_facilities (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO patient_records SELECT n, decode(md5(n::text), 'hex'), md5(n::text) FROM generate_series(1, 200) AS n;
INSERT INTO medical_transcriptions SELECT n, 1 + n % 200 FROM generate_series(1, 1000) AS n;
INSERT INTO diagnosis_codes SELECT 'C' || n FROM generate_series(1, 100) AS n;
INSERT INTO audit_logs SELECT n, now() - n * interval '1 minute', 'read' FROM generate_series(1, 2000) AS n;
INSERT INTO user_sessions SELECT n, now() + n * interval '1 minute' FROM generate_series(1, 100) AS n;
INSERT INTO user_permissions SELECT n, true FROM generate_series(1, 20) AS n;
INSERT INTO healthcare_facilities SELECT n, 'Facility ' || n FROM generate_series(1, 5) AS n;
GRANT SELECT ON patient_records TO health;
