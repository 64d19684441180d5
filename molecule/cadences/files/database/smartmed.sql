CREATE TABLE entries (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    words text NOT NULL
);
CREATE INDEX entries_at ON entries (at);
INSERT INTO entries (at, words)
SELECT timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', md5(n::text) FROM generate_series(1, 40000) AS n;
CREATE TABLE patients (id integer PRIMARY KEY, number text NOT NULL);
CREATE TABLE visits (id integer PRIMARY KEY, patient integer NOT NULL REFERENCES patients);
CREATE TABLE audit_logs (id integer PRIMARY KEY, at timestamptz NOT NULL, deed text NOT NULL);
INSERT INTO patients SELECT n, 'P' || n FROM generate_series(1, 200) AS n;
INSERT INTO visits SELECT n, 1 + n % 200 FROM generate_series(1, 1000) AS n;
INSERT INTO audit_logs SELECT n, now() - n * interval '1 minute', 'read' FROM generate_series(1, 2000) AS n;
