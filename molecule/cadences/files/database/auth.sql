CREATE TABLE entries (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    words text NOT NULL
);
CREATE INDEX entries_at ON entries (at);
INSERT INTO entries (at, words)
SELECT timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', md5(n::text) FROM generate_series(1, 40000) AS n;
CREATE TABLE accounts (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO accounts SELECT n, 'account' || n FROM generate_series(1, 200) AS n;
