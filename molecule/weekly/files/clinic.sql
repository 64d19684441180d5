CREATE TABLE patients (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text NOT NULL UNIQUE,
    born date NOT NULL
);
CREATE TABLE transcriptions (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient integer NOT NULL REFERENCES patients,
    written timestamptz NOT NULL,
    words text NOT NULL
);
CREATE INDEX transcriptions_written ON transcriptions (written);
CREATE INDEX transcriptions_patient ON transcriptions (patient);
CREATE TABLE user_sessions (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX user_sessions_expires ON user_sessions (expires);
CREATE TABLE audit_log (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    account text NOT NULL,
    deed text NOT NULL
);

INSERT INTO patients (number, born)
SELECT 'P' || lpad(n::text, 7, '0'), date '1930-01-01' + n % 30000 FROM generate_series(1, 20000) AS n;
INSERT INTO transcriptions (patient, written, words)
SELECT 1 + n % 20000, timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', repeat(md5(n::text), 3)
FROM generate_series(1, 100000) AS n;
INSERT INTO user_sessions (account, expires)
SELECT 'clinician' || n % 300, timestamptz '2026-01-01 00:00+00' + n * interval '1 minute' FROM generate_series(1, 50000) AS n;
-- The last two weeks, until now.
INSERT INTO audit_log (at, account, deed)
SELECT now() - n * interval '1 minute', 'clinician' || n % 300, 'read' FROM generate_series(1, 20000) AS n;
ANALYZE;
