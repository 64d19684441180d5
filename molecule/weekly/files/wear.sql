-- The indexed columns change, so that no update stays within its page.
UPDATE transcriptions SET written = written + interval '1 second';
UPDATE transcriptions SET written = written + interval '1 second';
UPDATE transcriptions SET written = written - interval '2 seconds';
-- A short-lived table: nine rows in ten are gone.
DELETE FROM user_sessions WHERE id % 10 <> 0;
